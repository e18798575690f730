"""XLS files, read by python-calamine."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from typing_extensions import override

from drf_commons.errors import MissingExtraError, UnreadableFileError
from drf_commons.services.importing.number_formats import show_duration
from drf_commons.services.importing.sheets import CellFault, SheetRow, SheetTable, check_text
from drf_commons.services.importing.sources import Source
from drf_commons.services.importing.tables import ReadOptions

if TYPE_CHECKING:
    from python_calamine import CalamineSheet

__all__ = ["XlsTable"]


class XlsTable(SheetTable):
    """One sheet of an XLS file as a table. The format is from before 2007, its sheets are small and held in memory."""

    def __init__(self, source: Source, options: ReadOptions) -> None:
        self._sheet = _load(source, options.sheet)
        super().__init__(source.name, options)

    @property
    @override
    def file_format(self) -> Literal["xls"]:
        return "xls"

    @override
    def iterate(self, *, first: int, width: int, is_header: bool) -> Iterator[SheetRow]:
        _, left = self._sheet.start or (0, 0)
        for number, row in enumerate(self._sheet.iter_rows(), 1):
            if number < first:
                continue
            cells: list[object] = [*[None] * left, *map(_show, row)]
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


def _load(source: Source, wanted: str | int | None) -> CalamineSheet:
    try:
        from python_calamine import CalamineWorkbook  # noqa: PLC0415  # an extra
    except ImportError as exc:
        msg = "XLS files are read with python-calamine: pip install 'drf-commons[import]'"
        raise MissingExtraError(msg) from exc
    source.file.seek(0)
    try:
        book = CalamineWorkbook.from_filelike(source.file)
        visible = [sheet.name for sheet in book.sheets_metadata if str(sheet.visible).endswith(".Visible")]
        names = [*visible, *(name for name in book.sheet_names if name not in visible)]
        name = wanted if isinstance(wanted, str) else names[wanted or 0]
        return book.get_sheet_by_name(name)
    except IndexError as exc:
        raise UnreadableFileError(source.name, f"there is no sheet {wanted or 0} in it") from exc
    except BaseException as exc:
        # A fault that the library did not foresee arrives from outside the tree of exceptions.
        if not isinstance(exc, Exception) and type(exc).__module__ != "pyo3_runtime":
            raise
        what = f"there is no sheet {wanted!r} in it, or the file" if isinstance(wanted, str) else "the file"
        raise UnreadableFileError(source.name, f"{what} is damaged; save it as XLSX") from exc


def _show(cell: object) -> object:
    """Return a cell as it was shown."""
    if cell == "":
        return None
    if isinstance(cell, float) and cell.is_integer():
        return int(cell)
    return show_duration(cell) if isinstance(cell, timedelta) else cell
