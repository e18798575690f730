"""Whole columns of input that are plainly valid, read at once.

A field takes one value at a time, through four calls. A column of plain values needs none of them, if the field is
exactly one of DRF's own with validators that are known: :func:`read_plain` returns what the field would return for
each value, or ``None`` where a single one of them is not plain. Then the field itself is asked, value by value.
"""

from __future__ import annotations

import datetime as dt
import decimal
import math
import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from django.core.exceptions import ValidationError
from django.core.validators import (
    EmailValidator,
    MaxLengthValidator,
    MaxValueValidator,
    MinLengthValidator,
    MinValueValidator,
    ProhibitNullCharactersValidator,
    RegexValidator,
    URLValidator,
)
from django.utils.dateparse import parse_duration, parse_time
from rest_framework import ISO_8601, fields, validators
from rest_framework.settings import api_settings

from drf_commons.bulk.moments import are_aware
from drf_commons.serializers.keys import is_storable

__all__ = ["is_plain_field", "read_plain"]

Reader: TypeAlias = Callable[[Any, Sequence[Any]], "list[Any] | None"]

#: How one of these compares, and which values it has to compare with its limit.
_LIMITS: Final[Mapping[type, tuple[Callable[[Any, Any], bool], Callable[[Iterable[Any]], Any]]]] = {
    MaxLengthValidator: (lambda length, limit: length <= limit, lambda values: max(map(len, values))),
    MinLengthValidator: (lambda length, limit: length >= limit, lambda values: min(map(len, values))),
    MaxValueValidator: (lambda value, limit: value <= limit, max),
    MinValueValidator: (lambda value, limit: value >= limit, min),
}


def is_plain_field(field: Any) -> bool:
    """Tell whether *field* is exactly one of DRF's, with no validator of the project's but those for uniqueness."""
    known = _VALIDATORS.get(getattr(field, "__class__", object))
    return known is not None and all(type(validator) in known for validator in field.validators)


def read_plain(field: Any, values: Sequence[Any]) -> list[Any] | None:
    """Return what *field*, a plain one, makes of each of *values*; ``None`` when one of them is not plainly valid."""
    read = _READERS[type(field)](field, values) if values else []
    return read if read is None or not values or _keeps_limits(field, read) else None


def _keeps_limits(field: Any, values: Sequence[Any]) -> bool:
    for validator in field.validators:
        if type(validator) in _PATTERNS and not _match(validator, values):
            return False
        if type(validator) in _LIMITS:
            is_kept, measure = _LIMITS[type(validator)]
            if callable(validator.limit_value) or not is_kept(measure(values), validator.limit_value):
                return False
    return True


def _match(validator: Callable[[str], None], values: Iterable[str]) -> bool:
    """Tell whether *validator* has nothing against any of *values*."""
    try:
        for value in {*values}:
            validator(value)
    except ValidationError:
        return False
    return True


def _have_type(values: Sequence[Any], *kinds: type) -> bool:
    """Tell whether all *values* are exactly of one of *kinds*: a boolean is no integer here."""
    return {*map(type, values)} <= {*kinds}


def _read_text(field: Any, values: Sequence[Any]) -> list[Any] | None:
    if not _have_type(values, str):
        return None
    texts = [value.strip() for value in values] if field.trim_whitespace else list(values)
    if "" in texts or not is_storable("".join(texts)):
        return None
    return texts


def _read_same(kind: type) -> Reader:
    """Return a reader of values that stay as they are."""

    def read(_field: Any, values: Sequence[Any]) -> list[Any] | None:
        return list(values) if _have_type(values, kind) else None

    return read


def _read_float(_field: Any, values: Sequence[Any]) -> list[Any] | None:
    if not _have_type(values, int, float):
        return None
    try:
        numbers = [*map(float, values)]
    except OverflowError:
        return None
    return numbers if all(map(math.isfinite, numbers)) else None


def _read_choice(field: Any, values: Sequence[Any]) -> list[Any] | None:
    if not _have_type(values, str) or "" in values:
        return None
    choices: Mapping[str, Any] = field.choice_strings_to_values
    if not choices.keys() >= {*values}:
        return None
    return [choices[value] for value in values]


def _read_uuid(_field: Any, values: Sequence[Any]) -> list[Any] | None:
    if not _have_type(values, str):
        return None
    try:
        return [*map(uuid.UUID, values)]
    except ValueError:
        return None


