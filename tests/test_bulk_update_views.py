"""Bulk updates over HTTP: rows matched by their ids, all or nothing, and a report on each where that is asked for."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import override_settings
from rest_framework import serializers
from rest_framework.permissions import DjangoModelPermissions
from rest_framework.serializers import BaseSerializer
from typing_extensions import override

from drf_commons.bulk import bulk_create
from drf_commons.views.mixins import UpdateModelMixin
from tests.bulk_views import (
    ArticleViewSet,
    ItemSerializer,
    ItemViewSet,
    MachineViewSet,
    NotNumberOne,
    NotNumberSeven,
    ParcelViewSet,
    in_partial_mode,
    send,
)
from tests.newsroom.models import Article
from tests.warehouse.models import Item, Machine, Parcel, Supplier

pytestmark = pytest.mark.django_db


def build_items(number: int) -> list[Item]:
    return bulk_create(Item.objects.all(), [Item(name=str(n), quantity=n) for n in range(number)])


def put(view: type[Any], body: object, **kwargs: Any) -> Any:
    return send(view, "put", "bulk-update", body, **kwargs)


def patch(view: type[Any], body: object, **kwargs: Any) -> Any:
    return send(view, "patch", "bulk-update", body, **kwargs)


def test_rows_are_changed_in_the_order_of_the_request() -> None:
    """They are matched by their ids, never by their places."""
    items = build_items(3)

    response = put(
        ItemViewSet, [{"id": items[2].pk, "name": "c", "quantity": 7}, {"id": str(items[0].pk), "name": "a"}]
    )

    assert response.status_code == 200
    assert [(row["id"], row["name"]) for row in response.data["data"]] == [(items[2].pk, "c"), (items[0].pk, "a")]
    assert [*Item.objects.order_by("pk").values_list("name", "quantity")] == [("a", 0), ("1", 1), ("c", 7)]


def test_a_row_of_a_patch_changes_what_it_names() -> None:
    """Each has a subset of its own."""
    items = build_items(3)

    response = patch(
        ItemViewSet,
        [{"id": items[0].pk, "name": "a"}, {"id": items[1].pk, "quantity": 9}, {"id": items[2].pk}],
    )

    assert response.status_code == 200
    assert [*Item.objects.order_by("pk").values_list("name", "quantity")] == [("a", 0), ("1", 9), ("2", 2)]


def test_what_another_client_writes_meanwhile_stays() -> None:
    """A column that the row does not name is not written, also where other rows of the request name it."""
    items = build_items(2)

    class View(ItemViewSet):
        @override
        def perform_bulk_update(self, serializer: BaseSerializer[Any]) -> None:
            Item.objects.filter(pk=items[0].pk).update(quantity=99)
            super().perform_bulk_update(serializer)

    patch(View, [{"id": items[0].pk, "name": "a"}, {"id": items[1].pk, "quantity": 5}])

    assert [*Item.objects.order_by("pk").values_list("name", "quantity")] == [("a", 99), ("1", 5)]


def test_a_put_needs_what_is_required() -> None:
    """The missing field is named, by the position of the row, and nothing is written."""
    items = build_items(2)
    response = put(ItemViewSet, [{"id": items[0].pk, "name": "a"}, {"id": items[1].pk, "quantity": 3}])
    assert response.status_code == 400
    assert response.data["message"] == "Validation failed."
    assert response.data["errors"] == {"1": {"name": ["This field is required."]}}
    assert Item.objects.filter(name="a").count() == 0


def test_without_data_the_answer_is_empty() -> None:
    """``return_data_on_update`` says whether rows come back."""

    class View(ItemViewSet):
        return_data_on_update = False

    (item,) = build_items(1)
    response = patch(View, [{"id": item.pk, "name": "a"}])
    assert (response.status_code, response.data["data"]) == (200, None)


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({"id": 1}, {"non_field_errors": ['Expected a list of items but got type "dict".']}),
        ([], {"non_field_errors": ["This list may not be empty."]}),
        ("[", {"detail": "JSON parse error - Expecting value: line 1 column 2 (char 1)"}),
    ],
)
def test_a_body_that_is_no_list_of_rows_is_refused(body: object, errors: object) -> None:
    """A 400 in the envelope says what is wrong with it."""
    for method in ("put", "patch"):
        response = send(ItemViewSet, method, "bulk-update", body)
        assert response.status_code == 400
        assert response.data["success"] is False
        assert response.data["errors"] == errors


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ({"name": "x"}, {"id": ["This field is required."]}),
        ({"id": None, "name": "x"}, {"id": ["This field is required."]}),
        ({"id": "abc", "name": "x"}, {"id": ["Incorrect type. Expected pk value, received str."]}),
        ({"id": True, "name": "x"}, {"id": ["Incorrect type. Expected pk value, received bool."]}),
        ({"id": [1], "name": "x"}, {"id": ["Incorrect type. Expected pk value, received list."]}),
        ({"id": 999_999_999, "name": "x"}, {"id": ['Invalid pk "999999999" - object does not exist.']}),
        ({"id": 10**30, "name": "x"}, {"id": [f'Invalid pk "{10**30}" - object does not exist.']}),
        (7, {"non_field_errors": ["Invalid data. Expected a dictionary, but got int."]}),
        ([1], {"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]}),
        (None, ["This field may not be null."]),
    ],
)
def test_a_row_that_does_not_say_which_it_is_keeps_all_from_being_written(row: object, error: object) -> None:
    """The 400 names its position."""
    items = build_items(2)
    for method in ("put", "patch"):
        response = send(ItemViewSet, method, "bulk-update", [{"id": items[0].pk, "name": "x"}, row])
        assert response.status_code == 400
        assert response.data["errors"] == {"1": error}
    assert not Item.objects.filter(name="x").exists()


def test_a_row_named_twice_is_refused() -> None:
    """The later one is reported, however its id is written."""
    (item,) = build_items(1)
    response = patch(ItemViewSet, [{"id": item.pk, "name": "a"}, {"id": str(item.pk), "name": "b"}])
    assert response.status_code == 400
    assert response.data["errors"] == {"1": {"id": [f'The row "{item.pk}" is named twice.']}}
    assert Item.objects.get().name == "0"


def test_wrong_types_are_named_by_row_and_field() -> None:
    """The messages are DRF's."""
    items = build_items(3)
    response = put(
        ItemViewSet,
        [
            {"id": items[0].pk, "name": "fine"},
            {"id": items[1].pk, "name": "", "price": "x", "supplier": 0},
            {"id": items[2].pk, "name": "x" * 11, "quantity": [], "due": "tomorrow"},
        ],
    )
    assert response.status_code == 400
    assert set(response.data["errors"]) == {"1", "2"}
    assert response.data["errors"]["1"] == {
        "name": ["This field may not be blank."],
        "price": ["A valid number is required."],
        "supplier": ['Invalid pk "0" - object does not exist.'],
    }
    assert response.data["errors"]["2"]["name"] == ["Ensure this field has no more than 10 characters."]
    assert not Item.objects.filter(name="fine").exists()


