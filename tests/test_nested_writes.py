"""Nested writes: every kind of relation, made and changed along with the row it belongs to."""

from __future__ import annotations

import re
from copy import deepcopy
from itertools import groupby
from typing import Any

import pytest
from django.db import connection
from django.db.models import signals
from django.test.utils import CaptureQueriesContext
from rest_framework import serializers
from typing_extensions import override

from drf_commons.serializers import BaseModelSerializer
from drf_commons.serializers.fields import (
    Accept,
    DataToDataField,
    DataToIdField,
    DataToStrField,
    FlexibleField,
    IdOnlyField,
    ManyDataToIdField,
    ManyDataToStrField,
    ManyFlexibleField,
    ManyIdOnlyField,
)
from tests.ledger.models import (
    Account,
    Address,
    Badge,
    Category,
    Customer,
    Discount,
    Invoice,
    LineItem,
    Memo,
    Note,
    Payment,
    Person,
    Product,
    Role,
    Tag,
)
from tests.ledger.serializers import (
    CategorySerializer,
    CustomerSerializer,
    InvoiceSerializer,
    LineItemSerializer,
    PaymentSerializer,
    PersonSerializer,
    TagSerializer,
)
from tests.ledger.trees import create, patch, put, show

pytestmark = pytest.mark.django_db

TREE: dict[str, Any] = {
    "number": "2024-1",
    "customer": {"name": "Ada", "slug": "ada", "account": {"iban": "DE1"}, "badge": {"number": 7}},
    "address": {"street": "Main"},
    "line_items": [
        {"position": 1, "text": "pens", "quantity": 3, "discounts": [{"percent": 5}, {"percent": 10}]},
        {"position": 2, "text": "cups"},
    ],
    "payments": [{"reference": "r1", "amount": "1.50"}, {"reference": "r2", "amount": "2.50"}],
    "notes": [{"text": "urgent"}],
    "tags": [{"name": "paid"}, {"name": "late"}],
    "people": [{"name": "Bob", "title": "clerk"}, {"name": "Joe", "title": "boss"}],
}


def strip(value: Any) -> Any:
    """Return *value* without ids and defaults, to be compared with what was sent."""
    if isinstance(value, dict):
        left_out = {"id", "invoice", "product"}
        return {name: strip(part) for name, part in value.items() if name not in left_out}
    return [strip(part) for part in value] if isinstance(value, list) else value


@pytest.fixture
def invoice() -> Invoice:
    return create(InvoiceSerializer, TREE)


# Making


def test_a_tree_is_written_as_it_was_sent() -> None:
    """Forward and reverse keys, one-to-one both ways, many-to-many and generic relations, three levels deep."""
    invoice = create(InvoiceSerializer, TREE)
    expected = strip(TREE)
    expected["line_items"][0] |= {"quantity": 3}
    expected["line_items"][1] |= {"quantity": 1, "discounts": []}
    expected["people"] = [{"name": "Bob"}, {"name": "Joe"}]
    assert strip(show(InvoiceSerializer, invoice)) == expected
    assert [*Role.objects.order_by("pk").values_list("person__name", "title")] == [("Bob", "clerk"), ("Joe", "boss")]


def test_the_answer_is_what_is_stored(invoice: Invoice) -> None:
    """``serializer.data`` after a write is what a read would return."""
    data = {"number": "2", "line_items": [{"position": 9}], "address": {"street": "Side"}}
    serializer = InvoiceSerializer(invoice, data=data, partial=True)
    assert serializer.is_valid(), serializer.errors
    stored = serializer.save()
    assert serializer.data == show(InvoiceSerializer, stored)


def test_the_place_in_the_tree_says_which_row_a_line_belongs_to(invoice: Invoice) -> None:
    """A line needs no invoice inside one, and whatever it says of it is not listened to."""
    other = Invoice.objects.create(number="other")
    patch(InvoiceSerializer, invoice, {"line_items": [{"position": 3, "invoice": other.pk}]})
    assert LineItem.objects.get(position=3).invoice == invoice
    assert LineItemSerializer(data={"position": 3}).is_valid() is False


