"""Bulk deletion over HTTP: a report on every id, in as few statements as the rows allow."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest
from django.contrib.auth.models import Permission, User
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.models import QuerySet
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from rest_framework.filters import BaseFilterBackend
from rest_framework.permissions import BasePermission, DjangoModelPermissions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory, force_authenticate
from rest_framework.views import APIView
from typing_extensions import override

from drf_commons.bulk import bulk_create
from drf_commons.errors import ConfigurationError
from drf_commons.views.mixins import BulkDeleteModelMixin, DestroyModelMixin, SoftDestroyModelMixin
from drf_commons.views.mixins.bulk import BulkMode
from tests.newsroom.models import Article, Author
from tests.warehouse.models import Item, Machine, Parcel

pytestmark = pytest.mark.django_db

factory = APIRequestFactory()


class ParcelViewSet(BulkDeleteModelMixin[Parcel]):
    queryset = Parcel.objects.all()


class ItemViewSet(BulkDeleteModelMixin[Item]):
    queryset = Item.objects.all()


class HidingItemViewSet(ItemViewSet):
    """Soft-deletes in a way of its own."""

    @override
    def perform_bulk_soft_destroy(self, queryset: QuerySet[Item], pks: Sequence[Any]) -> list[Any]:
        queryset.filter(pk__in=pks).update(is_active=False)
        return [*pks]


class MachineViewSet(BulkDeleteModelMixin[Machine]):
    queryset = Machine.objects.all()


def delete(
    view: type[BulkDeleteModelMixin[Any]],
    body: object,
    *,
    method: str = "delete",
    action: str = "bulk_delete",
    user: User | None = None,
) -> Response:
    """Return what the action of *view* answers to *body*."""
    request = getattr(factory, method)("/", body, format="json")
    force_authenticate(request, user or User(username="ada"))
    response: Response = view.as_view({method: action})(request)
    response.render()
    return response


def build_items(number: int, **values: Any) -> list[Item]:
    return bulk_create(Item.objects.all(), [Item(name=str(n), **values) for n in range(number)])


@contextmanager
def statements_counted() -> Iterator[list[str]]:
    """Collect the statements that read or write rows."""
    seen: list[str] = []
    with CaptureQueriesContext(connection) as queries:
        yield seen
    seen += [query["sql"] for query in queries if query["sql"].split()[0] in {"SELECT", "UPDATE", "DELETE"}]


@pytest.mark.parametrize("method", ["delete", "post"])
@pytest.mark.parametrize("is_wrapped", [False, True])
def test_rows_are_deleted_by_their_ids(method: str, is_wrapped: bool) -> None:
    """The report tells how many there were, and which ids have no row, in the order of the request."""
    items = build_items(3)
    ids = [9_999_999, items[0].pk, str(items[2].pk), 9_999_998]

    response = delete(ItemViewSet, {"ids": ids} if is_wrapped else ids, method=method)

    assert response.status_code == 200
    assert response.data["success"] is True
    assert response.data["data"] == {
        "requested_count": 4,
        "count": 2,
        "missing_ids": ["9999999", "9999998"],
        "missing_count": 2,
    }
    assert Item.objects.get() == items[1]


def test_a_thousand_ids_take_one_statement_where_nothing_watches_the_rows() -> None:
    """The statement that deletes also tells what was missing."""
    parcels = bulk_create(Parcel.objects.all(), [Parcel(label=str(number)) for number in range(980)])
    missing = [str(uuid.uuid4()) for _ in range(20)]

    with statements_counted() as statements:
        response = delete(ParcelViewSet, [*missing, *(str(parcel.pk) for parcel in parcels)])

    assert len(statements) == 1
    assert response.data["data"]["count"] == 980
    assert response.data["data"]["missing_ids"] == missing


def test_a_thousand_ids_take_at_most_four_statements_where_permissions_see_the_rows() -> None:
    """The rows are read once, for all the permissions."""

    class View(ParcelViewSet):
        permission_classes = (NotNumberSeven,)

    parcels = bulk_create(Parcel.objects.all(), [Parcel(label="fine") for _ in range(980)])

    with statements_counted() as statements:
        response = delete(View, [str(parcel.pk) for parcel in parcels])

    assert response.data["data"]["count"] == 980
    assert len(statements) <= 4


def test_a_key_in_capitals_or_without_dashes_names_the_same_row() -> None:
    """It is deleted, and not listed as missing."""
    first, second = bulk_create(Parcel.objects.all(), [Parcel(label="a"), Parcel(label="b")])

    report = delete(ParcelViewSet, [str(first.pk).upper(), second.pk.hex]).data["data"]

    assert (report["count"], report["missing_ids"]) == (2, [])


def test_an_id_named_twice_is_counted_once() -> None:
    """There is one row, whichever way its id is written."""
    (item,) = build_items(1)

    report = delete(ItemViewSet, [item.pk, str(item.pk), 0, 0]).data["data"]

    assert report == {"requested_count": 4, "count": 1, "missing_ids": ["0"], "missing_count": 1}


def test_an_id_that_no_row_can_have_is_missing() -> None:
    """The database is not asked for a number that it cannot hold."""
    assert delete(ItemViewSet, [10**30]).data["data"]["missing_ids"] == [str(10**30)]


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"ids": ["This field is required."]}),
        ("7", {"non_field_errors": ['Expected a list of items but got type "str".']}),
        ({"ids": 7}, {"non_field_errors": ['Expected a list of items but got type "int".']}),
        ([], {"non_field_errors": ["This list may not be empty."]}),
        ({"ids": []}, {"non_field_errors": ["This list may not be empty."]}),
        (
            [1, "abc", None, True, {"id": 1}, [1], 1.5],
            {
                "1": ["Incorrect type. Expected pk value, received str."],
                "2": ["Incorrect type. Expected pk value, received NoneType."],
                "3": ["Incorrect type. Expected pk value, received bool."],
                "4": ["Incorrect type. Expected pk value, received dict."],
                "5": ["Incorrect type. Expected pk value, received list."],
                "6": ["Incorrect type. Expected pk value, received float."],
            },
        ),
    ],
)
@pytest.mark.parametrize("action", ["bulk_delete", "bulk_soft_delete"])
def test_what_is_no_list_of_ids_is_refused(body: object, errors: object, action: str) -> None:
    """A 400 names what is wrong, by the position of the id, and nothing is deleted."""
    build_items(2)

    response = delete(HidingItemViewSet, body, action=action)

    assert response.status_code == 400
    assert response.data["errors"] == errors
    assert Item.objects.filter(is_active=True).count() == 2


def test_a_body_that_is_not_json_is_refused() -> None:
    """The envelope says so."""
    request = factory.generic("DELETE", "/", "[1, 2", content_type="application/json")
    response = ItemViewSet.as_view({"delete": "bulk_delete"})(request)
    assert response.status_code == 400
    assert response.data["errors"]["detail"].startswith("JSON parse error")


def test_too_many_ids_are_refused() -> None:
    """The setting bounds a request, and a viewset may have a bound of its own."""

    class Strict(ItemViewSet):
        bulk_max_items = 1

    (item,) = build_items(1)
    with override_settings(COMMON={"BULK_MAX_ITEMS": 2}):
        response = delete(ItemViewSet, [item.pk, 1, 2])
        assert response.status_code == 413
        assert response.data["message"] == "The request has 3 items; at most 2 may be sent at once."
        assert response.data["max_items"] == 2
        assert delete(Strict, [item.pk, 1]).status_code == 413
        assert delete(ItemViewSet, [item.pk, 1]).status_code == 200


def test_a_row_hidden_by_the_queryset_or_by_a_filter_is_missing() -> None:
    """What the list does not show cannot be deleted."""

    class View(ItemViewSet):
        queryset = Item.objects.filter(is_active=True)

        filter_backends = (NotNumberOne,)

    items = build_items(3)
    Item.objects.filter(name="2").update(is_active=False)

    report = delete(View, [item.pk for item in items]).data["data"]

    assert report["missing_ids"] == [str(items[1].pk), str(items[2].pk)]
    assert Item.objects.count() == 2


class NotNumberOne(BaseFilterBackend):
    """Hides the row called 1."""

    @override
    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: APIView) -> QuerySet[Any]:
        return queryset.exclude(name="1")


class NotNumberSeven(BasePermission):
    """Rows called 7 are out of bounds."""

    message = "Number seven is mine."
    made: ClassVar[list[int]] = []

    def __init__(self) -> None:
        self.made.append(1)

    @override
    def has_object_permission(self, request: Request, view: APIView, obj: Any) -> bool:
        return str(obj) != "7"


class GuardedViewSet(ItemViewSet):
    permission_classes = (NotNumberSeven,)


def test_rows_the_user_may_not_delete_keep_all_of_them() -> None:
    """A 403 names them, and nothing is deleted."""
    items = build_items(9)

    response = delete(GuardedViewSet, [item.pk for item in items])

    assert response.status_code == 403
    assert response.data["errors"] == {"7": {"detail": "Number seven is mine."}}
    assert response.data["message"] == "Number seven is mine."
    assert Item.objects.count() == 9


def test_permissions_are_made_once_for_all_rows() -> None:
    """Their number does not grow with the rows."""
    items = build_items(6)
    NotNumberSeven.made.clear()
    delete(GuardedViewSet, [item.pk for item in items[:2]])
    few = len(NotNumberSeven.made)
    NotNumberSeven.made.clear()
    delete(GuardedViewSet, [item.pk for item in items[2:]])
    assert len(NotNumberSeven.made) == few


def test_a_check_of_the_viewsets_own_sees_every_row() -> None:
    """``check_object_permissions()`` may be overridden, and Django's own exception says no as well."""

    class View(ItemViewSet):
        @override
        def check_object_permissions(self, request: Request, obj: Any) -> None:
            if obj.name == "1":
                raise PermissionDenied

    items = build_items(3)
    response = delete(View, [item.pk for item in items])
    assert response.status_code == 403
    assert [*response.data["errors"]] == ["1"]


