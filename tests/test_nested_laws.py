"""Laws of nested writes, for trees nobody thought of: written by a serializer as by hand, and read back as written."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drf_commons.serializers import BaseModelSerializer
from drf_commons.serializers.fields import DataToDataField, ManyDataToDataField
from tests.ledger.models import Customer, Discount, Invoice, LineItem, Payment, Tag
from tests.ledger.serializers import CustomerSerializer, LineItemSerializer, PaymentSerializer, TagSerializer
from tests.ledger.trees import create, patch, put, show

pytestmark = pytest.mark.django_db

check = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class TreeSerializer(BaseModelSerializer[Invoice]):
    customer = DataToDataField(serializer=CustomerSerializer, allow_null=True)
    line_items = LineItemSerializer(many=True, relation_write={"sync_mode": "sync"})
    payments = ManyDataToDataField(serializer=PaymentSerializer)
    tags = TagSerializer(many=True)

    class Meta:
        model = Invoice
        fields = ("id", "number", "customer", "line_items", "payments", "tags")


def texts(size: int = 8) -> st.SearchStrategy[str]:
    return st.text("abcdefgh", min_size=1, max_size=size)


DISCOUNTS = st.lists(st.fixed_dictionaries({"percent": st.integers(0, 100)}), max_size=3)
LINES = st.lists(
    st.fixed_dictionaries(
        {"position": st.integers(0, 20), "text": texts(), "quantity": st.integers(0, 99), "discounts": DISCOUNTS}
    ),
    max_size=5,
    unique_by=lambda line: str(line["position"]),
).map(lambda lines: sorted(lines, key=lambda line: int(str(line["position"]))))
AMOUNTS = st.decimals(0, 999, places=2).map(str)
PAYMENTS = st.lists(
    st.fixed_dictionaries({"reference": texts(), "amount": AMOUNTS}), max_size=4, unique_by=lambda row: row["reference"]
)
TAGS = st.lists(st.fixed_dictionaries({"name": texts()}), max_size=4, unique_by=lambda row: row["name"])
CUSTOMERS = st.none() | st.fixed_dictionaries({"name": texts(), "slug": texts()})
TREES = st.fixed_dictionaries(
    {"number": texts(), "customer": CUSTOMERS, "line_items": LINES, "payments": PAYMENTS, "tags": TAGS}
)


def clear() -> None:
    """Forget the tree of the example before."""
    for model in (Invoice, Customer, Payment, Tag):
        model._default_manager.all().delete()


def write_by_hand(tree: dict[str, Any]) -> Invoice:
    """Write *tree* as one would without a serializer."""
    customer = None if tree["customer"] is None else Customer.objects.create(**tree["customer"])
    invoice = Invoice.objects.create(number=tree["number"], customer=customer)
    for line in tree["line_items"]:
        columns = {name: value for name, value in line.items() if name != "discounts"}
        item = LineItem.objects.create(invoice=invoice, **columns)
        for discount in line["discounts"]:
            Discount.objects.create(line_item=item, **discount)
    for payment in tree["payments"]:
        Payment.objects.create(invoice=invoice, **payment)
    for tag in tree["tags"]:
        invoice.tags.add(Tag.objects.create(**tag))
    return invoice


def strip(value: Any) -> Any:
    """Return *value* without what the database made."""
    if isinstance(value, dict):
        left_out = {"id", "invoice", "product", "account", "badge"}
        return {name: strip(part) for name, part in value.items() if name not in left_out}
    return [strip(part) for part in value] if isinstance(value, list) else value


@check
@given(tree=TREES)
def test_a_tree_is_written_as_by_hand_and_read_as_written(tree: dict[str, Any]) -> None:
    """Serializer and ORM store the same rows, and reading returns what was sent."""
    clear()
    by_hand = strip(show(TreeSerializer, write_by_hand(tree)))
    clear()
    by_serializer = strip(show(TreeSerializer, create(TreeSerializer, tree)))
    assert by_serializer == by_hand == tree


@check
@given(before=TREES, after=TREES)
def test_a_put_makes_the_tree_what_was_put(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Whatever was stored, a PUT leaves what it says, and nothing of what belonged to the old tree alone."""
    clear()
    invoice = create(TreeSerializer, before)
    after = {
        **after,
        # Names that are taken by rows that stay would be refused; this law is not about them.
        "payments": [{**row, "reference": f"new-{row['reference']}"} for row in after["payments"]],
        "tags": [{"name": f"new-{row['name']}"} for row in after["tags"]],
        "customer": None if after["customer"] is None else {**after["customer"], "slug": "new"},
    }
    put(TreeSerializer, invoice, after)
    assert strip(show(TreeSerializer, invoice)) == after
    assert LineItem.objects.count() == len(after["line_items"])
    assert Discount.objects.count() == sum(len(line["discounts"]) for line in after["line_items"])


@check
@given(tree=TREES)
def test_a_put_of_what_was_read_changes_nothing(tree: dict[str, Any]) -> None:
    """Reading and putting back is the identity, ids included."""
    clear()
    invoice = create(TreeSerializer, tree)
    before = show(TreeSerializer, invoice)
    put(TreeSerializer, invoice, before)
    assert show(TreeSerializer, invoice) == before


@check
@given(tree=TREES, changes=st.data())
def test_a_patch_changes_what_it_names(tree: dict[str, Any], changes: st.DataObject) -> None:
    """Rows and columns that a PATCH does not name are what they were."""
    clear()
    invoice = create(TreeSerializer, tree)
    expected = show(TreeSerializer, invoice)
    sent: list[dict[str, Any]] = []
    for line in expected["line_items"]:
        if changes.draw(st.booleans()):
            change = changes.draw(st.fixed_dictionaries({}, optional={"text": texts(), "quantity": st.integers(0, 99)}))
            sent.append({"id": line["id"], **change})
            line.update(change)
    class_ = type("Appending", (TreeSerializer,), {"line_items": LineItemSerializer(many=True)})
    patch(class_, invoice, {"line_items": sent})
    assert show(TreeSerializer, invoice) == expected
