"""XLSX files, read as a stream: nothing is kept but the texts that cells share, and nothing is ever calculated."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final, Literal

from typing_extensions import override

from drf_commons.services.importing.archives import Archive
from drf_commons.services.importing.markup import BLOCK
from drf_commons.services.importing.sheets import SheetRow, SheetTable
from drf_commons.services.importing.tables import ReadOptions
from drf_commons.services.importing.workbooks import find_sheet, read_workbook
from drf_commons.services.importing.xlsx_cells import Scope
from drf_commons.services.importing.xlsx_rows import read_rows

__all__ = ["XlsxTable"]

_DIMENSION: Final = re.compile(rb'<(?:[a-z]+:)?dimension [^>]*ref="[A-Z0-9]*:[A-Z]{1,3}([0-9]{1,7})"')


class XlsxTable(SheetTable):
    """One sheet of an XLSX file as a table. Macros and links to other files are left alone."""

    def __init__(self, archive: Archive, options: ReadOptions) -> None:
        self._archive = archive
        self._workbook = read_workbook(archive)
        self._path = find_sheet(archive, self._workbook, options.sheet)
        super().__init__(archive.name, options)

    @property
    @override
    def file_format(self) -> Literal["xlsx"]:
        return "xlsx"

    @override
    def guess_last(self) -> int:
        """Return what the sheet says of itself."""
        head = next(self._archive.read_blocks(self._path, BLOCK), b"")
        found = _DIMENSION.search(head)
        return int(found[1]) if found else 0

    @override
    def iterate(self, *, first: int, width: int, is_header: bool) -> Iterator[SheetRow]:
        longest = self._limits.max_cell_length
        scope = Scope(first=first, width=width, longest=longest, is_header=is_header)
        rows = read_rows(self._archive, self._path, self._workbook, scope)
        return islice(rows, 1) if is_header else rows
