"""Makes the request's user known to code that has no request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drf_commons.current_user import _source

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponseBase

__all__ = ["CurrentUserMiddleware"]


class CurrentUserMiddleware:
    """Placeholder until the real one lands."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        token = _source.set(request)
        try:
            return self.get_response(request)
        finally:
            _source.reset(token)
