"""The cells of an XLSX sheet, whatever its XML looks like: four callbacks a cell, and no object of our own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, NoReturn
from xml.parsers import expat

from drf_commons.errors import UnreadableFileError
from drf_commons.services.importing.headers import place_column
from drf_commons.services.importing.markup import Attributes, Feeder, build_parser
from drf_commons.services.importing.number_formats import read_number
from drf_commons.services.importing.sheets import MAX_COLUMNS, MAX_ROWS, CellFault, SheetRow, check_text
from drf_commons.services.importing.workbooks import Workbook, unescape

__all__ = ["ROW_END", "CellParser", "Scope", "is_blank", "read_flag"]

#: How a row ends that nothing has been added to.
ROW_END: Final = b"</row>"

_DIGITS: Final = "0123456789"
_MAX_DEPTH: Final = 100
#: Between the root and a row there is the sheet's data.
_DEPTH_OF_ROWS: Final = 1
_REMEMBERED: Final = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is asked of a sheet."""

    #: The number of the first row.
    first: int
    #: A value in a later column is a fault.
    width: int
    #: Characters in a cell.
    longest: int
    #: Whether the first row that is not blank is all that is wanted.
    is_header: bool


class CellParser:
    """Parses a sheet, and knows whether it stands between two rows."""

    __slots__ = ("_check", "_feeder", "done", "is_between", "is_over", "number")

    def __init__(self, file: str, path: str, workbook: Workbook, scope: Scope) -> None:
        #: The rows that ended in the last piece, but for blank ones.
        self.done: list[SheetRow] = []
        #: The number of the last row, whoever has read it.
        self.number: int = 0
        #: Whether the last byte was the end of a row, and what comes next is another one, in UTF-8.
        self.is_between: bool = False
        #: Whether the rows have ended.
        self.is_over: bool = False
        parser = build_parser(file)
        self._feeder = Feeder(parser, file, path)
        self._check = _connect(parser, self, file, path, workbook, scope)

    def parse(self, data: bytes, *, is_last: bool = False) -> list[SheetRow]:
        """Return the rows that end in the next bytes, but for blank ones."""
        self.done.clear()
        self._feeder.parse(data, is_last=is_last)
        self.is_between = self._check() == self._feeder.fed and data.endswith(ROW_END)
        return self.done


