"""Keeps what a middleware has set up while a streaming response is read, after the middleware has returned."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from django.http import FileResponse, HttpResponseBase, StreamingHttpResponse

__all__ = ["Scope", "keep_scope"]


class Scope(Protocol):
    """What a middleware sets up for one request, in as many stretches as are needed."""

    def active(self) -> AbstractContextManager[None]:
        """Set it up for the length of a block."""
        ...


def keep_scope(response: HttpResponseBase, scope: Scope, on_close: Callable[[], None] | None = None) -> bool:
    """Have *scope* active in each step of a streaming response, and tell whether *response* is one.

    *on_close* is called once such a response is closed: at its end, or when its client has gone away.
    """
    if not isinstance(response, StreamingHttpResponse) or _is_sent_by_server(response):
        return False
    # The view's own iterator: streaming_content holds the response, which would then hold itself, and a stream whose
    # client has gone away would stay open until the garbage collector comes round.
    content = vars(response)["_iterator"]
    if response.is_async:
        response.streaming_content = _iterate_async(content, scope)
    else:
        response.streaming_content = _iterate(content, scope)
    if on_close is not None or not response.is_async:
        response.close = _build_close(response, scope, on_close)  # type: ignore[method-assign]  # of this response alone
    return True


def _is_sent_by_server(response: StreamingHttpResponse) -> bool:
    """Tell a real file: reading it needs no scope, and wrapped it could not go to the server's sendfile any more."""
    return isinstance(response, FileResponse) and response.file_to_stream is not None


def _build_close(
    response: StreamingHttpResponse, scope: Scope, on_close: Callable[[], None] | None
) -> Callable[[], None]:
    """Have the scope active while a generator that nobody has read to its end runs what is left, its ``finally``."""
    close = response.close

    def close_in_scope() -> None:
        vars(response).pop("close", None)  # once is enough, and until then the response refers to itself
        with scope.active():
            try:
                close()
            finally:
                if on_close is not None:
                    on_close()

    return close_in_scope


# The scope is active during each step and not between steps, when the code of the server runs.


def _iterate(content: Iterator[object], scope: Scope) -> Generator[object]:
    while True:
        with scope.active():
            try:
                chunk = next(content)
            except StopIteration:
                return
        yield chunk


async def _iterate_async(content: AsyncIterator[object], scope: Scope) -> AsyncGenerator[object]:
    try:
        while True:
            with scope.active():
                try:
                    chunk = await anext(content)
                except StopAsyncIteration:
                    return
            yield chunk
    finally:
        if isinstance(content, AsyncGenerator):
            with scope.active():
                await content.aclose()
