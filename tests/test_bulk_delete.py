"""Deletions by key tell what was there, in as few statements as what hangs on the rows allows."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models.signals import post_delete
from django.test.utils import CaptureQueriesContext

from drf_commons.bulk import abulk_delete, abulk_soft_delete, bulk_create, bulk_delete, bulk_soft_delete
from drf_commons.current_user import as_user
from drf_commons.errors import ConfigurationError
from tests.warehouse.models import Bin, Crate, Item, Label, Machine, Parcel, Supplier, Tool

pytestmark = pytest.mark.django_db


@contextmanager
def queries_counted() -> Iterator[list[str]]:
    """Collect the statements that read or write rows."""
    seen: list[str] = []
    with CaptureQueriesContext(connection) as queries:
        yield seen
    seen += [query["sql"] for query in queries if query["sql"].split()[0] in {"SELECT", "UPDATE", "DELETE"}]


def test_rows_nobody_watches_go_in_one_statement() -> None:
    """The statement tells which rows there were; of the keys asked for, some are missing."""
    parcels = bulk_create(Parcel.objects.all(), [Parcel(label=str(number)) for number in range(1000)])
    missing = [uuid.uuid4() for _ in range(20)]

    with queries_counted() as queries:
        deleted = bulk_delete(Parcel.objects.all(), [*missing, *(parcel.pk for parcel in parcels[:980])])

    assert len(queries) == 1
    assert {*deleted} == {parcel.pk for parcel in parcels[:980]}
    assert Parcel.objects.count() == 20


@pytest.mark.parametrize("keys", [["b", "a"], ["a", "a"], ["none"], []])
def test_a_key_may_be_named_twice_or_not_exist(keys: list[str]) -> None:
    """Each row is reported once."""
    bulk_create(Label.objects.all(), [Label(code=code) for code in "abc"])

    deleted = bulk_delete(Label.objects.all(), keys)

    assert sorted(deleted) == sorted({*keys} & {*"abc"})
    assert {*Label.objects.values_list("code", flat=True)} == {*"abc"} - {*keys}


def test_only_rows_of_the_queryset_are_deleted() -> None:
    """What the queryset hides is missing, whether or not its filter needs a join."""
    ada, bob = Supplier.objects.create(name="Ada"), Supplier.objects.create(name="Bob")
    items = bulk_create(Item.objects.all(), [Item(name="a", supplier=ada), Item(name="b", supplier=bob)])
    pks = [item.pk for item in items]

    assert bulk_delete(Item.objects.filter(name="b").distinct(), pks) == [pks[1]]
    assert bulk_delete(Item.objects.filter(supplier__name="Bob"), pks) == []
    assert bulk_delete(Item.objects.none(), pks) == []
    assert bulk_delete(Item.objects.filter(supplier__name="Ada"), pks) == [pks[0]]


def test_what_depends_on_the_rows_goes_with_them() -> None:
    """A cascade is followed as ``QuerySet.delete()`` follows it."""
    suppliers = bulk_create(Supplier.objects.all(), [Supplier(name=name) for name in "abc"])
    bulk_create(Item.objects.all(), [Item(name="a", supplier=supplier) for supplier in suppliers])

    deleted = bulk_delete(Supplier.objects.all(), [suppliers[0].pk, suppliers[1].pk, 0])

    assert sorted(deleted) == [suppliers[0].pk, suppliers[1].pk]
    assert Item.objects.get().supplier == suppliers[2]


def test_rows_in_two_tables_leave_both() -> None:
    """The row of the parent goes, too."""
    crates = bulk_create(Crate.objects.all(), [Crate(name="a"), Crate(name="b")])

    assert bulk_delete(Crate.objects.all(), [crates[0].pk]) == [crates[0].pk]
    assert Item.objects.get().pk == crates[1].pk


def test_signals_are_sent() -> None:
    """Who watches the deletion of rows sees each of them."""
    parcels = bulk_create(Parcel.objects.all(), [Parcel(label="a"), Parcel(label="b")])
    seen: list[str] = []

    def watch(instance: Parcel, **_: object) -> None:
        seen.append(instance.label)

    post_delete.connect(watch, sender=Parcel)
    try:
        bulk_delete(Parcel.objects.all(), [parcel.pk for parcel in parcels])
    finally:
        post_delete.disconnect(watch, sender=Parcel)

    assert sorted(seen) == ["a", "b"]


def test_a_delete_of_the_queryset_itself_is_honoured() -> None:
    """A project that overrides ``delete()`` has its reasons."""
    bins = bulk_create(Bin.objects.all(), [Bin(name="a"), Bin(name="b")])

    assert bulk_delete(Bin.objects.all(), [bins[0].pk]) == [bins[0].pk]
    assert {*Bin.objects.values_list("name", "written_by")} == {("a", "delete"), ("b", "queryset")}


def test_chunks_bound_the_size_of_a_statement() -> None:
    """Each chunk is a statement, and all of them are one transaction."""
    parcels = bulk_create(Parcel.objects.all(), [Parcel(label=str(number)) for number in range(5)])

    with queries_counted() as queries:
        assert len(bulk_delete(Parcel.objects.all(), [parcel.pk for parcel in parcels], chunk_size=2)) == 5

    assert len(queries) == 3


def test_rows_are_soft_deleted_in_one_audited_update() -> None:
    """Who did it and when stands in the rows; their version counts."""
    machines = bulk_create(Machine.objects.all(), [Machine(name=name) for name in "abc"])
    ada = User.objects.create_user("ada")

    with as_user(ada), queries_counted() as queries:
        deleted = bulk_soft_delete(Machine.objects.all(), [machines[0].pk, machines[1].pk, uuid.uuid4()])

    assert len(queries) == 2
    assert {*deleted} == {machines[0].pk, machines[1].pk}
    gone = Machine.objects.deleted()
    assert {*gone.values_list("name", "updated_by", "version")} == {("a", ada.pk, 2), ("b", ada.pk, 2)}


def test_a_row_deleted_before_keeps_its_time() -> None:
    """Deleting it again changes nothing."""
    (machine,) = bulk_create(Machine.objects.all(), [Machine(name="a")])
    machine.soft_delete()
    before = Machine.objects.values().get()

    assert bulk_soft_delete(Machine.objects.all(), [machine.pk]) == [machine.pk]
    assert bulk_soft_delete(Machine.objects.active(), [machine.pk]) == []
    assert Machine.objects.values().get() == before


def test_a_soft_delete_of_the_model_alone_is_called_for_each_row() -> None:
    """The manager of the project offers none."""
    tools = bulk_create(Tool.objects.all(), [Tool(name="a"), Tool(name="b")])

    assert bulk_soft_delete(Tool.objects.all(), [tools[0].pk]) == [tools[0].pk]
    assert {*Tool.objects.values_list("name", "is_active")} == {("a", False), ("b", True)}


def test_a_model_that_cannot_be_soft_deleted_is_named() -> None:
    """The message says what is missing."""
    with pytest.raises(ConfigurationError, match=r"warehouse\.Item cannot be soft-deleted: give it SoftDeleteMixin"):
        bulk_soft_delete(Item.objects.all(), [1])


@pytest.mark.django_db(transaction=True)
async def test_the_async_twins_do_the_same() -> None:
    """They are the same calls, awaited."""
    parcel, machine = await Parcel.objects.acreate(label="a"), await Machine.objects.acreate(name="a")
    queryset: Any = Machine.objects.all()

    assert await abulk_delete(Parcel.objects.all(), [parcel.pk]) == [parcel.pk]
    assert await abulk_soft_delete(queryset, [machine.pk]) == [machine.pk]
    assert not await Machine.objects.active().aexists()
