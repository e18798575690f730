"""``many=True`` creates and updates rows with a fixed number of queries, and trusts no client."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, ClassVar

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.fields import empty
from rest_framework.validators import UniqueValidator
from typing_extensions import override

from drf_commons.errors import BulkVersionConflictError
from drf_commons.serializers import BaseModelSerializer, BulkListSerializer, BulkUpdateListSerializer
from drf_commons.serializers.fields import IdOnlyField
from tests.personnel.models import Department, Employee
from tests.warehouse.models import Crate, Item, Label, Machine, Parcel, Supplier

pytestmark = pytest.mark.django_db


class ItemSerializer(BaseModelSerializer[Item]):
    class Meta:
        model = Item
        fields = ("id", "name", "price", "quantity", "status", "due", "supplier", "is_active")


class UncheckedItemSerializer(BaseModelSerializer[Item]):
    """Lets texts through that are too long for their column."""

    name = serializers.CharField()

    class Meta:
        model = Item
        fields = ("id", "name", "quantity")


class SpeltSupplierSerializer(BaseModelSerializer[Supplier]):
    """Lets no two suppliers differ by capitals alone."""

    name = serializers.CharField(validators=[UniqueValidator(Supplier.objects.all(), lookup="iexact")])

    class Meta:
        model = Supplier
        fields = ("id", "name")


class SuppliedItemSerializer(BaseModelSerializer[Item]):
    """Writes a column of the related row, which is unique."""

    supplier_name = serializers.CharField(
        source="supplier.name", validators=[UniqueValidator(Supplier.objects.all())], write_only=True
    )

    class Meta:
        model = Item
        fields = ("id", "name", "supplier_name")


class SupplierSerializer(BaseModelSerializer[Supplier]):
    class Meta:
        model = Supplier
        fields = ("id", "name")


class ParcelSerializer(BaseModelSerializer[Parcel]):
    class Meta:
        model = Parcel
        fields = ("id", "label")


class WritableKeySerializer(BaseModelSerializer[Parcel]):
    """Takes the key among the fields."""

    id = serializers.UUIDField()

    class Meta:
        model = Parcel
        fields = ("id", "label")


class LabelSerializer(BaseModelSerializer[Label]):
    class Meta:
        model = Label
        fields = ("code", "text")


class MachineSerializer(BaseModelSerializer[Machine]):
    class Meta:
        model = Machine
        fields = ("id", "name", "place", "version")


class EmployeeSerializer(BaseModelSerializer[Employee]):
    class Meta:
        model = Employee
        fields = ("id", "first_name", "last_name", "email", "salary", "hired", "department")


def make_items(count: int) -> list[Item]:
    Item.objects.bulk_create([Item(name=f"item {number}") for number in range(count)])
    return [*Item.objects.order_by("pk")]


def make_staff(count: int) -> list[dict[str, Any]]:
    """Return the data of *count* employees, no two alike."""
    department = Department.objects.create(code="x", name="X")
    return [
        {
            "first_name": f"first {number}",
            "last_name": "last",
            "email": f"{number}@example.org",
            "salary": "1000.00",
            "hired": "2024-05-01",
            "department": department.pk,
        }
        for number in range(count)
    ]


def bulk(serializer_class: type[BaseModelSerializer[Any]], *args: Any, **options: Any) -> BulkListSerializer[Any]:
    serializer: object = serializer_class(*args, many=True, **options)
    assert isinstance(serializer, BulkListSerializer)
    return serializer


def save(serializer: BulkListSerializer[Any]) -> list[Any]:
    assert serializer.is_valid(), serializer.errors
    return serializer.save()


def find_errors(serializer: BulkListSerializer[Any]) -> dict[int, Any]:
    assert not serializer.is_valid()
    return {
        index: {name: [str(text) for text in texts] for name, texts in error.items()}
        for index, error in serializer.row_errors.items()
    }


# What is written


def test_rows_are_created_in_the_order_of_the_payload() -> None:
    """``save()`` returns what was sent, row by row."""
    rows = save(bulk(ItemSerializer, data=[{"name": "b"}, {"name": "a", "quantity": 3}]))

    assert [(row.name, row.quantity) for row in rows] == [("b", 0), ("a", 3)]
    assert [*Item.objects.order_by("pk").values_list("pk", "name")] == [(row.pk, row.name) for row in rows]


def test_rows_are_matched_by_key_and_never_by_position() -> None:
    """The payload has an order of its own, which the answer keeps."""
    first, second, third = make_items(3)

    serializer = bulk(
        ItemSerializer,
        Item.objects.all(),
        data=[{"id": third.pk, "name": "three"}, {"id": first.pk, "name": "one"}],
        partial=True,
    )
    save(serializer)

    assert [*Item.objects.order_by("pk").values_list("name", flat=True)] == ["one", second.name, "three"]
    assert [row["name"] for row in serializer.data] == ["three", "one"]


def test_a_list_of_instances_does_as_well_as_a_queryset() -> None:
    """Who has the rows already need not have them read again."""
    items = make_items(2)

    save(bulk(ItemSerializer, [*reversed(items)], data=[{"id": items[0].pk, "name": "one"}], partial=True))

    assert [*Item.objects.order_by("pk").values_list("name", flat=True)] == ["one", "item 1"]


def test_two_clients_who_change_different_columns_do_not_undo_each_other() -> None:
    """A row writes what it sent: both changes of the same 500 rows survive."""
    items = make_items(500)
    mine = bulk(
        ItemSerializer, Item.objects.all(), data=[{"id": row.pk, "name": f"n{row.pk}"} for row in items], partial=True
    )
    theirs = bulk(
        ItemSerializer, Item.objects.all(), data=[{"id": row.pk, "quantity": row.pk} for row in items], partial=True
    )
    assert mine.is_valid()
    assert theirs.is_valid()

    theirs.save()
    mine.save()

    assert [*Item.objects.order_by("pk").values_list("name", "quantity")] == [(f"n{row.pk}", row.pk) for row in items]


def test_rows_of_one_payload_may_name_different_columns() -> None:
    """What a row does not send keeps what the database holds at that moment."""
    first, second = make_items(2)
    serializer = bulk(
        ItemSerializer,
        Item.objects.all(),
        data=[{"id": first.pk, "name": "new"}, {"id": second.pk, "quantity": 5}],
        partial=True,
    )
    assert serializer.is_valid()
    Item.objects.update(quantity=9)

    serializer.save()

    assert [*Item.objects.order_by("pk").values_list("name", "quantity")] == [("new", 9), ("item 1", 5)]


def test_extra_values_are_written_to_every_row() -> None:
    """``save(owner=…)`` works as it does for one row."""
    supplier = Supplier.objects.create(name="s")
    serializer = bulk(ItemSerializer, data=[{"name": "a"}, {"name": "b"}])
    assert serializer.is_valid()

    serializer.save(supplier=supplier)

    assert Item.objects.filter(supplier=supplier).count() == 2


# Which rows


@pytest.mark.parametrize("spell", [str.upper, lambda key: key.replace("-", ""), lambda key: f"{{{key}}}"])
def test_a_key_may_be_spelt_in_capitals_or_without_dashes(spell: Any) -> None:
    """It is the same UUID."""
    parcel = Parcel.objects.create(label="old")

    save(bulk(ParcelSerializer, Parcel.objects.all(), data=[{"id": spell(str(parcel.pk)), "label": "new"}]))

    parcel.refresh_from_db()
    assert parcel.label == "new"


def test_a_row_that_the_queryset_hides_does_not_exist() -> None:
    """The queryset says which rows are within reach."""
    first, second = make_items(2)

    serializer = bulk(
        ItemSerializer,
        Item.objects.exclude(pk=second.pk),
        data=[{"id": first.pk, "name": "new"}, {"id": second.pk, "name": "new"}],
    )

    assert find_errors(serializer) == {1: {"id": [f'Invalid pk "{second.pk}" - object does not exist.']}}
    assert not Item.objects.filter(name="new").exists()


def test_a_key_that_is_missing_malformed_or_repeated_is_an_error_of_its_row() -> None:
    """Each row has its own message, and nothing is written."""
    (item,) = make_items(1)
    huge = 10**30
    data = [{"id": item.pk}, {}, {"id": None}, {"id": "x"}, {"id": item.pk}, {"id": True}, {"id": huge}, {"id": [1]}]

    serializer = bulk(ItemSerializer, Item.objects.all(), data=data, partial=True)

    assert find_errors(serializer) == {
        1: {"id": ["This field is required."]},
        2: {"id": ["This field is required."]},
        3: {"id": ["Incorrect type. Expected pk value, received str."]},
        4: {"id": [f'The row "{item.pk}" is named twice.']},
        5: {"id": ["Incorrect type. Expected pk value, received bool."]},
        6: {"id": [f'Invalid pk "{huge}" - object does not exist.']},
        7: {"id": ["Incorrect type. Expected pk value, received list."]},
    }


@pytest.mark.parametrize("name", ["a\x00b", "a\ud800b"])
def test_a_key_that_no_database_can_hold_takes_no_other_row_along(name: str) -> None:
    """It does not reach the query that the others share."""
    Label.objects.create(code="a", text="old")

    serializer = bulk(LabelSerializer, Label.objects.all(), data=[{"code": "a", "text": "x"}, {"code": name}])

    assert [*find_errors(serializer)] == [1]


def test_a_key_is_never_assigned() -> None:
    """It says which row is meant; there is no other row afterwards."""
    parcel = Parcel.objects.create(label="old")

    save(bulk(WritableKeySerializer, Parcel.objects.all(), data=[{"id": str(parcel.pk), "label": "new"}]))
    serializer = bulk(WritableKeySerializer, Parcel.objects.all(), data=[{"id": str(uuid.uuid4()), "label": "x"}])

    assert not serializer.is_valid()
    assert [*Parcel.objects.values_list("pk", "label")] == [(parcel.pk, "new")]


def test_a_text_key_finds_its_row() -> None:
    """The field of the key has the name of the key."""
    Label.objects.create(code="a", text="old")

    save(bulk(LabelSerializer, Label.objects.all(), data=[{"code": "a", "text": "new"}]))

    assert [*Label.objects.values_list("code", "text")] == [("a", "new")]


def test_the_rows_are_known_before_validation() -> None:
    """Who may touch them can be decided first, and a row can be refused."""
    items = make_items(2)
    serializer = bulk(
        ItemSerializer, Item.objects.all(), data=[{"id": row.pk, "name": "new"} for row in items], partial=True
    )

    assert serializer.find_instances() == items
    serializer.refuse(0, ValidationError({"id": ["Not yours."]}))

    assert find_errors(serializer) == {0: {"id": ["Not yours."]}}


# What the database refuses


def test_a_text_that_is_longer_than_its_column_is_refused_or_stored_whole() -> None:
    """It is never cut, and no other row is written."""
    items = make_items(2)
    data = [{"id": items[0].pk, "name": "fits"}, {"id": items[1].pk, "name": "x" * 50}]
    assert find_errors(bulk(ItemSerializer, Item.objects.all(), data=data, partial=True)).keys() == {1}
    serializer = bulk(UncheckedItemSerializer, Item.objects.all(), data=data, partial=True)
    assert serializer.is_valid()

    if connection.vendor == "sqlite":  # has no lengths
        serializer.save()
        assert Item.objects.filter(name="x" * 50).exists()
    else:
        with pytest.raises(ValidationError, match="does not fit"):
            serializer.save()
        assert not Item.objects.filter(name="fits").exists()


def test_swapped_unique_values_are_a_clean_error() -> None:
    """Each row wants what the other one still has."""
    ada, bob = (Supplier.objects.create(name=name) for name in ("ada", "bob"))

    serializer = bulk(
        SupplierSerializer, Supplier.objects.all(), data=[{"id": ada.pk, "name": "bob"}, {"id": bob.pk, "name": "ada"}]
    )

    message = "supplier with this name already exists."
    assert find_errors(serializer) == {0: {"name": [message]}, 1: {"name": [message]}}
    assert [*Supplier.objects.order_by("pk").values_list("name", flat=True)] == ["ada", "bob"]


def test_a_unique_value_twice_in_one_payload_is_an_error_of_the_later_row() -> None:
    """In DRF the database finds out, and the answer is a 500."""
    serializer = bulk(SupplierSerializer, data=[{"name": "a"}, {"name": "b"}, {"name": "a"}])

    assert find_errors(serializer) == {2: {"name": ["supplier with this name already exists."]}}
    assert serializer.row_errors[2]["name"][0].code == "unique"


@pytest.mark.parametrize(
    ("serializer_class", "name"), [(SpeltSupplierSerializer, "name"), (SuppliedItemSerializer, "supplier_name")]
)
def test_a_rule_of_uniqueness_that_only_its_field_can_ask_about_is_asked(serializer_class: Any, name: str) -> None:
    """One query for all of them answers no other question than which values of one column are taken."""
    Supplier.objects.create(name="Ada")
    taken = "ADA" if serializer_class is SpeltSupplierSerializer else "Ada"

    errors = find_errors(bulk(serializer_class, data=[{"name": "x", name: "free"}, {"name": "y", name: taken}]))

    assert errors == {1: {name: ["This field must be unique."]}}


def test_a_set_of_unique_values_twice_in_one_payload_is_an_error_of_the_later_row() -> None:
    """The same for a rule over several columns."""
    data = make_staff(2)
    data[1] |= {"first_name": data[0]["first_name"]}

    errors = find_errors(bulk(EmployeeSerializer, data=data))

    assert errors == {1: {"non_field_errors": ["The fields first_name, last_name, hired must make a unique set."]}}


def test_a_row_that_is_refused_takes_no_unique_value() -> None:
    """The last row wants what only the one before it wanted, which has an error of its own."""
    data = make_staff(3)
    data[1] |= {"email": data[0]["email"]}
    data[2] |= {"first_name": data[1]["first_name"]}

    assert find_errors(bulk(EmployeeSerializer, data=data)).keys() == {1}


def test_unique_values_that_validate_sets_are_compared() -> None:
    """Not the ones that the input has."""

    class NamingSerializer(SupplierSerializer):
        @override
        def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
            return {**attrs, "name": attrs["name"][:1]}

    assert find_errors(bulk(NamingSerializer, data=[{"name": "ada"}, {"name": "bob"}, {"name": "ann"}])).keys() == {2}


def test_of_two_fields_for_one_column_the_last_one_counts() -> None:
    """As it does in DRF."""

    class AliasSerializer(SupplierSerializer):
        alias = serializers.CharField(source="name")

        class Meta:  # pyright: ignore[reportIncompatibleVariableOverride]  # as DRF has it
            model = Supplier
            fields = ("id", "name", "alias")

    data = [{"name": "a", "alias": "x"}, {"name": "b", "alias": "x"}, {"name": "b", "alias": "y"}]
    assert find_errors(bulk(AliasSerializer, data=data)).keys() == {1}


def test_a_row_keeps_its_own_unique_values() -> None:
    """What a row has already it may send again."""
    save(bulk(EmployeeSerializer, data=make_staff(3)))
    serializer = bulk(EmployeeSerializer, Employee.objects.order_by("email"))
    data = EmployeeSerializer(Employee.objects.order_by("email"), many=True).data

    rows = save(bulk(EmployeeSerializer, Employee.objects.all(), data=[dict(row) for row in data]))

    assert len(rows) == 3
    assert serializer.data == data


def test_what_the_database_refuses_leaves_nothing_behind() -> None:
    """Validation cannot see everything; the write is one all the same."""
    data = make_staff(3)
    serializer = bulk(EmployeeSerializer, data=data)
    assert serializer.is_valid()
    save(bulk(EmployeeSerializer, data=[{**data[1], "first_name": "other"}]))

    with pytest.raises(ValidationError, match="contradicts"):
        serializer.save()

    assert Employee.objects.count() == 1


def test_a_row_that_is_deleted_meanwhile_is_an_error_and_nothing_is_written() -> None:
    """No other row is written, and it does not come back."""
    items = make_items(3)
    data = [{"id": row.pk, "name": "new"} for row in items]
    serializer = bulk(ItemSerializer, Item.objects.all(), data=data, partial=True)
    assert serializer.is_valid()
    Item.objects.filter(pk=items[1].pk).delete()

    with pytest.raises(ValidationError) as caught:
        serializer.save()

    detail: object = caught.value.detail
    assert detail == {1: {"id": [f'Invalid pk "{items[1].pk}" - object does not exist.']}}
    assert not Item.objects.filter(name="new").exists()
    assert Item.objects.count() == 2


# Versions


def test_a_version_that_was_not_read_conflicts() -> None:
    """The version of the body is the one that the client has seen."""
    machines = [Machine.objects.create(name=name) for name in ("a", "b")]
    Machine.objects.get(pk=machines[1].pk).save()
    data = [{"id": row.pk, "name": "new", "version": 1} for row in machines]

    serializer = bulk(MachineSerializer, Machine.objects.all(), data=data, partial=True)
    assert serializer.is_valid()
    with pytest.raises(BulkVersionConflictError):
        serializer.save()

    assert not Machine.objects.filter(name="new").exists()


def test_versions_are_counted() -> None:
    """The answer shows the next one."""
    machine = Machine.objects.create(name="a")

    serializer = bulk(
        MachineSerializer, Machine.objects.all(), data=[{"id": machine.pk, "name": "b", "version": 1}], partial=True
    )
    save(serializer)

    assert serializer.data[0]["version"] == 2
    assert Machine.objects.get().version == 2


@pytest.mark.parametrize("version", ["x", True, 1.5, -1, [1]])
def test_a_version_that_is_none_is_an_error_of_its_row(version: object) -> None:
    """It is compared with nothing."""
    machine = Machine.objects.create(name="a")

    serializer = bulk(
        MachineSerializer, Machine.objects.all(), data=[{"id": machine.pk, "version": version}], partial=True
    )

    assert find_errors(serializer) == {0: {"version": ["A valid integer is required."]}}


# Some rows of many


def test_the_good_rows_can_be_saved_without_the_bad_ones() -> None:
    """Each row is reported on, in its place."""
    items = make_items(3)
    data: list[Any] = [{"id": items[0].pk, "name": "new"}, {"id": items[1].pk, "name": ""}, {"id": 10**9}, "x"]

    serializer = bulk(ItemSerializer, Item.objects.all(), data=data, partial=True)
    assert not serializer.is_valid()
    report = serializer.save_valid()

    assert [row.index for row in report] == [0, 1, 2, 3]
    assert [row.instance for row in report] == [items[0], None, None, None]
    assert [row.error is None for row in report] == [True, False, False, False]
    assert [row["name"] for row in serializer.data] == ["new"]
    assert Item.objects.get(pk=items[0].pk).name == "new"


def test_what_only_the_database_refuses_takes_no_other_row_with_it() -> None:
    """It is found by halves, in savepoints."""
    data = make_staff(8)
    serializer = bulk(EmployeeSerializer, data=data)
    assert serializer.is_valid()
    save(bulk(EmployeeSerializer, data=[{**data[5], "first_name": "other"}]))

    report = serializer.save_valid()

    assert [row.index for row in report if row.error is not None] == [5]
    assert [row.is_new for row in report] == [index != 5 for index in range(8)]
    assert Employee.objects.count() == 8


def test_a_version_conflict_takes_no_other_row_with_it() -> None:
    """It is reported where it belongs."""
    machines = [Machine.objects.create(name=name) for name in ("a", "b", "c")]
    Machine.objects.get(pk=machines[1].pk).save()
    data = [{"id": row.pk, "name": "new", "version": 1} for row in machines]

    serializer = bulk(MachineSerializer, Machine.objects.all(), data=data, partial=True)
    serializer.is_valid()
    report = serializer.save_valid()

    assert [row.index for row in report if row.error is not None] == [1]
    assert [Machine.objects.get(pk=row.pk).name for row in machines] == ["new", "b", "new"]


def test_rows_that_are_not_found_can_be_created() -> None:
    """``upsert_fields`` tell rows apart; an id in the body says nothing."""
    ada = Supplier.objects.create(name="ada")
    serializer = bulk(SupplierSerializer, Supplier.objects.all(), data=[{"name": "bob"}, {"name": "ada"}])
    serializer.upsert_fields = ("name",)

    assert serializer.find_instances() == [None, ada]
    rows = save(serializer)

    assert [row.name for row in rows] == ["bob", "ada"]
    assert rows[1].pk == ada.pk
    assert Supplier.objects.count() == 2


def test_a_row_to_be_updated_or_created_is_named_once() -> None:
    """Nobody could say which of two values should hold."""
    serializer = bulk(SupplierSerializer, Supplier.objects.all(), data=[{"name": "bob"}, {"name": "bob"}])
    serializer.upsert_fields = ("name",)

    assert find_errors(serializer) == {1: {"name": ['The row "bob" is named twice.']}}


# What is called for every row


class Calls:
    """What a serializer's own methods were called with."""

    seen: ClassVar[list[Any]]


