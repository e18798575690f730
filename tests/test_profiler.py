"""The profiler: for staff that asks, one at a time, and never in anybody's way."""

from __future__ import annotations

import asyncio
import cProfile
import importlib.util
import logging
import threading
import time
from pathlib import Path
from typing import Any, Final

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client
from django.urls import path
from pyinstrument import Profiler as PyInstrument
from pytest_django import Settings

from drf_commons.debug.profiler import ProfileRun
from drf_commons.errors import MissingExtraError
from drf_commons.middlewares import ProfilerMiddleware
from tests.coroutines import in_transaction

pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]

PROFILER: Final = "drf_commons.middlewares.ProfilerMiddleware"


def take_time_in_a_thread() -> None:
    end = time.perf_counter() + 0.02
    while time.perf_counter() < end:
        pass


async def take_time_in_the_loop() -> None:
    take_time_in_a_thread()


def view(request: HttpRequest) -> HttpResponse:
    take_time_in_a_thread()
    return HttpResponse("done")


async def view_async(request: HttpRequest) -> HttpResponse:
    await take_time_in_the_loop()
    await asyncio.sleep(0.001)
    return HttpResponse("done")


def fail(request: HttpRequest) -> HttpResponse:
    raise RuntimeError


urlpatterns = [path("sync/", view), path("async/", view_async), path("fail/", fail)]


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Path:
    """Switch the middleware on, with a place to write to."""
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, PROFILER]
    settings.COMMON = {"DEBUG_PROFILE_DIRECTORY": str(tmp_path / "profiles")}
    return tmp_path / "profiles"


def sign_in(client: Any, *, is_staff: bool = True) -> Any:
    """Return *client* with somebody signed in."""
    client.force_login(User.objects.create_user("ada", is_staff=is_staff))
    return client


@pytest.mark.parametrize(
    "asked", [{"path": "/sync/?_profile"}, {"path": "/sync/", "headers": {"X-Profile": "1"}}], ids=["query", "header"]
)
def test_staff_gets_a_profile(folder: Path, caplog: pytest.LogCaptureFixture, asked: dict[str, Any]) -> None:
    """The page is written for its owner alone, the header has its name, the log its path."""
    caplog.set_level(logging.INFO, "drf_commons")
    response = sign_in(Client()).get(**asked)
    assert response.content == b"done"
    (page,) = folder.iterdir()
    assert response.headers["X-Profile"] == page.name
    assert page.stat().st_mode & 0o777 == 0o600
    assert "take_time_in_a_thread" in page.read_text(encoding="utf-8")
    (record,) = caplog.records
    assert (record.getMessage(), vars(record)["path"]) == ("profile_written", str(page))


@pytest.mark.parametrize("is_staff", [None, False])
def test_nobody_else_does(folder: Path, is_staff: bool | None) -> None:
    """For others nothing happens, and nothing is told."""
    client = Client() if is_staff is None else sign_in(Client(), is_staff=is_staff)
    assert "X-Profile" not in client.get("/sync/?_profile").headers
    assert not folder.exists()


def test_staff_that_does_not_ask_gets_none(folder: Path) -> None:
    """Also a value that happens to contain the word."""
    assert "X-Profile" not in sign_in(Client()).get("/sync/?next=_profile").headers
    assert not folder.exists()


@in_transaction
async def test_a_sync_view_is_seen_in_its_thread(folder: Path) -> None:
    """Under ASGI it runs elsewhere, and there the profiler looks."""
    client = await sync_to_async(sign_in)(AsyncClient())
    response = await client.get("/sync/?_profile")
    assert "take_time_in_a_thread" in (folder / response.headers["X-Profile"]).read_text(encoding="utf-8")


@in_transaction
async def test_an_async_view_is_seen_in_the_event_loop(folder: Path) -> None:
    """Its own coroutines, and not those that run in between."""
    client = await sync_to_async(sign_in)(AsyncClient())

    async def bystander() -> None:
        for _ in range(5):
            await take_time_as_a_bystander()

    async def take_time_as_a_bystander() -> None:
        take_time_in_a_thread()
        await asyncio.sleep(0)

    response, _ = await asyncio.gather(client.get("/async/?_profile"), bystander())
    text = (folder / response.headers["X-Profile"]).read_text(encoding="utf-8")
    assert "take_time_in_the_loop" in text
    assert "take_time_as_a_bystander" not in text


@in_transaction
async def test_an_address_without_a_view_is_answered(folder: Path) -> None:
    """It is for the handler to say so."""
    client = await sync_to_async(sign_in)(AsyncClient())
    assert (await client.get("/nowhere/?_profile")).status_code == 404


