"""How values look: one function for each column and kind of file, which formats a whole block at once."""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from types import NoneType
from typing import Any, Final, Literal, TypeAlias, cast

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone
from django.utils.duration import duration_string
from django.utils.translation import gettext

from drf_commons.services.exporting.columns import Column, FieldAny

__all__ = ["FileType", "Formatter", "build_formatter", "get_number_format"]

FileType: TypeAlias = Literal["csv", "xlsx", "pdf"]

#: Takes the values of a column and returns what is written of them.
Formatter: TypeAlias = Callable[[Sequence[object]], Sequence[object]]
_Cell: TypeAlias = Callable[[Any], object]

_PLAIN: Final = frozenset({NoneType, str, int, float, bool, Decimal, dt.date, dt.time})

#: What the codes of strftime() are in a spreadsheet.
_CODES: Final[Mapping[str, str]] = {
    "%Y": "yyyy", "%y": "yy", "%m": "mm", "%B": "mmmm", "%b": "mmm", "%d": "dd", "%A": "dddd", "%a": "ddd",
    "%H": "hh", "%I": "hh", "%M": "mm", "%S": "ss", "%p": "AM/PM", "%%": "%",
}  # fmt: skip
_CODE: Final = re.compile(r"%.|[A-Za-z]+|.", re.DOTALL)
_SPEC: Final = re.compile(r"(?P<comma>,?)(?:\.(?P<places>\d+))?(?P<kind>[fd%]?)")


def build_formatter(column: Column, file_type: FileType) -> Formatter:
    """Return what makes of a column's values what *file_type* shows."""
    cell = _choose_cell(column, file_type)
    finish = partial(_finish, convert=_write_person if file_type == "pdf" else _write_plain, file_type=file_type)
    if column.kind == "many":
        join = partial(_join, delimiter=column.options.delimiter, cell=cell)
        return lambda values: [join(cast("Sequence[object]", value)) for value in values]  # the rows of a relation
    if cell is None:
        return finish
    change = cell
    return lambda values: finish([None if value is None else change(value) for value in values])


def get_number_format(column: Column) -> str:
    """Return the format of a column in the code of spreadsheets, empty where it has none."""
    pattern = column.options.format
    if not isinstance(pattern, str) or _is_choice(column.field):
        return ""
    if isinstance(column.field, _TEMPORAL):
        return _translate_pattern(pattern)
    spec = _SPEC.fullmatch(pattern)
    if spec is None:
        return ""
    whole = "#,##0" if spec["comma"] else "0"
    places = "." + "0" * int(spec["places"]) if int(spec["places"] or 0) else ""
    return f"{whole}{places}{'%' if spec['kind'] == '%' else ''}"


_TEMPORAL: Final = (models.DateField, models.TimeField)


def _choose_cell(column: Column, file_type: FileType) -> _Cell | None:
    """Return what the options and the field make of one value; ``None`` for nothing."""
    pattern = column.options.format
    field = column.field
    if callable(pattern):
        return pattern
    if field is not None and _is_choice(field):
        return None if pattern == "value" else partial(_get_label, _list_labels(field))
    if isinstance(pattern, tuple):
        yes, no = pattern
        return lambda value: yes if value else no
    if isinstance(pattern, str) and not (file_type == "xlsx" and get_number_format(column)):
        return partial(_apply_pattern, pattern)
    return _write_scalar if isinstance(field, models.JSONField) and file_type != "pdf" else None


def _is_choice(field: FieldAny | None) -> bool:
    return field is not None and bool(field.flatchoices)


def _list_labels(field: FieldAny) -> Mapping[object, str]:
    """Return the labels that tell which value is meant, as an import reads them; other values stay what they are."""
    pairs = [(value, str(label)) for value, label in field.flatchoices]
    labels = [label for _, label in pairs]
    values = {str(value) for value, _ in pairs}
    return {value: label for value, label in pairs if labels.count(label) == 1 and label not in values}


def _get_label(labels: Mapping[object, str], value: object) -> object:
    return labels.get(value, value)


