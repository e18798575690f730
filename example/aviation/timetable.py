"""A sample of airlines and of the routes they fly from home; codes are those of IATA and ICAO."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.db import transaction

from aviation.models import Airline, Airport, Country, Route
from drf_commons.bulk import bulk_create

__all__ = ["SAMPLE", "Sample", "load_airlines"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """An airline and where it flies from its hub."""

    code: str
    name: str
    country: str
    hub: str
    destinations: tuple[str, ...]


SAMPLE: Final = (
    Sample(code="AF", name="Air France", country="FR", hub="LFPG", destinations=("KJFK", "RJTT", "SBGR", "EKCH")),
    Sample(code="EK", name="Emirates", country="AE", hub="OMDB", destinations=("EGLL", "YSSY", "KJFK", "VABB")),
    Sample(code="ET", name="Ethiopian Airlines", country="ET", hub="HAAB", destinations=("OMDB", "HKJK", "EDDF")),
    Sample(code="FI", name="Icelandair", country="IS", hub="BIKF", destinations=("EGLL", "KJFK", "EKCH", "LFPG")),
    Sample(code="LA", name="LATAM Airlines", country="CL", hub="SCEL", destinations=("SBGR", "KMIA", "LEMD")),
    Sample(code="LH", name="Lufthansa", country="DE", hub="EDDF", destinations=("KJFK", "RJTT", "WSSS", "EGLL")),
    Sample(code="NH", name="All Nippon Airways", country="JP", hub="RJTT", destinations=("KLAX", "EGLL", "EDDF")),
    Sample(code="QF", name="Qantas", country="AU", hub="YSSY", destinations=("WSSS", "KLAX", "NZAA", "YMML")),
    Sample(code="SK", name="SAS", country="SE", hub="EKCH", destinations=("ENGM", "ESSA", "KEWR", "EGLL")),
    Sample(code="SQ", name="Singapore Airlines", country="SG", hub="WSSS", destinations=("EGLL", "YSSY", "EDDF")),
)


@transaction.atomic
def load_airlines() -> int:
    """Store the sample's airlines that are not there yet, each with its routes out and back; return how many."""
    known = set(Airline.objects.values_list("code", flat=True))
    missing = [sample for sample in SAMPLE if sample.code not in known]
    codes = {code for sample in missing for code in (sample.hub, *sample.destinations)}
    airports = Airport.objects.in_bulk(codes, field_name="icao")
    countries = Country.objects.in_bulk({sample.country for sample in missing}, field_name="code")
    airlines = bulk_create(
        Airline.objects.all(),
        [
            Airline(code=sample.code, name=sample.name, country=countries[sample.country], hub=airports[sample.hub])
            for sample in missing
        ],
    )
    bulk_create(
        Route.objects.all(),
        [
            Route(airline=airline, origin=airports[origin], destination=airports[destination])
            for airline, sample in zip(airlines, missing, strict=True)
            for code in sample.destinations
            for origin, destination in ((sample.hub, code), (code, sample.hub))
        ],
    )
    return len(missing)
