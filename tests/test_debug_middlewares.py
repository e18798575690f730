"""The debug middlewares: ids, lines, headers, streams; what they cost nobody, and what they never change."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Generator
from typing import Any, Final

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.contrib.auth.models import User
from django.core.asgi import get_asgi_application
from django.db import connection
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.test import AsyncClient, Client
from django.urls import path
from pytest_django import Settings
from rest_framework import serializers
from rest_framework.authentication import TokenAuthentication
from rest_framework.authtoken.models import Token
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from typing_extensions import override

from drf_commons.debug import get_request_id
from drf_commons.middlewares import DebugMiddleware
from tests.coroutines import in_transaction
from tests.newsroom.models import Article, Author

pytestmark = pytest.mark.urls(__name__)

DEBUG: Final = "drf_commons.middlewares.DebugMiddleware"
SQL: Final = "drf_commons.middlewares.SQLDebugMiddleware"


# --- the views -------------------------------------------------------------------------------------------------------


def plain(request: HttpRequest, **captured: str) -> HttpResponse:
    Author.objects.count()
    return HttpResponse(get_request_id() or "")


async def plain_async(request: HttpRequest) -> HttpResponse:
    await Author.objects.acount()
    return HttpResponse(get_request_id() or "")


def stream(request: HttpRequest) -> StreamingHttpResponse:
    def steps() -> Generator[str]:
        for number in range(3):
            Author.objects.count()
            yield f"{number} {get_request_id()}\n"

    return StreamingHttpResponse(steps())


async def stream_async(request: HttpRequest) -> StreamingHttpResponse:
    async def steps() -> AsyncGenerator[str]:
        for number in range(3):
            await Author.objects.acount()
            yield f"{number} {get_request_id()}\n"

    return StreamingHttpResponse(steps())


def file(request: HttpRequest) -> FileResponse:
    return FileResponse(open(__file__, "rb"))  # noqa: PTH123  # the response closes it


def repeat(request: HttpRequest) -> HttpResponse:
    for number in range(7):
        Author.objects.filter(pk=number).first()
    return HttpResponse()


class CreditSerializer(serializers.ModelSerializer[Article]):
    credit = serializers.CharField(source="author.name")

    class Meta:  # pyright: ignore[reportIncompatibleVariableOverride]  # as DRF's users write it
        model = Article
        fields = ("id", "credit")


class Who(APIView):
    authentication_classes = (TokenAuthentication,)

    def get(self, request: Request) -> Response:  # noqa: ARG002  # DRF's signature
        return Response(CreditSerializer(Article.objects.all(), many=True).data)


def fail(request: HttpRequest) -> HttpResponse:
    raise RuntimeError


def lose_connection(request: HttpRequest) -> HttpResponse:
    if not connection.in_atomic_block:
        connection.close()
    return HttpResponse("closed")


async def never(request: HttpRequest) -> HttpResponse:
    await asyncio.sleep(60)
    return HttpResponse()


urlpatterns = [
    path("plain/", plain),
    path("plain-async/", plain_async),
    path("stream/", stream),
    path("stream-async/", stream_async),
    path("file/", file),
    path("repeat/", repeat),
    path("who/", Who.as_view()),
    path("fail/", fail),
    path("lose/", lose_connection),
    path("never/", never),
    path("reset/<str:token>/", plain),
]


@pytest.fixture
def middleware(settings: Settings) -> list[str]:
    """Switch the two on."""
    settings.MIDDLEWARE = [DEBUG, SQL, *settings.MIDDLEWARE]
    return list(settings.MIDDLEWARE)


def get_lines(caplog: pytest.LogCaptureFixture, event: str) -> list[dict[str, Any]]:
    """Return the fields of each line of *event*."""
    return [vars(record) for record in caplog.records if record.getMessage() == event]


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Show informations too."""
    caplog.set_level(logging.INFO, "drf_commons")
    return caplog


