"""Files as tables: a header and chunks of rows, whatever the format, each row with the number a person sees."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Literal, Protocol, TypeAlias, assert_never, cast

from drf_commons.conf import get_settings

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = [
    "UNREAD_CODES",
    "UNSTORABLE",
    "Chunk",
    "Cursor",
    "FileFormat",
    "ReadLimits",
    "ReadOptions",
    "RowFault",
    "Table",
    "TableFormat",
    "TableSource",
    "keep_cells",
    "open_table",
]

#: The kinds of file that can be imported.
FileFormat: TypeAlias = Literal["csv", "xlsx", "xls", "ods"]

#: Where a table can come from: a file, or what pandas has read.
TableFormat: TypeAlias = Literal["csv", "xlsx", "xls", "ods", "dataframe"]

#: What :func:`open_table` takes: an open binary file (an upload is one), a path, or a pandas ``DataFrame``.
TableSource: TypeAlias = "IO[bytes] | Path | DataFrame"


#: Why a row cannot be read; ``unread`` is one that comes back from a file of failed rows as it went.
UNREAD_CODES: Final = frozenset(
    {"ragged", "too_long", "nul", "quote", "line_break", "error_cell", "invalid_cell", "unread"}
)

#: What a file may have in its cells, and neither a file of failed rows nor every database takes.
UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadLimits:
    """What a file may cost; beyond it the file is refused with an error that names the limit."""

    max_bytes: int = field(default_factory=lambda: get_settings().IMPORT_MAX_FILE_SIZE)
    max_rows: int = field(default_factory=lambda: get_settings().IMPORT_MAX_ROWS)
    #: Characters in one cell; a longer one is a fault of its row.
    max_cell_length: int = field(default_factory=lambda: get_settings().IMPORT_MAX_CELL_LENGTH)
    #: Bytes of everything in an archive (XLSX, ODS), counted while it is unpacked, whatever its directory says.
    max_unpacked_bytes: int = 2_000_000_000
    #: How many times larger than the file its contents may be.
    max_ratio: int = 200
    #: Files in an archive.
    max_entries: int = 2_000
    #: Bytes of memory for the process that reads an XLS file, where the system can limit that.
    max_xls_memory: int = 512_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """How a file is read; what is ``None`` is found out from the file."""

    #: The only kind of file that is taken.
    file_format: FileFormat | None = None
    #: Of a CSV file: any encoding Python knows in which the ASCII characters are single bytes, or UTF-16.
    encoding: str | None = None
    #: Of a CSV file: one character.
    delimiter: str | None = None
    #: The name of a sheet, or its place, from 0; the first one by default.
    sheet: str | int | None = None
    #: The number of the row with the header, as a person sees it; the first row that is not blank by default.
    header_row: int | None = None
    limits: ReadLimits = field(default_factory=ReadLimits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """A place between two rows, from which reading can go on later, in another process too."""

    #: The smallest number that the next row can have.
    number: int
    #: Bytes from the start of a CSV file; 0 for others.
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFault:
    """Why a row could not be read."""

    #: The row's number, as a person sees it.
    number: int
    #: The header of the cell at fault, where it is one cell's.
    column: str | None
    #: What stands there, cut short where it is long.
    value: object
    reason: str
    #: One of :data:`UNREAD_CODES`.
    code: str
    #: What could be read of the row, as far as the header goes: what :func:`keep_cells` returns, or nothing.
    cells: Sequence[object] = ()


def keep_cells(cells: Sequence[object], longest: int) -> Sequence[object]:
    """Return *cells* of a row that could not be read, to be mended: fit for any file, and none that is too long."""
    return [
        cell if not isinstance(cell, str) else UNSTORABLE.sub("\ufffd", cell) if len(cell) <= longest else None
        for cell in cells
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Some rows of a table, and those between them that could not be read. Blank rows are left out."""

    #: The number of each row as a person sees it: the row of the sheet, or the line on which the record starts.
    numbers: Sequence[int]
    #: Each row has exactly as many cells as the header. A cell of a text format is a ``str``. One of a sheet is a
    #: ``str``, ``int``, ``float``, ``bool``, ``date``, ``datetime``, ``time`` or ``None``, as it was shown: a share
    #: is text such as ``"12.5%"``, a number shown with leading zeros is text such as ``"007"``, and so is a duration.
    rows: Sequence[Sequence[object]]
    faults: Sequence[RowFault]
    #: Where the next chunk begins.
    cursor: Cursor


class Table(Protocol):
    """A header and its rows."""

    @property
    def name(self) -> str:
        """The file's name, for messages."""
        ...

    @property
    def file_format(self) -> TableFormat:
        """What kind of file it is."""
        ...

    @property
    def header(self) -> Sequence[str]:
        """The names of the columns, stripped; none is blank and no two are the same."""
        ...

    @property
    def header_number(self) -> int:
        """The number of the header's row."""
        ...

    @property
    def encoding(self) -> str | None:
        """How a CSV file is encoded, found out or declared."""
        ...

    @property
    def delimiter(self) -> str | None:
        """What stands between two cells of a CSV file."""
        ...

    @property
    def start(self) -> Cursor:
        """Where the rows begin."""
        ...

    def read_chunks(self, size: int, start: Cursor | None = None) -> Iterator[Chunk]:
        """Yield the rows, *size* at a time, from *start* or from the first one on."""
        ...


def open_table(
    source: TableSource, *, name: str | None = None, options: ReadOptions | None = None
) -> AbstractContextManager[Table]:
    """Open *source* as a table; *name* is what messages call it, and its extension has to tell the truth.

    Raises :class:`~drf_commons.errors.UnreadableFileError` where the file as a whole cannot be read, and
    :class:`~drf_commons.errors.FileTooLargeError` where it is beyond a limit, on opening or while it is read.
    A format whose libraries are not installed is a :class:`~drf_commons.errors.MissingExtraError`.
    """
    return _open(source, name, options or ReadOptions())


@contextmanager
def _open(source: TableSource, name: str | None, options: ReadOptions) -> Generator[Table]:
    # The readers know the classes above.
    from drf_commons.services.importing import archives, formats, sources  # noqa: PLC0415
    from drf_commons.services.importing.csv_tables import CsvTable  # noqa: PLC0415
    from drf_commons.services.importing.dataframe_tables import DataFrameTable  # noqa: PLC0415
    from drf_commons.services.importing.ods_tables import OdsTable  # noqa: PLC0415
    from drf_commons.services.importing.xls_tables import open_xls  # noqa: PLC0415
    from drf_commons.services.importing.xlsx_tables import XlsxTable  # noqa: PLC0415

    if not isinstance(source, Path) and not hasattr(source, "read"):
        yield DataFrameTable(cast("DataFrame", source), name or "DataFrame", options)
        return
    with sources.open_source(cast("IO[bytes] | Path", source), name, options.limits) as opened:
        file_format = formats.find_format(opened, options)
        match file_format:
            case "csv":
                yield CsvTable(opened, options)
            case "xls":
                with open_xls(opened, options) as table:
                    yield table
            case "xlsx" | "ods":
                with archives.open_archive(opened, options.limits) as archive:
                    yield XlsxTable(archive, options) if file_format == "xlsx" else OdsTable(archive, options)
            case _:
                assert_never(file_format)
