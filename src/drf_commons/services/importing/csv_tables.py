"""CSV files, read by the csv module; what it stumbles over becomes the fault of one row."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final, Literal

from drf_commons.errors import FileTooLargeError, UnreadableFileError
from drf_commons.services.formulas import unguard
from drf_commons.services.importing.headers import read_header
from drf_commons.services.importing.sources import Source
from drf_commons.services.importing.tables import Chunk, Cursor, ReadOptions, RowFault, keep_cells
from drf_commons.services.importing.texts import Encoding, Lines, RecordTooLongError, count_lines, find_encoding

__all__ = ["CsvFacts", "CsvTable", "can_divide"]

_DELIMITERS: Final = ",;\t|"
_SNIFFED: Final = 20
_SHOWN: Final = 60
_MIN_RECORD: Final = 4_194_304
#: Rows that are held at once while a file is only counted.
_COUNTED: Final = 500
#: Rows that are read at once where nothing in them is special, and one by one where something is.
_PIECE: Final = 200
_DIRECTIVE: Final = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)


def can_divide(delimiter: str) -> bool:
    """Tell whether *delimiter* is one character that can stand between two cells."""
    return len(delimiter) == 1 and delimiter not in '"\r\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvFacts:
    """What was found out about a file when all of it was looked at."""

    encoding: str
    delimiter: str
    header: Sequence[str]
    header_number: int


class CsvTable:
    """A CSV file as a table; or rows from the middle of one about which everything is *known*."""

    header_number: int
    header: Sequence[str]

    def __init__(self, source: Source, options: ReadOptions, known: CsvFacts | None = None) -> None:
        self.name: str = source.name
        self._limits = options.limits
        encoding = find_encoding(source, options.encoding) if known is None else Encoding(name=known.encoding)
        self.encoding: str = encoding.name
        if csv.field_size_limit() < options.limits.max_cell_length:
            csv.field_size_limit(options.limits.max_cell_length)  # it has no limit for one reader alone
        self._lines = Lines(source, encoding, max(_MIN_RECORD, 8 * options.limits.max_cell_length))
        self.start: Cursor = Cursor(number=1, offset=encoding.mark)
        self.delimiter: str = self._find_delimiter(options.delimiter) if known is None else known.delimiter
        self._lines.heads = (f"{self.delimiter}'", "\"'")
        self.header_number, self.header = (
            self._read_header(options.header_row) if known is None else (known.header_number, known.header)
        )
        # Broken quotes make the reader go back; all ways back together are no longer than the file.
        self._ways_back = max(source.size, _MIN_RECORD)
        if count_lines(source.file) > self._limits.max_rows:
            # Records may have several lines: they are counted once before any is used.
            for _ in self.read_chunks(_COUNTED):
                pass
            self._ways_back = max(source.size, _MIN_RECORD)

    @property
    def file_format(self) -> Literal["csv"]:
        """What kind of file it is."""
        return "csv"

    def read_chunks(self, size: int, start: Cursor | None = None) -> Iterator[Chunk]:
        """Yield the rows, *size* at a time, from *start* or from the first one on."""
        begin = start or self.start
        self._lines.seek(begin.offset, begin.number - 1)
        total = 0
        while True:
            chunk, is_last = self._read_chunk(size)
            total += len(chunk.rows) + len(chunk.faults)
            if total > self._limits.max_rows:
                reason = f"the file has more than the {self._limits.max_rows:,} rows that are allowed; split it"
                raise FileTooLargeError(self.name, reason)
            if chunk.rows or chunk.faults:
                yield chunk
            if is_last:
                return

    def _build_reader(self) -> Iterator[list[str]]:
        return csv.reader(self._lines, delimiter=self.delimiter, strict=True)

    def _read_chunk(  # noqa: C901  # hot: a call for each row would cost more than the row
        self, size: int
    ) -> tuple[Chunk, bool]:
        """Return the next rows, and whether they are the last."""
        reader = self._build_reader()
        lines, width, longest = self._lines, len(self.header), self._limits.max_cell_length
        numbers: list[int] = []
        rows: list[list[str]] = []
        faults: list[RowFault] = []
        is_last = False
        special = 0
        while (room := size - len(rows) - len(faults)) > 0:
            if not special and (plain := self._read_plain(min(room, _PIECE))):
                rows += plain
                numbers += range(lines.number - len(plain) + 1, lines.number + 1)
                continue
            special = (special or _PIECE) - 1
            number, offset = lines.number + 1, lines.offset
            lines.record = offset
            try:
                row = next(reader)
            except StopIteration:
                is_last = True
                break
            except (csv.Error, RecordTooLongError):
                faults.append(self._find_fault(offset, number))
                reader = self._build_reader()
                continue
            if len(row) != width or not row[0]:
                # Spaces may be a value, but not in a line that is no row of this table: an editor has left them there.
                if not any(row) or (len(row) != width and not any(map(str.strip, row))):
                    continue
                if len(row) > width and not any(row[width:]):
                    del row[width:]
                elif len(row) != width:
                    faults.append(self._build_ragged(number, row))
                    continue
            if lines.has_nul or lines.has_guard or lines.offset - offset > longest:
                if lines.has_guard:
                    row = [unguard(cell) if cell[:1] == "'" else cell for cell in row]
                fault = self._check_cells(number, row)
                lines.has_nul = lines.has_guard = False
                if fault is not None:
                    faults.append(fault)
                    continue
            numbers.append(number)
            rows.append(row)
        cursor = Cursor(number=lines.number + 1, offset=lines.offset)
        return Chunk(numbers=numbers, rows=rows, faults=faults, cursor=cursor), is_last

    def _read_plain(self, most: int) -> Sequence[list[str]]:
        """Return the next rows, *most* at most, if nothing in any of them is special; otherwise none."""
        lines = self._lines
        texts, size = lines.peek(most)
        rows = [text.split(self.delimiter) for text in texts]
        if (
            {*map(len, rows)} != {len(self.header)}
            or not all(map(any, rows))
            or len(max(texts, key=len)) > self._limits.max_cell_length
        ):
            rows, size = [], 0
        lines.seek(lines.offset + size, lines.number + len(rows))
        return rows

    def _build_ragged(self, number: int, row: Sequence[str]) -> RowFault:
        width = len(self.header)
        reason = f"the row has {len(row)} cells, and the header has {width}"
        column = self.header[len(row)] if len(row) < width else None
        value = None if len(row) < width else _shorten(self.delimiter.join(row[width:]))
        if value is not None:
            reason += f"; behind its last column stands {value!r}"
        cells = self._keep(map(unguard, row[:width]))
        return RowFault(number=number, column=column, value=value, reason=reason, code="ragged", cells=cells)

    def _keep(self, row: Iterable[str]) -> Sequence[object]:
        return keep_cells([*row], self._limits.max_cell_length)

    def _check_cells(self, number: int, row: Sequence[str]) -> RowFault | None:
        for column, cell in zip(self.header, row, strict=True):
            if len(cell) > self._limits.max_cell_length:
                return replace(self._build_too_long(number, column, cell), cells=self._keep(row))
            if "\0" in cell:
                reason, cells = "the cell holds a NUL character; remove it", self._keep(row)
                return RowFault(
                    number=number, column=column, value=_shorten(cell), reason=reason, code="nul", cells=cells
                )
        return None

    def _build_too_long(self, number: int, column: str | None, cell: str) -> RowFault:
        reason = f"the cell has {len(cell):,} characters, and {self._limits.max_cell_length:,} are allowed"
        return RowFault(number=number, column=column, value=_shorten(cell), reason=reason, code="too_long")

    def _find_fault(self, offset: int, number: int) -> RowFault:
        """Return why the record at *offset* cannot be read, and go to where the next one starts."""
        lines = self._lines
        self._ways_back -= lines.offset - offset
        if self._ways_back < 0:
            reason = (
                "too many quotes are opened and never closed; mend the file, or save it with quotes doubled in cells"
            )
            raise UnreadableFileError(self.name, reason, row=number)
        text = lines.read_record(offset)
        found = _scan(text, self.delimiter, self._limits.max_cell_length)
        lines.seek(offset, number - 1)
        lines.skip(text[: found.end].count("\n") or 1)
        column = self.header[found.column] if found.column < len(self.header) else None
        if found.code == "too_long":
            return self._build_too_long(number, column, found.cell)
        return RowFault(
            number=number, column=column, value=_shorten(found.cell), reason=_REASONS[found.code], code=found.code
        )

    def _find_delimiter(self, declared: str | None) -> str:
        """Return what divides cells; a first line such as ``sep=;`` says it, and is no row."""
        try:
            first = next(iter(self._lines), "")
        except RecordTooLongError:
            raise UnreadableFileError(self.name, "the first line is far too long to be a header", row=1) from None
        directive = _DIRECTIVE.fullmatch(first)
        if directive is not None:
            self.start = Cursor(number=2, offset=self._lines.offset)
        if declared is not None:
            if not can_divide(declared):
                reason = f"the declared delimiter {declared!r} is not one character that can divide cells"
                raise UnreadableFileError(self.name, reason)
            return declared
        return directive.group(1) if directive is not None else self._sniff()

    def _sniff(self) -> str:
        """Return the delimiter by which the first records look most alike."""
        self._lines.seek(self.start.offset, 0)
        sample: list[str] = []
        try:
            sample += islice(self._lines, _SNIFFED)
        except RecordTooLongError:
            return ","
        scores = {delimiter: _score(sample, delimiter) for delimiter in _DELIMITERS}
        return max(_DELIMITERS, key=lambda delimiter: scores[delimiter])

    def _read_header(self, wanted: int | None) -> tuple[int, Sequence[str]]:
        lines = self._lines
        lines.seek(self.start.offset, self.start.number - 1)
        reader = self._build_reader()
        while True:
            number = lines.number + 1
            lines.record = lines.offset
            try:
                row = next(reader)
            except StopIteration:
                break
            except (csv.Error, RecordTooLongError) as exc:
                reason = "the header cannot be read: a quote is opened and not closed, or a cell is far too long"
                raise UnreadableFileError(self.name, reason, row=number) from exc
            if lines.has_nul:
                reason = (
                    "there are NUL characters in the header; this is not a text file, or its encoding is another one"
                )
                raise UnreadableFileError(self.name, reason, row=number)
            if number >= wanted if wanted is not None else any(cell.strip() for cell in row):
                header = read_header(self.name, number, [unguard(cell) for cell in row])
                if not header:
                    break
                lines.has_guard = False
                self.start = Cursor(number=lines.number + 1, offset=lines.offset)
                return number, header
        reason = "there is no header" if wanted is None else f"there is no header in row {wanted}"
        raise UnreadableFileError(self.name, f"{reason}; the first row must name the columns")


_REASONS: Final = {
    "quote": 'a quote is opened in this row and not closed where a cell ends; double every quote inside a cell: ""',
    "line_break": "there is a single carriage return between the cells; put the cell in quotes",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What is wrong with a record: the place of the cell, and where the next record starts in the text."""

    code: str
    column: int
    cell: str
    end: int


