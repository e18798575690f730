"""Decorators that look on: for functions, methods, coroutine functions, views of Django and DRF, and actions.

What is decorated keeps its signature, its result and its errors. Where the level of its logger is off, a call costs
what asking for the level costs. Under *name*, which is the function's module or its ``logger_name``, each decorator has
a logger of its own: ``<name>.api``, ``<name>.calls``, ``<name>.errors``.

On an ``@action`` and under ``@api_view`` they stand either way round.
"""

from __future__ import annotations

import inspect
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import wraps
from time import perf_counter
from typing import Any, Literal, ParamSpec, Protocol, TypeVar, cast, overload

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.core.cache import cache
from django.http.response import HttpResponseBase
from typing_extensions import override

from drf_commons.conf import get_settings
from drf_commons.debug.logger import Category, StructuredLogger, build_request_fields
from drf_commons.debug.queries import QueryRecorder
from drf_commons.debug.requests import AnyRequest, find_request, read_body
from drf_commons.debug.shapes import abbreviate

__all__ = [
    "api_performance_monitor",
    "api_request_logger",
    "cache_debug",
    "log_db_query",
    "log_exceptions",
    "log_function_call",
]

_P = ParamSpec("_P")
_T = TypeVar("_T")


class _Decorator(Protocol):
    """Returns a function of the type it was given."""

    def __call__(self, function: Callable[_P, _T], /) -> Callable[_P, _T]: ...


class _Swallower(Protocol):
    """Returns a function that may also return ``None``."""

    @overload
    def __call__(
        self, function: Callable[_P, Coroutine[Any, Any, _T]], /
    ) -> Callable[_P, Coroutine[Any, Any, _T | None]]: ...
    @overload
    def __call__(self, function: Callable[_P, _T], /) -> Callable[_P, _T | None]: ...


def api_request_logger(log_body: bool = False, log_headers: bool = False) -> _Decorator:
    """Log each request to a view, as ``api_request`` to ``<name>.api``: an information, and a warning if it is slow.

    *log_body* adds the body if it is JSON or a form, and short; *log_headers* the headers. Secrets are redacted.
    """
    _refuse_function(log_body, "api_request_logger")
    decorator: _Decorator = _build(
        lambda function: _RequestObserver(function, log_body=log_body, log_headers=log_headers)
    )
    return decorator


def api_performance_monitor(threshold: float | None = None) -> _Decorator:
    """Log duration and queries of each request to a view, as ``api_performance`` to ``<name>.performance``.

    It is a warning if the view takes longer than *threshold* seconds, or makes many queries; else an information. The
    default is ``COMMON["DEBUG_SLOW_REQUEST_THRESHOLD"]``.
    """
    _refuse_function(threshold, "api_performance_monitor")
    decorator: _Decorator = _build(lambda function: _PerformanceObserver(function, threshold))
    return decorator


def log_function_call(logger_name: str | None = None, log_args: bool = True, log_result: bool = True) -> _Decorator:
    """Log each call and how it ends, as ``call`` to ``<name>.calls``, at level DEBUG.

    Arguments and results are redacted, and never consumed, loaded or asked for their ``repr``.
    """
    _refuse_function(logger_name, "log_function_call")
    decorator: _Decorator = _build(
        lambda function: _CallObserver(function, logger_name, log_args=log_args, log_result=log_result)
    )
    return decorator


def log_db_query(query_type: str = "unknown") -> _Decorator:
    """Log the queries that a call makes, as ``db_queries`` to ``<name>.database``, at level INFO.

    A warning, if one of them is slow or one is repeated with other values; it names the line that makes it.
    *query_type* is what the reader finds them under: ``"read"``, ``"report"``.
    """
    _refuse_function(query_type, "log_db_query")
    decorator: _Decorator = _build(lambda function: _QueryObserver(function, query_type))
    return decorator


