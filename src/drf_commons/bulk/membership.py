"""Rows that hold one of many values, asked for with one parameter instead of one for each value.

What Django makes of ``__in`` grows with the values at every step: each is prepared by itself, gets a placeholder, is
quoted by the driver and read by the database. PostgreSQL takes an array instead, SQLite a JSON text. Where that could
find other rows than ``__in`` does, and on other databases, it is ``__in`` as ever.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Sequence
from typing import Any, Final, TypeVar, cast

from django.db import connections, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import RawSQL
from django.db.models.lookups import In

from drf_commons.bulk.columns import FieldAny, prepare_values
from drf_commons.bulk.engines import build_array, get_plain_type

__all__ = ["build_arrays", "build_json_rows", "build_membership", "select_holders"]

M = TypeVar("M", bound=models.Model)

_FIELD: Final[type[FieldAny]] = models.Field

#: For each type of PostgreSQL that an array of keys may have, the type of its values.
_ARRAYS: Final[dict[str, type]] = {
    "bigint": int,
    "integer": int,
    "smallint": int,
    "text": str,
    "uuid": uuid.UUID,
    "varchar": str,
}

#: Writes a text as JSON.
_ENCODE: Final = json.JSONEncoder().encode

#: Whether SQLite is sure to know JSON.
_READS_JSON: Final = sqlite3.sqlite_version_info >= (3, 38)


def select_holders(queryset: models.QuerySet[M], path: str, values: Sequence[object]) -> models.QuerySet[M]:
    """Return the rows of *queryset* that hold one of *values* at *path*: ``queryset.filter(path__in=values)``."""
    rows = queryset.all()
    condition = build_membership(rows, path, values) if values and "__" not in path else None
    return rows.filter(**{f"{path}__in": values}) if condition is None else rows.filter(condition)


def build_arrays(
    fields: Sequence[FieldAny], columns: Sequence[Sequence[Any]], connection: BaseDatabaseWrapper
) -> tuple[Sequence[str], Sequence[object]] | None:
    """Return the types and the arrays that PostgreSQL takes for *columns*, which are ready for the driver.

    It is ``None`` on other databases, and where values would not stay what they are in an array of that type.
    """
    if connection.vendor != "postgresql":
        return None
    types = [get_plain_type(field, connection) for field in fields]
    if any({*map(type, values)} != {_ARRAYS.get(kind)} for kind, values in zip(types, columns, strict=True)):
        return None
    return types, [*map(build_array, columns)]


def build_json_rows(
    columns: Sequence[Sequence[Any]], connection: BaseDatabaseWrapper
) -> tuple[Sequence[str], str] | None:
    """Return what ``json_each(text) AS drf_v`` calls *columns*, which are ready for the driver, and the text.

    It is ``None`` on other databases than SQLite, and where values would not stay what they are in JSON.
    """
    if not all(_stays_in_json(values, connection) for values in columns):
        return None
    if len(columns) == 2 and type(columns[1][0]) is str:  # noqa: PLR2004  # a name and a value are a pair
        # An object has them at hand, and may have a name more than once.
        values, names = (map(_ENCODE if type(column[0]) is str else str, column) for column in columns)
        return ("drf_v.value", "drf_v.key"), f"{{{','.join(map(':'.join, zip(names, values, strict=True)))}}}"
    places = [f"json_extract(drf_v.value, '$[{place}]')" for place in range(len(columns))]
    return places, json.dumps([*zip(*columns, strict=True)])


def _stays_in_json(values: Sequence[Any], connection: BaseDatabaseWrapper) -> bool:
    """Tell whether *values* are of one type that is the same in Python, in JSON and in SQLite."""
    return connection.vendor == "sqlite" and _READS_JSON and {*map(type, values)} in ({int}, {str})


def build_membership(queryset: models.QuerySet[Any], path: str, values: Sequence[Any]) -> RawSQL | None:
    """Return what tells whether the column *path* holds one of *values*; ``None`` where Django has to."""
    connection, options = connections[queryset.db], queryset.model._meta
    column = cast("FieldAny", options.pk if path == "pk" else options.get_field(path))
    if (
        not column.concrete
        or column.model._meta.db_table != options.db_table
        or queryset.query.get_initial_alias() != options.db_table
        or column.get_lookup("in") is not In
        or type(column).get_db_prep_save is not _FIELD.get_db_prep_save
        or hasattr(column, "get_placeholder")
        or hasattr(column, "get_placeholder_sql")
    ):
        return None
    quote = connection.ops.quote_name
    name = f"{quote(options.db_table)}.{quote(column.column or column.attname)}"
    prepared = prepare_values(column, values, connection)
    if (arrays := build_arrays([column], [prepared], connection)) is not None:
        (kind,), params = arrays
        return _write(f"{name} = ANY(%s::{kind}[])", params)
    if _stays_in_json(prepared, connection):
        return _write(f"{name} IN (SELECT value FROM json_each(%s))", [json.dumps([*prepared])])
    return None


def _write(sql: str, params: Sequence[object]) -> RawSQL:
    # Quoted names; every value is a parameter.
    return RawSQL(sql, params, output_field=models.BooleanField())  # noqa: S611
