"""The columns of an export: which fields may leave, in what order, under what names, and looking how."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any, Final, Literal, TypeAlias, TypedDict, cast

from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.db.models.constants import LOOKUP_SEP
from django.db.models.fields.reverse_related import ForeignObjectRel
from django.utils.functional import Promise

from drf_commons.errors import InvalidExportConfigError
from drf_commons.types import StrOrPromise

__all__ = ["Column", "ExportColumn", "ExportFieldConfig", "ExportOptions", "FieldAny", "read_columns", "select_columns"]

FieldAny: TypeAlias = "models.Field[Any, Any]"

#: ``"%d.%m.%Y"`` for dates and times, ``",.2f"`` for numbers, two texts for yes and no, ``"value"`` or ``"label"``
#: for choices, or a function from the value to what is shown.
ExportFormat: TypeAlias = str | tuple[str, str] | Callable[[Any], object]


class _Options(TypedDict, total=False):
    path: str
    format: ExportFormat
    width: float
    delimiter: str
    truncate: bool


class ExportOptions(_Options):
    """A column as a dict in ``export_field_config``; the keys are those of :class:`ExportColumn`."""

    label: StrOrPromise


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportColumn:
    """A column whose label is not all there is to say."""

    label: StrOrPromise
    #: Where the value comes from, across relations: ``created_by__username``; by default the column's own name.
    path: str = ""
    #: How it looks; see :data:`ExportFormat`.
    format: ExportFormat | None = None
    #: In characters, in XLSX.
    width: float | None = None
    #: What stands between the values of a relation to many rows.
    delimiter: str = ";"
    #: Whether a text too long for a cell of a spreadsheet is cut; if not, it is an error.
    truncate: bool = False


#: Columns by name: a label, a dict of options, or an :class:`ExportColumn`.
ExportFieldConfig: TypeAlias = Mapping[str, "StrOrPromise | ExportOptions | ExportColumn"]

#: A value of the row itself or of a row it refers to, the values of many rows, or an attribute of the instance.
Kind: TypeAlias = Literal["value", "many", "attribute"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column that is known to exist."""

    name: str
    options: ExportColumn
    path: str
    kind: Kind
    #: The field whose values these are, where that is known.
    field: FieldAny | None

    @property
    def label(self) -> str:
        """The header, in the current language."""
        return str(self.options.label)


def read_columns(
    owner: str, config: ExportFieldConfig, model: type[models.Model] | None, annotations: Iterable[str] = ()
) -> Sequence[Column]:
    """Return the columns of *config*, in their order.

    Raises :class:`~drf_commons.errors.InvalidExportConfigError`, which lists every name that *model* does not have,
    under the name of *owner*. Without a model, rows are mappings and have the columns that *config* names.
    """
    columns: list[Column] = []
    faults: list[str] = []
    known = frozenset(annotations)
    for name, value in config.items():
        try:
            options = _read_options(value)
            path = options.path or name
            kind, field = ("value", None) if model is None or path in known else _resolve(model, path)
            columns.append(Column(name=name, options=options, path=path, kind=kind, field=field))
        except _FaultError as exc:
            faults.append(f"[{name!r}]: {exc}")
    if faults:
        raise InvalidExportConfigError(owner, faults)
    return columns


def select_columns(columns: Sequence[Column], names: Iterable[str] | None) -> Sequence[Column]:
    """Return the columns with these *names*, in their own order; all of them for ``None``.

    Raises :class:`LookupError` with the names that there are not, or with none if none are asked for.
    """
    if names is None:
        return columns
    wanted = dict.fromkeys(names)
    unknown = [name for name in wanted if name not in {column.name for column in columns}]
    if unknown or not wanted:
        raise LookupError(*unknown)
    return [column for column in columns if column.name in wanted]


class _FaultError(Exception):
    """One thing that is wrong with one column."""


_KEYS: Final = tuple(field.name for field in fields(ExportColumn))


def _read_options(value: object) -> ExportColumn:
    match value:
        case ExportColumn():
            return value
        case str() | Promise():
            return ExportColumn(label=cast("StrOrPromise", value))  # the one there is at runtime
        case Mapping():
            options = cast("Mapping[str, Any]", value)  # its keys are looked at below
            unknown = [key for key in options if key not in _KEYS]
            if unknown:
                msg = f"unknown option {unknown[0]!r}{_suggest(str(unknown[0]), _KEYS)}"
                raise _FaultError(msg)
            if "label" not in options:
                msg = "the options name no label"
                raise _FaultError(msg)
            return ExportColumn(**options)
        case _:
            msg = f"neither a label nor options, but {value!r}"
            raise _FaultError(msg)


def _resolve(model: type[models.Model], path: str) -> tuple[Kind, FieldAny | None]:
    """Return what is at the end of *path*."""
    options = model._meta
    kind: Kind = "value"
    parts = path.split(LOOKUP_SEP)
    for position, part in enumerate(parts):
        try:
            field = options.pk if part == "pk" else options.get_field(part)
        except FieldDoesNotExist:
            if position == 0 and _has_attribute(model, path):
                return "attribute", None
            names = [found.name for found in options.get_fields()]
            msg = f"{options.object_name} has no field {part!r}{_suggest(part, names)}"
            raise _FaultError(msg) from None
        if field.is_relation and field.related_model is None:
            msg = f"{options.object_name}.{part} refers to rows of any model; name its columns instead"
            raise _FaultError(msg)
        if field.many_to_many or field.one_to_many:
            kind = "many"
        rest = parts[position + 1 :]
        related = field.related_model
        if related is None:
            if not rest:
                return kind, cast("FieldAny", field)  # a relation has a related model
            if cast("FieldAny", field).get_transform(rest[0]) is None:
                msg = f"{options.object_name}.{part} is no relation, and has no part {rest[0]!r}"
                raise _FaultError(msg)
            return kind, None
        options = related._meta
        if not rest:
            return kind, _find_target(field, options)
    raise AssertionError(path)  # pragma: no cover  # a split text has a part


def _has_attribute(model: type[models.Model], name: str) -> bool:
    """Tell whether instances have an attribute that can be shown: not one that changes the row."""
    return hasattr(model, name) and not getattr(getattr(model, name), "alters_data", False)


def _find_target(field: FieldAny | ForeignObjectRel, options: Any) -> FieldAny:
    """Return the field whose values stand for the rows of a relation."""
    target: Any = field.target_field if isinstance(field, models.ForeignKey) else options.pk
    while target.remote_field is not None:  # the key is a relation itself
        target = target.target_field
    return cast("FieldAny", target)


def _suggest(name: str, names: Iterable[str]) -> str:
    close = get_close_matches(name, [*names], n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
