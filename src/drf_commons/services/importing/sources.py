"""Where the bytes come from: bounded, seekable, and of the kind that their name says."""

from __future__ import annotations

import io
import os
import tempfile
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import IO, Final

from drf_commons.errors import FileTooLargeError, UnreadableFileError
from drf_commons.services.importing.tables import FileFormat, ReadLimits, ReadOptions

__all__ = ["Source", "find_format", "open_source"]

_BLOCK: Final = 1 << 16
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """An open file at its start, the name that messages call it, and its size."""

    file: IO[bytes]
    name: str
    size: int


@contextmanager
def open_source(source: IO[bytes] | Path, name: str | None, limits: ReadLimits) -> Generator[Source]:
    """Open *source*; what cannot be sought in is copied into a temporary file. The caller's own file stays open."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            yield _measure(file, name or source.name, limits)
        return
    shown = name or PurePath(str(getattr(source, "name", None) or "file")).name
    if source.seekable():
        yield _measure(source, shown, limits)
        return
    with tempfile.TemporaryFile() as copy:
        copied = 0
        while block := source.read(_BLOCK):
            copied += len(block)
            _check_size(copied, shown, limits)
            copy.write(block)
        yield _measure(copy, shown, limits)


def find_format(source: Source, options: ReadOptions) -> FileFormat:
    """Return what kind of file it is, by its contents; its name, and what is declared, must say the same."""
    found = _look_inside(source)
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


def _measure(file: IO[bytes], name: str, limits: ReadLimits) -> Source:
    size = file.seek(0, os.SEEK_END)
    _check_size(size, name, limits)
    file.seek(0)
    if size == 0:
        raise UnreadableFileError(name, "the file is empty")
    return Source(file=file, name=name, size=size)


def _check_size(size: int, name: str, limits: ReadLimits) -> None:
    if size > limits.max_bytes:
        raise FileTooLargeError(name, f"the file is larger than the {limits.max_bytes:,} bytes that are allowed")


def _look_inside(source: Source) -> FileFormat:
    head = source.file.read(_BLOCK)
    source.file.seek(0)
    if head.startswith(_OLE):
        if "EncryptedPackage".encode("utf-16-le") in head:
            raise UnreadableFileError(source.name, "the file is protected by a password; save it without one")
        return "xls"
    if head.startswith((_ZIP, _EMPTY_ZIP)):
        return _look_into_archive(source)
    for start, kind in _STRANGERS.items():
        if head.startswith(start):
            raise UnreadableFileError(source.name, f"this is {kind}, not CSV, XLSX, XLS or ODS")
    return "csv"


def _look_into_archive(source: Source) -> FileFormat:
    try:
        with zipfile.ZipFile(source.file) as archive:
            names = {*archive.namelist()}
    except (zipfile.BadZipFile, ValueError, OSError, io.UnsupportedOperation, NotImplementedError) as exc:
        raise UnreadableFileError(source.name, "the file is damaged or cut short; save or send it again") from exc
    finally:
        source.file.seek(0)
    if "xl/workbook.bin" in names:
        raise UnreadableFileError(source.name, "this is a binary workbook (XLSB); save it as XLSX")
    if "[Content_Types].xml" in names:
        return "xlsx"
    if "content.xml" in names:
        return "ods"
    raise UnreadableFileError(source.name, "this is an archive, not CSV, XLSX, XLS or ODS; unpack it first")
