"""Relation fields in the browsable API: forms that choose, forms that nest, and what they send back."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.conf import settings
from django.http import QueryDict
from django.test import Client, override_settings
from django.utils.datastructures import MultiValueDict
from pytest_django import DjangoAssertNumQueries
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.renderers import HTMLFormRenderer

from drf_commons.serializers import BaseModelSerializer
from drf_commons.serializers.fields import (
    DataToDataField,
    IdOnlyField,
    IdToDataField,
    ManyDataToDataField,
    ManyIdToDataField,
    ManyStrToDataField,
    StrToDataField,
)
from tests.ledger.models import Customer, Invoice, Product, Tag
from tests.ledger.serializers import CustomerSerializer, ProductSerializer, TagSerializer
from tests.ledger.views import BillSerializer

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.ledger.urls")]


@pytest.fixture
def customers() -> list[Customer]:
    return [Customer.objects.create(name=name.title(), slug=name) for name in ("ada", "eve")]


@pytest.fixture
def invoice(customers: list[Customer]) -> Invoice:
    invoice = Invoice.objects.create(number="1", customer=customers[1])
    invoice.tags.add(Tag.objects.create(name="paid"))
    Tag.objects.create(name="late")
    return invoice


def find_options(page: str, name: str) -> list[tuple[str, bool]]:
    """Return the choices of the select *name*, and which are chosen."""
    select = re.search(rf'<select[^>]*name="{name}".*?</select>', page, re.DOTALL)
    assert select is not None
    options = re.findall(r'<option value="([^"]*)"([^>]*)>', select[0])
    return [(value, "selected" in attributes) for value, attributes in options]


def test_a_form_offers_rows_by_key_and_has_the_stored_one_chosen(invoice: Invoice) -> None:
    """A field that shows nested data chooses by key all the same, and a form sent back unchanged changes nothing."""
    data = BillSerializer(invoice, context={"request": None}).data
    page = HTMLFormRenderer().render(data, None, {})
    customers = [(str(customer.pk), customer == invoice.customer) for customer in Customer.objects.all()]
    assert find_options(page, "customer") == customers
    assert find_options(page, "tags") == [(str(tag.pk), tag.name == "paid") for tag in Tag.objects.all()]


def test_the_page_of_a_row_has_its_stored_rows_chosen(
    client: Client, invoice: Invoice, customers: list[Customer]
) -> None:
    """What the page sends when nothing is changed is what is stored."""
    page = client.get(f"/bills/{invoice.pk}/", headers={"accept": "text/html"}).text
    assert find_options(page, "customer") == [(str(row.pk), row == customers[1]) for row in customers]
    assert find_options(page, "tags") == [(str(tag.pk), tag.name == "paid") for tag in Tag.objects.all()]


def test_every_page_of_the_tree_is_shown(client: Client, invoice: Invoice) -> None:
    """Lists, rows and nested forms render."""
    for path in ("/invoices/", f"/invoices/{invoice.pk}/", "/bills/", "/lines/"):
        assert client.get(path, headers={"accept": "text/html"}).status_code == 200


def test_the_errors_of_a_list_are_shown_in_its_form(client: Client, customers: list[Customer]) -> None:
    """A form that names what is not there is shown again, with the message and what was chosen."""
    data = {"number": "1", "customer": customers[1].pk, "tags": [99]}
    response = client.post("/bills/", data, headers={"accept": "text/html"})
    assert response.status_code == 400
    assert re.search(r'<span class="help-block">[^<]*object does not exist\.', response.text)
    assert find_options(response.text, "customer") == [(str(row.pk), row == customers[1]) for row in customers]


def test_a_form_with_an_unknown_choice_keeps_its_message() -> None:
    """The errors of a list have positions in the answer, and none in the form."""

    class Serializer(BaseModelSerializer[Invoice]):
        tags = ManyIdToDataField(queryset=Tag.objects.all(), serializer=TagSerializer)

        class Meta:
            model = Invoice
            fields = ("number", "tags")

    serializer = Serializer(data={"number": "1", "tags": [98, 99]})
    assert not serializer.is_valid()
    assert serializer.errors["tags"].keys() == {0, 1}
    assert [type(error) for error in serializer["tags"].errors] == [ErrorDetail, ErrorDetail]


def test_choices_are_capped() -> None:
    """A form of a large table does not read the whole table."""
    Tag.objects.bulk_create(Tag(name=str(number)) for number in range(5))
    field = IdToDataField(queryset=Tag.objects.all(), serializer=TagSerializer, html_cutoff=3)
    assert len(field.choices) == 3
    assert len(field.get_choices(cutoff=2)) == 2
    many = ManyIdToDataField(queryset=Tag.objects.all(), serializer=TagSerializer, html_cutoff=3)
    assert len(many.choices) == 3


def test_a_long_list_is_searched_by_typing(client: Client, invoice: Invoice) -> None:
    """Rows that the form cannot list can be named; what is refused stays typed, with the reason beneath."""
    short = client.get(f"/bills/{invoice.pk}/", headers={"accept": "text/html"}).text
    assert 'list="customer-choices"' not in short
    with override_settings(REST_FRAMEWORK={**settings.REST_FRAMEWORK, "HTML_SELECT_CUTOFF": 1}):
        page = client.get(f"/bills/{invoice.pk}/", headers={"accept": "text/html"}).text
        refused = client.post("/bills/", {"number": "2", "customer": "999"}, headers={"accept": "text/html"}).text
    place = page.index('list="customer-choices"')
    assert f'value="{invoice.customer_id}"' in page[place : place + 100]
    offered = re.findall(r'<option value="(\d+)">', page[place : page.index("</datalist>", place)])
    assert offered == [str(invoice.customer_id)]
    place = refused.index('list="customer-choices"')
    assert 'value="999"' in refused[place : place + 100]
    assert "object does not exist" in refused[place : place + 900]


def test_a_long_list_of_rows_is_typed_row_by_row(client: Client, invoice: Invoice) -> None:
    """Every stored row has an input, and there are some for more; those left empty, or emptied, name nothing."""
    tags = [Tag.objects.create(name=str(number)) for number in range(4)]
    invoice.tags.set(tags[:2])
    with override_settings(REST_FRAMEWORK={**settings.REST_FRAMEWORK, "HTML_SELECT_CUTOFF": 1}):
        page = client.get(f"/bills/{invoice.pk}/", headers={"accept": "text/html"}).text
        form = {"number": "2", "customer": str(invoice.customer_id), "tags": [str(tags[3].pk), "", ""]}
        made = client.post("/bills/", form, headers={"accept": "text/html"})
        refused = client.post("/bills/", {**form, "tags": ["999", ""]}, headers={"accept": "text/html"}).text
    typed = re.findall(r'<input [^>]*name="tags"[^>]*>', page)
    assert [re.findall(r'value="(\d+)"', text) for text in typed[:5]] == [
        *([str(tag.pk)] for tag in tags[:2]),
        [],
        [],
        [],
    ]
    assert made.status_code == 201, made.text
    assert [*Invoice.objects.get(number="2").tags.all()] == [tags[3]]
    place = refused.index('name="tags"')
    assert 'value="999"' in refused[place : place + 200]
    assert "object does not exist" in refused[place:]


def test_what_is_stored_is_a_choice_however_many_there_are(invoice: Invoice) -> None:
    """A form that nobody has changed sends what is stored, for one row and for a list."""
    Tag.objects.bulk_create(Tag(name=str(number)) for number in range(5))
    last = Tag.objects.order_by("pk").reverse()[0]
    invoice.tags.set([last])

    class Serializer(BaseModelSerializer[Invoice]):
        customer = IdToDataField(queryset=Customer.objects.all(), serializer=CustomerSerializer, html_cutoff=1)
        tags = ManyIdToDataField(queryset=Tag.objects.all(), serializer=TagSerializer, html_cutoff=2)

        class Meta:
            model = Invoice
            fields = ("number", "customer", "tags")

    page = HTMLFormRenderer().render(Serializer(invoice).data, None, {})
    ada, eve = Customer.objects.all()
    assert find_options(page, "customer") == [(str(eve.pk), True), ("n/a", False)]  # DRF says so that there are more
    chosen = [value for value, is_chosen in find_options(page, "tags") if is_chosen]
    assert chosen == [str(last.pk)]
    fields: dict[str, Any] = {**Serializer().fields}
    assert [*fields["customer"].get_choices()] == [ada.pk]


def test_choices_are_what_the_field_takes() -> None:
    """A field that takes texts offers texts; one that takes nested data has nothing to choose from."""
    product = Product.objects.create(name="Pen", slug="pen")
    by_text = StrToDataField(queryset=Product.objects.all(), serializer=ProductSerializer)
    assert by_text.choices == {"pen": "Pen"}
    assert ManyStrToDataField(queryset=Product.objects.all(), serializer=ProductSerializer).choices == {"pen": "Pen"}
    assert IdOnlyField(queryset=Product.objects.all()).choices == {product.pk: "Pen"}
    assert DataToDataField(serializer=ProductSerializer).choices == {}
    assert IdOnlyField(read_only=True).choices == {}


def test_a_form_sends_a_list() -> None:
    """Repeated inputs are a list; none at all is an empty one, or in a PATCH nothing."""
    tag = Tag.objects.create(name="paid")

    class Serializer(serializers.Serializer[Invoice]):
        tags = ManyIdToDataField(queryset=Tag.objects.all(), serializer=TagSerializer)

    chosen = Serializer(data=QueryDict(f"tags={tag.pk}&tags={tag.pk}"))
    assert chosen.is_valid(), chosen.errors
    assert chosen.validated_data["tags"] == [tag, tag]
    nothing = Serializer(data=QueryDict(""))
    assert nothing.is_valid()
    assert nothing.validated_data["tags"] == []
    untouched = Serializer(data=QueryDict(""), partial=True)
    assert untouched.is_valid()
    assert untouched.validated_data == {}


def test_a_form_nests_with_dots_and_brackets() -> None:
    """Nested data comes in DRF's notation for forms, and an empty choice is null."""

    class Serializer(BaseModelSerializer[Invoice]):
        customer = DataToDataField(serializer=CustomerSerializer, allow_null=True)
        tags = ManyDataToDataField(serializer=TagSerializer)

        class Meta:
            model = Invoice
            fields = ("number", "customer", "tags")

    form = {"number": "1", "customer.name": "Ada", "customer.slug": "ada", "tags[0]name": "paid", "tags[1]name": "late"}
    serializer = Serializer(data=MultiValueDict({name: [value] for name, value in form.items()}))
    assert serializer.is_valid(), serializer.errors
    invoice = serializer.save()
    assert str(invoice.customer) == "Ada"
    assert [str(tag) for tag in invoice.tags.all()] == ["paid", "late"]
    nobody = Serializer(data={"number": "2", "customer": "", "tags": []})
    assert nobody.is_valid(), nobody.errors
    assert nobody.validated_data["customer"] is None
    empty = Serializer(data=QueryDict("number=2&customer=&tags="))
    empty.is_valid()
    assert empty.errors.keys() == {"tags"}


def test_options_describe_the_fields(client: Client) -> None:
    """OPTIONS does not list the rows of a table as choices."""
    fields = client.options("/bills/").json()["actions"]["POST"]
    assert fields["customer"]["required"] is True
    assert "choices" not in fields["customer"]
    assert fields["tags"]["type"] == "field"


def test_links_stand_beside_nested_data(client: Client, invoice: Invoice) -> None:
    """A hyperlink in the same serializer is built as ever."""
    row = client.get(f"/bills/{invoice.pk}/").json()["data"]
    assert row["url"] == f"http://testserver/bills/{invoice.pk}/"
    assert row["customer"]["name"] == "Eve"


def test_the_form_of_a_new_row_asks_for_no_row(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """A serializer without a row has forms, too."""
    with django_assert_num_queries(0):
        bound = BillSerializer()["customer"]
    assert bound.value is None
