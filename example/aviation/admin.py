"""The same rows in Django's admin."""

from __future__ import annotations

from django.contrib import admin

from aviation.models import Airline, Airport, Country, Route
from drf_commons.admin import BaseModelAdmin


@admin.register(Country)
class CountryAdmin(BaseModelAdmin[Country]):
    """Countries by name."""

    list_display = ("code", "name")
    search_fields = ("code", "name")


@admin.register(Airport)
class AirportAdmin(BaseModelAdmin[Airport]):
    """Airports by code."""

    list_display = ("icao", "iata", "name", "city", "country")
    list_select_related = ("country",)
    search_fields = ("icao", "iata", "name", "city")
    autocomplete_fields = ("country",)


class RouteInline(admin.TabularInline):  # type: ignore[type-arg]  # generic in the stubs alone
    """The routes of an airline."""

    model = Route
    extra = 0
    autocomplete_fields = ("origin", "destination")


@admin.register(Airline)
class AirlineAdmin(BaseModelAdmin[Airline]):
    """Airlines with their routes."""

    list_display = ("code", "name", "country", "hub")
    list_select_related = ("country", "hub")
    search_fields = ("code", "name")
    autocomplete_fields = ("country", "hub")
    inlines = (RouteInline,)
