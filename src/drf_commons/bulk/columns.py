"""Columns of values on their way to the driver.

A field prepares one value at a time, through four calls. Over a whole column most of that work is the same for every
value, so it is done once: :func:`prepare_values` knows what Django's own preparation does to values of the exact
Python type, and leaves every other value, and every field with a preparation of its own, to the field.
"""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter, itemgetter
from typing import Any, Final, TypeAlias

from django.conf import settings
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Value
from django.db.models.sql.compiler import SQLCompiler

from drf_commons.bulk.moments import are_aware, write_moments

__all__ = [
    "Cell",
    "Column",
    "FieldAny",
    "UnsupportedError",
    "Values",
    "build_column",
    "is_uniform",
    "prepare_values",
    "read_columns",
    "read_keys",
    "read_values",
    "refuse_expressions",
]

FieldAny: TypeAlias = "models.Field[Any, Any]"

#: What a driver takes for the value of one column in every row.
Values: TypeAlias = Sequence[Any]

#: The SQL of one value and the parameters it takes.
Cell: TypeAlias = tuple[str, Values]

_Adapter: TypeAlias = Callable[[FieldAny, Values, BaseDatabaseWrapper], Values | None]


class UnsupportedError(Exception):
    """A set-based statement could give another result than Django does; caught inside, never seen by callers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """What one column of the table receives: a driver parameter for each row."""

    field: FieldAny
    values: Values
    #: SQL and parameters for each row, where a bare placeholder does not do.
    cells: Sequence[Cell] | None = None
    #: Whether each row names the column; ``None`` when all do.
    sent: Sequence[bool] | None = None

    @property
    def is_uniform(self) -> bool:
        """Whether every row receives one and the same object."""
        return self.cells is None and self.sent is None and is_uniform(self.values)

    @property
    def is_mixed(self) -> bool:
        """Whether values of more than one type stand in the column, ``None`` aside."""
        return len({*map(type, self.values)} - {type(None)}) > 1

    def build_cells(self) -> Sequence[Cell]:
        """Return SQL and parameters for each row."""
        return [("%s", (value,)) for value in self.values] if self.cells is None else self.cells


def is_uniform(values: Values) -> bool:
    """Tell whether one and the same object stands in every row."""
    first = values[0]
    return all(value is first for value in values)


def read_values(field: FieldAny, objs: Sequence[models.Model]) -> list[Any]:
    """Return the column of *objs*; raise :class:`UnsupportedError` when it holds SQL expressions."""
    attname = field.attname
    try:
        values = [*map(itemgetter(attname), map(vars, objs))]
    except KeyError:  # deferred, or a property: ask the instance
        values = [getattr(obj, attname) for obj in objs]
    refuse_expressions(field, values)
    return values


def read_keys(objs: Sequence[models.Model]) -> list[Any]:
    """Return the primary keys of *objs* as their column holds them: ``"7"`` and ``7`` are the same key."""
    # The property pk asks each of them for the name of its key.
    name = objs[0]._meta.pk.attname if len({*map(type, objs)}) == 1 else "pk"
    keys = [*map(attrgetter(name), objs)]
    kinds = {*map(type, keys)}
    if not kinds or (len(kinds) == 1 and str not in kinds):
        return keys
    parse = objs[0]._meta.pk.get_prep_value
    return [None if key is None else parse(key) for key in keys]


def read_columns(fields: Sequence[FieldAny], objs: Sequence[models.Model]) -> Sequence[Values]:
    """Return the columns of *objs*, each as :func:`read_values` does."""
    names = [field.attname for field in fields]
    try:
        columns = [*zip(*map(itemgetter(*names), map(vars, objs)), strict=True)] if len(names) > 1 else None
    except KeyError:  # deferred, or a property
        columns = None
    if columns is None:
        return [read_values(field, objs) for field in fields]
    for field, values in zip(fields, columns, strict=True):
        refuse_expressions(field, values)
    return columns


def build_column(field: FieldAny, values: Values, compiler: SQLCompiler, sent: Sequence[bool] | None = None) -> Column:
    """Return *values* as ``field.get_db_prep_save()`` prepares each."""
    connection = compiler.connection
    prepared = prepare_values(field, values, connection)
    return Column(field=field, values=prepared, cells=_build_cells(field, prepared, compiler), sent=sent)


def prepare_values(field: FieldAny, values: Values, connection: BaseDatabaseWrapper) -> Values:
    """Return the driver parameters of a column."""
    if len(values) > 1 and is_uniform(values):
        return [*prepare_values(field, values[:1], connection)] * len(values)
    plain = _get_plain_field(field, connection)
    kind, adapt = _ADAPTERS.get(_get_methods(type(plain)), (None, None))
    if adapt is not None and {*map(type, values)} <= {kind, type(None)}:
        adapted = adapt(plain, values, connection)
        if adapted is not None:
            return adapted
    return [field.get_db_prep_save(value, connection) for value in values]


def refuse_expressions(field: FieldAny, values: Values) -> None:
    """Raise :class:`UnsupportedError` where SQL stands among *values*."""
    if any(_is_expression(kind, field) for kind in {*map(type, values)}):
        raise UnsupportedError


def _is_expression(kind: type, field: FieldAny) -> bool:
    # Value(None, JSONField()) is a literal: the JSON null, which get_db_prep_save() understands.
    return hasattr(kind, "resolve_expression") and not (kind is Value and isinstance(field, models.JSONField))


def _get_methods(kind: type[Any]) -> tuple[object, ...]:
    """Return what decides how a field prepares a value; two fields that share it prepare alike."""
    return kind.get_prep_value, kind.get_db_prep_value, kind.get_db_prep_save


def _get_plain_field(field: FieldAny, connection: BaseDatabaseWrapper) -> FieldAny:
    """Return the field that holds the values a plain foreign key refers to, else *field* itself."""
    if connection.features.interprets_empty_strings_as_nulls:
        return field
    while isinstance(field, models.ForeignKey) and _get_methods(type(field)) == _FOREIGN_KEY:
        field = field.target_field
    return field


def _build_cells(field: FieldAny, values: Values, compiler: SQLCompiler) -> Sequence[Cell] | None:
    """Return the SQL a field wants around each of its values; ``None`` when that is the bare placeholder."""
    connection = compiler.connection
    cells: list[Cell]
    if (build_sql := getattr(field, "get_placeholder_sql", None)) is not None:  # Django 6.1
        cells = [build_sql(value, compiler, connection) for value in values]
    elif (build_placeholder := getattr(field, "get_placeholder", None)) is not None:
        cells = [(build_placeholder(value, compiler, connection), (value,)) for value in values]
    else:
        return None
    return None if {sql for sql, _ in cells} == {"%s"} else cells


def _pass(_field: FieldAny, values: Values, _connection: BaseDatabaseWrapper) -> Values:
    return values


def _pass_key(_field: FieldAny, values: Values, connection: BaseDatabaseWrapper) -> Values | None:
    # MySQL refuses 0 as an automatic key: the field says so.
    return None if connection.vendor == "mysql" and 0 in values else values


def _adapt_boolean(_field: FieldAny, values: Values, connection: BaseDatabaseWrapper) -> Values:
    if connection.vendor != "sqlite":
        return values
    # It stores them as integers, and its driver looks for an adapter of every value that is not plainly one.
    return [None if value is None else int(value) for value in values]


def _adapt_uuid(_field: FieldAny, values: Values, connection: BaseDatabaseWrapper) -> Values:
    if connection.features.has_native_uuid_field:
        return values
    return [None if value is None else value.hex for value in values]


def _adapt_decimal(field: FieldAny, values: Values, connection: BaseDatabaseWrapper) -> Values | None:
    assert isinstance(field, models.DecimalField)  # noqa: S101  # the table says so
    if not all(value is None or value.is_finite() for value in values):
        return None
    if connection.vendor == "postgresql":
        return values
    digits, places = attrgetter("max_digits", "decimal_places")(field)
    if None in {digits, places}:  # without bounds, which the stubs do not know
        return None
    point, longest = -places - 1, digits + 1
    adapt = connection.ops.adapt_decimalfield_value

    def write(value: decimal.Decimal | None) -> object:
        if value is None:
            return None
        text = str(value)
        if text[point : point + 1] == "." and len(text) <= longest and "E" not in text:
            return text  # rounding to the column's places would change nothing
        return adapt(value, digits, places)

    return [*map(write, values)]


def _adapt_datetime(_field: FieldAny, values: Values, connection: BaseDatabaseWrapper) -> Values | None:
    if not settings.USE_TZ or not are_aware(values):
        return None
    if connection.vendor == "postgresql":
        return values
    adapt, zone = connection.ops.adapt_datetimefield_value, connection.timezone
    moments: list[dt.datetime | None] = [value and value.astimezone(zone) for value in values]
    sample = next(filter(None, moments), None)
    if zone is not dt.UTC or sample is None or [adapt(sample.replace(tzinfo=None))] != _write_utc([sample]):
        return [moment and adapt(moment.replace(tzinfo=None)) for moment in moments]
    return _write_utc(moments)


def _write_utc(moments: Sequence[dt.datetime | None]) -> Values:
    """Return *moments*, which are in UTC, without their offset."""
    return write_moments(moments, " ", utc="")


def _adapt_with(name: str) -> _Adapter:
    """Return an adapter that calls the backend's own function, and nothing around it."""

    def adapt(_field: FieldAny, values: Values, connection: BaseDatabaseWrapper) -> Values:
        return [*map(getattr(connection.ops, name), values)]

    return adapt


_FOREIGN_KEY: Final = _get_methods(models.ForeignKey)
_ADAPTERS: Final[Mapping[tuple[object, ...], tuple[type, _Adapter]]] = {
    _get_methods(models.AutoField): (int, _pass_key),
    _get_methods(models.BooleanField): (bool, _adapt_boolean),
    _get_methods(models.CharField): (str, _pass),
    _get_methods(models.DateField): (dt.date, _adapt_with("adapt_datefield_value")),
    _get_methods(models.DateTimeField): (dt.datetime, _adapt_datetime),
    _get_methods(models.DecimalField): (decimal.Decimal, _adapt_decimal),
    _get_methods(models.FloatField): (float, _pass),
    _get_methods(models.IntegerField): (int, _pass),
    _get_methods(models.TextField): (str, _pass),
    _get_methods(models.TimeField): (dt.time, _adapt_with("adapt_timefield_value")),
    _get_methods(models.UUIDField): (uuid.UUID, _adapt_uuid),
}
