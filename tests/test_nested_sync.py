"""What happens to related rows that the input does not name: append, replace, sync."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework import serializers

from drf_commons.errors import ConfigurationError
from drf_commons.serializers import BaseModelSerializer
from drf_commons.serializers.fields import DataToDataField, ManyDataToDataField, ManyIdOnlyField
from drf_commons.serializers.relations import RelationWrite
from tests.ledger.models import (
    Account,
    Address,
    Badge,
    Customer,
    Invoice,
    LineItem,
    Note,
    Payment,
    Receipt,
    Role,
    Tag,
)
from tests.ledger.serializers import (
    AccountSerializer,
    AddressSerializer,
    BadgeSerializer,
    CustomerSerializer,
    LineItemSerializer,
    NoteSerializer,
    PaymentSerializer,
    PersonSerializer,
    TagSerializer,
)
from tests.ledger.trees import create, find_errors, get_codes, patch, put

pytestmark = pytest.mark.django_db


def build(model: type[Any], **nested: Any) -> type[BaseModelSerializer[Any, Any, Any]]:
    """Return a serializer of *model* with the *nested* fields."""
    own = ("number",) if model is Invoice else ("name", "slug")

    class Meta:
        fields = (*own, *nested)

    Meta.model = model  # type: ignore[attr-defined]
    return type("Serializer", (BaseModelSerializer,), {**nested, "Meta": Meta})


def write(sync_mode: Any) -> RelationWrite:
    return RelationWrite(sync_mode=sync_mode)


def build_payments(mode: RelationWrite) -> type[BaseModelSerializer[Any, Any, Any]]:
    return build(Invoice, payments=ManyDataToDataField(serializer=PaymentSerializer, relation_write=mode))


@pytest.fixture
def invoice() -> Invoice:
    invoice = Invoice.objects.create(number="1")
    for name in "ab":
        invoice.payments.create(reference=name, amount=1)
    return invoice


def list_payments(invoice: Invoice) -> list[str]:
    return [*invoice.payments.values_list("reference", flat=True)]


def get_input(invoice: Invoice) -> dict[str, Any]:
    """Return an input that names the second payment and adds a third."""
    pk = Payment.objects.get(reference="b").pk
    return {"number": "1", "payments": [{"id": pk, "reference": "b", "amount": "2"}, {"reference": "c", "amount": "3"}]}


# The three modes


@pytest.mark.parametrize("send", [put, patch])
@pytest.mark.parametrize(
    ("mode", "linked", "stored"),
    [("append", ["a", "b", "c"], 3), ("replace", ["b", "c"], 3), ("sync", ["b", "c"], 2)],
)
def test_a_mode_says_what_becomes_of_the_others(
    send: Any, mode: str, linked: list[str], stored: int, invoice: Invoice
) -> None:
    """Append keeps them, replace unlinks them, sync deletes them; in a PATCH as in a PUT."""
    send(build_payments(write(mode)), invoice, get_input(invoice))
    assert list_payments(invoice) == linked
    assert Payment.objects.count() == stored


def test_a_put_replaces_and_a_patch_appends_by_default(invoice: Invoice) -> None:
    """What was put is what there is; what a PATCH does not name is left alone. Nothing is deleted either way."""
    serializer_class = build_payments(RelationWrite())
    patch(serializer_class, invoice, get_input(invoice))
    assert list_payments(invoice) == ["a", "b", "c"]
    put(serializer_class, invoice, {"number": "1", "payments": []})
    assert list_payments(invoice) == []
    assert Payment.objects.count() == 3


def test_rows_that_cannot_stay_behind_are_not_lost_by_default() -> None:
    """Where unlinking would mean deleting, a PUT that leaves rows out is refused until somebody says which it is."""
    invoice = Invoice.objects.create(number="1")
    pks = [invoice.line_items.create(position=position).pk for position in (1, 2, 3)]
    data = {"number": "1", "line_items": [{"id": pks[1], "position": 2}]}
    serializer = build(Invoice, line_items=LineItemSerializer(many=True))(invoice, data=data)
    assert serializer.is_valid(), serializer.errors
    with pytest.raises(serializers.ValidationError) as caught:
        serializer.save()
    assert caught.value.detail == {
        "line_items": [
            f"These rows have to be named as well, since they cannot be without this one: {pks[0]}, {pks[2]}."
        ]
    }
    assert LineItem.objects.count() == 3
    put(build(Invoice, line_items=LineItemSerializer(many=True, relation_write=write("sync"))), invoice, data)
    assert [line.pk for line in LineItem.objects.all()] == [pks[1]]


def test_deleted_rows_make_room_for_new_ones() -> None:
    """Rows are deleted before others are written, so a new row may take the place of a deleted one."""
    invoice = Invoice.objects.create(number="1")
    invoice.line_items.create(position=1, text="old")
    serializer_class = build(Invoice, line_items=LineItemSerializer(many=True, relation_write=write("sync")))
    put(serializer_class, invoice, {"number": "1", "line_items": [{"position": 1, "text": "new"}]})
    assert [line.text for line in LineItem.objects.all()] == ["new"]


def test_deleted_rows_make_room_for_new_ones_with_the_same_name(invoice: Invoice) -> None:
    """The same where the value is unique in the whole table."""
    data = {"number": "1", "payments": [{"reference": "a", "amount": "7"}]}
    put(build_payments(write("sync")), invoice, data)
    payment = Payment.objects.get()
    assert (payment.reference, int(payment.amount)) == ("a", 7)
    assert find_errors(build_payments(write("replace")), data, invoice) == {"payments": {0: {"reference": "unique"}}}


def test_a_row_that_moves_makes_room_for_a_new_one() -> None:
    """Rows are changed before new ones are made."""
    invoice = Invoice.objects.create(number="1")
    line = invoice.line_items.create(position=1)
    serializer_class = build(Invoice, line_items=LineItemSerializer(many=True))
    put(serializer_class, invoice, {"number": "1", "line_items": [{"position": 1}, {"id": line.pk, "position": 2}]})
    assert [*invoice.line_items.values_list("position", flat=True)] == [1, 2]
    assert LineItem.objects.get(position=2) == line


# Every kind of relation


def test_links_are_undone_and_shared_rows_stay() -> None:
    """At a many-to-many, sync deletes rows that nothing else is linked to, and only unlinks the others."""
    serializer_class = build(Invoice, tags=TagSerializer(many=True, relation_write=write("sync")))
    mine = create(serializer_class, {"number": "1", "tags": [{"name": name} for name in "abc"]})
    shared = Tag.objects.get(name="a")
    Invoice.objects.create(number="2").tags.add(shared)
    put(serializer_class, mine, {"number": "1", "tags": [{"id": Tag.objects.get(name="c").pk, "name": "c"}]})
    assert [str(tag) for tag in mine.tags.all()] == ["c"]
    assert [str(tag) for tag in Tag.objects.all()] == ["a", "c"]


@pytest.mark.parametrize(("mode", "names"), [("append", "abc"), ("replace", "bc")])
def test_links_are_kept_or_undone(mode: str, names: str) -> None:
    """At a many-to-many, replace undoes the links that are not named, and deletes nothing."""
    serializer_class = build(Invoice, tags=TagSerializer(many=True, relation_write=write(mode)))
    invoice = create(serializer_class, {"number": "1", "tags": [{"name": "a"}, {"name": "b"}]})
    tag = Tag.objects.get(name="b")
    put(serializer_class, invoice, {"number": "1", "tags": [{"id": tag.pk, "name": "b"}, {"name": "c"}]})
    assert [str(tag) for tag in invoice.tags.all()] == [*names]
    assert Tag.objects.count() == 3


def test_links_with_columns_are_kept_as_they_are() -> None:
    """A row that stays linked keeps its link, with what is stored there."""
    serializer_class = build(Invoice, people=PersonSerializer(many=True))
    people = [{"name": "Bob", "title": "clerk"}, {"name": "Joe", "title": "boss"}]
    invoice = create(serializer_class, {"number": "1", "people": people})
    role = Role.objects.get(person__name="Joe")
    put(serializer_class, invoice, {"number": "1", "people": [{"id": role.person.pk, "name": "Joe"}]})
    assert [*Role.objects.values_list("pk", "title")] == [(role.pk, "boss")]


def test_generic_rows_follow_the_mode_too() -> None:
    """A generic relation whose columns may not be null is deleted or refused, never left pointing nowhere."""
    invoice = create(build(Invoice, notes=NoteSerializer(many=True)), {"number": "1", "notes": [{"text": "a"}]})
    other = Customer.objects.create(name="Ada", slug="ada")
    Note.objects.create(target=other, text="theirs")
    serializer = build(Invoice, notes=NoteSerializer(many=True))(invoice, data={"number": "1", "notes": []})
    assert serializer.is_valid()
    with pytest.raises(serializers.ValidationError, match="have to be named"):
        serializer.save()
    put(
        build(Invoice, notes=NoteSerializer(many=True, relation_write=write("sync"))),
        invoice,
        {"number": "1", "notes": []},
    )
    assert [note.text for note in Note.objects.all()] == ["theirs"]


def test_the_far_end_of_a_one_to_one_follows_the_mode() -> None:
    """Null unlinks a row that can stay, is refused for one that cannot, and deletes in sync."""
    customer = Customer.objects.create(name="Ada", slug="ada")
    Account.objects.create(customer=customer, iban="DE1")
    Badge.objects.create(customer=customer, number=1)
    own = {"name": "Ada", "slug": "ada"}
    put(build(Customer, badge=BadgeSerializer(allow_null=True)), customer, {**own, "badge": None})
    assert Badge.objects.get().customer is None
    serializer = build(Customer, account=AccountSerializer(allow_null=True))(customer, data={**own, "account": None})
    assert serializer.is_valid()
    with pytest.raises(serializers.ValidationError, match="have to be named"):
        serializer.save()
    account = AccountSerializer(allow_null=True, relation_write=write("sync"))
    put(build(Customer, account=account), customer, {**own, "account": None})
    assert not Account.objects.exists()


def test_the_near_end_of_a_one_to_one_follows_the_mode() -> None:
    """The row that was replaced stays, or is deleted in sync once nothing refers to it."""
    invoice = Invoice.objects.create(number="1", address=Address.objects.create(street="Main"))
    put(build(Invoice, address=AddressSerializer(allow_null=True)), invoice, {"number": "1", "address": None})
    assert Address.objects.count() == 1
    invoice = Invoice.objects.create(number="2", address=Address.objects.create(street="Side"))
    address = AddressSerializer(allow_null=True, relation_write=write("sync"))
    put(build(Invoice, address=address), invoice, {"number": "2", "address": None})
    assert [address.street for address in Address.objects.all()] == ["Main"]


def test_a_list_of_ids_is_the_whole_list_or_what_is_added() -> None:
    """A list of ids replaces, as in DRF, unless the field says that it appends."""
    tags = [Tag.objects.create(name=name) for name in "ab"]
    invoice = Invoice.objects.create(number="1")
    invoice.tags.add(tags[0])

    patch(
        build(Invoice, tags=ManyIdOnlyField(queryset=Tag.objects.all(), relation_write=write("append"))),
        invoice,
        {"tags": [tags[1].pk]},
    )
    assert [*invoice.tags.all()] == tags
    patch(build(Invoice, tags=ManyIdOnlyField(queryset=Tag.objects.all())), invoice, {"tags": [tags[1].pk]})
    assert [*invoice.tags.all()] == tags[1:]


# What cannot be


def test_rows_that_others_need_are_not_deleted(invoice: Invoice) -> None:
    """A protected row makes the whole write fail, with an error where it belongs."""
    Receipt.objects.create(payment=Payment.objects.get(reference="a"))
    data = {**get_input(invoice), "number": "2"}
    serializer = build_payments(write("sync"))(invoice, data=data)
    assert serializer.is_valid(), serializer.errors
    with pytest.raises(serializers.ValidationError) as caught:
        serializer.save()
    assert get_codes(caught.value.detail) == {"payments": {"non_field_errors": "protected"}}
    assert list_payments(invoice) == ["a", "b"]
    assert Invoice.objects.get().number == "1"


def test_a_shared_row_is_never_deleted_for_one_of_its_owners() -> None:
    """Sync at a foreign key would delete what other rows refer to: the project is told."""
    serializer_class = build(
        Invoice, customer=DataToDataField(serializer=CustomerSerializer, relation_write=write("sync"))
    )
    with pytest.raises(ConfigurationError, match="a row that others may share"):
        create(serializer_class, {"number": "1", "customer": {"name": "Ada", "slug": "ada"}})


def test_a_row_cannot_be_written_before_what_it_has_to_have() -> None:
    """The order cannot be turned round where a key may not be null."""

    class Serializer(BaseModelSerializer[LineItem]):
        invoice = DataToDataField(
            serializer=build(Invoice, tags=TagSerializer(many=True, required=False)),
            relation_write={"write_order": "root_first"},
        )

        class Meta:
            model = LineItem
            fields = ("position", "invoice")

    with pytest.raises(ConfigurationError, match="a row cannot be written before its invoice"):
        create(Serializer, {"position": 1, "invoice": {"number": "1"}})


def test_an_order_that_cannot_work_is_refused() -> None:
    """Nor can a list be written before the row that its rows have to have."""

    class Serializer(BaseModelSerializer[LineItem]):
        class Meta:
            model = LineItem
            fields = ("id", "position")

    line_items = Serializer(many=True, relation_write={"write_order": "dependency_first"})
    with pytest.raises(ConfigurationError, match=r"Serializer.line_items: relation_write\['write_order'\]"):
        create(build(Invoice, line_items=line_items), {"number": "1", "line_items": [{"position": 1}]})
