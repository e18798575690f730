"""The Django application."""

from __future__ import annotations

import sys
from importlib import import_module

from django.apps import AppConfig, apps
from typing_extensions import override

from drf_commons.types import StrOrPromise


class DrfCommonsConfig(AppConfig):
    """Startup: a project with a wrong setting or a missing middleware does not boot."""

    name = "drf_commons"
    verbose_name: StrOrPromise = "DRF commons"

    @override
    def ready(self) -> None:
        """Register the system checks, and raise what makes the project unable to work."""
        # The checks know the model mixins, which Django lets nobody import before this moment.
        from drf_commons.checks import register_checks, validate_project  # noqa: PLC0415

        register_checks()
        # mypy starts projects too, and an error here would stop it without a word: its plugin says what is wrong, and
        # in which line.
        if "mypy_django_plugin.main" not in sys.modules:
            validate_project()
        if apps.is_installed("drf_spectacular"):
            # Its extensions register themselves.
            import_module("drf_commons.openapi")