def _read_decimal(field: Any, values: Sequence[Any]) -> list[Any] | None:
    digits, places = field.max_digits, field.decimal_places
    if field.localize or not digits or not places or digits <= places or not _have_type(values, str, int, float):
        return None
    texts = [*map(str, values)]
    is_full = re.compile(rf"-?[0-9]{{1,{digits - places}}}\.[0-9]{{{places}}}").fullmatch
    if all(map(is_full, texts)):
        return [*map(decimal.Decimal, texts)]
    is_shorter = re.compile(rf"-?[0-9]{{1,{digits - places}}}(?:\.[0-9]{{1,{places}}})?").fullmatch
    if not all(map(is_shorter, texts)):
        return None
    return [decimal.Decimal(text) if is_full(text) else field.quantize(decimal.Decimal(text)) for text in texts]


def _read_date(field: Any, values: Sequence[Any]) -> list[Any] | None:
    formats = getattr(field, "input_formats", api_settings.DATE_INPUT_FORMATS)
    if not _have_type(values, str) or not _starts_with_iso(formats):
        return None
    try:
        return [*map(dt.date.fromisoformat, values)]
    except ValueError:
        return None


def _read_datetime(field: Any, values: Sequence[Any]) -> list[Any] | None:
    formats = getattr(field, "input_formats", api_settings.DATETIME_INPUT_FORMATS)
    zone = getattr(field, "timezone", None) or field.default_timezone()
    if zone is None or not _have_type(values, str) or not _starts_with_iso(formats):
        return None
    try:
        moments = [*map(dt.datetime.fromisoformat, values)]
        if not are_aware(moments):
            return None
        return [moment.astimezone(zone) for moment in moments]
    except (ValueError, OverflowError):
        return None


def _read_time(field: Any, values: Sequence[Any]) -> list[Any] | None:
    formats = getattr(field, "input_formats", api_settings.TIME_INPUT_FORMATS)
    return _parse_texts(parse_time, values) if _starts_with_iso(formats) else None


def _read_duration(_field: Any, values: Sequence[Any]) -> list[Any] | None:
    return _parse_texts(parse_duration, values)


def _parse_texts(parse: Callable[[str], object], values: Sequence[Any]) -> list[Any] | None:
    """Return what *parse* makes of each of *values*; ``None`` when one of them is no text, or means nothing."""
    if not _have_type(values, str):
        return None
    try:
        parsed = [*map(parse, values)]
    except (ValueError, OverflowError):
        return None
    return None if None in parsed else parsed


def _starts_with_iso(formats: Sequence[str]) -> bool:
    return bool(formats) and formats[0].lower() == ISO_8601


#: Validators that look at each text.
_PATTERNS: Final = frozenset({EmailValidator, RegexValidator, URLValidator})
_TEXT: Final = frozenset(
    {
        *_PATTERNS,
        MaxLengthValidator,
        MinLengthValidator,
        ProhibitNullCharactersValidator,
        validators.ProhibitSurrogateCharactersValidator,
        validators.UniqueValidator,
    }
)
_NUMBER: Final = frozenset({MaxValueValidator, MinValueValidator, validators.UniqueValidator})
_OTHER: Final = frozenset({validators.UniqueValidator})

_PLAIN: Final[Mapping[type, tuple[Reader, frozenset[type]]]] = {
    fields.BooleanField: (_read_same(bool), _OTHER),
    fields.CharField: (_read_text, _TEXT),
    fields.ChoiceField: (_read_choice, _OTHER),
    fields.DateField: (_read_date, _OTHER),
    fields.DateTimeField: (_read_datetime, _OTHER),
    fields.DecimalField: (_read_decimal, _NUMBER),
    fields.DurationField: (_read_duration, _NUMBER),
    fields.EmailField: (_read_text, _TEXT),
    fields.FloatField: (_read_float, _NUMBER),
    fields.IntegerField: (_read_same(int), _NUMBER),
    getattr(fields, "BigIntegerField", fields.IntegerField): (_read_same(int), _NUMBER),  # since DRF 3.17
    fields.RegexField: (_read_text, _TEXT),
    fields.SlugField: (_read_text, _TEXT),
    fields.TimeField: (_read_time, _OTHER),
    fields.URLField: (_read_text, _TEXT),
    fields.UUIDField: (_read_uuid, _OTHER),
}
_READERS: Final = {kind: reader for kind, (reader, _) in _PLAIN.items()}
_VALIDATORS: Final = {kind: known for kind, (_, known) in _PLAIN.items()}
