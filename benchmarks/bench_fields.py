"""Relation fields against DRF's own and against drf-commons 1.0.3; nested writes against the same written by hand."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework import serializers
from typing_extensions import override

from benchmarks.interleave import Contender
from benchmarks.peers import Worker, install_peer
from tests.ledger.models import Invoice, LineItem, Product
from tests.ledger.serializers import InvoiceSerializer

if TYPE_CHECKING:
    from benchmarks.conftest import Compete

SCRIPT: Final = Path(__file__).with_name("workers") / "relation_fields.py"
LINES: Final = 100

#: For each race how many queries its job may take: the rows, or one look-up for all the ids.
QUERIES: Final = {"fields_read_ids": 1, "fields_read_data": 1, "fields_validate_ids": 1}


@pytest.fixture(scope="module")
def workers() -> Iterator[dict[str, Worker]]:
    """Run one script in three processes: DRF's fields, ours, and those of the peer in its own environment."""
    peer = install_peer("drf-commons==1.0.3")
    with (
        Worker(sys.executable, SCRIPT, "drf") as drf,
        Worker(sys.executable, SCRIPT, "drf_commons") as ours,
        Worker(peer, SCRIPT, "drf_commons") as theirs,
    ):
        yield {"drf": drf, "drf_commons": ours, "drf_commons_1_0_3": theirs}


@pytest.mark.parametrize("race", QUERIES)
def test_relation_fields(race: str, workers: dict[str, Worker], compete: Compete) -> None:
    """500 rows are read within 1.3 (ids) and 1.5 (data) of DRF's time, 30 ids are validated with one query."""
    job = race.removeprefix("fields_")
    queries = {name: worker.do(f"count {job}") for name, worker in workers.items()}
    assert queries["drf_commons"] == QUERIES[race], queries
    contenders = [Contender(name=name, run=partial(worker.do, job)) for name, worker in workers.items()]
    compete(race, contenders, effort=0.15)


class LineSerializer(serializers.ModelSerializer[LineItem]):
    """A line as DRF has it."""

    class Meta:  # pyright: ignore[reportIncompatibleVariableOverride]  # the stubs declare a class
        model = LineItem
        fields = ("id", "product", "position", "text", "quantity")


class HandWrittenSerializer(serializers.ModelSerializer[Invoice]):
    """Nested lines the way DRF documents them."""

    line_items = LineSerializer(many=True)

    class Meta:  # pyright: ignore[reportIncompatibleVariableOverride]  # the stubs declare a class
        model = Invoice
        fields = ("id", "number", "line_items")

    @override
    def create(self, validated_data: Any) -> Invoice:
        lines = validated_data.pop("line_items")
        invoice = Invoice.objects.create(**validated_data)
        for line in lines:
            LineItem.objects.create(invoice=invoice, **line)
        return invoice


@pytest.mark.django_db
def test_an_invoice_with_a_hundred_lines(compete: Compete) -> None:
    """A nested invoice is written with a number of queries that does not grow with its lines."""
    product = Product.objects.create(name="Pen", slug="pen")
    lines = [{"product": str(product.pk), "position": number, "text": f"line {number}"} for number in range(LINES)]

    def build_job(
        serializer_class: type[serializers.ModelSerializer[Invoice]], size: int = LINES
    ) -> Callable[[], None]:
        def write() -> None:
            serializer = serializer_class(data={"number": "1", "line_items": lines[:size]})
            serializer.is_valid(raise_exception=True)
            serializer.save()

        return write

    def count(job: Callable[[], None]) -> int:
        clear()
        with CaptureQueriesContext(connection) as queries:
            job()
        return len(queries)

    def clear() -> None:
        Invoice.objects.all().delete()

    assert count(build_job(InvoiceSerializer, 10)) == count(build_job(InvoiceSerializer))
    compete(
        "nested_invoice_100",
        [
            Contender(name="by_hand", run=build_job(HandWrittenSerializer), prepare=clear),
            Contender(name="drf_commons", run=build_job(InvoiceSerializer), prepare=clear),
        ],
        effort=0.15,
    )
