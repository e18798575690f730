"""Every relation field, by its name: what goes in, what comes out, and what is refused."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from typing_extensions import override

from drf_commons.serializers import BaseModelSerializer
from drf_commons.serializers import fields as catalogue
from drf_commons.serializers.fields import Accept, ConfigurableRelatedFieldMixin, ManyRelation
from tests.ledger.models import Customer, Invoice, Product, Tag
from tests.ledger.serializers import CustomerSerializer

pytestmark = pytest.mark.django_db

BASES = {"Accept", "ConfigurableRelatedFieldMixin", "ManyRelation"}
NAMES = sorted(set(catalogue.__all__) - BASES)
SINGLE = [name for name in NAMES if not name.startswith("Many")]
MANY = [name for name in NAMES if name.startswith("Many")]

#: The grammar of the names: ``(Many)(input To output | what Only | ReadOnly output | …)Field``.
NAME = re.compile(
    r"(?P<many>Many)?(?:(?P<in>Id|Str|Data)To(?P<out>Id|Str|Data)|(?P<both>Id|Str)Only"
    r"|ReadOnly(?P<shown>Id|Str|Data|Custom)|(?P<special>Flexible|CustomOutput|WriteOnlyRelated))Field"
)
SPECIAL = {
    "Flexible": ({"id", "str"}, "data"),
    "CustomOutput": ({"id"}, "custom"),
    "WriteOnlyRelated": ({"id"}, None),
}


def parse(name: str) -> tuple[set[str], str | None]:
    """Return what a field of that *name* says it takes and shows."""
    match = NAME.fullmatch(name)
    assert match is not None, f"{name} does not follow the grammar of the names"
    said = {key: value.lower() for key, value in match.groupdict().items() if value and key not in {"many", "special"}}
    if match["special"]:
        return SPECIAL[match["special"]]
    if "both" in said:
        return {said["both"]}, said["both"]
    return ({said["in"]} if "in" in said else set()), said.get("out") or said["shown"]


def initial(customer: Customer) -> tuple[str, int]:
    """Return an output of our own."""
    return customer.name[0], len(customer.name)


def build(name: str, **options: Any) -> serializers.Field[Any, Any, Any, Any]:
    """Return the field *name* for customers, with all the arguments it needs."""
    takes, shows = parse(name)
    if takes & {"id", "str"}:
        options["queryset"] = Customer.objects.all()
    if "data" in takes or shows == "data":
        options["serializer"] = CustomerSerializer
    if shows == "custom":
        options["output"] = initial
    field: serializers.Field[Any, Any, Any, Any] = getattr(catalogue, name)(**options)
    return field


def build_serializer(name: str, **options: Any) -> type[BaseModelSerializer[Invoice, Any, Any]]:
    """Return an invoice's serializer whose customer is the field *name*."""

    class Serializer(BaseModelSerializer[Invoice]):
        customer = build(name, **options)

        class Meta:
            model = Invoice
            fields = ("number", "customer")

    return Serializer


def build_many_serializer(name: str, **options: Any) -> type[BaseModelSerializer[Any, Any, Any]]:
    """Return a serializer of nothing but a list of customers, the field *name*."""

    class Serializer(serializers.Serializer[Any]):
        customers = build(name, **options)

    return Serializer  # type: ignore[return-value]  # used for reading input only


def get_inputs(customer: Customer) -> dict[str, Any]:
    """Return *customer* in every form of input."""
    return {
        "id": customer.pk,
        "str": customer.slug,
        "data": {"name": f"{customer.name} anew", "slug": f"{customer.slug}-anew"},
    }


def is_shown_as(shows: str | None, shown: object, customer: Customer) -> bool:
    """Tell whether *shown* is *customer* as the name of its field says."""
    match shows:
        case "id":
            return shown == customer.pk
        case "str":
            return isinstance(shown, str) and shown in {str(customer), customer.slug}
        case "data":
            return isinstance(shown, Mapping) and shown["name"] == customer.name
        case "custom":
            return shown == initial(customer)
        case _:
            return shown is None


@pytest.fixture
def ada(db: None) -> Customer:
    return Customer.objects.create(name="Ada", slug="ada")


