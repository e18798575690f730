"""The Django application."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from typing_extensions import override

from drf_commons.types import StrOrPromise


class JobsConfig(AppConfig):
    """Startup: a project whose runner cannot run does not boot."""

    name = "drf_commons.jobs"
    label = "drf_commons_jobs"
    verbose_name: StrOrPromise = "Imports and exports"
    default_auto_field: Any = "django.db.models.BigAutoField"

    @override
    def ready(self) -> None:
        """Raise where ``COMMON["TRANSFER_RUNNER"]`` names nothing that can run."""
        from drf_commons.jobs.runners import get_runner  # noqa: PLC0415  # it knows the models

        get_runner()
