"""A relation field that could not work is told by the checks, before the first request finds out."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from django.core import checks

from drf_commons.serializers import BaseModelSerializer
from drf_commons.serializers.fields import (
    DataToDataField,
    FlexibleField,
    IdOnlyField,
    IdToDataField,
    ManyStrToDataField,
    StrOnlyField,
)
from tests.ledger.models import Customer, Invoice, Product, Tag
from tests.ledger.serializers import CustomerSerializer, TagSerializer
from tests.newsroom.views import ArticleViewSet

#: Under a name of its own, or the plugin for mypy would tell before the test does.
NOWHERE = "tests.nowhere.TagSerializer"


def check(serializer: type[BaseModelSerializer[Any]], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what the checks say of a project in which a viewset has *serializer*."""
    monkeypatch.setattr(ArticleViewSet, "serializer_class", serializer)
    return [found.msg for found in checks.run_checks(tags=["drf_commons"]) if found.id == "drf_commons.E008"]


def test_a_column_that_is_not_there_is_named_with_its_field(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the option that is to name another: texts are looked up in ``slug_field``, ids in ``lookup_field``."""

    class InvoiceSerializer(BaseModelSerializer[Invoice]):
        tags = ManyStrToDataField(queryset=Tag.objects.all(), serializer=TagSerializer, lookup_field="name")
        customer = IdOnlyField(queryset=Customer.objects.all(), lookup_field="nmae")
        either = FlexibleField(queryset=Product.objects, slug_field="line_items__nowhere", serializer=TagSerializer)

        class Meta:
            model = Invoice
            fields: ClassVar = ["tags", "customer", "either"]

    assert check(InvoiceSerializer, monkeypatch) == [
        'InvoiceSerializer.tags: Tag has no field "slug" to look rows up by; name one as slug_field',
        'InvoiceSerializer.customer: Customer has no field "nmae" to look rows up by; name one as lookup_field',
        'InvoiceSerializer.either: LineItem has no field "nowhere" to look rows up by; name one as slug_field',
    ]


def test_serializers_inside_are_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nested, in fields and in lists, also where they go round in a circle; a path that leads nowhere is a fault."""

    class LabelSerializer(BaseModelSerializer[Tag]):
        related = StrOnlyField(queryset=Tag.objects.all())
        lost = IdToDataField(queryset=Tag.objects.all(), serializer=NOWHERE)
        again = DataToDataField(serializer=lambda: LabelSerializer)

        class Meta:
            model = Tag
            fields: ClassVar = ["related", "lost", "again"]

    class InvoiceSerializer(BaseModelSerializer[Invoice]):
        tags = LabelSerializer(many=True)
        first = DataToDataField(serializer=LabelSerializer)

        class Meta:
            model = Invoice
            fields: ClassVar = ["tags", "first"]

    related, lost = check(InvoiceSerializer, monkeypatch)
    assert related.startswith('LabelSerializer.related: Tag has no field "slug"')
    assert lost.startswith("LabelSerializer.lost: IdToDataField: serializer='tests.nowhere.TagSerializer' cannot be")


def test_what_works_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is what only a request can tell, or a field that takes nothing."""

    class InvoiceSerializer(BaseModelSerializer[Invoice]):
        tags = ManyStrToDataField(queryset=Tag.objects.all(), serializer=TagSerializer, slug_field="name")
        customer = IdToDataField(queryset=lambda _context: Customer.objects.all(), serializer=CustomerSerializer)
        shown = StrOnlyField(source="customer", read_only=True)

        class Meta:
            model = Invoice
            fields: ClassVar = ["tags", "customer", "shown"]

    assert check(InvoiceSerializer, monkeypatch) == []