@pytest.fixture
def eve(db: None) -> Customer:
    return Customer.objects.create(name="Eve", slug="eve")


def test_the_table_of_inputs_and_outputs_is_complete() -> None:
    """Every input can be combined with every output, for one row and for many."""
    kinds = ("Id", "Str", "Data")
    for many in ("", "Many"):
        for into in kinds:
            for out in kinds:
                name = f"{many}{into}{'Only' if into == out and into != 'Data' else f'To{out}'}Field"
                assert name in NAMES


@pytest.mark.parametrize("name", SINGLE)
def test_every_field_has_a_sister_for_lists(name: str) -> None:
    """A field of one row is what a field of many rows is made of."""
    sister = getattr(catalogue, f"Many{name}")
    assert issubclass(sister, ManyRelation)
    assert sister.one is getattr(catalogue, name)


@pytest.mark.parametrize("name", SINGLE)
def test_a_field_accepts_what_its_name_says_and_nothing_else(name: str, ada: Customer) -> None:
    """Of an id, a text and nested data a field takes those that its name names."""
    takes, _shows = parse(name)
    for kind, value in get_inputs(ada).items():
        serializer = build_serializer(name)(data={"number": kind, "customer": value})
        assert serializer.is_valid() is (kind in takes or not takes), (kind, serializer.errors)
        assert ("customer" in serializer.validated_data) is (kind in takes)


@pytest.mark.parametrize("name", SINGLE)
def test_a_field_shows_what_its_name_says(name: str, ada: Customer) -> None:
    """What comes out is an id, a text, nested data or what a callable returns, by the name of the field."""
    _takes, shows = parse(name)
    data = build_serializer(name)(Invoice.objects.create(number="1", customer=ada)).data
    assert ("customer" in data) is (shows is not None)
    assert is_shown_as(shows, data.get("customer"), ada)


@pytest.mark.parametrize("name", [name for name in SINGLE if parse(name)[0]])
def test_what_goes_in_is_stored_and_shown(name: str, ada: Customer) -> None:
    """Each documented input is written, and shown as documented."""
    takes, shows = parse(name)
    for kind in takes:
        serializer = build_serializer(name)(data={"number": kind, "customer": get_inputs(ada)[kind]})
        assert serializer.is_valid(), serializer.errors
        customer = serializer.save().customer
        assert customer is not None
        assert (customer == ada) is (kind != "data")
        assert is_shown_as(shows, serializer.data.get("customer"), customer)


@pytest.mark.parametrize("name", ["IdOnlyField", "StrOnlyField", "DataToDataField"])
def test_what_comes_out_may_go_in_again(name: str, ada: Customer) -> None:
    """A field with the same form on both sides takes its own output, and nothing changes."""
    invoice = Invoice.objects.create(number="1", customer=ada)
    serializer_class = build_serializer(name)
    before = serializer_class(invoice).data
    serializer = serializer_class(invoice, data=before)
    assert serializer.is_valid(), serializer.errors
    serializer.save()
    assert serializer_class(Invoice.objects.get()).data == before
    assert Customer.objects.count() == 1


@pytest.mark.parametrize("name", [name for name in SINGLE if parse(name)[0]])
@pytest.mark.parametrize("value", [True, False, 3.5, [], [1], {"id": []}, {"name": {}}])
def test_a_wrong_type_is_an_error_of_the_field(name: str, value: object, ada: Customer) -> None:
    """Neither a boolean, though Python counts it among the integers, nor any other type that does not fit is taken."""
    serializer = build_serializer(name)(data={"number": "1", "customer": value})
    assert not serializer.is_valid()
    assert serializer.errors.keys() == {"customer"}


@pytest.mark.parametrize("name", [name for name in SINGLE if parse(name)[0]])
def test_null_is_refused_unless_it_is_allowed(name: str) -> None:
    """``allow_null`` is DRF's: off by default, and shown as null when on."""
    data = {"number": "1", "customer": None}
    refused = build_serializer(name)(data=data)
    assert not refused.is_valid()
    assert refused.errors["customer"][0].code == "null"
    allowed = build_serializer(name, allow_null=True)(data=data)
    assert allowed.is_valid(), allowed.errors
    assert allowed.save().customer is None
    assert allowed.data.get("customer") is None