def test_a_related_row_may_be_named_where_a_nested_row_is_written() -> None:
    """Keys inside nested rows are looked up, also those that the model alone describes."""
    product = Product.objects.create(name="Pen", slug="pen")
    invoice = create(InvoiceSerializer, {"number": "1", "line_items": [{"position": 1, "product": str(product.pk)}]})
    assert invoice.line_items.get().product == product


def test_the_far_end_of_a_one_to_one_is_made_with_its_row() -> None:
    """A reverse one-to-one is written after the row whose key it holds."""
    customer = create(CustomerSerializer, {"name": "Ada", "slug": "ada", "account": {"iban": "DE1"}})
    assert Account.objects.get().customer == customer
    assert customer.account.iban == "DE1"


def test_rows_that_nest_themselves_are_written_to_any_depth() -> None:
    """A serializer that names itself by its path writes a tree."""
    tree = {
        "name": "a",
        "children": [{"name": "b", "children": [{"name": "c", "children": []}]}, {"name": "d", "children": []}],
    }
    root = create(CategorySerializer, tree)
    assert strip(show(CategorySerializer, root)) == tree
    assert Category.objects.get(name="c").parent == Category.objects.get(name="b")


@pytest.mark.parametrize("field_class", [DataToIdField, DataToStrField, DataToDataField])
def test_data_goes_in_through_every_field_that_takes_it(field_class: Any) -> None:
    """What a field shows does not change what it writes."""

    class Serializer(BaseModelSerializer[Invoice]):
        customer = field_class(serializer=CustomerSerializer)

        class Meta:
            model = Invoice
            fields = ("number", "customer")

    serializer = Serializer(data={"number": "1", "customer": {"name": "Ada", "slug": "ada"}})
    assert serializer.is_valid(), serializer.errors
    assert serializer.save().customer == Customer.objects.get(slug="ada")
    row = Customer.objects.get()
    shown: Any = serializer.data["customer"]
    assert shown in (row.pk, "Ada") or shown["id"] == row.pk


@pytest.mark.parametrize("field_class", [ManyDataToIdField, ManyDataToStrField])
def test_lists_of_data_go_in_through_every_field_that_takes_them(field_class: Any) -> None:
    """The same for lists."""

    class Serializer(BaseModelSerializer[Invoice]):
        tags = field_class(serializer=TagSerializer)

        class Meta:
            model = Invoice
            fields = ("number", "tags")

    serializer = Serializer(data={"number": "1", "tags": [{"name": "a"}, {"name": "b"}]})
    assert serializer.is_valid(), serializer.errors
    serializer.save()
    tags = [*Tag.objects.all()]
    assert serializer.data["tags"] in ([tag.pk for tag in tags], ["a", "b"])


def test_a_field_may_take_a_key_or_data() -> None:
    """A subclass that accepts everything links what is named and makes what is described, in one list."""

    class AnyField(ManyFlexibleField[Tag]):
        class One(FlexibleField[Tag]):
            accepts = Accept.PK | Accept.SLUG | Accept.DATA

        one = One

    class Serializer(BaseModelSerializer[Invoice]):
        tags = AnyField(queryset=Tag.objects.all(), slug_field="name", serializer=TagSerializer)

        class Meta:
            model = Invoice
            fields = ("number", "tags")

    paid, late = (Tag.objects.create(name=name) for name in ("paid", "late"))
    invoice = create(Serializer, {"number": "1", "tags": [paid.pk, {"name": "new"}, "late"]})
    assert {str(tag) for tag in invoice.tags.all()} == {"paid", "new", "late"}
    put(Serializer, invoice, {"number": "1", "tags": [{"id": late.pk, "name": "later"}, {"name": "newer"}, paid.pk]})
    assert {str(tag) for tag in invoice.tags.all()} == {"paid", "later", "newer"}