def _apply_pattern(pattern: str, value: object) -> object:
    match value:
        case dt.datetime():
            return (timezone.localtime(value) if timezone.is_aware(value) else value).strftime(pattern)
        case dt.date() | dt.time():
            return value.strftime(pattern)
        case bool() | str():
            return value
        case int() | float() | Decimal():
            return format(value, pattern)
        case _:
            return value


def _translate_pattern(pattern: str) -> str:
    """Return a pattern of strftime() in the code of spreadsheets, empty where that has no word for it."""
    parts: list[str] = []
    for part in _CODE.findall(pattern):
        if part.startswith("%"):
            if part not in _CODES:
                return ""
            parts.append(_CODES[part])
        else:
            parts.append(f'"{part}"' if part.isalpha() else f"\\{part}" if part in '"\\' else part)
    return "".join(parts)


def _join(values: Iterable[object], *, delimiter: str, cell: _Cell | None) -> object:
    shown = [value if cell is None else cell(value) for value in values]
    return delimiter.join(str(_write_plain(value)) for value in shown)


def _finish(values: Sequence[object], *, convert: _Cell, file_type: FileType) -> Sequence[object]:
    """Return *values* as what the file can hold, themselves where each is such a thing already."""
    kinds = {*map(type, values)}
    if file_type == "pdf":
        return values if kinds <= {str, NoneType} else [convert(value) for value in values]
    if kinds <= _PLAIN or (file_type == "xlsx" and kinds <= _PLAIN | {dt.datetime}):
        return values
    if kinds - {NoneType} == {dt.datetime}:
        zone = timezone.get_current_timezone()
        moments = cast("Sequence[dt.datetime | None]", values)
        return [
            value and (value.astimezone(zone) if value.tzinfo is not None else value).isoformat(" ")
            for value in moments
        ]
    keeps = file_type == "xlsx"
    return [value if keeps and isinstance(value, dt.datetime) else convert(value) for value in values]


def _write_plain(value: object) -> object:
    """Return *value* as something that can be read again."""
    for kinds, write in _WRITERS:
        if isinstance(value, kinds):
            return write(value)
    return _write_range(value) if hasattr(value, "bounds") else str(value)


def _keep(value: object) -> object:
    return value


def _write_moment(value: dt.datetime) -> str:
    return (timezone.localtime(value) if timezone.is_aware(value) else value).isoformat(" ")


def _write_bytes(value: bytes | bytearray | memoryview[int]) -> str:
    return base64.b64encode(value).decode()


def _write_json(value: object) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)


def _write_scalar(value: object) -> object:
    """Return a text or a truth value of a JSON field as JSON, which alone tells it from a number, say, or a list."""
    return _write_json(value) if isinstance(value, bool | str) else value


#: The first that fits, the more special ones first.
_WRITERS: Final[Sequence[tuple[type | tuple[type, ...], _Cell]]] = (
    ((str, int, float, Decimal, NoneType), _keep),
    (dt.datetime, _write_moment),
    ((dt.date, dt.time), _keep),
    (dt.timedelta, duration_string),
    ((bytes, bytearray, memoryview), _write_bytes),
    ((dict, list, tuple), _write_json),
)


def _write_range(value: Any) -> str:
    """Return a range of PostgreSQL as its field reads it."""
    if value.isempty:
        return json.dumps({"empty": True})
    ends = {
        end: None if bound is None else str(bound) for end, bound in (("lower", value.lower), ("upper", value.upper))
    }
    return json.dumps({**ends, "bounds": value.bounds})


def _write_person(value: object) -> str:
    """Return *value* as somebody reads it who will not put it into a program again."""
    match value:
        case None:
            return ""
        case bool():
            return gettext("Yes") if value else gettext("No")
        case dt.datetime():
            return (timezone.localtime(value) if timezone.is_aware(value) else value).strftime("%Y-%m-%d %H:%M")
        case dt.time():
            return value.isoformat("minutes" if not value.second else "auto")
        case Decimal():
            return f"{value:f}"
        case _:
            return str(_write_plain(value))
