"""A request that is sent twice is answered twice and done once."""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from threading import Event, Thread
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import caches
from django.db import connections
from django.db.models import QuerySet
from django.test import override_settings
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory, force_authenticate
from typing_extensions import override

from drf_commons.views.mixins import BulkDeleteModelMixin
from tests.warehouse.models import Item

pytestmark = pytest.mark.django_db

factory = APIRequestFactory()

KEY = "5f0c7a0e-2d1b-4f55-9f0e-0a4b5c6d7e8f"


class ItemViewSet(BulkDeleteModelMixin[Item]):
    queryset = Item.objects.all()
    use_idempotency_keys = True


@pytest.fixture(autouse=True)
def empty_cache() -> Generator[None]:
    caches["default"].clear()
    yield
    caches["default"].clear()


@pytest.fixture
def items() -> list[Item]:
    return [Item.objects.create(name=name) for name in "abc"]


def send(
    body: object,
    key: str | None = KEY,
    *,
    view: type[BulkDeleteModelMixin[Any]] = ItemViewSet,
    username: str = "ada",
    path: str = "/",
) -> Any:
    """Return what the viewset answers, as a client reads it."""
    headers = {} if key is None else {"Idempotency-Key": key}
    request = factory.post(path, body, format="json", headers=headers)
    force_authenticate(request, User.objects.get_or_create(username=username)[0])
    return answer(view, request)


def answer(view: type[BulkDeleteModelMixin[Any]], request: Any) -> Any:
    response: Any = view.as_view({"post": "bulk_delete"})(request)
    return response.render() if hasattr(response, "render") else response


def test_the_same_request_gets_the_same_answer(items: list[Item]) -> None:
    """To the letter, its time included; only a header tells that it is given again."""
    first = send([items[0].pk])
    Item.objects.create(pk=items[0].pk, name="again")

    second = send([items[0].pk])

    assert (second.status_code, second.content) == (200, first.content)
    assert second.headers["Content-Type"] == first.headers["Content-Type"]
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert Item.objects.filter(name="again").exists()


def test_the_layout_of_the_body_does_not_matter(items: list[Item]) -> None:
    """What counts is what it says."""
    first = send({"ids": [items[0].pk]})
    headers = {"Idempotency-Key": KEY}
    text = f'{{ "ids" :\n[ {items[0].pk} ]}}'
    request = factory.generic("POST", "/", text, content_type="application/json", headers=headers)
    force_authenticate(request, User.objects.get())
    assert answer(ItemViewSet, request).content == first.content


def test_without_the_header_or_without_a_say_so_every_request_counts(items: list[Item]) -> None:
    """It is opt-in on both sides."""

    class View(ItemViewSet):
        use_idempotency_keys = False

    assert json.loads(send([items[0].pk], None).content)["data"]["count"] == 1
    assert json.loads(send([items[0].pk], None).content)["data"]["count"] == 0
    assert json.loads(send([items[1].pk], view=View).content)["data"]["count"] == 1
    assert json.loads(send([items[1].pk], view=View).content)["data"]["count"] == 0


@pytest.mark.parametrize("other", ["body", "path"])
def test_a_key_with_another_request_is_refused(items: list[Item], other: str) -> None:
    """A 422, and nothing is done."""
    send([items[0].pk])
    response = send([items[1].pk]) if other == "body" else send([items[0].pk], path="/?dry=true")
    assert response.status_code == 422
    assert json.loads(response.content)["success"] is False
    assert Item.objects.count() == 2


def test_a_key_belongs_to_its_user_and_its_viewset(items: list[Item]) -> None:
    """Nobody is shown what somebody else was answered."""

    class View(ItemViewSet):
        pass

    send([items[0].pk])
    assert json.loads(send([items[0].pk], username="bob").content)["data"]["count"] == 0
    assert json.loads(send([items[0].pk], view=View).content)["data"]["count"] == 0


def test_a_key_of_somebody_unknown_is_refused(items: list[Item]) -> None:
    """Two of them could not be told apart: one would be given the other's answer."""

    def send_unknown(**headers: str) -> Any:
        return answer(ItemViewSet, factory.post("/", [items[0].pk], format="json", headers=headers))

    refused = send_unknown(**{"Idempotency-Key": KEY})
    assert refused.status_code == 400
    assert json.loads(refused.content)["errors"] == {
        "Idempotency-Key": ["Sign in to send one, or leave it out: a key belongs to a user."]
    }
    assert Item.objects.count() == 3
    assert send_unknown().status_code == 200