def cache_debug(cache_key_func: Callable[..., object] | None = None) -> _Decorator:
    """Log each call of a function that caches, as ``cache_call`` to ``<name>.cache``, at level DEBUG.

    *cache_key_func* takes the arguments of the call and returns the key that the function uses in the default cache;
    the line then tells the key, and whether it was there before the call.
    """
    decorator: _Decorator = _build(lambda function: _CacheObserver(function, cache_key_func))
    return decorator


@overload
def log_exceptions(logger_name: str | None = ..., reraise: Literal[True] = ...) -> _Decorator: ...
@overload
def log_exceptions(logger_name: str | None = ..., *, reraise: Literal[False]) -> _Swallower: ...
@overload
def log_exceptions(logger_name: str | None, reraise: Literal[False]) -> _Swallower: ...
def log_exceptions(logger_name: str | None = None, reraise: bool = True) -> _Decorator | _Swallower:
    """Log what a function raises, with its traceback and its arguments, as ``exception`` to ``<name>.errors``.

    With ``reraise=False`` the call then returns ``None``.
    """
    _refuse_function(logger_name, "log_exceptions")
    decorator: _Decorator = _build(lambda function: _ErrorObserver(function, logger_name, reraise=reraise))
    return decorator


@dataclass(slots=True)
class _Call:
    """One call that is looked at."""

    arguments: tuple[object, ...]
    named: dict[str, object]
    recording: AbstractContextManager[object] = field(default_factory=nullcontext)
    #: What was found out before the call.
    before: dict[str, object] = field(default_factory=dict[str, object])
    start: float = field(default_factory=perf_counter)

    @property
    def duration(self) -> float:
        """Seconds, so far."""
        return round(perf_counter() - self.start, 6)


class _Observer(ABC):
    """What a decorator does before and after a call. Nothing in here may reach the caller as an error."""

    category: Category
    event: str
    #: The lowest level that anything is logged at, and the highest: where not even that is shown, nobody looks.
    level: int = logging.INFO
    highest_level: int = logging.INFO

    def __init__(self, function: Callable[..., object], logger_name: str | None = None) -> None:
        self.name = getattr(function, "__qualname__", type(function).__qualname__)
        self.log = StructuredLogger(logger_name or getattr(function, "__module__", None) or __name__)
        self.signature = _get_signature(function)

    #: Whether what is raised ends here.
    swallows = False

    def begin(self, call: _Call) -> None:  # noqa: B027  # most have nothing to do here
        """Look at *call* before it is made."""

    async def abegin(self, call: _Call) -> None:
        """Look at *call* before it is made, in the event loop."""
        self.begin(call)

    @abstractmethod
    def end(self, call: _Call, result: object, error: BaseException | None) -> None:
        """Tell how *call* went."""

    def tell(self, level: int, fields: Mapping[str, object], error: BaseException | None = None) -> None:
        """Log a line about a call."""
        self.log.log(self.category, level, self.event, {"function": self.name, **fields}, error=error)

    def name_arguments(self, call: _Call) -> dict[str, object]:
        """Return the arguments by name, since it is the name that tells a secret."""
        if self.signature is not None:
            try:
                return dict(self.signature.bind_partial(*call.arguments, **call.named).arguments)
            except TypeError:
                pass  # the call itself fails for the same reason, and says so better
        return {**{str(index): value for index, value in enumerate(call.arguments)}, **call.named}


class _RequestObserver(_Observer):
    category = "api"
    event = "api_request"
    highest_level = logging.WARNING

    def __init__(self, function: Callable[..., object], *, log_body: bool, log_headers: bool) -> None:
        super().__init__(function)
        self.log_body = log_body
        self.log_headers = log_headers

    @override
    def begin(self, call: _Call) -> None:
        request = find_request(call.arguments, call.named)
        if request is None:
            call.before["request"] = "[not logged: no request among the arguments]"
            return
        if self.log_headers:
            call.before["headers"] = dict(request.headers)
        if self.log_body:
            # Now: afterwards the view may have read it as a stream.
            call.before["body"] = read_body(request)

    @override
    def end(self, call: _Call, result: object, error: BaseException | None) -> None:
        duration = call.duration
        level = logging.WARNING if duration > get_settings().DEBUG_SLOW_REQUEST_THRESHOLD else logging.INFO
        if self.log.is_enabled(self.category, level):
            self.tell(level, {**_describe_answer(call, result, error, duration), **call.before})


