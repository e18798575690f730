"""Viewsets of the newsroom."""

from __future__ import annotations

from rest_framework.permissions import IsAuthenticatedOrReadOnly
from rest_framework.viewsets import GenericViewSet

from drf_commons.pagination import StandardPageNumberPagination
from drf_commons.views import BaseViewSet, CreateListViewSet, ReadOnlyViewSet
from drf_commons.views.mixins import ListModelMixin, RetrieveModelMixin
from tests.newsroom.models import Article, Author
from tests.newsroom.serializers import ArticleSerializer, AuthorSerializer


class ArticleViewSet(BaseViewSet[Article]):
    queryset = Article.objects.all()
    serializer_class = ArticleSerializer
    permission_classes = (IsAuthenticatedOrReadOnly,)
    pagination_class = StandardPageNumberPagination
    export_field_config = {"title": "Title", "words": "Words", "author": {"label": "Author", "path": "author__name"}}  # noqa: RUF012  # as a project writes it


class AuthorViewSet(BaseViewSet[Author]):
    queryset = Author.objects.order_by("pk")
    serializer_class = AuthorSerializer
    pagination_class = None


class ArchiveViewSet(ReadOnlyViewSet[Article]):
    queryset = Article.objects.all()
    serializer_class = ArticleSerializer


class SubmissionViewSet(CreateListViewSet[Article]):
    queryset = Article.objects.all()
    serializer_class = ArticleSerializer


class HandComposedViewSet(ListModelMixin[Article], RetrieveModelMixin[Article], GenericViewSet[Article]):
    """Mixins to the left of DRF's own base, as a project composes them by hand."""

    queryset = Article.objects.all()
    serializer_class = ArticleSerializer