def test_text_longer_than_its_column_is_never_cut() -> None:
    """Where no validator stops it, the database does, and the answer is a 400."""

    class Loose(ItemSerializer):
        name = serializers.CharField()

    class View(ItemViewSet):
        serializer_class = Loose

    (item,) = build_items(1)
    response = patch(View, [{"id": item.pk, "name": "x" * 11}])
    item.refresh_from_db()
    if response.status_code == 200:  # SQLite takes texts of any length
        assert item.name == "x" * 11
    else:
        assert response.status_code == 400
        assert item.name == "0"


def test_a_key_in_capitals_or_without_dashes_names_the_same_row() -> None:
    """It is the key that counts, not how it is spelt."""
    first, second = bulk_create(Parcel.objects.all(), [Parcel(label="a"), Parcel(label="b")])
    response = put(ParcelViewSet, [{"id": str(first.pk).upper(), "label": "c"}, {"id": second.pk.hex, "label": "d"}])
    assert response.status_code == 200
    assert [row["label"] for row in response.data["data"]] == ["c", "d"]
    unknown = uuid.uuid4()
    response = put(ParcelViewSet, [{"id": str(unknown), "label": "c"}, {"id": "no uuid", "label": "d"}])
    assert [*response.data["errors"]] == ["0", "1"]


