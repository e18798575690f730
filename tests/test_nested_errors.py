"""Nested input that is wrong: every error where it belongs, all at once, and nothing half-written."""

from __future__ import annotations

from typing import Any, NoReturn

import pytest
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import IntegrityError, transaction
from django.db.models import signals
from rest_framework import serializers
from rest_framework.test import APIClient
from typing_extensions import override

from drf_commons.errors import ConfigurationError, NestingDepthError
from drf_commons.serializers import BaseModelSerializer
from drf_commons.serializers.fields import (
    DataToDataField,
    DataToIdField,
    IdOnlyField,
    ManyDataToDataField,
    ManyIdOnlyField,
    ReadOnlyDataField,
)
from tests.ledger.models import (
    Address,
    Category,
    Customer,
    Discount,
    Invoice,
    LineItem,
    Payment,
    Person,
    Role,
    Tag,
)
from tests.ledger.serializers import (
    CategorySerializer,
    CustomerSerializer,
    InvoiceSerializer,
    LineItemSerializer,
    PaymentSerializer,
    TagSerializer,
)
from tests.ledger.trees import create, find_errors, get_codes, patch, put, show
from tests.test_nested_writes import TREE

pytestmark = pytest.mark.django_db


@pytest.fixture
def invoice() -> Invoice:
    return create(InvoiceSerializer, TREE)


def count_rows() -> list[int]:
    """Return how many rows every table of the tree has."""
    models = (Invoice, Customer, Address, LineItem, Discount, Payment, Tag, Person, Role)
    return [model._default_manager.count() for model in models]


def refuse(code: str) -> NoReturn:
    """Raise an error of our own."""
    raise serializers.ValidationError(["Not like this."], code=code)


# Where errors stand


def test_every_error_of_a_tree_is_reported_at_once_by_its_path() -> None:
    """Errors stand where the input is wrong, at every level, and nowhere else."""
    data = {
        "customer": {"name": "", "account": {"iban": None}},
        "address": 7,
        "line_items": [
            {"position": 1},
            {"position": "x", "product": "pen"},
            {"quantity": 1, "discounts": [{"percent": 1}, {"percent": -1}, {}]},
            "line",
            None,
        ],
        "payments": {"reference": "r"},
        "tags": [{"name": "a"}, 7, {"name": "x" * 41}],
        "people": [{"name": "Bob", "title": "clerk"}, {"name": "Joe"}],
    }
    assert find_errors(InvoiceSerializer, data) == {
        "number": "required",
        "customer": {"name": "blank", "slug": "required", "account": {"iban": "null"}},
        "address": {"non_field_errors": "invalid"},
        "line_items": {
            1: {"position": "invalid", "product": "incorrect_type"},
            2: {"position": "required", "discounts": {1: {"percent": "min_value"}, 2: {"percent": "required"}}},
            3: {"non_field_errors": "invalid"},
            4: "null",
        },
        "payments": {"non_field_errors": "not_a_list"},
        "tags": {1: "incorrect_type", 2: {"name": "max_length"}},
        "people": {1: {"title": "required"}},
    }


def test_the_answer_of_a_view_names_the_path() -> None:
    """Over HTTP the same errors stand in the envelope."""
    client = APIClient()
    data = {"number": "1", "line_items": [{"position": 1}] * 3 + [{"position": 4, "product": "pen"}]}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("django.conf.settings.ROOT_URLCONF", "tests.ledger.urls")
        response = client.post("/invoices/", data, format="json")
    assert response.status_code == 400
    errors = response.json()["errors"]["line_items"]
    assert errors["1"] == errors["2"] == {"position": ["This field must be unique."]}
    assert errors["3"]["product"] == ["Incorrect type. Expected pk value, received str."]


