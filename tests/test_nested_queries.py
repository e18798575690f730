"""How many queries relations cost: never more for more rows."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.models import F, Prefetch, QuerySet
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries
from rest_framework import serializers
from rest_framework.test import APIClient

from drf_commons.serializers import BaseModelSerializer
from drf_commons.serializers.fields import (
    IdOnlyField,
    IdToDataField,
    IdToStrField,
    ManyIdOnlyField,
    ManyReadOnlyDataField,
    ManyReadOnlyIdField,
    ReadOnlyDataField,
    ReadOnlyIdField,
    ReadOnlyStrField,
    StrOnlyField,
)
from drf_commons.serializers.prefetch import find_related_paths
from tests.ledger.models import Account, Category, Customer, Discount, Invoice, LineItem, Note, Product, Tag
from tests.ledger.serializers import (
    CategorySerializer,
    CustomerSerializer,
    DiscountSerializer,
    InvoiceSerializer,
    LineItemSerializer,
    NoteSerializer,
    TagSerializer,
)
from tests.ledger.trees import show

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.ledger.urls")]


def build_tree(size: int, number: str = "1") -> dict[str, Any]:
    """Return an invoice with *size* rows in every list."""
    products = Product.objects.bulk_create(
        Product(name=f"{number}-{index}", slug=f"{number}-{index}") for index in range(size)
    )
    return {
        "number": number,
        "customer": {"name": "Ada", "slug": f"ada-{number}"},
        "line_items": [
            {"position": index, "product": str(product.pk), "discounts": [{"percent": index}]}
            for index, product in enumerate(products)
        ],
        "payments": [{"reference": f"{number}-{index}", "amount": "1.00"} for index in range(size)],
        "notes": [{"text": str(index)} for index in range(size)],
        "tags": [{"name": f"{number}-{index}"} for index in range(size)],
        "people": [{"name": str(index), "title": "x"} for index in range(size)],
    }


def count_queries(method: str, path: str, data: Any = None) -> tuple[int, Any]:
    """Return how many queries a request costs, and what it answers."""
    with CaptureQueriesContext(connection) as queries:
        response = getattr(APIClient(), method)(path, data, format="json")
    assert response.status_code < 300, response.json()
    return len(queries), response.json()["data"]


def test_a_tree_costs_the_same_however_wide_it_is() -> None:
    """Making, reading, replacing and patching 40 rows in every list costs as many queries as 4."""
    ContentType.objects.get_for_model(Invoice)  # is asked for once in a process
    costs: list[list[int]] = []
    for size in (4, 40):
        ContentType.objects.clear_cache()  # or the first round alone pays for it
        made, row = count_queries("post", "/invoices/", build_tree(size, str(size)))
        path = f"/invoices/{row['id']}/"
        for item in row["people"]:
            item["title"] = "y"
        costs.append(
            [
                made,
                count_queries("get", path)[0],
                count_queries("put", path, row)[0],
                count_queries("patch", path, {"line_items": row["line_items"]})[0],
            ]
        )
    assert costs[0] == costs[1]


def test_an_invoice_with_a_hundred_lines_is_written_with_few_queries() -> None:
    """Products are found with one query, lines are written with one."""
    tree = build_tree(100)
    serializer = InvoiceSerializer(data={"number": "1", "line_items": tree["line_items"]})
    with CaptureQueriesContext(connection) as validation:
        assert serializer.is_valid(), serializer.errors
    with CaptureQueriesContext(connection) as writing:
        serializer.save()
    assert len(validation) == 2  # the number of the invoice, the products
    statements = [query["sql"] for query in writing if not query["sql"].startswith(("SAVEPOINT", "RELEASE", "SELECT"))]
    assert len([sql for sql in statements if "ledger_lineitem" in sql]) <= 1 + 100 // 50
    assert LineItem.objects.count() == 100


def test_a_long_list_of_invoices_costs_what_a_short_one_costs(client: Client) -> None:
    """The prefetching view reads every level with one query, through nested serializers and dotted sources."""
    costs: list[list[int]] = []
    for size in (2, 20):
        for index in range(size):
            count_queries("post", "/invoices/", build_tree(3, f"{size}-{index}"))
        costs.append([count_queries("get", path)[0] for path in ("/invoices/", "/bills/", "/lines/")])
    assert costs[0] == costs[1]
    assert costs[0] == [7, 2, 1]


@pytest.fixture
def invoices() -> list[Invoice]:
    customers = [Customer.objects.create(name=name, slug=name) for name in "abc"]
    return [Invoice.objects.create(number=customer.name, customer=customer) for customer in customers]


def read(fields: dict[str, Any], rows: QuerySet[Any]) -> list[Any]:
    """Return *rows* as a serializer with *fields* shows them."""
    serializer_class = type("Serializer", (serializers.Serializer,), fields)
    return [*serializer_class(rows, many=True).data]


def test_ids_are_read_without_their_rows(
    invoices: list[Invoice], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """A field that shows an id reads the key of the row, as DRF's does."""
    fields = {"customer": IdOnlyField(queryset=Customer.objects.all()), "shown": ReadOnlyIdField(source="customer")}
    with django_assert_num_queries(1):
        assert read(fields, Invoice.objects.all()) == [
            {"customer": invoice.customer_id, "shown": invoice.customer_id} for invoice in invoices
        ]


