"""How a client names a row: ids of every type, texts, and keys that no database could hold."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import pytest
from django.db import models
from django.test.utils import isolate_apps
from pytest_django import DjangoAssertNumQueries
from rest_framework import serializers

from drf_commons.errors import ConfigurationError
from drf_commons.serializers import BaseModelSerializer
from drf_commons.serializers.fields import (
    FlexibleField,
    IdOnlyField,
    IdToStrField,
    ManyFlexibleField,
    ManyIdOnlyField,
    ManyStrOnlyField,
    StrOnlyField,
    StrToIdField,
)
from tests.ledger.models import Account, Currency, Customer, Invoice, Payment, Product, Tag
from tests.ledger.serializers import ProductSerializer

pytestmark = pytest.mark.django_db


def read(field: serializers.Field[Any, Any, Any, Any], value: object) -> Any:
    """Return what *field* makes of *value*: what it names, or the codes of the errors."""

    class Serializer(serializers.Serializer[Any]):
        value = field

    serializer: Any = Serializer(data={"value": value})
    if serializer.is_valid():
        return serializer.validated_data["value"]
    errors = serializer.errors["value"]
    if isinstance(errors, Mapping):
        return {index: [error.code for error in found] for index, found in errors.items()}
    return [error.code for error in errors]


@pytest.fixture
def tag() -> Tag:
    return Tag.objects.create(name="seven")


@pytest.fixture
def pen() -> Product:
    return Product.objects.create(name="Pen", slug="pen")


def test_an_integer_id_may_come_as_text(tag: Tag) -> None:
    """A form sends texts: digits are the number they say."""
    field = IdOnlyField(queryset=Tag.objects.all())
    assert [read(field, value) for value in (tag.pk, str(tag.pk), f" {tag.pk} ")] == [tag] * 3


@pytest.mark.parametrize(
    "value", [True, False, "x", "1_0", "\uff17", 1.0, 7.5, float("inf"), float("nan"), "", " ", [], {}]
)
def test_what_is_no_integer_is_no_integer_id(value: object, tag: Tag) -> None:
    """Neither a boolean nor a fraction nor what merely resembles a number is an id."""
    assert read(IdOnlyField(queryset=Tag.objects.all()), value) in (["incorrect_type"], ["null"])


@pytest.mark.parametrize("value", [0, -1, 2**31, 2**63, -(2**63) - 1, 2**200, "9" * 100])
def test_an_id_beyond_every_row_does_not_exist(value: object) -> None:
    """No number is too big to be looked for: it names no row."""
    assert read(IdOnlyField(queryset=Tag.objects.all()), value) == ["does_not_exist"]


def test_more_digits_than_python_reads_are_no_id() -> None:
    """A text of thousands of digits is refused without being counted."""
    assert read(IdOnlyField(queryset=Tag.objects.all()), "9" * 10_000) == ["incorrect_type"]


def test_a_uuid_is_an_id_in_every_spelling(pen: Product) -> None:
    """Dashes and letter case make no difference."""
    field = IdOnlyField(queryset=Product.objects.all())
    spellings = (pen.pk, str(pen.pk), pen.pk.hex, str(pen.pk).upper())
    assert [read(field, value) for value in spellings] == [pen] * 4
    assert [read(field, value) for value in ("pen", 7, pen.pk.int)] == [["incorrect_type"]] * 3
    assert read(field, str(uuid.uuid4())) == ["does_not_exist"]


def test_a_text_may_be_an_id() -> None:
    """Where the primary key is a text, any text is an id, and a number is the text of its digits."""
    euro, seven = Currency.objects.create(code="EUR", name="Euro"), Currency.objects.create(code="7", name="Seven")
    field = IdToStrField(queryset=Currency.objects.all())
    assert read(field, "EUR") == euro
    assert read(field, 7) == seven
    assert [read(field, value) for value in ("eur", "x" * 1000, "\x00", "\ud800")] == [["does_not_exist"]] * 4


def test_a_one_to_one_primary_key_is_the_key_it_refers_to() -> None:
    """A key that is a relation is read as the key at the end of it."""
    with isolate_apps("tests.ledger"):

        class Extra(models.Model):
            tag = models.OneToOneField(Tag, on_delete=models.CASCADE, primary_key=True)

            class Meta:
                app_label = "ledger"

        field: IdOnlyField[Extra] = IdOnlyField(queryset=Extra._default_manager.all())
        assert read(field, "x") == ["incorrect_type"]


def test_a_column_of_its_own_may_be_the_id(tag: Tag) -> None:
    """``lookup_field`` names what counts as the id, in and out."""
    field = IdOnlyField(queryset=Tag.objects.all(), lookup_field="name")
    assert read(field, "seven") == tag
    assert field.to_representation(tag) == "seven"


def test_a_text_is_looked_up_in_the_column_it_names(tag: Tag) -> None:
    """``slug_field`` names the column of the text."""
    field = StrOnlyField(queryset=Tag.objects.all(), slug_field="name")
    assert read(field, "seven") == tag
    assert read(field, "eight") == ["does_not_exist"]
    assert field.to_representation(tag) == "seven"


def test_texts_are_exact_on_every_database(tag: Tag) -> None:
    """A database that compares without case or blanks finds no other row than one that does not."""
    field = StrOnlyField(queryset=Tag.objects.all(), slug_field="name")
    assert [read(field, value) for value in ("SEVEN", "seven ", "s\u00e9ven")] == [["does_not_exist"]] * 3


def test_a_text_may_be_found_across_a_relation(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """A column of a related row will do, and is read along with the row."""
    customer = Customer.objects.create(name="Ada", slug="ada")
    account = Account.objects.create(customer=customer, iban="DE1")
    field = StrOnlyField(queryset=Account.objects.all(), slug_field="customer__slug")
    with django_assert_num_queries(1):
        found = read(field, "ada")
        assert field.to_representation(found) == "ada"
    assert found == account


def test_a_text_that_names_two_rows_names_none() -> None:
    """An ambiguous text is the client's to make clear, not a server error."""
    for reference in "ab":
        Payment.objects.create(reference=reference, amount=1)
    field = StrToIdField(queryset=Payment.objects.all(), slug_field="amount")
    assert read(field, "1.00") == ["ambiguous"]


