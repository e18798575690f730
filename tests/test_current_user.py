"""The current user outside and inside requests: sessions, tokens, passwords, WSGI, ASGI, streams and tasks."""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from io import BytesIO

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import alogin, logout
from django.contrib.auth.models import AnonymousUser, User
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.test import AsyncClient, Client
from django.urls import path
from pytest_django import DjangoAssertNumQueries
from rest_framework.authentication import (
    BaseAuthentication,
    BasicAuthentication,
    SessionAuthentication,
    TokenAuthentication,
)
from rest_framework.authtoken.models import Token
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from typing_extensions import override

from drf_commons.current_user import (
    aget_current_user,
    as_request,
    as_user,
    get_audit_user,
    get_current_authenticated_user,
    get_current_user,
)
from drf_commons.errors import AuthenticationRequiredError, DrfCommonsError
from drf_commons.middlewares import CurrentUserMiddleware

pytestmark = pytest.mark.urls(__name__)


def name_user() -> str | None:
    """Return what code without a request sees."""
    user = get_current_user()
    return None if user is None else user.get_username()


class StatelessUser(AnonymousUser):
    """A user of a token that is no row of any table, as stateless JSON web tokens have."""

    @property
    @override
    def is_authenticated(self) -> bool:  # type: ignore[override]
        return True


class StatelessAuthentication(BaseAuthentication):
    @override
    def authenticate(self, request: Request) -> tuple[StatelessUser, None]:
        return StatelessUser(), None


class Whoami(APIView):
    authentication_classes = (TokenAuthentication, BasicAuthentication, SessionAuthentication)

    def get(self, request: Request) -> Response:  # noqa: ARG002
        return Response({"user": name_user()})


class Required(Whoami):
    @override
    def get(self, request: Request) -> Response:
        return Response({"user": get_current_authenticated_user().get_username()})


class Stateless(APIView):
    authentication_classes = (StatelessAuthentication,)

    def get(self, request: Request) -> Response:  # noqa: ARG002
        return Response({"signed_in": get_current_user() is not None, "audit": get_audit_user() is not None})


class Failing(Whoami):
    @override
    def get(self, request: Request) -> Response:
        raise RuntimeError(name_user())


class Streaming(Whoami):
    @override
    def get(self, request: Request) -> Response:
        def stream() -> Generator[str]:
            for _ in range(2):
                yield f"{name_user()};"

        return StreamingHttpResponse(stream())  # type: ignore[return-value]


def whoami(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"user": name_user()})


async def whoami_async(request: HttpRequest) -> JsonResponse:
    user = await aget_current_user()
    in_thread = await sync_to_async(name_user)()
    return JsonResponse({"user": None if user is None else user.get_username(), "in_thread": in_thread})


async def stream_async(request: HttpRequest) -> StreamingHttpResponse:
    async def stream() -> AsyncGenerator[str]:
        for _ in range(2):
            await asyncio.sleep(0)
            user = await aget_current_user()
            yield f"{user};"

    return StreamingHttpResponse(stream())


