"""Makes the request's user known to code that has no request at hand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponseBase

from drf_commons.current_user import RequestScope
from drf_commons.middlewares.streams import keep_scope

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
        keep_scope(response, scope)
        return response

    async def _answer(self, request: HttpRequest, scope: RequestScope) -> HttpResponseBase:
        with scope.active():
            response = await cast("Awaitable[HttpResponseBase]", self._get_response(request))  # a coroutine function
        keep_scope(response, scope)
        return response
