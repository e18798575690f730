"""Serializers of a known shape: what their type arguments and ``many=True`` leave at runtime."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from drf_commons.serializers import BaseListSerializer, BaseModelSerializer, BaseSerializer, BulkListSerializer
from tests.newsroom.models import Article


class QuoteSerializer(BaseSerializer[dict[str, str]]):
    """Something that is no model."""

    text = serializers.CharField()


class ArticleSerializer(BaseModelSerializer[Article]):
    """A model's rows."""

    class Meta:
        model = Article
        fields = ("id",)


class OwnList(BaseListSerializer[Any]):
    """A project's own list."""


class OwnListSerializer(QuoteSerializer):
    """A serializer that names its list."""

    class Meta:
        list_serializer_class = OwnList


def test_many_makes_a_list_of_the_library() -> None:
    """A user's own Meta does not bring DRF's list back."""
    assert type(ArticleSerializer(many=True)) is BulkListSerializer


def test_a_list_serializer_of_its_own_is_kept() -> None:
    """What Meta names is what ``many=True`` makes."""
    assert type(OwnListSerializer(many=True)) is OwnList


def test_a_list_takes_and_gives_rows() -> None:
    """The list validates and renders each row with the serializer it was made of."""
    serializer = QuoteSerializer(data=[{"text": "a"}, {"text": "b"}], many=True, max_length=2)
    assert serializer.is_valid()
    assert serializer.validated_data == [{"text": "a"}, {"text": "b"}]
    assert QuoteSerializer.for_many([{"text": "c"}]).data == [{"text": "c"}]


def test_list_options_reach_the_list() -> None:
    """``max_length`` and ``allow_empty`` are options of the list, as in DRF."""
    serializer = QuoteSerializer(data=[{"text": "a"}] * 3, many=True, max_length=2)
    assert not serializer.is_valid()
    assert not QuoteSerializer(data=[], many=True, allow_empty=False).is_valid()


def test_nested_lists_are_lists_of_the_library() -> None:
    """A serializer with ``many=True`` as a field is bound and copied like any other field."""

    class BookSerializer(BaseSerializer[dict[str, Any]]):
        quotes = QuoteSerializer(many=True)

    book = BookSerializer({"quotes": [{"text": "a"}]})
    assert type(book.fields["quotes"]) is BaseListSerializer
    assert book.data == {"quotes": [{"text": "a"}]}


def test_type_arguments_stand_at_runtime() -> None:
    """What a class was subscripted with can be read from it."""
    (alias,) = vars(ArticleSerializer)["__orig_bases__"]
    assert alias.__args__ == (Article,)
