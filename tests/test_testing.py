"""What the library offers to the tests of projects."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from rest_framework.test import APIClient

from drf_commons.response import error_response, success_response
from drf_commons.testing import assert_error, assert_success, max_queries
from drf_commons.testing.fixtures import MaxQueries
from drf_commons.testing.fixtures import max_queries as max_queries_fixture
from tests.coroutines import in_transaction
from tests.newsroom.models import Author

budget = max_queries_fixture


def ask_three_times() -> None:
    """Make a query in a loop."""
    for number in range(3):
        Author.objects.filter(pk=number).first()


@pytest.mark.django_db
def test_a_budget_that_is_kept() -> None:
    """As many queries as allowed; the recorder tells how many there were."""
    with max_queries(2) as recorder:
        Author.objects.count()
    assert recorder.count == 1


@pytest.mark.django_db
def test_a_budget_that_is_not_kept_shows_the_queries_by_shape() -> None:
    """The failure is what a reader needs: which query, how often, from which line."""
    with pytest.raises(AssertionError) as caught, max_queries(1):
        ask_three_times()
    first, shape, place = str(caught.value).splitlines()
    assert first.startswith("more than 1 query: 3 queries in ")
    assert shape.startswith("   3 x SELECT")
    line = ask_three_times.__code__.co_firstlineno + 3
    assert place.strip() == f"tests/test_testing.py:{line} in ask_three_times"


@pytest.mark.django_db
def test_an_error_in_the_block_is_the_error() -> None:
    """What went wrong first is told."""

    def fail() -> None:
        ask_three_times()
        raise LookupError

    with pytest.raises(LookupError), max_queries(0):
        fail()


@pytest.mark.django_db
def test_a_budget_for_one_database() -> None:
    """Others do not count."""
    with max_queries(0, using="other"):
        Author.objects.count()


def test_a_budget_is_not_negative() -> None:
    """A slip is told as one."""
    with pytest.raises(ValueError, match=r"max_queries\(-1\)"), max_queries(-1):
        pass


@pytest.mark.django_db
@in_transaction
async def test_a_budget_in_a_coroutine() -> None:
    """Queries of awaited threads count."""
    with pytest.raises(AssertionError, match="more than 0 queries: 1 query in"), max_queries(0):
        await Author.objects.acount()


@pytest.mark.django_db
def test_the_fixture_is_the_budget(budget: MaxQueries) -> None:
    """Without an import."""
    with pytest.raises(AssertionError, match="more than 0 queries"), budget(0):
        Author.objects.count()


@pytest.mark.django_db
def test_envelopes_of_the_api() -> None:
    """What viewsets answer is recognised."""
    envelope = assert_success(APIClient().get("/authors/"), 200)
    assert envelope["data"] == []
    wrong = assert_error(APIClient().post("/authors/", {}), 400, field="name")
    assert wrong["errors"]["name"]
    assert assert_error(APIClient().get("/authors/7/"))["data"] is None


@pytest.mark.parametrize(
    ("response", "complaint"),
    [
        (error_response("No."), "this is another kind of answer: 400 Bad Request\n{"),
        (success_response(status_code=201), "the status is not 200: 201 Created"),
        (HttpResponse("<html>"), "the body is not JSON: 200 OK\n<html>"),
        (JsonResponse([1], safe=False), "the body is no envelope"),
        (JsonResponse({"success": True, "data": 1}), "the envelope lacks message, timestamp"),
        (JsonResponse(dict.fromkeys(["success", "data", "message", "timestamp"])), "success is not true"),
        (StreamingHttpResponse(["x"]), "the body is not JSON: 200 OK\n(a stream)"),
    ],
)
def test_what_is_no_success(response: Any, complaint: str) -> None:
    """The failure says what is missing, and shows the answer."""
    if hasattr(response, "render"):
        response.render()
    with pytest.raises(AssertionError) as caught:
        assert_success(response, 200 if response.status_code == 201 else None)
    assert str(caught.value).startswith(complaint)


ERROR: dict[str, Any] = {"success": False, "timestamp": "", "message": "", "errors": {}, "data": None}


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (ERROR | {"success": True}, "success is not false"),
        (ERROR | {"data": 1}, "data is not null"),
        (ERROR | {"errors": []}, "errors is not an object"),
        (ERROR, "errors has no 'name'"),
    ],
)
def test_what_is_no_error(body: dict[str, Any], complaint: str) -> None:
    """The same for errors."""
    with pytest.raises(AssertionError, match=complaint):
        assert_error(JsonResponse(body, status=400), field="name")
    with pytest.raises(AssertionError, match="this is another kind of answer"):
        assert_error(JsonResponse(body))
