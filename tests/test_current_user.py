"""The current user where there is no request: explicit users, tasks, threads, coroutines and what audit columns get."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from contextvars import copy_context
from functools import partial
from inspect import iscoroutinefunction
from typing import assert_type

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from hypothesis import given
from hypothesis import strategies as st

from drf_commons.current_user import (
    RequestScope,
    aget_audit_user,
    aget_current_authenticated_user,
    aget_current_user,
    as_user,
    get_audit_user,
    get_current_authenticated_user,
    get_current_user,
)
from drf_commons.errors import AuthenticationRequiredError, DrfCommonsError, UserNotLoadedError
from tests.archive.models import Note
from tests.coroutines import in_transaction


def name_user() -> str | None:
    """Return what code without a request sees."""
    user = get_current_user()
    return None if user is None else user.get_username()


def build_request(load: Callable[[], object]) -> HttpRequest:
    """Return a request whose user is loaded when first looked at, as Django's own is."""
    request = HttpRequest()
    request.user = SimpleLazyObject(load)  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
    return request


def load_first_user() -> User:
    """Load a user, as a session does: with a query."""
    return User.objects.earliest("pk")


def test_outside_a_request_there_is_nobody() -> None:
    """Commands and shells act as no user."""
    assert get_current_user() is None
    assert get_audit_user() is None


async def test_the_user_is_of_the_projects_model() -> None:
    """The mypy plugin knows the project's own fields and methods, without a cast; pyright the base of all users."""
    ada = User(pk=1, first_name="Ada")
    with as_user(ada):
        user = get_current_user()
        assert_type(user, User | None)  # pyright: ignore[reportAssertTypeFailure]
        assert_type(get_audit_user(), User | None)  # pyright: ignore[reportAssertTypeFailure]
        assert_type(get_current_authenticated_user(), User)  # pyright: ignore[reportAssertTypeFailure]
        assert_type(await aget_current_user(), User | None)  # pyright: ignore[reportAssertTypeFailure]
        assert_type(await aget_audit_user(), User | None)  # pyright: ignore[reportAssertTypeFailure]
        assert_type(await aget_current_authenticated_user(), User)  # pyright: ignore[reportAssertTypeFailure]
    assert isinstance(user, User)
    assert user.get_full_name() == "Ada"


def test_requiring_a_user_raises_where_there_is_none() -> None:
    """The error belongs to the library's tree and to DRF's, so a view answers 401."""
    with pytest.raises(AuthenticationRequiredError) as caught:
        get_current_authenticated_user()
    assert isinstance(caught.value, DrfCommonsError)


def test_an_anonymous_user_is_nobody() -> None:
    """``None``, and not an ``AnonymousUser`` that no foreign key takes."""
    with as_user(AnonymousUser()):
        assert get_current_user() is None


def test_a_request_without_authentication_has_no_user() -> None:
    """A project without ``AuthenticationMiddleware`` has requests without a ``user``."""
    with RequestScope(HttpRequest()).active():
        assert get_current_user() is None


@pytest.mark.parametrize("load", [lambda: None, AnonymousUser, lambda: SimpleLazyObject(AnonymousUser)])
def test_a_lazy_nobody_is_nobody(load: Callable[[], object]) -> None:
    """Middlewares of other projects make ``request.user`` lazy too, and their loaders return ``None`` at times."""
    with RequestScope(build_request(load)).active():
        assert get_current_user() is None


def test_a_lazy_user_is_given_as_the_user_itself() -> None:
    """What is found behind the lazy object is always the same real user."""
    ada = User(username="ada")
    request = build_request(lambda: SimpleLazyObject(lambda: ada))
    with RequestScope(request).active():
        assert get_current_user() is ada
        assert get_current_user() is ada


def test_an_error_of_the_loader_is_not_hidden() -> None:
    """A bug in somebody's authentication must not look like nobody."""

    def fail() -> User:
        msg = "no such claim"
        raise AttributeError(msg)

    with RequestScope(build_request(fail)).active(), pytest.raises(AttributeError, match="no such claim"):
        get_current_user()


