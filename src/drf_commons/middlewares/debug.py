"""Middlewares that show what a request costs. None of them changes a body, or waits for a stream."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from time import perf_counter
from typing import Final

from django.http import HttpRequest, HttpResponseBase
from typing_extensions import override

from drf_commons.conf import get_settings
from drf_commons.debug.logger import StructuredLogger, build_request_fields
from drf_commons.debug.queries import QueryRecorder
from drf_commons.debug.request_ids import REQUEST_ID_HEADER, choose_request_id, request_id_scope
from drf_commons.debug.requests import describe_request
from drf_commons.debug.shapes import abbreviate
from drf_commons.middlewares.watching import Watch, WatchingMiddleware

__all__ = ["DebugMiddleware", "SQLDebugMiddleware"]

_SERVER_ERROR: Final = 500
#: How many shapes one line about many queries shows.
_TOP: Final = 5

_log: Final = StructuredLogger("drf_commons")


class DebugMiddleware(WatchingMiddleware):
    """Gives each request an id, logs it with what it took, and tells browsers in ``Server-Timing``.

    The id comes from ``X-Request-ID`` or is made, goes back in the same header, and
    :func:`~drf_commons.debug.get_request_id` returns it meanwhile. A line for each request goes to
    ``drf_commons.api``: a warning for one that is slow, makes many queries or fails, else an information. Where that
    logger shows neither, only the id is left.
    """

    @override
    def watch(self, request: HttpRequest) -> Watch:
        """Return what to do for *request*."""
        return _Visit(request, is_logged=_log.is_enabled("api", logging.WARNING))


class SQLDebugMiddleware(WatchingMiddleware):
    """Logs slow queries, queries that are repeated with other values, and requests with many of them.

    Each line names the line of code that made the query, or the serializer's field. They are warnings of
    ``drf_commons.database``; where that logger shows none, the middleware does nothing.
    """

    @override
    def watch(self, request: HttpRequest) -> Watch | None:
        """Return what to do for *request*."""
        return _QueryWatch(request) if _log.is_enabled("database", logging.WARNING) else None


class _Visit(Watch):
    """One request, by its id."""

    def __init__(self, request: HttpRequest, *, is_logged: bool) -> None:
        self._request = request
        self._id = choose_request_id(request)
        self._recorder = QueryRecorder() if is_logged else None
        self._start = perf_counter()

    @override
    def active(self) -> AbstractContextManager[None]:
        return request_id_scope(self._id) if self._recorder is None else self._record(self._recorder)

    @contextmanager
    def _record(self, recorder: QueryRecorder) -> Generator[None]:
        with request_id_scope(self._id), recorder:
            yield

    @override
    def mark(self, response: HttpResponseBase) -> None:
        response.headers[REQUEST_ID_HEADER] = self._id
        if self._recorder is not None:
            _add_timing(response, "total", perf_counter() - self._start)
            _add_query_timing(response, self._recorder)

    @override
    def finish(self, response: HttpResponseBase | None) -> None:
        recorder = self._recorder
        if recorder is None:
            return
        with request_id_scope(self._id), _log.guard("api", "api_request"):
            settings = get_settings()
            duration = perf_counter() - self._start
            is_remarkable = (
                duration > settings.DEBUG_SLOW_REQUEST_THRESHOLD
                or recorder.count > settings.DEBUG_HIGH_QUERY_COUNT_THRESHOLD
                or response is None
                or response.status_code >= _SERVER_ERROR
            )
            level = logging.WARNING if is_remarkable else logging.INFO
            if _log.is_enabled("api", level):
                fields = build_request_fields(self._request, response, duration)
                numbers = {"queries": recorder.count, "query_duration": round(recorder.seconds, 6)}
                _log.log("api", level, "api_request", {**fields, **numbers})


class _QueryWatch(Watch):
    """The queries of one request."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        self._recorder = QueryRecorder()

    @contextmanager
    @override
    def active(self) -> Generator[None]:
        with self._recorder:
            yield

    @override
    def mark(self, response: HttpResponseBase) -> None:
        _add_query_timing(response, self._recorder)

    @override
    def finish(self, response: HttpResponseBase | None) -> None:
        with _log.guard("database", "queries"):
            self._report()

    def _report(self) -> None:
        recorder, settings = self._recorder, get_settings()
        request = describe_request(self._request)
        where = {"method": request["method"], "route": request["route"], "view": request["view"]}
        for shape in recorder.find_repeated():
            fields = {
                "sql": abbreviate(shape.sql),
                "count": shape.count,
                "duration": round(shape.seconds, 6),
                "database": shape.alias,
                "places": [str(place) for place in shape.places],
            }
            _log.log("database", logging.WARNING, "repeated_query", {**fields, **where})
        for query in recorder.slow:
            fields = {
                "sql": abbreviate(query.sql),
                "duration": round(query.seconds, 6),
                "database": query.alias,
                "places": [str(query.place)] if query.place else [],
            }
            _log.log("database", logging.WARNING, "slow_query", {**fields, **where})
        if recorder.count > settings.DEBUG_HIGH_QUERY_COUNT_THRESHOLD or recorder.unrecorded:
            fields = {
                "count": recorder.count,
                "duration": round(recorder.seconds, 6),
                "unrecorded": recorder.unrecorded,
                "most": [f"{shape.count} x {abbreviate(shape.sql)}" for shape in recorder.shapes[:_TOP]],
            }
            _log.log("database", logging.WARNING, "many_queries", {**fields, **where})
        elif _log.is_enabled("database", logging.DEBUG):
            _log.log(
                "database", logging.DEBUG, "queries", {"count": recorder.count, "shapes": recorder.describe(), **where}
            )


def _add_query_timing(response: HttpResponseBase, recorder: QueryRecorder) -> None:
    text = f"{recorder.count} {'query' if recorder.count == 1 else 'queries'}"
    _add_timing(response, "db", recorder.seconds, text)


def _add_timing(response: HttpResponseBase, name: str, seconds: float, description: str = "") -> None:
    """Add a metric, unless a middleware further in has told the same."""
    if not get_settings().DEBUG_SERVER_TIMING:
        return
    present = response.headers.get("Server-Timing", "")
    if any(metric.strip().partition(";")[0] == name for metric in present.split(",")):
        return
    metric = f"{name};dur={seconds * 1000:.1f}"
    if description:
        metric += f';desc="{description}"'
    response.headers["Server-Timing"] = f"{present}, {metric}" if present else metric
