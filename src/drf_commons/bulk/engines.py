"""The set-based statements of each database.

========== ============================================================= ==============================
database   update                                                        insert
========== ============================================================= ==============================
PostgreSQL one ``UPDATE … FROM unnest(arrays)``                          one ``INSERT … SELECT … unnest``
MariaDB    one ``UPDATE (… UNION ALL VALUES …) STRAIGHT_JOIN table``     one ``INSERT … VALUES``
SQLite     one prepared ``UPDATE … WHERE pk = ?``, run for every row     one ``INSERT … VALUES``
========== ============================================================= ==============================

Rows are locked in the order of their keys, so that statements over the same rows wait for each other and never
deadlock. A column that a row does not name keeps what the database holds at that moment.
"""

from __future__ import annotations

import datetime as dt
import decimal
import re
import sqlite3
import uuid
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, repeat
from typing import Any, Final

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from typing_extensions import override

from drf_commons.bulk.columns import Cell, Column, FieldAny, UnsupportedError, Values
from drf_commons.bulk.moments import write_moments

__all__ = ["Condition", "Engine", "build_array", "get_engine", "get_plain_type"]

_TYPE_MODIFIER: Final = re.compile(r"\s*\([^)]*\)")

#: PostgreSQL's types that an array can carry without a change.
_SCALARS: Final = frozenset(
    {
        "bigint",
        "boolean",
        "bytea",
        "date",
        "double precision",
        "inet",
        "integer",
        "interval",
        "jsonb",
        "numeric",
        "real",
        "smallint",
        "text",
        "time",
        "timestamp with time zone",
        "timestamp without time zone",
        "uuid",
        "varchar",
    }
)