def test_an_id_cannot_be_changed() -> None:
    """A row's id says which row it is, and stays."""
    (parcel,) = bulk_create(Parcel.objects.all(), [Parcel(label="a")])
    put(ParcelViewSet, [{"id": str(parcel.pk), "pk": str(uuid.uuid4()), "label": "b"}])
    assert Parcel.objects.values_list("pk", "label").get() == (parcel.pk, "b")


def test_a_row_hidden_by_the_queryset_does_not_exist() -> None:
    """What the list does not show cannot be changed."""

    class View(ItemViewSet):
        queryset = Item.objects.exclude(name="0")

    items = build_items(2)
    response = patch(View, [{"id": item.pk, "quantity": 50} for item in items])
    assert response.status_code == 400
    assert response.data["errors"] == {"0": {"id": [f'Invalid pk "{items[0].pk}" - object does not exist.']}}
    assert not Item.objects.filter(quantity=50).exists()


def test_a_row_hidden_by_a_filter_does_not_exist() -> None:
    """Filter backends have their say."""

    class View(ItemViewSet):
        filter_backends = (NotNumberOne,)

    items = build_items(2)
    response = patch(View, [{"id": item.pk, "quantity": 50} for item in items])
    assert response.data["errors"] == {"1": {"id": [f'Invalid pk "{items[1].pk}" - object does not exist.']}}


class GuardedViewSet(ItemViewSet):
    permission_classes = (NotNumberSeven,)


def test_a_row_forbidden_by_a_permission_keeps_all_from_being_written() -> None:
    """A 403 names it, also where another row is wrong."""
    items = build_items(9)
    response = patch(GuardedViewSet, [{"id": item.pk, "quantity": 50} for item in items])
    assert response.status_code == 403
    assert response.data["errors"] == {"7": {"detail": "Number seven is mine."}}
    response = patch(GuardedViewSet, [{"id": item.pk, "quantity": "x"} for item in items])
    assert response.status_code == 403
    assert not Item.objects.filter(quantity=50).exists()


def test_model_permissions_are_asked_as_for_one_row() -> None:
    """PUT and PATCH need the permission to change."""

    class View(ItemViewSet):
        permission_classes = (DjangoModelPermissions,)

    (item,) = build_items(1)
    user = User.objects.create_user("ada")
    assert patch(View, [{"id": item.pk, "quantity": 50}], user=user).status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="change_item"))
    assert patch(View, [{"id": item.pk, "quantity": 50}], user=User.objects.get()).status_code == 200


def test_swapped_unique_values_are_refused() -> None:
    """No database takes them in one go, and the answer is a 400 all the same."""
    first, second = (Article.objects.create(title=title) for title in "ab")
    response = patch(ArticleViewSet, [{"id": first.pk, "title": "b"}, {"id": second.pk, "title": "a"}])
    assert response.status_code == 400
    assert [*Article.objects.values_list("title", flat=True)] == ["a", "b"]


def test_a_value_that_another_row_has_is_named() -> None:
    """A row may keep its own; it may not take that of another, in the database or in the request."""
    first, second, third = (Article.objects.create(title=title) for title in "abc")
    response = patch(
        ArticleViewSet,
        [{"id": first.pk, "title": "a"}, {"id": second.pk, "title": "c"}],
    )
    assert response.status_code == 400
    assert [*response.data["errors"]] == ["1"]
    response = patch(ArticleViewSet, [{"id": first.pk, "title": "x"}, {"id": third.pk, "title": "x"}])
    assert response.status_code == 400
    assert {*Article.objects.values_list("title", flat=True)} == {"a", "b", "c"}


def test_too_many_rows_are_refused() -> None:
    """Before any of them is looked at."""
    with override_settings(COMMON={"BULK_MAX_ITEMS": 2}):
        response = patch(ItemViewSet, [{}, {}, {}])
    assert (response.status_code, response.data["max_items"]) == (413, 2)