@pytest.mark.parametrize("method", ["delete", "post"])
def test_a_post_needs_the_permission_to_delete(method: str) -> None:
    """Who may add rows may not delete them by sending a POST."""

    class View(ItemViewSet):
        permission_classes = (DjangoModelPermissions,)

    (item,) = build_items(1)
    user = User.objects.create_user("ada")
    user.user_permissions.add(Permission.objects.get(codename="add_item"))
    assert delete(View, [item.pk], method=method, user=User.objects.get()).status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="delete_item"))
    user.user_permissions.remove(Permission.objects.get(codename="add_item"))
    allowed = delete(View, [item.pk], method=method, user=User.objects.get())
    assert allowed.status_code == (200 if method == "delete" else 403)  # a POST is asked for both


class TaggingMixin(DestroyModelMixin[Item]):
    @override
    def perform_destroy(self, instance: Item) -> None:
        if instance.name == "2":
            raise PermissionDenied
        instance.is_active = False
        instance.save()


class TaggingViewSet(TaggingMixin, ItemViewSet):
    """Destroys in a way of its own."""


def test_a_perform_destroy_of_the_viewsets_own_is_called_for_each_row() -> None:
    """What it does to one row it does to many; the rows stay where it leaves them."""
    items = build_items(2)

    report = delete(TaggingViewSet, [item.pk for item in items]).data["data"]

    assert report["count"] == 2
    assert {*Item.objects.values_list("is_active", flat=True)} == {False}


