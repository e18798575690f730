"""Structured logs over the standard library: a constant event, and fields that are values.

Whatever is logged is redacted first, see :mod:`drf_commons.debug.redaction`. A log call never raises: what could not be
logged is told in the log.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from typing import Final, Literal, TypeAlias, get_args

from django.http.response import HttpResponseBase

from drf_commons.conf import get_settings
from drf_commons.debug.places import find_caller
from drf_commons.debug.redaction import Redaction
from drf_commons.debug.requests import AnyRequest, describe_request, get_user_id
from drf_commons.debug.tracebacks import describe_error, format_error

__all__ = ["Category", "StructuredLogger"]

#: What a line is about. Each category is a logger of its own below the one that was named, and has a level of its own.
Category: TypeAlias = Literal["api", "cache", "calls", "database", "errors", "performance", "profiler", "users"]

#: Attributes of a log record; a field of such a name gets an underscore.
_RESERVED: Final = frozenset({*vars(logging.makeLogRecord({})), "asctime", "message", "taskName"})


class StructuredLogger:
    """Logs under *name*: lines about users to ``<name>.users``, lines about performance to ``<name>.performance``.

    So ``logging`` decides what is shown: a level for ``myapp`` holds for all categories that have none of their own.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._loggers = {category: logging.getLogger(f"{name}.{category}") for category in get_args(Category)}

    def log_user_action(
        self, user: object, action: str, resource: str, details: Mapping[str, object] | None = None
    ) -> None:
        """Log what a user did, as ``user_action``; of *user*, only the primary key is shown."""
        fields = {
            "user_id": getattr(user, "pk", None),
            "action": action,
            "resource": resource,
            "details": details or {},
        }
        self.log("users", logging.INFO, "user_action", fields)

    def log_api_request(
        self,
        request: AnyRequest,
        response: HttpResponseBase | None,
        duration: float,
        details: Mapping[str, object] | None = None,
    ) -> None:
        """Log a request that was answered after *duration* seconds, as ``api_request``; a slow one is a warning."""
        level = logging.WARNING if duration > get_settings().DEBUG_SLOW_REQUEST_THRESHOLD else logging.INFO
        if self.is_enabled("api", level):
            with self.guard("api", "api_request"):
                fields = build_request_fields(request, response, duration)
                self.log("api", level, "api_request", {**fields, **(details or {})})

    def log_performance(self, operation: str, duration: float, details: Mapping[str, object] | None = None) -> None:
        """Log how many seconds an operation took, as ``performance``."""
        fields = {"operation": operation, "duration": duration, "details": details or {}}
        self.log("performance", logging.INFO, "performance", fields)

    def is_enabled(self, category: Category, level: int) -> bool:
        """Tell whether a line of this kind would be shown; what is costly to find out can wait for a yes."""
        return self._loggers[category].isEnabledFor(level)

    def get_logger(self, category: Category) -> logging.Logger:
        """Return the logger of *category*."""
        return self._loggers[category]

    def log(
        self,
        category: Category,
        level: int,
        event: str,
        fields: Mapping[str, object] | None = None,
        *,
        error: BaseException | None = None,
    ) -> None:
        """Log *event* with *fields*, and with the traceback of *error*."""
        logger = self._loggers[category]
        if logger.isEnabledFor(level):
            with self.guard(category, event):
                logger.handle(_build_record(logger, category, level, event, fields or {}, error))

    @contextmanager
    def guard(self, category: Category, event: str) -> Generator[None]:
        """Let the program go on where finding out what to log of *event* fails; the log says that it did."""
        try:
            yield
        except Exception as exc:  # noqa: BLE001  # the edge between a program and its log
            _report_lost(self._loggers[category], event, exc)


def build_request_fields(request: AnyRequest, response: HttpResponseBase | None, duration: float) -> dict[str, object]:
    """Return what is logged of a request; without a *response* it was broken off."""
    return {
        **describe_request(request),
        "status": None if response is None else response.status_code,
        "duration": round(duration, 6),
        "user_id": get_user_id(request),
    }


def _build_record(
    logger: logging.Logger,
    category: Category,
    level: int,
    event: str,
    fields: Mapping[str, object],
    error: BaseException | None,
) -> logging.LogRecord:
    redaction = Redaction()
    clean = redaction.redact(dict(fields))
    frame = find_caller()
    path, line, function = (
        (frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name) if frame else ("(unknown)", 0, "(unknown)")
    )
    exc_info = None if error is None else (type(error), error, error.__traceback__)
    record = logger.makeRecord(logger.name, level, path, line, event, (), exc_info, function)
    if error is not None:
        # Formatters of the standard library print this where it is there, and else what Python would print.
        record.exc_text = format_error(error, redaction)
        _set_field(record, "error", describe_error(error, redaction))
    _set_field(record, "category", category)
    for name, value in clean.items() if isinstance(clean, dict) else ():
        _set_field(record, name, value)
    return record


def _set_field(record: logging.LogRecord, name: str, value: object) -> None:
    # Also a factory of the project's own may have put something there.
    while name in _RESERVED or hasattr(record, name):
        name = f"{name}_"
    setattr(record, name, value)


def _report_lost(logger: logging.Logger, event: str, reason: Exception) -> None:
    """Tell that a line is missing, in the log or, where that fails too, where Python tells of failing handlers."""
    try:
        logger.error("log_failed", extra={"lost_event": event, "reason": type(reason).__name__})
    except Exception:  # noqa: BLE001  # this was the last attempt but one
        if logging.raiseExceptions and sys.stderr is not None:
            with suppress(Exception):
                sys.stderr.write(f"drf_commons: {event} could not be logged: {type(reason).__name__}\n")
