"""XLSX workbooks as a stream of bytes: rows go in block by block, and nothing of a finished block is kept.

A cell has the type of its value. A text is always a text, also one that starts with ``=``; what a cell cannot hold as a
number without changing it, such as an integer of twenty digits, is written as a text too.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from types import NoneType
from typing import IO, Final, TypeAlias, cast
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from django.utils import timezone

from drf_commons.errors import UnwritableCellError
from drf_commons.services.exporting.xlsx_parts import (
    CONTENT_TYPES,
    RELATIONS,
    Styles,
    build_workbook,
    build_workbook_relations,
    escape,
    get_letter,
)

__all__ = ["MAX_CELL_LENGTH", "MAX_ROWS", "Block", "Sheet", "SheetColumn", "write_workbook"]

#: Rows of cells.
Block: TypeAlias = Sequence[Sequence[object]]

#: What the format allows: rows of one sheet, the header included, and characters of one cell.
MAX_ROWS: Final = 1_048_576
MAX_CELL_LENGTH: Final = 32_767

#: The XML of one sheet stays below what a ZIP archive holds without extensions that not every program reads.
_MAX_SHEET_BYTES: Final = 2_000_000_000

#: Fast, and three quarters of what there is to gain.
_COMPRESSION: Final = 3

_SAFE_DIGITS: Final = 15
_SAFE_INTEGER: Final = 10**_SAFE_DIGITS
_EPOCH: Final = dt.date(1899, 12, 30).toordinal()
#: Before this day spreadsheets count a 29 February 1900 that never was.
_FIRST_DAY: Final = dt.date(1900, 3, 1)
_SECONDS: Final = 86_400

_WIDTHS: Final = (6.0, 60.0)
_WIDTH_SAMPLE: Final = 200
#: A sheet that is wider than this, in characters, is printed across.
_PORTRAIT: Final = 100
_NAME_LENGTH: Final = 31
_BAD_NAME: Final = re.compile(r"[\[\]:*?/\\\x00-\x1f]|^'|'$")
_CHOICES: Final = "Choices"
_SEPARATOR: Final = "\0"


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetColumn:
    """One column of a sheet."""

    header: str
    #: In characters; ``None`` for what the first rows need.
    width: float | None = None
    #: How numbers, dates and times are shown, in the code of spreadsheets: ``dd.mm.yyyy``.
    format: str = ""
    #: Whether the header is marked as that of a column which must be filled.
    is_required: bool = False
    #: What a drop-down offers in every cell below the header.
    choices: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A sheet, with a header that stays in sight; rows beyond :data:`MAX_ROWS` go on in further sheets."""

    name: str
    columns: Sequence[SheetColumn]
    blocks: Iterable[Block] = ()
    has_filter: bool = True
    #: Called with the number of rows written so far, after each block.
    on_block: Callable[[int], object] | None = None


def write_workbook(sheets: Iterable[Sheet]) -> Iterator[bytes]:
    """Yield the bytes of a workbook with *sheets*; the first ones are there after the first block.

    Raises :class:`~drf_commons.errors.UnwritableCellError` for a text that no cell can hold.
    """
    return _Workbook().write(sheets)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A sheet of the file; one :class:`Sheet` may need several."""

    name: str
    is_hidden: bool = False
    #: The cells of the filter, ``$A$1:$C$10``.
    filtered: str = ""


class _Sink:
    """Takes what the archive writes, until it is handed on."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> bytes:
        """Return what was written since the last call."""
        data = b"".join(self._pieces)
        self._pieces.clear()
        return data