def test_validated_data_can_be_read_before_it_is_saved() -> None:
    """Until then nested data is a dict, and shown as far as it goes."""

    class Serializer(BaseModelSerializer[Invoice]):
        customer = DataToDataField(serializer=CustomerSerializer)
        address = DataToIdField(serializer="tests.ledger.serializers.AddressSerializer")

        class Meta:
            model = Invoice
            fields = ("number", "customer", "address")

    data = {"number": "1", "customer": {"name": "Ada", "slug": "ada"}, "address": {"street": "Main"}}
    serializer = Serializer(data=data)
    assert serializer.is_valid(), serializer.errors
    assert serializer.validated_data == data
    shown = serializer.data
    assert shown["customer"] == {"name": "Ada", "slug": "ada", "account": None, "badge": None}
    assert shown["address"] is None


# Changing


def test_a_tree_is_put_back_as_it_was_read(invoice: Invoice) -> None:
    """What GET returns, PUT takes, and nothing changes."""
    before = show(InvoiceSerializer, invoice)
    put(InvoiceSerializer, invoice, before)
    assert show(InvoiceSerializer, invoice) == before
    counts = {
        model: model._default_manager.count()
        for model in (Invoice, Customer, Address, LineItem, Discount, Payment, Note, Tag)
    }
    assert [*counts.values()] == [1, 1, 1, 2, 2, 2, 1, 2]


def test_rows_are_changed_by_their_id(invoice: Invoice) -> None:
    """A row that carries its id is changed where it stands; the others stay as they are."""
    tree = show(InvoiceSerializer, invoice)
    tree["line_items"][1]["text"] = "mugs"
    tree["line_items"][0]["discounts"][1]["percent"] = 50
    tree["payments"][0]["amount"] = "9.00"
    tree["notes"][0]["text"] = "done"
    tree["tags"][0]["name"] = "unpaid"
    tree["people"][1]["name"] = "Jim"
    tree["customer"]["account"]["iban"] = "DE2"
    put(InvoiceSerializer, invoice, tree)
    assert show(InvoiceSerializer, invoice) == tree


def test_new_rows_stand_among_changed_ones(invoice: Invoice) -> None:
    """One list may change some rows and add others."""
    line = LineItem.objects.get(position=1)
    patch(
        InvoiceSerializer,
        invoice,
        {"line_items": [{"position": 3, "text": "new"}, {"id": line.pk, "text": "changed"}, {"position": 4}]},
    )
    assert [*invoice.line_items.values_list("position", "text")] == [(1, "changed"), (2, "cups"), (3, "new"), (4, "")]


def test_a_patch_changes_only_the_columns_it_names(invoice: Invoice) -> None:
    """What a nested row does not send keeps what the database holds, row by row."""
    first, second = LineItem.objects.all()
    lines = [{"id": first.pk, "text": "a"}, {"id": second.pk, "quantity": 9}]
    serializer = InvoiceSerializer(invoice, data={"line_items": lines}, partial=True)
    assert serializer.is_valid(), serializer.errors
    LineItem.objects.filter(pk=first.pk).update(quantity=77)
    LineItem.objects.filter(pk=second.pk).update(text="kept")
    serializer.save()
    assert [*LineItem.objects.values_list("text", "quantity")] == [("a", 77), ("kept", 9)]


def test_a_row_that_only_says_which_it_is_stays_as_it_is(invoice: Invoice) -> None:
    """An id alone keeps a row in the list."""
    pks = [*invoice.payments.values_list("pk", flat=True)]
    patch(InvoiceSerializer, invoice, {"payments": [{"id": pks[0]}, {"id": pks[1]}]})
    assert [*invoice.payments.values_list("reference", flat=True)] == ["r1", "r2"]


def test_what_a_patch_does_not_name_is_left_alone(invoice: Invoice) -> None:
    """An absent relation is not an empty one."""
    before = show(InvoiceSerializer, invoice)
    patch(InvoiceSerializer, invoice, {"number": "2"})
    assert show(InvoiceSerializer, invoice) == {**before, "number": "2"}


def test_a_relation_that_a_put_may_leave_out_is_left_alone(invoice: Invoice) -> None:
    """A field that is not required and not sent is not written, as in DRF."""
    before = show(InvoiceSerializer, invoice)
    put(InvoiceSerializer, invoice, {"number": "2"})
    assert show(InvoiceSerializer, invoice) == {**before, "number": "2"}