class WatchingSerializer(BaseModelSerializer[Item]):
    """Has methods of its own."""

    class Meta:
        model = Item
        fields = ("id", "name", "quantity")

    def validate_name(self, value: str) -> str:
        Calls.seen.append(("name", getattr(self.instance, "pk", None), value))
        return value.upper()

    @override
    def validate(self, attrs: Any) -> Any:
        Calls.seen.append(("row", getattr(self.instance, "pk", None), attrs["name"]))
        return attrs


class SavingSerializer(BaseModelSerializer[Item]):
    """Writes each row in its own way."""

    class Meta:
        model = Item
        fields = ("id", "name")

    @override
    def create(self, validated_data: Any) -> Item:
        return super().create({**validated_data, "quantity": 7})

    @override
    def update(self, instance: Item, validated_data: Any) -> Item:
        assert self.instance is instance
        return super().update(instance, {**validated_data, "quantity": 8})


def test_methods_of_a_serializer_see_their_row() -> None:
    """Row by row, in DRF's order."""
    items = make_items(2)
    Calls.seen = []

    rows = save(
        bulk(
            WatchingSerializer,
            Item.objects.all(),
            data=[{"id": row.pk, "name": f"n{index}"} for index, row in enumerate(items)],
        )
    )

    first, second = (row.pk for row in items)
    assert sorted(Calls.seen) == sorted(
        [("name", first, "n0"), ("row", first, "N0"), ("name", second, "n1"), ("row", second, "N1")]
    )
    assert [row.name for row in rows] == ["N0", "N1"]


