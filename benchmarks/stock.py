"""The table of the bulk benchmarks: five columns to write, a foreign key among them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, ClassVar, Final

from django.db import connection, models
from fast_update.query import FastUpdateManager  # type: ignore[import-untyped]

__all__ = ["COLUMNS", "Depot", "Stock", "assign_values", "stored_rows"]

COLUMNS: Final = ("name", "price", "due", "quantity", "depot")

_DEPOTS: Final = 200
_EPOCH: Final = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


class Depot(models.Model):
    """Where the rows lie."""

    name = models.CharField(max_length=20)

    objects: ClassVar[models.Manager[Depot]] = models.Manager()

    class Meta:
        app_label = "benchmarks"


class Stock(models.Model):
    """The row."""

    name = models.CharField(max_length=40)
    price = models.DecimalField(max_digits=10, decimal_places=2)
    due = models.DateTimeField()
    quantity = models.IntegerField()
    depot = models.ForeignKey(Depot, on_delete=models.CASCADE)
    depot_id: int

    objects: ClassVar[models.Manager[Stock]] = models.Manager()
    fast: ClassVar[Any] = FastUpdateManager()

    class Meta:
        app_label = "benchmarks"


@contextmanager
def stored_rows(number: int) -> Iterator[Sequence[Stock]]:
    """Have a table of *number* rows."""
    with connection.schema_editor() as editor:
        editor.create_model(Depot)
        editor.create_model(Stock)
    try:
        Depot.objects.bulk_create(Depot(name=f"depot {number}") for number in range(_DEPOTS))
        rows = [Stock() for _ in range(number)]
        assign_values(rows, 0)
        Stock.objects.bulk_create(rows, batch_size=2000)
        yield rows
    finally:
        with connection.schema_editor() as editor:
            editor.delete_model(Stock)
            editor.delete_model(Depot)


def assign_values(rows: Sequence[Stock], turn: int) -> None:
    """Give every column of every row a value that differs from those of the turn before."""
    for number, row in enumerate(rows, turn):
        row.name = f"row {number}"
        row.price = Decimal(number % 10_000) / 4
        row.due = _EPOCH + dt.timedelta(minutes=number)
        row.quantity = number
        row.depot_id = number % _DEPOTS + 1
