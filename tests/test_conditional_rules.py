"""Constraints that only some rows have to keep are held to by a whole payload as DRF does it row by row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st
from rest_framework import serializers

from drf_commons.serializers import BaseModelSerializer
from tests.personnel.models import Department, Desk
from tests.test_bulk_serializer_laws import OracleList, compare

pytestmark = pytest.mark.django_db

FIELDS: Final = ("id", "room", "number", "is_used", "code", "department")


class DeskSerializer(BaseModelSerializer[Desk]):
    class Meta:
        model = Desk
        fields = FIELDS


class PlainDeskSerializer(serializers.ModelSerializer[Desk]):
    class Meta:  # pyright: ignore[reportIncompatibleVariableOverride]  # the stubs declare a class
        model = Desk
        fields = FIELDS
        list_serializer_class = OracleList


def clash(first: Any, second: Any) -> bool:  # pyright knows no column of a key
    """Tell whether a constraint keeps two rows apart."""
    return (
        (first.is_used and second.is_used and first.number is not None
         and (first.room, first.number) == (second.room, second.number))
        or (first.code != "" and first.code == second.code)
        or (first.department_id is not None and first.department_id == second.department_id
            and all(desk.is_used and desk.number is not None and desk.number > 5 for desk in (first, second)))
    )  # fmt: skip


ROWS: Final = st.fixed_dictionaries(
    {
        "room": st.sampled_from(["a", "b"]),
        "number": st.sampled_from([1, 7, None]),
        "is_used": st.sampled_from([True, False, None]),
    },
    optional={"code": st.sampled_from(["", "x", "y"]), "department": st.sampled_from(["d", None])},
)


@given(
    stored=st.lists(ROWS, min_size=3, max_size=3),
    payload=st.lists(ROWS, min_size=1, max_size=3),
    mode=st.sampled_from(["create", "put", "patch"]),
)
def test_what_is_stored_keeps_rows_out_as_in_drf(
    stored: list[dict[str, Any]], payload: list[dict[str, Any]], mode: str
) -> None:
    """Rows that meet a condition, that do not, and that have nulls where it looks."""
    Desk.objects.all().delete()
    department, _ = Department.objects.get_or_create(code="d", name="D")
    desks: list[Any] = []
    for row in stored:
        desk = Desk(**{**row, "department": department if row.get("department") else None})
        if not any(clash(desk, other) for other in desks):
            desk.save()
            desks.append(desk)
    items = [{**row, **({"department": department.pk} if row.get("department") else {})} for row in payload]
    items = items[: len(desks)] if mode != "create" else items
    after = [
        Desk(
            room=row["room"],
            number=row["number"],
            is_used=row["is_used"],
            code=row.get("code", desk.code if desk else ""),
            department_id=row.get("department", desk.department_id if desk else None),
        )
        for row, desk in zip(items, [None] * len(items) if mode == "create" else desks, strict=False)
    ]
    if any(clash(*pair) for pair in _pair(after)):
        return  # two rows of one payload are where we know better
    compare(DeskSerializer, PlainDeskSerializer, Desk, items, desks, mode)


def _pair(desks: Sequence[Desk]) -> list[tuple[Desk, Desk]]:
    return [(first, second) for place, first in enumerate(desks) for second in desks[place + 1 :]]


def build(**values: object) -> dict[str, object]:
    """Return the input of a desk."""
    return {"room": "a", "number": 1, "is_used": True, "code": "", "department": None, **values}


def test_rows_of_one_payload_are_kept_apart_where_the_condition_holds() -> None:
    """The later of two rows is told; what the constraint does not look at may be there twice."""
    payload = [build(), build(is_used=False), build(is_used=None), build(is_used=False), build(), build(number=2)]
    serializer = DeskSerializer(data=payload, many=True)

    assert not serializer.is_valid()

    assert [*map(bool, _list_errors(serializer, 6))] == [False, False, False, False, True, False]
    assert _list_errors(serializer, 6)[4]["non_field_errors"][0].code == "unique"


def test_a_column_with_a_condition_of_its_own_is_kept_apart_as_well() -> None:
    """Two empty codes are none of the constraint's business."""
    payload = [build(number=number, code=code) for number, code in enumerate(["", "x", "", "x"])]
    serializer = DeskSerializer(data=payload, many=True)

    assert not serializer.is_valid()

    assert [*map(bool, _list_errors(serializer, 4))] == [False, False, False, True]


def test_a_column_that_a_condition_looks_at_is_required_of_new_rows() -> None:
    """As in DRF, whether or not somebody has what the row wants."""

    class OptionalSerializer(DeskSerializer):
        is_used = serializers.BooleanField(required=False)

    class PlainOptionalSerializer(PlainDeskSerializer):
        is_used = serializers.BooleanField(required=False)

    department = Department.objects.create(code="d", name="D")
    row = {"room": "a", "number": 1, "code": "c", "department": department.pk}
    ours, plain = OptionalSerializer(data=[row], many=True), PlainOptionalSerializer(data=row)

    assert not ours.is_valid()
    assert not plain.is_valid()
    assert _list_errors(ours, 1) == [plain.errors]


@pytest.mark.parametrize("count", [10, 100])
def test_a_condition_is_asked_of_all_rows_at_once(count: int) -> None:
    """Rows whose values are taken or shared, and that the condition leaves out, cost one query together."""
    Desk.objects.create(room="a", number=1, is_used=True)
    serializer = DeskSerializer(data=[build(is_used=False) for _ in range(count)], many=True)

    with CaptureQueriesContext(connection) as queries:
        assert serializer.is_valid(), serializer.errors

    # What is taken, for two rules; the condition of one against the stored row; that of each among the rows themselves.
    assert len([query for query in queries if query["sql"].startswith("SELECT")]) == 5


def _list_errors(serializer: Any, count: int) -> list[Any]:
    return [serializer.row_errors.get(index) for index in range(count)]
