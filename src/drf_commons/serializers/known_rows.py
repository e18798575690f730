"""Answers to what DRF asks the database row by row, from one query for the whole payload.

DRF's related fields and uniqueness validators hold a queryset and ask it once for each value. What stands here takes
the place of that queryset while a payload is read: it answers what was asked beforehand from memory, and passes every
other question on, so that the fields and validators stay DRF's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final, TypeAlias, cast

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, CharField, Field, ForeignKey, Model, Q, QuerySet, TextField
from django.db.models.expressions import RawSQL

from drf_commons.bulk.columns import FieldAny, prepare_values
from drf_commons.bulk.membership import build_arrays, build_json_rows, select_holders
from drf_commons.bulk.querysets import lock_rows
from drf_commons.serializers.keys import Key, build_key, get_max_values

__all__ = ["UNSAID", "KnownKeys", "KnownRows", "OfferedRows", "Values", "is_hashable", "is_of_ours"]

#: What a row holds in the columns of a rule.
Values: TypeAlias = tuple[Hashable, ...]

#: Stands in a column for a row that says nothing of it.
UNSAID: Final = object()

#: For how many querysets of one field the rows are looked up together.
_MAX_QUERYSETS: Final = 10

#: The length in ``varchar(10)``; a cast with it would cut the text.
_LENGTH: Final = re.compile(r"\(.*?\)")


class KnownKeys:
    """Stands in for the queryset of a related field of DRF's, for the *values* that the payload has for it."""

    def __init__(self, queryset: QuerySet[Any], path: str, values: Iterable[object]) -> None:
        self.queryset = queryset
        self.key: Key[Any] = build_key(cast("Any", queryset.model), path)
        self._asked = {key for key in map(self.key.parse, values) if key is not None and self._can_ask(key)}
        self._found: dict[Hashable, list[Model]] = {}
        self._has_strangers = False
        size = get_max_values(queryset.db) or len(self._asked)
        asked = [*self._asked]
        for start in range(0, len(asked), size or 1):
            for row in select_holders(queryset, path, asked[start : start + size]):
                held = self.key.read(row)
                self._found.setdefault(held, []).append(row)
                # The database found it under another spelling, in a collation of its own.
                self._has_strangers |= held not in self._asked

    def get(self, **values: object) -> Any:
        """Return the row, as ``QuerySet.get()`` does."""
        (value,) = values.values()
        key = self.key.parse(value)
        found = self._found.get(key, []) if key in self._asked else []
        if len(found) == 1:
            return found[0]
        if key in self._asked and not found and not self._has_strangers:
            raise self.queryset.model.DoesNotExist
        return self.queryset.get(**values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.queryset, name)

    def _can_ask(self, key: Hashable) -> bool:
        return self.key.can_hold(key, self.queryset.db)


class OfferedRows:
    """Stands in for the ``get_queryset()`` of a related field of DRF's: the rows that it gives are looked up together.

    One of the project's own is asked for every row, which it may look at; what it has given before is known.
    """

    def __init__(self, field: Any, path: str, values: Sequence[object]) -> None:
        self._get: Callable[[], Any] = field.get_queryset
        self._is_own: bool = not is_of_ours(cast("Any", type(field)).get_queryset)
        self._path = path
        self._values = values
        self._known: dict[str, KnownKeys] = {}

    def __call__(self) -> Any:
        """Return the rows that may be named for the row at hand, known where they are looked up already."""
        if not self._is_own:
            return self._known.get("") or self._know("", self._get())
        rows = self._get()
        try:
            name = f"{rows.db} {rows.query.sql_with_params()}"
        except (AttributeError, EmptyResultSet):
            return rows
        return self._known.get(name) or (rows if len(self._known) >= _MAX_QUERYSETS else self._know(name, rows))

    def _know(self, name: str, rows: Any) -> KnownKeys:
        self._known[name] = KnownKeys(rows, self._path, self._values)
        return self._known[name]


