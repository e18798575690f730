"""What lists can be narrowed by."""

from __future__ import annotations

from django_filters import rest_framework as filters

from aviation.models import Airport, Route


class AirportFilter(filters.FilterSet):
    """``?country=IS&min_elevation=500``."""

    country = filters.CharFilter(field_name="country__code")
    has_iata = filters.BooleanFilter(field_name="iata", lookup_expr="isnull", exclude=True)
    min_elevation = filters.NumberFilter(field_name="elevation", lookup_expr="gte")
    max_elevation = filters.NumberFilter(field_name="elevation", lookup_expr="lte")

    class Meta:
        model = Airport
        fields = ("iata", "city", "timezone")


class RouteFilter(filters.FilterSet):
    """``?airline=FI&origin=BIKF``."""

    airline = filters.CharFilter(field_name="airline__code")
    origin = filters.CharFilter(field_name="origin__icao")
    destination = filters.CharFilter(field_name="destination__icao")

    class Meta:
        model = Route
        fields = ("weekly_flights",)
