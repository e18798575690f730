"""The envelope: a list of 100 rows through DRF's own viewset, and through ours."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import pytest
from rest_framework.pagination import PageNumberPagination
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.viewsets import ModelViewSet

from benchmarks.interleave import Contender
from drf_commons.views import BaseViewSet
from tests.newsroom.models import Article
from tests.newsroom.serializers import ArticleSerializer

if TYPE_CHECKING:
    from benchmarks.conftest import Compete

ROWS: Final = 100


class Pages(PageNumberPagination):
    """The same page for both."""

    page_size = ROWS


class PlainViewSet(ModelViewSet[Article]):
    """DRF as it is."""

    queryset = Article.objects.all()
    serializer_class = ArticleSerializer
    pagination_class = Pages


class EnvelopeViewSet(BaseViewSet[Article]):
    """The same list in the envelope."""

    queryset = Article.objects.all()
    serializer_class = ArticleSerializer
    pagination_class = Pages


@pytest.mark.django_db
def test_list_of_100_rows(compete: Compete) -> None:
    """The envelope costs less than 5 % of a list of 100 rows."""
    Article.objects.bulk_create(Article(title=f"Article {number}", words=number) for number in range(ROWS))
    compete(
        "envelope_list_100",
        [
            Contender(name="drf", run=_build_request(PlainViewSet.as_view({"get": "list"}), "results")),
            Contender(name="drf_commons", run=_build_request(EnvelopeViewSet.as_view({"get": "list"}), "data")),
        ],
        repeat=3,
        clock=time.process_time,
    )


def _build_request(view: Callable[..., Response], rows: str) -> Callable[[], object]:
    factory = APIRequestFactory()

    def get() -> Response:
        response = view(factory.get("/articles/"))
        response.render()
        return response

    assert len(get().data[rows]) == ROWS
    return get
