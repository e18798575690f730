"""Serializers of the newsroom."""

from __future__ import annotations

from drf_commons.serializers import BaseModelSerializer
from tests.newsroom.models import Article, Author


class AuthorSerializer(BaseModelSerializer[Author]):
    class Meta:
        model = Author
        fields = ("id", "name")


class ArticleSerializer(BaseModelSerializer[Article]):
    class Meta:
        model = Article
        fields = ("id", "title", "words", "author")
