"""Cells into values: Django's fields are the oracle, and a shortcut gives what they give."""

from __future__ import annotations

import datetime as dt
import math
import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from hypothesis import example, given
from hypothesis import strategies as st

from drf_commons.services.importing.cells import build_converter, describe_error, write_cell
from drf_commons.services.importing.columns import ImportColumn
from drf_commons.services.importing.config import ModelStep
from drf_commons.services.importing.lookups import Fault
from drf_commons.services.importing.recognition import build_recogniser
from drf_commons.services.importing.rows import ValueColumn

# The validators of whole numbers ask the database how large they may be.
pytestmark = pytest.mark.django_db

FIELDS: dict[str, models.Field[Any, Any]] = {
    "char": models.CharField(max_length=8),
    "blank char": models.CharField(max_length=8, blank=True),
    "null char": models.CharField(max_length=8, blank=True, null=True),
    "choice": models.CharField(max_length=3, choices=[("a", "Anna"), ("b", "Bob")]),
    "email": models.EmailField(max_length=30),
    "url": models.URLField(),
    "slug": models.SlugField(max_length=8),
    "text": models.TextField(),
    "integer": models.IntegerField(),
    "small": models.PositiveSmallIntegerField(null=True, blank=True),
    "bounded": models.IntegerField(validators=[MinValueValidator(10)]),
    "chosen": models.IntegerField(choices=[(1, "one"), (2, "two")]),
    "float": models.FloatField(),
    "latitude": models.FloatField(validators=[MinValueValidator(-90), MaxValueValidator(90)]),
    "decimal": models.DecimalField(max_digits=5, decimal_places=2),
    "price": models.DecimalField(max_digits=5, decimal_places=2, validators=[MinValueValidator(0)]),
    "boolean": models.BooleanField(),
    "date": models.DateField(),
    "time": models.TimeField(),
    "duration": models.DurationField(),
    "uuid": models.UUIDField(),
    "address": models.GenericIPAddressField(),
}
#: A blank cell of it is the default.
PRESET = models.CharField(max_length=8, default="a")
for _name, _field in (*FIELDS.items(), ("preset", PRESET)):
    _field.set_attributes_from_name(_name.replace(" ", "_"))

#: Texts that are nearly what a field wants, and some that are.
TEXTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            *("a@example.com", "https://example.com", "a-b", "7", "-7", "007", "70000", "1.50", "12345.6", "1e3"),
            *("1_0", "nan", "inf", "٣", "true", "False", "2026-02-28", "2026-02-30", "20260228", "12:30"),
            *("1 12:00:00", "a", "3", "::1", "127.0.0.1", "", "a\x00b", "12345678-1234-5678-1234-567812345678"),
            *("None", "NULL", "999.99", "-999.99", "1000.00", "9" * 30, "Anna", "yes"),
        ]
    ),
    st.integers().map(str),
    st.floats().map(repr),
    st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-2000, max_value=2000).map(str),
    st.dates().map(str),
)


def convert(name: str, cell: object) -> tuple[object, str | None]:
    """Return the value of a cell, or the reason that there is none."""
    try:
        return build_converter(FIELDS[name])(cell), None
    except ValidationError as exc:
        return None, describe_error(exc)[0]


def ask_django(field: models.Field[Any, Any], text: str) -> tuple[object, str | None]:
    """Return what the field itself makes of a text that has no spaces around it."""
    if not text:
        if field.null:
            return None, None
        return ("", None) if field.blank else (None, "This field cannot be blank.")
    try:
        return field.clean(text, None), None
    except ValidationError as exc:
        return None, describe_error(exc)[0]
    except OverflowError:
        return None, describe_error(ValidationError(field.error_messages["invalid"], params={"value": text}))[0]


@given(st.sampled_from(sorted(FIELDS)), TEXTS)
@example("float", "1e999")
@example("decimal", "1.500")
@example("decimal", "1000")
def test_a_cell_is_what_django_says(name: str, text: str) -> None:
    """Value and words are those of ``field.clean()``, but where people write what Django does not take."""
    field, stripped = FIELDS[name], text.strip()
    value, reason = convert(name, text)
    expected, refused = ask_django(field, stripped)
    if "\x00" in stripped:
        assert reason is not None
    elif refused is None and isinstance(expected, float) and not math.isfinite(expected):
        assert reason is not None  # no database has a place for it
    elif refused is not None and reason is None:
        assert is_kinder(name, stripped, value), (name, text, value, refused)
    else:
        assert (value, reason) == (expected, refused)
        assert type(value) is type(expected)


