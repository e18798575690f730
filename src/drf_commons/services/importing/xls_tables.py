"""XLS files, read by python-calamine in a process of its own.

The format is a file system of the nineties, and its reader believes what it says about itself: a file of a few
kilobytes can ask for all the memory there is, and no exception tells of that. So the reader runs where its end does no
harm.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import IO, Final, Literal

from typing_extensions import override

from drf_commons.errors import MissingExtraError, UnreadableFileError
from drf_commons.services.importing import xls_process
from drf_commons.services.importing.number_formats import show_duration
from drf_commons.services.importing.sheets import CellFault, SheetRow, SheetTable, check_text
from drf_commons.services.importing.sources import Source
from drf_commons.services.importing.tables import ReadOptions

__all__ = ["XlsTable", "open_xls"]

#: Seconds of processor time; the largest sheet that the format can hold takes a part of that.
_SECONDS: Final = 30


class XlsTable(SheetTable):
    """One sheet of an XLS file as a table."""

    def __init__(self, source: Source, options: ReadOptions, rows: IO[bytes]) -> None:
        self._rows = rows
        super().__init__(source.name, options)

    @property
    @override
    def file_format(self) -> Literal["xls"]:
        return "xls"

    @override
    def guess_rows(self) -> int:
        self._rows.seek(0)
        return sum(1 for _ in self._rows) - self.header_number

    @override
    def iterate(self, *, first: int, width: int, is_header: bool) -> Iterator[SheetRow]:
        self._rows.seek(0)
        for number, line in enumerate(self._rows, 1):
            if number < first:
                continue
            cells: list[object] = [*map(_show, json.loads(line, object_hook=_restore))]
            while cells and cells[-1] is None:
                cells.pop()
            if cells:
                yield number, cells[:width], self._find_fault(cells, width)

    def _find_fault(self, cells: list[object], width: int) -> CellFault | None:
        for place, cell in enumerate(cells):
            if place >= width:
                return CellFault(place, cell, "", "ragged") if cell is not None else None
            if isinstance(cell, str):
                fault = check_text(place, cell, self._limits.max_cell_length)
                if fault is not None:
                    return fault
        return None


@contextmanager
def open_xls(source: Source, options: ReadOptions) -> Generator[XlsTable]:
    """Open *source* as a table; what its process has read is kept in a temporary file."""
    if importlib.util.find_spec("python_calamine") is None:
        msg = "XLS files are read with python-calamine: pip install 'drf-commons[import]'"
        raise MissingExtraError(msg)
    with tempfile.TemporaryFile() as rows:
        with tempfile.TemporaryFile() as copy:
            source.file.seek(0)
            shutil.copyfileobj(source.file, copy)
            copy.seek(0)
            status = _run(copy, rows, options)
        if status == xls_process.NO_SHEET:
            raise UnreadableFileError(source.name, f"there is no sheet {options.sheet or 0!r} in it")
        if status != xls_process.READ:
            reason = "the file is damaged, or reading it takes more than is allowed; save it as XLSX"
            raise UnreadableFileError(source.name, reason)
        yield XlsTable(source, options, rows)


def _run(file: IO[bytes], rows: IO[bytes], options: ReadOptions) -> int | None:
    """Let a process read *file* into *rows*, and return its status; ``None`` where it had to be stopped."""
    arguments = json.dumps([options.sheet, options.limits.max_xls_memory, _SECONDS])
    try:
        return subprocess.run(  # noqa: S603  # our own script
            # What can be imported here can be imported there, but for what lies beside the script.
            [sys.executable, "-P", Path(xls_process.__file__), arguments],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=file,
            stdout=rows,
            stderr=subprocess.DEVNULL,
            timeout=2 * _SECONDS,
            check=False,
        ).returncode
    except subprocess.TimeoutExpired:
        return None


def _restore(tagged: dict[str, object]) -> object:
    """Return the value that JSON has no notion of."""
    match tagged:
        case {"timedelta": [int(days), int(seconds), int(microseconds)]}:
            return timedelta(days, seconds, microseconds)
        case {"datetime": str(text)}:
            return datetime.fromisoformat(text)
        case {"date": str(text)}:
            return date.fromisoformat(text)
        case {"time": str(text)}:
            return time.fromisoformat(text)
        case _:
            raise ValueError(tagged)


def _show(cell: object) -> object:
    """Return a cell as it was shown."""
    if cell == "":
        return None
    if isinstance(cell, float) and cell.is_integer():
        return int(cell)
    return show_duration(cell) if isinstance(cell, timedelta) else cell
