"""The current user of a request: every kind of authentication, WSGI and ASGI, streams, and what is left behind."""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import alogin, logout
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.test import AsyncClient, Client
from django.urls import path
from pytest_django import DjangoAssertNumQueries, Settings
from rest_framework.authentication import (
    BaseAuthentication,
    BasicAuthentication,
    SessionAuthentication,
    TokenAuthentication,
)
from rest_framework.authtoken.models import Token
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.views import APIView
from typing_extensions import override

from drf_commons.current_user import (
    aget_current_user,
    as_user,
    get_audit_user,
    get_current_authenticated_user,
    get_current_user,
)
from drf_commons.middlewares import CurrentUserMiddleware
from tests.archive.models import Note
from tests.coroutines import in_transaction

pytestmark = pytest.mark.urls(__name__)

MIDDLEWARE_PATH: Final = "drf_commons.middlewares.CurrentUserMiddleware"


def name_user() -> str | None:
    """Return what code without a request sees."""
    user = get_current_user()
    return None if user is None else user.get_username()


# --- the views -------------------------------------------------------------------------------------------------------


class StatelessUser(AnonymousUser):
    """A user of a token that is no row of any table here, as stateless JSON web tokens have; the key is elsewhere."""

    pk = 7  # type: ignore[assignment]  # the stubs know the anonymous user alone

    @property
    @override
    def is_authenticated(self) -> bool:  # type: ignore[override]
        return True


class StatelessAuthentication(BaseAuthentication):
    @override
    def authenticate(self, request: Request) -> tuple[StatelessUser, None]:
        return StatelessUser(), None


class BadgeAuthentication(BaseAuthentication):
    """A project's own way: the name stands on a badge."""

    @override
    def authenticate(self, request: Request) -> tuple[User, None] | None:
        name = request.headers.get("X-Badge")
        return None if name is None else (User.objects.get(username=name), None)


class Whoami(APIView):
    authentication_classes: Sequence[type[BaseAuthentication]] = (
        TokenAuthentication,
        BasicAuthentication,
        SessionAuthentication,
        BadgeAuthentication,
    )

    def get(self, request: Request) -> HttpResponseBase:  # noqa: ARG002
        return Response({"user": name_user()})

    def post(self, request: Request) -> HttpResponseBase:  # noqa: ARG002
        return Response({"author": str(Note.objects.create(text="new").created_by)})


class TokenOnly(Whoami):
    authentication_classes = (TokenAuthentication,)


class Required(Whoami):
    @override
    def get(self, request: Request) -> HttpResponseBase:
        return Response({"user": get_current_authenticated_user().get_username()})


class Stateless(Whoami):
    authentication_classes = (StatelessAuthentication,)

    @override
    def get(self, request: Request) -> HttpResponseBase:
        return Response({"signed_in": get_current_user() is not None, "audit": get_audit_user() is not None})


class Failing(Whoami):
    @override
    def get(self, request: Request) -> HttpResponseBase:
        raise RuntimeError(name_user())


class Streaming(Whoami):
    @override
    def get(self, request: Request) -> HttpResponseBase:
        return StreamingHttpResponse(f"{name_user()};" for _ in range(2))


def whoami(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"user": name_user()})


async def whoami_async(request: HttpRequest) -> JsonResponse:
    user = await aget_current_user()
    return JsonResponse({"user": None if user is None else user.get_username()})


async def save_async(request: HttpRequest) -> JsonResponse:
    note = await Note.objects.acreate(text="new")
    return JsonResponse({"author": note.created_by_id})


async def fail_async(request: HttpRequest) -> JsonResponse:
    raise RuntimeError(str(await aget_current_user()))


def stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(f"{name_user()};" for _ in range(2))


async def stream_async(request: HttpRequest) -> StreamingHttpResponse:
    async def produce() -> AsyncGenerator[str]:
        for _ in range(2):
            await asyncio.sleep(0)
            yield f"{await aget_current_user()};"

    return StreamingHttpResponse(produce())


def sign_out(request: HttpRequest) -> JsonResponse:
    before = name_user()
    logout(request)
    return JsonResponse({"before": before, "after": name_user()})