def test_limits_of_a_nested_list_are_its_own() -> None:
    """``allow_empty``, ``min_length`` and ``max_length`` are DRF's."""

    class Serializer(BaseModelSerializer[Invoice]):
        payments = PaymentSerializer(many=True, allow_empty=False)
        line_items = LineItemSerializer(many=True, min_length=2, max_length=3)

        class Meta:
            model = Invoice
            fields = ("number", "payments", "line_items")

    payment = {"reference": "a", "amount": "1"}
    lines = [{"position": position} for position in range(4)]
    short = find_errors(Serializer, {"number": "1", "payments": [], "line_items": lines[:1]})
    assert short == {"payments": {"non_field_errors": "empty"}, "line_items": {"non_field_errors": "min_length"}}
    long = find_errors(Serializer, {"number": "1", "payments": [payment], "line_items": lines})
    assert long == {"line_items": {"non_field_errors": "max_length"}}


def test_the_validators_of_a_nested_list_run() -> None:
    """``validate()`` of a row, of a list, and validators of a field see nested data."""

    class Lines(serializers.ListSerializer[LineItem]):
        @override
        def validate(self, attrs: Any) -> Any:
            if sum(row.get("quantity", 1) for row in attrs) > 10:
                refuse("too_much")
            return attrs

    class LineSerializer(BaseModelSerializer[LineItem]):
        class Meta:
            model = LineItem
            fields = ("id", "position", "quantity")
            list_serializer_class = Lines

        @override
        def validate(self, attrs: Any) -> Any:
            if attrs.get("quantity") == 0:
                refuse("nothing")
            return attrs

    def check_length(value: Any) -> None:
        if len(value) > 1:
            refuse("one")

    class Serializer(BaseModelSerializer[Invoice]):
        line_items = LineSerializer(many=True)
        tags = ManyDataToDataField(serializer=TagSerializer, validators=[check_length], required=False)

        class Meta:
            model = Invoice
            fields = ("number", "line_items", "tags")

    def check(*quantities: int) -> Any:
        lines = [{"position": position, "quantity": quantity} for position, quantity in enumerate(quantities)]
        return find_errors(Serializer, {"number": "1", "line_items": lines})

    assert check(1, 0) == {"line_items": {1: {"non_field_errors": "nothing"}}}
    assert check(6, 6) == {"line_items": {"non_field_errors": "too_much"}}
    tags = [{"name": "a"}, {"name": "b"}]
    assert find_errors(Serializer, {"number": "1", "line_items": [], "tags": tags}) == {"tags": "one"}


# Rows out of reach


def test_rows_of_another_parent_cannot_be_reached(invoice: Invoice) -> None:
    """An id that belongs elsewhere is treated as one that does not exist, for every kind of relation."""
    other = create(
        InvoiceSerializer,
        {
            "number": "other",
            "customer": {"name": "Eve", "slug": "eve"},
            "address": {"street": "Far"},
            "line_items": [{"position": 1, "discounts": [{"percent": 1}]}],
            "payments": [{"reference": "o", "amount": "1"}],
            "notes": [{"text": "theirs"}],
            "tags": [{"name": "theirs"}],
            "people": [{"name": "Eve", "title": "x"}],
        },
    )
    theirs = show(InvoiceSerializer, other)
    data = {name: theirs[name] for name in ("customer", "address", "line_items", "payments", "notes", "tags", "people")}
    expected = {"id": "does_not_exist"}
    assert find_errors(InvoiceSerializer, data, invoice, partial=True) == {
        name: expected if isinstance(value, dict) else {0: expected} for name, value in data.items()
    }
    line = LineItem.objects.filter(invoice=invoice).first()
    assert line is not None
    stolen = {"id": line.pk, "discounts": theirs["line_items"][0]["discounts"]}
    assert find_errors(InvoiceSerializer, {"line_items": [stolen]}, invoice, partial=True) == {
        "line_items": {0: {"discounts": {0: expected}}}
    }
    assert show(InvoiceSerializer, other) == theirs


def test_a_new_row_has_no_rows_to_name(invoice: Invoice) -> None:
    """A POST that carries ids of nested rows is refused: they belong to somebody, or to nobody."""
    tree = show(InvoiceSerializer, invoice)
    errors = find_errors(InvoiceSerializer, {"number": "new", "tags": tree["tags"], "line_items": tree["line_items"]})
    assert errors == {
        "tags": {0: {"id": "does_not_exist"}, 1: {"id": "does_not_exist"}},
        "line_items": {0: {"id": "does_not_exist"}, 1: {"id": "does_not_exist"}},
    }


