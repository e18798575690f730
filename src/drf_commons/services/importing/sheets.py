"""What all sheets have in common: a header somewhere, rows with numbers, and cells that may be missing at the end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from drf_commons.errors import FileTooLargeError, UnreadableFileError
from drf_commons.services.importing.headers import name_column, read_header
from drf_commons.services.importing.tables import Chunk, Cursor, ReadOptions, RowFault, keep_cells

__all__ = ["MAX_COLUMNS", "MAX_ROWS", "CellFault", "SheetRow", "SheetTable", "check_text", "shorten"]

#: What a sheet can hold.
MAX_COLUMNS: Final = 16_384
MAX_ROWS: Final = 1_048_576

_SHOWN: Final = 60
#: Rows that are held at once while a sheet is only counted.
_COUNTED: Final = 500


@dataclass(frozen=True, slots=True)
class CellFault:
    """Why a cell cannot be read, by its place in the row."""

    place: int
    value: object
    reason: str
    code: str


#: A row's number, its cells up to the last that is filled, and the first fault among them.
SheetRow: TypeAlias = tuple[int, list[object], CellFault | None]


def shorten(text: str) -> str:
    """Return the beginning of a text that is too long to be shown."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def check_text(place: int, text: str, longest: int) -> CellFault | None:
    """Return what is wrong with a text, whatever the format."""
    if len(text) > longest:
        reason = f"the cell has {len(text):,} characters, and {longest:,} are allowed"
        return CellFault(place, shorten(text), reason, "too_long")
    if "\0" in text:
        return CellFault(place, shorten(text), "the cell holds a NUL character; remove it", "nul")
    return None


class SheetTable(ABC):
    """A sheet as a table; a format says how its rows are found."""

    encoding: None = None
    delimiter: None = None
    header_number: int
    header: Sequence[str]

    def __init__(self, name: str, options: ReadOptions) -> None:
        self.name = name
        self._limits = options.limits
        self.header_number, self.header = self._read_header(options.header_row)
        if self.guess_rows() > self._limits.max_rows:
            for _ in self.read_chunks(_COUNTED):
                pass  # it refuses one row too many

    @property
    def start(self) -> Cursor:
        """Where the rows begin."""
        return Cursor(number=self.header_number + 1)

    @property
    @abstractmethod
    def file_format(self) -> Literal["xlsx", "xls", "ods", "dataframe"]:
        """What kind of file it is."""

    @abstractmethod
    def guess_rows(self) -> int:
        """Return how many rows there are below the header, at most, as far as that can be told without reading them.

        A sheet that seems to have too many is read once to be counted, so that it is refused before any is used.
        """

    @abstractmethod
    def iterate(self, *, first: int, width: int, is_header: bool) -> Iterator[SheetRow]:
        """Yield the rows that are not blank, from the number *first* on.

        A cell beyond *width* may be left out when it is blank, and is a fault otherwise. For the header only the first
        row is asked for.
        """

    def read_chunks(self, size: int, start: Cursor | None = None) -> Iterator[Chunk]:
        """Yield the rows, *size* at a time, from *start* or from the first one on."""
        first = (start or self.start).number
        width, most = len(self.header), self._limits.max_rows
        numbers: list[int] = []
        rows: list[list[object]] = []
        faults: list[RowFault] = []
        total = 0
        for number, cells, fault in self.iterate(first=first, width=width, is_header=False):
            if fault is None:
                missing = width - len(cells)
                if missing:
                    cells.extend([None] * missing)
                numbers.append(number)
                rows.append(cells)
            else:
                faults.append(self._build_fault(number, cells, fault))
            if len(rows) + len(faults) >= size:
                total += size
                self._check_total(total, most)
                yield _build_chunk(numbers, rows, faults, number)
                numbers, rows, faults = [], [], []
        if rows or faults:
            self._check_total(total + len(rows) + len(faults), most)
            yield _build_chunk(numbers, rows, faults, max([*numbers[-1:], *(fault.number for fault in faults[-1:])]))

    def _check_total(self, total: int, most: int) -> None:
        if total > most:
            raise FileTooLargeError(self.name, f"the file has more than the {most:,} rows that are allowed; split it")

    def _build_fault(self, number: int, cells: list[object], fault: CellFault) -> RowFault:
        is_inside = fault.place < len(self.header)
        kept = [*cells, *[None] * (len(self.header) - len(cells))]
        if is_inside:
            # Half of a text must not be taken for all of it.
            is_whole = not isinstance(fault.value, str) or len(fault.value) <= _SHOWN
            kept[fault.place] = fault.value if is_whole else None
        column = self.header[fault.place] if is_inside else None
        reason, code = fault.reason, fault.code
        if not is_inside:
            reason = f"column {name_column(fault.place)} has no header, and the cell in it is not blank"
            code = "ragged"
            if fault.value is not None:
                reason += f": {shorten(str(fault.value))!r}"
        found = keep_cells(kept, self._limits.max_cell_length)
        return RowFault(number=number, column=column, value=fault.value, reason=reason, code=code, cells=found)

    def _read_header(self, wanted: int | None) -> tuple[int, Sequence[str]]:
        for number, cells, fault in self.iterate(first=wanted or 1, width=MAX_COLUMNS, is_header=True):
            if wanted is not None and number != wanted:
                break
            if fault is not None:
                where = f"the header in column {name_column(fault.place)} cannot be read"
                raise UnreadableFileError(self.name, f"{where}: {fault.reason}", row=number)
            header = read_header(self.name, number, cells)
            if header:
                return number, header
        reason = "there is no header" if wanted is None else f"there is no header in row {wanted}"
        raise UnreadableFileError(self.name, f"{reason}; the first row must name the columns")


def _build_chunk(numbers: list[int], rows: list[list[object]], faults: list[RowFault], last: int) -> Chunk:
    return Chunk(numbers=numbers, rows=rows, faults=faults, cursor=Cursor(number=last + 1))
