"""Instances made by the thousand are those that Django makes one by one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection
from copy import deepcopy
from decimal import Decimal
from typing import Any, Final, Self
from uuid import UUID

import pytest
from django.db import connection, models
from django.db.models import signals
from django.test.utils import CaptureQueriesContext, isolate_apps
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from drf_commons.bulk.instances import fetch_instances
from drf_commons.serializers.assignment import build_instances
from tests.personnel.models import Department, Desk, Employee
from tests.warehouse.models import Crate, Item, Machine, Robot, Sample, Supplier
from tests.warehouse.values import VALUES

pytestmark = pytest.mark.django_db

COLUMNS: Final[dict[str, Any]] = {
    "boolean": True,
    "char": "text",
    "date": dt.date(2024, 2, 29),
    "date_time": dt.datetime(2024, 2, 29, 10, tzinfo=dt.UTC),
    "decimal": Decimal("1.500"),
    "duration": dt.timedelta(days=1),
    "json": {"a": [1]},
    "time": dt.time(10),
    "uuid": UUID(int=7),
}


def find_department() -> Any:
    """Return the only department; pyright knows no relation backwards."""
    return Department.objects.get()


def read(instance: models.Model) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return all that *instance* holds, and what Django knows of it."""
    held = {name: value for name, value in vars(instance).items() if name != "_state"}
    state = instance._state
    return held, {"db": state.db, "adding": state.adding, **state.fields_cache}


@pytest.fixture
def stored() -> None:
    """Store rows of several kinds."""
    supplier = Supplier.objects.create(name="s")
    Sample.objects.bulk_create([Sample(foreign_key=supplier, **COLUMNS), Sample()])
    Item.objects.create(name="i", supplier=supplier)
    Crate.objects.create(name="c", supplier=supplier)
    Machine.objects.create(name="m").soft_delete()
    Robot.objects.create(name="r", arms=3)
    department = Department.objects.create(code="d", name="D")
    Desk.objects.create(room="r", department=department)
    Employee.objects.create(
        first_name="f", last_name="l", email="e@example.org", salary=1, hired="2024-05-01", department=department
    )


ROWS: Final[dict[str, Callable[[], models.QuerySet[Any]]]] = {
    "every kind of column": lambda: Sample.objects.order_by("pk"),
    "an order by a related column": lambda: Item.objects.order_by("supplier__name", "pk"),
    "a slice": lambda: Sample.objects.order_by("pk")[1:2],
    "none": lambda: Sample.objects.none().order_by("pk"),
    "none that match": lambda: Sample.objects.filter(pk=-1),
    "a table and its parent's": lambda: Crate.objects.order_by("pk"),
    "related rows along with them": lambda: Desk.objects.select_related("department"),
    "related rows after them": lambda: Desk.objects.prefetch_related("department"),
    "some columns": lambda: Desk.objects.only("room"),
    "not all columns": lambda: Desk.objects.defer("room"),
    "an annotation": lambda: Desk.objects.annotate(twice=models.F("number") * 2),
    "rows of a relation": lambda: find_department().desk_set.order_by("pk"),
    "rows that remember what they hold": lambda: Employee.objects.order_by("pk"),
    "rows that know their version": lambda: Machine.objects.order_by("pk"),
    "such rows in two tables": lambda: Robot.objects.order_by("pk"),
    "distinct rows": lambda: Item.objects.filter(supplier__name="s").distinct().order_by("pk"),
    "two queries put together": lambda: Desk.objects.filter(room="r").union(Desk.objects.filter(room="x")),
}


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.usefixtures("stored")
def test_rows_are_read_as_their_queryset_reads_them(name: str) -> None:
    """The same instances, by the same query."""
    with CaptureQueriesContext(connection) as expected:
        rows = [*ROWS[name]()]
    with CaptureQueriesContext(connection) as queries:
        fetched = fetch_instances(ROWS[name]())

    assert [*map(type, fetched)] == [*map(type, rows)]
    assert [*map(read, fetched)] == [*map(read, rows)]
    assert [query["sql"] for query in queries] == [query["sql"] for query in expected]


@pytest.mark.usefixtures("stored")
def test_a_receiver_hears_of_every_row() -> None:
    """A signal of instances that are made is sent for each."""
    heard: list[models.Model] = []

    def hear(instance: models.Model, **_options: object) -> None:
        heard.append(instance)

    signals.post_init.connect(hear, sender=Desk)
    try:
        fetched = fetch_instances(Desk.objects.all())
        made = build_instances(Desk, [{"room": "x"}], "default")
    finally:
        signals.post_init.disconnect(hear, sender=Desk)

    assert heard == [*fetched, *made]


