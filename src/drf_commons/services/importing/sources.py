"""Where the bytes come from: bounded, and seekable."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import IO, Final

from drf_commons.errors import FileTooLargeError, UnreadableFileError
from drf_commons.services.importing.tables import ReadLimits

__all__ = ["Source", "open_source"]

_BLOCK: Final = 1 << 16


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
