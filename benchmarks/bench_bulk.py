"""Bulk writes against Django's own, against the nearest peer, and against a driver that is handed its values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import TYPE_CHECKING, Final

import pytest
from django.db import connection, transaction

from benchmarks.driver import build_driver_update
from benchmarks.interleave import Contender
from benchmarks.stock import COLUMNS, Stock, assign_values, stored_rows
from drf_commons.bulk import bulk_create, bulk_delete, bulk_update

if TYPE_CHECKING:
    from benchmarks.conftest import Compete

TABLE: Final = 20_000
ROWS: Final = 1_000
MISSING: Final = 20
#: How many rows the race of large writes has: Django needs ten seconds for the full size.
LARGE: Final = {"small": 2_000, "full": 10_000}

VENDOR: Final = connection.vendor

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("table")]


@pytest.fixture
def table() -> Iterator[Sequence[Stock]]:
    """Return the rows of a table of 20,000."""
    with stored_rows(TABLE) as rows:
        yield rows


class Writers:
    """Contenders that write the same rows, with a new value in every column before each turn."""

    def __init__(self, rows: Sequence[Stock]) -> None:
        self.rows = rows
        self._turns = count(1)

    def change(self) -> None:
        """Let the next write have something to write."""
        assign_values(self.rows, next(self._turns))

    def build(self, name: str, write: Callable[[], object]) -> Contender:
        """Return a contender that writes all the rows as they are now."""
        return Contender(name=name, run=write, prepare=self.change)

    def build_ours(self) -> Contender:
        """Return this library's, which writes all the rows with one statement."""
        return self.build(
            "drf_commons", lambda: bulk_update(Stock.objects.all(), self.rows, COLUMNS, chunk_size=len(self.rows))
        )


def test_update_against_django(table: Sequence[Stock], compete: Compete) -> None:
    """1,000 rows are updated at least 20 times as fast as Django does it, 40 times on SQLite."""
    writers = Writers(table[:ROWS])
    baseline = writers.build("queryset_bulk_update", lambda: Stock.objects.bulk_update(writers.rows, COLUMNS))
    compete(f"bulk_update_1000[{VENDOR}]", [baseline, writers.build_ours()], effort=0.1)


def test_large_update_against_django(table: Sequence[Stock], compete: Compete, size_name: str) -> None:
    """10,000 rows are updated at least 30 times as fast as Django does it in batches of 500."""
    writers = Writers(table[: LARGE[size_name]])
    baseline = writers.build(
        "queryset_bulk_update_by_500", lambda: Stock.objects.bulk_update(writers.rows, COLUMNS, batch_size=500)
    )
    compete(f"bulk_update_10000[{VENDOR}]", [baseline, writers.build_ours()], effort=0.01)


def test_update_against_the_driver(table: Sequence[Stock], compete: Compete) -> None:
    """All the way from instances to the driver costs less than what the driver and the database do."""
    writers = Writers(table[:ROWS])
    driver = build_driver_update(writers.rows, writers.change)
    compete(f"bulk_update_1000_driver[{VENDOR}]", [driver, writers.build_ours()])


def test_update_against_the_nearest_peer(table: Sequence[Stock], compete: Compete) -> None:
    """1,000 rows are updated at least 1.3 times as fast as django-fast-update does it."""
    writers = Writers(table[:ROWS])
    peer = writers.build("django_fast_update", lambda: Stock.fast.fast_update(writers.rows, COLUMNS))
    compete(f"bulk_update_1000_peer[{VENDOR}]", [peer, writers.build_ours()])


def test_insert_against_django(compete: Compete) -> None:
    """1,000 rows are inserted faster than Django does it, and have their keys."""
    rows: list[Stock] = []

    def prepare() -> None:
        Stock.objects.filter(pk__gt=TABLE).delete()
        rows[:] = [Stock() for _ in range(ROWS)]
        assign_values(rows, 0)

    compete(
        f"bulk_create_1000[{VENDOR}]",
        [
            Contender(name="queryset_bulk_create", run=lambda: Stock.objects.bulk_create(rows), prepare=prepare),
            Contender(name="drf_commons", run=lambda: bulk_create(Stock.objects.all(), rows), prepare=prepare),
        ],
        effort=0.5,
    )


def test_delete(table: Sequence[Stock], compete: Compete) -> None:
    """One statement deletes 980 rows and tells which of 1,000 there were."""
    pks = [*(row.pk for row in table[: ROWS - MISSING]), *range(TABLE + 1, TABLE + MISSING + 1)]

    def prepare() -> None:
        present = {*Stock.objects.filter(pk__in=pks).values_list("pk", flat=True)}
        bulk_create(Stock.objects.all(), [row for row in table[: ROWS - MISSING] if row.pk not in present])

    def delete_each() -> None:
        with transaction.atomic():
            for row in Stock.objects.filter(pk__in=pks):
                row.delete()

    def select_and_delete() -> None:
        with transaction.atomic():
            found = {*Stock.objects.filter(pk__in=pks).values_list("pk", flat=True)}
            Stock.objects.filter(pk__in=found).delete()

    compete(
        f"bulk_delete_1000[{VENDOR}]",
        [
            Contender(name="delete_each", run=delete_each, prepare=prepare),
            Contender(name="select_and_delete", run=select_and_delete, prepare=prepare),
            Contender(name="drf_commons", run=lambda: bulk_delete(Stock.objects.all(), pks), prepare=prepare),
        ],
        effort=0.15,
    )
