"""Many writers at once, on databases that have many."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, Final

import pytest
from django.db import connections, transaction

from drf_commons.bulk import bulk_create, bulk_update
from drf_commons.errors import VersionConflictError
from tests.servers import MARIADB, POSTGRESQL
from tests.warehouse.models import Item, Label, Machine

SERVERS: Final = [
    pytest.param(
        server.alias,
        marks=[
            getattr(pytest.mark, server.alias),
            pytest.mark.xdist_group(server.alias),
            pytest.mark.django_db(databases=[server.alias], transaction=True),
        ],
    )
    for server in (POSTGRESQL, MARIADB)
]
pytestmark = pytest.mark.parametrize("alias", SERVERS)


def run_together(alias: str, *jobs: Callable[[], object]) -> list[BaseException | None]:
    """Run every job in a thread and a connection of its own, all from the same moment; return how each ended."""
    start = Barrier(len(jobs))

    def run(job: Callable[[], object]) -> None:
        try:
            connections[alias].ensure_connection()
            start.wait()
            job()
        finally:
            connections[alias].close()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return [future.exception() for future in [pool.submit(run, job) for job in jobs]]


def test_two_clients_change_different_columns_of_the_same_rows(alias: str) -> None:
    """Neither takes back what the other wrote, although both read the rows before."""
    queryset = Item.objects.using(alias)
    bulk_create(queryset, [Item(name="old") for _ in range(500)])

    def change(name: str, value: object) -> Callable[[], object]:
        rows = [*queryset.order_by("?")]
        for row in rows:
            setattr(row, name, value)
        return lambda: bulk_update(queryset, rows, ["name", "quantity"], present=[{name}] * len(rows))

    assert run_together(alias, change("name", "new"), change("quantity", 7)) == [None, None]
    assert set(queryset.values_list("name", "quantity")) == {("new", 7)}


@pytest.mark.parametrize("model", [Item, Label])
def test_sixteen_writers_over_overlapping_rows_do_not_deadlock(alias: str, model: type[Item | Label]) -> None:
    """Whatever order they name the rows in, all come to an end, and each row is written by one of them as a whole."""
    field = "name" if model is Item else "text"
    queryset = model._default_manager.using(alias)
    keys = [f"{letter}{number}" for number in range(60) for letter in "aB"]  # sorted differently by every collation
    rows: list[Any] = [Item(name="0") if model is Item else Label(code=key, text="0") for key in keys]
    queryset.bulk_create(rows)

    def change(writer: int) -> None:
        randomness = random.Random(writer)  # noqa: S311  # an order, not a secret
        for _ in range(8):
            mine = randomness.sample(rows, 90)
            objs = [model(pk=row.pk, **{field: f"w{writer}"}) for row in mine]
            with transaction.atomic(using=alias):
                assert bulk_update(queryset, objs, [field], chunk_size=40) == 90

    assert run_together(alias, *(lambda writer=writer: change(writer) for writer in range(16))) == [None] * 16
    written = set(queryset.values_list(field, flat=True))
    assert written <= {f"w{writer}" for writer in range(16)}


def test_of_two_writers_of_one_version_one_loses(alias: str) -> None:
    """The loser is told, and none of its rows is written."""
    queryset = Machine.objects.using(alias)
    bulk_create(queryset, [Machine(name="old") for _ in range(50)])

    def change(name: str) -> Callable[[], object]:
        rows = [*queryset.order_by("?")]
        for row in rows:
            row.name = name
        return lambda: bulk_update(queryset, rows, ["name"])

    errors = run_together(alias, change("a"), change("b"))

    assert sorted(type(error).__name__ for error in errors) == ["BulkVersionConflictError", "NoneType"]
    assert isinstance(next(filter(None, errors)), VersionConflictError)
    assert len(set(queryset.values_list("name", "version"))) == 1