def is_kinder(name: str, text: str, value: object) -> bool:
    """Tell whether *value* is one that people write and Django does not take."""
    match name:
        case "choice" | "chosen":
            return text in {"Anna", "Bob", "one", "two"}
        case "boolean":
            return text.lower() in {"yes", "no", "y", "n", "on", "off", "true", "false", "t", "f"}
        case "decimal" | "price":
            return Decimal(text) == value  # zeros behind the last place
        case "float" | "latitude":
            return text.endswith("%")
        case _:
            return False


@given(st.sampled_from(sorted(FIELDS)), st.lists(TEXTS, min_size=1, max_size=5))
def test_a_shortcut_gives_what_the_cells_give(name: str, texts: list[str]) -> None:
    """Or there is none."""
    recognise = build_recogniser(FIELDS[name])
    values = None if recognise is None else recognise(texts)
    if values is not None:
        assert [(value, None) for value in values] == [convert(name, text) for text in texts]
        assert [type(value) for value in values] == [type(convert(name, text)[0]) for text in texts]


@given(st.sampled_from([*sorted(FIELDS), "preset"]), st.lists(TEXTS | TEXTS.map("  {} ".format), max_size=5))
@example("preset", ["a", " "])
def test_what_is_equal_leaves_the_same_trace(name: str, texts: list[str]) -> None:
    """Cells with the same value are never told apart by their traces, and one without a value has none."""
    field = FIELDS.get(name, PRESET)
    source = ImportColumn(source=name, headers=(name,), step="", field=field, lookup=None, is_required=False)
    column = ValueColumn(source, 0, ModelStep(model="personnel.Department"))
    values, _ = column.convert(texts)
    found = [
        (value, trace) for value, trace in zip(values, column.trace(texts), strict=True) if not isinstance(value, Fault)
    ]
    for value, trace in found:
        assert (value is None) == (trace is None)
        assert [other for same, other in found if same == value and other != trace] == []


@pytest.mark.parametrize(
    ("name", "cell", "value"),
    [
        ("char", 7, "7"),
        ("char", 7.0, "7"),
        ("char", 0.1 + 0.2, "0.3"),
        ("char", True, "True"),
        ("text", dt.date(2026, 1, 2), "2026-01-02"),
        ("integer", 7.0, 7),
        ("decimal", 12.5, Decimal("12.5")),
        ("decimal", 0.1 + 0.2, Decimal("0.3")),
        ("decimal", "50%", Decimal("0.50")),
        ("float", 3, 3.0),
        ("float", "12.5%", 0.125),
        ("boolean", True, True),
        ("boolean", 1, True),
        ("date", dt.date(2026, 1, 2), dt.date(2026, 1, 2)),
        ("date", dt.datetime(2026, 1, 2), dt.date(2026, 1, 2)),  # noqa: DTZ001  # sheets know no time zones
        ("time", dt.time(12, 30), dt.time(12, 30)),
        ("duration", dt.timedelta(hours=1), dt.timedelta(hours=1)),
        ("uuid", str(uuid.UUID(int=7)), uuid.UUID(int=7)),
        ("null char", None, None),
        ("blank char", None, ""),
    ],
)
def test_cells_of_sheets_have_types(name: str, cell: object, value: object) -> None:
    """A number that is whole is no fraction, and a text is what was shown."""
    assert convert(name, cell) == (value, None)


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("integer", 7.5),
        ("integer", True),
        ("date", dt.datetime(2026, 1, 2, 3)),  # noqa: DTZ001  # sheets know no time zones
        ("date", 45000),
        ("float", float("nan")),
        ("boolean", 2),
    ],
)
def test_what_would_lose_something_is_refused(name: str, cell: object) -> None:
    """A fraction, a time of day, a number that may be a date."""
    assert convert(name, cell)[1] is not None


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15))
def test_a_number_is_written_as_a_sheet_shows_it(number: float) -> None:
    """Without an exponent, and with fifteen digits, which is what a sheet keeps."""
    text = write_cell(number)
    assert "e" not in text
    assert float(text) == pytest.approx(number, rel=1e-14)
