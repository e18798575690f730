"""What every checker has to see of the example: mypy through the plugin, the others through the stubs."""

from __future__ import annotations

from typing import Any, assert_type

from aviation.models import Airport, Country
from aviation.serializers import AirportSerializer, CountrySerializer
from drf_commons.serializers import BaseModelSerializer


def see_output(airport: Airport) -> None:
    """Keys have types of their own, at every depth."""
    data = AirportSerializer(airport).data
    assert_type(data["name"], str)
    assert_type(data["elevation"], float)
    assert_type(data["iata"], str | None)
    assert_type(data["country"]["code"], str)
    data["nope"]  # type: ignore[typeddict-item]  # pyright: ignore[reportGeneralTypeIssues]  # ty: ignore[invalid-typed-dict-key]


def see_input() -> None:
    """Show that a related row is validated to the row itself."""
    validated = AirportSerializer(data={}).validated_data
    assert_type(validated["country"], Country)
    assert_type(validated["latitude"], float)
    validated["created_at"]  # type: ignore[typeddict-item]  # pyright: ignore[reportGeneralTypeIssues]  # ty: ignore[invalid-typed-dict-key]


def see_rows(countries: list[Country]) -> None:
    """``many=True`` makes a list of the same rows."""
    assert_type(CountrySerializer(countries, many=True).data[0]["name"], str)
    assert_type(CountrySerializer.for_many(countries).data[0]["name"], str)


def see_instance(airport: Airport) -> None:
    """Show that the row itself is typed too."""
    assert_type(AirportSerializer(airport).instance, Airport | None)
    assert_type(AirportSerializer(airport).save(), Airport)


def see_base(airport: Airport) -> None:
    """Show that a serializer nothing is known of gives a dict."""
    assert_type(BaseModelSerializer[Airport](airport).data, dict[str, Any])
