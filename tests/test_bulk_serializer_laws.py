"""Many rows are read and written as DRF does it row by row: the same values, errors, codes, and the same database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pytest
from django.db import IntegrityError, models, transaction
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from typing_extensions import override

from drf_commons.serializers import BaseModelSerializer
from tests.personnel.models import Department, Employee, Skill
from tests.warehouse.models import Item, Sample, Supplier

pytestmark = pytest.mark.django_db

ABSENT: Final = object()

#: What no field but the one it is meant for expects.
JUNK: Final = st.sampled_from(
    [
        ABSENT,
        None,
        "",
        " ",
        "x",
        "x" * 300,
        0,
        5,
        -5,
        5.5,
        True,
        [],
        [1],
        {},
        {"a": 1},
        10**30,
        "1e400",
        "\x00",
        "\ud800",
    ]
)

#: Good values of each column.
SAMPLE: Final[Mapping[str, Sequence[Any]]] = {
    "big_integer": [1, "2", -(2**63)],
    "boolean": [True, "false", "yes"],
    "char": ["abc", " abc ", "äöü", "\u00a0x", 5],
    "date": ["2024-02-29", "20240229", "2024-W09-4"],
    "date_time": ["2024-02-29T10:00:00Z", "2024-02-29T10:00:00", "2024-02-29T10:00:00.5+05:30"],
    "decimal": ["1.5", "1.500", "123456789.123", "-0.001", 1, 1.25, " 1 "],
    "duration": ["1 00:00:00", "10"],
    "email": ["a@example.org"],
    "float": [1.5, 2, "3.5"],
    "ip_address": ["127.0.0.1", "::1"],
    "integer": [1, "2", "3.0"],
    "positive_small_integer": [1, 30000],
    "slug": ["a-b"],
    "text": ["a\nb", " x "],
    "time": ["10:00"],
    "url": ["https://example.org/"],
    "uuid": ["6F9619FF-8B86-D011-B42D-00CF4FC964FF", "6f9619ff8b86d011b42d00cf4fc964ff", 7],
}
EMPLOYEE: Final[Mapping[str, Sequence[Any]]] = {
    "first_name": ["new", " new ", "newer", "stored 0"],
    "last_name": ["last", "other"],
    "email": ["new@example.org", "newer@example.org"],
    "badge": ["77", "78", None],
    "phone": ["123", ""],
    "age": [16, "18", None],
    "salary": ["10.00", "0.1", 7],
    "rating": [1.5, "2"],
    "hired": ["2024-05-01", "2024-05-02"],
    "seen_at": ["2024-05-01T10:00:00+02:00", "2024-05-01T10:00:00"],
    "is_remote": [True, "off"],
    "level": [1, "2"],
    "contract": ["f", "p"],
    "website": ["https://example.org/", ""],
}

#: Values that look good and are not, for a column or for the rows that are there.
BROKEN: Final[Mapping[str, Sequence[Any]]] = {
    "age": [15, 100, 17],
    "badge": ["a7", "0", "1"],
    "big_integer": [2**63],
    "contract": ["q"],
    "date": ["2023-02-29"],
    "date_time": ["2024-02-29", "2024-03-31T02:30:00", "0001-01-01T00:00:00+14:00"],
    "decimal": ["1234567890.1", "NaN", "1.0000"],
    "department": [10**9],
    "duration": ["P1Dx"],
    "email": ["a@", "stored0@example.org", "stored1@example.org"],
    "first_name": ["stored 0", "stored 1"],
    "float": ["nan", float("inf")],
    "foreign_key": [10**9],
    "integer": [2**31, "4.2"],
    "level": [9],
    "positive_small_integer": [40000, -1],
    "skills": [[10**9], ["x"]],
    "time": ["25:00"],
}


NEEDED: Final = frozenset({"first_name", "last_name", "email", "salary", "hired", "department"})


class OracleList(serializers.ListSerializer[Any]):
    """Updates as DRF documents it."""

    rows: list[Any]

    @override
    def run_child_validation(self, data: Any) -> Any:
        child: Any = self.child
        child.instance = self.rows.pop(0)
        child.initial_data = data
        return super().run_child_validation(data)

    def save_rows(self, rows: Sequence[Any]) -> None:
        child: Any = self.child
        for row, attrs in zip(rows, self.validated_data, strict=True):
            if row is None:
                child.create({**attrs})
            else:
                child.update(row, {**attrs})


class SampleSerializer(BaseModelSerializer[Sample]):
    serializer_related_field = serializers.PrimaryKeyRelatedField

    class Meta:
        model = Sample
        fields = ("id", *SAMPLE, "foreign_key", "one_to_one", "by_name")

    by_name = serializers.SlugRelatedField(
        slug_field="name", source="text_foreign_key", queryset=Supplier.objects.all(), required=False, allow_null=True
    )


class PlainSampleSerializer(serializers.ModelSerializer[Sample]):
    by_name = serializers.SlugRelatedField(
        slug_field="name", source="text_foreign_key", queryset=Supplier.objects.all(), required=False, allow_null=True
    )

    class Meta:  # pyright: ignore[reportIncompatibleVariableOverride]  # the stubs declare a class
        model = Sample
        fields = SampleSerializer.Meta.fields
        list_serializer_class = OracleList


class EmployeeSerializer(BaseModelSerializer[Employee]):
    serializer_related_field = serializers.PrimaryKeyRelatedField

    class Meta:
        model = Employee
        fields = ("id", *EMPLOYEE, "department", "manager", "skills")


class PlainEmployeeSerializer(serializers.ModelSerializer[Employee]):
    class Meta:  # pyright: ignore[reportIncompatibleVariableOverride]  # the stubs declare a class
        model = Employee
        fields = EmployeeSerializer.Meta.fields
        list_serializer_class = OracleList


class Particular:
    """Methods of a serializer's own."""

    instance: Any

    def validate_first_name(self, value: str) -> str:
        if value.endswith("1"):
            raise serializers.ValidationError(["not this one"], code="one")
        return f"{value}."

    def validate(self, attrs: Any) -> Any:
        if attrs.get("age") == 17:
            raise serializers.ValidationError({"age": "Too young."})
        return {**attrs, "phone": str(getattr(self.instance, "badge", None))}


