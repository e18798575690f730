"""Viewsets of the ledger."""

from __future__ import annotations

from rest_framework.permissions import AllowAny

from drf_commons.serializers import BaseModelSerializer
from drf_commons.serializers.fields import (
    DataToDataField,
    FlexibleField,
    IdToDataField,
    ManyIdToDataField,
    ReadOnlyStrField,
)
from drf_commons.views import BaseViewSet
from drf_commons.views.mixins.prefetch import AutoPrefetchMixin
from tests.ledger.models import Customer, Invoice, LineItem, Product, Tag
from tests.ledger.serializers import (
    AddressSerializer,
    CustomerSerializer,
    InvoiceSerializer,
    ProductSerializer,
    TagSerializer,
)


class InvoiceViewSet(AutoPrefetchMixin[Invoice], BaseViewSet[Invoice]):
    """The whole tree."""

    queryset = Invoice.objects.all()
    serializer_class = InvoiceSerializer
    permission_classes = (AllowAny,)


class BillSerializer(BaseModelSerializer[Invoice]):
    """Relations that are chosen rather than written."""

    customer = IdToDataField(queryset=Customer.objects.all(), serializer=CustomerSerializer)
    tags = ManyIdToDataField(queryset=Tag.objects.all(), serializer=TagSerializer, required=False)
    address = DataToDataField(serializer=AddressSerializer, required=False, allow_null=True)

    class Meta:
        model = Invoice
        fields = ("id", "url", "number", "customer", "tags", "address")
        extra_kwargs = {"url": {"view_name": "bill-detail"}}  # noqa: RUF012  # DRF's own way


class BillViewSet(AutoPrefetchMixin[Invoice], BaseViewSet[Invoice]):
    queryset = Invoice.objects.all()
    serializer_class = BillSerializer
    permission_classes = (AllowAny,)


class LineSerializer(BaseModelSerializer[LineItem]):
    product = FlexibleField(queryset=Product.objects.all(), serializer=ProductSerializer)
    customer = ReadOnlyStrField(source="invoice.customer")

    class Meta:
        model = LineItem
        fields = ("id", "invoice", "product", "position", "customer")


class LineViewSet(AutoPrefetchMixin[LineItem], BaseViewSet[LineItem]):
    queryset = LineItem.objects.all()
    serializer_class = LineSerializer
    permission_classes = (AllowAny,)
