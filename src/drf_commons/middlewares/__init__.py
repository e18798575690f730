"""Middlewares, native in WSGI and ASGI."""

from drf_commons.middlewares.checker import MiddlewareChecker
from drf_commons.middlewares.current_user import CurrentUserMiddleware

__all__ = ["CurrentUserMiddleware", "MiddlewareChecker"]