async def sign_in_async(request: HttpRequest) -> JsonResponse:
    await alogin(request, await User.objects.aget(username="ada"), "django.contrib.auth.backends.ModelBackend")
    return JsonResponse({"user": str(await aget_current_user())})


def start_thread(request: HttpRequest) -> JsonResponse:
    with ThreadPoolExecutor(max_workers=1) as pool:
        return JsonResponse({"user": name_user(), "thread": pool.submit(name_user).result()})


def nobody_asks(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok")


urlpatterns = [
    path("drf/", Whoami.as_view()),
    path("drf-token-only/", TokenOnly.as_view()),
    path("drf-required/", Required.as_view()),
    path("drf-stateless/", Stateless.as_view()),
    path("drf-failing/", Failing.as_view()),
    path("drf-stream/", Streaming.as_view()),
    path("plain/", whoami),
    path("async/", whoami_async),
    path("save-async/", save_async),
    path("fail-async/", fail_async),
    path("stream/", stream),
    path("stream-async/", stream_async),
    path("sign-out/", sign_out),
    path("sign-in-async/", sign_in_async),
    path("start-thread/", start_thread),
    path("nobody-asks/", nobody_asks),
]


# --- how a client signs in -------------------------------------------------------------------------------------------


def get_token(user: User) -> dict[str, str]:
    """Return the header of a token."""
    return {"Authorization": f"Token {Token.objects.get_or_create(user=user)[0].key}"}


def get_password(user: User) -> dict[str, str]:
    """Return the header of HTTP basic authentication."""
    return {"Authorization": f"Basic {base64.b64encode(f'{user.username}:analytical'.encode()).decode()}"}


def get_session(user: User) -> dict[str, str]:
    """Return the cookie of a session."""
    client = Client()
    client.force_login(user)
    return {"Cookie": f"sessionid={client.cookies['sessionid'].value}"}


def get_badge(user: User) -> dict[str, str]:
    """Return the header of the project's own way."""
    return {"X-Badge": user.username}


Credentials = Callable[[User], Mapping[str, str]]
each_way = pytest.mark.parametrize("credentials", [get_session, get_token, get_password, get_badge])


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create_user("ada", password="analytical")


async def create_ada() -> User:
    """Create the user in a test of coroutines."""
    return await User.objects.acreate_user("ada", password="analytical")


async def sign_in(credentials: Credentials) -> tuple[AsyncClient, dict[str, str]]:
    """Return a client with Ada's cookie, or else the headers that sign her in."""
    headers = dict(await sync_to_async(credentials)(await create_ada()))
    client = AsyncClient()
    # Not as a header: the client sends its own jar, always.
    client.cookies.load(headers.pop("Cookie", ""))
    return client, headers


async def read(response: HttpResponseBase) -> str:
    """Return the whole body of a streaming response under ASGI."""
    assert isinstance(response, StreamingHttpResponse)
    return b"".join([chunk async for chunk in response]).decode()


# --- WSGI ------------------------------------------------------------------------------------------------------------


@each_way
def test_a_drf_view_sees_its_user(ada: User, credentials: Credentials) -> None:
    """DRF authenticates inside the view, long after the middleware has run."""
    assert Client(headers=credentials(ada)).get("/drf/").json() == {"user": "ada"}
    assert Client().get("/drf/").json() == {"user": None}


@each_way
def test_a_row_saved_by_a_drf_view_knows_its_author(ada: User, credentials: Credentials) -> None:
    """However the author has signed in."""
    assert Client(headers=credentials(ada)).post("/drf/").json() == {"author": "ada"}


def test_a_user_forced_by_a_test_is_seen(ada: User) -> None:
    """``force_authenticate`` of DRF's test client."""
    client = APIClient()
    client.force_authenticate(ada)
    assert client.get("/drf/").json() == {"user": "ada"}


def test_a_session_counts_only_where_the_view_takes_sessions(ada: User) -> None:
    """Whom DRF has not let in is nobody, also for audit columns."""
    client = Client(headers=get_session(ada))
    assert client.get("/drf-token-only/").json() == {"user": None}
    assert client.post("/drf-token-only/").json() == {"author": "None"}


@pytest.mark.parametrize("url", ["/plain/", "/async/"])
def test_a_plain_view_sees_the_user_of_the_session(ada: User, url: str) -> None:
    """Sync and async views under WSGI."""
    assert Client(headers=get_session(ada)).get(url).json() == {"user": "ada"}
    assert Client().get(url).json() == {"user": None}


@pytest.mark.parametrize("position", [0, 3, 6])
def test_the_middleware_is_at_home_anywhere(ada: User, settings: Settings, position: int) -> None:
    """Also before the middleware that authenticates: the user is read later."""
    others = [middleware for middleware in settings.MIDDLEWARE if middleware != MIDDLEWARE_PATH]
    settings.MIDDLEWARE = [*others[:position], MIDDLEWARE_PATH, *others[position:]]
    assert Client(headers=get_session(ada)).get("/plain/").json() == {"user": "ada"}


@pytest.mark.django_db
def test_a_view_answers_401_where_a_user_is_required() -> None:
    """Anonymous requests are challenged."""
    response = Client().get("/drf-required/")
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Token"


def test_a_view_answers_the_user_it_requires(ada: User) -> None:
    """Signed in, the same view answers."""
    assert Client(headers=get_token(ada)).get("/drf-required/").json() == {"user": "ada"}


def test_a_user_that_is_no_row_is_not_for_audit_columns() -> None:
    """Who is signed in is known, but cannot be written into a foreign key."""
    assert Client().get("/drf-stateless/").json() == {"signed_in": True, "audit": False}


def test_a_row_saved_by_a_user_that_is_no_row_has_no_author(db: None) -> None:
    """The row is saved all the same."""
    assert Client().post("/drf-stateless/").json() == {"author": "None"}


def test_the_session_of_a_deleted_user_is_nobodys(ada: User) -> None:
    """An old cookie is as good as none."""
    client = Client(headers=get_session(ada))
    ada.delete()
    assert client.get("/drf/").json() == {"user": None}
    assert client.post("/drf/").json() == {"author": "None"}


def test_signing_out_is_seen_at_once(ada: User) -> None:
    """The user is read when asked for, so a change inside the view counts."""
    assert Client(headers=get_session(ada)).get("/sign-out/").json() == {"before": "ada", "after": None}


def test_nothing_is_read_when_nobody_asks(ada: User, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """Neither the session nor the user is loaded for the middleware's sake."""
    client = Client(headers=get_session(ada))
    with django_assert_num_queries(0):
        assert client.get("/nobody-asks/").content == b"ok"


@pytest.mark.parametrize("url", ["/plain/", "/stream/", "/async/", "/stream-async/"])
def test_the_user_is_loaded_once(ada: User, django_assert_num_queries: DjangoAssertNumQueries, url: str) -> None:
    """One query for the session and one for the user, however often somebody asks."""
    client = Client(headers=get_session(ada))
    if url != "/stream-async/":
        with django_assert_num_queries(2):
            response = client.get(url)
            assert b"ada" in (b"".join(response) if response.streaming else response.content)
        return
    with django_assert_num_queries(2), pytest.warns(Warning, match="must consume asynchronous iterators"):
        assert b"".join(client.get(url)) == b"ada;ada;"


@pytest.mark.parametrize("url", ["/drf-failing/", "/fail-async/"])
def test_an_exception_in_the_view_leaves_no_user_behind(ada: User, url: str) -> None:
    """The next request on the same thread starts without a user."""
    with pytest.raises(RuntimeError, match="ada"):
        Client(headers=get_session(ada)).get(url)
    assert get_current_user() is None


def test_a_thread_begun_by_a_view_has_no_user(ada: User) -> None:
    """The request is not handed to threads that may outlive it."""
    assert Client(headers=get_session(ada)).get("/start-thread/").json() == {"user": "ada", "thread": None}


def test_an_explicit_user_is_stronger_than_the_requests(ada: User) -> None:
    """Also when the request begins inside the block, and to the end of its stream."""
    client = Client(headers=get_token(ada))
    with as_user(User.objects.create_user("grace")):
        assert client.get("/drf/").json() == {"user": "grace"}
        response = client.get("/drf-stream/")
    assert b"".join(response) == b"grace;grace;"
    assert client.get("/drf/").json() == {"user": "ada"}


def test_requests_in_threads_see_their_own_user() -> None:
    """Eight server threads, each of which answers many users and is left without one."""
    barrier = threading.Barrier(8)

    def view(request: HttpRequest) -> HttpResponse:
        barrier.wait(timeout=10)
        return HttpResponse(name_user())

    middleware = CurrentUserMiddleware(view)

    def ask(number: int) -> tuple[bytes, str | None]:
        request = HttpRequest()
        request.user = User(username=f"user {number}")
        response = middleware(request)
        assert isinstance(response, HttpResponse)
        return response.content, name_user()

    with ThreadPoolExecutor(max_workers=8) as pool:
        answers = list(pool.map(ask, range(80)))
    assert answers == [(f"user {number}".encode(), None) for number in range(80)]


@each_way
def test_a_stream_keeps_its_user(ada: User, credentials: Credentials) -> None:
    """The body is produced after the middleware has returned; the server's code between two chunks acts as nobody."""
    chunks = iter(Client(headers=credentials(ada)).get("/drf-stream/"))
    assert get_current_user() is None
    assert next(chunks) == b"ada;"
    assert get_current_user() is None
    assert list(chunks) == [b"ada;"]
    assert get_current_user() is None


# --- ASGI ------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@each_way
@in_transaction
async def test_a_drf_view_sees_its_user_under_asgi(credentials: Credentials) -> None:
    """As under WSGI, and so does the row it saves."""
    client, headers = await sign_in(credentials)
    assert (await client.get("/drf/", headers=headers)).json() == {"user": "ada"}
    assert (await client.post("/drf/", headers=headers)).json() == {"author": "ada"}
    assert (await AsyncClient().get("/drf/")).json() == {"user": None}
    assert get_current_user() is None


@pytest.mark.django_db
@pytest.mark.parametrize("url", ["/plain/", "/async/"])
@in_transaction
async def test_a_plain_view_sees_the_user_of_the_session_under_asgi(url: str) -> None:
    """Sync and async views."""
    client, _ = await sign_in(get_session)
    assert (await client.get(url)).json() == {"user": "ada"}
    assert (await AsyncClient().get(url)).json() == {"user": None}


@pytest.mark.django_db
@in_transaction
async def test_a_row_saved_by_an_async_view_knows_its_author() -> None:
    """Nobody has loaded the session's user before."""
    client, _ = await sign_in(get_session)
    ada = await User.objects.aget()
    assert (await client.get("/save-async/")).json() == {"author": ada.pk}


@pytest.mark.django_db
@in_transaction
async def test_signing_in_under_asgi_is_seen_at_once() -> None:
    """The user is read when asked for."""
    await create_ada()
    assert (await AsyncClient().get("/sign-in-async/")).json() == {"user": "ada"}


@pytest.mark.django_db
@in_transaction
async def test_an_exception_in_an_async_view_leaves_no_user_behind() -> None:
    """The task goes on without a user."""
    client, _ = await sign_in(get_session)
    with pytest.raises(RuntimeError, match="ada"):
        await client.get("/fail-async/")
    assert get_current_user() is None


@pytest.mark.django_db
@in_transaction
async def test_streams_keep_their_user_under_asgi() -> None:
    """Sync and async ones."""
    client, _ = await sign_in(get_session)
    assert await read(await client.get("/stream-async/")) == "ada;ada;"
    with pytest.warns(Warning, match="must consume synchronous iterators"):
        assert await read(await client.get("/drf-stream/")) == "ada;ada;"
    assert get_current_user() is None


@pytest.mark.django_db
@in_transaction
async def test_two_hundred_tokens_at_once_see_their_own_user() -> None:
    """Every other request is anonymous, and stays so."""
    await User.objects.abulk_create([User(username=f"user-{number}") for number in range(0, 200, 2)])
    users = {user.username: user async for user in User.objects.all()}
    await Token.objects.abulk_create([Token(key=name, user=user) for name, user in users.items()])

    async def ask(name: str) -> str | None:
        headers = {"Authorization": f"Token {name}"} if name in users else {}
        user: str | None = (await AsyncClient().get("/drf/", headers=headers)).json()["user"]
        return user

    names = [f"user-{number}" for number in range(200)]
    assert await asyncio.gather(*map(ask, names)) == [name if name in users else None for name in names]
    assert get_current_user() is None
