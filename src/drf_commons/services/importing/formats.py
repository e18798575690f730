"""What kind of file it is, by its contents; its name has to agree."""

from __future__ import annotations

from pathlib import PurePath
from typing import Final

from drf_commons.errors import UnreadableFileError
from drf_commons.services.importing.archives import open_archive
from drf_commons.services.importing.sources import Source
from drf_commons.services.importing.tables import FileFormat, ReadLimits, ReadOptions

__all__ = ["find_format"]

_HEAD: Final = 1 << 16
_ZIP: Final = b"PK\x03\x04"
_EMPTY_ZIP: Final = b"PK\x05\x06"
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

#: What an extension promises.
_EXTENSIONS: Final[dict[str, FileFormat]] = {
    ".csv": "csv",
    ".ods": "ods",
    ".tsv": "csv",
    ".txt": "csv",
    ".xls": "xls",
    ".xlsm": "xlsx",  # its macros are not looked at
    ".xlsx": "xlsx",
}

#: How other kinds of file begin, to say more than "not a table".
_STRANGERS: Final[dict[bytes, str]] = {
    b"%PDF": "a PDF",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
    b"GIF8": "an image",
    b"\x1f\x8b": "a gzip archive; unpack it first",
    b"7z\xbc\xaf": "a 7z archive; unpack it first",
    b"Rar!": "a RAR archive; unpack it first",
}


def find_format(source: Source, options: ReadOptions) -> FileFormat:
    """Return what kind of file it is, by its contents; its name, and what is declared, must say the same."""
    found = _look_inside(source, options.limits)
    promised = _EXTENSIONS.get(PurePath(source.name).suffix.lower())
    if promised is not None and promised != found:
        reason = (
            f"its name says {promised.upper()}, but its contents are {found.upper()}; save it as {promised.upper()}"
        )
        raise UnreadableFileError(source.name, f"{reason} or rename it")
    if options.file_format is not None and options.file_format != found:
        wanted = options.file_format.upper()
        raise UnreadableFileError(source.name, f"its contents are {found.upper()}, and {wanted} is expected here")
    return found


def _look_inside(source: Source, limits: ReadLimits) -> FileFormat:
    source.file.seek(0)
    head = source.file.read(_HEAD)
    if head.startswith(_OLE):
        if "EncryptedPackage".encode("utf-16-le") in head:
            raise UnreadableFileError(source.name, "the file is protected by a password; save it without one")
        return "xls"
    if head.startswith((_ZIP, _EMPTY_ZIP)):
        return _look_into_archive(source, limits)
    for start, kind in _STRANGERS.items():
        if head.startswith(start):
            raise UnreadableFileError(source.name, f"this is {kind}, not CSV, XLSX, XLS or ODS")
    return "csv"


def _look_into_archive(source: Source, limits: ReadLimits) -> FileFormat:
    with open_archive(source, limits) as archive:
        names = archive.names
    if "xl/workbook.bin" in names:
        raise UnreadableFileError(source.name, "this is a binary workbook (XLSB); save it as XLSX")
    if "[Content_Types].xml" in names:
        return "xlsx"
    if "content.xml" in names:
        return "ods"
    raise UnreadableFileError(source.name, "this is an archive, not CSV, XLSX, XLS or ODS; unpack it first")