# --- the id ----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.usefixtures("middleware")
def test_an_id_comes_in_and_goes_out() -> None:
    """What another service calls the request is what it is called here."""
    response = Client().get("/plain/", headers={"X-Request-ID": "a1b2-c3"})
    assert response.headers["X-Request-ID"] == "a1b2-c3"
    assert response.content == b"a1b2-c3"
    assert get_request_id() is None


@pytest.mark.django_db
@pytest.mark.usefixtures("middleware")
@pytest.mark.parametrize("given", ["", "two words", "x" * 129, "ä", "a\tb", "-x"])
def test_an_id_that_is_none_is_replaced(given: str) -> None:
    """Nothing gets into the logs that could be taken for a line of its own."""
    response = Client().get("/plain/", headers={"X-Request-ID": given})
    made = response.headers["X-Request-ID"]
    assert made != given
    assert len(made) == 32
    assert response.content.decode() == made


@pytest.mark.django_db
@pytest.mark.usefixtures("middleware")
@in_transaction
async def test_coroutines_have_the_id_of_their_own_request() -> None:
    """Requests that are answered at once do not mix."""
    client = AsyncClient()
    answers = await asyncio.gather(
        *(client.get("/plain-async/", headers={"X-Request-ID": f"id{number}"}) for number in range(5))
    )
    assert [answer.content.decode() for answer in answers] == [f"id{number}" for number in range(5)]


# --- the line and the header -----------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.usefixtures("middleware")
def test_a_request_is_one_line(lines: pytest.LogCaptureFixture) -> None:
    """It tells what was asked, what was answered, and what that took."""
    Client().get("/plain/?page=2&token=hunter2")
    (line,) = get_lines(lines, "api_request")
    assert line["levelname"] == "INFO"
    assert line["name"] == "drf_commons.api"
    assert {name: line[name] for name in ("method", "path", "route", "query", "status", "queries", "user_id")} == {
        "method": "GET",
        "path": "/plain/",
        "route": "plain/",
        "query": {"page": ["2"], "token": "[redacted]"},
        "status": 200,
        "queries": 1,
        "user_id": None,
    }
    assert 0 < line["query_duration"] < line["duration"]


@pytest.mark.django_db
@pytest.mark.usefixtures("middleware")
def test_a_secret_in_a_path_is_not_shown(lines: pytest.LogCaptureFixture) -> None:
    """As in a link to choose a new password."""
    Client().get("/reset/hunter2/")
    (line,) = get_lines(lines, "api_request")
    assert line["path"] == "/reset/[redacted]/"


@pytest.mark.django_db
@pytest.mark.usefixtures("middleware")
def test_the_user_of_a_token_is_known_and_nobody_is_asked_for(lines: pytest.LogCaptureFixture) -> None:
    """The line tells who it was where somebody has found out, and makes no query to know."""
    user = User.objects.create_user("ada")
    token = Token.objects.create(user=user)
    Client().get("/who/", headers={"Authorization": f"Token {token.key}"})
    client = Client()
    client.force_login(user)
    client.get("/plain/")
    first, second = get_lines(lines, "api_request")
    assert (first["user_id"], second["user_id"], second["queries"]) == (user.pk, None, 1)
    assert token.key not in lines.text


@pytest.mark.django_db
@pytest.mark.usefixtures("middleware")
@pytest.mark.parametrize(
    ("common", "address", "level"),
    [
        ({"DEBUG_SLOW_REQUEST_THRESHOLD": 0}, "/plain/", "WARNING"),
        ({"DEBUG_HIGH_QUERY_COUNT_THRESHOLD": 0}, "/plain/", "WARNING"),
        ({}, "/plain/", "INFO"),
        ({}, "/fail/", "WARNING"),
    ],
)
def test_what_is_remarkable_is_a_warning(
    lines: pytest.LogCaptureFixture, settings: Settings, common: dict[str, Any], address: str, level: str
) -> None:
    """Slow, many queries, or failed."""
    settings.COMMON = common
    Client(raise_request_exception=False).get(address)
    (line,) = get_lines(lines, "api_request")
    assert line["levelname"] == level


