"""The decorators: what they log, and that nobody else notices them."""

from __future__ import annotations

import inspect
import io
import json
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, ClassVar, assert_type

import pytest
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory, override_settings
from rest_framework.decorators import action, api_view
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.viewsets import ViewSet
from typing_extensions import override

from drf_commons.decorators import (
    api_performance_monitor,
    api_request_logger,
    cache_debug,
    log_db_query,
    log_exceptions,
    log_function_call,
)
from tests.coroutines import in_transaction
from tests.newsroom.models import Author

ALL: list[Callable[[], Callable[[Any], Any]]] = [
    api_performance_monitor,
    api_request_logger,
    cache_debug,
    log_db_query,
    log_exceptions,
    log_function_call,
]


@pytest.fixture(autouse=True)
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Show everything that is logged under this module and under a name of ours."""
    for name in (__name__, "billing"):
        caplog.set_level(logging.DEBUG, name)
    return caplog


def get_line(lines: pytest.LogCaptureFixture) -> dict[str, Any]:
    """Return the fields of the one line."""
    (record,) = lines.records
    return vars(record)


# --- nobody notices --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("decorate", ALL)
@pytest.mark.parametrize("level", [logging.DEBUG, logging.CRITICAL])
def test_results_errors_and_signatures_stay(
    decorate: Callable[[], Any], level: int, caplog: pytest.LogCaptureFixture
) -> None:
    """On or off, a function is what it was."""
    caplog.set_level(level, __name__)

    def divide(number: int, by: int = 1, *rest: int, **named: int) -> float:
        """Divide."""
        return number / by

    decorated = decorate()(divide)
    assert decorated(6, by=3) == 2
    assert inspect.signature(decorated) == inspect.signature(divide)
    assert (decorated.__name__, decorated.__doc__) == ("divide", "Divide.")
    with pytest.raises(ZeroDivisionError):
        decorated(1, 0)
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        decorated()


@pytest.mark.parametrize("decorate", ALL)
@pytest.mark.parametrize("level", [logging.DEBUG, logging.CRITICAL])
async def test_coroutine_functions_are_awaited(
    decorate: Callable[[], Any], level: int, caplog: pytest.LogCaptureFixture
) -> None:
    """They stay coroutine functions, and their errors are seen."""
    caplog.set_level(level, __name__)

    async def divide_later(number: int, by: int) -> float:
        return number / by

    divide = decorate()(divide_later)

    assert inspect.iscoroutinefunction(divide)
    assert await divide(6, 3) == 2
    with pytest.raises(ZeroDivisionError):
        await divide(1, 0)


@pytest.mark.parametrize("decorate", ALL)
def test_methods_of_every_kind(decorate: Callable[[], Any]) -> None:
    """A method, a class method and a static method keep their first argument."""

    class Shop:
        name: ClassVar = "shop"

        def plain(self, price: int) -> tuple[str, int]:
            return self.name, price

        def of_type(cls: Any, price: int) -> tuple[str, int]:  # pyright: ignore[reportSelfClsParameterName]  # noqa: N805  # a class method, below
            return cls.name, price

        def of_nobody(price: int) -> tuple[str, int]:  # type: ignore[misc]  # pyright: ignore[reportSelfClsParameterName]  # noqa: N805  # static, below
            return "static", price

        own = decorate()(plain)
        of_class = decorate()(classmethod(of_type))
        static = decorate()(staticmethod(of_nobody))

    assert Shop().own(1) == ("shop", 1)
    assert Shop.of_class(2) == Shop().of_class(2) == ("shop", 2)
    assert Shop.static(3) == Shop().static(3) == ("static", 3)


@pytest.mark.parametrize("decorate", ALL)
def test_what_cannot_be_decorated_is_refused(decorate: Callable[[], Any]) -> None:
    """A generator function runs after its call, and a missing pair of brackets would lose the function."""

    def numbers() -> Iterator[int]:
        yield 1

    with pytest.raises(TypeError, match=r"numbers\(\) is a generator"):
        decorate()(numbers)
    with pytest.raises(TypeError, match="a function is decorated"):
        decorate()("name")


def test_a_decorator_without_brackets_is_refused() -> None:
    """The function would be taken for an argument, and be gone."""
    for decorate in ALL:
        if decorate is not cache_debug:
            with pytest.raises(TypeError, match=rf"write @{decorate.__name__}\(\)"):
                decorate(lambda: None)  # type: ignore[call-arg]


def test_types_are_kept() -> None:
    """A checker sees the function that was decorated, and that a swallowed error gives ``None``."""

    @log_function_call()
    def add(first: int, second: int = 0) -> int:
        return first + second

    @log_exceptions(reraise=False)
    def half(number: int) -> float:
        return 1 / number

    @log_exceptions("billing", reraise=False)
    async def half_later(number: int) -> float:
        return 1 / number

    async def ask() -> None:
        assert_type(await half_later(1), float | None)

    assert_type(add(1, second=2), int)
    assert_type(half(2), float | None)
    assert callable(ask)


# --- log_function_call -----------------------------------------------------------------------------------------------


def test_a_call_is_logged_by_the_names_of_its_arguments(lines: pytest.LogCaptureFixture) -> None:
    """A secret is one also where it was passed by its position."""

    @log_function_call(logger_name="billing", log_args=True, log_result=True)
    def pay(order_id: int, password: str, *rest: object, **named: object) -> dict[str, object]:
        return {"order": order_id, "again": password}

    pay(7, "hunter2", 1, token="hunter3", note="x")  # that it is one is the point
    line = get_line(lines)
    assert (line["name"], line["message"], line["levelname"]) == ("billing.calls", "call", "DEBUG")
    assert line["function"].endswith("pay")
    assert line["arguments"] == {
        "order_id": 7,
        "password": "[redacted]",
        "rest": [1],
        "named": {"token": "[redacted]", "note": "x"},
    }
    assert line["result"] == {"order": 7, "again": "[redacted]"}
    assert line["duration"] >= 0


def test_arguments_and_results_can_be_left_out(lines: pytest.LogCaptureFixture) -> None:
    """What is not wanted is not even looked at."""

    @log_function_call(log_args=False, log_result=False)
    def pay(order_id: int) -> int:
        return order_id

    pay(7)
    assert {"arguments", "result"} & get_line(lines).keys() == set()


class Mute:
    """Cannot be shown."""

    @override
    def __repr__(self) -> str:
        raise RuntimeError


def test_arguments_are_left_alone(lines: pytest.LogCaptureFixture) -> None:
    """A generator is not consumed, a file not read, an object not asked for its text."""
    file = io.BytesIO(b"text")
    numbers = (number for number in range(3))

    @log_function_call()
    def use(*values: object) -> list[object]:
        return [*values]

    assert use(numbers, file, Mute(), b"\xff" * 1_000_000)[0] is numbers
    assert [*numbers] == [0, 1, 2]
    assert file.tell() == 0
    shown = get_line(lines)["arguments"]["values"]
    assert shown[1:] == ["[_io.BytesIO]", f"[{__name__}.Mute]", "[1000000 bytes]"]


def test_a_call_that_fails_tells_what_was_raised(lines: pytest.LogCaptureFixture) -> None:
    """By type and message, and without a result."""

    @log_function_call()
    def fail() -> None:
        message = "no such order"
        raise LookupError(message)

    with pytest.raises(LookupError):
        fail()
    assert get_line(lines)["raised"] == "LookupError: no such order"


# --- log_exceptions --------------------------------------------------------------------------------------------------


def test_an_exception_is_logged_and_raised(lines: pytest.LogCaptureFixture) -> None:
    """It is the very exception, and the line has its traceback and the arguments."""
    error = ValueError("no")

    @log_exceptions()
    def fail(name: str, args: int) -> None:
        raise error

    with pytest.raises(ValueError, match="no") as caught:
        fail("Ada", args=1)
    assert caught.value is error
    line = get_line(lines)
    assert (line["name"], line["message"], line["levelname"]) == (f"{__name__}.errors", "exception", "ERROR")
    assert line["arguments"] == {"name": "Ada", "args": 1}
    assert line["error"] == "ValueError: no"
    assert line["exc_info"][1] is error
    assert "in fail" in line["exc_text"]
    assert line["filename"] == "test_decorators.py"


@pytest.mark.parametrize("level", [logging.DEBUG, logging.CRITICAL])
def test_an_exception_can_end_here(level: int, caplog: pytest.LogCaptureFixture) -> None:
    """Whether it is logged or not is no matter."""
    caplog.set_level(level, __name__)

    @log_exceptions(reraise=False)
    def fail() -> int:
        raise ValueError

    assert fail() is None
    assert len(caplog.records) == (level == logging.DEBUG)


async def test_an_exception_of_a_coroutine_can_end_here(lines: pytest.LogCaptureFixture) -> None:
    """It is caught where it is raised, which is after the call."""

    @log_exceptions(reraise=False)
    async def fail() -> int:
        raise ValueError

    assert await fail() is None
    assert get_line(lines)["message"] == "exception"


def test_what_ends_the_program_is_never_kept() -> None:
    """KeyboardInterrupt is no error of the function."""

    @log_exceptions(reraise=False)
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()


class WorstError(Exception):
    """Fails while it is being told."""

    @override
    def __str__(self) -> str:
        raise RuntimeError


def test_an_exception_that_cannot_be_told_is_raised_all_the_same(lines: pytest.LogCaptureFixture) -> None:
    """Logging an exception must not replace it."""

    @log_exceptions()
    def fail(value: object) -> None:
        raise WorstError

    with pytest.raises(WorstError):
        fail(Mute())
    assert get_line(lines)["error"].endswith("WorstError: [could not be logged: RuntimeError]")


def test_a_chain_of_exceptions_is_told(lines: pytest.LogCaptureFixture) -> None:
    """Where an error comes from is half of what it says; groups and notes too."""

    @log_exceptions(reraise=False)
    def fail(token: str) -> None:
        try:
            {"a": 1}[token]
        except KeyError as exc:
            group = ExceptionGroup("several", [ValueError("one"), ValueError(f"token={token}")])
            group.add_note(f"while {token} was used")
            raise group from exc

    fail("hunter2")
    text = get_line(lines)["exc_text"]
    assert "direct cause" in text
    assert "ValueError: one" in text
    assert "while [redacted] was used" in text
    assert "hunter2" not in text


# --- views -----------------------------------------------------------------------------------------------------------


def call_plain(decorator: Any, request: HttpRequest) -> Any:
    """Return what a decorated view answers, whose answer is the body."""

    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(request.body)

    return decorator(view)(request)


@pytest.mark.parametrize("is_outside", [True, False])
def test_function_views_of_drf(lines: pytest.LogCaptureFixture, is_outside: bool) -> None:
    """Above and below ``api_view``."""

    def view(request: Request) -> Response:
        return Response(request.data, status=201)

    log = api_request_logger(log_body=True)
    decorated: Any = log(api_view(["POST"])(view)) if is_outside else api_view(["POST"])(log(view))
    response = decorated(APIRequestFactory().post("/orders/", {"a": 1, "pin": 2}, format="json"))
    assert (response.status_code, response.data) == (201, {"a": 1, "pin": 2})
    line = get_line(lines)
    assert (line["method"], line["path"], line["status"]) == ("POST", "/orders/", 201)
    assert line["body"] == {"a": 1, "pin": "[redacted]"}


def test_actions_stay_actions(lines: pytest.LogCaptureFixture) -> None:
    """``self`` is no request, and the router still finds them, whichever decorator stands above."""

    class Orders(ViewSet):
        @api_request_logger()
        @action(detail=False, methods=["post"], url_path="pay-all")
        def pay(self, request: Request) -> Response:  # noqa: ARG002  # DRF's signature
            return Response({"paid": True})

        @action(detail=True)
        @api_performance_monitor()
        def show(self, request: Request, pk: str) -> Response:  # noqa: ARG002  # DRF's signature
            return Response({"pk": pk})

    extras: list[Any] = [*Orders.get_extra_actions()]
    assert {(extra.__name__, extra.url_path) for extra in extras} == {
        ("pay", "pay-all"),
        ("show", "show"),
    }
    response: Any = Orders.as_view({"post": "pay"})(APIRequestFactory().post("/"))
    assert response.data == {"paid": True}
    assert get_line(lines)["method"] == "POST"


async def test_async_views(lines: pytest.LogCaptureFixture) -> None:
    """The answer's status is known, since it is awaited."""

    @api_request_logger(log_body=True, log_headers=True)
    @api_performance_monitor()
    async def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(status=202)

    request = RequestFactory().get("/", headers={"Authorization": "Bearer hunter2", "Accept": "*/*"})
    assert (await view(request)).status_code == 202
    inner, outer = (vars(record) for record in lines.records)
    assert (inner["message"], inner["queries"], outer["status"]) == ("api_performance", 0, 202)
    assert outer["headers"] == {"Authorization": "[redacted]", "Cookie": "[redacted]", "Accept": "*/*"}


