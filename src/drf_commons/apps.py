"""The Django application."""

from __future__ import annotations

from django.apps import AppConfig
from typing_extensions import override


class DrfCommonsConfig(AppConfig):
    """Startup: a project with a wrong setting or a missing middleware does not boot."""

    name = "drf_commons"
    verbose_name = "DRF commons"

    @override
    def ready(self) -> None:
        """Register the system checks."""
