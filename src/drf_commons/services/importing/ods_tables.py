"""ODS files, read as a stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from typing_extensions import override

from drf_commons.errors import UnreadableFileError
from drf_commons.services.importing.archives import Archive
from drf_commons.services.importing.ods_cells import read_cells
from drf_commons.services.importing.sheets import SheetRow, SheetTable
from drf_commons.services.importing.tables import ReadOptions

__all__ = ["OdsTable"]

_MANIFEST = "META-INF/manifest.xml"


class OdsTable(SheetTable):
    """One sheet of an ODS file as a table."""

    def __init__(self, archive: Archive, options: ReadOptions) -> None:
        self._archive = archive
        self._sheet = options.sheet
        if _MANIFEST in archive.names and any(
            b":encryption-data" in block for block in archive.read_blocks(_MANIFEST, 1 << 20)
        ):
            raise UnreadableFileError(archive.name, "the file is protected by a password; save it without one")
        super().__init__(archive.name, options)

    @property
    @override
    def file_format(self) -> Literal["ods"]:
        return "ods"

    @override
    def iterate(self, *, first: int, width: int, is_header: bool) -> Iterator[SheetRow]:
        return read_cells(
            self._archive,
            self._sheet,
            first=first,
            width=width,
            longest=self._limits.max_cell_length,
            is_header=is_header,
        )