#: How values of these types, and no others, are written in the text of a PostgreSQL array.
_ARRAY_TEXTS: Final[Mapping[type, Callable[[Any], str]]] = {
    bool: str,
    dt.date: str,
    dt.time: str,
    decimal.Decimal: str,
    float: repr,
    int: str,
    str: lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"',
    uuid.UUID: str,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What a row of the table must fulfil besides its key: SQL and its parameters."""

    sql: str = ""
    params: Values = ()

    def build(self, lead: str) -> str:
        """Return the SQL behind *lead*, or nothing."""
        return f" {lead} ({self.sql})" if self.sql else ""


class Engine(ABC):
    """Writes whole columns into one table."""

    #: How many parameters one statement may take; ``None`` for any number.
    max_params: int | None = None

    def __init__(self, connection: BaseDatabaseWrapper, model: type[models.Model]) -> None:
        self.connection = connection
        self.table: str = connection.ops.quote_name(model._meta.db_table)

    @abstractmethod
    def update(self, cursor: CursorWrapper, keys: Sequence[Column], columns: Sequence[Column], where: Condition) -> int:
        """Write *columns* into the rows that hold the values of all *keys*; return how many rows did.

        The first of *keys* is the primary key, in ascending order.
        """

    def insert(self, cursor: CursorWrapper, columns: Sequence[Column], returning: FieldAny | None) -> Values:
        """Insert a row for each value; return the column *returning* of the new rows in the same order."""
        rows, params = build_rows(columns)
        sql = f"INSERT INTO {self.table} ({self.build_names(columns)}) VALUES {rows}"
        return self.run_insert(cursor, sql, params, returning)

    def run_insert(self, cursor: CursorWrapper, sql: str, params: Values, returning: FieldAny | None) -> Values:
        """Run *sql*; return the column *returning* of the rows it inserts."""
        if returning is None:
            cursor.execute(sql, params)
            return ()
        cursor.execute(f"{sql} RETURNING {self.quote_field(returning)}", params)
        return [value for (value,) in cursor.fetchall()]

    def quote_field(self, field: FieldAny) -> str:
        """Return the name of the column of *field*."""
        return self.connection.ops.quote_name(field.column or field.attname)

    def build_names(self, columns: Iterable[Column]) -> str:
        """Return the names of *columns*, separated by commas."""
        return ", ".join(self.quote_field(column.field) for column in columns)

    def build_name(self, column: Column) -> str:
        """Return the name of *column* with that of its table."""
        return f"{self.table}.{self.quote_field(column.field)}"

    def get_max_rows(self, width: int) -> int | None:
        """Return how many rows of *width* columns one statement may take."""
        return None if self.max_params is None else max(1, self.max_params // (2 * width))


class PostgreSQL(Engine):
    """One array for each column: the statement has the same text for any number of rows."""

    def __init__(self, connection: BaseDatabaseWrapper, model: type[models.Model]) -> None:
        super().__init__(connection, model)
        if getattr(connection.features, "uses_server_side_binding", False):
            self.max_params: int | None = 65_535

    @override
    def update(self, cursor: CursorWrapper, keys: Sequence[Column], columns: Sequence[Column], where: Condition) -> int:
        uniform, varying = split_uniform(columns)
        source, params = self.build_source([*keys, *varying])
        assignments = [f"{self.quote_field(column.field)} = %s" for column in uniform]
        for number, column in enumerate(varying, len(keys)):
            value = f"drf_d.c{number}"
            if column.sent is not None:
                value = f"CASE WHEN drf_d.s{number} THEN {value} ELSE {self.build_name(column)} END"
            assignments.append(f"{self.quote_field(column.field)} = {value}")
        match = [f"{self.build_name(key)} = drf_d.c{number}" for number, key in enumerate(keys)]
        cursor.execute(
            f"UPDATE {self.table} SET {', '.join(assignments)} FROM ("
            f"SELECT drf_v.* FROM {source} "
            f"JOIN {self.table} AS drf_t ON drf_t.{self.quote_field(keys[0].field)} = drf_v.c0 "
            f"ORDER BY {self.build_order(keys[0])} FOR NO KEY UPDATE OF drf_t"
            f") AS drf_d WHERE {' AND '.join(match)}{where.build('AND')}",
            [*(column.values[0] for column in uniform), *params, *where.params],
        )
        return int(cursor.rowcount)

    @override
    def insert(self, cursor: CursorWrapper, columns: Sequence[Column], returning: FieldAny | None) -> Values:
        uniform, varying = split_uniform(columns)
        if not varying or not all(map(self.fits_array, columns)):
            return super().insert(cursor, columns, returning)
        constants = [f"CAST(%s AS {self.get_type(column.field)})" for column in uniform]
        arrays = [f"%s::{self.get_type(column.field)}[]" for column in varying]
        names = [f"c{number}" for number in range(len(varying))]
        sql = (
            f"INSERT INTO {self.table} ({self.build_names([*uniform, *varying])}) "
            f"SELECT {', '.join([*constants, *names])} "
            f"FROM unnest({', '.join(arrays)}) WITH ORDINALITY AS drf_v({', '.join(names)}, number) ORDER BY number"
        )
        params = [*(column.values[0] for column in uniform), *(build_array(column.values) for column in varying)]
        return self.run_insert(cursor, sql, params, returning)

    def build_order(self, key: Column) -> str:
        """Return what sorts the rows as Python does, whatever language the database sorts texts in."""
        return 'drf_v.c0 COLLATE "C"' if isinstance(key.values[0], str) else "drf_v.c0"

    def build_source(self, columns: Sequence[Column]) -> tuple[str, Values]:
        """Return the rows as a source named ``drf_v``: columns ``c0``, ``c1``, …, and ``s1``, … for who names them."""
        names: list[str] = []
        types: list[str] = []
        for number, column in enumerate(columns):
            names.append(f"c{number}")
            types.append(self.get_type(column.field))
            if column.sent is not None:
                names.append(f"s{number}")
                types.append("boolean")
        if all(map(self.fits_array, columns)):
            source = f"unnest({', '.join(f'%s::{kind}[]' for kind in types)})"
            params: Values = [*map(build_array, get_values(columns))]
        else:
            rows, params = build_rows(columns, types)
            source = f"(VALUES {rows})"
        return f"{source} AS drf_v({', '.join(names)})", params

    def get_type(self, field: FieldAny) -> str:
        """Return the column's type without its length: a cast to ``varchar(3)`` cuts the text silently."""
        return get_plain_type(field, self.connection)

    def fits_array(self, column: Column) -> bool:
        """Tell whether the values can travel as one array; ``unnest`` would flatten an array of arrays."""
        return column.cells is None and self.get_type(column.field) in _SCALARS and not column.is_mixed


class SQLite(Engine):
    """No way to a server is to be saved: a prepared statement, run for every row, is the fastest there is."""

    def __init__(self, connection: BaseDatabaseWrapper, model: type[models.Model]) -> None:
        super().__init__(connection, model)
        connection.ensure_connection()
        self.max_params: int | None = connection.connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)

    @override
    def update(self, cursor: CursorWrapper, keys: Sequence[Column], columns: Sequence[Column], where: Condition) -> int:
        if all(column.sent is None for column in columns):
            return self.update_rows(cursor, keys, columns, where)
        everywhere = [True] * len(keys[0].values)
        groups = defaultdict[tuple[bool, ...], list[int]](list)
        for row, sent in enumerate(zip(*(column.sent or everywhere for column in columns), strict=True)):
            groups[sent].append(row)
        return sum(
            self.update_rows(
                cursor,
                [take(column, rows) for column in keys],
                [take(column, rows) for column, is_sent in zip(columns, sent, strict=True) if is_sent],
                where,
            )
            for sent, rows in groups.items()
        )

    def update_rows(
        self, cursor: CursorWrapper, keys: Sequence[Column], columns: Sequence[Column], where: Condition
    ) -> int:
        """Update rows that name the same columns."""
        columns = columns or keys[:1]  # rows without a column are counted all the same
        assignments = [f"{self.quote_field(column.field)} = {get_placeholder(column)}" for column in columns]
        match = [f"{self.quote_field(key.field)} = {get_placeholder(key)}" for key in keys]
        values = [column.values for column in (*columns, *keys)]
        cursor.executemany(
            f"UPDATE {self.table} SET {', '.join(assignments)} WHERE {' AND '.join(match)}{where.build('AND')}",
            [*zip(*values, *map(repeat, where.params), strict=False)],
        )
        return int(cursor.rowcount)

    @override
    def insert(self, cursor: CursorWrapper, columns: Sequence[Column], returning: FieldAny | None) -> Values:
        try:
            marks = [*map(get_placeholder, columns)]
        except UnsupportedError:
            marks = []
        if returning is not None or not marks:
            return super().insert(cursor, columns, returning)
        # A statement for many rows is as fast to run, and takes Django as long again to put into SQLite's own words.
        sql = f"INSERT INTO {self.table} ({self.build_names(columns)}) VALUES ({', '.join(marks)})"
        cursor.executemany(sql, [*zip(*(column.values for column in columns), strict=True)])
        return ()


