"""A workbook to be filled in and imported: the columns of a configuration, explained, with what may be chosen."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import Any, Final, TypeAlias, cast

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from drf_commons.services.exporting.xlsx import Sheet, SheetColumn, write_workbook
from drf_commons.services.importing.cells import build_converter
from drf_commons.services.importing.columns import FieldAny, ImportColumn, list_columns
from drf_commons.services.importing.config import ImportConfig, ManyToManyLookup
from drf_commons.services.importing.scope import ImportScope

__all__ = ["TEMPLATE_CONTENT_TYPE", "build_template"]

TEMPLATE_CONTENT_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

#: A longer list is none that anybody would look through.
_MAX_CHOICES: Final = 1_000
_NAMED_CHOICES: Final = 20
_LIMITS: Final = (MinValueValidator, MaxValueValidator)
#: Other values to try where a field's validators refuse the usual one.
_SAMPLES: Final = ("example", "1", "12345", "A1", "Ex")

_Kind: TypeAlias = "tuple[type[models.Field[Any, Any]], str, object, str]"

#: What a field holds, in words; an example; and how a spreadsheet shows it. The first class that fits is taken.
_KINDS: Final[Sequence[_Kind]] = (
    (models.BooleanField, "Yes or no", True, ""),
    (models.DateTimeField, "Date and time", dt.datetime(2024, 1, 31, 14, 30), "yyyy-mm-dd hh:mm:ss"),  # noqa: DTZ001
    (models.DateField, "Date", dt.date(2024, 1, 31), "yyyy-mm-dd"),
    (models.TimeField, "Time", dt.time(14, 30), "hh:mm:ss"),
    (models.DurationField, "Duration", "36:30:00", "@"),
    (models.DecimalField, "Number", Decimal(1), ""),
    (models.FloatField, "Number", 1.5, ""),
    (models.IntegerField, "Whole number", 1, "0"),
    (models.EmailField, "E-mail address", "ada@example.com", "@"),
    (models.URLField, "Address of a page", "https://example.com/", "@"),
    (models.UUIDField, "UUID", "123e4567-e89b-42d3-a456-426614174000", "@"),
    (models.GenericIPAddressField, "IP address", "192.0.2.1", "@"),
    (models.SlugField, "Short name of letters, digits, - and _", "example", "@"),
    (models.JSONField, "JSON", '{"key": "value"}', "@"),
    (models.TextField, "Text", "Example", "@"),
    (models.CharField, "Text", "Example", "@"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """One column of the template, whatever number of fields it feeds."""

    header: str
    kind: str
    format: str
    is_required: bool
    is_key: bool
    choices: Sequence[str]
    #: Said of the choices where they are too many to be listed.
    hint: str
    help_text: str
    example: object


def build_template(config: ImportConfig, scope: ImportScope | None = None) -> Iterator[bytes]:
    """Yield an XLSX workbook with an empty sheet for the rows, one with an example, and one with notes.

    The first sheet is the one that is imported: required columns are marked, and what has choices, or points to rows of
    another model, has a drop-down of at most 1,000. *scope* narrows the rows that are offered, as it does for imports.
    """
    columns = [_describe(group, config, scope or ImportScope()) for group in _group(list_columns(config)).values()]
    main = config.steps[-1].model_class._meta
    blank, example, notes = (
        Sheet(name=str(main.verbose_name_plural).title(), columns=_build_columns(columns), has_filter=False),
        Sheet(
            name="Example",
            columns=_build_columns(columns),
            blocks=[[[column.example for column in columns]]],
            has_filter=False,
        ),
        Sheet(name="Notes", columns=_NOTES, blocks=[[_note(column) for column in columns]], has_filter=False),
    )
    return write_workbook([blank, example, notes])


_NOTES: Final = (
    SheetColumn(header="Column", width=24),
    SheetColumn(header="Type", width=32),
    SheetColumn(header="Required", width=12),
    SheetColumn(header="Identifies the row", width=20),
    SheetColumn(header="Allowed values", width=48),
    SheetColumn(header="Notes", width=60),
)


def _build_columns(columns: Sequence[_Column]) -> Sequence[SheetColumn]:
    return [
        SheetColumn(
            header=column.header,
            format=column.format,
            is_required=column.is_required,
            choices=column.choices,
            width=max(14.0, min(len(column.header) + 6.0, 40.0)),
        )
        for column in columns
    ]


def _note(column: _Column) -> Sequence[object]:
    named = ", ".join(column.choices[:_NAMED_CHOICES])
    more = len(column.choices) - _NAMED_CHOICES
    allowed = f"{named}, and {more:,} more in the drop-down" if more > 0 else named
    return [
        column.header,
        column.kind,
        "yes" if column.is_required else "no",
        "yes" if column.is_key else "no",
        allowed or column.hint,
        column.help_text,
    ]


def _group(columns: Sequence[ImportColumn]) -> Mapping[str, Sequence[ImportColumn]]:
    groups: dict[str, list[ImportColumn]] = {}
    for column in columns:
        groups.setdefault(column.header, []).append(column)
    return groups


def _describe(group: Sequence[ImportColumn], config: ImportConfig, scope: ImportScope) -> _Column:
    """Return what there is to say of a column; where it feeds several fields, the last one knows best."""
    column = group[-1]
    field = column.field
    keys = {(step.step_name, name) for step in config.steps for name in step.unique_fields}
    choices: Sequence[str]
    if column.lookup is None:
        kind, example, code = _describe_field(field)
        choices, hint = _list_field_choices(field), ""
    else:
        target = column.related_model
        assert target is not None  # noqa: S101  # a look-up is one of a relation
        name = column.lookup.lookup_field
        several = isinstance(column.lookup, ManyToManyLookup)
        kind = f"{str(target._meta.verbose_name).capitalize()}, by {name}"
        kind += (
            f"; several are divided by {column.lookup.delimiter}" if isinstance(column.lookup, ManyToManyLookup) else ""
        )
        rows = target._default_manager.all()
        if scope.find_related is not None:
            rows = scope.find_related(column.step, field.name, rows)
        found = _list_rows(rows, name)
        hint = f"more than {_MAX_CHOICES:,}" if len(found) > _MAX_CHOICES else ""
        example, code = (found[0] if found else ""), "@"
        choices = [] if hint or several else found
    return _Column(
        header=column.header,
        kind=kind,
        format=code,
        is_required=any(other.is_required for other in group),
        is_key=any((other.step, other.field.name) in keys for other in group),
        choices=choices,
        hint=hint,
        help_text=str(field.help_text),
        example=choices[0] if choices else example,
    )


def _describe_field(field: FieldAny) -> tuple[str, object, str]:
    """Return what a field holds, an example of it, and how it is shown."""
    for known, words, example, code in _KINDS:
        if isinstance(field, known):
            return _narrow(field, words), _find_example(field, example), code
    return "Text", _find_example(field, "Example"), "@"


def _narrow(field: FieldAny, words: str) -> str:
    if isinstance(field, models.DecimalField):
        return f"{words} with {field.decimal_places} decimals, {field.max_digits} digits in all"
    length = getattr(field, "max_length", None)
    return f"{words}, at most {length} characters" if length else words


def _find_example(field: FieldAny, example: object) -> object:
    """Return a value that *field* takes; nothing where its validators refuse all that come to mind."""
    convert = build_converter(field)
    limits = [cast("Any", validator).limit_value for validator in field.validators if isinstance(validator, _LIMITS)]
    for candidate in (example, *(limit() if callable(limit) else limit for limit in limits), *_SAMPLES):
        try:
            convert(candidate)
        except ValidationError:
            continue
        return candidate
    return None


def _list_field_choices(field: FieldAny) -> Sequence[str]:
    if isinstance(field, models.BooleanField):
        return ["TRUE", "FALSE"]
    flat: Sequence[tuple[object, object]] = field.flatchoices if field.choices else ()
    labels = [str(label) for value, label in flat if value not in {None, ""}]
    return labels if len(labels) <= _MAX_CHOICES and all(labels) else []


def _list_rows(rows: models.QuerySet[Any], name: str) -> Sequence[str]:
    """Return the keys of *rows*, one more than a list may have."""
    keys = rows.order_by(name).values_list(name, flat=True).distinct()
    found = islice(keys.iterator(chunk_size=_MAX_CHOICES + 1), _MAX_CHOICES + 1)
    return [str(key)[:32_767] for key in found if key not in {None, ""}]