class OfferedRows:
    """Offers no supplier called Bob for a row that says so."""

    parent: Any

    def get_queryset(self) -> QuerySet[Supplier]:
        """Return the rows that may be named for the row at hand."""
        rows = Supplier.objects.all()
        return rows.exclude(name="bob") if self.parent.instance.name == "no bob" else rows


class OfferedByKey(OfferedRows, serializers.PrimaryKeyRelatedField[Supplier]):
    """As DRF finds rows by their key."""


class OfferedBySlug(OfferedRows, serializers.SlugRelatedField[Supplier]):
    """As DRF finds rows by another column."""


class OfferedById(OfferedRows, IdOnlyField[Supplier]):
    """As the library finds them."""


@pytest.mark.parametrize(
    ("field", "name"),
    [
        (OfferedByKey(queryset=Supplier.objects.all()), "pk"),
        (OfferedBySlug(queryset=Supplier.objects.all(), slug_field="name"), "name"),
        (OfferedById(queryset=Supplier.objects.all()), "pk"),
    ],
)
def test_rows_that_a_field_offers_for_one_row_are_not_offered_for_another(field: Any, name: str) -> None:
    """A ``get_queryset()`` of a field may look at the row, and so it is asked for each."""

    class OfferedItemSerializer(BaseModelSerializer[Item]):
        supplier = field

        class Meta:
            model = Item
            fields = ("id", "supplier")

    bob = Supplier.objects.create(name="bob")
    items = [Item.objects.create(name=text) for text in ("no bob", "a", "b")]
    data = [{"id": item.pk, "supplier": getattr(bob, name)} for item in items]
    with CaptureQueriesContext(connection) as queries:
        errors = find_errors(bulk(OfferedItemSerializer, Item.objects.all(), data=data))

    assert {index: [*error] for index, error in errors.items()} == {0: ["supplier"]}
    assert len(queries) <= 1 + 3