def test_a_text_may_be_looked_up_in_a_column_of_any_type() -> None:
    """What the column makes of a text is what is looked for; what it makes nothing of is no text for it."""
    payment = Payment.objects.create(reference="a", amount="7.50")
    field = StrToIdField(queryset=Payment.objects.all(), slug_field="amount")
    assert read(field, "7.5") == payment
    wrong: list[object] = ["seven", [], True]
    assert [read(field, value) for value in wrong] == [["incorrect_type"]] * 3


def test_a_column_that_is_not_there_is_named() -> None:
    """A model without a slug is a mistake of the project, with a message that says what to do."""
    with pytest.raises(ConfigurationError, match='Tag has no field "slug" to look rows up by; name one as slug_field'):
        read(StrOnlyField(queryset=Tag.objects.all()), "seven")


@pytest.mark.parametrize("value", ["\x00", "a\x00b", "a\ud800", "x" * 100_000])
def test_a_text_no_database_holds_does_not_exist(value: str) -> None:
    """Texts that a database would choke on are not sent there, alone or among others."""
    pen = Product.objects.create(name="Pen", slug="pen")
    assert read(StrOnlyField(queryset=Product.objects.all()), value) == ["does_not_exist"]
    assert read(ManyStrOnlyField(queryset=Product.objects.all()), ["pen", value, "pen"]) == {1: ["does_not_exist"]}
    assert read(ManyStrOnlyField(queryset=Product.objects.all()), ["pen"]) == [pen]


def test_an_error_can_be_sent_whatever_it_quotes() -> None:
    """The message about half a surrogate pair can itself be encoded."""

    class Serializer(serializers.Serializer[Any]):
        value = StrOnlyField(queryset=Product.objects.all())

    serializer = Serializer(data={"value": "\ud800"})
    assert not serializer.is_valid()
    assert str(serializer.errors["value"][0]).encode() == rb"Object with slug=\ud800 does not exist."


# Ids and texts in one field


def test_the_type_of_the_id_decides(pen: Product) -> None:
    """With a UUID for a key every UUID is an id, found or not, and every other text is a slug."""
    other = Product.objects.create(name="Odd", slug=str(uuid.uuid4()))
    field = FlexibleField(queryset=Product.objects.all(), serializer=ProductSerializer)
    assert read(field, str(pen.pk)) == pen
    assert read(field, "pen") == pen
    assert read(field, other.slug) == ["does_not_exist"]
    assert read(field, True) == ["incorrect_type"]