@pytest.mark.parametrize("name", [name for name in SINGLE if parse(name)[0]])
def test_a_field_is_required_unless_it_says_otherwise(name: str) -> None:
    """``required`` is DRF's, and a PATCH leaves out what it likes."""
    assert build_serializer(name)(data={"number": "1"}).is_valid() is False
    assert build_serializer(name, required=False)(data={"number": "1"}).is_valid()
    assert build_serializer(name)(data={"number": "1"}, partial=True).is_valid()


@pytest.mark.parametrize("name", [name for name in MANY if parse(name)[0] & {"id", "str"}])
def test_a_list_is_read_in_its_order_with_its_duplicates(name: str, ada: Customer, eve: Customer) -> None:
    """What a field of one row takes, a list takes many times, with one query for all of it."""
    takes, shows = parse(name)
    for kind in takes:
        items = [get_inputs(customer)[kind] for customer in (eve, ada, eve)]
        serializer = build_many_serializer(name)(data={"customers": items})
        assert serializer.is_valid(), serializer.errors
        assert serializer.validated_data["customers"] == [eve, ada, eve]
        shown = serializer.data.get("customers", [None] * 3)
        assert all(is_shown_as(shows, item, customer) for item, customer in zip(shown, (eve, ada, eve), strict=True))


@pytest.mark.parametrize("name", MANY)
def test_a_list_shows_every_row(name: str, ada: Customer, eve: Customer) -> None:
    """A list shows what the field of one row shows of each."""
    _takes, shows = parse(name)
    data = build_many_serializer(name)({"customers": [ada, eve]}).data
    if shows is None:
        assert data == {}
    else:
        assert all(is_shown_as(shows, item, row) for item, row in zip(data["customers"], (ada, eve), strict=True))


@pytest.mark.parametrize("name", [name for name in MANY if parse(name)[0]])
def test_what_is_wrong_in_a_list_is_reported_by_position(name: str, ada: Customer) -> None:
    """The error of an item stands at its position; items that are right have none."""
    takes, _shows = parse(name)
    good = get_inputs(ada)[min(takes)]
    serializer = build_many_serializer(name)(data={"customers": [good, True, good, []]})
    assert not serializer.is_valid()
    assert serializer.errors["customers"].keys() == {1, 3}


@pytest.mark.parametrize("name", [name for name in MANY if parse(name)[0]])
@pytest.mark.parametrize("value", ["ada", 7, {"id": 7}, True])
def test_only_a_list_is_a_list(name: str, value: object) -> None:
    """A single key is not taken for a list, a text not for the list of its letters."""
    serializer = build_many_serializer(name)(data={"customers": value})
    assert not serializer.is_valid()
    assert [error.code for error in serializer.errors["customers"]] == ["not_a_list"]


@pytest.mark.parametrize("name", [name for name in MANY if parse(name)[0]])
def test_an_empty_list_is_refused_where_it_is_not_allowed(name: str) -> None:
    """``allow_empty`` is DRF's."""
    assert build_many_serializer(name)(data={"customers": []}).is_valid()
    serializer = build_many_serializer(name, allow_empty=False)(data={"customers": []})
    assert not serializer.is_valid()
    assert [error.code for error in serializer.errors["customers"]] == ["empty"]


@pytest.mark.parametrize("name", SINGLE)
def test_many_true_makes_the_list_field(name: str) -> None:
    """``many=True`` builds our list, around the field it was asked of."""
    field = build(name, many=True)
    assert isinstance(field, ManyRelation)
    assert type(field.child_relation) is getattr(catalogue, name)


def test_a_new_output_is_one_method(ada: Customer) -> None:
    """A subclass that says what it accepts and what it shows is a field, for one row and for many."""

    class InitialsField(ConfigurableRelatedFieldMixin[Customer, int, str]):
        accepts = Accept.PK

        @override
        def represent(self, instance: Customer) -> str:
            return instance.name[0]

    class Serializer(serializers.Serializer[Any]):
        one = InitialsField(queryset=Customer.objects.all())
        all = InitialsField(queryset=Customer.objects.all(), many=True)

    serializer = Serializer(data={"one": ada.pk, "all": [ada.pk]})
    assert serializer.is_valid(), serializer.errors
    assert serializer.validated_data == {"one": ada, "all": [ada]}
    assert serializer.data == {"one": "A", "all": ["A"]}