class _Workbook:
    """The archive, and what its parts have to know of each other."""

    def __init__(self) -> None:
        self._sink = _Sink()
        # ZipFile asks for no more than write() and flush() where it cannot seek.
        self._archive = ZipFile(cast("IO[bytes]", self._sink), "w", ZIP_DEFLATED, compresslevel=_COMPRESSION)
        self._styles = Styles()
        self._parts: list[_Part] = []
        self._choices: list[Sequence[str]] = []

    def write(self, sheets: Iterable[Sheet]) -> Iterator[bytes]:
        """Yield the whole file."""
        self._add("[Content_Types].xml", CONTENT_TYPES)
        self._add("_rels/.rels", RELATIONS)
        for sheet in sheets:
            yield from self._write_sheet(sheet)
        if self._choices:
            yield from self._write_choices()
        parts = [(part.name, part.is_hidden, part.filtered) for part in self._parts]
        self._add("xl/styles.xml", self._styles.build())
        self._add("xl/_rels/workbook.xml.rels", build_workbook_relations(len(parts)))
        self._add("xl/workbook.xml", build_workbook(parts))
        self._archive.close()
        yield self._sink.take()

    def _add(self, path: str, text: str) -> None:
        self._archive.writestr(self._build_entry(path), text)

    def _build_entry(self, path: str) -> ZipInfo:
        entry = ZipInfo(path)  # without the time, so that equal rows make equal files
        entry.compress_type = ZIP_DEFLATED
        entry._compresslevel = _COMPRESSION  # type: ignore[attr-defined]  # noqa: SLF001  # public from Python 3.13 on
        return entry

    def _write_sheet(self, sheet: Sheet) -> Iterator[bytes]:
        columns = [
            _Column(letter=get_letter(number), column=column, style=self._styles.add(column.format))
            for number, column in enumerate(sheet.columns)
        ]
        validations = self._build_validations(sheet)
        blocks = _peek(sheet.blocks)
        first = next(blocks)
        widths = [_measure(column, position, first) for position, column in enumerate(sheet.columns)]
        rest: Block = first
        done = count = 0
        while True:
            number = len(self._parts) + 1
            with self._archive.open(self._build_entry(f"xl/worksheets/sheet{number}.xml"), "w") as file:
                size = file.write(_build_head(sheet.columns, widths, is_first=number == 1).encode())
                last = 1
                while rest or (rest := next(blocks, ())):
                    if last == MAX_ROWS or size > _MAX_SHEET_BYTES:
                        break
                    rows, rest = rest[: MAX_ROWS - last], rest[MAX_ROWS - last :]
                    size += file.write(_write_rows(columns, rows, last + 1, sheet.name))
                    last += len(rows)
                    count += len(rows)
                    if sheet.on_block is not None:
                        sheet.on_block(count)
                    if data := self._sink.take():
                        yield data
                reference = f"A1:{columns[-1].letter}{last}" if columns else ""
                filtered = f'<autoFilter ref="{reference}"/>' if reference and sheet.has_filter else ""
                file.write(f"</sheetData>{filtered}{validations}{_build_page(widths)}</worksheet>".encode())
            done += 1
            self._parts.append(
                _Part(
                    name=self._find_name(sheet.name, done),
                    filtered=re.sub(r"([A-Z]+)(\d+)", r"$\1$\2", reference) if filtered else "",
                )
            )
            if not rest:
                return

    def _build_validations(self, sheet: Sheet) -> str:
        rules: list[str] = []
        for number, column in enumerate(sheet.columns):
            if column.choices:
                self._choices.append(column.choices)
                letter = get_letter(len(self._choices) - 1)
                cells = get_letter(number)
                rules.append(
                    f'<dataValidation type="list" allowBlank="1" sqref="{cells}2:{cells}{MAX_ROWS}">'
                    f"<formula1>{_CHOICES}!${letter}$1:${letter}${len(column.choices)}</formula1></dataValidation>"
                )
        return f'<dataValidations count="{len(rules)}">{"".join(rules)}</dataValidations>' if rules else ""

    def _write_choices(self) -> Iterator[bytes]:
        """Write what the drop-downs offer into a hidden sheet: a list inside a rule may only be short."""
        number = len(self._parts) + 1
        with self._archive.open(self._build_entry(f"xl/worksheets/sheet{number}.xml"), "w") as file:
            file.write(_HEAD.encode() + b"<sheetData>")
            for row in range(max(map(len, self._choices))):
                cells = [
                    _write_text(f"{get_letter(column)}{row + 1}", choices[row])
                    for column, choices in enumerate(self._choices)
                    if row < len(choices)
                ]
                file.write(f'<row r="{row + 1}">{"".join(cells)}</row>'.encode())
            file.write(b"</sheetData></worksheet>")
        self._parts.append(_Part(name=_CHOICES, is_hidden=True))
        yield self._sink.take()

    def _find_name(self, wanted: str, number: int) -> str:
        """Return a name that no sheet has yet: without what names may not hold, and not too long."""
        base = _BAD_NAME.sub(" ", wanted).strip() or "Sheet"
        taken = {_CHOICES.lower(), "history", *(part.name.lower() for part in self._parts)}
        while True:
            suffix = f" ({number})" if number > 1 else ""
            name = f"{base[: _NAME_LENGTH - len(suffix)]}{suffix}"
            if name.lower() not in taken:
                return name
            number += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    letter: str
    column: SheetColumn
    #: The number of the style for numbers, dates and times; 0 for the one of the type.
    style: int