class MySQL(Engine):
    """A derived table of values, typed after the table itself so that collations agree, joined in the order of keys."""

    @override
    def update(self, cursor: CursorWrapper, keys: Sequence[Column], columns: Sequence[Column], where: Condition) -> int:
        if "SELECT" in where.sql:  # no subquery may read the table that is updated
            raise UnsupportedError
        uniform, varying = split_uniform(columns)
        source = [*keys, *varying]
        heads: list[str] = []
        assignments = [f"{self.build_name(column)} = %s" for column in uniform]
        for number, column in enumerate(source):
            name, value = self.build_name(column), f"drf_c{number}"
            heads.append(f"{name} AS {value}")
            if column.sent is not None:
                heads.append(f"0 AS drf_s{number}")
                value = f"IF(drf_s{number}, {value}, {name})"
            if number >= len(keys):
                assignments.append(f"{name} = {value}")
        rows, params = build_rows(source, lead="" if getattr(self.connection, "mysql_is_mariadb", False) else "ROW")
        match = [f"{self.build_name(key)} = drf_c{number}" for number, key in enumerate(keys)]
        cursor.execute(
            f"UPDATE (SELECT {', '.join(heads)} FROM {self.table} WHERE FALSE UNION ALL VALUES {rows}) AS drf_d "
            f"STRAIGHT_JOIN {self.table} ON {' AND '.join(match)} SET {', '.join(assignments)}{where.build('WHERE')}",
            [*params, *(column.values[0] for column in uniform), *where.params],
        )
        return int(cursor.rowcount)


