"""Serializers of the newsroom."""

from __future__ import annotations

from rest_framework import serializers

from tests.newsroom.models import Article, Author


class AuthorSerializer(serializers.ModelSerializer[Author]):
    class Meta:
        model = Author
        fields = ("id", "name")


class ArticleSerializer(serializers.ModelSerializer[Article]):
    class Meta:
        model = Article
        fields = ("id", "title", "words", "author")