def test_a_perform_destroy_that_fails_undoes_the_others() -> None:
    """All or nothing."""
    items = build_items(3)
    assert delete(TaggingViewSet, [item.pk for item in items]).status_code == 403
    assert Item.objects.filter(is_active=True).count() == 3


def in_partial_mode(view: type[BulkDeleteModelMixin[Any]]) -> type[BulkDeleteModelMixin[Any]]:
    mode: BulkMode = "partial"
    return type(f"Partial{view.__name__}", (view,), {"bulk_mode": mode})


@pytest.mark.parametrize(
    ("view", "refused", "error"),
    [
        (TaggingViewSet, 2, {"detail": "You do not have permission to perform this action."}),
        (GuardedViewSet, 7, {"detail": "Number seven is mine."}),
    ],
)
def test_in_partial_mode_a_refused_row_keeps_no_other(
    view: type[BulkDeleteModelMixin[Any]], refused: int, error: object
) -> None:
    """A 207 tells what became of each."""
    items = build_items(9)

    response = delete(in_partial_mode(view), [0, *(item.pk for item in items)])

    assert response.status_code == 207
    assert response.data["data"] == {
        "requested_count": 10,
        "count": 8,
        "missing_ids": ["0"],
        "missing_count": 1,
        "errors": {str(refused + 1): error},
    }