def test_create_and_update_of_a_serializer_are_called() -> None:
    """Once for each row."""
    rows = save(bulk(SavingSerializer, data=[{"name": "a"}, {"name": "b"}]))
    assert {*Item.objects.values_list("quantity", flat=True)} == {7}

    save(bulk(SavingSerializer, Item.objects.all(), data=[{"id": row.pk, "name": "c"} for row in rows]))
    assert [*Item.objects.values_list("name", "quantity")] == [("c", 8), ("c", 8)]


def test_save_can_be_asked_for() -> None:
    """With its signals, and one statement for each row."""
    items = make_items(3)
    serializer = bulk(
        ItemSerializer, Item.objects.all(), data=[{"id": row.pk, "name": "new"} for row in items], partial=True
    )
    serializer.use_save = True

    with CaptureQueriesContext(connection) as queries:
        save(serializer)

    assert sum("UPDATE" in query["sql"] for query in queries) == 3


def test_the_older_name_is_kept() -> None:
    """``BulkUpdateListSerializer`` in ``Meta`` does the same."""

    class OlderSerializer(ItemSerializer):
        class Meta(ItemSerializer.Meta):
            list_serializer_class = BulkUpdateListSerializer

    (item,) = make_items(1)

    save(bulk(OlderSerializer, Item.objects.all(), data=[{"id": item.pk, "name": "new"}], partial=True))

    assert Item.objects.get().name == "new"