def test_a_viewset_may_know_its_clients_by_something_else(items: list[Item]) -> None:
    """The keys of one of them are not those of another."""

    class View(ItemViewSet):
        @override
        def get_idempotency_owner(self, request: Request) -> str | None:
            return request.headers.get("X-Device")

    def send_from(device: str) -> Any:
        headers = {"Idempotency-Key": KEY, "X-Device": device}
        return json.loads(answer(View, factory.post("/", [items[0].pk], format="json", headers=headers)).content)

    first = send_from("till-1")
    assert first["data"]["count"] == 1
    assert send_from("till-1") == first
    assert send_from("till-2")["data"]["count"] == 0


def test_an_answer_of_refusal_is_kept_too(items: list[Item]) -> None:
    """Its request would be refused again; a corrected one takes a new key."""
    first = send(["x"])
    assert first.status_code == 400
    assert send(["x"]).content == first.content
    assert send([items[0].pk]).status_code == 422


class BrokenError(APIException):
    status_code = 503


class BrokenViewSet(ItemViewSet):
    """Fails as long as it is told to."""

    error: Exception | None = None

    @override
    def perform_bulk_destroy(self, queryset: QuerySet[Item], pks: Sequence[Any]) -> list[Any]:
        if self.error is not None:
            raise self.error
        return super().perform_bulk_destroy(queryset, pks)


@pytest.mark.parametrize("error", [BrokenError(), RuntimeError("down")])
def test_a_failure_of_the_server_is_not_kept(items: list[Item], error: Exception) -> None:
    """The request is done when it is sent again."""
    BrokenViewSet.error = error
    try:
        if isinstance(error, BrokenError):
            assert send([items[0].pk], view=BrokenViewSet).status_code == 503
        else:
            with pytest.raises(RuntimeError):
                send([items[0].pk], view=BrokenViewSet)
    finally:
        BrokenViewSet.error = None
    again = send([items[0].pk], view=BrokenViewSet)
    assert json.loads(again.content)["data"]["count"] == 1


def test_a_request_in_flight_is_not_done_twice() -> None:
    """While the first one is being answered, the second one is told to wait."""
    has_begun, may_end = Event(), Event()
    answers: list[Any] = []

    class View(ItemViewSet):
        @override
        def perform_bulk_destroy(self, queryset: QuerySet[Item], pks: Sequence[Any]) -> list[Any]:
            has_begun.set()
            assert may_end.wait(10)
            return []

        @override
        def check_permissions(self, request: Request) -> None:
            pass

    request = factory.post("/", [1], format="json", headers={"Idempotency-Key": KEY})
    user = User(pk=1)
    force_authenticate(request, user)

    def answer_first() -> None:
        try:
            answers.append(answer(View, request))
        finally:
            connections.close_all()

    thread = Thread(target=answer_first)
    thread.start()
    assert has_begun.wait(10)
    try:
        again = factory.post("/", [1], format="json", headers={"Idempotency-Key": KEY})
        force_authenticate(again, user)
        assert answer(View, again).status_code == 409
    finally:
        may_end.set()
        thread.join()
    again = factory.post("/", [1], format="json", headers={"Idempotency-Key": KEY})
    force_authenticate(again, user)
    assert answer(View, again).content == answers[0].content


@pytest.mark.parametrize("key", ["", "  ", "x" * 256])
def test_a_key_that_is_none_is_refused(items: list[Item], key: str) -> None:
    """The 400 names the header."""
    response = send([items[0].pk], key)
    assert response.status_code == 400
    assert json.loads(response.content)["errors"] == {"Idempotency-Key": ["Send 1 to 255 characters."]}


def test_answers_are_kept_for_as_long_as_the_setting_says(items: list[Item], monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the key is free again."""
    kept: list[int] = []

    def store(_name: str, _value: object, timeout: int) -> None:
        kept.append(timeout)

    monkeypatch.setattr(caches["default"], "set", store)
    with override_settings(COMMON={"IDEMPOTENCY_TTL": 60}):
        send([items[0].pk])
    assert kept == [60]
