"""Conditions of constraints, asked of many rows at once: ``Q.check()`` is a query for each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.core.exceptions import EmptyResultSet, FieldError
from django.db import DatabaseError, connections, transaction
from django.db.models import BooleanField, Q, Value
from django.db.models.functions import Coalesce
from django.db.models.sql import Query

from drf_commons.bulk.columns import FieldAny

__all__ = ["find_met"]

#: How many rows one query asks about: SQLite puts no more than 500 together.
_CHUNK: Final = 250


def find_met(
    condition: Q, rows: Sequence[Mapping[str, Any]], using: str, columns: Mapping[str, FieldAny] | None = None
) -> Sequence[bool]:
    """Tell for each of *rows*, by what it holds where *condition* looks, whether it meets it; a query for many rows.

    With *columns*, whose types the database knows, the answer is that of the index behind a constraint. Without them it
    is that of DRF's validator, for which a null meets the condition, and a value that cannot be asked for does not.
    """
    distinct = {tuple(row.values()): row for row in rows}
    met: set[int] = set()
    for start in range(0, len(distinct), _CHUNK):
        part = dict(enumerate([*distinct.values()][start : start + _CHUNK], start))
        met.update(_ask(condition, part, using, columns))
    places = {key: place for place, key in enumerate(distinct)}
    return [places[tuple(row.values())] in met for row in rows]


def _ask(
    condition: Q, rows: Mapping[int, Mapping[str, Any]], using: str, columns: Mapping[str, FieldAny] | None
) -> list[int]:
    """Return the places of those of *rows* that meet *condition*."""
    parts: list[str] = []
    params: list[Any] = []
    for place, row in rows.items():
        try:
            part, values = _build_query(condition, place, row, columns).get_compiler(using=using).as_sql()
        except (EmptyResultSet, FieldError, TypeError, ValueError):
            continue
        parts.append(part)
        params += values
    if not parts:
        return []
    try:
        with transaction.atomic(using), connections[using].cursor() as cursor:
            cursor.execute(" UNION ALL ".join(parts), params)
            return [int(place) for (place,) in cursor.fetchall()]
    except DatabaseError:  # a value that it does not take; Q.check() lets such a row meet the condition
        return [*rows]


def _build_query(condition: Q, place: int, row: Mapping[str, Any], columns: Mapping[str, FieldAny] | None) -> Any:
    """Return what selects *place* if *row* meets *condition*, as ``Q.check()`` asks it."""
    query: Any = Query(None)  # no model, as there
    for name, value in row.items():
        query.add_annotation(Value(value, columns[name] if columns else None), name, select=False)
    query.add_annotation(Value(place), "_place")
    query.add_q(condition if columns else Q(Coalesce(condition, True, output_field=BooleanField())))
    return query
