"""ODS files, read as a stream."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal

from typing_extensions import override

from drf_commons.errors import UnreadableFileError
from drf_commons.services.importing.archives import Archive
from drf_commons.services.importing.markup import BLOCK
from drf_commons.services.importing.ods_cells import CONTENT, read_cells
from drf_commons.services.importing.sheets import MAX_ROWS, SheetRow, SheetTable
from drf_commons.services.importing.tables import ReadOptions

__all__ = ["OdsTable"]

_MANIFEST: Final = "META-INF/manifest.xml"
_MAX_ROW: Final = 1_000_000
_ROW_START: Final = b"<table:table-row"
_ROW_END: Final = b"</table:table-row>"
#: A row that stands for many, with what is in it.
_REPEATED: Final = re.compile(
    rb'<table:table-row\s[^<>]*?table:number-rows-repeated="([0-9]{1,9})"[^<>]*>(.*?)</table:table-row>', re.DOTALL
)
#: What no row goes without in which something stands; files end with a million rows in which nothing does.
_FILLED: Final = (b"office:", b"text:", b"calcext:")


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
    def guess_rows(self) -> int:
        """Return how many rows with something in them are in the file, in all of its sheets."""
        rows, rest = 0, b""
        for block in self._archive.read_blocks(CONTENT, BLOCK):
            rest += block
            end = rest.rfind(_ROW_END) + len(_ROW_END)
            if end >= len(_ROW_END):
                rows += _count_rows(rest[:end])
                rest = rest[end:]
            elif len(rest) > _MAX_ROW:
                return MAX_ROWS
        return rows or MAX_ROWS  # the header is a row: a file without the tag is in an encoding of its own

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


def _count_rows(xml: bytes) -> int:
    """Return how many rows *xml* stands for, without those in which nothing stands; more where it is spelled oddly."""
    repeated: list[tuple[bytes, bytes]] = _REPEATED.findall(xml)
    if len(repeated) < xml.count(b"number-rows-repeated"):
        return MAX_ROWS
    more = sum(int(times) for times, cells in repeated if any(mark in cells for mark in _FILLED))
    return xml.count(_ROW_START) + more