class _PerformanceObserver(_Observer):
    category = "performance"
    event = "api_performance"
    highest_level = logging.WARNING

    def __init__(self, function: Callable[..., object], threshold: float | None) -> None:
        super().__init__(function)
        self.threshold = threshold

    @override
    def begin(self, call: _Call) -> None:
        call.recording = QueryRecorder()

    @override
    def end(self, call: _Call, result: object, error: BaseException | None) -> None:
        duration, recorder, settings = call.duration, cast("QueryRecorder", call.recording), get_settings()
        threshold = settings.DEBUG_SLOW_REQUEST_THRESHOLD if self.threshold is None else self.threshold
        has_many = recorder.count > settings.DEBUG_HIGH_QUERY_COUNT_THRESHOLD
        level = logging.WARNING if duration > threshold or has_many else logging.INFO
        if self.log.is_enabled(self.category, level):
            numbers = {"queries": recorder.count, "query_duration": round(recorder.seconds, 6), "threshold": threshold}
            self.tell(level, {**_describe_answer(call, result, error, duration), **numbers})


class _CallObserver(_Observer):
    category = "calls"
    event = "call"
    level = highest_level = logging.DEBUG

    def __init__(
        self, function: Callable[..., object], logger_name: str | None, *, log_args: bool, log_result: bool
    ) -> None:
        super().__init__(function, logger_name)
        self.log_args = log_args
        self.log_result = log_result

    @override
    def end(self, call: _Call, result: object, error: BaseException | None) -> None:
        fields: dict[str, object] = {"duration": call.duration}
        if self.log_args:
            fields["arguments"] = self.name_arguments(call)
        if error is not None:
            fields["raised"] = error
        elif self.log_result:
            fields["result"] = result
        self.tell(self.level, fields)


class _QueryObserver(_Observer):
    category = "database"
    event = "db_queries"
    highest_level = logging.WARNING

    def __init__(self, function: Callable[..., object], query_type: str) -> None:
        super().__init__(function)
        self.query_type = query_type

    @override
    def begin(self, call: _Call) -> None:
        call.recording = QueryRecorder()

    @override
    def end(self, call: _Call, result: object, error: BaseException | None) -> None:
        recorder = cast("QueryRecorder", call.recording)
        repeated = recorder.find_repeated()
        level = logging.WARNING if repeated or recorder.slow_count else logging.INFO
        fields: dict[str, object] = {
            "query_type": self.query_type,
            "duration": call.duration,
            "queries": recorder.count,
            "query_duration": round(recorder.seconds, 6),
            "slow": [
                {"sql": abbreviate(query.sql), "duration": query.seconds, "place": str(query.place)}
                for query in recorder.slow
            ],
            "repeated": [
                {"sql": abbreviate(shape.sql), "count": shape.count, "places": [str(place) for place in shape.places]}
                for shape in repeated
            ],
        }
        self.tell(level, fields if error is None else {**fields, "raised": error})


class _CacheObserver(_Observer):
    category = "cache"
    event = "cache_call"
    level = highest_level = logging.DEBUG

    def __init__(self, function: Callable[..., object], find_key: Callable[..., object] | None) -> None:
        super().__init__(function)
        self.find_key = find_key

    @override
    def begin(self, call: _Call) -> None:
        if self.find_key is not None:
            key = str(self.find_key(*call.arguments, **call.named))
            call.before = {"key": key, "was_cached": None}
            call.before["was_cached"] = cache.has_key(key)

    @override
    async def abegin(self, call: _Call) -> None:
        await sync_to_async(self.begin)(call)

    @override
    def end(self, call: _Call, result: object, error: BaseException | None) -> None:
        raised = {} if error is None else {"raised": error}
        self.tell(self.level, {"duration": call.duration, **call.before, **raised})


