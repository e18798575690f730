"""Rows of a file into columns of values: what can be told of a row without writing it.

Every column is converted at once, by a function compiled for its field. A column that repeats itself is converted once
for each different cell. Related rows are looked up with one query for each relation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias, cast

from django.core.exceptions import MultipleObjectsReturned, ObjectDoesNotExist, ValidationError
from django.db import models

from drf_commons.services.importing.cells import Converter, build_converter, can_remember, describe_error, write_cell
from drf_commons.services.importing.columns import FieldAny, ImportColumn
from drf_commons.services.importing.config import ManyToManyLookup, ModelStep
from drf_commons.services.importing.lookups import Fault, Lookup, split_cell
from drf_commons.services.importing.recognition import Recogniser, build_recogniser

__all__ = ["BoundColumn", "Cells", "ForeignKeyColumn", "LookupColumn", "ManyColumn", "ValueColumn", "fill_computed"]

#: The cells of one column.
Cells: TypeAlias = Sequence[object]

#: How many different cells of a column are remembered.
_REMEMBERED: Final = 20_000

#: Fields that take a text as it is, without the spaces around it.
_TEXTS: Final = (models.CharField, models.EmailField, models.SlugField, models.TextField, models.URLField)

#: Cells that are looked at one by one where one of them is not plainly valid.
_PART: Final = 50

#: What a function of the project may raise over a cell that it does not understand.
_DATA_ERRORS: Final = (
    ValidationError,
    ObjectDoesNotExist,
    MultipleObjectsReturned,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)


class BoundColumn:
    """A column of the configuration, and its place in the file."""

    def __init__(self, column: ImportColumn, index: int) -> None:
        self.column = column
        self.field: FieldAny = column.field
        self.index = index


class ValueColumn(BoundColumn):
    """A column whose cells are values of a field."""

    def __init__(self, column: ImportColumn, index: int, step: ModelStep) -> None:
        super().__init__(column, index)
        transforms = _list_transforms(step, column.source)
        self._convert = _with_transforms(build_converter(column.field), transforms)
        if column.source in step.required:
            self._convert = _refuse_blank(self._convert, column.field)
        # Not every field says with a ValidationError what it cannot read: an array of PostgreSQL does not.
        self._errors = _DATA_ERRORS if transforms else (ValidationError, OverflowError, TypeError, ValueError)
        is_plain = not transforms and column.source not in step.required
        self._recognise = build_recogniser(column.field) if is_plain else None
        self._is_text: bool = not transforms and _is_text(column.field)
        self._memo: dict[object, Any] | None = None if transforms or not can_remember(column.field) else {}
        self._repeats: bool | None = None

    def convert(self, cells: Cells) -> tuple[list[Any], bool]:
        """Return the value of each cell, or a :class:`Fault`, and whether there may be one."""
        is_text = {*map(type, cells)} == {str}
        if is_text and self._memo is not None and self._is_repeating(cells, self._memo):
            return self._convert_repeating(cells, self._memo)
        if is_text and self._recognise is not None:
            texts = cast("Sequence[str]", cells)
            values = self._recognise(texts)
            return (self._convert_parts(texts, self._recognise), True) if values is None else (values, False)
        try:
            return [*map(self._convert, cells)], False
        except self._errors:
            return [self._convert_cell(cell) for cell in cells], True

    def trace(self, cells: Cells) -> Sequence[Any]:
        """Return something of each cell that is equal wherever the values are: of texts, the text as it stands there.

        It is ``None`` where the value is.
        """
        if not self._is_text:
            return self.convert(cells)[0]
        texts = map(str.strip, map(write_cell, cells) if {*map(type, cells)} != {str} else cast("Sequence[str]", cells))
        return [text or None for text in texts] if self.field.null else [*texts]

    def _is_repeating(self, cells: Cells, memo: dict[object, Any]) -> bool:
        """Tell whether remembering pays. It is for texts alone: ``True``, ``1`` and ``1.0`` are equal, not the same."""
        if self._repeats is None:
            self._repeats = len({*cells}) * 2 < len(cells)
        return self._repeats and len(memo) < _REMEMBERED

    def _convert_repeating(self, cells: Cells, memo: dict[object, Any]) -> tuple[list[Any], bool]:
        for cell in {*cells}.difference(memo):
            memo[cell] = self._convert_cell(cell)
        values = [memo[cell] for cell in cells]
        return values, Fault in {*map(type, values)}

    def _convert_parts(self, texts: Sequence[str], recognise: Recogniser) -> list[Any]:
        """Convert a column that is not plainly valid: as a rule only a few of its parts are not."""
        values: list[Any] = []
        for start in range(0, len(texts), _PART):
            part = texts[start : start + _PART]
            found = recognise(part)
            values += map(self._convert_cell, part) if found is None else found
        return values

    def _convert_cell(self, cell: object) -> Any:
        try:
            return self._convert(cell)
        except self._errors as exc:
            return _build_fault(exc)


class LookupColumn(BoundColumn):
    """A column whose cells name rows of another model."""

    def __init__(self, column: ImportColumn, index: int, step: ModelStep, lookup: Lookup) -> None:
        super().__init__(column, index)
        self.lookup = lookup
        self._transforms = _list_transforms(step, column.source)


class ForeignKeyColumn(LookupColumn):
    """A column whose cells name one row each."""

    def __init__(self, column: ImportColumn, index: int, step: ModelStep, lookup: Lookup) -> None:
        super().__init__(column, index, step, lookup)
        self._blank = build_converter_of_blank(column.field, required=column.source in step.required)
        self._memo: dict[object, Any] = {}

    def read_keys(self, cells: Cells) -> list[Any]:
        """Return the key in each cell, or a :class:`Fault`; :data:`BLANK` where there is none."""
        memo = self._memo
        if len(memo) > _REMEMBERED:
            memo.clear()
        # Only texts stand for themselves: ``True``, ``1`` and ``1.0`` are equal, not the same.
        names: Cells = cells if {*map(type, cells)} == {str} else [*map(_identify, cells)]
        for name in {*names}.difference(memo):
            memo[name] = self._read_key(name if isinstance(name, str) else cast("tuple[type, object]", name)[1])
        return [*map(memo.__getitem__, names)]

    def find(self, keys: Sequence[Any], rows: Iterable[int]) -> list[Any]:
        """Return the target in each row, or a :class:`Fault`; only those of *rows* are looked up."""
        named = {key for key in map(keys.__getitem__, rows) if key is not BLANK}
        found = {**self.lookup.find(named), BLANK: self._blank()} if BLANK in keys else self.lookup.find(named)
        return [*map(found.get, keys)]

    def _read_key(self, cell: object) -> Any:
        try:
            for transform in self._transforms:
                cell = transform(write_cell(cell))
        except _DATA_ERRORS as exc:
            return _build_fault(exc)
        if not write_cell(cell).strip():
            return self._check_blank()
        return self.lookup.read_key(cell)

    def _check_blank(self) -> Any:
        try:
            self._blank()
        except ValidationError as exc:
            return _build_fault(exc)
        return BLANK


class ManyColumn(LookupColumn):
    """A column whose cells name any number of rows."""

    def __init__(self, column: ImportColumn, index: int, step: ModelStep, lookup: Lookup) -> None:
        super().__init__(column, index, step, lookup)
        self.delimiter: str = column.lookup.delimiter if isinstance(column.lookup, ManyToManyLookup) else ";"
        self.is_required: bool = column.is_required

    def read_keys(self, cells: Cells) -> list[Any]:
        """Return the keys in each cell, or a :class:`Fault`."""
        return [self._read_cell(cell) for cell in cells]

    def find(self, keys: Sequence[Any], rows: Iterable[int]) -> list[Any]:
        """Return the set of targets in each row, or a :class:`Fault`; only those of *rows* are looked up."""
        wanted = {*rows}
        found = self.lookup.find(key for row in wanted for key in keys[row])
        return [
            self._collect([found[key] for key in named]) if row in wanted else None for row, named in enumerate(keys)
        ]

    @staticmethod
    def _collect(targets: Sequence[Any]) -> Any:
        faults = [target for target in targets if isinstance(target, Fault)]
        return faults[0] if faults else frozenset(targets)

    def _read_cell(self, cell: object) -> Any:
        try:
            for transform in self._transforms:
                cell = transform(write_cell(cell))
        except _DATA_ERRORS as exc:
            return _build_fault(exc)
        is_split = isinstance(cell, list | tuple)  # by a transform
        parts = cast("Sequence[object]", cell) if is_split else split_cell(write_cell(cell), self.delimiter)
        if not parts and self.is_required:
            return Fault(str(self.field.error_messages["blank"]), "blank")
        keys = [self.lookup.read_key(part) for part in parts]
        return next((key for key in keys if isinstance(key, Fault)), keys)


class _BlankKey:
    """Stands for the key of a blank cell, which is no key."""


#: The key in a blank cell.
BLANK: Final = _BlankKey()


def fill_computed(
    computed: Mapping[str, Callable[[Mapping[str, Any]], object]],
    model: type[models.Model],
    values: Mapping[str, Any],
) -> dict[str, Any]:
    """Return what the functions of a row make of its values: by field, a value or a :class:`Fault`."""
    filled: dict[str, Any] = {}
    for name, compute in computed.items():
        field = cast("FieldAny", model._meta.get_field(name))
        try:
            value = compute({**values, **filled})
            if isinstance(field, models.ForeignKey):
                target = field.target_field
                value = getattr(value, target.attname) if isinstance(value, models.Model) else value
                filled[name] = target.to_python(value)
            else:
                filled[name] = build_converter(field)(value)
        except _DATA_ERRORS as exc:
            filled[name] = _build_fault(exc)
    return filled


def build_converter_of_blank(field: FieldAny, *, required: bool) -> Callable[[], Any]:
    """Return what a blank cell of a foreign key gives."""

    def blank() -> Any:
        if required or not (field.null or field.has_default()):
            raise ValidationError(field.error_messages["blank"], code="blank")
        return None if field.null else field.get_default()

    return blank


def _is_text(field: FieldAny) -> bool:
    """Tell whether a value of *field* is what stands in the cell, if it is valid at all."""
    has_default = field.has_default() or field.has_db_default()
    return type(field) in _TEXTS and not field.flatchoices and (field.null or not has_default)


def _identify(cell: object) -> object:
    return cell if type(cell) is str else (type(cell), cell)


def _list_transforms(step: ModelStep, source: str) -> Sequence[Callable[[Any], object]]:
    transforms = step.transforms.get(source, ())
    return (transforms,) if callable(transforms) else transforms


def _with_transforms(convert: Converter, transforms: Sequence[Callable[[Any], object]]) -> Converter:
    if not transforms:
        return convert

    def transform_and_convert(cell: object) -> Any:
        value: object = write_cell(cell)
        for transform in transforms:
            value = transform(value)
        return convert(value)

    return transform_and_convert


def _refuse_blank(convert: Converter, field: FieldAny) -> Converter:
    def convert_given(cell: object) -> Any:
        if not write_cell(cell).strip():
            raise ValidationError(field.error_messages["blank"], code="blank")
        return convert(cell)

    return convert_given


def _build_fault(error: Exception) -> Fault:
    if isinstance(error, ValidationError):
        return Fault(*describe_error(error))
    return Fault(f"{type(error).__name__}: {error}", "invalid")
