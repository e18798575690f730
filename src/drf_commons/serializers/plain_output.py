"""Rows shown a column at a time, as the serializer shows them one by one.

Most fields of most rows hold plain values: a column of texts is shown as it is, and one of moments needs its time zone
looked up once. Whatever is not plain is left to the field itself: each row of it passes through ``get_attribute()`` and
``to_representation()``, as in DRF.
"""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from collections.abc import Callable, Mapping, Sequence
from inspect import getattr_static
from itertools import repeat
from operator import itemgetter
from typing import Any, Final, TypeAlias, cast

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Field, Model
from django.db.models.fields.related_descriptors import ForeignKeyDeferredAttribute
from django.db.models.query_utils import DeferredAttribute
from rest_framework import serializers
from rest_framework.fields import SkipField
from rest_framework.relations import PKOnlyObject
from rest_framework.settings import api_settings

from drf_commons.bulk.moments import are_aware, write_moments
from drf_commons.serializers.outputs import PkOutput
from drf_commons.serializers.relations import ConfigurableRelatedFieldMixin

__all__ = ["represent_rows"]

Values: TypeAlias = Sequence[Any]

#: Shows a column of values of a known type; ``None`` where only the field itself knows how.
_Show: TypeAlias = Callable[[Any, Values], "Values | None"]

#: How Django reads a column of an instance: from its ``__dict__``.
_PLAIN_ATTRIBUTES: Final = (DeferredAttribute, ForeignKeyDeferredAttribute)

#: Stands for what is not shown yet.
_OPEN: Final = object()

#: The stubs leave many of their types open.
_DRF: Final[Any] = serializers