def test_a_new_output_without_a_representation_is_no_field() -> None:
    """The one method is abstract: forgetting it is an error at once."""

    class Forgotten(ConfigurableRelatedFieldMixin[Customer, int, str]):
        accepts = Accept.PK

    with pytest.raises(TypeError, match="represent"):
        Forgotten(queryset=Customer.objects.all())  # type: ignore[abstract]


def test_a_field_that_looks_rows_up_needs_to_know_where() -> None:
    """A look-up without a queryset is refused when the class is written, not when a request comes."""
    with pytest.raises(TypeError, match="IdOnlyField looks rows up: pass queryset=, or read_only=True"):
        catalogue.IdOnlyField()
    assert catalogue.IdOnlyField(read_only=True).read_only


def test_the_serializer_is_named_once() -> None:
    """``serializer`` and ``serializer_class`` are the same argument; it is needed, and not twice."""
    rows = Customer.objects.all()
    field = catalogue.IdToDataField(queryset=rows, serializer_class=CustomerSerializer)
    assert isinstance(field.bound_serializer, CustomerSerializer)
    either: Any
    for either in ({}, {"serializer": CustomerSerializer, "serializer_class": CustomerSerializer}):
        with pytest.raises(TypeError, match="takes serializer= "):
            catalogue.IdToDataField(queryset=rows, **either)


@pytest.mark.parametrize(
    "source",
    [CustomerSerializer, "tests.ledger.serializers.CustomerSerializer", lambda: CustomerSerializer],
    ids=["class", "path", "callable"],
)
def test_the_serializer_may_be_a_class_a_path_or_a_callable(source: Any, ada: Customer) -> None:
    """A path or a callable is resolved when the field is first used, for serializers that need one another."""
    field = catalogue.ReadOnlyDataField(serializer=source)
    assert field.to_representation(ada)["name"] == "Ada"


def test_read_only_means_read_only(ada: Customer) -> None:
    """A field that takes nothing ignores what is sent, as every read-only field of DRF does."""
    serializer = build_serializer("ReadOnlyDataField")(data={"number": "1", "customer": ada.pk})
    assert serializer.is_valid()
    assert serializer.save().customer is None


Json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.uuids().map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from([name for name in NAMES if parse(name)[0]]), value=Json)
def test_no_input_breaks_a_field(name: str, value: object) -> None:
    """Whatever JSON holds, a field takes it or reports an error: it never raises anything else."""
    serializer = build_many_serializer(name)(data={"customers": value})
    if not serializer.is_valid():
        assert list(flatten(serializer.errors["customers"]))


def flatten(errors: Any) -> Sequence[ErrorDetail]:
    """Return the messages in *errors*, however deep."""
    if isinstance(errors, ErrorDetail):
        return [errors]
    return [
        message for part in (errors.values() if isinstance(errors, Mapping) else errors) for message in flatten(part)
    ]


def test_tags_of_an_invoice_are_set_as_drf_sets_them(ada: Customer) -> None:
    """A list of ids is the whole list, in a PATCH too."""

    class Serializer(BaseModelSerializer[Invoice]):
        tags = catalogue.ManyIdOnlyField(queryset=Tag.objects.all())

        class Meta:
            model = Invoice
            fields = ("number", "tags")

    tags = [Tag.objects.create(name=name) for name in "abc"]
    serializer = Serializer(data={"number": "1", "tags": [tags[2].pk, tags[0].pk, tags[2].pk]})
    assert serializer.is_valid(), serializer.errors
    invoice = serializer.save()
    assert [*invoice.tags.all()] == [tags[0], tags[2]]
    patch = Serializer(invoice, data={"tags": [tags[1].pk]}, partial=True)
    assert patch.is_valid(), patch.errors
    patch.save()
    assert [*invoice.tags.all()] == [tags[1]]


def test_uuid_is_written_as_drf_writes_it() -> None:
    """A key keeps its type in ``data``, as it does in DRF's own field; the renderer makes it a text."""
    pk = uuid.uuid4()
    assert catalogue.ReadOnlyIdField().to_representation(Product(pk=pk)) == pk