def test_a_serializer_of_drf_can_have_the_list() -> None:
    """Its rows are matched and validated in the same way, and saved by its own methods."""

    class PlainSerializer(serializers.ModelSerializer[Item]):
        class Meta:  # pyright: ignore[reportIncompatibleVariableOverride]  # the stubs declare a class
            model = Item
            fields = ("id", "name", "supplier")
            list_serializer_class = BulkListSerializer

    items = make_items(2)
    supplier = Supplier.objects.create(name="s")

    serializer: Any = PlainSerializer(
        Item.objects.all(), data=[{"id": row.pk, "name": "x", "supplier": supplier.pk} for row in items], many=True
    )
    save(serializer)

    assert Item.objects.filter(name="x", supplier=supplier).count() == 2


def test_plain_values_cost_no_call_of_their_field(monkeypatch: pytest.MonkeyPatch) -> None:
    """A column is read at once; the field is asked for what is not plain."""
    asked: list[object] = []
    run_validation = serializers.CharField.run_validation

    def note(field: Any, data: Any = empty) -> Any:
        asked.append(data)
        return run_validation(field, data)

    monkeypatch.setattr(serializers.CharField, "run_validation", note)

    assert bulk(ItemSerializer, data=[{"name": "a"}, {"name": " b "}]).is_valid()
    assert asked == []
    assert bulk(ItemSerializer, data=[{"name": "a"}, {"name": 5}]).is_valid()
    assert asked == ["a", 5]