def test_the_own_row_of_a_one_to_one_is_changed_without_its_id(invoice: Invoice) -> None:
    """There is one such row, so it is the one that is meant."""
    address = Address.objects.get()
    patch(InvoiceSerializer, invoice, {"address": {"street": "Side"}})
    assert Address.objects.get() == address
    assert Address.objects.get().street == "Side"
    customer = Customer.objects.get()
    patch(CustomerSerializer, customer, {"account": {"iban": "DE2"}})
    assert Account.objects.get().iban == "DE2"


def test_a_shared_row_is_changed_by_its_id_and_made_anew_without(invoice: Invoice) -> None:
    """A customer may have other invoices: it is changed only where the client says that it means that row."""
    ada = Customer.objects.get()
    patch(InvoiceSerializer, invoice, {"customer": {"id": ada.pk, "name": "Ada L."}})
    assert [str(customer) for customer in Customer.objects.all()] == ["Ada L."]
    patch(InvoiceSerializer, invoice, {"customer": {"name": "Eve", "slug": "eve"}})
    assert [str(customer) for customer in Customer.objects.all()] == ["Ada L.", "Eve"]
    assert str(Invoice.objects.get().customer) == "Eve"


def test_null_unlinks_a_row(invoice: Invoice) -> None:
    """The row stays where it can: at the near end of a key, and at the far end of one that may be null."""
    patch(InvoiceSerializer, invoice, {"customer": {"id": Customer.objects.get().pk, "badge": None}, "address": None})
    assert Badge.objects.get().customer is None
    assert Address.objects.count() == 1
    assert Invoice.objects.get().address is None
    patch(InvoiceSerializer, invoice, {"customer": None})
    assert Invoice.objects.get().customer is None
    assert Customer.objects.count() == 1


def test_the_columns_of_a_link_are_changed_with_the_row(invoice: Invoice) -> None:
    """What belongs to the link goes to the link, for rows that are linked already too."""
    bob = Person.objects.get(name="Bob")
    patch(InvoiceSerializer, invoice, {"people": [{"id": bob.pk, "title": "chief"}, {"name": "Zoe", "title": "clerk"}]})
    titles = dict(Role.objects.values_list("person__name", "title"))
    assert titles == {"Bob": "chief", "Joe": "boss", "Zoe": "clerk"}


def test_the_columns_of_a_link_may_be_given_by_the_field() -> None:
    """``through_defaults`` fills in what the client does not say."""

    class Serializer(BaseModelSerializer[Invoice]):
        people = PersonSerializer(many=True, relation_write={"through_defaults": {"title": "guest"}})

        class Meta:
            model = Invoice
            fields = ("number", "people")

    create(Serializer, {"number": "1", "people": [{"name": "Bob"}, {"name": "Joe", "title": "host"}]})
    assert dict(Role.objects.values_list("person__name", "title")) == {"Bob": "guest", "Joe": "host"}


def test_rows_that_exist_are_moved_by_their_keys() -> None:
    """A list of ids at the reverse end of a key says which rows belong there."""

    class Serializer(BaseModelSerializer[Invoice]):
        payments = ManyIdOnlyField(queryset=Payment.objects.all())

        class Meta:
            model = Invoice
            fields = ("number", "payments")

    payments = [Payment.objects.create(reference=name, amount=1) for name in "abc"]
    invoice = create(Serializer, {"number": "1", "payments": [payments[0].pk, payments[1].pk]})
    assert [*invoice.payments.all()] == payments[:2]
    put(Serializer, invoice, {"number": "1", "payments": [payments[1].pk, payments[2].pk]})
    assert [*invoice.payments.all()] == payments[1:]


def test_the_far_row_of_a_one_to_one_is_moved_by_its_key() -> None:
    """A key at the reverse end of a one-to-one, which DRF does not write, is written."""

    class Serializer(BaseModelSerializer[Customer]):
        badge = IdOnlyField(queryset=Badge.objects.all(), allow_null=True)

        class Meta:
            model = Customer
            fields = ("name", "slug", "badge")

    first, second = (Badge.objects.create(number=number) for number in (1, 2))
    customer = create(Serializer, {"name": "Ada", "slug": "ada", "badge": first.pk})
    assert customer.badge == first
    patch(Serializer, customer, {"badge": second.pk})
    assert [badge.customer for badge in Badge.objects.order_by("number")] == [None, customer]
    patch(Serializer, customer, {"badge": None})
    assert Badge.objects.filter(customer=None).count() == 2


