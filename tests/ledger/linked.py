"""The ledger once more, with URLs for ids: DRF's hyperlinked serializers beside the serializers and fields of ours."""

from __future__ import annotations

from typing import Any

from django.db.models import Model
from rest_framework.permissions import AllowAny
from rest_framework.relations import HyperlinkedIdentityField, HyperlinkedRelatedField
from rest_framework.routers import SimpleRouter
from rest_framework.serializers import HyperlinkedModelSerializer, ModelSerializer
from typing_extensions import override

from drf_commons.serializers import BaseModelSerializer
from drf_commons.serializers.fields import IdToDataField, ManyIdToDataField
from drf_commons.views import BaseViewSet
from drf_commons.views.mixins import AutoPrefetchMixin
from tests.ledger.models import Address, Customer, Invoice, LineItem, Payment, Product, Tag


class CustomerSerializer(HyperlinkedModelSerializer[Customer]):
    """A plain hyperlinked serializer, of a row that others share."""

    class Meta:  # pyright: ignore[reportIncompatibleVariableOverride]  # the stubs declare a class
        model = Customer
        fields = ("url", "name", "slug")


class TagSerializer(HyperlinkedModelSerializer[Tag]):
    class Meta:  # pyright: ignore[reportIncompatibleVariableOverride]
        model = Tag
        fields = ("url", "name")


class ProductSerializer(BaseModelSerializer[Product]):
    """A serializer of ours with a link among its fields."""

    url = HyperlinkedIdentityField(view_name="product-detail", lookup_field="slug")

    class Meta:
        model = Product
        fields = ("url", "name", "slug")


class LineSerializer(HyperlinkedModelSerializer[LineItem]):
    # The stubs take a field for the list that many=True makes of it.
    product: Any = HyperlinkedRelatedField(
        view_name="product-detail", lookup_field="slug", queryset=Product.objects.all(), required=False
    )

    class Meta:  # pyright: ignore[reportIncompatibleVariableOverride]
        model = LineItem
        fields = ("url", "invoice", "product", "position", "text")


class PaymentSerializer(BaseModelSerializer[Payment]):
    """Its URL has a column in it that can be written."""

    url = HyperlinkedIdentityField(view_name="payment-detail", lookup_field="reference")

    class Meta:
        model = Payment
        fields = ("url", "reference", "amount")


class StreetLink(HyperlinkedIdentityField):
    """Spells URLs in a way of its own."""

    @override
    def get_object(self, view_name: str, view_args: Any, view_kwargs: Any) -> Any:
        return Address.objects.get(street=view_kwargs["pk"])


class AddressSerializer(BaseModelSerializer[Address]):
    url = StreetLink(view_name="address-detail")

    class Meta:
        model = Address
        fields = ("url", "street")


class InvoiceSerializer(BaseModelSerializer[Invoice], HyperlinkedModelSerializer[Invoice]):  # pyright: ignore[reportIncompatibleMethodOverride]  # data, as in BaseModelSerializer
    """Keys by default, a link to itself, links to others where a field says so, and rows with links nested in it."""

    customer = CustomerSerializer(required=False)
    address = AddressSerializer(required=False)
    tags: Any = HyperlinkedRelatedField(view_name="tag-detail", many=True, queryset=Tag.objects.all(), required=False)
    line_items = LineSerializer(many=True, required=False)
    payments = PaymentSerializer(many=True, required=False)

    class Meta:  # pyright: ignore[reportIncompatibleVariableOverride]
        model = Invoice
        fields = ("url", "number", "customer", "address", "tags", "line_items", "payments")


class LinkingSerializer(HyperlinkedModelSerializer[Invoice], BaseModelSerializer[Invoice]):
    """The other way round: links by default, forward, backward and many-to-many."""

    class Meta:  # pyright: ignore[reportIncompatibleVariableOverride]
        model = Invoice
        fields = ("url", "number", "customer", "tags", "line_items")


class ShowingSerializer(HyperlinkedModelSerializer[Invoice]):
    """Fields of ours in a serializer of DRF's."""

    customer = IdToDataField(queryset=Customer.objects.all(), serializer=CustomerSerializer)
    tags = ManyIdToDataField(queryset=Tag.objects.all(), serializer=TagSerializer)

    class Meta:  # pyright: ignore[reportIncompatibleVariableOverride]
        model = Invoice
        fields = ("url", "number", "customer", "tags")
        extra_kwargs = {"url": {"view_name": "invoice-detail"}}  # noqa: RUF012  # DRF's own way


def build_view(serializer: type[ModelSerializer[Any]], by: str = "pk") -> type[BaseViewSet[Any]]:
    """Return a viewset of all rows of *serializer*, which are looked up by the column *by*."""

    class View(AutoPrefetchMixin[Any], BaseViewSet[Any]):
        model: type[Model] = serializer.Meta.model
        queryset = model._default_manager.order_by("pk")
        serializer_class = serializer
        permission_classes = (AllowAny,)
        lookup_field = by

    return View


router = SimpleRouter()
router.register("customers", build_view(CustomerSerializer), basename="customer")
router.register("tags", build_view(TagSerializer), basename="tag")
router.register("products", build_view(ProductSerializer, "slug"), basename="product")
router.register("lines", build_view(LineSerializer), basename="lineitem")
router.register("payments", build_view(PaymentSerializer, "reference"), basename="payment")
router.register("addresses", build_view(AddressSerializer), basename="address")
router.register("invoices", build_view(InvoiceSerializer), basename="invoice")
router.register("linking", build_view(LinkingSerializer), basename="linking")
router.register("showing", build_view(ShowingSerializer), basename="showing")

urlpatterns = router.urls
