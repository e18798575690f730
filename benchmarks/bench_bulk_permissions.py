"""What it costs to ask who may touch which of 1,000 rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
from django.db import connection
from rest_framework.permissions import BasePermission, IsAuthenticatedOrReadOnly
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView
from typing_extensions import override

from benchmarks.interleave import Contender
from benchmarks.stock import Stock
from drf_commons.views import BulkViewSet

if TYPE_CHECKING:
    from pytest_django import DjangoAssertNumQueries

    from benchmarks.conftest import Compete

ROWS: Final = 1_000
#: Seconds that all of them may take.
LIMIT: Final = 0.002


class HasQuantity(BasePermission):
    """Looks at each row."""

    @override
    def has_object_permission(self, request: Request, view: APIView, obj: Any) -> bool:
        return bool(obj.quantity)


class StockViewSet(BulkViewSet[Stock]):
    """A viewset with one permission that looks at rows, and one that does not."""

    queryset = Stock.objects.all()
    permission_classes = (IsAuthenticatedOrReadOnly, HasQuantity)


@pytest.mark.django_db
def test_object_permissions_of_1000_rows(compete: Compete, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """Less than two milliseconds, and no query."""
    view = StockViewSet()
    view.request = Request(APIRequestFactory().put("/"))
    rows = dict(enumerate(Stock(pk=number, quantity=1) for number in range(ROWS)))

    def check_each() -> None:
        for row in rows.values():
            view.check_object_permissions(view.request, row)

    with django_assert_num_queries(0):
        assert view.find_forbidden(view.request, rows) == {}
        result = compete(
            f"bulk_permissions_1000[{connection.vendor}]",
            [
                Contender(name="check_object_permissions", run=check_each),
                Contender(name="drf_commons", run=lambda: view.find_forbidden(view.request, rows)),
            ],
        )
    assert result.outcomes[1].seconds < LIMIT
