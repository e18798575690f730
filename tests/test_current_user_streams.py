"""The current user of a streaming response, which is produced after the middleware has returned."""

from __future__ import annotations

import asyncio
import http.client
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Generator, Iterator, Mapping
from contextlib import aclosing, contextmanager
from io import BytesIO
from typing import Any
from wsgiref.util import FileWrapper, setup_testing_defaults

import pytest
import uvicorn
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import FileResponse, HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.test import AsyncClient
from django.urls import path
from pytest_django import Settings

from drf_commons.current_user import as_user, get_current_user
from drf_commons.middlewares import CurrentUserMiddleware

# Django's handlers look after the database connections, whether or not a view has used one.
pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]


def name_user() -> str | None:
    """Return what code without a request sees."""
    user = get_current_user()
    return None if user is None else user.get_username()


async def badge(request: HttpRequest) -> StreamingHttpResponse:
    """Sign in whom the header names, without any table, and tell who it is, over and over."""
    request.user = User(username=request.headers["X-Badge"])

    async def produce() -> AsyncGenerator[str]:
        for _ in range(5):
            await asyncio.sleep(0)
            yield f"{name_user()};"

    await asyncio.sleep(0)
    return StreamingHttpResponse(produce(), headers={"X-Seen": f"{name_user()}, {await sync_to_async(name_user)()}"})


urlpatterns = [path("badge/", badge)]


async def read(response: HttpResponseBase) -> str:
    """Return the whole body of a streaming response under ASGI."""
    assert isinstance(response, StreamingHttpResponse)
    return b"".join([chunk async for chunk in response]).decode()


def answer(content: object) -> StreamingHttpResponse:
    """Return what the middleware makes of a stream for Ada under WSGI."""
    request = HttpRequest()
    request.user = User(username="ada")
    response = CurrentUserMiddleware(lambda _request: StreamingHttpResponse(content))(request)  # type: ignore[arg-type]
    assert isinstance(response, StreamingHttpResponse)
    return response


def test_a_block_around_several_chunks_holds_for_all_of_them() -> None:
    """A stream may act as somebody else for a while, and the consumer between its steps does not."""

    def produce() -> Generator[str | None]:
        yield name_user()
        with as_user(User(username="robot")):
            yield name_user()
            yield name_user()
        yield name_user()

    chunks = iter(answer(produce()))
    seen = []
    for chunk in chunks:
        seen.append(chunk)
        assert name_user() is None
    assert seen == [b"ada", b"robot", b"robot", b"ada"]


def test_a_stream_that_is_not_read_to_its_end_ends_with_its_user() -> None:
    """A client that goes away frees the view's resources, and what is done then is done by the user."""
    closed: list[str | None] = []

    def produce() -> Generator[bytes]:
        try:
            yield b"1"
            yield b"2"
        finally:
            closed.append(name_user())

    response = answer(produce())
    assert next(iter(response)) == b"1"
    response.close()
    assert closed == ["ada"]
    assert response.closed
    assert name_user() is None


def test_what_others_do_when_a_stream_is_closed_is_still_done() -> None:
    """A view, or a middleware below this one, may have put its own ``close`` on the response."""
    closed: list[str | None] = []

    def view(request: HttpRequest) -> StreamingHttpResponse:
        request.user = User(username="ada")
        response = StreamingHttpResponse(["1"])
        response.close = lambda: closed.append(name_user())  # type: ignore[method-assign]
        return response

    response = CurrentUserMiddleware(view)(HttpRequest())
    assert isinstance(response, StreamingHttpResponse)
    response.close()
    assert closed == ["ada"]


def test_an_exception_in_a_stream_leaves_no_user_behind() -> None:
    """The server sees the error, and no user."""

    def produce() -> Generator[str | None]:
        yield name_user()
        raise RuntimeError(name_user())

    chunks = iter(answer(produce()))
    assert next(chunks) == b"ada"
    with pytest.raises(RuntimeError, match="ada"):
        next(chunks)
    assert name_user() is None


def test_a_file_is_still_handed_to_the_server(settings: Settings) -> None:
    """WSGI servers send real files by their own, faster means."""
    settings.ROOT_URLCONF = type("urls", (), {"urlpatterns": [path("", lambda _: FileResponse(BytesIO(b"bytes")))]})
    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    environ["wsgi.file_wrapper"] = FileWrapper
    environ["HTTP_HOST"] = "testserver"
    body = WSGIHandler()(environ, lambda *_: BytesIO().write)
    assert isinstance(body, FileWrapper)
    assert b"".join(body) == b"bytes"
    body.close()


def test_a_file_response_of_a_generator_keeps_its_user() -> None:
    """It is no file that a server could send."""
    request = HttpRequest()
    request.user = User(username="ada")

    def produce() -> Generator[str | None]:
        yield name_user()

    response = CurrentUserMiddleware(lambda _request: FileResponse(produce()))(request)
    assert isinstance(response, FileResponse)
    assert b"".join(response) == b"ada"


async def test_two_hundred_requests_at_once_see_their_own_user() -> None:
    """Views, threads and streams, however the event loop interleaves them."""

    async def ask(number: int) -> tuple[str, str]:
        response = await AsyncClient().get("/badge/", headers={"X-Badge": f"user-{number}"})
        return response["X-Seen"], await read(response)

    answers = await asyncio.gather(*(ask(number) for number in range(200)))
    assert answers == [(f"user-{number}, user-{number}", f"user-{number};" * 5) for number in range(200)]
    assert get_current_user() is None


