"""The same rows in Django's admin."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import admin

from aviation.models import Airline, Airport, Country, Route
from drf_commons.admin import BaseModelAdmin, ImportExportAdminMixin
from drf_commons.services import ExportFieldConfig, ForeignKeyLookup, ImportConfig, ModelStep


@admin.register(Country)
class CountryAdmin(BaseModelAdmin[Country]):
    """Countries by name."""

    list_display = ("code", "name")
    search_fields = ("code", "name")


@admin.register(Airport)
class AirportAdmin(ImportExportAdminMixin[Airport], BaseModelAdmin[Airport]):
    """Airports by code; a file of them is shown before it is imported."""

    list_display = ("icao", "iata", "name", "city", "country")
    list_select_related = ("country",)
    search_fields = ("icao", "iata", "name", "city")
    autocomplete_fields = ("country",)
    import_file_config = ImportConfig(
        steps=[
            ModelStep(
                model=Airport,
                fields=["icao", "iata", "name", "city", "country", "latitude", "longitude", "elevation", "timezone"],
                unique_fields=["icao"],
                update_if_exists=True,
                foreign_keys={"country": ForeignKeyLookup(lookup_field="code")},
            )
        ]
    )
    export_field_config: ClassVar[ExportFieldConfig] = {
        "icao": "icao",
        "iata": "iata",
        "name": "name",
        "city": "city",
        "country": {"label": "country", "path": "country__code"},
        "latitude": "latitude",
        "longitude": "longitude",
        "elevation": "elevation",
        "timezone": "timezone",
    }


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
