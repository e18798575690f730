"""Middlewares, native in WSGI and ASGI."""

from drf_commons.middlewares.checker import MiddlewareChecker
from drf_commons.middlewares.current_user import CurrentUserMiddleware
from drf_commons.middlewares.debug import DebugMiddleware, SQLDebugMiddleware
from drf_commons.middlewares.profiler import ProfilerMiddleware

__all__ = [
    "CurrentUserMiddleware",
    "DebugMiddleware",
    "MiddlewareChecker",
    "ProfilerMiddleware",
    "SQLDebugMiddleware",
]