async def answer_async(content: AsyncIterator[str]) -> StreamingHttpResponse:
    """Return what the middleware makes of a stream for Ada under ASGI."""
    request = HttpRequest()
    request.user = User(username="ada")

    async def view(_request: HttpRequest) -> StreamingHttpResponse:
        return StreamingHttpResponse(content)

    promise = CurrentUserMiddleware(view)(request)
    assert isinstance(promise, Awaitable)
    response = await promise
    assert isinstance(response, StreamingHttpResponse)
    return response


async def test_a_block_around_several_chunks_holds_for_all_of_them_under_asgi() -> None:
    """As under WSGI."""

    async def produce() -> AsyncGenerator[str]:
        yield str(name_user())
        with as_user(User(username="robot")):
            yield str(name_user())
            await asyncio.sleep(0)
            yield str(name_user())
        yield str(name_user())

    seen = []
    async for chunk in await answer_async(produce()):
        seen.append(chunk)
        assert name_user() is None
    assert seen == [b"ada", b"robot", b"robot", b"ada"]


async def test_any_async_iterator_can_be_a_stream() -> None:
    """It need not be a generator."""

    class Countdown:
        rest = 2

        def __aiter__(self) -> AsyncIterator[str]:
            return self

        async def __anext__(self) -> str:
            if not self.rest:
                raise StopAsyncIteration
            self.rest -= 1
            return f"{name_user()} {self.rest};"

    assert await read(await answer_async(Countdown())) == "ada 1;ada 0;"


class Exchange:
    """One request to the ASGI application, whose answer is read message by message."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self._incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._outgoing: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()
        self._incoming.put_nowait({"type": "http.request", "body": b"", "more_body": False})
        scope = {
            "type": "http",
            "method": "GET",
            "path": url,
            "headers": [(b"host", b"testserver"), *((k.lower().encode(), v.encode()) for k, v in headers.items())],
        }
        self._run = asyncio.ensure_future(ASGIHandler()(scope, self._incoming.get, self._outgoing.put))

    async def receive(self) -> Mapping[str, Any]:
        """Return the next message of the application."""
        return await asyncio.wait_for(self._outgoing.get(), timeout=10)

    async def disconnect(self) -> None:
        """Go away, and wait until the application has noticed."""
        self._incoming.put_nowait({"type": "http.disconnect"})
        await asyncio.wait_for(self._run, timeout=10)


async def test_a_stream_whose_client_goes_away_ends_with_its_user(settings: Settings) -> None:
    """What an async stream does in the end is done by the user, in Django's own ASGI handler too."""
    closed = asyncio.Event()
    seen: list[str | None] = []

    async def produce() -> AsyncGenerator[str]:
        try:
            while True:
                yield f"{name_user()};"
                await asyncio.sleep(0)
        finally:
            seen.append(name_user())
            closed.set()

    async def view(request: HttpRequest) -> StreamingHttpResponse:
        request.user = User(username="ada")
        return StreamingHttpResponse(produce())

    settings.ROOT_URLCONF = type("urls", (), {"urlpatterns": [path("", view)]})
    exchange = Exchange("/", {})
    assert (await exchange.receive())["status"] == 200
    assert (await exchange.receive())["body"] == b"ada;"
    await exchange.disconnect()
    await asyncio.wait_for(closed.wait(), timeout=10)
    assert seen == ["ada"]
    assert get_current_user() is None


async def test_an_abandoned_async_stream_ends_at_once_and_with_its_user() -> None:
    """Letting go of the response is enough, as it is without the middleware: no garbage has to be collected."""
    seen: list[str | None] = []

    async def produce() -> AsyncGenerator[str]:
        try:
            yield "1"
        finally:
            seen.append(name_user())

    response = await answer_async(produce())
    chunks = aiter(response)
    assert isinstance(chunks, AsyncGenerator)
    async with aclosing(chunks):
        assert await anext(chunks) == b"1"
    del response, chunks
    for _ in range(10):
        await asyncio.sleep(0)
    assert seen == ["ada"]
    assert name_user() is None


@contextmanager
def serve() -> Iterator[int]:
    """Run a real server in a thread of its own, and yield its port."""
    server = uvicorn.Server(uvicorn.Config(ASGIHandler(), port=0, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            thread.join(timeout=0.01)
            assert thread.is_alive()
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


def test_streams_of_a_real_server_keep_their_users() -> None:
    """Several connections, whose chunks are read in turns."""
    with serve() as port:
        connections = {f"user-{number}": http.client.HTTPConnection("127.0.0.1", port) for number in range(5)}
        try:
            for name, connection in connections.items():
                connection.request("GET", "/badge/", headers={"X-Badge": name})
            responses = {name: connection.getresponse() for name, connection in connections.items()}
            for _ in range(5):
                for name, response in responses.items():
                    assert response.read(len(name) + 1) == f"{name};".encode()
            assert {response.read() for response in responses.values()} == {b""}
            assert all(response.headers["X-Seen"] == f"{name}, {name}" for name, response in responses.items())
        finally:
            for connection in connections.values():
                connection.close()
