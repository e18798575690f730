"""Lists of keys of many rows are linked together: the same links as ``set()`` makes row by row, for fewer queries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.db.models.signals import m2m_changed
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from drf_commons.serializers import BaseModelSerializer
from tests.personnel.models import Department, Employee, Skill

pytestmark = pytest.mark.django_db


class EmployeeSerializer(BaseModelSerializer[Employee]):
    class Meta:
        model = Employee
        fields = ("id", "first_name", "last_name", "email", "salary", "hired", "department", "skills")


@pytest.fixture
def department() -> Department:
    """Return a department."""
    return Department.objects.create(code="d", name="D")


@pytest.fixture
def skills() -> list[Skill]:
    """Return four skills."""
    return [Skill.objects.create(name=f"skill {number}") for number in range(4)]


def build(number: int, department: Department, skills: Sequence[Skill]) -> dict[str, Any]:
    """Return the input of an employee."""
    return {
        "first_name": f"first {number}",
        "last_name": "last",
        "email": f"{number}@example.org",
        "salary": "1.00",
        "hired": "2024-05-01",
        "department": department.pk,
        "skills": [skill.pk for skill in skills],
    }


def write(
    payload: list[dict[str, Any]], rows: QuerySet[Employee] | None = None, *, partial: bool = False
) -> list[Employee]:
    """Read and save *payload*."""
    serializer = EmployeeSerializer(rows, data=payload, many=True, partial=partial)
    assert serializer.is_valid(), serializer.errors
    written: list[Employee] = serializer.save()
    return written


def read_links(rows: Sequence[Employee]) -> list[set[Any]]:
    """Return the keys of the skills of each row, as they are stored."""
    return [{*Employee.objects.get(pk=row.pk).skills.values_list("pk", flat=True)} for row in rows]


@contextmanager
def listening() -> Iterator[list[tuple[str, Any, Any]]]:
    """Hear of links that are made and undone."""
    heard: list[tuple[str, Any, Any]] = []

    def hear(action: str, instance: Any, pk_set: Any, **_options: object) -> None:
        heard.append((action, instance.pk, pk_set))

    through: Any = Employee.skills.through
    m2m_changed.connect(hear, sender=through)
    try:
        yield heard
    finally:
        m2m_changed.disconnect(hear, sender=through)


def test_links_cost_the_same_for_any_number_of_rows(department: Department, skills: list[Skill]) -> None:
    """A query to read them, one to undo and one to make."""
    costs: list[list[int]] = []
    for start, size in ((0, 5), (100, 50)):
        payload = [build(start + number, department, skills[:2]) for number in range(size)]
        with CaptureQueriesContext(connection) as creating:
            rows = write(payload)
        changed = [{**item, "id": row.pk, "skills": [skills[3].pk]} for item, row in zip(payload, rows, strict=True)]
        with CaptureQueriesContext(connection) as updating:
            write(changed, Employee.objects.all())
        assert read_links(rows) == [{skills[3].pk}] * size
        costs.append([len(creating), len(updating)])

    assert costs[0] == costs[1]


LINKS = st.lists(st.integers(0, 3), max_size=5)


@given(
    before=st.lists(LINKS, min_size=3, max_size=3), after=st.lists(LINKS, min_size=3, max_size=3), heard=st.booleans()
)
def test_links_are_those_of_the_payload(before: list[list[int]], after: list[list[int]], heard: bool) -> None:
    """Whether they are made together or, since somebody listens, row by row."""
    Employee.objects.all().delete()
    Skill.objects.all().delete()
    department, _ = Department.objects.get_or_create(code="d", name="D")
    skills = [Skill.objects.create(name=f"skill {number}") for number in range(4)]
    payload = [build(number, department, [skills[each] for each in links]) for number, links in enumerate(before)]
    rows = write(payload)
    assert read_links(rows) == [{skills[each].pk for each in links} for links in before]

    changed = [
        {"id": row.pk, "skills": [skills[each].pk for each in links]} for row, links in zip(rows, after, strict=True)
    ]
    if heard:
        with listening():
            write(changed, Employee.objects.all(), partial=True)
    else:
        write(changed, Employee.objects.all(), partial=True)

    assert read_links(rows) == [{skills[each].pk for each in links} for links in after]


def test_who_listens_hears_of_the_links_of_each_row(department: Department, skills: list[Skill]) -> None:
    """As ``set()`` tells it."""
    rows = write([build(number, department, skills[:1]) for number in range(2)])
    with listening() as heard:
        write([{"id": row.pk, "skills": [skills[1].pk]} for row in rows], Employee.objects.all(), partial=True)

    assert [action for action, _pk, _links in heard] == ["pre_remove", "post_remove"] * 2 + ["pre_add", "post_add"] * 2
    assert {pk for _action, pk, _links in heard} == {row.pk for row in rows}


def test_new_rows_are_linked_to_what_save_is_given(department: Department, skills: list[Skill]) -> None:
    """The serializer of a row takes it too, and the serializer need not have a field for it."""

    class UnskilledSerializer(EmployeeSerializer):
        class Meta(EmployeeSerializer.Meta):
            fields = EmployeeSerializer.Meta.fields[:-1]  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]

    serializer = UnskilledSerializer(data=[build(number, department, []) for number in range(2)], many=True)
    assert serializer.is_valid(), serializer.errors
    rows = serializer.save(skills=skills[:2])

    assert read_links(rows) == [{skills[0].pk, skills[1].pk}] * 2


def test_what_is_left_out_keeps_its_links(department: Department, skills: list[Skill]) -> None:
    """A row of a PATCH changes what it names."""
    rows = write([build(number, department, skills[:2]) for number in range(2)])

    write(
        [{"id": rows[0].pk, "skills": []}, {"id": rows[1].pk, "last_name": "x"}], Employee.objects.all(), partial=True
    )

    assert read_links(rows) == [set(), {skills[0].pk, skills[1].pk}]
