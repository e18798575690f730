"""Tells whether the project has switched a middleware on."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.utils.module_loading import import_string

from drf_commons.errors import MissingMiddlewareError

__all__ = ["MiddlewareChecker"]


@dataclass(frozen=True, slots=True)
class MiddlewareChecker:
    """Guards a feature that cannot work without a middleware.

    ``MiddlewareChecker("drf_commons.middlewares.CurrentUserMiddleware", "Invoice numbers").require()``

    The middleware is a class or its dotted path. Classes are compared, not paths: a subclass counts, and so does the
    same class under another path.
    """

    middleware: type[object] | str
    feature_name: str

    def is_installed(self) -> bool:
        """Tell whether ``MIDDLEWARE`` lists the middleware."""
        required: object = import_string(self.middleware) if isinstance(self.middleware, str) else self.middleware
        # Ours first: mostly, the answer then needs no import of anybody else's module.
        paths = sorted(settings.MIDDLEWARE, key=lambda path: not path.startswith("drf_commons."))
        return any(_provides(_load(path), required) for path in paths)

    def require(self) -> None:
        """Raise :class:`~drf_commons.errors.MissingMiddlewareError` unless ``MIDDLEWARE`` lists the middleware."""
        if not self.is_installed():
            middleware = self.middleware
            path = middleware if isinstance(middleware, str) else f"{middleware.__module__}.{middleware.__qualname__}"
            msg = f"MIDDLEWARE: add {path!r}, which is needed for: {self.feature_name}"
            raise MissingMiddlewareError(msg)


def _load(path: str) -> object:
    try:
        return import_string(path)
    except ImportError:
        # Django loads the middleware too, and says what is wrong with the path.
        return None


def _provides(found: object, required: object) -> bool:
    if isinstance(found, type) and isinstance(required, type):
        return issubclass(found, required)
    return found is required
