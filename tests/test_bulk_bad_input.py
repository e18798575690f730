"""Bad input of every kind to every bulk action over HTTP: status, envelope, rows that are named, nothing written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import pytest
from django.test import Client, override_settings
from django.urls import path

from drf_commons.bulk import bulk_create
from tests.bulk_views import ACTIONS, ItemViewSet, NotNumberSeven
from tests.warehouse.models import Item

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


class OpenViewSet(ItemViewSet):
    authentication_classes = ()
    permission_classes: Sequence[Any] = ()


class GuardedViewSet(OpenViewSet):
    permission_classes = (NotNumberSeven,)


class PartialViewSet(GuardedViewSet):
    bulk_mode = "partial"


VIEWS: Final[dict[str, type[Any]]] = {"open": OpenViewSet, "guarded": GuardedViewSet, "partial": PartialViewSet}

urlpatterns = [
    path(f"{name}/{action}/", view.as_view(methods))
    for name, view in VIEWS.items()
    for action, methods in ACTIONS.items()
    if action != "bulk-soft-delete"  # which reads its ids as a deletion does
]

POST: Final = ("post", "bulk-create")
PUT: Final = ("put", "bulk-update")
PATCH: Final = ("patch", "bulk-update")
DELETE: Final = ("delete", "bulk-delete")
EVERY: Final = pytest.mark.parametrize(("method", "action"), [POST, PUT, PATCH, DELETE])
UPDATES: Final = pytest.mark.parametrize(("method", "action"), [PUT, PATCH])
WRITES: Final = pytest.mark.parametrize(("method", "action"), [POST, PUT, PATCH])


@pytest.fixture
def items() -> list[Item]:
    return bulk_create(Item.objects.all(), [Item(name=str(number)) for number in range(9)])


def send(method: str, action: str, body: object, view: str = "open") -> tuple[int, dict[str, Any]]:
    """Return the status and the envelope of the answer; a text is sent as it is."""
    data = body if isinstance(body, str) else json.dumps(body)
    response = getattr(Client(), method)(f"/{view}/{action}/", data, content_type="application/json")
    assert response.headers["Content-Type"] == "application/json"
    return response.status_code, response.json()


def dump() -> list[Any]:
    return [*Item.objects.order_by("pk").values_list("pk", "name", "quantity", "price")]


def refuse(method: str, action: str, body: object, view: str = "open") -> tuple[int, Any]:
    """Return the status and the errors of an answer in the envelope of an error; see that nothing was written."""
    before = dump()
    status, answer = send(method, action, body, view)
    assert (answer["success"], answer["data"]) == (False, None)
    assert answer["timestamp"].endswith("Z")
    assert answer["message"]
    assert dump() == before
    return status, answer["errors"]


@EVERY
@pytest.mark.usefixtures("items")
def test_not_a_list(method: str, action: str) -> None:
    """An object, a text, a number or nothing."""
    body = {"name": "a"}
    expected = "This field is required." if action == "bulk-delete" else 'Expected a list of items but got type "dict".'
    key = "ids" if action == "bulk-delete" else "non_field_errors"
    assert refuse(method, action, body) == (400, {key: [expected]})
    for value, kind in (("text", "str"), (7, "int"), (None, "NoneType")):
        status, errors = refuse(method, action, json.dumps(value))
        assert status == 400, kind
        assert [*errors] == ["non_field_errors"]


@EVERY
@pytest.mark.usefixtures("items")
def test_an_empty_list(method: str, action: str) -> None:
    """There is nothing to do, and that is hardly what was meant."""
    assert refuse(method, action, []) == (400, {"non_field_errors": ["This list may not be empty."]})


@EVERY
def test_too_many(method: str, action: str, items: list[Item]) -> None:
    """A 413 that says how many there may be."""
    body: list[Any] = [item.pk if action == "bulk-delete" else {"id": item.pk, "name": "new"} for item in items]
    with override_settings(COMMON={"BULK_MAX_ITEMS": 8}):
        assert refuse(method, action, body)[0] == 413
        assert send(method, action, body)[1]["max_items"] == 8
        assert send(method, action, body[:8])[0] in {200, 201}


@EVERY
@pytest.mark.usefixtures("items")
@pytest.mark.parametrize("body", ["", "[", "name=a", '[{"name": NaN}]', "\x00"])
def test_not_json(method: str, action: str, body: str) -> None:
    """Nor what only Python takes for JSON."""
    status, errors = refuse(method, action, body)
    assert status == 400
    assert [*errors] in (["detail"], ["non_field_errors"], ["ids"])


@UPDATES
@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({}, "This field is required."),
        ({"id": None}, "This field is required."),
        ({"id": 0}, 'Invalid pk "0" - object does not exist.'),
        ({"id": -1}, 'Invalid pk "-1" - object does not exist.'),
        ({"id": 10**30}, f'Invalid pk "{10**30}" - object does not exist.'),
        ({"id": ""}, "This field is required."),
        ({"id": "x"}, "Incorrect type. Expected pk value, received str."),
        ({"id": True}, "Incorrect type. Expected pk value, received bool."),
        ({"id": 1.5}, "Incorrect type. Expected pk value, received float."),
        ({"id": {}}, "Incorrect type. Expected pk value, received dict."),
    ],
    ids=str,
)
def test_no_id_or_an_unknown_one(
    method: str, action: str, row: dict[str, object], message: str, items: list[Item]
) -> None:
    """The row is named by its place, and the good ones beside it are not written."""
    body = [{"id": items[0].pk, "name": "new"}, {**row, "name": "new"}, {"id": items[1].pk, "name": "new"}]
    assert refuse(method, action, body) == (400, {"1": {"id": [message]}})


@UPDATES
def test_an_id_named_twice(method: str, action: str, items: list[Item]) -> None:
    """Each later one is named, however it is spelt."""
    pk = items[0].pk
    body = [{"id": pk, "name": "a"}, {"id": items[1].pk, "name": "b"}, {"id": str(pk), "name": "c"}]
    assert refuse(method, action, body) == (400, {"2": {"id": [f'The row "{pk}" is named twice.']}})


@WRITES
def test_wrong_types(method: str, action: str, items: list[Item]) -> None:
    """Of rows, and of the values in them."""
    bad: list[Any] = [
        {"name": [], "price": "x", "quantity": 1.5, "due": 7},
        {"name": "x" * 11, "supplier": "y", "is_active": "maybe", "status": "lost"},
        "row",
        None,
        {"name": "fine"},
    ]
    body = [{**row, "id": item.pk} if isinstance(row, dict) else row for row, item in zip(bad, items, strict=False)]
    status, errors = refuse(method, action, body)
    assert status == 400
    assert [*errors] == ["0", "1", "2", "3"]
    assert {*errors["0"]} == {"name", "price", "quantity", "due"}
    assert {*errors["1"]} == {"name", "supplier", "is_active", "status"}
    assert errors["2"] == {"non_field_errors": ["Invalid data. Expected a dictionary, but got str."]}
    assert errors["3"] == ["This field may not be null."]


def test_wrong_types_of_ids(items: list[Item]) -> None:
    """Each of them is named by its place."""
    status, errors = refuse(*DELETE, [items[0].pk, "x", None, [], {}])
    assert status == 400
    assert [*errors] == ["1", "2", "3", "4"]


@pytest.mark.parametrize(("method", "action"), [PUT, PATCH, DELETE])
def test_rows_that_the_user_may_not_touch(method: str, action: str, items: list[Item]) -> None:
    """A 403 for the whole request."""
    body = [item.pk if action == "bulk-delete" else {"id": item.pk, "name": "new"} for item in items]
    assert refuse(method, action, body, "guarded") == (403, {"7": {"detail": "Number seven is mine."}})


@UPDATES
def test_in_partial_mode_rows_are_refused_one_by_one(method: str, action: str, items: list[Item]) -> None:
    """Each row has the status that it would have had alone; the others are written."""
    body: list[Any] = [{"id": item.pk, "name": "new"} for item in items]
    body[0], body[1], body[2] = {"name": "new"}, {"id": 0, "name": "new"}, {"id": items[3].pk, "name": "x" * 11}
    body[4], body[5] = {"id": items[3].pk, "name": "new"}, 7

    status, answer = send(method, action, body, "partial")

    assert status == 207
    rows = answer["data"]["rows"]
    assert [(row["index"], row["status"]) for row in rows] == [
        (0, 400), (1, 400), (2, 400), (3, 400), (4, 400), (5, 400), (6, 200), (7, 403), (8, 200),
    ]  # fmt: skip
    assert all(row["errors"] for row in rows if row["status"] != 200)
    assert [*Item.objects.filter(name="new").order_by("pk")] == [items[6], items[8]]


def test_in_partial_mode_ids_are_refused_one_by_one(items: list[Item]) -> None:
    """The report says why rows are still there."""
    _status, answer = send(*DELETE, [item.pk for item in items], "partial")
    assert answer["data"]["count"] == 8
    assert answer["data"]["errors"] == {"7": {"detail": "Number seven is mine."}}
    assert [*Item.objects.all()] == [items[7]]