# Queries


def count_queries(serializer: BulkListSerializer[Any]) -> int:
    serializer.savepoint = False
    with CaptureQueriesContext(connection) as queries:
        save(serializer)
        assert serializer.data
    kinds: Sequence[str] = [query["sql"].split()[0] for query in queries]
    return sum(kind not in {"SAVEPOINT", "RELEASE"} for kind in kinds)


@pytest.mark.parametrize("partial", [False, True])
def test_a_thousand_rows_are_updated_with_three_queries(partial: bool) -> None:
    """The rows, their suppliers, and the write."""
    items = make_items(1000)
    suppliers = Supplier.objects.bulk_create([Supplier(name=f"s{number}") for number in range(20)])
    pks = [*Supplier.objects.values_list("pk", flat=True)]
    assert len(pks) == len(suppliers)
    data = [{"id": row.pk, "name": f"n{row.pk}", "supplier": pks[row.pk % 20], "price": "1.5"} for row in items]

    assert count_queries(bulk(ItemSerializer, Item.objects.all(), data=data, partial=partial)) == 3


def test_every_unique_rule_costs_one_query() -> None:
    """An email, and a set of three columns."""
    data = make_staff(300)
    rows = save(bulk(EmployeeSerializer, data=data))
    changed = [{**row, "id": made.pk, "salary": "2000"} for row, made in zip(data, rows, strict=True)]

    assert count_queries(bulk(EmployeeSerializer, Employee.objects.all(), data=changed)) == 3 + 2


