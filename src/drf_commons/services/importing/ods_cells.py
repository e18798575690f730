"""The cells of one ODS sheet, as a stream."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Final, NoReturn

from drf_commons.errors import UnreadableFileError
from drf_commons.services.importing.archives import Archive
from drf_commons.services.importing.markup import Attributes, build_parser, feed
from drf_commons.services.importing.number_formats import read_number, show_duration, show_percentage
from drf_commons.services.importing.sheets import MAX_COLUMNS, MAX_ROWS, CellFault, SheetRow, check_text

__all__ = ["CONTENT", "read_cells"]

#: The part of the file that the sheets are in.
CONTENT: Final = "content.xml"
_MAX_DEPTH: Final = 200
_DURATION: Final = re.compile(r"(-?)P(?:(\d+)D)?T?(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:[.,]\d+)?)S)?")
_CELLS: Final = {"table:table-cell", "table:covered-table-cell"}
_LINES: Final = {"text:p", "text:h"}
_SKIPPED: Final = {"office:annotation", "table:shapes", "draw:frame"}
_NUMBERS: Final = {"float", "currency"}
_DAY: Final = timedelta(days=1)


def read_cells(
    archive: Archive, sheet: str | int | None, *, first: int, width: int, longest: int, is_header: bool
) -> Iterator[SheetRow]:
    """Yield the rows of *sheet* that are not blank, from the number *first* on."""
    reader = _Reader(archive.name, sheet, first, width, longest)
    parser = build_parser(archive.name)
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.read
    for _ in feed(parser, archive, CONTENT):
        reader.check_text()
        for number, repeated, cells, fault in reader.done:
            for following in range(max(number, first), number + repeated):
                yield following, [*cells], fault
                if is_header:
                    return
        reader.done.clear()
        if reader.is_over:
            return
    reader.check_found()


class _Reader:
    """What the parser calls, and what it has seen."""

    def __init__(self, file: str, sheet: str | int | None, first: int, width: int, longest: int) -> None:
        self.done: list[tuple[int, int, list[object], CellFault | None]] = []
        self.is_over = False
        self._file = file
        self._wanted = sheet
        self._first, self._width, self._longest = first, width, longest
        self._hidden: set[str] = set()
        self._names: list[str] = []
        self._visible = 0
        self._is_inside = False
        self._style = ""
        self._depth = self._skipped = 0
        self._number = 1
        self._place = 0
        self._repeated = 1
        self._cells: list[object] = []
        self._fault: CellFault | None = None
        self._cell: Attributes | None = None
        self._in_line = self._spaces = 0
        self._lines: list[str] = []
        self._text: list[str] = []

    def start(self, name: str, attributes: Attributes) -> None:
        """See a tag."""
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            self._fail("tags are nested too deep")
        if name in _SKIPPED or self._skipped:
            self._skipped += 1
        elif name == "table:table":
            self._start_table(attributes)
        elif not self._is_inside:
            self._see_style(name, attributes)
        elif name in _CELLS:
            self._cell = attributes
            self._lines.clear()
            self._spaces = 0
        elif name == "table:table-row":
            self._repeated = self._read_count(attributes, "table:number-rows-repeated", MAX_ROWS)
            self._place, self._cells, self._fault = 0, [], None
        elif name in _LINES:
            self._in_line += 1
            self._text.clear()
        elif self._in_line:
            self._see_space(name, attributes)

    def end(self, name: str) -> None:
        """See the end of a tag."""
        self._depth -= 1
        if self._skipped:
            self._skipped -= 1
        elif not self._is_inside:
            return
        elif name in _LINES:
            self._in_line -= 1
            self._lines.append("".join(self._text))
            self._text.clear()
        elif name in _CELLS and self._cell is not None:
            self._end_cell(self._cell)
            self._cell = None
        elif name == "table:table-row":
            self._end_row()
        elif name == "table:table":
            self.is_over = True
            self._is_inside = False

    def read(self, text: str) -> None:
        """See a text."""
        if self._in_line and not self._skipped:
            self._text.append(text)

    def check_text(self) -> None:
        """Refuse a cell that never ends."""
        if sum(map(len, self._text)) + sum(map(len, self._lines)) > max(self._longest, 1_000_000):
            self._fail(f"column {self._place + 1} has a cell that is far too long")

    def check_found(self) -> None:
        """Refuse a file without the sheet."""
        names = ", ".join(map(repr, self._names[:10]))
        wanted = "" if self._wanted is None else f" {self._wanted!r}"
        if self._number == 1 and not self.is_over:
            raise UnreadableFileError(self._file, f"there is no sheet{wanted} in it; there is {names or 'none'}")

    def _see_style(self, name: str, attributes: Attributes) -> None:
        if name == "style:style":
            self._style = attributes.get("style:name", "")
        elif name == "style:table-properties" and attributes.get("table:display") == "false":
            self._hidden.add(self._style)

    def _start_table(self, attributes: Attributes) -> None:
        if self._is_inside:
            self._fail("a table stands inside a cell")
        if self.is_over:
            return
        name = attributes.get("table:name", "")
        self._names.append(name)
        is_visible = attributes.get("table:style-name") not in self._hidden
        place = self._visible if is_visible else -1
        self._visible += is_visible
        self._is_inside = name == self._wanted if isinstance(self._wanted, str) else place == (self._wanted or 0)

    def _see_space(self, name: str, attributes: Attributes) -> None:
        if name == "text:s":
            count = self._read_count(attributes, "text:c", self._longest + 1)
            self._spaces += count
            # A few tags stand for any number of spaces; more than a cell may hold say no more than one too many.
            self._text.append(" " * (count if self._spaces <= 2 * self._longest else 0))
        elif name == "text:tab":
            self._text.append("\t")
        elif name == "text:line-break":
            self._text.append("\n")

    def _end_row(self) -> None:
        number, repeated = self._number, self._repeated
        self._number += repeated
        if not self._cells and self._fault is None:
            return
        if self._number > MAX_ROWS + 1:
            self._fail(f"it has more than the {MAX_ROWS:,} rows that a sheet can hold")
        if self._number > self._first:
            self.done.append((number, repeated, self._cells, self._fault))

    def _end_cell(self, attributes: Attributes) -> None:
        repeated = self._read_count(attributes, "table:number-columns-repeated", MAX_COLUMNS)
        place = self._place
        self._place += repeated
        try:
            value = self._read_value(attributes)
        except (ValueError, OverflowError, ArithmeticError):
            self._blame(CellFault(place, None, "the cell's value is damaged; type it again", "invalid_cell"))
            return
        if isinstance(value, CellFault):
            self._blame(value)
        elif value is None or value == "":
            return
        elif place + repeated > self._width:
            self._blame(CellFault(max(place, self._width), value, "", "ragged"))
        else:
            self._cells += [*[None] * (place - len(self._cells)), *[value] * repeated]

    def _read_value(self, attributes: Attributes) -> object:  # noqa: PLR0911  # a kind for each of the format's
        kind = attributes.get("office:value-type")
        text = "\n".join(self._lines)
        if attributes.get("calcext:value-type") == "error":
            reason = f"the cell shows the error {text[:30]}; mend its formula"
            return CellFault(self._place - 1, text, reason, "error_cell")
        if kind in _NUMBERS:
            number = read_number(attributes.get("office:value", text))
            is_padded = text[:1] == "0" and text != "0" and text.isdecimal() and int(text) == number
            return text if is_padded else number
        match kind:
            case "percentage":
                return show_percentage(attributes.get("office:value", text))
            case "boolean":
                return attributes.get("office:boolean-value", text).lower() == "true"
            case "date":
                return _read_date(attributes.get("office:date-value", text))
            case "time":
                return _read_time(attributes.get("office:time-value", text))
            case _:
                shown = text if self._lines else attributes.get("office:string-value", "")
                return check_text(self._place - 1, shown, self._longest) or shown

    def _blame(self, fault: CellFault) -> None:
        if self._fault is None:
            self._fault = fault

    def _read_count(self, attributes: Attributes, name: str, most: int) -> int:
        text = attributes.get(name)
        if text is None:  # as most cells have it
            return 1
        if not text.isdecimal() or len(text) > 9:  # noqa: PLR2004  # nine digits are more than a sheet can hold
            self._fail(f"{text[:30]!r} is no number of repeated cells")
        return min(int(text), most)

    def _fail(self, reason: str) -> NoReturn:
        raise UnreadableFileError(self._file, f"{CONTENT} in it is damaged: {reason}", row=self._number)


def _read_date(text: str) -> date:
    moment = datetime.fromisoformat(text)
    return moment if "T" in text else moment.date()


def _read_time(text: str) -> object:
    """Return a time of day, or a span of time as text where it is longer than a day."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(text)
    sign, days, hours, minutes, seconds = match.groups()
    span = timedelta(
        days=int(days or 0),
        hours=int(hours or 0),
        minutes=int(minutes or 0),
        seconds=float((seconds or "0").replace(",", ".")),
    )
    if not sign and span < _DAY:
        return (datetime.min + span).time()  # noqa: DTZ901  # sheets know no time zones
    return f"{sign}{show_duration(span)}"