def test_digits_are_an_id_where_ids_are_numbers() -> None:
    """A slug of digits gives way: the meaning of an input never depends on which rows there are."""
    customer = Customer.objects.create(name="Ada", slug="2024")
    field = FlexibleField(queryset=Customer.objects.all(), serializer="tests.ledger.serializers.CustomerSerializer")
    assert read(field, str(customer.pk)) == customer
    assert read(field, "2024") == ["does_not_exist"]


def test_where_ids_are_texts_the_id_comes_first() -> None:
    """A text is looked up as an id and as a slug at once; a row whose id it is wins."""
    first = Currency.objects.create(code="EUR", name="USD")
    second = Currency.objects.create(code="USD", name="Dollar")
    field = FlexibleField(queryset=Currency.objects.all(), slug_field="name", serializer=ProductSerializer)
    assert read(field, "USD") == second
    assert read(field, "Dollar") == second
    assert read(field, "EUR") == first


def test_a_mixed_list_is_one_query(pen: Product, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """Ids and texts of one list are found together, in the client's order."""
    cup = Product.objects.create(name="Cup", slug="cup")
    field = ManyFlexibleField(queryset=Product.objects.all(), serializer=ProductSerializer)
    with django_assert_num_queries(1):
        assert read(field, ["cup", str(pen.pk), "cup", cup.pk.hex]) == [cup, pen, cup, cup]


# How many, and whose


def test_thirty_ids_are_one_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """A list costs one query, however long."""
    tags = [Tag.objects.create(name=str(number)) for number in range(30)]
    with django_assert_num_queries(1):
        assert read(ManyIdOnlyField(queryset=Tag.objects.all()), [tag.pk for tag in tags]) == tags


def test_a_list_longer_than_a_query_is_found_in_pieces() -> None:
    """Where a query is limited in what it carries, a long list takes several."""
    tags = Tag.objects.bulk_create(Tag(name=str(number)) for number in range(1200))
    found = read(ManyIdOnlyField(queryset=Tag.objects.all()), [tag.pk for tag in reversed(tags)])
    assert found == [*reversed(tags)]


def test_what_is_outside_the_queryset_does_not_exist(tag: Tag) -> None:
    """A row that the field does not offer is treated as one that is not there."""
    field = IdOnlyField(queryset=Tag.objects.exclude(pk=tag.pk))
    assert read(field, tag.pk) == ["does_not_exist"]


def test_a_queryset_may_depend_on_who_asks() -> None:
    """A callable takes the serializer's context: the rows of one tenant, of one user."""
    mine, theirs = (Customer.objects.create(name=name, slug=name) for name in ("mine", "theirs"))

    def select(context: Mapping[str, Any]) -> models.QuerySet[Customer]:
        return Customer.objects.filter(name=context["who"])

    class Serializer(BaseModelSerializer[Invoice]):
        customer = IdOnlyField(queryset=select)

        class Meta:
            model = Invoice
            fields = ("number", "customer")

    def validate(customer: Customer) -> bool:
        data = {"number": "1", "customer": customer.pk}
        return Serializer(data=data, context={"who": "mine"}).is_valid()

    assert validate(mine)
    assert not validate(theirs)


def test_a_manager_will_do_for_a_queryset(tag: Tag) -> None:
    """A manager, also that of a relation, is asked anew for each look-up."""
    invoice = Invoice.objects.create(number="1")
    assert read(IdOnlyField(queryset=Tag.objects), tag.pk) == tag
    field: IdOnlyField[Tag] = IdOnlyField(queryset=invoice.tags)
    assert read(field, tag.pk) == ["does_not_exist"]
    invoice.tags.add(tag)
    assert read(field, tag.pk) == tag


def test_a_queryset_set_later_counts(tag: Tag) -> None:
    """DRF's habit of narrowing ``field.queryset`` in a serializer's constructor works here too."""

    class Serializer(BaseModelSerializer[Invoice]):
        tags = ManyIdOnlyField(queryset=lambda _context: Tag.objects.all())

        class Meta:
            model = Invoice
            fields = ("number", "tags")

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.fields["tags"].child_relation.queryset = Tag.objects.none()  # type: ignore[attr-defined]

    assert not Serializer(data={"number": "1", "tags": [tag.pk]}).is_valid()
