"""The API's doors."""

from __future__ import annotations

from typing import ClassVar

from django.db.models import Count, F
from django.db.models.functions import Abs
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from aviation.dataset import AIRPORTS
from aviation.filters import AirportFilter, RouteFilter
from aviation.models import Airline, Airport, Country, Route
from aviation.serializers import AirlineSerializer, AirportSerializer, CountrySerializer, RouteSerializer
from drf_commons.response import success_response
from drf_commons.services import ExportFieldConfig
from drf_commons.views import BaseViewSet, BulkImportableViewSet
from drf_commons.views.mixins import AutoPrefetchMixin, SoftDestroyModelMixin


class CountryViewSet(BaseViewSet[Country]):
    """Countries by their two-letter code; small enough to be had at once with ?paginated=false."""

    queryset = Country.objects.active()
    serializer_class = CountrySerializer
    lookup_field = "code"
    allow_unpaginated = True
    search_fields = ("name", "code", "alpha3")
    ordering_fields = ("name", "code")
    computed_ordering_fields: ClassVar = {"airports": Count("airports")}


class AirportViewSet(SoftDestroyModelMixin[Airport], BulkImportableViewSet[Airport]):
    """Airports by their ICAO code, which is what pilots and timetables call them; the id stays theirs for good.

    One that is deleted is closed: its row stays, its code stays taken, and it can be opened again. Many are made and
    changed at once under bulk-create/, bulk-update/ and bulk-delete/.

    What is exported can be imported again, and so can the file of the package that the airports come from.
    """

    queryset = Airport.objects.select_related("country", "created_by", "updated_by")
    serializer_class = AirportSerializer
    lookup_field = "icao"
    use_idempotency_keys = True
    filterset_class = AirportFilter
    search_fields = ("name", "city", "icao", "iata")
    ordering_fields = ("icao", "iata", "name", "elevation", "latitude", "longitude")
    export_field_config: ClassVar[ExportFieldConfig] = {
        "icao": "ICAO",
        "iata": "IATA",
        "name": "Name",
        "city": "City",
        "country": {"label": "Country", "path": "country__code"},
        "latitude": "Latitude",
        "longitude": "Longitude",
        "elevation": "Elevation (ft)",
        "timezone": "Time zone",
    }
    import_file_config = AIRPORTS
    computed_ordering_fields: ClassVar = {
        "country_name": F("country__name"),
        "from_equator": Abs("latitude"),
    }


class AirlineViewSet(AutoPrefetchMixin[Airline], BaseViewSet[Airline]):
    """Airlines with their routes; a list costs the same few queries however many routes there are.

    An airline is read with an ETag, which may be sent as If-Match when it is written.
    """

    queryset = Airline.objects.active()
    serializer_class = AirlineSerializer
    lookup_field = "code"
    search_fields = ("name", "code")
    ordering_fields = ("code", "name")
    computed_ordering_fields: ClassVar = {"routes": Count("routes")}


class RouteViewSet(AutoPrefetchMixin[Route], BaseViewSet[Route]):
    """Routes of all airlines."""

    queryset = Route.objects.active()
    serializer_class = RouteSerializer
    filterset_class = RouteFilter
    ordering_fields = ("weekly_flights",)
    computed_ordering_fields: ClassVar = {"airline": F("airline__code"), "origin": F("origin__icao")}

    @extend_schema(responses={200: {"type": "array", "items": {"type": "string"}}})
    @action(detail=False)
    def board(self, request: Request) -> Response:  # noqa: ARG002  # DRF's signature
        """Show what leaves, as one writes it on the first day: two queries a row, for the debug tools to find."""
        routes = Route.objects.active().order_by("pk")[:20]
        return success_response([f"{route.airline.name} to {route.destination.city}" for route in routes])
