"""The cells of one XLSX sheet. This is the hot part of reading it: four callbacks a cell, and no object of our own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Final, NoReturn

from drf_commons.errors import UnreadableFileError
from drf_commons.services.importing.archives import Archive
from drf_commons.services.importing.markup import Attributes, Feed, build_parser
from drf_commons.services.importing.number_formats import read_number
from drf_commons.services.importing.sheets import MAX_COLUMNS, MAX_ROWS, CellFault, SheetRow, check_text
from drf_commons.services.importing.workbooks import Workbook, unescape
from drf_commons.services.importing.xlsx_rows import RowReader, cut_rows

__all__ = ["read_cells"]

_DIGITS: Final = "0123456789"
_LETTERS: Final = re.compile("[A-Z]{1,3}")
_MAX_DEPTH: Final = 100
_REMEMBERED: Final = 20_000


def read_cells(  # noqa: C901, PLR0915  # closures share the state of the cell; methods would cost a look-up each
    archive: Archive, path: str, workbook: Workbook, *, first: int, width: int, longest: int, most: int | None
) -> Iterator[SheetRow]:
    """Yield the rows that are not blank from the number *first* on, *most* of them, filled up to *width*."""
    texts, converters = workbook.texts, workbook.converters
    odd = {index for index, text in enumerate(texts) if not text or len(text) > longest or "\0" in text}
    plain = [None if index in odd else text for index, text in enumerate(texts)] if odd else texts
    done: list[SheetRow] = []
    cells: list[object] = []
    pieces: list[str] = []
    run = ""
    places: dict[str, int] = {}
    shown: dict[tuple[str | None, str], object] = {}
    kind: str | None = None
    style: str | None = None
    formula: str | None = None
    fault: CellFault | None = None
    place = number = depth = 0
    in_row = in_cell = in_value = is_over = is_pronounced = False
    row_tag, cell_tag, value_tag, text_tag, inline_tag, formula_tag, data_tag = (
        "row", "c", "v", "t", "is", "f", "sheetData",
    )  # fmt: skip

    def begin(name: str, _: Attributes) -> None:
        """See the root, whose prefix is that of all tags."""
        nonlocal row_tag, cell_tag, value_tag, text_tag, inline_tag, formula_tag, data_tag
        prefix = name[: name.rfind(":") + 1]
        if prefix:
            row_tag, cell_tag, value_tag, text_tag = f"{prefix}row", f"{prefix}c", f"{prefix}v", f"{prefix}t"
            inline_tag, formula_tag, data_tag = f"{prefix}is", f"{prefix}f", f"{prefix}sheetData"
        parser.StartElementHandler = start

    def start(name: str, attributes: Attributes) -> None:  # noqa: C901  # hot
        nonlocal run, kind, style, formula, place, in_cell, in_value, depth, is_pronounced
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
                place = places.get(letters) or find_place(letters)
        elif name == value_tag or name == text_tag:  # noqa: PLR1714, SIM109  # a tuple would be built for each cell
            if in_value:
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

    def end(name: str) -> None:  # noqa: C901, PLR0912  # hot
        nonlocal run, in_cell, in_row, in_value, formula, depth, is_over, is_pronounced
        if name == value_tag:
            in_value = False
            text = pieces[0] if len(pieces) == 1 else "".join(pieces)
            # What most cells are is put at once; the rest goes the long way.
            value: object = None
            if formula is not None and text:
                formula = None
            try:
                if kind == "s":
                    value = plain[int(text)]
                elif kind is None or kind == "n":  # faster than a set
                    if style is not None and style in converters:
                        value = shown.get((style, text))
                    elif "." not in text:
                        value = int(text)
                    elif (fraction := float(text)) % 1:
                        value = fraction
            except (ValueError, IndexError):
                pass
            if value is None or place != len(cells) + 1 or place > width:
                read_value(text)
            else:
                cells.append(value)
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
            end_row()
        else:
            depth -= 1
            if name == inline_tag:
                formula = None
                if place == len(cells) + 1 and place <= width and 0 < len(run) <= longest and "_x" not in run:
                    cells.append(run)
                else:
                    put_text(unescape(run))
            elif name == formula_tag:
                formula = "".join(pieces)
            elif name.endswith("rPh"):
                is_pronounced = False
            elif name == data_tag:
                is_over = True

    def start_row(given: str | None) -> None:
        nonlocal number, in_row, place, fault
        if in_row:
            fail("a row stands in the wrong place")
        try:
            following = number + 1 if given is None else int(given)
        except ValueError:
            fail(f"{given!r} is no number of a row")
        if not number < following <= MAX_ROWS:
            fail(f"its rows are out of order, or more than the {MAX_ROWS:,} that a sheet can hold")
        number, in_row, place, fault = following, True, 0, None

    def end_row() -> None:
        nonlocal cells
        if not cells and fault is None:
            return
        if number >= first and (most is None or len(done) < most) and (fault is not None or not is_blank(cells)):
            done.append((number, cells, fault))
        cells = []

    def find_place(letters: str) -> int:
        found = 0
        if _LETTERS.fullmatch(letters):
            for letter in letters:
                found = found * 26 + ord(letter) - 64
        if not 0 < found <= MAX_COLUMNS:
            fail(f"{letters[:30]!r} is no column that a sheet can have")
        places[letters] = found
        return found

    def read_value(text: str) -> None:  # noqa: C901, PLR0912  # a kind for each of the format's
        """Put what a cell has between its tags ``v``; the kinds stand in the order in which they are frequent."""
        if kind == "s":
            try:
                put_text(texts[int(text)])
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
            put(text in {"1", "true"})
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
        raise UnreadableFileError(archive.name, f"{path} in it is damaged: {reason}", row=number or None)

    parser = build_parser(archive.name)
    parser.StartElementHandler = begin
    parser.EndElementHandler = end
    parser.CharacterDataHandler = pieces.append
    feeding = Feed(parser, archive, path)
    blocks = feeding.read_blocks()
    reader = RowReader(workbook, first=first, width=width, longest=longest)
    # A header is the first of a few rows: it is not worth the shortcut.
    for block, is_whole in ((block, False) for block in blocks) if most is not None else cut_rows(blocks):
        rows = reader.read(block, number) if is_whole else None
        if rows is not None:
            done, number = rows
        else:
            feeding.parse(block)
        if len(run) + sum(map(len, pieces)) > max(longest, 1_000_000):
            fail(f"column {place} has a cell that is far too long")
        if not in_cell:
            pieces.clear()  # white space between tags
        yield from done
        if is_over or (most is not None and done):
            return
        done.clear()
    feeding.parse(b"", is_last=True)


def is_blank(cells: list[object]) -> bool:
    """Tell whether nothing is shown in a row."""
    return all(cell is None or cell == "" for cell in cells)


def _read_iso(text: str) -> date:
    moment = datetime.fromisoformat(text)
    return moment if "T" in text else moment.date()
