"""The id a request goes by, in the logs of every service that it passes through."""

from __future__ import annotations

import os
import random
import re
from contextvars import ContextVar, Token
from importlib import import_module
from types import ModuleType
from typing import Any, Final

from django.http import HttpRequest

__all__ = ["REQUEST_ID_HEADER", "choose_request_id", "get_request_id", "get_trace_id", "request_id_scope"]

REQUEST_ID_HEADER: Final = "X-Request-ID"

#: Seeded by nobody else, and anew in each process: two workers that are forks of one would give the same ids.
_random: Final = random.Random()  # noqa: S311
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_random.seed)

#: The header as WSGI names it.
_META_KEY: Final = "HTTP_X_REQUEST_ID"

#: What is let in: nothing that could start a new line in a log, or fill it.
_ACCEPTABLE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/+=-]{0,127}")

_request_id: Final[ContextVar[str | None]] = ContextVar("drf_commons_request_id", default=None)


def get_request_id() -> str | None:
    """Return the id of the request that is being answered; send it along to other services."""
    return _request_id.get()


def choose_request_id(request: HttpRequest) -> str:
    """Return the id that *request* came with, or a new one for a request without, or with one that is no id."""
    given = request.META.get(_META_KEY, "")  # request.headers would be made of all of them
    # It is to be unique and no secret: the system's own random numbers cost ten times as much.
    return given if given and _ACCEPTABLE.fullmatch(given) else f"{_random.getrandbits(128):032x}"


class request_id_scope:  # noqa: N801  # used like a function; a generator would cost three times as much
    """Let :func:`get_request_id` return *request_id* inside the block: in a task that a request has started, say."""

    __slots__ = ("_id", "_token")

    def __init__(self, request_id: str) -> None:
        self._id: str = request_id

    def __enter__(self) -> None:
        self._token: Token[str | None] = _request_id.set(self._id)

    def __exit__(self, *_exception: object) -> None:
        _request_id.reset(self._token)


def get_trace_id() -> str | None:
    """Return the id of OpenTelemetry's current trace, as 32 hexadecimal digits, or ``None``."""
    trace = _find_opentelemetry()
    if trace is None:
        return None
    context: Any = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else None


def _find_opentelemetry() -> ModuleType | None:
    global _opentelemetry, _is_looked_for  # noqa: PLW0603  # a failing import is tried once, not for each log line
    if not _is_looked_for:
        _is_looked_for = True
        try:
            _opentelemetry = import_module("opentelemetry.trace")
        except ImportError:
            _opentelemetry = None
    return _opentelemetry


_opentelemetry: ModuleType | None = None
_is_looked_for = False