def test_a_client_may_choose_the_key_of_a_new_row_where_the_field_lets_it() -> None:
    """A writable id names the row if it is there, and is the id of a new one if not."""

    class LineSerializer(BaseModelSerializer[Payment]):
        id = serializers.IntegerField()

        class Meta:
            model = Payment
            fields = ("id", "reference", "amount")

    class Serializer(BaseModelSerializer[Invoice]):
        payments = LineSerializer(many=True)

        class Meta:
            model = Invoice
            fields = ("number", "payments")

    invoice = create(Serializer, {"number": "1", "payments": [{"id": 70, "reference": "a", "amount": "1"}]})
    put(
        Serializer,
        invoice,
        {
            "number": "1",
            "payments": [{"id": 70, "reference": "b", "amount": "1"}, {"id": 71, "reference": "c", "amount": "1"}],
        },
    )
    assert [*invoice.payments.values_list("pk", "reference")] == [(70, "b"), (71, "c")]


def test_rows_may_be_named_by_a_column_of_their_own(invoice: Invoice) -> None:
    """``lookup_field`` says what tells which row nested data is about."""

    class Serializer(BaseModelSerializer[Invoice]):
        payments = ManyDataToIdField(serializer=PaymentSerializer, lookup_field="reference")

        class Meta:
            model = Invoice
            fields = ("number", "payments")

    before = dict(invoice.payments.values_list("reference", "pk"))
    put(
        Serializer,
        invoice,
        {"number": "1", "payments": [{"reference": "r2", "amount": "7.00"}, {"reference": "r3", "amount": "1.00"}]},
    )
    assert invoice.payments.get(reference="r2").pk == before["r2"]
    assert [str(amount) for amount in invoice.payments.values_list("amount", flat=True)] == ["7.00", "1.00"]


# The order of writing


def list_tables(queries: CaptureQueriesContext) -> list[str]:
    """Return the tables that were written to, in their order."""
    statements = [
        re.match(r"(?:INSERT(?: OR)?(?: IGNORE)? INTO|UPDATE) .ledger_(\w+).", query["sql"]) for query in queries
    ]
    return [statement[1] for statement in statements if statement]


def test_dependencies_come_first_and_what_depends_on_the_row_last() -> None:
    """The order follows from who holds the key."""
    with CaptureQueriesContext(connection) as queries:
        create(InvoiceSerializer, {name: TREE[name] for name in ("number", "customer", "address", "line_items")})
    order = ["customer", "account", "badge", "address", "invoice", "lineitem", "discount"]
    assert [name for name, _group in groupby(list_tables(queries))] == order


def test_the_order_can_be_turned_round() -> None:
    """A key that may be null can be written after its row; rows that may stand alone, before theirs."""

    class LatePaymentSerializer(BaseModelSerializer[Payment]):
        class Meta:
            model = Payment
            fields = ("id", "reference", "amount")

    class Serializer(BaseModelSerializer[Invoice]):
        customer = DataToDataField(serializer=CustomerSerializer, relation_write={"write_order": "root_first"})
        payments = LatePaymentSerializer(many=True, relation_write={"write_order": "dependency_first"})
        tags = TagSerializer(many=True, relation_write={"write_order": "dependency_first"})

        class Meta:
            model = Invoice
            fields = ("number", "customer", "payments", "tags")

    data = {
        "number": "1",
        "customer": {"name": "Ada", "slug": "ada"},
        "payments": [{"reference": "a", "amount": "1"}],
        "tags": [{"name": "a"}, {"name": "b"}],
    }
    with CaptureQueriesContext(connection) as queries:
        invoice = create(Serializer, data)
    assert list_tables(queries) == ["payment", "tag", "invoice", "customer", "invoice", "payment", "invoice_tags"]
    assert strip(show(Serializer, invoice)) == {
        **data,
        "payments": [{"reference": "a", "amount": "1.00"}],
        "customer": {"name": "Ada", "slug": "ada", "account": None, "badge": None},
    }
    put(Serializer, invoice, {**show(Serializer, invoice), "payments": [{"reference": "b", "amount": "2.00"}]})
    assert [payment.invoice for payment in Payment.objects.all()] == [None, invoice]