@pytest.mark.parametrize(
    ("body", "content_type", "shown"),
    [
        (b"", "application/json", None),
        (b'{"a": "\xc3\xa4"}', "application/json", {"a": "ä"}),
        (b'[{"a": 1}]', "application/vnd.api+json", [{"a": 1}]),
        (b"a=1&a=2&pin=3", "application/x-www-form-urlencoded", {"a": ["1", "2"], "pin": "[redacted]"}),
        (b'{"password": "hun', "application/json", "[not logged: 17 bytes of application/json, JSONDecodeError]"),
        (b'"\xff\xfe"', "application/json", "[not logged: 4 bytes of application/json, UnicodeDecodeError]"),
        (b"[" * 50_000, "application/json", "[not logged: 50000 bytes of application/json, RecursionError]"),
        (b"\x00" * 70_000, "application/json", "[not logged: 70000 bytes, more than 65536]"),
        (b"\x89PNG", "image/png", "[not logged: 4 bytes of image/png]"),
        (b"password=x", "text/plain", "[not logged: 10 bytes of text/plain]"),
    ],
)
def test_bodies(lines: pytest.LogCaptureFixture, body: bytes, content_type: str, shown: object) -> None:
    """What can be told is, what cannot is told to be missing, and the view has all of it."""
    request = RequestFactory().post("/", body, content_type=content_type)
    assert call_plain(api_request_logger(log_body=True), request).content == body
    assert get_line(lines)["body"] == shown