@pytest.mark.usefixtures("stored")
def test_rows_of_our_own_models_do_not_wait_for_django(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their ``from_db()`` is known, so that it need not be called for each row."""
    monkeypatch.setattr(models.Model, "from_db", None)

    assert {row.stored_version for row in fetch_instances(Machine.objects.all())} == {1, 2}


class Announced(models.Model):
    """What a project may put into a ``from_db()`` of its own."""

    class Meta:
        abstract = True

    @classmethod
    @override
    def from_db(cls, db: str | None, field_names: Collection[str], values: Collection[Any], **kwargs: Any) -> Self:
        instance = super().from_db(db, field_names, values, **kwargs)
        vars(instance)["announced"] = True
        return instance


@pytest.mark.parametrize("bases", [(Announced, Machine), (Machine, Announced)], ids=["above ours", "below ours"])
@isolate_apps("tests.warehouse")
@pytest.mark.usefixtures("stored")
def test_a_from_db_of_the_project_is_called_for_each_row(bases: tuple[type[models.Model], ...]) -> None:
    """Wherever it stands among the bases; what the row holds is remembered all the same."""
    meta = type("Meta", (), {"proxy": True, "app_label": "warehouse"})
    model: Any = type("AnnouncedMachine", bases, {"__module__": __name__, "Meta": meta})

    rows = fetch_instances(model.objects.order_by("version"))

    assert [vars(row).get("announced") for row in rows] == [True, True]
    assert [row.stored_version for row in rows] == [1, 2]


@isolate_apps("tests.warehouse")
@pytest.mark.usefixtures("stored")
def test_what_a_project_remembers_of_a_row_is_remembered() -> None:
    """More columns, or more than columns."""

    class Placed(Machine):
        class Meta:
            proxy = True
            app_label = "warehouse"

        @classmethod
        @override
        def get_remembered_names(cls) -> frozenset[str]:
            return super().get_remembered_names() | {"place"}

        @override
        def remember_stored(self, names: Collection[str] | None = None) -> None:
            super().remember_stored(names)
            vars(self)["called"] = self.name

    assert [*map(read, fetch_instances(Placed.objects.order_by("pk")))] == [*map(read, Placed.objects.order_by("pk"))]
    assert {vars(row)["called"] for row in fetch_instances(Placed.objects.all())} == {"m", "r"}


class TestNewInstances:
    """What is made of validated data is what the model makes of it."""

    @given(st.dictionaries(st.sampled_from(sorted(VALUES)), st.none() | st.integers() | st.text(), max_size=5))
    def test_columns_of_every_kind(self, values: dict[str, Any]) -> None:
        """Files and fields with descriptors of their own among them."""
        expected = Sample(**deepcopy(values))

        (made,) = build_instances(Sample, [values], "default")

        assert _show(read(made)) == _show(read(expected))

    @pytest.mark.parametrize("which", ["stored", "elsewhere", "new", "none"])
    def test_a_related_row(self, which: str) -> None:
        """Its key is set, and it can be had without a query."""
        department = Department(pk=None if which == "new" else 7, code="d", name="D")
        department._state.db = {"stored": "default", "elsewhere": "elsewhere"}.get(which)
        row = {"room": "r", "department": None if which == "none" else department, "number": 3}

        (made,) = build_instances(Desk, [row], "default")

        assert read(made) == read(Desk(**row))

    def test_defaults_are_called_for_the_rows_that_need_them(self) -> None:
        """In the order of the rows, and never for a column that the row names."""
        called: list[str] = []

        def count() -> int:
            called.append("count")
            return len(called)

        def find() -> int:
            called.append("find")
            return 7

        with isolate_apps("tests.personnel"):

            class Queued(models.Model):
                place = models.IntegerField(default=count)
                department = models.ForeignKey(Department, on_delete=models.CASCADE, default=find)

                class Meta:
                    app_label = "personnel"

        department = Department(pk=3, code="d", name="D")
        department._state.db = "default"
        rows: list[dict[str, Any]] = [{"department": department}, {"place": 5, "department": None}, {}, {"place": 6}]
        made = build_instances(Queued, rows, "default")
        calls, called[:] = [*called], []

        assert [*map(read, made)] == [read(Queued(**row)) for row in rows]
        assert calls == called == ["count", "count", "find", "find"]

    def test_rows_that_name_different_columns(self) -> None:
        """Each has the defaults of what it does not name."""
        rows: list[dict[str, Any]] = [{"room": "a"}, {"number": 1, "room": "b"}, {}, {"room": "c"}]

        assert [*map(read, build_instances(Desk, rows, "default"))] == [read(Desk(**row)) for row in rows]


def _show(held: tuple[dict[str, Any], dict[str, Any]]) -> str:
    """Return what can be compared of values that are made anew for each instance."""
    return repr([{name: (type(value), str(value)) for name, value in part.items()} for part in held])