def stream_session(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(f"{name_user()};" for _ in range(2))


def sign_out(request: HttpRequest) -> JsonResponse:
    before = name_user()
    logout(request)
    return JsonResponse({"before": before, "after": name_user()})


async def sign_in_async(request: HttpRequest) -> JsonResponse:
    await alogin(request, await User.objects.aget(username="ada"), "django.contrib.auth.backends.ModelBackend")
    user = await aget_current_user()
    return JsonResponse({"user": str(user)})


def nobody_asks(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok")


urlpatterns = [
    path("drf/", Whoami.as_view()),
    path("drf-required/", Required.as_view()),
    path("drf-stateless/", Stateless.as_view()),
    path("drf-failing/", Failing.as_view()),
    path("drf-stream/", Streaming.as_view()),
    path("plain/", whoami),
    path("async/", whoami_async),
    path("stream-async/", stream_async),
    path("stream-session/", stream_session),
    path("sign-out/", sign_out),
    path("sign-in-async/", sign_in_async),
    path("nobody-asks/", nobody_asks),
]


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create_user("ada", password="analytical")


def get_token_header(user: User) -> dict[str, str]:
    """Return the header of a fresh token."""
    return {"Authorization": f"Token {Token.objects.create(user=user).key}"}


async def read(response: HttpResponseBase) -> str:
    """Return the whole body of a response under ASGI."""
    assert isinstance(response, StreamingHttpResponse)
    return b"".join([chunk async for chunk in response]).decode()


def test_outside_a_request_there_is_nobody() -> None:
    """Commands and shells act as no user."""
    assert get_current_user() is None
    assert get_audit_user() is None


def test_requiring_a_user_raises_where_there_is_none() -> None:
    """The error belongs to the library's tree and to DRF's, so a view answers 401."""
    with pytest.raises(AuthenticationRequiredError) as caught:
        get_current_authenticated_user()
    assert isinstance(caught.value, DrfCommonsError)


@pytest.mark.django_db
def test_a_view_answers_401_where_a_user_is_required() -> None:
    """Anonymous requests are challenged."""
    response = Client().get("/drf-required/")
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Token"


def test_a_token_user_is_seen(ada: User) -> None:
    """DRF authenticates inside the view, long after the middleware has run."""
    assert Client(headers=get_token_header(ada)).get("/drf/").json() == {"user": "ada"}
    assert Client().get("/drf/").json() == {"user": None}


def test_a_password_user_is_seen(ada: User) -> None:
    """HTTP basic authentication."""
    credentials = base64.b64encode(b"ada:analytical").decode()
    assert Client(headers={"Authorization": f"Basic {credentials}"}).get("/drf/").json() == {"user": "ada"}


@pytest.mark.parametrize("url", ["/drf/", "/plain/", "/async/"])
def test_a_session_user_is_seen(ada: User, url: str) -> None:
    """In DRF views, plain views and async views under WSGI."""
    client = Client()
    client.force_login(ada)
    assert client.get(url).json()["user"] == "ada"


@pytest.mark.django_db
@pytest.mark.parametrize("url", ["/drf/", "/plain/", "/async/"])
def test_an_anonymous_user_is_nobody(url: str) -> None:
    """``None``, and not an ``AnonymousUser`` that no foreign key takes."""
    assert Client().get(url).json()["user"] is None


def test_a_user_that_is_no_row_is_not_for_audit_columns() -> None:
    """Who is signed in is known, but cannot be written into a foreign key."""
    assert Client().get("/drf-stateless/").json() == {"signed_in": True, "audit": False}


def test_an_unsaved_user_is_not_for_audit_columns() -> None:
    """A user without a key cannot be referred to."""
    with as_user(User(username="unsaved")):
        assert name_user() == "unsaved"
        assert get_audit_user() is None


def test_signing_out_is_seen_at_once(ada: User) -> None:
    """The user is read when asked for, so a change inside the view counts."""
    client = Client()
    client.force_login(ada)
    assert client.get("/sign-out/").json() == {"before": "ada", "after": None}


def test_nothing_is_read_when_nobody_asks(ada: User, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """Neither the session nor the user is loaded for the middleware's sake."""
    client = Client()
    client.force_login(ada)
    with django_assert_num_queries(0):
        assert client.get("/nobody-asks/").content == b"ok"


def test_an_exception_in_the_view_leaves_no_user_behind(ada: User) -> None:
    """The next request on the same thread starts without a user."""
    header = get_token_header(ada)
    with pytest.raises(RuntimeError, match="ada"):
        Client(headers=header).get("/drf-failing/")
    assert get_current_user() is None


def test_a_streaming_response_keeps_its_user(ada: User) -> None:
    """The body is produced after the middleware has returned."""
    response = Client(headers=get_token_header(ada)).get("/drf-stream/")
    assert get_current_user() is None
    assert b"".join(response) == b"ada;ada;"
    assert get_current_user() is None


def test_a_stream_read_in_steps_leaves_no_user_between_them(ada: User) -> None:
    """The server's own code between two chunks acts as nobody."""
    chunks = iter(Client(headers=get_token_header(ada)).get("/drf-stream/"))
    assert next(chunks) == b"ada;"
    assert get_current_user() is None


@pytest.mark.django_db
def test_closing_a_stream_closes_what_produces_it() -> None:
    """A client that goes away frees the view's resources."""
    closed: list[str] = []

    def produce() -> Generator[bytes]:
        try:
            yield b"1"
            yield b"2"
        finally:
            closed.append("yes")

    middleware = CurrentUserMiddleware(lambda _request: StreamingHttpResponse(produce()))
    response = middleware(HttpRequest())
    assert isinstance(response, StreamingHttpResponse)
    assert next(iter(response)) == b"1"
    response.close()
    assert closed == ["yes"]


def test_a_file_is_still_handed_to_the_server() -> None:
    """A wrapped file could not be sent by the server's own means."""
    response = CurrentUserMiddleware(lambda _request: FileResponse(BytesIO(b"bytes")))(HttpRequest())
    assert isinstance(response, FileResponse)
    assert response.file_to_stream is not None


@pytest.mark.django_db(transaction=True)
async def test_token_and_session_users_are_seen_under_asgi() -> None:
    """Sync views, async views and both kinds of streams."""
    ada = await User.objects.acreate(username="ada")
    header = await sync_to_async(get_token_header)(ada)
    by_token = AsyncClient()
    assert (await by_token.get("/drf/", headers=header)).json() == {"user": "ada"}
    with pytest.warns(Warning, match="must consume synchronous iterators"):
        assert await read(await by_token.get("/drf-stream/", headers=header)) == "ada;ada;"
    by_session = AsyncClient()
    await by_session.aforce_login(ada)
    assert (await by_session.get("/async/")).json() == {"user": "ada", "in_thread": "ada"}
    assert await read(await by_session.get("/stream-async/")) == "ada;ada;"
    assert (await AsyncClient().get("/async/")).json() == {"user": None, "in_thread": None}
    assert get_current_user() is None


@pytest.mark.django_db(transaction=True)
async def test_signing_in_under_asgi_is_seen_at_once() -> None:
    """As under WSGI."""
    await User.objects.acreate(username="ada")
    assert (await AsyncClient().get("/sign-in-async/")).json() == {"user": "ada"}


async def test_two_hundred_requests_at_once_see_their_own_user() -> None:
    """Every task has its own context, however the event loop interleaves them."""

    async def view(request: HttpRequest) -> JsonResponse:
        seen = set()
        for _ in range(5):
            await asyncio.sleep(0)
            seen.add(name_user())
        return JsonResponse({"seen": sorted(map(str, seen))})

    middleware = CurrentUserMiddleware(view)

    async def ask(number: int) -> JsonResponse:
        request = HttpRequest()
        request.user = User(username=f"user {number}")
        answer = middleware(request)
        assert isinstance(answer, Awaitable)
        response = await answer
        assert isinstance(response, JsonResponse)
        return response

    responses = await asyncio.gather(*(ask(number) for number in range(200)))
    assert [response.content for response in responses] == [
        JsonResponse({"seen": [f"user {number}"]}).content for number in range(200)
    ]
    assert get_current_user() is None


def test_an_explicit_user_is_stronger_than_the_requests(ada: User) -> None:
    """Also when the request begins inside the block."""
    grace = User.objects.create_user("grace")
    client = Client(headers=get_token_header(ada))
    with as_user(grace):
        assert client.get("/drf/").json() == {"user": "grace"}
    assert client.get("/drf/").json() == {"user": "ada"}


def test_explicit_users_nest() -> None:
    """Each block ends with the user of the one around it; ``None`` is nobody, explicitly."""
    request = HttpRequest()
    request.user = User(username="request")
    with as_request(request):
        with as_user(User(username="outer")):
            with as_user(None):
                assert name_user() is None
                with as_user(User(username="inner")):
                    assert name_user() == "inner"
                assert name_user() is None
            assert name_user() == "outer"
        assert name_user() == "request"
    assert name_user() is None


def test_an_exception_ends_an_explicit_block() -> None:
    """Nothing is left behind."""
    with pytest.raises(RuntimeError), as_user(User(username="ada")):
        raise RuntimeError
    assert get_current_user() is None


async def test_explicit_users_of_concurrent_tasks_do_not_meet() -> None:
    """A block belongs to its task."""

    async def act(name: str) -> str | None:
        with as_user(User(username=name)):
            await asyncio.sleep(0)
            return name_user()

    assert await asyncio.gather(*(act(name) for name in "abc")) == ["a", "b", "c"]


async def test_an_explicit_user_is_seen_by_the_async_twin() -> None:
    """Both functions agree."""
    with as_user(User(username="ada")):
        assert str(await aget_current_user()) == "ada"
    assert await aget_current_user() is None


def test_a_thread_of_ones_own_starts_without_a_user() -> None:
    """Context is not inherited by plain threads; pass the user on with ``as_user``."""
    seen: list[str | None] = []
    with as_user(User(username="ada")):
        thread = threading.Thread(target=lambda: seen.append(name_user()))
        thread.start()
        thread.join()
    assert seen == [None]


def test_a_request_without_authentication_has_no_user() -> None:
    """A project without ``AuthenticationMiddleware`` has requests without a ``user``."""
    with as_request(HttpRequest()):
        assert get_current_user() is None


@pytest.mark.parametrize("handler", [lambda _request: HttpResponse("ok")])
def test_the_middleware_is_native_in_both_worlds(handler: Callable[[HttpRequest], HttpResponse]) -> None:
    """Django needs no adapter around it."""
    assert CurrentUserMiddleware.sync_capable
    assert CurrentUserMiddleware.async_capable
    assert isinstance(CurrentUserMiddleware(handler)(HttpRequest()), HttpResponse)
