"""Serializers of the ledger: an invoice with one of every kind of relation nested in it."""

from __future__ import annotations

from rest_framework import serializers

from drf_commons.serializers import BaseModelSerializer
from drf_commons.serializers.fields import DataToDataField, ManyDataToDataField
from tests.ledger.models import (
    Account,
    Address,
    Badge,
    Category,
    Customer,
    Discount,
    Invoice,
    LineItem,
    Note,
    Payment,
    Person,
    Product,
    Tag,
)


class ProductSerializer(BaseModelSerializer[Product]):
    class Meta:
        model = Product
        fields = ("id", "name", "slug")


class TagSerializer(BaseModelSerializer[Tag]):
    class Meta:
        model = Tag
        fields = ("id", "name")


class AccountSerializer(BaseModelSerializer[Account]):
    class Meta:
        model = Account
        fields = ("id", "iban")


class BadgeSerializer(BaseModelSerializer[Badge]):
    class Meta:
        model = Badge
        fields = ("id", "number")


class CustomerSerializer(BaseModelSerializer[Customer]):
    account = AccountSerializer(required=False, allow_null=True)
    badge = BadgeSerializer(required=False, allow_null=True)

    class Meta:
        model = Customer
        fields = ("id", "name", "slug", "account", "badge")


class AddressSerializer(BaseModelSerializer[Address]):
    class Meta:
        model = Address
        fields = ("id", "street")


class DiscountSerializer(BaseModelSerializer[Discount]):
    class Meta:
        model = Discount
        fields = ("id", "percent")


class LineItemSerializer(BaseModelSerializer[LineItem]):
    discounts = DiscountSerializer(many=True, required=False)

    class Meta:
        model = LineItem
        # "invoice" is there, and required when a line stands alone; inside an invoice it goes without saying.
        fields = ("id", "invoice", "product", "position", "text", "quantity", "discounts")


class PaymentSerializer(serializers.ModelSerializer[Payment]):
    """A plain DRF serializer, nested like the others."""

    class Meta:  # pyright: ignore[reportIncompatibleVariableOverride]  # the stubs declare a class
        model = Payment
        fields = ("id", "reference", "amount")


class NoteSerializer(BaseModelSerializer[Note]):
    class Meta:
        model = Note
        fields = ("id", "text")


class PersonSerializer(BaseModelSerializer[Person]):
    #: A column of the link between a person and an invoice.
    title = serializers.CharField(write_only=True, required=False)

    class Meta:
        model = Person
        fields = ("id", "name", "title")


class InvoiceSerializer(BaseModelSerializer[Invoice]):
    customer = DataToDataField(serializer=CustomerSerializer, required=False, allow_null=True)
    address = AddressSerializer(required=False, allow_null=True)
    line_items = LineItemSerializer(many=True, required=False)
    payments = PaymentSerializer(many=True, required=False)
    notes = NoteSerializer(many=True, required=False)
    tags = ManyDataToDataField(serializer=TagSerializer, required=False)
    people = PersonSerializer(many=True, required=False)

    class Meta:
        model = Invoice
        fields = ("id", "number", "customer", "address", "line_items", "payments", "notes", "tags", "people")


class CategorySerializer(BaseModelSerializer[Category]):
    """Nests itself, by its path."""

    children = ManyDataToDataField(serializer="tests.ledger.serializers.CategorySerializer", required=False)

    class Meta:
        model = Category
        fields = ("id", "name", "children")