def test_rows_out_of_reach_stay_so_when_validation_is_left_out(invoice: Invoice) -> None:
    """The write looks inside the relation as well, whatever ``validated_data`` has been made to say."""
    payment = Payment.objects.create(reference="free", amount=1)
    serializer = InvoiceSerializer()
    with pytest.raises(serializers.ValidationError) as caught:
        serializer.update(invoice, {"payments": [{"id": payment.pk, "reference": "taken"}]})
    assert get_codes(caught.value.detail) == {"payments": {0: {"id": "does_not_exist"}}}
    with pytest.raises(serializers.ValidationError) as caught:
        serializer.update(invoice, {"customer": {"id": 99, "name": "x"}})
    assert get_codes(caught.value.detail) == {"customer": {"id": "does_not_exist"}}


@pytest.mark.parametrize("pk", [True, "x", 1.5, [], {}, -1, 2**70, "9" * 5000])
def test_an_id_that_is_none_is_an_error_of_the_id(pk: object, invoice: Invoice) -> None:
    """Whatever stands where an id should be is reported there."""
    errors = find_errors(InvoiceSerializer, {"payments": [{"id": pk, "amount": "1"}]}, invoice, partial=True)
    assert errors["payments"][0]["id"] in {"incorrect_type", "does_not_exist"}


def test_a_row_is_named_once(invoice: Invoice) -> None:
    """Two items of one list cannot be the same row."""
    pk = Payment.objects.get(reference="r1").pk
    data = {"payments": [{"id": pk, "amount": "1"}, {"id": str(pk), "amount": "2"}]}
    assert find_errors(InvoiceSerializer, data, invoice, partial=True) == {"payments": {1: {"id": "repeated"}}}


class OrderSerializer(BaseModelSerializer[Invoice]):
    """A relation by its key and by its data, in either order of the fields."""

    customer = CustomerSerializer(required=False, allow_null=True)
    customer_id = IdOnlyField(queryset=Customer.objects.all(), source="customer", required=False, allow_null=True)
    tag_ids = ManyIdOnlyField(queryset=Tag.objects.all(), source="tags", required=False)
    tags = TagSerializer(many=True, required=False)

    class Meta:
        model = Invoice
        fields = ("id", "number", "customer", "customer_id", "tag_ids", "tags")


def test_a_key_beside_data_of_another_row_is_refused(invoice: Invoice) -> None:
    """Neither wins silently: a row is named, or described, or both say the same."""
    eve = Customer.objects.create(name="Eve", slug="eve")
    new = {"name": "Bob", "slug": "bob"}
    for customer in (new, {**new, "id": invoice.customer_id}, None):
        data = {"number": "2", "customer": customer, "customer_id": eve.pk}
        assert find_errors(OrderSerializer, data, invoice, partial=True) == {"customer": "contradictory"}
    tags: dict[str, Any] = {"tags": [{"name": "brand new"}], "tag_ids": [tag.pk for tag in Tag.objects.all()]}
    data = {"number": "2", "customer": new, "customer_id": eve.pk, **tags}
    assert find_errors(OrderSerializer, data) == {"customer": "contradictory", "tags": "contradictory"}
    assert not Customer.objects.filter(slug="bob").exists()


def test_a_key_beside_data_of_the_same_row_changes_that(invoice: Invoice) -> None:
    """What was read may be sent back as a whole, changed or not; each way alone works as ever."""
    before = show(OrderSerializer, invoice)
    assert before["customer"]["id"] == before["customer_id"]
    assert show(OrderSerializer, put(OrderSerializer, invoice, before)) == before
    customer = {**before["customer"], "name": "Ada L."}
    patch(OrderSerializer, invoice, {"customer": customer, "customer_id": before["customer_id"]})
    assert Customer.objects.get().name == "Ada L."
    eve = Customer.objects.create(name="Eve", slug="eve")
    assert patch(OrderSerializer, invoice, {"customer_id": eve.pk}).customer == eve
    assert patch(OrderSerializer, invoice, {"customer": None, "customer_id": None}).customer is None