def test_a_body_of_unknown_length_is_not_read(lines: pytest.LogCaptureFixture) -> None:
    """It may never end."""
    request = RequestFactory().post(
        "/", b"{}", content_type="application/json", headers={"Transfer-Encoding": "chunked"}
    )
    call_plain(api_request_logger(log_body=True), request)
    assert get_line(lines)["body"] == "[not logged: a body of unknown length]"


def test_a_body_that_was_begun_is_left_to_the_reader(lines: pytest.LogCaptureFixture) -> None:
    """A stream that somebody reads stays theirs."""
    request = RequestFactory().post("/", b'{"a": 1}', content_type="application/json")
    request.read(2)

    @api_request_logger(log_body=True)
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(request.read())

    assert view(request).content == b'a": 1}'
    assert get_line(lines)["body"] == "[not logged: 8 bytes of application/json, RawPostDataException]"


def test_a_function_without_a_request_is_told_as_such(lines: pytest.LogCaptureFixture) -> None:
    """What is no view works all the same."""

    @api_request_logger(log_body=True)
    def add(first: int, second: int) -> int:
        return first + second

    assert add(1, 2) == 3
    assert get_line(lines)["request"] == "[not logged: no request among the arguments]"


@pytest.mark.parametrize(
    ("threshold", "common", "level"),
    [(60, {}, "INFO"), (0, {}, "WARNING"), (None, {"DEBUG_SLOW_REQUEST_THRESHOLD": 0}, "WARNING")],
)
def test_slow_views_are_warnings(
    lines: pytest.LogCaptureFixture, threshold: float | None, common: dict[str, Any], level: str
) -> None:
    """By the decorator's own threshold, or that of the settings."""
    with override_settings(COMMON=common):
        call_plain(api_performance_monitor(threshold), RequestFactory().get("/"))
    assert get_line(lines)["levelname"] == level


