"""What clients send and receive."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.models import User
from rest_framework.exceptions import ValidationError
from typing_extensions import override

from aviation.models import Airline, Airport, Country, Route
from drf_commons.serializers import BaseModelSerializer
from drf_commons.serializers.fields import FlexibleField, ReadOnlyStrField, StrOnlyField, StrToDataField


class CountrySerializer(BaseModelSerializer[Country]):
    """A country."""

    class Meta:
        model = Country
        fields: ClassVar = ["id", "code", "alpha3", "name"]


class AirportSerializer(BaseModelSerializer[Airport]):
    """An airport: its country is sent as ``"IS"`` and comes back whole; who wrote it comes back by name."""

    country = StrToDataField(queryset=Country.objects.active(), serializer=CountrySerializer, slug_field="code")
    created_by = ReadOnlyStrField[User]()
    updated_by = ReadOnlyStrField[User]()

    class Meta:
        model = Airport
        fields: ClassVar = [
            "id",
            "icao",
            "iata",
            "faa",
            "name",
            "city",
            "subdivision",
            "country",
            "latitude",
            "longitude",
            "elevation",
            "timezone",
            "created_at",
            "created_by",
            "updated_at",
            "updated_by",
        ]
        # One without a code has null: an empty text would be a code that one airport alone may have.
        extra_kwargs: ClassVar = {"iata": {"allow_blank": False}}


class AirportSummarySerializer(BaseModelSerializer[Airport]):
    """As much of an airport as a timetable shows."""

    class Meta:
        model = Airport
        fields: ClassVar = ["icao", "iata", "name", "city"]


class AirlineRouteSerializer(BaseModelSerializer[Route]):
    """A route inside its airline; each end is sent as an ICAO code or as an id, and comes back as a summary."""

    origin = FlexibleField(queryset=Airport.objects.active(), serializer=AirportSummarySerializer, slug_field="icao")
    destination = FlexibleField(
        queryset=Airport.objects.active(), serializer=AirportSummarySerializer, slug_field="icao"
    )

    class Meta:
        model = Route
        fields: ClassVar = ["id", "origin", "destination", "weekly_flights"]

    @override
    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse a route that goes nowhere."""
        if "origin" in attrs and attrs["origin"] == attrs.get("destination"):
            raise ValidationError({"destination": ["A route leads to another airport."]})
        return attrs


class RouteSerializer(AirlineRouteSerializer):
    """A route by itself: it names its airline by code."""

    airline = StrOnlyField(queryset=Airline.objects.active(), slug_field="code")

    class Meta(AirlineRouteSerializer.Meta):
        fields: ClassVar = ["id", "airline", "origin", "destination", "weekly_flights"]


class AirlineSerializer(BaseModelSerializer[Airline]):
    """An airline, written together with its routes: a list of them says which there are from then on."""

    country = StrToDataField(queryset=Country.objects.active(), serializer=CountrySerializer, slug_field="code")
    hub = FlexibleField(queryset=Airport.objects.active(), serializer=AirportSummarySerializer, slug_field="icao")
    routes = AirlineRouteSerializer(many=True, required=False, relation_write={"sync_mode": "sync"})

    class Meta:
        model = Airline
        fields: ClassVar = ["id", "code", "name", "country", "hub", "routes", "version"]
