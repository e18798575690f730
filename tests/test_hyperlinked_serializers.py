"""DRF's hyperlinked serializers and fields beside ours, and nested in them: a URL names a row as an id does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.ledger.models import Address, Customer, Invoice, LineItem, Payment, Product, Tag

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.ledger.linked")]

ROOT = "http://testserver"


@pytest.fixture
def invoice() -> Invoice:
    """Return an invoice with two lines and a payment."""
    pen = Product.objects.create(name="Pen", slug="pen")
    invoice = Invoice.objects.create(
        number="1",
        customer=Customer.objects.create(name="Ada", slug="ada"),
        address=Address.objects.create(street="Main Street"),
    )
    for position in (1, 2):
        LineItem.objects.create(invoice=invoice, product=pen, position=position)
    Payment.objects.create(invoice=invoice, reference="r1", amount=1)
    invoice.tags.add(Tag.objects.create(name="paid"))
    return invoice


def link(row: Any, place: str = "lines") -> str:
    """Return the path of *row*."""
    return f"/{place}/{row.pk}/"


def send(client: Client, method: str, path: str, data: object) -> Any:
    """Return the status and the data, or the errors, of the answer to *data*."""
    response = client.generic(method, path, json.dumps(data), "application/json")
    body: Any = response.json()
    return response.status_code, body["data"] if body["success"] else body["errors"]


def test_a_tree_with_links_is_written_and_shown(client: Client, invoice: Invoice) -> None:
    """Links name rows that exist, absolute or not, and every row is shown with its own."""
    status, data = send(
        client,
        "POST",
        "/invoices/",
        {
            "number": "2",
            "customer": {"name": "Eve", "slug": "eve"},
            "tags": [ROOT + link(Tag.objects.get(), "tags")],
            "line_items": [{"position": 1, "product": "/products/pen/"}],
            "payments": [{"reference": "r2", "amount": "2.00"}],
        },
    )
    new = Invoice.objects.get(number="2")
    assert (status, data) == (
        201,
        {
            "url": f"{ROOT}/invoices/{new.pk}/",
            "number": "2",
            "customer": {"url": ROOT + link(new.customer, "customers"), "name": "Eve", "slug": "eve"},
            "address": None,
            "tags": [ROOT + link(Tag.objects.get(), "tags")],
            "line_items": [
                {
                    "url": ROOT + link(new.line_items.get()),
                    "invoice": f"{ROOT}/invoices/{new.pk}/",
                    "product": f"{ROOT}/products/pen/",
                    "position": 1,
                    "text": "",
                }
            ],
            "payments": [{"url": f"{ROOT}/payments/r2/", "reference": "r2", "amount": "2.00"}],
        },
    )


def test_a_put_of_what_was_read_changes_nothing(client: Client, invoice: Invoice) -> None:
    """Every nested row is found by its URL: none is made anew, and none is unlinked."""
    before = client.get(link(invoice, "invoices")).json()["data"]
    pks = [*LineItem.objects.values_list("pk", flat=True), *Customer.objects.values_list("pk", flat=True)]
    assert send(client, "PUT", link(invoice, "invoices"), before) == (200, before)
    assert [*LineItem.objects.values_list("pk", flat=True), *Customer.objects.values_list("pk", flat=True)] == pks


def test_a_nested_row_is_changed_by_its_url_and_made_anew_without(client: Client, invoice: Invoice) -> None:
    """In a list and on its own, as with ids."""
    line = invoice.line_items.first()
    lines = [{"url": link(line), "text": "Pens"}, {"url": None, "position": 3, "text": "Ink"}]
    customer = {"url": ROOT + link(invoice.customer, "customers"), "name": "Ada L."}
    status, _data = send(client, "PATCH", link(invoice, "invoices"), {"line_items": lines, "customer": customer})
    assert status == 200
    assert [*LineItem.objects.values_list("position", "text")] == [(1, "Pens"), (2, ""), (3, "Ink")]
    assert Customer.objects.get().name == "Ada L."

    send(client, "PATCH", link(invoice, "invoices"), {"customer": {"name": "Eve", "slug": "eve"}})
    assert Customer.objects.count() == 2


def test_a_column_in_the_url_may_be_changed_with_the_row(client: Client, invoice: Invoice) -> None:
    """The URL says which row it was, and the column what becomes of it; a new row may choose it."""
    payments = [{"url": "/payments/r1/", "reference": "r9"}, {"reference": "r1", "amount": "5.00"}]
    status, data = send(client, "PATCH", link(invoice, "invoices"), {"payments": payments})
    assert (status, [row["url"] for row in data["payments"]]) == (200, [f"{ROOT}/payments/r9/", f"{ROOT}/payments/r1/"])
    assert [*Payment.objects.order_by("pk").values_list("reference", flat=True)] == ["r9", "r1"]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("/nowhere/", "Invalid hyperlink - No URL match."),
        ("http://[", "Invalid hyperlink - No URL match."),
        ("/tags/1/", "Invalid hyperlink - Incorrect URL match."),
        ("/lines/999/", "Invalid hyperlink - Object does not exist."),
        (f"/lines/{10**40}/", "Invalid hyperlink - Object does not exist."),
        ("/lines/x/", "Incorrect type. Expected pk value, received str."),
        ("/lines/%00/", "Incorrect type. Expected pk value, received str."),
        (7, "Incorrect type. Expected URL string, received int."),
        (True, "Incorrect type. Expected URL string, received bool."),
        ([], "Incorrect type. Expected URL string, received list."),
    ],
)
def test_a_url_that_names_no_row_is_an_error_of_the_url(
    client: Client, invoice: Invoice, url: object, message: str
) -> None:
    """It stands at its path, and nothing is written."""
    lines = [{"position": 3, "text": "Ink"}, {"url": url, "text": "lost"}]
    answer = send(client, "PATCH", link(invoice, "invoices"), {"line_items": lines})
    assert answer == (400, {"line_items": {"1": {"url": [message]}}})
    assert LineItem.objects.count() == 2


def test_a_url_reaches_no_row_of_another_parent(client: Client, invoice: Invoice) -> None:
    """Nor is a row named twice."""
    other = LineItem.objects.create(invoice=Invoice.objects.create(number="2"), position=1)
    own = link(invoice.line_items.first())
    lines = [{"url": link(other), "text": "taken"}, {"url": own, "text": "a"}, {"url": ROOT + own, "text": "b"}]
    assert send(client, "PATCH", link(invoice, "invoices"), {"line_items": lines}) == (
        400,
        {
            "line_items": {
                "0": {"url": ["Invalid hyperlink - Object does not exist."]},
                "2": {"url": [f'The row "{ROOT}{own}" is named twice.']},
            }
        },
    )
    assert not LineItem.objects.exclude(text="").exists()


def test_links_that_only_their_field_can_read_name_nothing(client: Client, invoice: Invoice) -> None:
    """A field that spells URLs in a way of its own is shown; the one row of a one-to-one is known without it."""
    data = {"address": {"url": link(invoice.address, "addresses"), "street": "Side Street"}}
    status, answer = send(client, "PATCH", link(invoice, "invoices"), data)
    assert (status, answer["address"]["url"]) == (200, ROOT + link(invoice.address, "addresses"))
    assert Address.objects.get().street == "Side Street"


def test_links_are_the_default_where_the_hyperlinked_serializer_comes_first(client: Client, invoice: Invoice) -> None:
    """Forward, backward and many-to-many relations are named by URL; lists are set as DRF sets them."""
    spare = LineItem.objects.create(invoice=Invoice.objects.create(number="9"), position=9)
    data = {
        "number": "2",
        "customer": link(invoice.customer, "customers"),
        "tags": [link(tag, "tags") for tag in Tag.objects.all()],
        "line_items": [link(spare)],
    }
    status, answer = send(client, "POST", "/linking/", data)
    assert (status, answer["line_items"]) == (201, [ROOT + link(spare)])
    new = Invoice.objects.get(number="2")
    assert (new.customer, new.line_items.get(), new.tags.get()) == (invoice.customer, spare, Tag.objects.get())
    bad = {**data, "number": "3", "customer": "/customers/999/", "line_items": ["/nowhere/"]}
    assert send(client, "POST", "/linking/", bad) == (
        400,
        {
            "customer": ["Invalid hyperlink - Object does not exist."],
            "line_items": ["Invalid hyperlink - No URL match."],
        },
    )


def test_fields_of_ours_work_in_a_hyperlinked_serializer(client: Client, invoice: Invoice) -> None:
    """Ids in, and out what a hyperlinked serializer shows, with the request at hand."""
    tag = Tag.objects.get()
    status, data = send(client, "POST", "/showing/", {"number": "2", "customer": invoice.customer_id, "tags": [tag.pk]})
    assert status == 201
    assert data["customer"]["url"] == ROOT + link(invoice.customer, "customers")
    assert data["tags"] == [{"url": ROOT + link(tag, "tags"), "name": "paid"}]


@pytest.mark.parametrize("place", ["invoices", "linking", "showing", "lines"])
def test_the_rows_of_a_list_of_links_are_read_along(client: Client, invoice: Invoice, place: str) -> None:
    """A column that stands in a URL is read with its row: more rows take no more queries."""

    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(f"/{place}/").status_code == 200
        return len(queries)

    before = count()
    for number in range(2, 6):
        more = Invoice.objects.create(number=str(number), customer=invoice.customer)
        more.tags.add(Tag.objects.create(name=str(number)))
        product = Product.objects.create(name="Cup", slug=f"cup-{number}")
        LineItem.objects.create(invoice=more, position=1, product=product)
    assert count() == before


def test_many_rows_named_by_url_are_found_at_once(client: Client, invoice: Invoice) -> None:
    """A longer list takes no more queries."""
    rows = [LineItem(invoice=invoice, position=position) for position in range(3, 43)]
    LineItem.objects.bulk_create(rows)
    urls = [link(row) for row in LineItem.objects.all()]

    def count(size: int) -> int:
        lines = [{"url": url, "text": "new"} for url in urls[:size]]
        with CaptureQueriesContext(connection) as queries:
            assert send(client, "PATCH", link(invoice, "invoices"), {"line_items": lines})[0] == 200
        return len(queries)

    assert count(2) == count(40)


@pytest.mark.parametrize("place", ["invoices", "linking", "showing", "lines", "products"])
def test_the_browsable_api_shows_links_and_forms(client: Client, invoice: Invoice, place: str) -> None:
    """The list, the row and what ``OPTIONS`` tells can all be rendered."""
    row = {"lines": invoice.line_items.first(), "products": None}.get(place, invoice)
    detail = f"/{place}/pen/" if row is None else link(row, place)
    for path in (f"/{place}/", detail):
        page = client.get(path, headers={"accept": "text/html"})
        assert (page.status_code, "<form" in page.content.decode()) == (200, True)
        assert client.options(path).status_code == 200
