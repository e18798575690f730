"""Answers that are sent while they are made, under WSGI and ASGI alike."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest

__all__ = ["stream"]


def stream(request: HttpRequest, pieces: Generator[bytes]) -> Generator[bytes] | AsyncIterator[bytes]:
    """Return *pieces* as the server of *request* takes them."""
    return _stream_async(pieces) if isinstance(request, ASGIRequest) else pieces


async def _stream_async(pieces: Generator[bytes]) -> AsyncIterator[bytes]:
    """Yield *pieces*, each made where the request's other database work is done, its end included."""
    make = sync_to_async(lambda: next(pieces, None))
    try:
        while (piece := await make()) is not None:
            yield piece
    finally:
        await sync_to_async(pieces.close)()