def _scan(text: str, delimiter: str, longest: int) -> _Found:
    """Read the first record of *text* once more, slowly, to tell what the csv module could not take."""
    plain = re.compile(f"[^{re.escape(delimiter)}\r\n]*")
    quoted = re.compile(r'"[^"]*(?:""[^"]*)*"')
    place = column = 0
    too_long: tuple[int, str] | None = None
    while True:
        is_quoted = text.startswith('"', place)
        match = (quoted if is_quoted else plain).match(text, place)
        if match is None:
            return _Found(code="quote", column=column, cell=text[place : place + _SHOWN], end=0)
        cell = match.group()[1:-1].replace('""', '"') if is_quoted else match.group()
        if len(cell) > longest and too_long is None:
            too_long = column, cell
        start, place = place, match.end()
        after = text[place : place + 1]
        if after == delimiter:
            place += 1
            column += 1
        elif after in {"", "\n"} or text.startswith("\r\n", place):
            end = place + len(after) + (after == "\r")
            if too_long is not None:
                return _Found(code="too_long", column=too_long[0], cell=too_long[1], end=end)
            # Nothing is wrong with the record but that it never ends.
            return _Found(code="quote", column=column, cell=text[start : start + _SHOWN], end=0)
        else:
            code = "line_break" if after == "\r" else "quote"
            return _Found(code=code, column=column, cell=text[start : start + _SHOWN], end=0)


def _score(sample: Sequence[str], delimiter: str) -> tuple[float, int]:
    """Return how many records are as wide as the first, as a share, and how wide it is."""
    try:
        widths = [len(row) for row in csv.reader(sample, delimiter=delimiter) if any(row)]
    except csv.Error:
        return 0.0, 0
    if not widths or widths[0] < 2:  # noqa: PLR2004  # one column is no sign of a delimiter
        return 0.0, 0
    return sum(width == widths[0] for width in widths) / len(widths), widths[0]


def _shorten(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
