"""Who is acting: the user of the current request, or of an explicit :func:`as_user` block.

A request's user is read when it is asked for, not when the request comes in: DRF authenticates inside the view, so
earlier there is nobody to be seen. What travels is therefore the request itself.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from drf_commons.errors import AuthenticationRequiredError

if TYPE_CHECKING:
    # The project's user model: django-stubs makes the alias follow AUTH_USER_MODEL.
    from django.contrib.auth.models import _AnyUser as AnyUser  # pyright: ignore[reportPrivateUsage]
    from django.contrib.auth.models import _User as User  # pyright: ignore[reportPrivateUsage]

__all__ = [
    "aget_current_user",
    "as_request",
    "as_user",
    "get_audit_user",
    "get_current_authenticated_user",
    "get_current_user",
]


@dataclass(frozen=True, slots=True, eq=False)
class _Scope:
    """What is known of the acting user; compared by identity, so that nothing ever evaluates a lazy user."""

    request: HttpRequest | None = None
    is_explicit: bool = False
    user: User | None = None

    def get_user(self) -> AnyUser | None:
        return self.user if self.is_explicit else getattr(self.request, "user", None)


_scope: Final[ContextVar[_Scope]] = ContextVar("drf_commons_current_user", default=_Scope())  # noqa: B039  # frozen


def get_current_user() -> User | None:
    """Return the signed-in user, or ``None`` for anonymous users and outside any request.

    In a coroutine, a session user that nobody has loaded yet cannot be read; there, await :func:`aget_current_user`.
    """
    return _get_signed_in(_scope.get().get_user())


async def aget_current_user() -> User | None:
    """Return the signed-in user, or ``None``; the twin of :func:`get_current_user` for coroutines."""
    scope = _scope.get()
    if scope.request is not None and not scope.is_explicit and _is_unread(scope.request):
        return _get_signed_in(await scope.request.auser())
    return await sync_to_async(get_current_user)()


def get_current_authenticated_user() -> User:
    """Return the signed-in user.

    Raises:
        AuthenticationRequiredError: There is none. A DRF view answers with 401.
    """
    user = get_current_user()
    if user is None:
        raise AuthenticationRequiredError
    return user


def get_audit_user() -> User | None:
    """Return the user to write into a foreign key, or ``None``.

    Users that are no rows of ``AUTH_USER_MODEL``, such as those of a stateless token, cannot be written: ``None``.
    """
    user = get_current_user()
    return user if isinstance(user, get_user_model()) and user.pk is not None else None


@contextmanager
def as_user(user: User | None) -> Generator[None]:
    """Act as *user*, or explicitly as nobody, inside the block: in tasks, commands and tests.

    An explicit user is stronger than any request's, also of a request that begins inside the block.
    """
    token = _scope.set(replace(_scope.get(), is_explicit=True, user=user))
    try:
        yield
    finally:
        _scope.reset(token)


@contextmanager
def as_request(request: HttpRequest) -> Generator[None]:
    """Let the user of *request* be the current one inside the block; the middleware does this for every request."""
    token = _scope.set(replace(_scope.get(), request=request))
    try:
        yield
    finally:
        _scope.reset(token)


def _get_signed_in(user: AnyUser | None) -> User | None:
    if user is None or not user.is_authenticated:
        return None
    return user  # pyright: ignore[reportReturnType]  # an AnonymousUser never gets here


def _is_unread(request: HttpRequest) -> bool:
    """Tell whether the session's user may still have to be loaded; a view that authenticates sets a plain user."""
    return isinstance(getattr(request, "user", None), SimpleLazyObject) and hasattr(request, "auser")