def test_a_nested_serializer_writes_by_its_own_methods(invoice: Invoice) -> None:
    """A nested ``create()`` and ``update()`` are called, once for each row, with everything nested in it."""
    calls: list[tuple[str, str]] = []

    class LineSerializer(LineItemSerializer):
        @override
        def create(self, validated_data: Any) -> LineItem:
            calls.append(("create", validated_data["text"]))
            return super().create(validated_data)

        @override
        def update(self, instance: LineItem, validated_data: Any) -> LineItem:
            calls.append(("update", validated_data["text"]))
            return super().update(instance, {**validated_data, "text": validated_data["text"].upper()})

    class Serializer(BaseModelSerializer[Invoice]):
        line_items = LineSerializer(many=True)

        class Meta:
            model = Invoice
            fields = ("number", "line_items")

    line = LineItem.objects.get(position=1)
    lines = [{"position": 5, "text": "new", "discounts": [{"percent": 1}]}, {"id": line.pk, "text": "old"}]
    patch(Serializer, invoice, {"line_items": lines})
    assert calls == [("update", "old"), ("create", "new")]
    assert LineItem.objects.get(position=1).text == "OLD"
    assert LineItem.objects.get(position=5).discounts.get().percent == 1


def test_models_with_work_of_their_own_are_saved_one_by_one(invoice: Invoice) -> None:
    """Signals are sent for nested rows, as for any other."""
    seen: list[tuple[str, bool]] = []

    def remember(instance: Payment, created: bool, **_kwargs: Any) -> None:
        seen.append((instance.reference, created))

    signals.post_save.connect(remember, sender=Payment)
    try:
        patch(
            InvoiceSerializer,
            invoice,
            {
                "payments": [
                    {"reference": "x", "amount": "1"},
                    {"reference": "y", "amount": "1"},
                    {"id": Payment.objects.get(reference="r1").pk, "amount": "3"},
                    {"id": Payment.objects.get(reference="r2").pk, "amount": "3"},
                ]
            },
        )
    finally:
        signals.post_save.disconnect(remember, sender=Payment)
    assert seen == [("r1", False), ("r2", False), ("x", True), ("y", True)]


def test_a_model_that_saves_in_its_own_way_is_saved_so() -> None:
    """A ``save()`` of the model is called for each nested row."""

    class MemoSerializer(BaseModelSerializer[Memo]):
        class Meta:
            model = Memo
            fields = ("id", "text")

    class Serializer(BaseModelSerializer[Invoice]):
        memos = MemoSerializer(many=True)

        class Meta:
            model = Invoice
            fields = ("number", "memos")

    create(Serializer, {"number": "1", "memos": [{"text": "a"}, {"text": "b"}]})
    assert [memo.text for memo in Memo.objects.order_by("pk")] == ["A", "B"]


def test_save_takes_values_beside_the_validated_ones() -> None:
    """``save(customer=…)`` works as in DRF, also for a relation."""
    ada = Customer.objects.create(name="Ada", slug="ada")
    serializer = InvoiceSerializer(data={"number": "1", "line_items": [{"position": 1}]})
    assert serializer.is_valid(), serializer.errors
    invoice = serializer.save(customer=ada, tags=[Tag.objects.create(name="a")])
    assert invoice.customer == ada
    assert [str(tag) for tag in invoice.tags.all()] == ["a"]


def test_the_input_is_not_changed() -> None:
    """Neither what was sent nor what was validated is altered by saving it."""
    data = deepcopy(TREE)
    serializer = InvoiceSerializer(data=data)
    assert serializer.is_valid(), serializer.errors
    validated = deepcopy(dict(serializer.validated_data))
    serializer.save()
    assert data == TREE
    assert serializer.validated_data == validated
