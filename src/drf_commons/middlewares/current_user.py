"""Makes the request's user known to code that has no request at hand."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Generator, Iterable
from typing import Final, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import FileResponse, HttpRequest, HttpResponseBase, StreamingHttpResponse

from drf_commons.current_user import as_request

__all__ = ["CurrentUserMiddleware"]


class CurrentUserMiddleware:
    """Lets :func:`drf_commons.current_user.get_current_user` see the user of the request being answered.

    Native under WSGI and ASGI. Place it anywhere after ``AuthenticationMiddleware``. It reads nothing itself, so a
    request in which nobody asks for the user costs no query. It holds in streaming responses too, while they are sent.
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
        if self._is_async:
            return self._answer(request)
        with as_request(request):
            response = cast("HttpResponseBase", self._get_response(request))  # a synchronous handler returns no promise
        return _keep_user(response, request)

    async def _answer(self, request: HttpRequest) -> HttpResponseBase:
        with as_request(request):
            response = await cast("Awaitable[HttpResponseBase]", self._get_response(request))  # a coroutine function
        return _keep_user(response, request)


def _keep_user(response: HttpResponseBase, request: HttpRequest) -> HttpResponseBase:
    """Let the user be known while a streaming response is read, which happens after the middleware has returned."""
    # A file needs no user, and wrapped it could not be handed to the server's sendfile any more.
    if not isinstance(response, StreamingHttpResponse) or isinstance(response, FileResponse):
        return response
    content = response.streaming_content
    if isinstance(content, AsyncIterable):
        response.streaming_content = _iterate_async(content, request)
    else:
        response.streaming_content = _iterate(content, request)
    return response


def _iterate(content: Iterable[bytes], request: HttpRequest) -> Generator[bytes]:
    # The user is known during each step and not between steps, when the code of the server runs.
    iterator = iter(content)
    while True:
        with as_request(request):
            try:
                chunk = next(iterator)
            except StopIteration:
                return
        yield chunk


async def _iterate_async(content: AsyncIterable[bytes], request: HttpRequest) -> AsyncGenerator[bytes]:
    iterator = aiter(content)
    while True:
        with as_request(request):
            try:
                chunk = await anext(iterator)
            except StopAsyncIteration:
                return
        yield chunk
