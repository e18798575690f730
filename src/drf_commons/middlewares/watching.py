"""What the debug middlewares have in common: they look on while a request is answered, to the end of its stream."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Final, TypeAlias, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponseBase

from drf_commons.middlewares.streams import keep_scope

__all__ = ["GetResponse", "Watch", "WatchingMiddleware"]

GetResponse: TypeAlias = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]


class Watch(ABC):
    """What a middleware does for one request."""

    @abstractmethod
    def active(self) -> AbstractContextManager[None]:
        """Look on for the length of a block: the view, or one step of a stream."""

    @abstractmethod
    def mark(self, response: HttpResponseBase) -> None:
        """Set headers, before anything of *response* is sent."""

    @abstractmethod
    def finish(self, response: HttpResponseBase | None) -> None:
        """Tell what was seen; without a *response* the request was broken off."""


class WatchingMiddleware(ABC):
    """A middleware that answers like what is below it, in sync and async."""

    sync_capable: Final = True
    async_capable: Final = True

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response
        # Python 3.11 has no inspect.markcoroutinefunction(), and only asgiref sees what its own function marked.
        self._is_async = iscoroutinefunction(get_response)  # pyright: ignore[reportDeprecated]
        if self._is_async:
            markcoroutinefunction(self)

    @abstractmethod
    def watch(self, request: HttpRequest) -> Watch | None:
        """Return what to do for *request*; ``None`` for nothing."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Answer *request*."""
        watch = self.watch(request)
        if watch is None:
            return self._get_response(request)
        if self._is_async:
            return self._answer(request, watch)
        try:
            with watch.active():
                # A synchronous handler returns no promise.
                response = cast("HttpResponseBase", self._get_response(request))
        except BaseException:
            watch.finish(None)
            raise
        return _complete(response, watch)

    async def _answer(self, request: HttpRequest, watch: Watch) -> HttpResponseBase:
        try:
            with watch.active():
                response = await cast(
                    "Awaitable[HttpResponseBase]", self._get_response(request)
                )  # a coroutine function
        except BaseException:
            watch.finish(None)
            raise
        return _complete(response, watch)


def _complete(response: HttpResponseBase, watch: Watch) -> HttpResponseBase:
    watch.mark(response)
    if not keep_scope(response, watch, lambda: watch.finish(response)):
        watch.finish(response)
    return response