def test_a_list_of_keys_stands_beside_a_list_of_data(invoice: Invoice) -> None:
    """Each is written as it is where it stands alone: in a PATCH, keys name the whole list, and data what changes."""
    paid, late = Tag.objects.order_by("name").reverse()
    patch(OrderSerializer, invoice, {"tags": [{"id": paid.pk, "name": "settled"}, {"name": "new"}]})
    assert [tag.name for tag in invoice.tags.all()] == ["settled", "late", "new"]
    patch(OrderSerializer, invoice, {"tags": []})
    assert invoice.tags.count() == 3
    patch(OrderSerializer, invoice, {"tag_ids": [late.pk]})
    assert [*invoice.tags.all()] == [late]
    patch(OrderSerializer, invoice, {"tag_ids": []})
    assert not invoice.tags.exists()


def test_new_and_changed_rows_can_be_refused() -> None:
    """``create`` and ``update`` switch off what data may do; a row may still be kept by its id."""

    class Serializer(BaseModelSerializer[Invoice]):
        tags = ManyDataToDataField(serializer=TagSerializer, create=False)
        customer = DataToDataField(serializer=CustomerSerializer, update=False)

        class Meta:
            model = Invoice
            fields = ("number", "tags", "customer")

    ada = Customer.objects.create(name="Ada", slug="ada")
    invoice = Invoice.objects.create(number="1", customer=ada)
    invoice.tags.add(Tag.objects.create(name="a"))
    data: dict[str, Any] = {"tags": [{"name": "b"}], "customer": {"id": ada.pk, "name": "Eve"}}
    assert find_errors(Serializer, data, invoice, partial=True) == {
        "tags": {0: "not_creatable"},
        "customer": "not_updatable",
    }
    data = {"tags": [{"id": Tag.objects.get().pk, "name": "b"}], "customer": {"id": ada.pk}}
    patch(Serializer, invoice, data)
    assert str(Tag.objects.get()) == "b"
    assert Invoice.objects.get().customer == ada


# Uniqueness


def test_a_row_is_not_in_its_own_way(invoice: Invoice) -> None:
    """A row that keeps its unique values is valid, at every level."""
    tree = show(InvoiceSerializer, invoice)
    serializer = InvoiceSerializer(invoice, data=tree)
    assert serializer.is_valid(), serializer.errors


def test_unique_values_are_compared_with_the_table_and_with_one_another(invoice: Invoice) -> None:
    """What is taken, by a stored row or by one before it in the list, is reported on the row that wants it."""
    data = {"payments": [{"reference": name, "amount": "1"} for name in ("r1", "new", "new", "free")]}
    assert find_errors(InvoiceSerializer, data, invoice, partial=True) == {
        "payments": {0: {"reference": "unique"}, 2: {"reference": "unique"}}
    }


def test_values_may_be_passed_on_within_a_list(invoice: Invoice) -> None:
    """A value that its row gives up in the same list is free."""
    first, second = Payment.objects.all()
    rows = [{"id": second.pk, "reference": "x", "amount": "1"}, {"reference": second.reference, "amount": "1"}]
    patch(InvoiceSerializer, invoice, {"payments": rows})
    assert [*Payment.objects.values_list("reference", flat=True)] == ["r1", "x", "r2"]
    assert Payment.objects.get(reference="x") == second
    assert Payment.objects.get(reference="r1") == first


def test_uniqueness_inside_the_parent_is_checked(invoice: Invoice) -> None:
    """A rule that includes the row the list belongs to holds among its rows, stored and new, and not beyond them."""
    data = {"line_items": [{"position": 2}, {"position": 3}, {"position": 3}]}
    assert find_errors(InvoiceSerializer, data, invoice, partial=True) == {
        "line_items": {0: {"position": "unique"}, 2: {"position": "unique"}}
    }
    create(InvoiceSerializer, {"number": "other", "line_items": [{"position": 1}, {"position": 2}]})


