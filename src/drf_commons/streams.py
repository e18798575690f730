"""Answers that are sent while they are made, under WSGI and ASGI alike."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterator, Mapping
from typing import Final

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest
from django.utils.http import content_disposition_header

__all__ = ["build_download_headers", "start", "stream"]

#: A file is somebody's: no browser guesses what it is, and no cache keeps it.
_SAFE: Final = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, no-store"}


def build_download_headers(name: str) -> Mapping[str, str]:
    """Return the headers of a file that is to be saved as *name*."""
    return {"Content-Disposition": str(content_disposition_header(as_attachment=True, filename=name)), **_SAFE}


def start(pieces: Iterator[bytes]) -> Generator[bytes]:
    """Return *pieces* with the first of them made, so that what fails at once is answered with the envelope."""
    started = _start(pieces)
    next(started)
    return started


def stream(request: HttpRequest, pieces: Iterator[bytes]) -> Iterator[bytes] | AsyncIterator[bytes]:
    """Return *pieces* as the server of *request* takes them."""
    return _stream_async(pieces) if isinstance(request, ASGIRequest) else pieces


async def _stream_async(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Yield *pieces*, each made where the request's other database work is done, the end of a generator included."""
    make = sync_to_async(lambda: next(pieces, None))
    try:
        while (piece := await make()) is not None:
            yield piece
    finally:
        if isinstance(pieces, Generator):
            await sync_to_async(pieces.close)()


def _start(pieces: Iterator[bytes]) -> Generator[bytes]:
    first = next(pieces, b"")
    yield b""  # to whoever starts it; a generator that is not started would not let go of its file when it is closed
    yield first
    yield from pieces