def test_a_second_one_does_not_wait(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is answered without a profile, and says why."""
    run = ProfileRun.start()
    assert run is not None
    try:
        response = sign_in(Client()).get("/sync/?_profile")
    finally:
        run.abandon()
    assert (response.content, response.headers["X-Profile"]) == (b"done", "busy")
    assert [record.getMessage() for record in caplog.records] == ["profiler_busy"]
    assert sign_in_again(response).headers["X-Profile"].endswith(".html")


def sign_in_again(response: Any) -> Any:
    """Send the same request once more."""
    return response.client.get("/sync/?_profile")


def test_two_threads_never_profile_at_once() -> None:
    """However close they come."""
    gate = threading.Barrier(8)
    runs: list[ProfileRun | None] = []

    def race() -> None:
        gate.wait()
        run = ProfileRun.start()
        runs.append(run)
        gate.wait()
        if run is not None:
            run.abandon()

    threads = [threading.Thread(target=race) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([run for run in runs if run is not None]) == 1


@pytest.mark.parametrize("build", [lambda: PyInstrument(async_mode="disabled"), cProfile.Profile])
def test_another_profiler_keeps_its_thread(folder: Path, build: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Where somebody's own is at work, the request goes on without ours."""
    client = sign_in(Client())
    with build():
        response = client.get("/sync/?_profile")
    assert (response.content, response.headers["X-Profile"]) == (b"done", "busy")
    assert [record.getMessage() for record in caplog.records] == ["profiler_busy"]
    assert client.get("/sync/?_profile").headers["X-Profile"].endswith(".html")


@pytest.mark.parametrize("step", ["start", "stop"])
@pytest.mark.parametrize("address", ["/sync/", "/async/"])
def test_a_profiler_that_fails_does_not_take_the_answer(
    folder: Path, step: str, address: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log says what was wrong, and the next request has its turn."""
    do = getattr(PyInstrument, step)

    def do_and_fail(profiler: PyInstrument) -> None:
        if step == "stop":
            do(profiler)
        raise RuntimeError

    client = sign_in(Client())
    with monkeypatch.context() as broken:
        broken.setattr(PyInstrument, step, do_and_fail)
        response = client.get(f"{address}?_profile")
    assert (response.content, response.headers["X-Profile"]) == (b"done", "failed")
    assert [record.getMessage() for record in caplog.records] == ["profile_failed"]
    assert client.get("/sync/?_profile").headers["X-Profile"].endswith(".html")


def test_a_full_disk_does_not_take_the_answer(folder: Path, settings: Settings, tmp_path: Path) -> None:
    """What cannot be written is told, and the answer is sent."""
    (tmp_path / "taken").write_text("a file, no folder", encoding="utf-8")
    settings.COMMON = {"DEBUG_PROFILE_DIRECTORY": str(tmp_path / "taken")}
    response = sign_in(Client()).get("/sync/?_profile")
    assert (response.content, response.headers["X-Profile"]) == (b"done", "failed")


def test_a_view_that_fails_lets_the_next_one_profile(folder: Path) -> None:
    """Nothing stays locked behind an error."""
    client = sign_in(Client(raise_request_exception=False))
    assert client.get("/fail/?_profile").status_code == 500
    assert client.get("/sync/?_profile").headers["X-Profile"].endswith(".html")


def test_a_handler_that_raises_lets_the_next_one_profile(rf: Any) -> None:
    """Also where the error goes through the middleware."""

    def break_off(request: HttpRequest) -> HttpResponse:
        raise KeyboardInterrupt

    request = rf.get("/sync/?_profile")
    request.user = User(is_staff=True)
    with pytest.raises(KeyboardInterrupt):
        ProfilerMiddleware(break_off)(request)
    run = ProfileRun.start()
    assert run is not None
    run.abandon()


def test_without_a_folder_there_is_one_of_the_process(settings: Settings) -> None:
    """Among the temporary files, and nobody else's."""
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, PROFILER]
    run = ProfileRun.start()
    assert run is not None
    page = run.stop()()
    assert page.parent.stat().st_mode & 0o777 == 0o700
    page.unlink()


def test_without_pyinstrument_the_start_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message is the command that helps."""
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "drf_commons.debug.profiler.find_spec", lambda name: None if name == "pyinstrument" else find(name)
    )
    with pytest.raises(MissingExtraError, match=r"pip install 'drf-commons\[debug\]'"):
        ProfilerMiddleware(view)