def test_one_nested_row_is_compared_without_itself(invoice: Invoice) -> None:
    """Unique validators of a single nested row leave out the row that is changed, and only that."""
    Customer.objects.create(name="Eve", slug="eve")
    pk = Customer.objects.get(slug="ada").pk
    patch(InvoiceSerializer, invoice, {"customer": {"id": pk, "slug": "ada"}})
    taken = {"customer": {"id": pk, "slug": "eve"}}
    assert find_errors(InvoiceSerializer, taken, invoice, partial=True) == {"customer": {"slug": "unique"}}
    assert find_errors(InvoiceSerializer, {"customer": {"name": "New", "slug": "ada"}}, invoice, partial=True) == {
        "customer": {"slug": "unique"}
    }


# PATCH


def test_a_new_row_has_to_be_complete_in_a_patch_too(invoice: Invoice) -> None:
    """Only what is stored can be changed in part."""
    data = {"line_items": [{"text": "no position"}], "customer": {"name": "Eve"}}
    assert find_errors(InvoiceSerializer, data, invoice, partial=True) == {
        "line_items": {0: {"position": "required"}},
        "customer": {"slug": "required"},
    }


def test_a_changed_row_has_to_be_complete_in_a_put(invoice: Invoice) -> None:
    """A PUT puts whole rows, nested ones too."""
    pk = Payment.objects.get(reference="r1").pk
    data = {"number": "1", "payments": [{"id": pk, "amount": "1"}]}
    assert find_errors(InvoiceSerializer, data, invoice) == {"payments": {0: {"reference": "required"}}}


def test_null_is_no_row_of_a_list() -> None:
    """A list that may be null has no nulls in it."""

    class Serializer(BaseModelSerializer[Invoice]):
        payments = PaymentSerializer(many=True, allow_null=True)
        tags = ManyDataToDataField(serializer=TagSerializer, allow_empty=False, allow_null=True)

        class Meta:
            model = Invoice
            fields = ("number", "payments", "tags")

    assert find_errors(Serializer, {"number": "1", "payments": [None], "tags": []}) == {
        "payments": {0: "null"},
        "tags": "empty",
    }
    invoice = create(Serializer, {"number": "1", "payments": None, "tags": None})
    assert not invoice.payments.exists()


def test_a_nested_list_may_not_be_null(invoice: Invoice) -> None:
    """Null is no list."""
    assert find_errors(InvoiceSerializer, {"payments": None, "tags": None}, invoice, partial=True) == {
        "payments": "null",
        "tags": "null",
    }


# Failing after some of it has been written


def test_a_row_that_fails_takes_everything_with_it() -> None:
    """The eleventh of eleven rows fails: nothing is written, and the error stands at the eleventh."""

    def close(instance: Payment, **_kwargs: Any) -> None:
        if instance.reference == "p10":
            raise DjangoValidationError({"amount": DjangoValidationError("Not today.", code="today")})

    before = count_rows()
    payments = [{"reference": f"p{number}", "amount": "1"} for number in range(11)]
    serializer = InvoiceSerializer(data={**TREE, "payments": payments})
    assert serializer.is_valid(), serializer.errors
    signals.pre_save.connect(close, sender=Payment)
    try:
        with pytest.raises(serializers.ValidationError) as caught:
            serializer.save()
    finally:
        signals.pre_save.disconnect(close, sender=Payment)
    assert get_codes(caught.value.detail) == {"payments": {10: {"amount": "today"}}}
    assert count_rows() == before


