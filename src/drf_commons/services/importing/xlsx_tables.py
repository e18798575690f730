"""XLSX files, read as a stream: nothing is kept but the texts that cells share, and nothing is ever calculated."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain, islice
from typing import Final, Literal

from typing_extensions import override

from drf_commons.services.importing.archives import Archive
from drf_commons.services.importing.markup import BLOCK
from drf_commons.services.importing.sheets import MAX_ROWS, SheetRow, SheetTable
from drf_commons.services.importing.tables import ReadOptions
from drf_commons.services.importing.workbooks import find_sheet, read_workbook
from drf_commons.services.importing.xlsx_cells import Scope
from drf_commons.services.importing.xlsx_rows import read_rows

__all__ = ["XlsxTable"]

_DIMENSION: Final = re.compile(rb'<(?:[a-z]+:)?dimension [^>]*ref="[A-Z0-9]*:[A-Z]{1,3}([0-9]{1,7})"')

#: How a row begins, with and without a prefix; all are as long.
_ROW_TAGS: Final = (b"<row", b":row")
_OVERLAP: Final = len(_ROW_TAGS[0]) - 1


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
    def guess_rows(self) -> int:
        """Return what the sheet says of itself; where it says nothing, how many tags of rows are in it."""
        blocks = self._archive.read_blocks(self._path, BLOCK)
        head = next(blocks, b"")
        found = _DIMENSION.search(head)
        if found:
            return int(found[1]) - self.header_number
        rows, rest = 0, b""
        for block in chain([head], blocks):
            rows += sum((rest + block).count(tag) for tag in _ROW_TAGS)
            rest = block[-_OVERLAP:]
        return rows or MAX_ROWS  # the header is a row: a sheet without the tag is in an encoding of its own

    @override
    def iterate(self, *, first: int, width: int, is_header: bool) -> Iterator[SheetRow]:
        longest = self._limits.max_cell_length
        scope = Scope(first=first, width=width, longest=longest, is_header=is_header)
        rows = read_rows(self._archive, self._path, self._workbook, scope)
        return islice(rows, 1) if is_header else rows
