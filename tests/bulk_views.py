"""Bulk viewsets over the models of the warehouse and the newsroom, and a way to call them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext
from rest_framework.filters import BaseFilterBackend
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory, force_authenticate
from rest_framework.views import APIView
from typing_extensions import override

from drf_commons.serializers import BaseModelSerializer
from drf_commons.views import BulkOnlyViewSet
from tests.newsroom.models import Article
from tests.newsroom.serializers import ArticleSerializer
from tests.warehouse.models import Item, Machine, Parcel

factory = APIRequestFactory()

ACTIONS = {
    "bulk-create": {"post": "bulk_create"},
    "bulk-delete": {"delete": "bulk_delete", "post": "bulk_delete"},
    "bulk-soft-delete": {"delete": "bulk_soft_delete", "post": "bulk_soft_delete"},
    "bulk-update": {"put": "bulk_update", "patch": "bulk_update"},
}


class ItemSerializer(BaseModelSerializer[Item]):
    class Meta:
        model = Item
        fields = ("id", "name", "price", "quantity", "status", "due", "supplier", "is_active")


class ParcelSerializer(BaseModelSerializer[Parcel]):
    class Meta:
        model = Parcel
        fields = ("id", "label")


class MachineSerializer(BaseModelSerializer[Machine]):
    class Meta:
        model = Machine
        fields = ("id", "name", "place", "version")


class ItemViewSet(BulkOnlyViewSet[Item]):
    queryset = Item.objects.all()
    serializer_class = ItemSerializer


class ParcelViewSet(BulkOnlyViewSet[Parcel]):
    queryset = Parcel.objects.all()
    serializer_class = ParcelSerializer


class MachineViewSet(BulkOnlyViewSet[Machine]):
    queryset = Machine.objects.all()
    serializer_class = MachineSerializer


class ArticleViewSet(BulkOnlyViewSet[Article]):
    queryset = Article.objects.all()
    serializer_class = ArticleSerializer


class NotNumberOne(BaseFilterBackend):
    """Hides the row called 1."""

    @override
    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: APIView) -> QuerySet[Any]:
        return queryset.exclude(name="1")


class NotNumberSeven(BasePermission):
    """Rows called 7 are out of bounds."""

    message = "Number seven is mine."

    @override
    def has_object_permission(self, request: Request, view: APIView, obj: Any) -> bool:
        return str(obj) != "7"


def send(view: type[Any], method: str, action: str, body: object, *, user: User | None = None) -> Any:
    """Return what ``METHOD /action/`` of *view* answers to *body*; texts are sent as they are."""
    if isinstance(body, str):
        request = factory.generic(method.upper(), f"/{action}/", body, content_type="application/json")
    else:
        request = getattr(factory, method)(f"/{action}/", body, format="json")
    force_authenticate(request, user or User(username="ada"))
    response = view.as_view(ACTIONS[action])(request)
    response.render()
    return response


@contextmanager
def statements_counted() -> Iterator[list[str]]:
    """Collect the statements that read or write rows."""
    seen: list[str] = []
    with CaptureQueriesContext(connection) as queries:
        yield seen
    kinds = {"SELECT", "INSERT", "UPDATE", "DELETE"}
    seen += [query["sql"] for query in queries if query["sql"].split()[0] in kinds]


def in_partial_mode(view: type[Any]) -> Any:
    """Return *view* in partial mode."""
    return type(f"Partial{view.__name__}", (view,), {"bulk_mode": "partial"})