def test_rows_are_created_with_one_query_for_each_question() -> None:
    """The department, the two rules, and the write."""
    assert count_queries(bulk(EmployeeSerializer, data=make_staff(1000))) <= 7


def test_bad_rows_cost_no_query_of_their_own() -> None:
    """A hundred taken values are found by the one query that looks for them."""
    save(bulk(SupplierSerializer, data=[{"name": f"s{number}"} for number in range(100)]))
    serializer = bulk(SupplierSerializer, data=[{"name": f"s{number}"} for number in range(100)])

    with CaptureQueriesContext(connection) as queries:
        assert not serializer.is_valid()

    assert len(serializer.row_errors) == 100
    assert len(queries) == 1


def test_rows_are_locked_where_the_database_can() -> None:
    """Their own rows alone, in the order of their keys; without being asked for, none is."""
    items = make_items(3)
    data = [{"id": row.pk, "quantity": 5} for row in items]
    for lock in (False, True):
        serializer = bulk(ItemSerializer, Item.objects.select_related("supplier"), data=data, partial=True)
        serializer.lock = lock
        with CaptureQueriesContext(connection) as queries:
            save(serializer)
        (sql,) = [query["sql"] for query in queries if "FOR UPDATE" in query["sql"]] or [""]
        assert bool(sql) is (lock and connection.features.has_select_for_update)
        if sql:
            assert "ORDER BY" in sql
            assert ("FOR UPDATE OF" in sql) is connection.features.has_select_for_update_of


