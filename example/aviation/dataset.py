"""The world's countries and airports, out of two Python packages and into the database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import airportsdata
import pycountry

from aviation.models import Airport, Country
from drf_commons.bulk import bulk_create
from drf_commons.services import (
    FileImportService,
    ForeignKeyLookup,
    ImportConfig,
    ImportProgress,
    ImportResult,
    ModelStep,
)

__all__ = ["AIRPORTS", "AIRPORTS_FILE", "load_airports", "load_countries"]

#: Codes that airports use and that ISO 3166-1 leaves to its users: without them those airports would have no country.
USER_ASSIGNED: Final = (("XK", "XKX", "Kosovo"),)

#: Every airport and landing strip of the world, as the package has it.
AIRPORTS_FILE: Final = Path(airportsdata.__file__).with_name("airports.csv")

#: Takes the file of the package, with its own names for the columns, and what the API exports, with those of people.
AIRPORTS: Final = ImportConfig(
    steps=[
        ModelStep(
            model=Airport,
            fields=[
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
            ],
            unique_fields=["icao"],
            update_if_exists=True,
            foreign_keys={"country": ForeignKeyLookup(lookup_field="code")},
            columns={
                # What people call them stands first: the template to be filled in shows that.
                "ICAO": "icao",
                "IATA": "iata",
                "FAA": "faa",
                "Name": "name",
                "City": "city",
                "Subdivision": "subdivision",
                "Country": "country",
                "Latitude": "latitude",
                "Longitude": "longitude",
                "Elevation (ft)": "elevation",
                "Time zone": "timezone",
                "lid": "faa",
                "subd": "subdivision",
                "lat": "latitude",
                "lon": "longitude",
                "tz": "timezone",
            },
        )
    ]
)


def load_countries() -> int:
    """Store the countries of ISO 3166-1, and those that airports name beside it; return how many were missing."""
    known = {*Country.objects.values_list("code", flat=True)}
    named = [*((row.alpha_2, row.alpha_3, row.name) for row in pycountry.countries), *USER_ASSIGNED]
    rows = [Country(code=code, alpha3=alpha3, name=name) for code, alpha3, name in named if code not in known]
    return len(bulk_create(Country.objects.all(), rows))


def load_airports(tell: Callable[[ImportProgress], object]) -> ImportResult:
    """Import every airport: those that are there already are changed where they differ, or left alone."""
    return FileImportService(AIRPORTS, progress_callback=tell).import_file(AIRPORTS_FILE)
