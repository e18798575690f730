"""Who is acting: the user of the current request, or of an explicit ``as_user`` block."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from django.http import HttpRequest

from drf_commons.errors import AuthenticationRequiredError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.contrib.auth.models import AbstractBaseUser as User

__all__ = ["as_user", "get_audit_user", "get_current_authenticated_user", "get_current_user"]

_source: Final[ContextVar[HttpRequest | User | None]] = ContextVar("drf_commons_current_user", default=None)


def get_current_user() -> User | None:
    """Return the signed-in user, or ``None`` for anonymous and outside any request."""
    source = _source.get()
    user = getattr(source, "user", None) if isinstance(source, HttpRequest) else source
    return user if user is not None and user.is_authenticated else None


def get_current_authenticated_user() -> User:
    """Return the signed-in user; raise :class:`AuthenticationRequiredError` when there is none."""
    user = get_current_user()
    if user is None:
        raise AuthenticationRequiredError
    return user


def get_audit_user() -> User | None:
    """Return the user to record in audit columns, or ``None``."""
    return get_current_user()


@contextmanager
def as_user(user: User | None) -> Iterator[None]:
    """Act as *user* inside the block; an explicit user is stronger than the request's."""
    token = _source.set(user)
    try:
        yield
    finally:
        _source.reset(token)