class KnownRows:
    """Stands in for the queryset of a uniqueness validator: knows which rows hold what in the columns *paths*.

    *condition* limits the rows that count, as it does in a ``UniqueConstraint``.
    """

    def __init__(self, queryset: Any, paths: Sequence[str], condition: Q | None = None) -> None:
        self.queryset: QuerySet[Any] = queryset.all()
        self.paths: tuple[str, ...] = tuple(paths)
        self.rows: QuerySet[Any] = self.queryset if condition is None else self.queryset.filter(condition)
        self.keys: list[Key[Any]] = [build_key(self.queryset.model, path) for path in self.paths]
        self._targets = [_find_target(self.queryset.model, path) for path in self.paths]
        self._asked: set[Values] = set()
        self._taken: dict[Values, set[Hashable]] = {}

    def ask(self, wanted: Iterable[Values | None]) -> None:
        """Find the rows that hold one of *wanted*."""
        asked = self._list_askable(wanted)
        for pk, held in self._find(asked):
            self._taken.setdefault(held, set()).add(pk)
        if self._taken.keys() <= asked:
            if self._taken and self._folds():
                # Of two spellings that are one to the database, the other may be the stored one.
                rest = asked - self._taken.keys()
                asked = asked - rest if next(self._find(rest), None) else asked
            self._asked = asked

    def find_instances(self, wanted: Iterable[Values], *, lock: bool) -> dict[Values, Model]:
        """Return the rows that hold one of *wanted*, locked where *lock* says so."""
        asked = [*self._list_askable(wanted)]
        parts = map(self._select, self._split(asked))
        return {
            tuple(row.serializable_value(path) for path in self.paths): row
            for part in parts
            for row in (lock_rows(part) if lock else part)
        }

    def read(self, attrs: Mapping[str, Any], instance: Model | None) -> Values | None:
        """Return what the row of *attrs* will hold in the columns; ``None`` when that is not known."""
        return self.read_all([[attrs.get(path, UNSAID)] for path in self.paths], [instance])[0]

    def read_all(self, columns: Sequence[Sequence[object]], instances: Sequence[Model | None]) -> list[Values | None]:
        """Return what each row will hold in the columns, which have ``UNSAID`` where a row keeps what it has."""
        parts = zip(columns, self.paths, self._targets, strict=True)
        filled = [_fill(column, path, target, instances) for column, path, target in parts]
        rows = cast("list[Values | None]", [*zip(*filled, strict=True)])
        if any(object in {*map(type, column)} for column in filled):
            return [None if any(value is UNSAID for value in row or ()) else row for row in rows]
        return rows

    def are_free(self, rows: Sequence[Values | None]) -> bool:
        """Tell whether it is known at once that nobody holds what any of *rows* wants."""
        try:
            return not self._taken and self._asked.issuperset(cast("Sequence[Values]", rows))
        except TypeError:  # what cannot be looked up in memory
            return False

    def is_free(self, values: Values, instance: Model | None) -> bool:
        """Tell whether it is known that no row but *instance* holds *values*."""
        if not is_hashable(values) or values not in self._asked:
            return False
        owners = self._taken.get(values)
        return not owners or (instance is not None and owners == {instance.pk})

    def is_own(self, values: Values, instance: Model | None) -> bool:
        """Tell whether *instance* holds *values* already."""
        return instance is not None and instance.pk in self._taken.get(values, ())

    def filter(self, *conditions: Any, **filters: Any) -> Any:
        """Return the rows, as ``QuerySet.filter()`` does."""
        named = {name.removesuffix("__exact"): value for name, value in filters.items()}
        if not conditions and named.keys() == {*self.paths}:
            values = self.read(named, None)
            if values is not None and is_hashable(values) and values in self._asked:
                return _Answer(self.queryset, filters, self._taken.get(values, set()))
        return self.queryset.filter(*conditions, **filters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.queryset, name)

    def _list_askable(self, wanted: Iterable[Values | None]) -> set[Values]:
        """Return those of *wanted* that the database can be asked for."""
        rows = [values for values in wanted if values is not None]
        try:
            asked = {*rows}
        except TypeError:
            asked = {*filter(is_hashable, rows)}
        columns = [*zip(*asked, strict=True)]
        if any(type(None) in {*map(type, column)} for column in columns):
            asked = {values for values in asked if None not in values}
            columns = [*zip(*asked, strict=True)]
        using = self.queryset.db
        if all(key.can_hold_all(column, using) for key, column in zip(self.keys, columns, strict=False)):
            return asked
        return {
            values
            for values in asked
            if all(key.can_hold(value, using) for key, value in zip(self.keys, values, strict=True))
        }

    def _folds(self) -> bool:
        """Tell whether two texts may be one and the same to the database."""
        connection = connections[self.queryset.db]
        return any(
            (isinstance(key.field, CharField | TextField) and connection.vendor == "mysql")
            or bool(getattr(key.field, "db_collation", None))
            or key.field.db_type(connection) == "citext"
            for key in self.keys
        )

    def find_holders(self, wanted: Iterable[Values]) -> Iterator[tuple[Hashable, Values]]:
        """Yield the key of each row that holds one of *wanted*, with what it holds."""
        yield from self._find(self._list_askable(wanted))

    def _find(self, asked: Collection[Values]) -> Iterator[tuple[Hashable, Values]]:
        for chunk in self._split([*asked]):
            for pk, *held in self._select(chunk).values_list("pk", *self.paths):
                yield pk, tuple(held)

    def _split(self, wanted: Sequence[Values]) -> Iterator[Sequence[Values]]:
        limit = get_max_values(self.queryset.db)
        size = max(1, limit // len(self.paths)) if limit else len(wanted)
        for start in range(0, len(wanted), size or 1):
            yield wanted[start : start + size]

    def _select(self, wanted: Sequence[Values]) -> Any:
        if len(self.paths) == 1:
            return select_holders(self.rows, self.paths[0], [value for (value,) in wanted])
        model: Any = self.rows.model
        columns = [model._meta.get_field(path) for path in self.paths]
        table = model._meta.db_table
        is_plain = self.rows.query.get_initial_alias() == table and all(
            column.model._meta.db_table == table
            and not hasattr(key.field, "get_placeholder")
            and not hasattr(key.field, "get_placeholder_sql")
            for column, key in zip(columns, self.keys, strict=True)
        )
        if not is_plain:
            filters = zip(self.paths, zip(*wanted, strict=True), strict=True)
            return self.rows.filter(**{f"{path}__in": {*values} for path, values in filters})
        return self.rows.filter(self._build_condition(columns, wanted))

    def _build_condition(self, columns: Sequence[Any], wanted: Sequence[Values]) -> RawSQL:
        """Return ``(a, b) IN (…)``: lists of both columns would make the database try every pair of their values."""
        connection = connections[self.queryset.db]
        model, quote = self.rows.model, connection.ops.quote_name
        table = model._meta.db_table
        left = ", ".join(f"{quote(table)}.{quote(column.column)}" for column in columns)
        prepared = [
            _prepare(key.field, column, connection)
            for key, column in zip(self.keys, zip(*wanted, strict=True), strict=True)
        ]
        if (arrays := build_arrays([key.field for key in self.keys], prepared, connection)) is not None:
            types, params = arrays
            source = ", ".join(f"%s::{kind}[]" for kind in types)
            # Quoted names and types; every value is in a parameter.
            sql = f"({left}) IN (SELECT * FROM unnest({source}))"  # noqa: S608
            return RawSQL(sql, params, output_field=BooleanField())  # noqa: S611
        if _has_index(model, self.paths) and (rows := build_json_rows(prepared, connection)) is not None:
            return self._build_join(columns, *rows)
        marks = [f"({', '.join(['%s'] * len(columns))})"] * len(wanted)
        if connection.vendor == "postgresql":
            types = [_LENGTH.sub("", key.field.rel_db_type(connection) or "") for key in self.keys]
            marks[0] = f"({', '.join(f'%s::{kind}' for kind in types)})"
        values = "" if connection.vendor == "mysql" else "VALUES "
        params = [*chain.from_iterable(zip(*prepared, strict=True))]
        # Quoted names; every value is a parameter.
        return RawSQL(f"({left}) IN ({values}{', '.join(marks)})", params, output_field=BooleanField())  # noqa: S611

    def _build_join(self, columns: Sequence[Any], sources: Sequence[str], text: str) -> RawSQL:
        """Return what tells whether the key is that of a row which holds one of the rows in the JSON *text*.

        Of ``(a, b) IN (…)`` SQLite finds no more than ``a`` in an index, and goes through all rows that hold it.
        """
        connection, options = connections[self.queryset.db], self.rows.model._meta
        quote = connection.ops.quote_name
        table, key = quote(options.db_table), quote(options.pk.column)
        match = " AND ".join(
            f"drf_t.{quote(column.column)} = {source}" for column, source in zip(columns, sources, strict=True)
        )
        # CROSS keeps SQLite from going through the table instead. Quoted names; every value is in a parameter.
        found = f"SELECT drf_t.{key} FROM json_each(%s) AS drf_v CROSS JOIN {table} AS drf_t ON {match}"  # noqa: S608
        return RawSQL(f"{table}.{key} IN ({found})", [text], output_field=BooleanField())  # noqa: S611


class _Answer:
    """The rows that hold some values, known by their keys; the database is asked only for more than that."""

    def __init__(
        self, queryset: QuerySet[Any], filters: Mapping[str, Any], pks: set[Hashable], excluded: Hashable = None
    ) -> None:
        self._queryset = queryset
        self._filters = filters
        self._pks = pks
        self._excluded = excluded

    def exclude(self, *conditions: Any, **filters: Any) -> Any:
        """Return the rows without another one."""
        if conditions or filters.keys() != {"pk"} or self._excluded is not None:
            return self._build().exclude(*conditions, **filters)
        return _Answer(self._queryset, self._filters, self._pks - {filters["pk"]}, filters["pk"])

    def exists(self) -> bool:
        """Tell whether there is a row."""
        return bool(self._pks)

    def filter(self, *conditions: Any, **filters: Any) -> QuerySet[Any]:
        """Return those of the rows that meet a condition of a constraint."""
        return self._build().filter(*conditions, **filters) if self._pks else self._queryset.none()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._build(), name)

    def _build(self) -> QuerySet[Any]:
        rows = self._queryset.filter(**self._filters)
        return rows if self._excluded is None else rows.exclude(pk=self._excluded)