# --- queries and caches ----------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_queries_of_a_call_are_logged(lines: pytest.LogCaptureFixture) -> None:
    """With what they are for, and a warning where one is repeated."""

    @log_db_query(query_type="read")
    def count(times: int) -> int:
        return sum(Author.objects.filter(pk=number).count() for number in range(times))

    count(1)
    count(7)
    once, often = (vars(record) for record in lines.records)
    assert (once["levelname"], once["query_type"], once["queries"]) == ("INFO", "read", 1)
    assert (often["levelname"], often["queries"], often["repeated"][0]["count"]) == ("WARNING", 7, 7)
    assert "test_decorators.py" in often["repeated"][0]["places"][0]


@pytest.mark.django_db
@in_transaction
async def test_queries_of_a_coroutine_are_logged() -> None:
    """Those it awaits."""
    seen: list[int] = []

    class Handler(logging.Handler):
        @override
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(vars(record)["queries"])

    handler = Handler()
    logger = logging.getLogger(f"{__name__}.database")
    logger.addHandler(handler)

    @log_db_query()
    async def count() -> int:
        return await Author.objects.acount()

    await count()
    logger.removeHandler(handler)
    assert seen == [1]


def test_a_cache_is_watched(lines: pytest.LogCaptureFixture) -> None:
    """Whether the key was there before the call."""
    cache.clear()

    @cache_debug(cache_key_func=lambda number: f"square-{number}")
    def square(number: int) -> int:
        return int(cache.get_or_set(f"square-{number}", number**2) or 0)

    assert (square(3), square(3)) == (9, 9)
    assert [(vars(record)["key"], vars(record)["was_cached"]) for record in lines.records] == [
        ("square-3", False),
        ("square-3", True),
    ]


async def test_a_key_that_cannot_be_made_is_told(lines: pytest.LogCaptureFixture) -> None:
    """The call is made all the same."""

    def find_key(*args: object) -> str:
        raise LookupError

    @cache_debug(find_key)
    async def square(number: int) -> int:
        return number**2

    assert await square(3) == 9
    lost, line = (vars(record) for record in lines.records)
    assert (lost["message"], lost["lost_event"], lost["reason"]) == ("log_failed", "cache_call", "LookupError")
    assert line["message"] == "cache_call"


def test_lines_are_json(lines: pytest.LogCaptureFixture) -> None:
    """Every field can be written by any formatter."""

    @log_function_call()
    def use(value: object) -> object:
        return value

    use({1: {2, 3}, "x": [Mute(), float("inf"), b""]})
    json.dumps({name: get_line(lines)[name] for name in ("arguments", "result")}, allow_nan=False)


def test_awaitable_is_kept() -> None:
    """A coroutine function gives a coroutine to whoever calls it."""

    @log_function_call()
    async def later() -> int:
        return 1

    promise: Awaitable[int] = later()
    promise.close()  # type: ignore[attr-defined]