def test_a_perform_update_of_the_viewsets_own_is_called() -> None:
    """What it passes to ``save()`` reaches every row."""

    class View(UpdateModelMixin[Item], ItemViewSet):
        @override
        def perform_update(self, serializer: BaseSerializer[Any]) -> None:
            serializer.save(status=Item.Status.SOLD)

    items = build_items(3)
    patch(View, [{"id": item.pk, "quantity": 50} for item in items])
    assert {*Item.objects.values_list("quantity", "status")} == {(50, "sold")}


def build_machines() -> list[Machine]:
    return bulk_create(Machine.objects.all(), [Machine(name=name) for name in "abc"])


def test_rows_with_versions_count_and_conflict() -> None:
    """A row that says which version it was read with is not written over another; a 409 lists the conflicts."""
    machines = build_machines()
    rows = [{"id": str(machine.pk), "name": "x", "version": 1} for machine in machines]
    assert [row["version"] for row in patch(MachineViewSet, rows[:1]).data["data"]] == [2]

    response = patch(MachineViewSet, rows)

    assert response.status_code == 409
    assert [*response.data["errors"]] == ["0"]
    assert {*Machine.objects.values_list("name", "version")} == {("x", 2), ("b", 1), ("c", 1)}
    assert patch(MachineViewSet, [{**rows[1], "version": "one"}]).status_code == 400


def test_a_version_may_be_required_of_every_row() -> None:
    """Rows without it are named by a 428."""

    class View(UpdateModelMixin[Machine], MachineViewSet):
        require_if_match = True

    machines = build_machines()
    body = [{"id": str(machine.pk), "name": "x"} for machine in machines]
    body[0]["version"] = "1"
    response = patch(View, body)
    assert response.status_code == 428
    assert [*response.data["errors"]] == ["1", "2"]


@pytest.mark.parametrize("method", ["put", "patch"])
def test_in_partial_mode_good_rows_are_written(method: str) -> None:
    """A 207 tells of each row what it would have been answered alone."""
    items = build_items(9)
    body: list[Any] = [{"id": item.pk, "name": item.name, "quantity": 50} for item in items]
    body[1]["quantity"] = "x"
    body[2]["id"] = 0
    body[3] = "row"

    response = send(in_partial_mode(GuardedViewSet), method, "bulk-update", body)

    assert response.status_code == 207
    report = response.data["data"]
    assert (report["requested_count"], report["count"], report["failed_count"]) == (9, 5, 4)
    assert [row["status"] for row in report["rows"]] == [200, 400, 400, 400, 200, 200, 200, 403, 200]
    assert [row["index"] for row in report["rows"]] == [*range(9)]
    assert report["rows"][0]["data"]["quantity"] == 50
    assert report["rows"][1]["errors"] == {"quantity": ["A valid integer is required."]}
    assert report["rows"][2]["errors"] == {"id": ['Invalid pk "0" - object does not exist.']}
    assert report["rows"][7]["errors"] == {"detail": "Number seven is mine."}
    assert Item.objects.filter(quantity=50).count() == 5


def test_in_partial_mode_the_database_may_refuse_a_row() -> None:
    """It takes no other row along."""
    first, second = (Article.objects.create(title=title) for title in "ab")
    third = Article.objects.create(title="c")
    response = patch(
        in_partial_mode(ArticleViewSet),
        [
            {"id": first.pk, "title": "x"},
            {"id": second.pk, "title": "x"},
            {"id": third.pk, "title": "z"},
        ],
    )
    assert [row["status"] for row in response.data["data"]["rows"]] == [200, 400, 200]
    assert [*Article.objects.values_list("title", flat=True)] == ["x", "b", "z"]


def test_a_related_row_that_is_not_there_is_named() -> None:
    """Related rows are looked up for all rows at once, and a miss is DRF's error."""
    supplier = Supplier.objects.create(name="Ada")
    items = build_items(2)
    body = [{"id": items[0].pk, "supplier": supplier.pk}, {"id": items[1].pk, "supplier": 0}]
    response = patch(ItemViewSet, body)
    assert response.data["errors"] == {"1": {"supplier": ['Invalid pk "0" - object does not exist.']}}
    body[1]["supplier"] = supplier.pk
    assert patch(ItemViewSet, body).status_code == 200
    assert Item.objects.filter(supplier=supplier).count() == 2