@pytest.mark.django_db
def test_a_lazy_user_can_be_written_to_a_foreign_key() -> None:
    """The audit user is a plain instance of the user model."""
    ada = User.objects.create(username="ada")
    with RequestScope(build_request(load_first_user)).active():
        user = get_audit_user()
        assert type(user) is User
        note = Note.objects.create(text="new")
    note.refresh_from_db()
    assert note.created_by == ada


def test_an_unsaved_user_is_not_for_audit_columns() -> None:
    """A user without a key cannot be referred to."""
    with as_user(User(username="unsaved")):
        assert name_user() == "unsaved"
        assert get_audit_user() is None


@pytest.mark.django_db
def test_a_deleted_user_is_not_for_audit_columns() -> None:
    """Somebody who deletes their own account still saves the rows that say so."""
    ada = User.objects.create(username="ada")
    with as_user(ada):
        ada.delete()
        assert get_audit_user() is None
        assert Note.objects.create(text="account closed").created_by is None


def test_an_explicit_user_is_stronger_than_the_requests() -> None:
    """In whichever order the two begin."""
    request = build_request(lambda: User(username="request"))
    with RequestScope(request).active(), as_user(User(username="explicit")):
        assert name_user() == "explicit"
    with as_user(User(username="explicit")), RequestScope(request).active():
        assert name_user() == "explicit"


def test_nobody_can_be_explicit() -> None:
    """``None`` hides the request's user."""
    with RequestScope(build_request(lambda: User(username="request"))).active():
        with as_user(None):
            assert name_user() is None
        assert name_user() == "request"


@given(names=st.lists(st.none() | st.text(min_size=1)))
def test_explicit_users_nest_like_a_stack(names: list[str | None]) -> None:
    """However deep, each block ends with the user of the one around it."""
    blocks: list[ExitStack] = []
    for name in names:
        block = ExitStack()
        block.enter_context(as_user(None if name is None else User(username=name)))
        blocks.append(block)
        assert name_user() == name
    for outer_name, block in zip([None, *names][-2::-1], reversed(blocks), strict=True):
        block.close()
        assert name_user() == outer_name
    assert name_user() is None


def test_one_block_can_be_entered_again() -> None:
    """Also while it is open."""
    as_ada = as_user(User(username="ada"))
    with as_ada:
        with as_user(None), as_ada:
            assert name_user() == "ada"
        assert name_user() == "ada"
    assert name_user() is None


def test_an_exception_ends_an_explicit_block() -> None:
    """Nothing is left behind."""
    with pytest.raises(RuntimeError), as_user(User(username="ada")):
        raise RuntimeError
    assert get_current_user() is None


def test_a_decorated_function_acts_as_the_user() -> None:
    """For the length of each call, also when it calls itself."""

    @as_user(User(username="ada"))
    def act(depth: int) -> list[str | None]:
        return [name_user(), *(act(depth - 1) if depth else []), name_user()]

    assert assert_type(act(1), list[str | None]) == ["ada"] * 4
    assert act.__name__ == "act"
    assert name_user() is None


async def test_a_decorated_coroutine_function_acts_as_the_user() -> None:
    """While it is awaited, and not only while the coroutine is made; also several times at once."""

    @as_user(User(username="ada"))
    async def act(number: int) -> tuple[int, str | None]:
        await asyncio.sleep(0)
        return number, name_user()

    assert await asyncio.gather(*(act(number) for number in range(3))) == [(0, "ada"), (1, "ada"), (2, "ada")]
    assert iscoroutinefunction(act)
    assert name_user() is None


def test_a_generator_cannot_be_decorated() -> None:
    """Its steps would run after the call, as nobody."""

    def produce() -> Generator[int]:
        yield 1

    async def produce_async() -> AsyncGenerator[int]:
        yield 1

    for function in (produce, produce_async):
        with pytest.raises(TypeError, match=rf"{function.__name__}\(\): the call ends before its steps run"):
            as_user(None)(function)


async def test_explicit_users_of_concurrent_tasks_do_not_meet() -> None:
    """A block belongs to its task."""

    async def act(name: str) -> str | None:
        with as_user(User(username=name)):
            await asyncio.sleep(0)
            return name_user()

    assert await asyncio.gather(*(act(name) for name in "abc")) == ["a", "b", "c"]