def test_rows_that_were_read_along_are_not_read_again(
    invoices: list[Invoice], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """A field that shows nested data or texts adds no query to a joined row."""
    fields = {
        "customer": IdToDataField(queryset=Customer.objects.all(), serializer="tests.ledger.serializers.TagSerializer"),
        "text": ReadOnlyStrField(source="customer"),
    }
    with django_assert_num_queries(1):
        assert [row["text"] for row in read(fields, Invoice.objects.select_related("customer"))] == ["a", "b", "c"]


# What a serializer reads


class ReadingSerializer(BaseModelSerializer[Invoice]):
    """Reads its relations in every way there is."""

    key = ReadOnlyIdField(source="customer")
    iban = serializers.CharField(source="customer.account.iban")
    text = IdToStrField(source="address", read_only=True)
    tags = ManyIdOnlyField(queryset=Tag.objects.all())
    products = ManyReadOnlyIdField(source="line_items")
    lines = LineItemSerializer(source="line_items", many=True)
    secret = IdOnlyField(source="address", queryset=Customer.objects.all(), write_only=True)
    plain = serializers.PrimaryKeyRelatedField[Customer](source="customer", read_only=True)
    methods = serializers.SerializerMethodField()

    class Meta:
        model = Invoice
        fields = ("number", "key", "iban", "text", "tags", "products", "lines", "secret", "plain", "methods")

    def get_methods(self, instance: Invoice) -> str:
        return instance.number


def test_what_is_read_follows_from_the_fields() -> None:
    """To-one relations are joined, lists are prefetched, keys and hidden fields need nothing."""
    paths = find_related_paths(ReadingSerializer())
    assert paths.joined == ["customer", "customer__account", "address"]
    assert paths.prefetched == ["tags", "line_items", "line_items__discounts"]
    assert find_related_paths(ReadingSerializer(many=True)) == paths


def test_columns_across_relations_are_read_along() -> None:
    """A key or a text that stands in a related row is read with it."""

    class Serializer(BaseModelSerializer[Account]):
        owner = StrOnlyField(source="customer", slug_field="badge__number", read_only=True)
        slug = serializers.SlugRelatedField[Customer](source="customer", slug_field="name", read_only=True)

        class Meta:
            model = Account
            fields = ("owner", "slug")

    assert find_related_paths(Serializer()).joined == ["customer", "customer__badge"]


def test_a_serializer_that_nests_itself_is_read_one_level_ahead() -> None:
    """How deep the rows go is not known beforehand."""
    paths = find_related_paths(CategorySerializer())
    assert paths.prefetched == ["children"]
    root = Category.objects.create(name="a")
    Category.objects.create(name="b", parent=root)
    assert show(CategorySerializer, root)["children"][0]["name"] == "b"


def test_a_generic_key_is_prefetched(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """The row at the end of a generic key may be of any model: one query for each."""

    class Serializer(BaseModelSerializer[Note]):
        target = ReadOnlyStrField()

        class Meta:
            model = Note
            fields = ("text", "target")

    for name in "abc":
        Note.objects.create(target=Customer.objects.create(name=name, slug=name), text=name)
    paths = find_related_paths(Serializer())
    assert paths.prefetched == ["target"]
    with django_assert_num_queries(2):
        rows: Any = Serializer(paths.apply(Note.objects.all()), many=True).data
    assert [row["target"] for row in rows] == ["a", "b", "c"]


def test_columns_that_are_left_out_are_not_joined(
    invoices: list[Invoice], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """A queryset with ``only()`` is prefetched instead of joined, which Django would refuse."""

    class Serializer(BaseModelSerializer[Invoice]):
        customer = ReadOnlyDataField(serializer=TagSerializer)

        class Meta:
            model = Invoice
            fields = ("number", "customer")

    rows = find_related_paths(Serializer()).apply(Invoice.objects.only("number", "customer"))
    with django_assert_num_queries(2):
        assert len(Serializer(rows, many=True).data) == 3


def test_a_prefetch_of_the_view_comes_first(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """What the view prefetches in its own way is not read a second time."""

    class Serializer(BaseModelSerializer[Invoice]):
        line_items = ManyReadOnlyDataField(serializer=DiscountSerializer)

        class Meta:
            model = Invoice
            fields = ("number", "line_items")

    invoice = Invoice.objects.create(number="1")
    for position in range(3):
        invoice.line_items.create(position=position)
    own = LineItem.objects.filter(position__gt=0).annotate(percent=F("position"))
    rows = find_related_paths(Serializer()).apply(Invoice.objects.prefetch_related(Prefetch("line_items", own)))
    with django_assert_num_queries(2):
        shown: Any = Serializer(rows, many=True).data
    assert [len(row["line_items"]) for row in shown] == [2]


def test_nothing_is_read_along_for_a_delete(client: Client, invoices: list[Invoice]) -> None:
    """A DELETE shows nothing, so it joins and prefetches nothing."""
    with CaptureQueriesContext(connection) as queries:
        assert client.delete(f"/bills/{invoices[0].pk}/").status_code == 200
    first = next(query["sql"] for query in queries if query["sql"].startswith("SELECT"))
    assert "ledger_customer" not in first


def test_the_view_of_no_model_is_left_alone() -> None:
    """A serializer that knows no model says nothing about relations."""

    class Serializer(serializers.Serializer[Any]):
        name = serializers.CharField()

    paths = find_related_paths(Serializer())
    assert (paths.joined, paths.prefetched) == ([], [])
    assert find_related_paths(CustomerSerializer()).joined == ["account", "badge"]


class SheetSerializer(BaseModelSerializer[Invoice]):
    """An invoice with lists that no rule of uniqueness has to ask for."""

    line_items = LineItemSerializer(many=True)
    notes = NoteSerializer(many=True)

    class Meta:
        model = Invoice
        fields = ("id", "number", "line_items", "notes")


def build_sheets(size: int) -> list[dict[str, Any]]:
    """Store *size* invoices with what is nested in them, and return what a client reads of them."""
    for number in range(size):
        serializer = InvoiceSerializer(data=build_tree(2, f"{size}-{number}"))
        assert serializer.is_valid(), serializer.errors
        serializer.save()
    rows = Invoice.objects.filter(number__startswith=f"{size}-").order_by("pk")
    return cast("list[dict[str, Any]]", json.loads(json.dumps(SheetSerializer(rows, many=True).data, default=str)))


def dump_lists() -> list[object]:
    """Return what the lists hold, at both of their levels."""
    discounts = Discount.objects.order_by("pk").values_list("pk", "percent", "line_item__invoice__number")
    return [*discounts, *Note.objects.order_by("pk").values_list("pk", "text", "object_id")]


def test_nested_rows_of_many_rows_are_looked_up_together() -> None:
    """A PUT of many rows costs one query for each relation, all the way down, whatever the number of rows."""
    counts: list[int] = []
    for size in (2, 5):
        sheets = build_sheets(size)
        serializer = SheetSerializer(Invoice.objects.all(), data=sheets, many=True)
        with CaptureQueriesContext(connection) as queries:
            assert serializer.is_valid(), serializer.errors
        counts.append(len(queries))
        before = dump_lists()
        serializer.save()
        assert dump_lists() == before
    assert counts[0] == counts[1]


@pytest.mark.parametrize("name", ["line_items", "notes"])
def test_nested_rows_of_another_row_of_the_payload_stay_out_of_reach(name: str) -> None:
    """They are looked up together, and belong to their own row all the same."""
    first, second = build_sheets(2)
    first[name][1]["id"] = second[name][0]["id"]

    serializer = SheetSerializer(Invoice.objects.all(), data=[first, second], many=True)

    assert not serializer.is_valid()
    assert [*cast("Any", serializer.errors)] == [0]
    assert [*cast("Any", serializer.errors)[0][name]] == [1]


def test_nested_rows_know_the_row_they_belong_to() -> None:
    """A method of theirs that looks at it costs no query."""
    seen: list[str] = []

    class Item(LineItemSerializer):
        def validate_position(self, value: int) -> int:
            item: Any = self.instance
            seen.append(item.invoice.number)
            return value

    class Sheet(SheetSerializer):
        line_items = Item(many=True)

    sheets = build_sheets(3)
    counts: list[int] = []
    for kind in (SheetSerializer, Sheet):
        serializer = kind(Invoice.objects.all(), data=sheets, many=True)
        with CaptureQueriesContext(connection) as queries:
            assert serializer.is_valid(), serializer.errors
        counts.append(len(queries))

    assert seen == [sheet["number"] for sheet in sheets for _ in range(2)]
    assert counts[0] == counts[1]
