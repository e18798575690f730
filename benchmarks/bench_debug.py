"""The debug tools: what they cost while they look on, and that they cost nothing while they do not."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest
from django.core.handlers.base import BaseHandler
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory, override_settings
from django.urls import path

from benchmarks.interleave import Contender
from drf_commons.decorators import (
    api_performance_monitor,
    api_request_logger,
    cache_debug,
    log_db_query,
    log_exceptions,
    log_function_call,
)
from tests.newsroom.models import Article

if TYPE_CHECKING:
    from benchmarks.conftest import Compete

QUERIES: Final = 10
CALLS: Final = 2_000
#: Seconds that a decorator may add to a call while its level is off.
LIMIT: Final = 1e-6

MIDDLEWARES: Final = ["drf_commons.middlewares.DebugMiddleware", "drf_commons.middlewares.SQLDebugMiddleware"]


def list_articles(request: HttpRequest) -> HttpResponse:  # noqa: ARG001  # Django's signature
    """Answer with ten queries."""
    titles = [article.title for number in range(QUERIES) for article in Article.objects.filter(words=number)]
    return HttpResponse(",".join(titles))


urlpatterns = [path("articles/", list_articles)]


@pytest.mark.django_db
@pytest.mark.urls(__name__)
def test_middlewares(compete: Compete) -> None:
    """Off, they cost less than 2 % of a request with ten queries, what every connection carries along included."""
    Article.objects.bulk_create(Article(title=f"Article {number}", words=number) for number in range(QUERIES))
    plain, watched = build_handler([]), build_handler(MIDDLEWARES)
    wrappers = connection.execute_wrappers[:]

    def prepare(level: int, *, is_watched: bool) -> Callable[[], None]:
        def set_up() -> None:
            connection.execute_wrappers[:] = wrappers if is_watched else []
            logging.getLogger("drf_commons").setLevel(level)

        return set_up

    assert wrappers
    with quiet_logger("drf_commons"):
        compete(
            "debug_middlewares",
            [
                Contender(name="without", run=plain, prepare=prepare(logging.CRITICAL, is_watched=False)),
                Contender(name="off", run=watched, prepare=prepare(logging.CRITICAL, is_watched=True)),
                Contender(name="on", run=watched, prepare=prepare(logging.WARNING, is_watched=True)),
            ],
            repeat=10,
            clock=time.process_time,
        )


@pytest.mark.parametrize(
    ("race", "decorate"),
    [
        ("debug_api_performance_monitor", api_performance_monitor),
        ("debug_api_request_logger", api_request_logger),
        ("debug_cache_debug", cache_debug),
        ("debug_log_db_query", log_db_query),
        ("debug_log_exceptions", log_exceptions),
        ("debug_log_function_call", log_function_call),
    ],
)
def test_decorators(compete: Compete, race: str, decorate: Callable[[], Any]) -> None:
    """Off, each adds less than a microsecond to a call."""

    def add(first: int, second: int) -> int:
        return first + second

    decorated = decorate()(add)
    with quiet_logger(__name__):
        logging.getLogger(__name__).setLevel(logging.CRITICAL)
        result = compete(
            race,
            [Contender(name="plain", run=call_often(add)), Contender(name="off", run=call_often(decorated))],
            clock=time.process_time,
        )
    plain, off = result.outcomes
    assert (off.seconds - plain.seconds) / CALLS < LIMIT


def build_handler(middlewares: list[str]) -> Callable[[], None]:
    """Return a request through the handler of Django."""
    handler = BaseHandler()
    with override_settings(MIDDLEWARE=middlewares):
        handler.load_middleware()
    request = RequestFactory().get("/articles/")

    def get() -> None:
        response = handler.get_response(request)
        assert response.status_code == HttpResponse.status_code

    get()
    return get


def call_often(function: Callable[[int, int], int]) -> Callable[[], None]:
    """Return many calls of *function*, so that the clock sees them."""

    def call() -> None:
        for number in range(CALLS):
            function(number, 1)

    return call


@contextmanager
def quiet_logger(name: str) -> Iterator[None]:
    """Keep what is logged away from the terminal, and put the level back."""
    logger = logging.getLogger(name)
    handler = logging.NullHandler()
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = True
        logger.setLevel(logging.NOTSET)