@pytest.mark.parametrize("level", ["line_items", "discounts"])
def test_an_error_of_a_nested_method_stands_where_it_belongs(level: str) -> None:
    """What a nested ``create()`` raises is reported by its path, from every level."""

    class DiscountSerializer(BaseModelSerializer[Discount]):
        class Meta:
            model = Discount
            fields = ("id", "percent")

        @override
        def create(self, validated_data: Any) -> Discount:
            if level == "discounts":
                raise serializers.ValidationError({"percent": ["No."]}, code="no")
            return super().create(validated_data)

    class LineSerializer(BaseModelSerializer[LineItem]):
        discounts = DiscountSerializer(many=True)

        class Meta:
            model = LineItem
            fields = ("id", "position", "discounts")

        @override
        def create(self, validated_data: Any) -> LineItem:
            if level == "line_items" and validated_data["position"] == 2:
                refuse("no")
            return super().create(validated_data)

    class Serializer(BaseModelSerializer[Invoice]):
        line_items = LineSerializer(many=True)

        class Meta:
            model = Invoice
            fields = ("number", "line_items")

    lines: list[dict[str, Any]] = [{"position": 1, "discounts": []}, {"position": 2, "discounts": [{"percent": 1}]}]
    serializer = Serializer(data={"number": "1", "line_items": lines})
    assert serializer.is_valid(), serializer.errors
    with pytest.raises(serializers.ValidationError) as caught:
        serializer.save()
    where = {"discounts": {0: {"percent": "no"}}} if level == "discounts" else {"non_field_errors": "no"}
    assert get_codes(caught.value.detail) == {"line_items": {1: where}}
    assert not Invoice.objects.exists()


def test_what_only_the_database_knows_is_an_error_of_the_list(invoice: Invoice) -> None:
    """A row that was taken between the check and the write: the whole tree is taken back."""
    serializer = InvoiceSerializer(invoice, data={"payments": [{"reference": "new", "amount": "1"}] * 1}, partial=True)
    assert serializer.is_valid(), serializer.errors
    Payment.objects.create(reference="new", amount=1)
    with pytest.raises(serializers.ValidationError) as caught:
        serializer.save()
    assert get_codes(caught.value.detail) == {"payments": {0: {"non_field_errors": "conflict"}}}
    assert Payment.objects.count() == 3


def test_an_error_of_the_row_itself_is_not_dressed_up() -> None:
    """Outside of what is nested, what goes wrong is what it is in DRF."""

    def close(**_kwargs: Any) -> None:
        raise DjangoValidationError({"number": "today"})

    Invoice.objects.create(number="1")
    with pytest.raises(IntegrityError), transaction.atomic():
        InvoiceSerializer().create({"number": "1"})
    signals.pre_save.connect(close, sender=Invoice)
    try:
        with pytest.raises(DjangoValidationError):
            InvoiceSerializer().create({"number": "2"})
    finally:
        signals.pre_save.disconnect(close, sender=Invoice)


def test_a_row_that_vanished_is_not_made_again(invoice: Invoice) -> None:
    """A row deleted between the check and the write is gone, and the client is told."""
    pk = Payment.objects.get(reference="r1").pk
    serializer = InvoiceSerializer(invoice, data={"payments": [{"id": pk, "amount": "5"}]}, partial=True)
    assert serializer.is_valid(), serializer.errors
    Payment.objects.filter(pk=pk).delete()
    with pytest.raises(serializers.ValidationError) as caught:
        serializer.save()
    assert get_codes(caught.value.detail) == {"payments": {0: {"id": "does_not_exist"}}}


def test_everything_in_save_is_one_transaction() -> None:
    """What an override writes beside the row is taken back with it."""

    class Serializer(BaseModelSerializer[Tag]):
        class Meta:
            model = Tag
            fields = ("name",)

        @override
        def create(self, validated_data: Any) -> Tag:
            super().create(validated_data)
            raise LookupError

    serializer = Serializer(data={"name": "a"})
    assert serializer.is_valid()
    with pytest.raises(LookupError):
        serializer.save()
    assert not Tag.objects.exists()


# Links with columns


def test_a_link_that_lacks_a_column_is_refused() -> None:
    """A row that is named by its key cannot bring the columns of the link: the error names them."""

    class Serializer(BaseModelSerializer[Invoice]):
        people = ManyIdOnlyField(queryset=Person.objects.all())

        class Meta:
            model = Invoice
            fields = ("number", "people")

    bob = Person.objects.create(name="Bob")
    serializer = Serializer(data={"number": "1", "people": [bob.pk]})
    assert serializer.is_valid(), serializer.errors
    with pytest.raises(serializers.ValidationError) as caught:
        serializer.save()
    assert get_codes(caught.value.detail) == {"people": {0: {"title": "required"}}}
    assert not Invoice.objects.exists()


