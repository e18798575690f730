"""What clients send and receive."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.models import User

from aviation.models import Airport, Country
from drf_commons.serializers import BaseModelSerializer
from drf_commons.serializers.fields import ReadOnlyStrField, StrToDataField


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