_HEAD: Final = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
)


def _build_head(columns: Sequence[SheetColumn], widths: Iterable[float], *, is_first: bool) -> str:
    """Return what stands before the first row, and the header, which does not scroll away."""
    selected = ' tabSelected="1"' if is_first else ""
    shown = "".join(
        f'<col min="{number}" max="{number}" width="{width:.2f}" customWidth="1"/>'
        for number, width in enumerate(widths, 1)
    )
    headers = "".join(
        _write_text(f"{get_letter(number)}1", column.header, Styles.REQUIRED if column.is_required else Styles.HEADER)
        for number, column in enumerate(columns)
    )
    return (
        f'{_HEAD}<sheetPr><pageSetUpPr fitToPage="1"/></sheetPr><sheetViews><sheetView workbookViewId="0"{selected}>'
        '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
        '<selection pane="bottomLeft" activeCell="A2" sqref="A2"/></sheetView></sheetViews>'
        f"{f'<cols>{shown}</cols>' if shown else ''}"
        f'<sheetData><row r="1">{headers}</row>'
    )


def _build_page(widths: Sequence[float]) -> str:
    """Return how the sheet is printed: as wide as the paper, across where that makes it small, with page numbers."""
    orientation = "portrait" if sum(widths) <= _PORTRAIT else "landscape"
    return (
        f'<pageSetup orientation="{orientation}" fitToHeight="0"/>'
        "<headerFooter><oddFooter>&amp;R&amp;P / &amp;N</oddFooter></headerFooter>"
    )


def _peek(blocks: Iterable[Block]) -> Iterator[Block]:
    """Yield *blocks*, and at least an empty one."""
    found = iter(blocks)
    return chain([next(found, ())], found)


def _measure(column: SheetColumn, position: int, rows: Block) -> float:
    """Return how wide a column has to be for its header and the first rows."""
    if column.width is not None:
        return column.width
    texts = (str(row[position]) for row in rows[:_WIDTH_SAMPLE] if row[position] is not None)
    # The header shares its cell with the button of the filter.
    needed = max([len(column.header) + 3, *(max(map(len, text.split("\n"))) + 1 for text in texts)])
    low, high = _WIDTHS
    return min(max(needed * 1.1, low), high)


def _write_rows(columns: Sequence[_Column], rows: Block, start: int, sheet: str) -> bytes:
    numbers = range(start, start + len(rows))
    cells = [
        _write_column(column, numbers, values, sheet)
        for column, values in zip(columns, zip(*rows, strict=True), strict=True)
    ]
    lines = [
        f'<row r="{number}">{"".join(row)}</row>' for number, row in zip(numbers, zip(*cells, strict=True), strict=True)
    ]
    return "".join(lines).encode()


def _write_column(column: _Column, numbers: range, values: Sequence[object], sheet: str) -> Sequence[str]:
    """Return the cells of one column; where they are all of one type, without asking each for it."""
    letter = column.letter
    kinds = {*map(type, values)} - {NoneType}
    if kinds == {str}:
        texts = [text or "" for text in cast("Sequence[str | None]", values)]  # str and None are all there is
        _check_lengths(texts, numbers, column.column.header, sheet)
        return [
            f'<c r="{letter}{number}" t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>' if text else ""
            for number, text in zip(numbers, _escape_all(texts), strict=True)
        ]
    style = f' s="{column.style}"' if column.style else ""
    if kinds == {int}:
        integers = cast("Sequence[int | None]", values)
        if max(abs(value or 0) for value in integers) < _SAFE_INTEGER:
            return [
                "" if value is None else f'<c r="{letter}{number}"{style}><v>{value}</v></c>'
                for number, value in zip(numbers, integers, strict=True)
            ]
    if kinds == {bool}:
        # LibreOffice shows a truth value without a style as a number.
        return [
            "" if value is None else f'<c r="{letter}{number}" s="0" t="b"><v>{"1" if value else "0"}</v></c>'
            for number, value in zip(numbers, values, strict=True)
        ]
    cells: list[str] = []
    for number, value in zip(numbers, values, strict=True):
        if isinstance(value, str):
            _check_lengths([value], range(number, number + 1), column.column.header, sheet)
        cells.append(_write_cell(f"{letter}{number}", value, column.style))
    return cells


