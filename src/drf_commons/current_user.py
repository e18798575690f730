"""Who is acting: the user of the current request, or of an explicit :class:`as_user` block.

A request's user is read when it is asked for, not when the request comes in: DRF authenticates inside the view, so
earlier there is nobody to be seen. What travels is therefore the request itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from typing import TYPE_CHECKING, Final, ParamSpec, TypeAlias, TypeVar, cast

from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.core.exceptions import SynchronousOnlyOperation
from django.http import HttpRequest
from django.utils.functional import LazyObject, empty

from drf_commons.errors import AuthenticationRequiredError, UserNotLoadedError

if TYPE_CHECKING:
    # The project's user model: django-stubs makes the alias follow AUTH_USER_MODEL.
    from django.contrib.auth.models import _AnyUser as AnyUser  # pyright: ignore[reportPrivateUsage]
    from django.contrib.auth.models import _User as User  # pyright: ignore[reportPrivateUsage]

__all__ = [
    "RequestScope",
    "aget_audit_user",
    "aget_current_authenticated_user",
    "aget_current_user",
    "as_user",
    "get_audit_user",
    "get_current_authenticated_user",
    "get_current_user",
]

_P = ParamSpec("_P")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, eq=False)
class _Explicit:
    """A user that was named; compared by identity, so that nothing ever loads a lazy user by comparing it."""

    user: AnyUser | None


_Source: TypeAlias = HttpRequest | _Explicit | None

_source: Final[ContextVar[_Source]] = ContextVar("drf_commons_current_user", default=None)


def get_current_user() -> User | None:
    """Return the signed-in user, or ``None`` for anonymous users and outside any request.

    Raises:
        UserNotLoadedError: A coroutine asks for a session's user that nobody has loaded yet. Loading it blocks, so
            await :func:`aget_current_user` there; once it has been loaded, both answer.
    """
    source = _source.get()
    try:
        user = _load(source.user if isinstance(source, _Explicit) else getattr(source, "user", None))
    except SynchronousOnlyOperation as error:
        raise UserNotLoadedError from error
    if user is None or not user.is_authenticated:
        return None
    return user  # pyright: ignore[reportReturnType]  # an AnonymousUser never gets here


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
    Rows are never saved in the event loop, also not by ``asave()``, so there is always an answer while one is saved.

    Raises:
        UserNotLoadedError: A coroutine asks, as with :func:`get_current_user`; await :func:`aget_audit_user` there.
    """
    user = get_current_user()
    return user if isinstance(user, get_user_model()) and user.pk is not None else None


async def aget_current_user() -> User | None:
    """Return what :func:`get_current_user` returns, loading the user without blocking the event loop."""
    return await sync_to_async(get_current_user)()


async def aget_current_authenticated_user() -> User:
    """Return what :func:`get_current_authenticated_user` returns, without blocking the event loop."""
    return await sync_to_async(get_current_authenticated_user)()


async def aget_audit_user() -> User | None:
    """Return what :func:`get_audit_user` returns, without blocking the event loop."""
    return await sync_to_async(get_audit_user)()


class as_user:  # noqa: N801  # a verb, as it is used: with as_user(ada)
    """Act as *user*, or with ``None`` explicitly as nobody, inside the block: in tasks, commands and tests.

    It also decorates functions and coroutine functions. An explicit user is stronger than any request's, also than
    that of a request which begins inside the block.
    """

    def __init__(self, user: AnyUser | None) -> None:
        self._explicit = _Explicit(user)
        self._tokens: list[Token[_Source]] = []

    def __enter__(self) -> None:
        self._tokens.append(_source.set(self._explicit))

    def __exit__(self, *_error: object) -> None:
        _source.reset(self._tokens.pop())

    def __call__(self, function: Callable[_P, _T]) -> Callable[_P, _T]:
        """Return *function*, acting as the user for the length of each call."""
        if isgeneratorfunction(function) or isasyncgenfunction(function):
            msg = f"as_user cannot decorate the generator {function.__qualname__}(): the call ends before its steps run"
            raise TypeError(msg)

        @wraps(function)
        def act(*args: _P.args, **kwargs: _P.kwargs) -> _T:
            with as_user(self._explicit.user):
                return function(*args, **kwargs)

        @wraps(function)
        async def act_async(*args: _P.args, **kwargs: _P.kwargs) -> object:
            with as_user(self._explicit.user):
                return await cast("Awaitable[object]", function(*args, **kwargs))  # function is a coroutine function

        # What act_async returns is awaited to what function's own coroutine would be.
        return cast("Callable[_P, _T]", act_async) if iscoroutinefunction(function) else act


class RequestScope:
    """The stretches of code that run for one *request* and see its user; the middleware opens it for every request.

    A request inside a block of :class:`as_user` keeps the block's user, to the end of its streaming response.
    """

    def __init__(self, request: HttpRequest) -> None:
        current = _source.get()
        self._source: _Source = current if isinstance(current, _Explicit) else request

    @contextmanager
    def active(self) -> Generator[None]:
        """See the request's user inside the block; what the last block has left open is open again."""
        token = _source.set(self._source)
        try:
            yield
        finally:
            # A stream that yields inside its own block of as_user goes on as that user in its next step.
            self._source = _source.get()
            _source.reset(token)


def _load(user: AnyUser | LazyObject[AnyUser | None] | None) -> AnyUser | None:
    """Return the real user behind a lazy one, the same object each time."""
    while isinstance(user, LazyObject):
        if user._wrapped is empty:  # noqa: SLF001  # Django has no public way to tell, or to get at it
            user._setup()  # noqa: SLF001  # same
        user = user._wrapped  # noqa: SLF001  # same
    return user