@pytest.mark.django_db
@pytest.mark.usefixtures("middleware")
def test_browsers_are_told_the_time(settings: Settings) -> None:
    """In the header they show beside the request, once for each metric."""
    timing = Client().get("/plain/").headers["Server-Timing"]
    names = [metric.partition(";")[0] for metric in timing.split(", ")]
    assert names == ["db", "total"]
    assert timing.startswith("db;dur=")
    assert ';desc="1 query", total;dur=' in timing
    settings.COMMON = {"DEBUG_SERVER_TIMING": False}
    assert "Server-Timing" not in Client().get("/plain/").headers


# --- queries ---------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.usefixtures("middleware")
def test_a_query_in_a_loop_is_found_by_its_line(lines: pytest.LogCaptureFixture) -> None:
    """The warning tells the shape, the number and the line."""
    Client().get("/repeat/")
    (line,) = get_lines(lines, "repeated_query")
    start = repeat.__code__.co_firstlineno
    assert line["levelname"] == "WARNING"
    assert (line["count"], line["route"], line["view"]) == (7, "repeat/", f"{__name__}.repeat")
    assert line["places"] == [f"tests/test_debug_middlewares.py:{start + 2} in repeat"]
    assert "newsroom_author" in line["sql"]


@pytest.mark.django_db
@pytest.mark.usefixtures("middleware")
def test_a_query_for_each_row_is_found_by_the_name_of_the_field(lines: pytest.LogCaptureFixture) -> None:
    """What makes it is a declaration in a serializer."""
    for number in range(6):
        Article.objects.create(title=str(number), author=Author.objects.create(name=str(number)))
    Client().get("/who/")
    (line,) = get_lines(lines, "repeated_query")
    assert line["places"][0].endswith(" in CreditSerializer.credit")


@pytest.mark.django_db
@pytest.mark.usefixtures("middleware")
def test_slow_and_many_queries_are_told(lines: pytest.LogCaptureFixture, settings: Settings) -> None:
    """Each slow one by itself, and the most frequent of many."""
    settings.COMMON = {"DEBUG_SLOW_QUERY_THRESHOLD": 0, "DEBUG_HIGH_QUERY_COUNT_THRESHOLD": 6}
    Client().get("/repeat/")
    assert len(get_lines(lines, "slow_query")) == 7
    (line,) = get_lines(lines, "many_queries")
    assert line["count"] == 7
    assert line["most"][0].startswith("7 x SELECT")


@pytest.mark.django_db
@pytest.mark.usefixtures("middleware")
def test_where_the_level_is_off_nobody_looks(caplog: pytest.LogCaptureFixture) -> None:
    """The id stays; there is no header, no line and no recorder."""
    caplog.set_level(logging.CRITICAL, "drf_commons")
    response = Client().get("/repeat/")
    assert "X-Request-ID" in response.headers
    assert "Server-Timing" not in response.headers
    assert [record for record in caplog.records if record.name.startswith("drf_commons")] == []


# --- streams ---------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.usefixtures("middleware")
def test_queries_of_a_stream_are_counted_and_its_steps_know_the_id(lines: pytest.LogCaptureFixture) -> None:
    """The header tells what is known when it is sent; the line comes at the end."""
    response: Any = Client().get("/stream/", headers={"X-Request-ID": "abc"})
    assert response.streaming
    assert get_lines(lines, "api_request") == []
    assert response.getvalue() == b"0 abc\n1 abc\n2 abc\n"
    response.close()
    (line,) = get_lines(lines, "api_request")
    assert line["queries"] == 3
    assert 'desc="0 queries"' in response.headers["Server-Timing"]


@pytest.mark.django_db
@pytest.mark.usefixtures("middleware")
def test_a_stream_that_nobody_reads_is_told_too(lines: pytest.LogCaptureFixture) -> None:
    """A client that goes away ends the request."""
    response = Client().get("/stream/")
    response.close()
    (line,) = get_lines(lines, "api_request")
    assert line["queries"] == 0