def represent_rows(serializer: serializers.Serializer[Any], rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Return what ``serializer.to_representation()`` makes of each of *rows*."""
    model = _get_class(rows[0]) if rows else None
    if (
        _get_class(serializer).to_representation is not _DRF.Serializer.to_representation
        or not isinstance(rows[0] if rows else None, Model)
        or len({*map(type, rows)}) > 1
    ):
        return [serializer.to_representation(row) for row in rows]
    fields: list[Any] = [*cast("Any", serializer)._readable_fields]  # noqa: SLF001  # what to_representation() reads
    names: list[str] = [field.field_name for field in fields]
    columns = [_show_column(field, model, rows) for field in fields]
    slow = [field for field, column in zip(fields, columns, strict=True) if column is None]
    filler = [_OPEN] * len(rows)
    cells = zip(*(column or filler for column in columns), strict=True)
    shown: list[dict[str, Any]] = [*map(dict, map(zip, repeat(names), cells))]
    if slow:
        for row, values in zip(rows, shown, strict=True):
            for field in slow:
                _show_cell(field, row, values)
    return shown


def _show_cell(field: Any, row: Model, values: dict[str, Any]) -> None:
    """Add to *values* what *field* shows of *row*, in DRF's own steps."""
    try:
        attribute = field.get_attribute(row)
    except SkipField:
        del values[field.field_name]
        return
    is_none = (attribute.pk if isinstance(attribute, PKOnlyObject) else attribute) is None
    values[field.field_name] = None if is_none else field.to_representation(attribute)


def _show_column(field: Any, model: Any, rows: Sequence[Model]) -> Values | None:
    """Return what *field* shows of each row, or ``None`` where it has to be asked for each."""
    kind = _get_class(field)
    column = _find_column(field, model)
    if column is None:
        return None
    is_key = kind.get_attribute is _DRF.RelatedField.get_attribute
    if not is_key and (kind.get_attribute is not _DRF.Field.get_attribute or column.is_relation):
        return None
    if is_key and not (column.is_relation and field.use_pk_only_optimization()):
        return None
    show = _show_keys if is_key else _SHOWS.get(kind.to_representation)
    if show is None:
        if is_key or kind.to_representation.__module__ != _DRF.Field.__module__:
            return None
        show = _show_each
    try:
        values: Values = [*map(itemgetter(column.attname), map(vars, rows))]
    except KeyError:  # a deferred column
        return None
    return show(field, values)


def _find_column(field: Any, model: Any) -> Any:
    """Return the column that *field* shows, ``None`` where it shows something else."""
    if len(field.source_attrs) != 1:
        return None
    try:
        column: Any = model._meta.get_field(field.source_attrs[0])
    except FieldDoesNotExist:
        return None
    if not isinstance(column, Field) or not column.concrete or column.many_to_many:
        return None
    # A descriptor of another kind has a say in what is read.
    is_plain = type(getattr_static(model, column.attname, None)) in _PLAIN_ATTRIBUTES
    return cast("Any", column) if is_plain else None


def _get_class(value: Any) -> Any:
    """Return the class of *value*, whose methods the stubs leave open."""
    return cast("Any", type(value))


def _holds(values: Values, kind: type) -> bool:
    return {*map(type, values)} <= {kind, type(None)}


def _show_as_it_is(kind: type) -> _Show:
    def show(_field: Any, values: Values) -> Values | None:
        return values if _holds(values, kind) else None

    return show


def _show_keys(field: Any, values: Values) -> Values | None:
    kind = _get_class(field)
    if kind.to_representation is _DRF.PrimaryKeyRelatedField.to_representation:
        return values if field.pk_field is None else None
    is_ours = kind.to_representation is cast("Any", ConfigurableRelatedFieldMixin).to_representation
    return values if is_ours and kind.represent is cast("Any", PkOutput).represent else None


def _show_each(field: Any, values: Values) -> Values:
    """Have *field* show each of *values*, which it need not look for in the rows."""
    return [None if value is None else field.to_representation(value) for value in values]


def _show_choices(field: Any, values: Values) -> Values | None:
    if not _holds(values, str):
        return None
    choices: Mapping[str, Any] = field.choice_strings_to_values
    return [value if value in {"", None} else choices.get(value, value) for value in values]


def _show_uuids(field: Any, values: Values) -> Values | None:
    if field.uuid_format != "hex_verbose" or not _holds(values, uuid.UUID):
        return None
    return [None if value is None else str(value) for value in values]


def _show_decimals(field: Any, values: Values) -> Values | None:
    if (
        not _holds(values, decimal.Decimal)
        or _get_class(field).quantize is not _DRF.DecimalField.quantize
        or not getattr(field, "coerce_to_string", api_settings.COERCE_DECIMAL_TO_STRING)
        or field.localize
        or field.normalize_output
        or field.decimal_places is None
    ):
        return None
    context = decimal.getcontext().copy()
    if field.max_digits is not None:
        context.prec = field.max_digits
    places, rounding = decimal.Decimal(".1") ** field.decimal_places, field.rounding
    point, longest = -field.decimal_places - 1, context.prec + 1

    def show(value: decimal.Decimal | None) -> str | None:
        if value is None:
            return None
        text = str(value)
        if text[point : point + 1] == "." and len(text) <= longest and "E" not in text:
            return text  # which has the places of the field already
        return f"{value.quantize(places, rounding=rounding, context=context):f}"

    return [*map(show, values)]


def _show_moments(field: Any, values: Values) -> Values | None:
    kind = _get_class(field)
    own = _DRF.DateTimeField
    shape: str | None = getattr(field, "format", api_settings.DATETIME_FORMAT)
    if (
        kind.enforce_timezone is not own.enforce_timezone
        or shape is None
        or shape.lower() != "iso-8601"
        or not _holds(values, dt.datetime)
    ):
        return None
    zone: dt.tzinfo | None = field.timezone if hasattr(field, "timezone") else field.default_timezone()
    if zone is None or not are_aware(values):
        return None
    try:
        return write_moments([value and value.astimezone(zone) for value in values], "T", utc="Z")
    except OverflowError:
        return None


def _show_big_integers(field: Any, values: Values) -> Values | None:
    is_number = not getattr(field, "coerce_to_string", getattr(api_settings, "COERCE_BIGINT_TO_STRING", False))
    return values if is_number and _holds(values, int) else None


_SHOWS: Final[Mapping[object, _Show]] = {
    # Without one of its own, before DRF 3.17, the field's is that of all integers, which stands below.
    getattr(_DRF, "BigIntegerField", _DRF.IntegerField).to_representation: _show_big_integers,
    serializers.BooleanField.to_representation: _show_as_it_is(bool),
    serializers.CharField.to_representation: _show_as_it_is(str),
    serializers.ChoiceField.to_representation: _show_choices,
    serializers.DateTimeField.to_representation: _show_moments,
    serializers.DecimalField.to_representation: _show_decimals,
    serializers.FloatField.to_representation: _show_as_it_is(float),
    serializers.IntegerField.to_representation: _show_as_it_is(int),
    serializers.UUIDField.to_representation: _show_uuids,
}
