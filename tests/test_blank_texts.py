"""A unique column holds one blank text, of which DRF asks no validator."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext, isolate_apps
from rest_framework import serializers
from typing_extensions import override

from drf_commons.serializers import BaseModelSerializer
from tests.personnel.models import Department, Employee, Notice

pytestmark = pytest.mark.django_db

TAKEN = "employee with this badge already exists."


class EmployeeSerializer(BaseModelSerializer[Employee]):
    class Meta:
        model = Employee
        fields = ("id", "first_name", "last_name", "email", "badge", "salary", "hired", "department")


class NoticeSerializer(BaseModelSerializer[Notice]):
    class Meta:
        model = Notice
        fields = ("id", "number", "title", "slug")


def build_row(name: str, badge: str | None = "") -> dict[str, Any]:
    department, _ = Department.objects.get_or_create(code="d")
    row = {"first_name": name, "last_name": "l", "email": f"{name}@example.org", "badge": badge}
    return {**row, "salary": "1.00", "hired": "2024-05-01", "department": department.pk}


def create(name: str, badge: str | None = "") -> Employee:
    serializer = EmployeeSerializer(data=build_row(name, badge))
    assert serializer.is_valid(), serializer.errors
    return serializer.save()


def find_codes(serializer: Any) -> dict[Any, list[tuple[str, str]]]:
    """Return what is wrong with the badge of each row."""
    assert not serializer.is_valid()
    return {index: [(str(each), each.code) for each in row["badge"]] for index, row in serializer.errors.items()}


def test_a_second_blank_is_refused_at_its_field() -> None:
    """In a request of one row it is the database that finds it, and the answer is that of the validator."""
    create("a")

    with pytest.raises(serializers.ValidationError) as raised:
        create("b")

    assert raised.value.get_full_details() == {"badge": [{"message": TAKEN, "code": "unique"}]}
    assert Employee.objects.count() == 1


def test_of_many_rows_the_one_with_a_blank_that_is_taken_is_named() -> None:
    """Before anything is written."""
    create("a")
    rows = [build_row("b", "1"), build_row("c", ""), build_row("d", None)]

    assert find_codes(EmployeeSerializer(data=rows, many=True)) == {1: [(TAKEN, "unique")]}


def test_of_two_blanks_in_one_payload_the_second_is_refused() -> None:
    """The first may have it."""
    rows = [build_row("a", ""), build_row("b", " ")]

    assert find_codes(EmployeeSerializer(data=rows, many=True)) == {1: [(TAKEN, "unique")]}


@pytest.mark.parametrize("partial", [True, False])
def test_a_row_keeps_its_own_blank(partial: bool) -> None:
    """And nobody else gets it."""
    first, second = create("a"), create("b", "2")
    rows = [{**build_row("a", ""), "id": str(first.pk)}, {**build_row("b", "3"), "id": str(second.pk)}]

    serializer = EmployeeSerializer(Employee.objects.all(), data=rows, many=True, partial=partial)
    assert serializer.is_valid(), serializer.errors
    serializer.save()
    assert {*Employee.objects.values_list("first_name", "badge")} == {("a", ""), ("b", "3")}
    rows[1]["badge"] = ""
    again = EmployeeSerializer(Employee.objects.all(), data=rows, many=True, partial=partial)
    assert find_codes(again) == {1: [(TAKEN, "unique")]}


def test_blanks_cost_no_query() -> None:
    """The rule has looked up the blank along with the other values."""
    counts: list[int] = []
    for rows in ([build_row("a", "1"), build_row("b", "2")], [build_row("a", ""), build_row("b", "2")]):
        with CaptureQueriesContext(connection) as queries:
            assert EmployeeSerializer(data=rows, many=True).is_valid()
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_a_blank_that_a_method_replaces_is_none() -> None:
    """What counts is what is written."""

    class Serializer(EmployeeSerializer):
        def validate_badge(self, value: str | None) -> str | None:
            return value or None

    serializer: Any = Serializer(data=[build_row("a"), build_row("b")], many=True)

    assert serializer.is_valid(), serializer.errors
    serializer.save()
    assert {*Employee.objects.values_list("badge", flat=True)} == {None}


@isolate_apps("tests.personnel")
def test_a_blank_that_a_save_replaces_is_none() -> None:
    """A model with a ``save()`` of its own knows what becomes of it."""

    class Tidy(Employee):
        class Meta:  # pyright: ignore[reportIncompatibleVariableOverride]  # which Django does not inherit
            proxy = True
            app_label = "personnel"

        @override
        def save(self, **kwargs: Any) -> None:
            self.badge = self.badge or None
            super().save(**kwargs)

    class Serializer(BaseModelSerializer[Tidy]):
        class Meta:
            model = Tidy
            fields = EmployeeSerializer.Meta.fields

    serializer: Any = Serializer(data=[build_row("a"), build_row("b")], many=True)

    assert serializer.is_valid(), serializer.errors
    serializer.save()
    assert {*Employee.objects.values_list("badge", flat=True)} == {None}


def test_empty_slugs_are_filled_in() -> None:
    """Two rows without one do not want the same."""
    rows = [{"number": number, "title": "Same", "slug": ""} for number in "123"]
    serializer: Any = NoticeSerializer(data=rows, many=True)

    assert serializer.is_valid(), serializer.errors
    serializer.save()
    assert {*Notice.objects.values_list("slug", flat=True)} == {"same", "same-1", "same-2"}
    emptied = [{"id": row.pk, "slug": ""} for row in Notice.objects.all()]
    again: Any = NoticeSerializer(Notice.objects.all(), data=emptied, many=True, partial=True)
    assert again.is_valid(), again.errors
    again.save()
    assert len({*Notice.objects.values_list("slug", flat=True)}) == 3