def _check_lengths(texts: Sequence[str], numbers: range, header: str, sheet: str) -> None:
    # A character beyond the first 65,536 counts twice.
    if max(map(len, texts), default=0) * 2 <= MAX_CELL_LENGTH:
        return
    for number, text in zip(numbers, texts, strict=True):
        length = len(text) if len(text) > MAX_CELL_LENGTH else len(text.encode("utf-16-le", "replace")) // 2
        if length > MAX_CELL_LENGTH:
            reason = f"the text has {length:,} characters, and a cell of a spreadsheet holds {MAX_CELL_LENGTH:,}"
            raise UnwritableCellError(sheet, reason, row=number, column=header)


def _escape_all(texts: Sequence[str]) -> Sequence[str]:
    """Return *texts* as XML; joined, they are looked through in one go."""
    joined = _SEPARATOR.join(texts)
    if joined.count(_SEPARATOR) >= len(texts):  # one of them has the separator in it
        return [escape(text) for text in texts]
    escaped = escape(joined, keep=_SEPARATOR)
    return texts if escaped is joined else escaped.split(_SEPARATOR)


def _write_cell(cell: str, value: object, style: int) -> str:
    """Return one cell, as what its value is."""
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return f'<c r="{cell}" s="0" t="b"><v>{int(value)}</v></c>'
    if isinstance(value, dt.datetime):
        return _write_moment(cell, value, style)
    number, default = _find_number(value)
    return _write_number(cell, number, style or default) if number else _write_text(cell, value)


def _find_number(value: object) -> tuple[str, int]:
    """Return *value* as a number and the style it is shown in; no number where a cell would change it."""
    match value:
        case int() if abs(value) < _SAFE_INTEGER:
            return str(int(value)), 0
        case float() if math.isfinite(value):
            return repr(float(value)), 0
        case Decimal() if value.is_finite() and len(value.as_tuple().digits) <= _SAFE_DIGITS:
            return str(value), 0
        case dt.date() if value >= _FIRST_DAY:
            return str(value.toordinal() - _EPOCH), Styles.DATE
        case dt.time() if value.tzinfo is None:
            return repr(_count_seconds(value) / _SECONDS), Styles.TIME
        case _:
            return "", 0


def _write_moment(cell: str, value: dt.datetime, style: int) -> str:
    """Return a date with a time: in the current time zone, since spreadsheets know of none."""
    local = timezone.localtime(value) if timezone.is_aware(value) else value
    # The hour that a clock shows twice, and the days before spreadsheets count right, can only be told in words.
    is_twofold = timezone.is_aware(local) and local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset()
    if local.date() < _FIRST_DAY or is_twofold:
        return _write_text(cell, local.isoformat(" "))
    serial = local.toordinal() - _EPOCH + _count_seconds(local) / _SECONDS
    return _write_number(cell, repr(serial), style or Styles.DATE_TIME)


def _count_seconds(value: dt.datetime | dt.time) -> float:
    return value.hour * 3600 + value.minute * 60 + value.second + value.microsecond / 1_000_000


def _write_number(cell: str, text: str, style: int) -> str:
    return f'<c r="{cell}" s="{style}"><v>{text}</v></c>' if style else f'<c r="{cell}"><v>{text}</v></c>'


def _write_text(cell: str, value: object, style: int = 0) -> str:
    return (
        f'<c r="{cell}"{f" s={chr(34)}{style}{chr(34)}" if style else ""} t="inlineStr">'
        f'<is><t xml:space="preserve">{escape(str(value))}</t></is></c>'
    )
