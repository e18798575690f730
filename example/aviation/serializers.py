"""What clients send and receive."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.models import User
from rest_framework.relations import SlugRelatedField

from aviation.models import Airport, Country
from drf_commons.serializers import BaseModelSerializer


class CountrySerializer(BaseModelSerializer[Country]):
    """A country."""

    class Meta:
        model = Country
        fields: ClassVar = ["id", "code", "alpha3", "name"]


class AirportSerializer(BaseModelSerializer[Airport]):
    """An airport with its country's code, and who wrote it last."""

    country = SlugRelatedField(slug_field="code", queryset=Country.objects.all())
    created_by = SlugRelatedField[User](slug_field="username", read_only=True)
    updated_by = SlugRelatedField[User](slug_field="username", read_only=True)

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
