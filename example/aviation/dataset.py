"""The world's countries and airports, out of two Python packages and into the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

import airportsdata
import pycountry
from django.db import transaction

from aviation.models import Airport, Country
from drf_commons.bulk import bulk_create, bulk_update
from drf_commons.models import BaseModelMixin

if TYPE_CHECKING:
    from airportsdata import Airport as AirportRow

__all__ = ["LoadResult", "load_airports", "load_countries"]

M = TypeVar("M", bound=BaseModelMixin)
Row: TypeAlias = Mapping[str, object]
#: Told how many of how many rows are done.
Progress: TypeAlias = Callable[[int, int], None]

#: Codes that airports use and that ISO 3166-1 leaves to its users: without them those airports would have no country.
USER_ASSIGNED: Final = ({"code": "XK", "alpha3": "XKX", "name": "Kosovo"},)

_CHUNK: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadResult:
    """What a load did; a second load of the same data finds every row unchanged."""

    created: int
    updated: int
    unchanged: int


def load_countries(progress: Progress) -> LoadResult:
    """Store the countries of ISO 3166-1, and those that airports name beside it."""
    rows = [{"code": row.alpha_2, "alpha3": row.alpha_3, "name": row.name} for row in pycountry.countries]
    return _store(Country, [*rows, *USER_ASSIGNED], key="code", progress=progress)


def load_airports(progress: Progress) -> LoadResult:
    """Store every airport; raise :class:`LookupError` for a country that is not stored, before anything is written."""
    return _store(Airport, [*_read_airports()], key="icao", progress=progress)


def _read_airports() -> Iterator[Row]:
    countries = dict(Country.objects.values_list("code", "pk"))
    airports = airportsdata.load()
    unknown = {row["country"] for row in airports.values()} - countries.keys()
    if unknown:
        msg = f"Airports name countries that are not stored: {', '.join(sorted(unknown))}"
        raise LookupError(msg)
    for row in airports.values():
        yield {**_rename(row), "country_id": countries[row["country"]]}


def _rename(row: AirportRow) -> dict[str, object]:
    return {
        "icao": row["icao"],
        "iata": row["iata"] or None,
        "faa": row["lid"],
        "name": row["name"],
        "city": row["city"],
        "subdivision": row["subd"],
        "latitude": row["lat"],
        "longitude": row["lon"],
        "elevation": row["elevation"],
        "timezone": row["tz"],
    }


@transaction.atomic
def _store(model: type[M], rows: Sequence[Row], *, key: str, progress: Progress) -> LoadResult:
    """Create the rows whose *key* is new and change those that differ; leave everything else as it is."""
    queryset = model.objects.all()
    stored = queryset.in_bulk(field_name=key)
    new: list[M] = []
    changed: list[M] = []
    for row in rows:
        instance = stored.get(row[key])
        if instance is None:
            new.append(model(**row))
        elif any(getattr(instance, name) != value for name, value in row.items()):
            for name, value in row.items():
                setattr(instance, name, value)
            changed.append(instance)
    done = len(rows) - len(new)
    bulk_update(queryset, changed, rows[0])
    progress(done, len(rows))
    for start in range(0, len(new), _CHUNK):
        done += len(bulk_create(queryset, new[start : start + _CHUNK]))
        progress(done, len(rows))
    return LoadResult(created=len(new), updated=len(changed), unchanged=len(rows) - len(new) - len(changed))