def _connect(  # noqa: C901, PLR0915  # closures share the state of the cell, and need no look-ups
    parser: expat.XMLParserType, sheet: CellParser, file: str, path: str, workbook: Workbook, scope: Scope
) -> Callable[[], int]:
    """Let *parser* tell *sheet* of its rows. Return a check of what is unfinished, which returns where a row ended."""
    texts, converters, width, longest = workbook.texts, workbook.converters, scope.width, scope.longest
    done = sheet.done
    cells: list[object] = []
    pieces: list[str] = []
    run = ""
    shown: dict[tuple[str | None, str], object] = {}
    kind: str | None = None
    style: str | None = None
    formula: str | None = None
    fault: CellFault | None = None
    place = depth = row_end = 0
    in_data = in_row = in_cell = in_value = is_pronounced = False
    is_utf8 = True
    row_tag, cell_tag, value_tag, text_tag, inline_tag, formula_tag, data_tag = (
        "row", "c", "v", "t", "is", "f", "sheetData",
    )  # fmt: skip

    def declare(_: str, encoding: str | None, __: int) -> None:
        nonlocal is_utf8
        is_utf8 = encoding is None or encoding.lower() == "utf-8"

    def begin(name: str, _: Attributes) -> None:
        """See the root, whose prefix is that of all tags."""
        nonlocal row_tag, cell_tag, value_tag, text_tag, inline_tag, formula_tag, data_tag
        prefix = name[: name.rfind(":") + 1]
        if prefix:
            row_tag, cell_tag, value_tag, text_tag = f"{prefix}row", f"{prefix}c", f"{prefix}v", f"{prefix}t"
            inline_tag, formula_tag, data_tag = f"{prefix}is", f"{prefix}f", f"{prefix}sheetData"
        parser.StartElementHandler = start

    def start(name: str, attributes: Attributes) -> None:  # noqa: C901, PLR0912  # hot
        nonlocal run, kind, style, formula, place, in_data, in_cell, in_value, depth, is_pronounced
        if name == cell_tag:
            if in_cell or not in_row:
                fail("a cell stands in the wrong place")
            in_cell, formula = True, None
            kind, style = attributes.get("t"), attributes.get("s")
            reference = attributes.get("r")
            if reference is None:
                place += 1
            else:
                letters = reference.rstrip(_DIGITS)
                place = place_column(letters)
                if not 0 < place <= MAX_COLUMNS:
                    fail(f"{letters[:30]!r} is no column that a sheet can have")
        elif name == value_tag or name == text_tag:  # noqa: PLR1714, SIM109  # a tuple would be built for each cell
            if in_value or not in_cell:
                fail("a value stands in the wrong place")
            in_value = True
            pieces.clear()
        elif name == row_tag:
            start_row(attributes.get("r"))
        else:
            depth += 1
            if depth > _MAX_DEPTH:
                fail("tags are nested too deep")
            if name == inline_tag:
                run = ""
            elif name == formula_tag:
                pieces.clear()
            elif name.endswith("rPh"):
                is_pronounced = True
            elif name == data_tag:
                in_data = depth == _DEPTH_OF_ROWS

    def end(name: str) -> None:  # noqa: C901  # hot
        nonlocal run, in_cell, in_row, in_value, formula, depth, row_end, is_pronounced
        if name == value_tag:
            in_value = False
            text = pieces[0] if len(pieces) == 1 else "".join(pieces)
            if text:
                formula = None
            read_value(text)
        elif name == cell_tag:
            in_cell = False
            if formula is not None:
                end_formula()
        elif name == text_tag:
            in_value = False
            if not is_pronounced:
                text = pieces[0] if len(pieces) == 1 else "".join(pieces)
                run = f"{run}{text}" if run else text
        elif name == row_tag:
            in_row = False
            row_end = parser.CurrentByteIndex + len(ROW_END)
            end_row()
        else:
            depth -= 1
            if name == inline_tag:
                formula = None
                put_text(unescape(run))
            elif name == formula_tag:
                formula = "".join(pieces)
            elif name.endswith("rPh"):
                is_pronounced = False
            elif name == data_tag:
                sheet.is_over = True

    def start_row(given: str | None) -> None:
        nonlocal in_row, place, fault
        if in_row:
            fail("a row stands in the wrong place")
        try:
            following = sheet.number + 1 if given is None else int(given)
        except ValueError:
            fail(f"{given!r} is no number of a row")
        if not sheet.number < following <= MAX_ROWS:
            fail(f"its rows are out of order, or more than the {MAX_ROWS:,} that a sheet can hold")
        sheet.number, in_row, place, fault = following, True, 0, None

    def end_row() -> None:
        nonlocal cells
        if not cells and fault is None:
            return
        if (
            sheet.number >= scope.first
            and not (scope.is_header and done)
            and (fault is not None or not is_blank(cells))
        ):
            done.append((sheet.number, cells, fault))
        cells = []

    def read_value(text: str) -> None:  # noqa: C901, PLR0912  # a kind for each of the format's
        """Put what a cell has between its tags ``v``; the kinds stand in the order in which they are frequent."""
        if kind == "s":
            try:
                index = int(text)
                put_text(texts[index if index >= 0 else len(texts)])
            except (ValueError, IndexError):
                blame(text, "the cell refers to a text that is not in the file", "invalid_cell")
        elif kind is None or kind == "n":
            if not text:
                return
            converter = converters.get(style) if style is not None else None
            try:
                if converter is None:
                    put(read_number(text))
                    return
                value = shown.get((style, text))
                if value is None:
                    if len(shown) > _REMEMBERED:
                        shown.clear()
                    value = shown[style, text] = converter(text)
                put(value)
            except (ValueError, OverflowError, ArithmeticError):
                blame(text, f"{text[:30]!r} cannot be shown as the cell's format asks for", "invalid_cell")
        elif kind == "b":
            put(read_flag(text))
        elif kind == "e":
            blame(text, f"the cell shows the error {text[:30]}; mend its formula", "error_cell")
        elif kind == "d":
            try:
                put(_read_iso(text))
            except ValueError:
                blame(text, f"{text[:30]!r} is no date", "invalid_cell")
        else:
            put_text(unescape(text))

    def put_text(text: str) -> None:
        if len(text) > longest or "\0" in text:
            found = check_text(place - 1, text, longest)
            if found is not None:
                blame(found.value, found.reason, found.code)
        elif text:
            put(text)

    def put(value: object) -> None:
        gap = place - 1 - len(cells)
        if place > width:
            blame(value, "", "ragged")
        elif gap == 0:
            cells.append(value)
        elif gap > 0:
            cells.extend([None] * gap)
            cells.append(value)
        else:
            cells[place - 1] = value

    def end_formula() -> None:
        """Take a formula that nobody has calculated for the text it is."""
        if formula:
            put_text(f"={formula}")
        else:
            blame(None, "the cell has a formula, and no value that was calculated; save the file again", "invalid_cell")

    def blame(value: object, reason: str, code: str) -> None:
        nonlocal fault
        if fault is None:
            fault = CellFault(place - 1, value, reason, code)

    def fail(reason: str) -> NoReturn:
        raise UnreadableFileError(file, f"{path} in it is damaged: {reason}", row=sheet.number or None)

    def check() -> int:
        if len(run) + sum(map(len, pieces)) > max(longest, 1_000_000):
            fail(f"column {place} has a cell that is far too long")
        if not in_cell:
            pieces.clear()  # white space between tags
        return row_end if in_data and is_utf8 and depth == _DEPTH_OF_ROWS and not in_value else -1

    parser.XmlDeclHandler = declare
    parser.StartElementHandler = begin
    parser.EndElementHandler = end
    parser.CharacterDataHandler = pieces.append
    return check


def is_blank(cells: list[object]) -> bool:
    """Tell whether nothing is shown in a row."""
    return all(cell is None or cell == "" for cell in cells)


def read_flag(text: str) -> bool:
    """Return what a cell of truth values says."""
    return text in {"1", "true"}


def _read_iso(text: str) -> date:
    moment = datetime.fromisoformat(text)
    return moment if "T" in text else moment.date()
