#!/usr/bin/env python
"""Django's command line for the example project."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command that the arguments name."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    try:
        from django.core.management import execute_from_command_line
    except ImportError as exc:
        msg = "Django is not installed here; `make demo` installs everything into .venv and runs from there."
        raise ImportError(msg) from exc
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
