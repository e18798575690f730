"""Cells into values: one function for each field, compiled once, with the messages of the field itself.

A cell that is plainly valid is recognised at once. Every other one goes through the field's own ``clean()``, so what is
refused, and why, is Django's word. A field with a ``clean()`` of its own, or of a class that is not known here, always
decides for itself.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeAlias, cast

from django.core.exceptions import SuspiciousFileOperation, ValidationError
from django.core.files.utils import validate_file_name
from django.core.validators import (
    EmailValidator,
    MaxLengthValidator,
    MaxValueValidator,
    MinValueValidator,
    ProhibitNullCharactersValidator,
)
from django.db import models
from django.forms.utils import from_current_timezone
from django.utils.dateparse import parse_datetime

from drf_commons.services.importing.columns import FieldAny

__all__ = ["PLAIN_MAIL", "Converter", "build_converter", "can_remember", "describe_error", "write_cell"]

#: Takes a cell and returns its value; raises :class:`~django.core.exceptions.ValidationError`.
Converter: TypeAlias = Callable[[object], Any]

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,18}").fullmatch
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?").fullmatch
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}").fullmatch
#: Addresses that are valid beyond doubt.
PLAIN_MAIL: Final = re.compile(
    r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@(?:[A-Za-z0-9]{1,63}\.)+[A-Za-z]{2,63}"
).fullmatch

#: What people, spreadsheets and databases write for a truth value, in any case.
_BOOLEANS: Final[Mapping[str, bool]] = {
    **dict.fromkeys(("true", "t", "yes", "y", "on", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "off", "0"), False),
}

#: Spreadsheets keep fifteen digits of a number; what a float has beyond them is noise.
_SHEET_DIGITS: Final = 15

_refuse_null_characters: Final = ProhibitNullCharactersValidator()
_is_mail: Final = EmailValidator()


def build_converter(field: FieldAny) -> Converter:
    """Return what turns a cell into a value of *field*."""
    blank = _Blank(field)
    kind = type(field)
    plain: type[FieldAny] = models.Field
    if all(getattr(kind, name) is getattr(plain, name) for name in ("clean", "validate", "run_validators")):
        build = _BUILDERS.get(_get_parser(kind))
        if build is not None:
            return build(field, blank)
    return _build_cleaner(field, blank, _get_text_reader(field))


def can_remember(field: FieldAny) -> bool:
    """Tell whether equal cells may share one value: not where it could be changed, or is made anew each time."""
    return not callable(field.default) and isinstance(field, _SHAREABLE)


def describe_error(error: ValidationError) -> tuple[str, str]:
    """Return the reason and the code of *error*."""
    first = error.error_list[0] if hasattr(error, "error_list") else error
    return " ".join(error.messages), str(getattr(first, "code", None) or "invalid")


def write_cell(cell: object) -> str:
    """Return *cell* as the text that a person would type for it."""
    match cell:
        case None:
            return ""
        case str():
            return cell
        case float():
            return _write_float(cell)
        case Decimal():
            return f"{cell:f}"
        case dt.datetime():
            return cell.isoformat(" ")
        case _:
            return str(cell)


def _write_float(number: float) -> str:
    if not math.isfinite(number):
        return str(number)
    text = repr(number)
    if sum(map(str.isdigit, text)) > _SHEET_DIGITS:
        text = format(number, f".{_SHEET_DIGITS}g")
    return f"{Decimal(text):f}".removesuffix(".0")


@dataclass(frozen=True, slots=True)
class _Blank:
    """What an empty cell means for a field."""

    field: FieldAny

    def __call__(self) -> object:
        """Return ``None`` where the column can hold it, else an empty text, else the default."""
        field = self.field
        if field.null:
            return None
        if field.blank and field.empty_strings_allowed:
            return ""
        if field.has_default() or field.has_db_default():
            return field.get_default()
        raise ValidationError(field.error_messages["blank"], code="blank")


class _Limits:
    """What a column demands of a value besides its type: bounds, choices, and validators."""

    def __init__(self, field: FieldAny, *known: type[object]) -> None:
        self.labels = _get_labels(field)
        self.choices = frozenset(value for value, _ in field.flatchoices) if field.flatchoices else None
        self.validators: Sequence[Callable[[Any], object]] = [
            validator for validator in field.validators if type(validator) not in known
        ]

    def get_bound(self, field: FieldAny, kind: type[MinValueValidator | MaxValueValidator]) -> Any:
        """Return the tightest bound of *kind*, or ``None``."""
        bounds: list[Any] = [
            validator.limit_value() if callable(validator.limit_value) else validator.limit_value
            for validator in field.validators
            if isinstance(validator, MinValueValidator | MaxValueValidator) and type(validator) is kind
        ]
        return (min if kind is MaxValueValidator else max)(bounds, default=None)


def _get_labels(field: FieldAny) -> Mapping[str, object]:
    """Return the values of choices by what people see of them, as far as that tells them apart."""
    values = {str(value) for value, _ in field.flatchoices}
    labels = [(str(label), value) for value, label in field.flatchoices]
    texts = [label for label, _ in labels]
    return {label: value for label, value in labels if texts.count(label) == 1 and label not in values}


def _build_cleaner(field: FieldAny, blank: _Blank, read: Callable[[object], object]) -> Converter:
    """Return a converter that leaves the decision to the field."""
    labels = _get_labels(field)

    def convert(cell: object) -> object:
        value = read(cell)
        if value is None or value == "":
            return blank()
        if isinstance(value, str):
            _refuse_null_characters(value)
            value = labels.get(value, value)
        try:
            return field.clean(value, None)
        except OverflowError:  # a span of time beyond all bounds
            message = field.error_messages.get("invalid", "The value is out of bounds.")
            raise ValidationError(message, code="invalid", params={"value": value}) from None

    return convert


def _read_text(cell: object) -> object:
    return write_cell(cell).strip()


def _read_typed(*kinds: type) -> Callable[[object], object]:
    """Return what leaves cells of *kinds* as they are, and makes text of others."""

    def read(cell: object) -> object:
        return cell if type(cell) in kinds else _read_text(cell)

    return read


def _read_json(cell: object) -> object:
    text = write_cell(cell).strip()
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError:
        message = models.JSONField.default_error_messages["invalid"]
        raise ValidationError(message, code="invalid", params={"value": text}) from None


def _read_file_name(cell: object) -> object:
    text = write_cell(cell).strip()
    try:
        return validate_file_name(text, allow_relative_path=True) if text else text
    except SuspiciousFileOperation as exc:
        raise ValidationError(str(exc), code="invalid") from None


def _get_text_reader(field: FieldAny) -> Callable[[object], object]:
    """Return what makes of a cell something that ``field.clean()`` understands."""
    for kind, read in _READERS.items():
        if isinstance(field, kind):
            return read
    return _read_text


def _build_text(field: FieldAny, blank: _Blank) -> Converter:
    clean = _build_cleaner(field, blank, _read_text)
    known = (MaxLengthValidator, EmailValidator) if isinstance(field, models.EmailField) else (MaxLengthValidator,)
    limits = _Limits(field, *known)
    longest = field.max_length
    choices, validators = limits.choices, limits.validators
    is_mail = PLAIN_MAIL if isinstance(field, models.EmailField) and _is_mail in field.validators else None

    def convert(cell: object) -> object:
        text = cell.strip() if type(cell) is str else write_cell(cell).strip()
        if not text:
            return blank()
        if (
            (longest is not None and len(text) > longest)
            or "\x00" in text
            or (choices is not None and text not in choices)
            or (is_mail is not None and is_mail(text) is None)
        ):
            return clean(text)
        for validate in validators:
            validate(text)
        return text

    return convert


def _build_integer(field: FieldAny, blank: _Blank) -> Converter:
    clean = _build_cleaner(field, blank, _read_text)
    limits = _Limits(field, MinValueValidator, MaxValueValidator)
    low, high = limits.get_bound(field, MinValueValidator), limits.get_bound(field, MaxValueValidator)
    choices, validators = limits.choices, limits.validators

    def convert(cell: object) -> object:
        if type(cell) is int:
            number = cell
        else:
            text = cell.strip() if type(cell) is str else write_cell(cell).strip()
            if not text:
                return blank()
            if _INTEGER(text) is None:
                return clean(text)
            number = int(text)
        if (
            (low is not None and number < low)
            or (high is not None and number > high)
            or (choices is not None and number not in choices)
        ):
            return clean(str(number))
        for validate in validators:
            validate(number)
        return number

    return convert


def _build_float(field: FieldAny, blank: _Blank) -> Converter:
    clean = _build_cleaner(field, blank, _read_typed(float))
    limits = _Limits(field)
    choices, validators = limits.choices, limits.validators

    def convert(cell: object) -> object:
        if type(cell) is float:
            number = cell
        else:
            text = _divide_percent(write_cell(cell).strip())
            if not text:
                return blank()
            if _NUMBER(text) is None:
                return _clean_number(field, clean, text)
            number = float(text)
        if not math.isfinite(number):
            return _clean_number(field, clean, str(number))
        if choices is not None and number not in choices:
            return clean(number)
        for validate in validators:
            validate(number)
        return number

    return convert


def _clean_number(field: FieldAny, clean: Converter, text: str) -> object:
    """Leave *text* to the field, but for what no column can hold: ``nan``, ``inf`` and numbers beyond every bound."""
    value = clean(text)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValidationError(field.error_messages["invalid"], code="invalid", params={"value": text})
    return value


def _build_decimal(field: FieldAny, blank: _Blank) -> Converter:
    assert isinstance(field, models.DecimalField)  # noqa: S101  # the table says so
    clean = _build_cleaner(field, blank, _read_text)
    limits = _Limits(field)
    choices = limits.choices
    digits, places = cast("tuple[int | None, int | None]", (field.max_digits, field.decimal_places))
    # Decimal validators count digits; the pattern has counted them already.
    validators = [validate for validate in limits.validators if not _counts_digits(validate)]
    whole = None if digits is None or places is None else digits - places
    fraction = rf"(?:\.[0-9]{{0,{places}}})?" if places else ""
    is_plain = re.compile(rf"[+-]?[0-9]{{1,{whole}}}{fraction}").fullmatch if whole else None

    def convert(cell: object) -> object:
        text = _divide_percent(cell.strip() if type(cell) is str else write_cell(cell).strip())
        if not text:
            return blank()
        if is_plain is None or is_plain(text) is None:
            return clean(_drop_zeros(text, places))
        number = Decimal(text)
        if choices is not None and number not in choices:
            return clean(text)
        for validate in validators:
            validate(number)
        return number

    return convert


def _counts_digits(validator: object) -> bool:
    return type(validator).__name__ == "DecimalValidator"


def _drop_zeros(text: str, places: int | None) -> str:
    """Return *text* without the zeros behind the last place of the column: ``1.500`` is ``1.50``."""
    if _NUMBER(text) is None or places is None:
        return text
    try:
        number = Decimal(text)
        rounded = number.quantize(Decimal(1).scaleb(-places))
    except InvalidOperation:
        return text
    # Rounding also adds zeros, which would count as digits.
    return f"{rounded:f}" if rounded == number and len(f"{rounded:f}") < len(f"{number:f}") else text


def _divide_percent(text: str) -> str:
    """Return ``12.5%`` as ``0.125``, and any other text as it is."""
    if text.endswith("%") and _NUMBER(number := text[:-1].rstrip()):
        return f"{Decimal(number).scaleb(-2):f}"
    return text


def _build_boolean(field: FieldAny, blank: _Blank) -> Converter:
    clean = _build_cleaner(field, blank, _read_text)

    def convert(cell: object) -> object:
        if type(cell) is bool:
            return cell
        text = write_cell(cell).strip()
        if not text:
            return blank()
        value = _BOOLEANS.get(text.lower())
        return clean(text) if value is None else value

    return convert


def _build_date(field: FieldAny, blank: _Blank) -> Converter:
    clean = _build_cleaner(field, blank, _read_text)
    validators = _Limits(field).validators
    rest: Converter = clean if field.flatchoices else _validate_with(validators)

    def convert(cell: object) -> object:
        if type(cell) is str:
            text = cell.strip()
            if not text:
                return blank()
            if _DATE(text) is None or field.flatchoices:
                return clean(text)
            try:
                value = dt.date.fromisoformat(text)
            except ValueError:
                return clean(text)
        elif isinstance(cell, dt.datetime):
            if cell.time() != dt.time():  # a time of day would be lost
                return clean(cell.isoformat(" "))
            value = cell.date()
        elif isinstance(cell, dt.date):
            value = cell
        else:
            return clean(cell)
        return rest(value)

    return convert


def _validate_with(validators: Sequence[Callable[[Any], object]]) -> Converter:
    def validate(value: object) -> object:
        for check in validators:
            check(value)
        return value

    return validate


def _build_date_time(field: FieldAny, blank: _Blank) -> Converter:
    clean = _build_cleaner(field, blank, _read_typed(dt.datetime))

    def convert(cell: object) -> object:
        value: object = cell
        if type(cell) is str:
            value = cell.strip()
            try:
                value = parse_datetime(value) or value
            except ValueError:
                return clean(cell)
        elif isinstance(cell, dt.date) and not isinstance(cell, dt.datetime):
            value = dt.datetime.combine(cell, dt.time())
        if value is None or value == "":
            return blank()
        if not isinstance(value, dt.datetime):
            return clean(value)
        # A time without a zone is meant as a person's own: in the current time zone, as forms have it.
        return clean(from_current_timezone(value))

    return convert


def _build_uuid(field: FieldAny, blank: _Blank) -> Converter:
    clean = _build_cleaner(field, blank, _read_text)
    validators = _Limits(field).validators
    is_open = not field.flatchoices

    def convert(cell: object) -> object:
        text = write_cell(cell).strip()
        if not text:
            return blank()
        if _UUID(text) is None or not is_open:
            return clean(text)
        value = uuid.UUID(text)
        for validate in validators:
            validate(value)
        return value

    return convert


def _get_parser(kind: type[Any]) -> object:
    """Return what tells fields apart that read a value each in their own way."""
    return kind.to_python


_READERS: Final[Mapping[type[FieldAny], Callable[[object], object]]] = {
    models.FileField: _read_file_name,
    models.JSONField: _read_json,
    models.TimeField: _read_typed(dt.time),
    models.DurationField: _read_typed(dt.timedelta),
}

_BUILDERS: Final[Mapping[object, Callable[[FieldAny, _Blank], Converter]]] = {
    _get_parser(models.BooleanField): _build_boolean,
    _get_parser(models.CharField): _build_text,
    _get_parser(models.DateField): _build_date,
    _get_parser(models.DateTimeField): _build_date_time,
    _get_parser(models.DecimalField): _build_decimal,
    _get_parser(models.FloatField): _build_float,
    _get_parser(models.IntegerField): _build_integer,
    _get_parser(models.TextField): _build_text,
    _get_parser(models.UUIDField): _build_uuid,
}

#: Fields whose values nobody can change.
_SHAREABLE: Final[tuple[type[FieldAny], ...]] = (
    models.BooleanField,
    models.CharField,
    models.DateField,
    models.DateTimeField,
    models.DecimalField,
    models.FloatField,
    models.IntegerField,
    models.TextField,
    models.UUIDField,
)