@pytest.mark.django_db
@pytest.mark.usefixtures("middleware")
@in_transaction
async def test_async_streams_are_counted(lines: pytest.LogCaptureFixture) -> None:
    """Step by step, in the event loop."""
    response: Any = await AsyncClient().get("/stream-async/", headers={"X-Request-ID": "abc"})
    chunks = [chunk async for chunk in response.streaming_content]
    assert b"".join(chunks) == b"0 abc\n1 abc\n2 abc\n"
    await sync_to_async(response.close)()
    (line,) = get_lines(lines, "api_request")
    assert line["queries"] == 3


@pytest.mark.django_db
def test_files_are_left_to_the_server(lines: pytest.LogCaptureFixture, rf: Any) -> None:
    """A file still goes the short way."""
    response: Any = DebugMiddleware(file)(rf.get("/file/"))
    assert response.file_to_stream is not None
    response.close()
    assert len(get_lines(lines, "api_request")) == 1


# --- what goes wrong -------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.usefixtures("middleware")
def test_a_body_is_never_changed(settings: Settings) -> None:
    """With and without, the same bytes."""
    settings.MIDDLEWARE = [item for item in settings.MIDDLEWARE if item not in {DEBUG, SQL}]
    without = {address: Client().get(address).content for address in ("/repeat/", "/who/")}
    settings.MIDDLEWARE = [DEBUG, SQL, *settings.MIDDLEWARE]
    assert {address: Client().get(address).content for address in without} == without


@pytest.mark.django_db
@pytest.mark.usefixtures("middleware")
def test_a_closed_connection_is_no_matter(lines: pytest.LogCaptureFixture) -> None:
    """The request goes on, and is told."""
    assert Client().get("/lose/").content == b"closed"
    assert len(get_lines(lines, "api_request")) == 1


class BrokenHandler(logging.Handler):
    """A handler that does not even fail properly."""

    @override
    def emit(self, record: logging.LogRecord) -> None:
        raise RuntimeError


@pytest.mark.django_db
@pytest.mark.usefixtures("middleware")
def test_a_log_that_fails_does_not_fail_the_request(capsys: pytest.CaptureFixture[str]) -> None:
    """The answer is sent; where Python tells of broken handlers, it is told what is missing."""
    handler = BrokenHandler()
    logger = logging.getLogger("drf_commons.api")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        assert Client().get("/plain/").status_code == 200
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    assert "drf_commons: api_request could not be logged: RuntimeError" in capsys.readouterr().err


@pytest.mark.django_db
@pytest.mark.usefixtures("middleware")
def test_queries_that_do_not_parse_are_told(lines: pytest.LogCaptureFixture, settings: Settings) -> None:
    """A request whose query has too many fields is answered by the view, and the log says what it lacks."""
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 1
    assert Client().get("/plain/?a=1&b=2&c=3").status_code == 200
    (line,) = get_lines(lines, "api_request")
    assert line["query"] == "[not logged: TooManyFieldsSent]"


def test_a_failing_handler_is_told_and_its_error_goes_on(lines: pytest.LogCaptureFixture, rf: Any) -> None:
    """What is below may raise, as a test client's does; nothing stays behind."""

    def break_off(request: HttpRequest) -> HttpResponseBase:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        DebugMiddleware(break_off)(rf.get("/plain/"))
    (line,) = get_lines(lines, "api_request")
    assert line["status"] is None
    assert get_request_id() is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("middleware")
async def test_a_client_that_goes_away_is_told(lines: pytest.LogCaptureFixture) -> None:
    """Under ASGI the view is cancelled; the line says that there is no status."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "path": "/never/",
        "query_string": b"",
        "headers": [(b"host", b"testserver")],
    }
    communicator: Any = ApplicationCommunicator(  # type: ignore[no-untyped-call]  # asgiref leaves it without
        get_asgi_application(), scope
    )
    await communicator.send_input({"type": "http.request", "body": b"", "more_body": False})
    await asyncio.sleep(0.05)
    await communicator.send_input({"type": "http.disconnect"})
    await communicator.wait(timeout=5)
    (line,) = get_lines(lines, "api_request")
    assert (line["status"], line["levelname"]) == (None, "WARNING")
