"""Archives that spreadsheets are kept in, bounded before and while they are unpacked."""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import IO, Final

from drf_commons.errors import FileTooLargeError, UnreadableFileError
from drf_commons.services.importing.sources import Source
from drf_commons.services.importing.tables import ReadLimits

__all__ = ["Archive", "open_archive"]

_END: Final = struct.Struct("<4s4H2LH")
_LOCATOR: Final = struct.Struct("<4sLQL")
_END64: Final = struct.Struct("<4sQ2H2L4Q")
_COMMENT: Final = 1 << 16
#: Bytes that the directory says of one file, name included; what real writers need is a tenth of it.
_ENTRY: Final = 1_024
#: Below this, a file may be as compressible as it likes.
_SMALL: Final = 10_000_000
_DAMAGES: Final = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, OSError)
_METHODS: Final = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_IS_ENCRYPTED: Final = 1


class Archive:
    """An archive whose files are read as streams, no further than the limits."""

    def __init__(self, source: Source, archive: zipfile.ZipFile, limits: ReadLimits) -> None:
        self.name: str = source.name
        self._archive = archive
        self._limits = limits
        self.size: int = source.size
        self.names: set[str] = {*archive.namelist()}

    def read_blocks(self, path: str, size: int) -> Iterator[bytes]:
        """Yield the contents of the file at *path*, counted as they come out."""
        unpacked = 0
        with self._open(path) as file:
            while block := self._read(file, size):
                unpacked += len(block)
                self._check(unpacked)
                yield block

    def check_declared(self) -> None:
        """Refuse what the directory says is too large, before anything is unpacked."""
        infos = self._archive.infolist()
        if len(infos) > self._limits.max_entries:
            raise _refuse_entries(self.name, self._limits)
        self._check(sum(info.file_size for info in infos))
        if any(info.flag_bits & _IS_ENCRYPTED for info in infos):
            raise UnreadableFileError(self.name, "the file is protected by a password; save it without one")
        if any(info.compress_type not in _METHODS for info in infos):
            raise UnreadableFileError(self.name, "the file is compressed in a way that spreadsheets never are")

    def _check(self, unpacked: int) -> None:
        if unpacked > self._limits.max_unpacked_bytes:
            reason = f"its contents are larger than the {self._limits.max_unpacked_bytes:,} bytes that are allowed"
            raise FileTooLargeError(self.name, reason)
        if unpacked > _SMALL and unpacked > self.size * self._limits.max_ratio:
            reason = f"its contents are more than {self._limits.max_ratio} times larger than the file; it is not opened"
            raise FileTooLargeError(self.name, reason)

    def _open(self, path: str) -> IO[bytes]:
        try:
            return self._archive.open(path)
        except (KeyError, RuntimeError, *_DAMAGES) as exc:
            raise UnreadableFileError(self.name, f"{path} is missing in it, or damaged; save the file again") from exc

    def _read(self, file: IO[bytes], size: int) -> bytes:
        try:
            return file.read(size)
        except (RuntimeError, *_DAMAGES) as exc:
            raise _refuse_damage(self.name) from exc


@contextmanager
def open_archive(source: Source, limits: ReadLimits) -> Generator[Archive]:
    """Open *source* as an archive; one that is beyond a limit is refused before its directory is read."""
    try:
        entries, size = _read_end(source)
    except _DAMAGES as exc:
        raise _refuse_damage(source.name) from exc
    if entries > limits.max_entries or size > limits.max_entries * _ENTRY:
        raise _refuse_entries(source.name, limits)
    source.file.seek(0)
    try:
        zipped = zipfile.ZipFile(source.file)
    except (NotImplementedError, *_DAMAGES) as exc:
        raise _refuse_damage(source.name) from exc
    with zipped:
        archive = Archive(source, zipped, limits)
        archive.check_declared()
        yield archive


def _read_end(source: Source) -> tuple[int, int]:
    """Return how many files the directory has, and its size, from the record that zipfile will go by."""
    file = source.file
    start = max(0, source.size - _COMMENT - _END.size)
    file.seek(start)
    tail = file.read()
    place = len(tail) - _END.size
    if place < 0 or not tail.startswith(b"PK\5\6", place) or tail[-2:] != b"\0\0":
        place = tail.rfind(b"PK\5\6")
    _, _, _, _, entries, size, _, _ = _END.unpack_from(tail, place) if place >= 0 else _fail()
    place += start - _LOCATOR.size
    if place >= 0:
        file.seek(place)
        mark, _, offset, _ = _LOCATOR.unpack(file.read(_LOCATOR.size))
        if mark == b"PK\6\7":
            # zipfile looks right before the locator, or where it points, depending on its version: both have to do.
            for where in {offset, place - _END64.size}:
                file.seek(min(where, source.size), os.SEEK_SET)
                record = file.read(_END64.size)
                if record.startswith(b"PK\6\6") and len(record) == _END64.size:
                    *_, more, larger, _ = _END64.unpack(record)
                    entries, size = max(entries, more), max(size, larger)
    return entries, size


def _fail() -> tuple[bytes, int, int, int, int, int, int, int]:
    raise zipfile.BadZipFile


def _refuse_damage(name: str) -> UnreadableFileError:
    return UnreadableFileError(name, "the file is damaged or cut short; save or send it again")


def _refuse_entries(name: str, limits: ReadLimits) -> FileTooLargeError:
    return FileTooLargeError(
        name, f"it holds more than the {limits.max_entries:,} files that are allowed in an archive"
    )