# Circles


def nest(depth: int) -> dict[str, Any]:
    """Return a tree of *depth* levels."""
    tree: dict[str, Any] = {"name": "leaf", "children": []}
    for level in range(depth - 1):
        tree = {"name": str(level), "children": [tree]}
    return tree


def test_input_that_never_ends_is_refused() -> None:
    """Data nested too deeply is an error of the data, at the depth where it is too much."""
    assert CategorySerializer(data=nest(33)).is_valid()
    serializer = CategorySerializer(data=nest(34))
    assert not serializer.is_valid()
    errors: Any = serializer.errors
    for _level in range(32):
        errors = errors["children"][0]
    assert get_codes(errors) == {"children": {0: "max_depth"}}
    endless: dict[str, Any] = {"name": "a"}
    endless["children"] = [endless]
    assert not CategorySerializer(data=endless).is_valid()


def test_one_row_inside_another_is_counted_too() -> None:
    """The same for serializers that nest one row."""

    class ParentSerializer(BaseModelSerializer[Category]):
        above = DataToDataField(source="parent", serializer=lambda: ParentSerializer, required=False)

        class Meta:
            model = Category
            fields = ("name", "above")

    tree: dict[str, Any] = {"name": "root"}
    for level in range(33):
        tree = {"name": str(level), "above": tree}
    serializer = ParentSerializer(data=tree)
    assert not serializer.is_valid()
    assert ParentSerializer(data=tree["above"]).is_valid()


def test_rows_that_go_round_in_a_circle_are_reported() -> None:
    """Reading rows that contain themselves ends with an error that says so."""
    category = Category.objects.create(name="a")
    Category.objects.update(parent=category)
    with pytest.raises(NestingDepthError, match="CategorySerializer nests itself more than 32 levels deep"):
        assert CategorySerializer(Category.objects.get()).data


def test_a_row_cannot_be_put_below_itself_by_nested_data() -> None:
    """A row is not among its own children, so it cannot be named there."""
    category = Category.objects.create(name="a")
    data = {"name": "a", "children": [{"id": category.pk, "name": "a"}]}
    assert find_errors(CategorySerializer, data, category) == {"children": {0: {"id": "does_not_exist"}}}


# Mistakes of the project


def test_nested_data_needs_a_serializer_that_writes_it() -> None:
    """In a plain serializer a field that takes data would have nobody to write it."""

    class Serializer(serializers.ModelSerializer[Invoice]):
        customer = DataToIdField(serializer=CustomerSerializer)

        class Meta:  # pyright: ignore[reportIncompatibleVariableOverride]  # the stubs declare a class
            model = Invoice
            fields = ("number", "customer")

    with pytest.raises(ConfigurationError, match="only a BaseModelSerializer writes"):
        Serializer(data={"number": "1", "customer": {"name": "Ada", "slug": "ada"}}).is_valid()


@pytest.mark.parametrize("source", ["tests.ledger.nowhere.X", "tests.ledger.models.Tag", lambda: int])
def test_a_serializer_that_is_none_is_named(source: Any) -> None:
    """A path that leads nowhere, or to something else, is a mistake with a message."""
    with pytest.raises(ConfigurationError, match="ReadOnlyDataField: serializer="):
        ReadOnlyDataField(serializer=source).to_representation(Tag())


def test_validators_are_back_in_place_after_a_list() -> None:
    """Checking a whole list takes the validators of a row aside; afterwards the serializer is what it was."""
    serializer = InvoiceSerializer(data={"number": "1", "payments": [{"reference": "a", "amount": "1"}] * 2})
    reference: Any = serializer.fields["payments"]
    before = [*reference.child.fields["reference"].validators]
    assert not serializer.is_valid()
    assert reference.child.fields["reference"].validators == before != []