def test_rows_that_name_no_column_are_written_at_once() -> None:
    """Nothing of theirs changes but what fills itself in: no query is made for each."""
    items = make_items(20)
    Item.objects.update(quantity=7)
    data = [{"id": row.pk} for row in items]

    assert count_queries(bulk(ItemSerializer, Item.objects.all(), data=data, partial=True)) == 2
    for before, after in zip(items, Item.objects.order_by("pk"), strict=True):
        assert (after.name, after.quantity) == (before.name, 7)
        assert after.changed > before.changed


def test_rows_that_name_no_column_keep_what_they_hold() -> None:
    """Rows without a column that fills itself in, and rows of two tables."""

    class CrateSerializer(BaseModelSerializer[Crate]):
        class Meta:
            model = Crate
            fields = ("id", "name", "weight")

    parcels: list[Any] = [Parcel.objects.create(label=f"p{number}") for number in range(2)]
    crates: list[Any] = [Crate.objects.create(name=f"c{number}", weight=number) for number in range(2)]
    for serializer_class, rows in ((ParcelSerializer, parcels), (CrateSerializer, crates)):
        data = [{"id": row.pk} for row in rows]
        saved = save(bulk(serializer_class, type(rows[0])._default_manager.all(), data=data, partial=True))
        assert saved == rows
    assert [*Parcel.objects.order_by("label").values_list("label", flat=True)] == ["p0", "p1"]
    assert [*Crate.objects.order_by("name").values_list("name", "weight")] == [("c0", 0), ("c1", 1)]
