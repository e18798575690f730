"""Bulk creation over HTTP: a row for each item, all or nothing, and a report on each where that is asked for."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import override_settings
from rest_framework.permissions import DjangoModelPermissions
from rest_framework.serializers import BaseSerializer
from typing_extensions import override

from drf_commons.current_user import as_user
from drf_commons.views.mixins import CreateModelMixin
from tests.bulk_views import ArticleViewSet, ItemViewSet, MachineViewSet, ParcelViewSet, in_partial_mode, send
from tests.newsroom.models import Article
from tests.warehouse.models import Item, Machine, Parcel, Supplier

PARSE_ERROR = "Expecting property name enclosed in double quotes: line 1 column 3 (char 2)"

pytestmark = pytest.mark.django_db


def post(view: type[Any], body: object, **kwargs: Any) -> Any:
    return send(view, "post", "bulk-create", body, **kwargs)


def test_rows_are_made_in_the_order_of_the_request() -> None:
    """The answer has them with their keys and defaults."""
    supplier = Supplier.objects.create(name="Ada")
    response = post(ItemViewSet, [{"name": "b", "supplier": supplier.pk}, {"name": "a", "price": "2.50"}])
    assert response.status_code == 201
    rows = response.data["data"]
    assert [(row["name"], row["price"], row["supplier"]) for row in rows] == [
        ("b", "0.00", supplier.pk),
        ("a", "2.50", None),
    ]
    assert [row["id"] for row in rows] == [Item.objects.get(name=row["name"]).pk for row in rows]


def test_keys_of_the_models_own_are_told() -> None:
    """A UUID is there as an integer is."""
    rows = post(ParcelViewSet, [{"label": "a"}, {"label": "b"}]).data["data"]
    assert {row["id"] for row in rows} == {str(pk) for pk in Parcel.objects.values_list("pk", flat=True)}


def test_audit_columns_are_filled_in() -> None:
    """Who made the rows stands in them, and their version is the first."""
    ada = User.objects.create_user("ada")
    with as_user(ada):
        assert post(MachineViewSet, [{"name": "a"}, {"name": "b"}]).status_code == 201
    assert {*Machine.objects.values_list("created_by", "updated_by", "version")} == {(ada.pk, ada.pk, 1)}


def test_without_data_the_answer_is_empty() -> None:
    """``return_data_on_create`` says whether rows come back."""

    class View(ItemViewSet):
        return_data_on_create = False

    response = post(View, [{"name": "a"}])
    assert (response.status_code, response.data["data"]) == (201, None)


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({"name": "a"}, {"non_field_errors": ['Expected a list of items but got type "dict".']}),
        ([], {"non_field_errors": ["This list may not be empty."]}),
        (
            "[{",
            {"detail": f"JSON parse error - {PARSE_ERROR}"},
        ),
        (
            [{"name": "a"}, 7, {}, {"name": "x" * 11, "price": "x"}],
            {
                "1": {"non_field_errors": ["Invalid data. Expected a dictionary, but got int."]},
                "2": {"name": ["This field is required."]},
                "3": {
                    "name": ["Ensure this field has no more than 10 characters."],
                    "price": ["A valid number is required."],
                },
            },
        ),
        (
            [{"name": "a"}, {"name": "b", "supplier": 0}],
            {"1": {"supplier": ['Invalid pk "0" - object does not exist.']}},
        ),
    ],
)
def test_bad_rows_keep_all_from_being_made(body: object, errors: object) -> None:
    """A 400 names what is wrong by row and field, in DRF's words."""
    response = post(ItemViewSet, body)
    assert response.status_code == 400
    assert response.data["errors"] == errors
    assert Item.objects.count() == 0


def test_too_many_rows_are_refused() -> None:
    """The viewset's own bound stands above the setting."""

    class View(ItemViewSet):
        bulk_max_items = 3

    with override_settings(COMMON={"BULK_MAX_ITEMS": 2}):
        assert post(ItemViewSet, [{"name": "a"}] * 3).status_code == 413
        assert post(View, [{"name": "a"}] * 3).status_code == 201


def test_a_value_that_is_taken_is_named() -> None:
    """By a row of the database, or by one of the same request."""
    Article.objects.create(title="taken")
    response = post(ArticleViewSet, [{"title": "free"}, {"title": "taken"}])
    assert response.status_code == 400
    assert response.data["errors"] == {"1": {"title": ["article with this title already exists."]}}
    response = post(ArticleViewSet, [{"title": "free"}, {"title": "free"}])
    assert response.status_code == 400
    assert Article.objects.count() == 1


def test_the_permission_to_add_is_needed() -> None:
    """As for a single row."""

    class View(ItemViewSet):
        permission_classes = (DjangoModelPermissions,)

    assert post(View, [{"name": "a"}], user=User.objects.create_user("ada")).status_code == 403
    assert post(View, [{"name": "a"}], user=User.objects.create_superuser("root")).status_code == 201


def test_a_perform_create_of_the_viewsets_own_is_called() -> None:
    """What it passes to ``save()`` reaches every row."""

    class View(CreateModelMixin[Item], ItemViewSet):
        @override
        def perform_create(self, serializer: BaseSerializer[Any]) -> None:
            serializer.save(status=Item.Status.SOLD)

    post(View, [{"name": "a"}, {"name": "b"}])
    assert [*Item.objects.values_list("status", flat=True)] == ["sold", "sold"]


def test_in_partial_mode_good_rows_are_made() -> None:
    """A 207 tells of each row what it would have been answered alone."""
    Article.objects.create(title="taken")
    response = post(
        in_partial_mode(ArticleViewSet),
        [{"title": "a"}, {"title": "taken"}, 7, {"title": "b", "words": -1}, {"title": "a"}, {"title": "c"}],
    )
    assert response.status_code == 207
    report = response.data["data"]
    assert (report["requested_count"], report["count"], report["failed_count"]) == (6, 2, 4)
    assert [row["status"] for row in report["rows"]] == [201, 400, 400, 400, 400, 201]
    assert report["rows"][5]["data"]["title"] == "c"
    assert report["rows"][1]["errors"] == {"title": ["article with this title already exists."]}
    assert {*Article.objects.values_list("title", flat=True)} == {"taken", "a", "c"}
