"""Rules over several columns: which stored rows hold what the rows of a payload want."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

import pytest
from django.db import connection, models
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from drf_commons.serializers.known_rows import KnownRows
from tests.archive.models import Section, Shelf
from tests.catalogue.models import Seat
from tests.personnel.models import Department, Desk, Employee

#: Texts that every one of the databases can hold, among them what JSON, an array or SQL could be mistaken in.
TEXTS: Final = st.sampled_from(
    ["", "1", "01", "1.0", "null", "NULL", '"', "\\", "\\u0000", "'", "{}", "é", "🜚"]
) | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0", max_codepoint=0xFFFF), max_size=5)


def find(rows: models.QuerySet[Any], paths: Sequence[str], wanted: Sequence[tuple[Any, ...]]) -> set[Any]:
    """Return the keys of the rows that hold one of *wanted*, which are those that Django finds for each of them."""
    found = {pk for pk, _held in KnownRows(rows, paths).find_holders(wanted)}
    each = [rows.filter(**dict(zip(paths, values, strict=True))) for values in wanted]
    assert found == {row.pk for part in each for row in part}
    return found


def explain(rows: models.QuerySet[Any], paths: Sequence[str], wanted: Sequence[tuple[Any, ...]]) -> str:
    """Return how SQLite goes about it."""
    with CaptureQueriesContext(connection) as queries:
        assert [*KnownRows(rows, paths).find_holders(wanted)] == []
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {queries[0]['sql'].replace('%', '%%')}")
        return "\n".join(str(step[-1]) for step in cursor.fetchall())


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "sqlite", reason="the others look in the whole index by themselves")
def test_rows_are_looked_for_in_the_whole_index_of_the_rule() -> None:
    """Not among all rows that share the first column, nor in the whole table, however few rows it has."""
    Seat.objects.bulk_create(Seat(row=2, number=number) for number in range(20))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE catalogue_seat")
    assert "(row=? AND number=?)" in explain(Seat.objects.all(), ["row", "number"], [(1, 2), (1, 3)])


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "sqlite", reason="the others do it by themselves")
def test_a_rule_without_an_index_takes_one_walk_through_the_table() -> None:
    """The rule is the serializer's own, or its index holds only some of the rows."""
    assert "SCAN catalogue_seat" in explain(Seat.objects.all(), ["number", "has_lamp"], [(1, True), (2, False)])
    assert "SCAN personnel_desk" in explain(Desk.objects.all(), ["room", "number"], [("a", 2), ("a", 3)])


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor == "mysql", reason="MariaDB has no array to send them in")
def test_a_thousand_rows_take_one_parameter_or_one_for_each_column() -> None:
    """The statement is as long as for one of them."""
    sizes: set[int] = set()

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        sizes.add(len(params))
        return execute(sql, params, many, context)

    for count in (1, 1_000):
        with connection.execute_wrapper(note):
            known = KnownRows(Seat.objects.all(), ["row", "number"])
            assert [*known.find_holders((1, number) for number in range(count))] == []
    assert sizes == {1 if connection.vendor == "sqlite" else 2}


@pytest.mark.django_db
def test_integers_and_the_filter_of_the_queryset_are_heeded() -> None:
    """A row that the queryset does not have is not found."""
    seats = [Seat.objects.create(row=1, number=number, has_lamp=number > 1) for number in range(3)]
    wanted = [(1, 0), (1, 2), (2, 0), (0, 1)]
    assert find(Seat.objects.all(), ["row", "number"], wanted) == {seats[0].pk, seats[2].pk}
    assert find(Seat.objects.filter(has_lamp=True), ["row", "number"], wanted) == {seats[2].pk}
    assert find(Seat.objects.none(), ["row", "number"], wanted) == set()


@pytest.mark.django_db
def test_values_of_another_type_than_the_column_find_what_they_find_in_django() -> None:
    """A text that is a number, a number in a text column, a mixture."""
    shelf = Shelf.objects.create(name="s").pk
    section = Section.objects.create(name="n", slug="7", shelf_id=shelf)
    for wanted in ([(str(shelf), "7")], [(shelf, 7)], [(shelf, "7"), (str(shelf), 8)], [(shelf, "07")]):
        assert find(Section.objects.all(), ["shelf", "slug"], wanted) <= {section.pk}
    assert find(Section.objects.all(), ["shelf", "slug"], [(str(shelf), 7)]) == {section.pk}


class AnyRows(TestCase):
    """Whatever the columns hold."""

    @given(st.lists(st.tuples(st.booleans(), TEXTS), max_size=5), st.lists(st.tuples(st.booleans(), TEXTS), max_size=5))
    def test_a_key_and_a_text(self, stored: list[tuple[bool, str]], asked: list[tuple[bool, str]]) -> None:
        """Are found where Django finds them."""
        shelves = [Shelf.objects.create(name="s").pk for _ in range(2)]
        for is_second, text in dict.fromkeys(stored):
            section = Section(name="n", shelf_id=shelves[is_second], slug=text[:12])
            if not Section.objects.filter(shelf=shelves[is_second], slug=section.slug).exists():
                models.QuerySet[Section](Section).bulk_create([section])
        wanted = [(shelves[is_second], text) for is_second, text in {*asked, *stored[:2]}]
        find(Section.objects.all(), ["shelf", "slug"], wanted)

    @given(
        st.lists(st.tuples(TEXTS, TEXTS, st.dates()), max_size=4),
        st.lists(st.tuples(TEXTS, TEXTS, st.dates()), max_size=4),
    )
    def test_two_texts_and_a_date(
        self, stored: list[tuple[str, str, dt.date]], asked: list[tuple[str, str, dt.date]]
    ) -> None:
        """Are found where Django finds them."""
        department = Department.objects.create(code="d")
        for number, (first, last, hired) in enumerate(stored):
            same = Employee.objects.filter(first_name=first, last_name=last, hired=hired)
            if not same.exists():
                names = {"first_name": first, "last_name": last, "hired": hired, "email": f"{number}@example.org"}
                Employee.objects.create(department=department, salary=1, **names)
        find(Employee.objects.all(), ["first_name", "last_name", "hired"], [*asked, *stored[:2]])
