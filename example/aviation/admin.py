"""The same rows in Django's admin."""

from __future__ import annotations

from django.contrib import admin

from aviation.models import Airline, Airport, Country, Route


@admin.register(Country)
class CountryAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs alone
    """Countries by name."""

    list_display = ("code", "name")
    search_fields = ("code", "name")


@admin.register(Airport)
class AirportAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # same
    """Airports by code."""

    list_display = ("icao", "iata", "name", "city", "country")
    list_select_related = ("country",)
    search_fields = ("icao", "iata", "name", "city")
    autocomplete_fields = ("country",)


class RouteInline(admin.TabularInline):  # type: ignore[type-arg]  # same
    """The routes of an airline."""

    model = Route
    extra = 0
    autocomplete_fields = ("origin", "destination")


@admin.register(Airline)
class AirlineAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # same
    """Airlines with their routes."""

    list_display = ("code", "name", "country", "hub")
    list_select_related = ("country", "hub")
    search_fields = ("code", "name")
    autocomplete_fields = ("country", "hub")
    inlines = (RouteInline,)