def _has_index(model: type[Model], paths: Sequence[str]) -> bool:
    """Tell whether every database has an index that finds the rows which hold some values at *paths*."""
    options = model._meta
    constraints = cast("Sequence[Any]", options.total_unique_constraints)  # the stubs know few of their options
    rules: list[Sequence[str]] = [*options.unique_together]
    rules += [
        rule.fields
        for rule in constraints
        # Where one of these is asked for, a database that does not know it goes without the index.
        if not (rule.deferrable or rule.include or rule.opclasses) and getattr(rule, "nulls_distinct", None) is None
    ]
    return options.managed and not options.is_composite_pk and any({*rule} <= {*paths} for rule in rules)


def _find_target(model: type[Model], path: str) -> str | None:
    """Return which column of the related row the column *path* holds; ``None`` where it is no foreign key."""
    column = model._meta.get_field(path)
    return str(column.target_field.attname) if isinstance(column, ForeignKey) else None


def _prepare(field: FieldAny, column: Sequence[Any], connection: BaseDatabaseWrapper) -> Sequence[Any]:
    """Return *column* as ``field.get_db_prep_value()`` prepares each of its values to be compared with."""
    if cast("Any", type(field)).get_db_prep_save is cast("Any", Field).get_db_prep_save:  # which is the same then
        return prepare_values(field, column, connection)
    return [field.get_db_prep_value(value, connection) for value in column]


def _fill(column: Sequence[object], path: str, target: str | None, instances: Sequence[Model | None]) -> Sequence[Any]:
    """Return *column* with the keys of related rows, and what the instances hold where a row says nothing."""
    kinds = {*map(type, column)}
    if target is not None and any(issubclass(kind, Model) for kind in kinds):
        column = [getattr(value, target) if isinstance(value, Model) else value for value in column]
    if object not in kinds:
        return column
    return [
        value if value is not UNSAID or instance is None else instance.serializable_value(path)
        for value, instance in zip(column, instances, strict=True)
    ]


def is_hashable(values: Values) -> bool:
    """Tell whether *values* can be looked up in memory."""
    try:
        hash(values)
    except TypeError:
        return False
    return True


def is_of_ours(method: Any) -> bool:
    """Tell whether *method* is DRF's or the library's, and does the same whatever the row."""
    return str(method.__module__).startswith(("rest_framework.", "drf_commons."))
