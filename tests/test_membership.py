"""Rows that hold one of many values: those that ``__in`` finds."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import connection, models
from django.db.models import Q
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from drf_commons.bulk.membership import build_json_rows, select_holders
from tests.ledger.models import Account, Currency, Customer, Invoice, Product
from tests.warehouse.models import Crate, Item

#: What a text of an array, of JSON or of SQL could be mistaken in.
ODD = ("plain", "NULL", "", " ", '"', "\\", '\\"', "'", "{a,b}", "a,b", "%s", "é", "🜚", "\n", "null", "1", "1.0", "01")

#: Texts that every one of the databases can hold.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0", max_codepoint=0xFFFF), max_size=10)


def find(rows: models.QuerySet[Any], path: str, values: list[Any]) -> list[Any]:
    """Return the keys of the rows found, which are those that Django finds."""
    found = [*select_holders(rows, path, values).order_by("pk").values_list("pk", flat=True)]
    assert found == [*rows.filter(**{f"{path}__in": values}).order_by("pk").values_list("pk", flat=True)]
    return found


@pytest.mark.django_db
def test_texts_are_found_whatever_they_are_made_of() -> None:
    """Each of them finds its own row and no other."""
    rows = {text: Customer.objects.create(name=text, slug=f"slug-{number}").pk for number, text in enumerate(ODD)}
    for text, pk in rows.items():
        assert pk in find(Customer.objects.all(), "name", [text, "elsewhere"])
    assert find(Customer.objects.all(), "name", [*ODD]) == sorted(rows.values())


@pytest.mark.django_db
def test_keys_of_every_type_are_found() -> None:
    """Integers, UUIDs and texts."""
    customers = [Customer.objects.create(name="a", slug=f"slug-{number}").pk for number in range(3)]
    products = sorted(Product.objects.create(name="a", slug=f"slug-{number}").pk for number in range(3))
    Currency.objects.create(code="EUR", name="Euro")
    assert find(Customer.objects.all(), "pk", [*customers[:2], 2**62]) == customers[:2]
    assert {*find(Product.objects.all(), "id", [*products[:2], uuid.uuid4()])} == {*products[:2]}
    assert find(Currency.objects.all(), "code", ["EUR", "USD"]) == ["EUR"]


@pytest.mark.django_db
def test_values_of_another_type_than_the_column_find_what_they_find_in_django() -> None:
    """A text that is a number, a number in a text, both kinds at once, a null."""
    customer = Customer.objects.create(name="7", slug="seven")
    assert find(Customer.objects.all(), "pk", [str(customer.pk)]) == [customer.pk]
    assert find(Customer.objects.all(), "pk", [str(customer.pk), -1]) == [customer.pk]
    assert find(Customer.objects.all(), "name", [7]) == [customer.pk]
    assert find(Customer.objects.all(), "name", [None, "7"]) == [customer.pk]
    assert find(Customer.objects.all(), "name", []) == []


@pytest.mark.django_db
def test_foreign_keys_and_columns_of_other_tables_are_asked_for_as_ever() -> None:
    """Of a parent's table, of a related row, of the foreign key itself."""
    customer = Customer.objects.create(name="a", slug="a")
    invoice = Invoice.objects.create(number="1", customer=customer)
    crate = Crate.objects.create(name="crate")
    assert find(Invoice.objects.all(), "customer", [customer.pk]) == [invoice.pk]
    assert find(Invoice.objects.all(), "customer__slug", ["a"]) == [invoice.pk]
    assert find(Crate.objects.all(), "name", ["crate"]) == find(Crate.objects.all(), "pk", [crate.pk]) == [crate.pk]


@pytest.mark.django_db
def test_the_filter_and_the_joins_of_the_queryset_are_kept() -> None:
    """A row that the queryset does not have is not found."""
    customers = [Customer.objects.create(name="a", slug=f"slug-{number}") for number in range(3)]
    for customer in customers[1:]:
        Account.objects.create(customer=customer, iban=customer.slug)
    keys = [customer.pk for customer in customers]
    seen = Customer.objects.filter(Q(account__iban="slug-1") | Q(slug="slug-0")).select_related("account").distinct()
    assert find(seen, "pk", keys) == keys[:2]
    assert find(Customer.objects.none(), "pk", keys) == []


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor == "mysql", reason="MariaDB has no array to send them in")
def test_a_thousand_values_are_one_parameter() -> None:
    """The statement is as long as for one of them."""
    for size in (1, 1_000):
        names = [f"{number}" for number in range(size)]
        _sql, params = select_holders(Item.objects.all(), "name", names).query.sql_with_params()
        assert len(params) == 1


class AnyText(TestCase):
    """Whatever text there is."""

    @given(st.lists(TEXTS, unique=True, max_size=5), st.lists(TEXTS, max_size=5))
    def test_is_found_where_django_finds_it(self, stored: list[str], asked: list[str]) -> None:
        """Among others, and with the ones asked for that are stored."""
        Item.objects.bulk_create(Item(name=text) for text in stored)
        find(Item.objects.all(), "name", [*asked, *stored[:2]])

    @pytest.mark.skipif(connection.vendor != "sqlite", reason="the others are given no JSON")
    @given(st.lists(st.tuples(TEXTS | st.sampled_from(ODD), st.integers(-(2**63), 2**63 - 1)), min_size=1, max_size=5))
    def test_is_read_out_of_json_as_it_was(self, rows: list[tuple[str, int]]) -> None:
        """In pairs and in longer rows, next to texts and to numbers, the same one in many rows."""
        texts, numbers = zip(*rows, strict=True)
        for columns in (
            [texts, numbers],
            [numbers, texts],
            [texts, texts],
            [numbers, numbers],
            [numbers, texts, texts],
        ):
            sources, text = build_json_rows(columns, connection) or pytest.fail("it is plain")
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT {', '.join(sources)} FROM json_each(%s) AS drf_v", [text])  # noqa: S608  # names of our own
                assert cursor.fetchall() == [*zip(*columns, strict=True)]
