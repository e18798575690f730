"""The example's routes, and ``/files/airports/``: airports that are imported, exported and deleted many at once."""

from __future__ import annotations

from typing import ClassVar

from django.urls import include, path
from rest_framework.routers import DefaultRouter

from aviation.admin import AirportAdmin
from aviation.models import Airport
from aviation.serializers import AirportSerializer
from config.urls import urlpatterns as example_patterns
from drf_commons.services import ExportFieldConfig
from drf_commons.views import BulkViewSet
from drf_commons.views.mixins import FileImportMixin


class AirportFileViewSet(FileImportMixin[Airport], BulkViewSet[Airport]):
    """Airports by the many: out of files, into files, and in requests that have a list."""

    queryset = Airport.objects.select_related("country", "created_by", "updated_by")
    serializer_class = AirportSerializer
    lookup_field = "icao"
    import_file_config = AirportAdmin.import_file_config
    export_field_config: ClassVar[ExportFieldConfig] = AirportAdmin.export_field_config


router = DefaultRouter()
router.register("airports", AirportFileViewSet, basename="airport-file")

urlpatterns = [path("files/", include(router.urls)), *example_patterns]