class _ErrorObserver(_Observer):
    category = "errors"
    event = "exception"
    level = highest_level = logging.ERROR

    def __init__(self, function: Callable[..., object], logger_name: str | None, *, reraise: bool) -> None:
        super().__init__(function, logger_name)
        self.swallows = not reraise

    @override
    def end(self, call: _Call, result: object, error: BaseException | None) -> None:
        if isinstance(error, Exception):
            fields = {"duration": call.duration, "arguments": self.name_arguments(call), "reraised": not self.swallows}
            self.tell(self.level, fields, error)


def _build(observe: Callable[[Callable[..., object]], _Observer]) -> Any:  # a _Decorator or a _Swallower
    """Return the decorator; the public functions give it its type."""

    def decorate(function: Any) -> Any:
        if isinstance(function, classmethod | staticmethod):
            kind: Any = type(cast("object", function))
            return kind(decorate(cast("Any", function).__func__))
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            msg = (
                f"{function.__qualname__}() is a generator: its call ends before its steps run; decorate what reads it"
            )
            raise TypeError(msg)
        if not callable(function):
            msg = f"a function is decorated, not {function!r}"
            raise TypeError(msg)
        observer = observe(function)
        # Also sees what asgiref has marked, which inspect does not in Python 3.11.
        if iscoroutinefunction(function):  # pyright: ignore[reportDeprecated]
            return _wrap_async(function, observer)
        return _wrap(function, observer)

    return decorate


def _refuse_function(argument: object, name: str) -> None:
    """Without brackets the function would be taken for an argument, and be gone."""
    if callable(argument):
        msg = f"a function was given as an argument: write @{name}() above it, with brackets"
        raise TypeError(msg)


def _wrap(function: Callable[_P, _T], observer: _Observer) -> Callable[_P, _T | None]:
    is_on = observer.log.get_logger(observer.category).isEnabledFor
    level, swallows = observer.highest_level, observer.swallows

    @wraps(function)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> _T | None:
        if not swallows and not is_on(level):
            return function(*args, **kwargs)
        call = _Call(args, kwargs)
        with observer.log.guard(observer.category, observer.event):
            observer.begin(call)
        try:
            with call.recording:
                result = function(*args, **kwargs)
        except BaseException as error:
            _end(observer, call, None, error)
            if swallows and isinstance(error, Exception):
                return None
            raise
        _end(observer, call, result, None)
        return result

    return run


def _wrap_async(function: Callable[_P, Awaitable[_T]], observer: _Observer) -> Callable[_P, Awaitable[_T | None]]:
    is_on = observer.log.get_logger(observer.category).isEnabledFor
    level, swallows = observer.highest_level, observer.swallows

    @wraps(function)
    async def run(*args: _P.args, **kwargs: _P.kwargs) -> _T | None:
        if not swallows and not is_on(level):
            return await function(*args, **kwargs)
        call = _Call(args, kwargs)
        with observer.log.guard(observer.category, observer.event):
            await observer.abegin(call)
        try:
            with call.recording:
                result = await function(*args, **kwargs)
        except BaseException as error:
            _end(observer, call, None, error)
            if swallows and isinstance(error, Exception):
                return None
            raise
        _end(observer, call, result, None)
        return result

    return run


def _end(observer: _Observer, call: _Call, result: object, error: BaseException | None) -> None:
    with observer.log.guard(observer.category, observer.event):
        observer.end(call, result, error)


def _describe_answer(call: _Call, result: object, error: BaseException | None, duration: float) -> dict[str, object]:
    request: AnyRequest | None = find_request(call.arguments, call.named)
    response = result if isinstance(result, HttpResponseBase) else None
    fields: dict[str, object] = (
        {"duration": duration} if request is None else build_request_fields(request, response, duration)
    )
    return fields if error is None else {**fields, "raised": error}


def _get_signature(function: Callable[..., object]) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None
