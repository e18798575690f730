"""The fastest way there is to write many rows: one statement of the driver's, with values it need not convert."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, cast

from django.db import connection, transaction

from benchmarks.interleave import Contender
from benchmarks.stock import COLUMNS, Stock

__all__ = ["build_driver_update"]

#: A row as the driver takes it, its key first.
_Row: TypeAlias = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Driver:
    """How one database is written to."""

    #: Arranges the rows as the parameters of the statement.
    arrange: Callable[[Sequence[_Row]], Sequence[Any]]
    write: Callable[[Any, Sequence[Any]], object]


def build_driver_update(rows: Sequence[Stock], change: Callable[[], None]) -> Contender:
    """Return the contender that hands *rows* to the driver; *change* and its values are done before its turn."""
    driver = _DRIVERS[connection.vendor]
    fields = [Stock._meta.pk, *map(Stock._meta.get_field, COLUMNS)]
    parameters: Sequence[Any] = ()

    def prepare() -> None:
        nonlocal parameters
        change()
        columns = [
            [cast("Any", field).get_db_prep_save(getattr(row, cast("Any", field).attname), connection) for row in rows]
            for field in fields
        ]
        parameters = driver.arrange([*zip(*columns, strict=True)])

    def run() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            driver.write(cursor.cursor, parameters)

    return Contender(name="driver", run=run, prepare=prepare)


def _write_mysql(cursor: Any, parameters: Sequence[Any]) -> None:
    rows = ", ".join(["(%s, %s, %s, %s, %s, %s)"] * (len(parameters) // 6))
    cursor.execute(
        f"UPDATE benchmarks_stock t JOIN (WITH d(k, a, b, c, d, e) AS (VALUES {rows}) SELECT * FROM d) d ON t.id = d.k "  # noqa: S608  # placeholders
        "SET t.name = d.a, t.price = d.b, t.due = d.c, t.quantity = d.d, t.depot_id = d.e",
        parameters,
    )


def _write_postgresql(cursor: Any, parameters: Sequence[Any]) -> None:
    cursor.execute(
        "UPDATE benchmarks_stock SET name = d.a, price = d.b, due = d.c, quantity = d.d, depot_id = d.e "
        "FROM unnest(%s::bigint[], %s::varchar[], %s::numeric[], %s::timestamptz[], %s::integer[], %s::bigint[]) "
        "AS d(k, a, b, c, d, e) WHERE id = d.k",
        parameters,
    )


def _write_sqlite(cursor: sqlite3.Cursor, parameters: Sequence[Any]) -> None:
    # The method of the driver itself: Django's cursor would look for %s first.
    sqlite3.Cursor.executemany(
        cursor,
        "UPDATE benchmarks_stock SET name = ?, price = ?, due = ?, quantity = ?, depot_id = ? WHERE id = ?",
        parameters,
    )


_DRIVERS: Final[Mapping[str, _Driver]] = {
    "mysql": _Driver(arrange=lambda rows: [value for row in rows for value in row], write=_write_mysql),
    "postgresql": _Driver(
        arrange=lambda rows: [[*column] for column in zip(*rows, strict=True)], write=_write_postgresql
    ),
    "sqlite": _Driver(arrange=lambda rows: [(*row[1:], row[0]) for row in rows], write=_write_sqlite),
}
