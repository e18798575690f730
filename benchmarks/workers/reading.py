"""Reads a file, and prints how many rows it has and how many kilobytes that took."""

from __future__ import annotations

import sys
from pathlib import Path

from django.conf import settings


def read_peak() -> int:
    """Return the most memory that the process had, in kilobytes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0])


def main() -> None:
    """Read the file that is named."""
    settings.configure()
    from drf_commons.services.importing import open_table  # noqa: PLC0415  # Django needs its settings first

    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forget what importing took
    idle = read_peak()
    with open_table(Path(sys.argv[1])) as table:
        rows = sum(len(chunk.rows) for chunk in table.read_chunks(2_000))
    print(rows, read_peak() - idle)


if __name__ == "__main__":
    main()
