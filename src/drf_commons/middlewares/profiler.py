"""Profiles a request for a member of the staff who asks for it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeVar, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.http import Http404, HttpRequest, HttpResponseBase
from django.urls import resolve

from drf_commons.debug.logger import StructuredLogger
from drf_commons.debug.profiler import ProfileRun, require_pyinstrument
from drf_commons.middlewares.watching import GetResponse

__all__ = ["ProfilerMiddleware"]

_HEADER: Final = "X-Profile"
_PARAMETER: Final = "_profile"

_T = TypeVar("_T")

_log: Final = StructuredLogger("drf_commons")


class ProfilerMiddleware:
    """Writes a flame view of a request that a member of the staff sends with ``?_profile`` or ``X-Profile: 1``.

    It stands below ``AuthenticationMiddleware``, whose user decides: for anybody else nothing happens. The page is
    written to ``COMMON["DEBUG_PROFILE_DIRECTORY"]``; its name comes back in ``X-Profile``, its path in the log. One
    request is profiled at a time: another goes on without, and ``X-Profile`` says ``busy``. A stream is profiled up to
    its start.

    Under ASGI it follows the view: an async one in the event loop, a sync one in its thread.

    Raises:
        MissingExtraError: At the start, where pyinstrument is not installed.
    """

    sync_capable: Final = True
    async_capable: Final = True

    def __init__(self, get_response: GetResponse) -> None:
        require_pyinstrument()
        self._get_response = get_response
        # Python 3.11 has no inspect.markcoroutinefunction(), and only asgiref sees what its own function marked.
        self._is_async = iscoroutinefunction(get_response)  # pyright: ignore[reportDeprecated]
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Answer *request*, profiled if it asks for it and may."""
        if not _is_asked_for(request):
            return self._get_response(request)
        return self._answer_async(request) if self._is_async else self._answer(request)

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        if not _is_staff(getattr(request, "user", None)):
            return self._ask(request)
        try:
            run = ProfileRun.start()
        except Exception as exc:  # noqa: BLE001  # another tool may hold the interpreter; the request goes on
            return _mark(self._ask(request), _tell_failure(exc))
        if run is None:
            return _mark(self._ask(request), _tell_busy())
        try:
            response = self._ask(request)
        except BaseException:
            run.abandon()
            raise
        try:
            write = run.stop()
        except Exception as exc:  # noqa: BLE001  # the answer is there, and goes out
            return _mark(response, _tell_failure(exc))
        return _mark(response, _write(write))

    def _ask(self, request: HttpRequest) -> HttpResponseBase:
        return cast("HttpResponseBase", self._get_response(request))  # a synchronous handler returns no promise

    async def _answer_async(self, request: HttpRequest) -> HttpResponseBase:
        get_user: Callable[[], Awaitable[object]] | None = getattr(request, "auser", None)
        if get_user is None or not _is_staff(await get_user()):
            return await self._ask_async(request)
        in_event_loop = _has_async_view(request)
        try:
            run = (
                ProfileRun.start(in_event_loop=True)
                if in_event_loop
                else await sync_to_async(ProfileRun.start)()  # the thread that will run the view
            )
        except Exception as exc:  # noqa: BLE001  # another tool may hold the interpreter; the request goes on
            return _mark(await self._ask_async(request), _tell_failure(exc))
        if run is None:
            return _mark(await self._ask_async(request), _tell_busy())
        try:
            response = await self._ask_async(request)
        except BaseException:
            await _call(run.abandon, in_event_loop=in_event_loop)
            raise
        try:
            write = await _call(run.stop, in_event_loop=in_event_loop)
        except Exception as exc:  # noqa: BLE001  # the answer is there, and goes out
            return _mark(response, _tell_failure(exc))
        # Not in the event loop, nor in the thread of the view: it takes a while.
        return _mark(response, await sync_to_async(_write, thread_sensitive=False)(write))

    async def _ask_async(self, request: HttpRequest) -> HttpResponseBase:
        return await cast("Awaitable[HttpResponseBase]", self._get_response(request))  # a coroutine function


def _is_asked_for(request: HttpRequest) -> bool:
    if request.headers.get(_HEADER):
        return True
    # Without a look at request.GET, which would be parsed for every request.
    return _PARAMETER in request.META.get("QUERY_STRING", "") and _PARAMETER in request.GET


def _is_staff(user: object) -> bool:
    return bool(getattr(user, "is_active", False) and getattr(user, "is_staff", False))


def _has_async_view(request: HttpRequest) -> bool:
    try:
        match = resolve(request.path_info, getattr(request, "urlconf", None))
    except Http404:
        return False
    return iscoroutinefunction(match.func)  # pyright: ignore[reportDeprecated]  # as in __init__


async def _call(step: Callable[[], _T], *, in_event_loop: bool) -> _T:
    return step() if in_event_loop else await sync_to_async(step)()


def _write(write: Callable[[], Path]) -> str:
    try:
        path = write()
    except Exception as exc:  # noqa: BLE001  # a full disk must not take the answer with it
        return _tell_failure(exc)
    _log.log("profiler", logging.INFO, "profile_written", {"path": str(path)})
    return path.name


def _tell_failure(reason: Exception) -> str:
    _log.log("profiler", logging.WARNING, "profile_failed", error=reason)
    return "failed"


def _tell_busy() -> str:
    _log.log("profiler", logging.WARNING, "profiler_busy")
    return "busy"


def _mark(response: HttpResponseBase, outcome: str) -> HttpResponseBase:
    response.headers[_HEADER] = outcome
    return response
