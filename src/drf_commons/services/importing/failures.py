"""The rows that failed, as a file of the same kind, with the reasons beside them: to be mended and sent again."""

from __future__ import annotations

import csv
import pickle
from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
from pathlib import PurePath
from tempfile import SpooledTemporaryFile
from typing import Any, Final, Literal, Self, TypeAlias, cast

from drf_commons.services.exporting.xlsx import Sheet, SheetColumn, write_workbook
from drf_commons.services.formulas import guard
from drf_commons.services.importing.cells import write_cell
from drf_commons.services.importing.headers import REASON_COLUMN, UNREAD_MARK
from drf_commons.services.importing.result import FailedRow
from drf_commons.services.importing.tables import UNREAD_CODES, Table, TableFormat

__all__ = ["FailedRowsFile", "FailedRowsFormat"]

#: What the rows are written as.
FailedRowsFormat: TypeAlias = Literal["csv", "xlsx"]

# Formats that are read and not written, and frames, become the one that holds the same values.
_FORMATS: Final[Mapping[TableFormat, FailedRowsFormat]] = {
    "csv": "csv",
    "dataframe": "xlsx",
    "ods": "xlsx",
    "xls": "xlsx",
    "xlsx": "xlsx",
}
_CONTENT_TYPES: Final[Mapping[FailedRowsFormat, str]] = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_MEMORY: Final = 1_000_000
_MAX_TEXT: Final = 32_767

_Row: TypeAlias = Sequence[object]


class FailedRowsFile:
    """Collects the rows of *table* that fail: give :meth:`add` to the service as ``on_failed``.

    The file has the columns of the table, and one more, :data:`REASON_COLUMN`, with every reason of the row. An import
    does not read that column, so the file can be mended and sent as it is. Rows are kept on disk, not in memory.
    """

    def __init__(self, table: Table) -> None:
        #: How many rows have failed so far.
        self.count: int = 0
        self._header = [name for name in table.header if name != REASON_COLUMN]
        self._places = [place for place, name in enumerate(table.header) if name != REASON_COLUMN]
        self._format: FailedRowsFormat = _FORMATS[table.file_format]
        self._stem = PurePath(table.name).stem
        self._encoding = table.encoding or "utf-8"
        self._delimiter = table.delimiter or ","
        self._kept = SpooledTemporaryFile(max_size=_MEMORY)  # noqa: SIM115  # it is closed with the file

    @property
    def file_format(self) -> FailedRowsFormat:
        """What the rows are written as: that of the table, and XLSX for a table that is neither CSV nor XLSX."""
        return self._format

    @property
    def name(self) -> str:
        """What to call the file: ``employees-failed.csv``."""
        return f"{self._stem}-failed.{self._format}"

    @property
    def content_type(self) -> str:
        """What kind of file it is, for HTTP."""
        return _CONTENT_TYPES[self._format]

    def add(self, rows: Sequence[FailedRow]) -> None:
        """Keep *rows*; one that could not be read has the cells that could be, and is to be looked at."""
        kept = [[*self._get_cells(row), _explain(row)] for row in rows]
        pickle.dump(kept, self._kept, protocol=pickle.HIGHEST_PROTOCOL)
        self.count += len(rows)

    def write(self) -> Iterator[bytes]:
        """Yield the file, block by block."""
        return self._write_csv() if self._format == "csv" else self._write_xlsx()

    def close(self) -> None:
        """Forget the rows."""
        self._kept.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _get_cells(self, row: FailedRow) -> _Row:
        cells = row.cells
        return [cells[place] if place < len(cells) else None for place in self._places]

    def _read(self) -> Iterator[Sequence[_Row]]:
        end = self._kept.tell()
        self._kept.seek(0)
        while self._kept.tell() < end:
            yield cast("Sequence[_Row]", pickle.load(self._kept))  # noqa: S301  # written by add(), seen by nobody else
        self._kept.seek(end)

    def _write_csv(self) -> Iterator[bytes]:
        buffer = StringIO(newline="")
        writer = csv.writer(buffer, delimiter=self._delimiter)
        writer.writerow(map(guard, [*self._header, REASON_COLUMN]))
        mark = "\ufeff" if self._encoding.startswith("utf-16") else ""
        # What a reason quotes may be beyond the encoding of the file.
        yield (mark + buffer.getvalue()).encode(self._encoding, "replace")
        for rows in self._read():
            buffer.seek(0)
            buffer.truncate()
            writer.writerows([guard(write_cell(cell)) for cell in row] for row in rows)
            yield buffer.getvalue().encode(self._encoding, "replace")

    def _write_xlsx(self) -> Iterator[bytes]:
        columns = [*(SheetColumn(header=name) for name in self._header), SheetColumn(header=REASON_COLUMN, width=60)]
        blocks = ([[_cut(cell) for cell in row] for row in rows] for rows in self._read())
        return write_workbook([Sheet(name="Failed rows", columns=columns, blocks=blocks)])


def _explain(row: FailedRow) -> str:
    """Return every reason in one cell, with the number that the row had; of one that comes back as it went its own."""
    if unmended := [error.value for error in row.errors if error.code == "unread"]:
        return str(unmended[0])
    reasons = [f"{error.column}: {error.reason}" if error.column else error.reason for error in row.errors]
    mark = f"{UNREAD_MARK} " if any(error.code in UNREAD_CODES for error in row.errors) else ""
    return f"{mark}Row {row.number}. {'; '.join(reasons)}"


def _cut(cell: Any) -> object:
    return cell[:_MAX_TEXT] if isinstance(cell, str) else cell