async def test_a_task_begun_inside_a_block_acts_as_its_user() -> None:
    """``asyncio.gather`` and ``create_task`` inherit the context, to the end of the task."""

    async def act() -> str | None:
        await asyncio.sleep(0)
        return name_user()

    with as_user(User(username="ada")):
        task = asyncio.create_task(act())
        assert set(await asyncio.gather(act(), act())) == {"ada"}
    assert await task == "ada"
    assert name_user() is None


async def test_an_explicit_user_crosses_between_sync_and_async() -> None:
    """In both directions, and a block that the other side opened ends there."""

    async def act_async() -> str | None:
        with as_user(User(username="inner")):
            await asyncio.sleep(0)
        return name_user()

    def act() -> tuple[str | None, str | None]:
        with as_user(User(username="thread")):
            return name_user(), async_to_sync(act_async)()

    with as_user(User(username="ada")):
        assert await sync_to_async(name_user)() == "ada"
        assert await sync_to_async(act)() == ("thread", "thread")
        assert name_user() == "ada"


def test_a_thread_of_ones_own_starts_without_a_user() -> None:
    """Plain threads inherit nothing; pass the user on with ``as_user``, or the whole context."""
    seen: list[str | None] = []
    ada = User(username="ada")

    def act() -> None:
        seen.append(name_user())

    with as_user(ada):
        for target in (act, as_user(ada)(act), partial(copy_context().run, act)):
            thread = threading.Thread(target=target)
            thread.start()
            thread.join()
    assert seen == [None, "ada", "ada"]


def test_explicit_users_of_concurrent_threads_do_not_meet() -> None:
    """A block belongs to its thread."""
    barrier = threading.Barrier(4)

    def act(name: str) -> str | None:
        with as_user(User(username=name)):
            barrier.wait(timeout=10)
            return name_user()

    with ThreadPoolExecutor(max_workers=4) as pool:
        assert list(pool.map(act, "abcd")) == ["a", "b", "c", "d"]
        assert set(pool.map(lambda _: name_user(), range(8))) == {None}


async def test_the_async_twins_see_an_explicit_user() -> None:
    """What the plain functions return, they return."""
    ada = User(pk=1, username="ada")
    with as_user(ada):
        assert await aget_current_user() is ada
        assert await aget_current_authenticated_user() is ada
        assert await aget_audit_user() is ada
    assert await aget_current_user() is None
    assert await aget_audit_user() is None
    with pytest.raises(AuthenticationRequiredError):
        await aget_current_authenticated_user()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("read", "load"),
    [
        (get_current_user, aget_current_user),
        (get_current_authenticated_user, aget_current_authenticated_user),
        (get_audit_user, aget_audit_user),
    ],
)
@in_transaction
async def test_a_coroutine_loads_the_user_before_it_reads_it(
    read: Callable[[], User | None], load: Callable[[], Awaitable[User | None]]
) -> None:
    """Reading at once would block the event loop, so it is refused with the way out; loaded, everybody reads it."""
    await User.objects.acreate(username="ada")
    with RequestScope(build_request(load_first_user)).active():
        with pytest.raises(UserNotLoadedError, match=r"await aget_current_user\(\)"):
            read()
        assert str(await load()) == "ada"
        assert str(read()) == "ada"
        assert name_user() == "ada"


@pytest.mark.django_db
@in_transaction
async def test_rows_saved_by_a_coroutine_know_their_author() -> None:
    """Django saves in a thread, where the user is loaded when the row asks for it."""
    ada = await User.objects.acreate(username="ada")
    with RequestScope(build_request(load_first_user)).active():
        note = await Note.objects.acreate(text="new")
    assert note.created_by_id == ada.pk
    with RequestScope(build_request(load_first_user)).active():
        note = Note(text="newer")
        await note.asave()
        await Note.objects.abulk_create([Note(text="newest")])
    assert note.updated_by_id == ada.pk
    assert await Note.objects.filter(created_by=ada).acount() == 3
