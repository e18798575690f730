"""Columns that are plainly valid from top to bottom, recognised at once.

It is a shortcut for what :mod:`~drf_commons.services.importing.cells` does cell by cell, and gives the same values:
whenever one cell is not plainly valid, there is no shortcut.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, TypeAlias, cast

from django.core.validators import (
    DecimalValidator,
    MaxLengthValidator,
    MaxValueValidator,
    MinValueValidator,
    validate_email,
)
from django.db import models

from drf_commons.services.importing.cells import PLAIN_MAIL
from drf_commons.services.importing.columns import FieldAny

__all__ = ["Recogniser", "build_recogniser"]

#: Takes the texts of a column; returns their values, or ``None`` where the cells have to be looked at one by one.
Recogniser: TypeAlias = Callable[[Sequence[str]], "list[Any] | None"]

_DIGITS: Final = re.compile(r"-?[0-9]{1,18}").fullmatch
_FRACTION: Final = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,15})?").fullmatch


def build_recogniser(field: FieldAny) -> Recogniser | None:
    """Return the shortcut for *field*; ``None`` where there is none."""
    build = _BUILDERS.get(type(field))
    return None if build is None or field.flatchoices else build(field)


def _build_text(field: FieldAny) -> Recogniser | None:
    if any(type(validator) is not MaxLengthValidator for validator in field.validators):
        return None
    longest = field.max_length
    is_null, is_blank = field.null, field.blank

    def recognise(texts: Sequence[str]) -> list[Any] | None:
        values = [*map(str.strip, texts)]
        if (longest is not None and max(map(len, values)) > longest) or "\x00" in "".join(values):
            return None
        if is_null:
            return [value or None for value in values]
        return values if is_blank or all(values) else None

    return recognise


def _build_mail(field: FieldAny) -> Recogniser | None:
    if any(type(validator) is not MaxLengthValidator and validator != validate_email for validator in field.validators):
        return None
    longest = field.max_length

    def recognise(texts: Sequence[str]) -> list[Any] | None:
        if not all(map(PLAIN_MAIL, texts)) or (longest is not None and max(map(len, texts)) > longest):
            return None
        return [*texts]

    return recognise


def _build_integer(field: FieldAny) -> Recogniser | None:
    return _build_number(field, _DIGITS, int)


def _build_float(field: FieldAny) -> Recogniser | None:
    return _build_number(field, _FRACTION, float)


def _build_decimal(field: FieldAny) -> Recogniser | None:
    column = cast("models.DecimalField[Any, Any]", field)
    digits, places = cast("tuple[int | None, int | None]", (column.max_digits, column.decimal_places))
    if digits is None or not places or digits <= places:
        return None
    is_plain = re.compile(rf"-?[0-9]{{1,{digits - places}}}(?:\.[0-9]{{1,{places}}})?").fullmatch
    return _build_number(field, is_plain, Decimal)


def _build_number(
    field: FieldAny, is_plain: Callable[[str], object], read: Callable[[str], int | float | Decimal]
) -> Recogniser | None:
    fits = _build_bounds(field)
    if fits is None:
        return None

    def recognise(texts: Sequence[str]) -> list[Any] | None:
        if not all(map(is_plain, texts)):
            return None
        values = [*map(read, texts)]
        return values if fits(values) else None

    return recognise


def _build_bounds(field: FieldAny) -> Callable[[Sequence[Any]], bool] | None:
    """Return what tells whether all values are within the bounds of *field*; ``None`` where it demands more of them."""
    bounds: dict[type, list[Any]] = {MinValueValidator: [], MaxValueValidator: []}
    for validator in field.validators:
        if type(validator) is DecimalValidator:
            continue  # it counts digits, and so does the pattern
        if type(validator) not in bounds or callable(cast("Any", validator).limit_value):
            return None
        bounds[type(validator)].append(cast("Any", validator).limit_value)
    low, high = max(bounds[MinValueValidator], default=None), min(bounds[MaxValueValidator], default=None)
    return lambda values: (low is None or min(values) >= low) and (high is None or max(values) <= high)


def _build_date(field: FieldAny) -> Recogniser | None:
    if field.validators:
        return None

    def recognise(texts: Sequence[str]) -> list[Any] | None:
        try:
            return [*map(dt.date.fromisoformat, texts)]
        except ValueError:
            return None

    return recognise


_BUILDERS: Final[Mapping[object, Callable[[FieldAny], Recogniser | None]]] = {
    models.BigIntegerField: _build_integer,
    models.CharField: _build_text,
    models.DateField: _build_date,
    models.DecimalField: _build_decimal,
    models.EmailField: _build_mail,
    models.FloatField: _build_float,
    models.IntegerField: _build_integer,
    models.PositiveBigIntegerField: _build_integer,
    models.PositiveIntegerField: _build_integer,
    models.PositiveSmallIntegerField: _build_integer,
    models.SmallIntegerField: _build_integer,
    models.TextField: _build_text,
}
