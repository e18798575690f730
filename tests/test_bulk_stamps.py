"""Bulk writes keep audit columns and versions as ``save()`` keeps them."""

from __future__ import annotations

import datetime as dt
import pickle
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from drf_commons.bulk import bulk_create, bulk_update
from drf_commons.current_user import as_user
from drf_commons.errors import BulkVersionConflictError, VersionConflictError
from tests.warehouse.models import Machine, Robot

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada")


@pytest.fixture
def bob() -> User:
    return User.objects.create_user("bob")


@pytest.fixture
def machines(ada: User) -> list[Machine]:
    """Three machines that Ada made in another year."""
    then = dt.datetime(2001, 1, 1, tzinfo=dt.UTC)
    with as_user(ada):
        rows = bulk_create(Machine.objects.all(), [Machine(name=name) for name in "abc"])
    Machine.objects.update(created_at=then, updated_at=then)
    return [*Machine.objects.filter(pk__in=[row.pk for row in rows]).order_by("name")]


def test_created_rows_tell_who_made_them_and_when(ada: User) -> None:
    """One instant and one user for all rows, in the objects as in the table."""
    with as_user(ada):
        machines = bulk_create(Machine.objects.all(), [Machine(name="a"), Machine(name="b")])

    stored = set(Machine.objects.values_list("created_by", "updated_by", "created_at", "updated_at", "version"))
    assert stored == {(ada.pk, ada.pk, machines[0].created_at, machines[1].updated_at, 1)}


def test_created_by_set_by_hand_wins(ada: User, bob: User) -> None:
    """As with ``save()``."""
    with as_user(ada):
        bulk_create(Machine.objects.all(), [Machine(name="a", created_by=bob)])

    assert Machine.objects.values_list("created_by", "updated_by").get() == (bob.pk, ada.pk)


def test_changed_rows_tell_who_changed_them_and_when(machines: list[Machine], ada: User, bob: User) -> None:
    """Who created them, and when, stays as it was."""
    created = machines[0].created_at
    with as_user(bob), CaptureQueriesContext(connection) as queries:
        bulk_update(Machine.objects.all(), machines, ["name"])

    assert sum("UPDATE " in query["sql"] for query in queries) == 1
    ((created_by, updated_by, created_at, updated_at),) = set(
        Machine.objects.values_list("created_by", "updated_by", "created_at", "updated_at")
    )
    assert (created_by, updated_by, created_at) == (ada.pk, bob.pk, created)
    assert updated_at > created
    assert {(machine.updated_by_id, machine.updated_at) for machine in machines} == {(bob.pk, updated_at)}


def test_nobody_acting_changes_nobody(machines: list[Machine], ada: User) -> None:
    """Outside a request the columns keep the user they name."""
    bulk_update(Machine.objects.all(), machines, ["name"])

    assert set(Machine.objects.values_list("created_by", "updated_by")) == {(ada.pk, ada.pk)}


def test_updated_by_set_by_hand_wins(machines: list[Machine], ada: User, bob: User) -> None:
    """On the instance, or by naming the field; also when there is nobody else."""
    machines[0].updated_by = bob
    bulk_update(Machine.objects.all(), machines, ["name"])
    assert [*Machine.objects.order_by("name").values_list("updated_by", flat=True)] == [bob.pk, ada.pk, ada.pk]

    with as_user(ada):
        bulk_update(Machine.objects.all(), machines, ["updated_by"], present=[["updated_by"], [], []])
    assert Machine.objects.get(name="a").updated_by == bob


def test_every_row_counts_once(machines: list[Machine]) -> None:
    """The version goes up by one in the table and in the objects, which can be written again."""
    bulk_update(Machine.objects.all(), machines, ["name"])
    bulk_update(Machine.objects.all(), machines, ["name", "place"], present=[["name"], ["place"], []])
    machines[0].save()

    assert [*Machine.objects.order_by("name").values_list("version", flat=True)] == [4, 3, 3]
    assert [machine.version for machine in machines] == [4, 3, 3]


def test_a_row_changed_meanwhile_stops_everything(machines: list[Machine]) -> None:
    """The error lists the rows; nothing is written, and a transaction around it can go on."""
    Machine.objects.filter(name__in=["a", "c"]).update(version=F("version") + 1)
    for machine in machines:
        machine.place = "new"

    with transaction.atomic():
        with pytest.raises(BulkVersionConflictError) as caught:
            bulk_update(Machine.objects.all(), machines, ["place"], chunk_size=1)
        assert not Machine.objects.filter(place="new").exists()

    assert [conflict.pk for conflict in caught.value.conflicts] == [machines[0].pk, machines[2].pk]
    assert (caught.value.expected, caught.value.current) == (1, 2)
    assert [machine.version for machine in machines] == [1, 1, 1]
    assert isinstance(pickle.loads(pickle.dumps(caught.value)), VersionConflictError)  # noqa: S301  # our own pickle


def test_a_row_that_is_gone_is_no_conflict(machines: list[Machine]) -> None:
    """The others are written; the number of rows found tells."""
    Machine.objects.filter(pk=machines[1].pk).delete()
    for machine in machines:
        machine.place = "new"

    assert bulk_update(Machine.objects.all(), machines, ["place"]) == 2
    assert set(Machine.objects.values_list("place", "version")) == {("new", 2)}


def test_a_key_that_is_spelt_otherwise_hides_no_conflict() -> None:
    """Neither from a statement of ours nor from Django's."""
    for model, field in ((Machine, "name"), (Robot, "arms")):
        row: Any = model.objects.create(name="old")
        spelt: Any = model.objects.get(pk=row.pk)
        setattr(spelt, field, 3)
        spelt.pk = str(row.pk).upper()
        row.save()
        with pytest.raises(BulkVersionConflictError):
            bulk_update(model.objects.all(), [spelt], [field])
        assert getattr(model.objects.get(pk=row.pk), field) == getattr(row, field)


def test_versions_hold_where_django_writes() -> None:
    """An expression, or a version in the table of a parent, sends the rows through Django; the check stays."""
    robots = [Robot.objects.create(name=name) for name in "ab"]
    robots[0].arms, robots[0].name = 3, "new"
    assert bulk_update(Robot.objects.all(), robots, ["arms", "name"]) == 2
    assert [*Robot.objects.order_by("-arms").values_list("name", "arms", "version")] == [("new", 3, 2), ("b", 2, 2)]

    Robot.objects.filter(name="b").update(version=7)
    with pytest.raises(BulkVersionConflictError, match="has version 7, not 2"):
        bulk_update(Robot.objects.all(), robots, ["arms"])
    assert [robot.version for robot in robots] == [2, 2]