class ParticularSerializer(Particular, EmployeeSerializer):
    pass


class PlainParticularSerializer(Particular, PlainEmployeeSerializer):
    pass


class RowwiseSerializer(EmployeeSerializer):
    """Reads its input in a way of its own."""

    @override
    def to_internal_value(self, data: Any) -> Any:
        return super().to_internal_value({**data, "phone": "1"})


class PlainRowwiseSerializer(PlainEmployeeSerializer):
    @override
    def to_internal_value(self, data: Any) -> Any:
        return super().to_internal_value({**data, "phone": "1"})


def show(value: Any) -> Any:
    """Return errors with their codes, and rows by their keys."""
    match value:
        case ErrorDetail():
            return str(value), value.code
        case Mapping():
            return [(key, show(each)) for key, each in value.items()]
        case list():
            return [show(each) for each in value]
        case models.Model():
            return type(value), value.pk
        case _:
            return type(value), str(value)


def dump(model: type[models.Model]) -> list[Any]:
    """Return what the table holds, but for what depends on the moment."""
    names = [
        field.attname
        for field in model._meta.concrete_fields
        if field.name not in {"id", "created_at", "updated_at"}
    ]  # fmt: skip
    rows = [[repr(value) for value in row] for row in model._default_manager.order_by("pk").values_list(*names)]
    linked = [
        [str(getattr(each, "pk", each)) for each in getattr(row, relation.name).order_by("pk")]
        for row in model._default_manager.order_by("pk")
        for relation in model._meta.many_to_many
    ]
    return [sorted(map(str, rows)) if model is Employee else rows, sorted(linked)]


def run(make: Any, rows: Sequence[Any], model: type[models.Model]) -> Any:
    """Return what a serializer makes of its input, and the database afterwards; everything is taken back."""
    with transaction.atomic():
        serializer = make()
        if not serializer.is_valid():
            return "invalid", show(serializer.errors), dump(model)
        data = show(serializer.validated_data)
        try:
            with transaction.atomic():
                if isinstance(serializer, OracleList):
                    serializer.save_rows(rows)
                else:
                    serializer.save()
        except IntegrityError:  # of a check that only the database knows
            return "refused", data, dump(model)
        except serializers.ValidationError as exc:  # the same, told by ours as a conflict
            is_refused = exc.get_codes() == {"non_field_errors": ["conflict"]}
            return "refused" if is_refused else show(exc.detail), data, dump(model)
        held = dump(model)
        transaction.set_rollback(True)
        return "valid", data, held


def compare(ours: Any, plain: Any, model: type[models.Model], payload: list[Any], stored: list[Any], mode: str) -> None:
    """Have both read and write *payload*."""
    partial = mode == "patch"
    event(mode)
    if mode == "create":
        targets: list[Any] = [None] * len(payload)
        made = lambda: ours(data=payload, many=True)  # noqa: E731
    else:
        targets = stored[: len(payload)]
        payload = [{**row, "id": str(target.pk)} for row, target in zip(payload, targets, strict=True)]
        made = lambda: ours(model._default_manager.all(), data=payload, many=True, partial=partial)  # noqa: E731

    def make_plain() -> Any:
        rows = [target and model._default_manager.get(pk=target.pk) for target in targets]
        serializer = plain(None if mode == "create" else rows, data=payload, many=True, partial=partial)
        serializer.rows = [*rows]
        targets[:] = rows
        return serializer

    expected = run(make_plain, targets, model)
    event(expected[0])
    assert run(made, targets, model) == expected


