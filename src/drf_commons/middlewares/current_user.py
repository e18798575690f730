"""Makes the request's user known to code that has no request at hand."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator
from typing import Final, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import FileResponse, HttpRequest, HttpResponseBase, StreamingHttpResponse

from drf_commons.current_user import RequestScope

__all__ = ["CurrentUserMiddleware"]


class CurrentUserMiddleware:
    """Lets :func:`drf_commons.current_user.get_current_user` see the user of the request being answered.

    Native under WSGI and ASGI, and at home anywhere in ``MIDDLEWARE``: the code below it sees the user. It reads
    nothing itself, so a request in which nobody asks for the user costs no query. It holds in streaming responses too,
    while they are sent and when they are closed.
    """

    sync_capable: Final = True
    async_capable: Final = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]) -> None:
        self._get_response = get_response
        # Python 3.11 has no inspect.markcoroutinefunction(), and only asgiref sees what its own function marked.
        self._is_async = iscoroutinefunction(get_response)  # pyright: ignore[reportDeprecated]
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Answer *request* with its user known."""
        scope = RequestScope(request)
        if self._is_async:
            return self._answer(request, scope)
        with scope.active():
            response = cast("HttpResponseBase", self._get_response(request))  # a synchronous handler returns no promise
        return _keep_user(response, scope)

    async def _answer(self, request: HttpRequest, scope: RequestScope) -> HttpResponseBase:
        with scope.active():
            response = await cast("Awaitable[HttpResponseBase]", self._get_response(request))  # a coroutine function
        return _keep_user(response, scope)


def _keep_user(response: HttpResponseBase, scope: RequestScope) -> HttpResponseBase:
    """Let the user be known while a streaming response is read, which happens after the middleware has returned."""
    if not isinstance(response, StreamingHttpResponse) or _is_sent_by_server(response):
        return response
    # The view's own iterator: streaming_content holds the response, which would then hold itself, and a stream whose
    # client has gone away would stay open until the garbage collector comes round.
    content = vars(response)["_iterator"]
    if response.is_async:
        response.streaming_content = _iterate_async(content, scope)
    else:
        response.streaming_content = _iterate(content, scope)
        response.close = _build_close(response, scope)  # type: ignore[method-assign]  # of this response alone
    return response


def _is_sent_by_server(response: StreamingHttpResponse) -> bool:
    """Tell a real file: reading it needs no user, and wrapped it could not go to the server's sendfile any more."""
    return isinstance(response, FileResponse) and response.file_to_stream is not None


def _build_close(response: StreamingHttpResponse, scope: RequestScope) -> Callable[[], None]:
    """Let the user be known while a generator that nobody has read to its end runs what is left, its ``finally``."""
    close = response.close

    def close_with_user() -> None:
        vars(response).pop("close", None)  # once is enough, and until then the response refers to itself
        with scope.active():
            close()

    return close_with_user


# The user is known during each step and not between steps, when the code of the server runs.


def _iterate(content: Iterator[object], scope: RequestScope) -> Generator[object]:
    while True:
        with scope.active():
            try:
                chunk = next(content)
            except StopIteration:
                return
        yield chunk


async def _iterate_async(content: AsyncIterator[object], scope: RequestScope) -> AsyncGenerator[object]:
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