class AuthorViewSet(BulkDeleteModelMixin[Author]):
    queryset = Author.objects.all()


def build_authors() -> Sequence[Author]:
    authors = [Author.objects.create(name=name) for name in "abc"]
    Article.objects.create(title="An article", author=authors[1])
    return authors


def test_rows_that_others_refer_to_keep_all_of_them() -> None:
    """The 409 says what refers to them."""
    authors = build_authors()
    response = delete(AuthorViewSet, [author.pk for author in authors])
    assert response.status_code == 409
    assert response.data["message"] == "Cannot delete: articles still refer to it."
    assert Author.objects.count() == 3


def test_in_partial_mode_rows_that_nobody_refers_to_are_deleted() -> None:
    """The others are named."""
    authors = build_authors()
    report = delete(in_partial_mode(AuthorViewSet), [author.pk for author in authors]).data["data"]
    assert report["count"] == 2
    assert report["errors"] == {"1": {"detail": "Cannot delete: articles still refer to it."}}
    assert Author.objects.get() == authors[1]


def build_machines() -> list[Machine]:
    return bulk_create(Machine.objects.all(), [Machine(name=name) for name in "abc"])


@pytest.mark.parametrize("method", ["delete", "post"])
def test_rows_are_soft_deleted(method: str) -> None:
    """They stay, marked, and the report is that of a deletion."""
    machines = build_machines()
    ids = [str(machines[0].pk), str(uuid.uuid4())]

    with statements_counted() as statements:
        response = delete(MachineViewSet, ids, method=method, action="bulk_soft_delete")

    assert response.data["data"] == {
        "requested_count": 2,
        "count": 1,
        "missing_ids": ids[1:],
        "missing_count": 1,
    }
    assert [*Machine.objects.deleted()] == machines[:1]
    assert len(statements) == 2


def test_a_viewset_that_soft_deletes_does_so_in_bulk() -> None:
    """``SoftDestroyModelMixin`` means it for many rows too, in one update."""

    class View(SoftDestroyModelMixin[Machine], MachineViewSet):
        pass

    machines = build_machines()
    with statements_counted() as statements:
        delete(View, [str(machine.pk) for machine in machines])
    assert Machine.objects.deleted().count() == 3
    assert len(statements) == 2


def test_rows_that_cannot_be_soft_deleted_are_not_offered_to_clients() -> None:
    """405, as for any method that is not there; no client can bring about an error of the server's."""
    (item,) = build_items(1)
    for method in ("delete", "post"):
        response = delete(ItemViewSet, [item.pk], method=method, action="bulk_soft_delete")
        assert (response.status_code, response["Allow"]) == (405, "OPTIONS")
        assert response.data["errors"] == {"detail": f'Method "{method.upper()}" not allowed.'}


def test_a_project_that_soft_deletes_what_cannot_be_is_told_so() -> None:
    """Its own code gets the error that names the model, and nothing is deleted."""
    (item,) = build_items(1)
    with pytest.raises(ConfigurationError, match=r"warehouse\.Item cannot be soft-deleted: give it SoftDeleteMixin"):
        ItemViewSet().perform_bulk_soft_destroy(Item.objects.all(), [item.pk])


def test_a_viewset_may_soft_delete_in_a_way_of_its_own() -> None:
    """Whatever its model knows of that."""
    (item,) = build_items(1)
    assert delete(HidingItemViewSet, [item.pk], action="bulk_soft_delete").data["data"]["count"] == 1
    assert not Item.objects.get().is_active
