"""Conditions of constraints, asked of many rows at once: ``Q.check()`` is a query for each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.core.exceptions import EmptyResultSet, FieldError
from django.db import DatabaseError, connections, transaction
from django.db.models import BooleanField, Q, Value
from django.db.models.functions import Coalesce
from django.db.models.sql import Query

__all__ = ["find_met"]

#: How many rows one query asks about: SQLite puts no more than 500 together.
_CHUNK: Final = 250


def find_met(condition: Q, rows: Sequence[Mapping[str, Any]], using: str, *, unknown: bool) -> Sequence[bool] | None:
    """Tell for each of *rows*, by the columns it will hold, whether it meets *condition*.

    *unknown* is the answer where the condition is null: a unique index leaves such a row out, and DRF's validator does
    not. ``None`` stands for what cannot be asked at once, as of a value that the database does not take.
    """
    if not rows:
        return []
    try:
        distinct = {tuple(row.values()): row for row in rows}
        met = _ask_all(condition, [*distinct.values()], using, unknown=unknown)
    except (DatabaseError, FieldError, TypeError, ValueError):
        return None
    known = dict(zip(distinct, met, strict=True))
    return [known[tuple(row.values())] for row in rows]


def _ask_all(condition: Q, rows: Sequence[Mapping[str, Any]], using: str, *, unknown: bool) -> list[bool]:
    """Tell for each of *rows* whether it meets *condition*."""
    met: set[int] = set()
    for start in range(0, len(rows), _CHUNK):
        met.update(_ask(condition, rows[start : start + _CHUNK], start, using, unknown=unknown))
    return [place in met for place in range(len(rows))]


def _ask(condition: Q, rows: Sequence[Mapping[str, Any]], start: int, using: str, *, unknown: bool) -> list[int]:
    """Return the positions of those of *rows*, which start at *start*, that meet *condition*; one query."""
    connection = connections[using]
    parts: list[str] = []
    params: list[Any] = []
    for place, row in enumerate(rows, start):
        query: Any = Query(None)  # type: ignore[arg-type]  # what Q.check() asks has no model either
        for name, value in row.items():
            query.add_annotation(value if hasattr(value, "resolve_expression") else Value(value), name, select=False)
        query.add_annotation(Value(place), "_place")
        if unknown and connection.features.supports_comparing_boolean_expr:
            query.add_q(Q(Coalesce(condition, True, output_field=BooleanField())))
        else:
            query.add_q(condition)
        try:
            part, values = query.get_compiler(using=using).as_sql()
        except EmptyResultSet:
            continue
        parts.append(part)
        params += values
    if not parts:
        return []
    with transaction.atomic(using), connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), params)
        return [int(place) for (place,) in cursor.fetchall()]
