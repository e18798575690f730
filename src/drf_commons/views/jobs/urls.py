"""``path("jobs/", include("drf_commons.views.jobs.urls"))``: ``jobs/imports/`` and ``jobs/exports/``."""

from __future__ import annotations

from typing import Any

from rest_framework.routers import SimpleRouter

from drf_commons.views.jobs.viewsets import ExportJobViewSet, ImportJobViewSet
from drf_commons.views.mixins.handover import EXPORT_JOBS, IMPORT_JOBS

__all__ = ["urlpatterns"]

router: SimpleRouter = SimpleRouter()
router.register("imports", ImportJobViewSet, basename=IMPORT_JOBS)
router.register("exports", ExportJobViewSet, basename=EXPORT_JOBS)

urlpatterns: list[Any] = router.urls