_ENGINES: Final[Mapping[str, type[Engine]]] = {"mysql": MySQL, "postgresql": PostgreSQL, "sqlite": SQLite}


def get_engine(connection: BaseDatabaseWrapper, model: type[models.Model]) -> Engine:
    """Return the engine for *model* on *connection*; raise :class:`UnsupportedError` on other databases."""
    if connection.vendor not in _ENGINES:
        raise UnsupportedError
    return _ENGINES[connection.vendor](connection, model)


def get_plain_type(field: FieldAny, connection: BaseDatabaseWrapper) -> str:
    """Return the type of the column of *field*, without its length."""
    kind = _TYPE_MODIFIER.sub("", field.db_type(connection) or "")
    return "bpchar" if kind in {"char", "character"} else kind


def split_uniform(columns: Sequence[Column]) -> tuple[Sequence[Column], Sequence[Column]]:
    """Return the columns that hold one object in every row, and the others."""
    parts: tuple[list[Column], list[Column]] = ([], [])
    for column in columns:
        parts[not column.is_uniform].append(column)
    return parts


def take(column: Column, rows: Sequence[int]) -> Column:
    """Return *column* for some rows only."""
    return replace(
        column,
        values=[column.values[row] for row in rows],
        cells=column.cells and [column.cells[row] for row in rows],
        sent=column.sent and [column.sent[row] for row in rows],
    )


def get_placeholder(column: Column) -> str:
    """Return the one placeholder that stands for every value; raise :class:`UnsupportedError` when there is none."""
    if column.cells is None:
        return "%s"
    placeholder = column.cells[0][0]
    if any(sql != placeholder or len(params) != 1 for sql, params in column.cells):
        raise UnsupportedError
    return placeholder


def get_values(columns: Iterable[Column]) -> list[Values]:
    """Return the values of *columns*; which rows name a column stands behind it."""
    return [values for column in columns for values in (column.values, column.sent) if values is not None]


def build_array(values: Values) -> object:
    """Return *values* as the text of a PostgreSQL array, which drivers take their time to write, or as they are."""
    kinds = {*map(type, values)}
    has_null = type(None) in kinds
    kinds.discard(type(None))
    if kinds == {dt.datetime}:
        return f"{{{','.join(text or 'NULL' for text in write_moments(values, ' '))}}}"
    write = _ARRAY_TEXTS.get(kinds.pop()) if len(kinds) == 1 else None
    if write is None:
        return [*values]
    texts = ["NULL" if value is None else write(value) for value in values] if has_null else map(write, values)
    return f"{{{','.join(texts)}}}"


def build_rows(columns: Sequence[Column], types: Sequence[str] = (), lead: str = "") -> tuple[str, Values]:
    """Return ``(…), (…), …`` and its parameters; the first row is cast to *types*, and *lead* stands before each."""
    values = get_values(columns)
    if all(column.cells is None for column in columns):
        params = [*chain.from_iterable(zip(*values, strict=True))]
        if not types:
            row = f"{lead}({', '.join(['%s'] * len(values))})"
            return ", ".join([row] * len(values[0])), params
        rows = [("%s",) * len(values)] * len(values[0])
    else:
        rows, params = _build_cell_rows(columns)
    if types:
        rows = [tuple(f"CAST({sql} AS {kind})" for sql, kind in zip(rows[0], types, strict=True)), *rows[1:]]
    return ", ".join(f"{lead}({', '.join(row)})" for row in rows), params


def _build_cell_rows(columns: Sequence[Column]) -> tuple[list[tuple[str, ...]], list[Any]]:
    cells: list[Sequence[Cell]] = []
    for column in columns:
        cells.append(column.build_cells())
        if column.sent is not None:
            cells.append([("%s", (is_sent,)) for is_sent in column.sent])
    rows = [*zip(*cells, strict=True)]
    return [tuple(sql for sql, _ in row) for row in rows], [
        value for row in rows for _, params in row for value in params
    ]