@st.composite
def rows_of(draw: st.DrawFn, columns: Mapping[str, Sequence[Any]], needed: frozenset[str]) -> dict[str, Any]:
    """Return a row that is valid, or is not in a column or two."""
    names = [name for name in columns if name in needed or draw(st.booleans())]
    row = {name: draw(st.sampled_from(columns[name])) for name in names}
    for name in draw(st.sets(st.sampled_from([*columns]), max_size=2)) if draw(st.booleans()) else ():
        row[name] = draw(st.one_of(st.sampled_from(BROKEN.get(name, [None])), JUNK))
    return {name: value for name, value in row.items() if value is not ABSENT}


modes: Final = st.sampled_from(["create", "put", "patch"])
MANY: Final = settings(max_examples=60) if settings().max_examples < 1000 else settings()


@MANY
@given(draw=st.data(), mode=modes)
def test_every_field_is_read_and_written_as_drf_does(draw: st.DataObject, mode: str) -> None:
    """One column for every field of Django, with good values and all sorts of bad ones."""
    Supplier.objects.get_or_create(name="s")
    Supplier.objects.get_or_create(name="t")
    suppliers = [*Supplier.objects.order_by("pk")]
    Sample.objects.all().delete()
    Item.objects.all().delete()
    Item.objects.bulk_create([Item(name=str(number)) for number in range(4)])
    items = [*Item.objects.order_by("pk")]
    Sample.objects.bulk_create([Sample(one_to_one=items[3] if number == 3 else None) for number in range(4)])
    stored = [*Sample.objects.order_by("pk")]
    payload: list[Any] = []
    for index in range(draw.draw(st.integers(1, 3))):
        related: dict[str, Sequence[Any]] = {
            "foreign_key": [*(row.pk for row in suppliers), str(suppliers[0].pk)],
            "one_to_one": [items[index].pk] * 3 + [items[3].pk] * (index == 0),
            "by_name": ["s", "t"],
        }
        payload.append(draw.draw(rows_of({**SAMPLE, **related}, frozenset())))
    links = [str(row["one_to_one"]) for row in payload if row.get("one_to_one")]
    assume(len({*links}) == len(links))

    compare(SampleSerializer, PlainSampleSerializer, Sample, payload, stored, mode)


@MANY
@pytest.mark.parametrize(
    ("ours", "plain"),
    [
        (EmployeeSerializer, PlainEmployeeSerializer),
        (ParticularSerializer, PlainParticularSerializer),
        (RowwiseSerializer, PlainRowwiseSerializer),
    ],
)
@given(draw=st.data(), mode=modes)
def test_rules_and_methods_are_heeded_as_in_drf(ours: Any, plain: Any, draw: st.DataObject, mode: str) -> None:
    """Unique columns, unique sets, choices, keys, lists of keys, and methods of the serializer's own."""
    Employee.objects.all().delete()
    department, _ = Department.objects.get_or_create(code="x", name="X")
    skill, _ = Skill.objects.get_or_create(name="s")
    stored = [
        Employee.objects.create(
            first_name=f"stored {number}",
            last_name="last",
            email=f"stored{number}@example.org",
            badge=str(number),
            salary=1,
            hired="2024-05-01",
            department=department,
        )
        for number in range(3)
    ]
    related: dict[str, Sequence[Any]] = {
        "department": [department.pk, str(department.pk)],
        "manager": [stored[0].pk, None],
        "skills": [[skill.pk], []],
    }
    needed = frozenset() if mode == "patch" else NEEDED
    payload: list[Any] = [
        draw.draw(rows_of({**EMPLOYEE, **related}, needed)) for _ in range(draw.draw(st.integers(1, 3)))
    ]
    # Two rows that want the same value are where we know better.
    kept = stored if mode == "patch" else [None] * len(payload)
    for names in (("email",), ("badge",), ("first_name", "last_name", "hired")):
        held = [
            [str(row.get(name, getattr(old, name, None))).strip() for name in names]
            for row, old in zip(payload, kept, strict=False)
        ]
        known = [values for values in map(tuple, held) if "None" not in values]
        assume(len({*known}) == len(known))

    compare(ours, plain, Employee, payload, stored, mode)
