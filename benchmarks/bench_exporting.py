"""Exports: CSV against the bare csv module, XLSX against its peers, and how much memory either takes."""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import pytest
from django.db.models import QuerySet

from benchmarks.interleave import Contender
from benchmarks.peers import Worker, build_clock, install_peer
from drf_commons.services import ExportService
from tests.personnel.models import Department, Employee

if TYPE_CHECKING:
    from benchmarks.conftest import Compete, Size

WORKER: Final = Path(__file__).parent / "workers" / "exports.py"
NAMES: Final = (
    *("id", "first_name", "last_name", "email", "badge", "phone", "age", "salary", "rating", "hired", "is_remote"),
    *("website", "created_at", "department__code", "department__name"),
)

#: What an export may have in memory at its highest, in kilobytes.
MEMORY: Final = {"csv": 8_000, "xlsx": 10_000}


#: What a row of a PDF may take.
MOST_PDF_MILLISECONDS, MOST_PDF_KILOBYTES = 12.0, 60.0

#: Rows of a quick run, and of a full one, which takes the hundred thousand of the promise.
FEW, MANY = 5_000, 100_000
#: A full run has at least this many rounds.
FULL: Final = 100


def count_rows(size: Size) -> int:
    """Return how many rows are exported."""
    return MANY if size.rounds >= FULL else FEW


@pytest.mark.django_db
def test_csv(compete: Compete, size: Size) -> None:
    """A CSV file costs little more than the csv module over the same query, formats and guard included."""
    count = count_rows(size)
    department = Department.objects.create(code="007", name="Secret")
    for start in range(0, count, FEW):
        Employee.objects.bulk_create(
            Employee(
                first_name=f"Name {n}",
                last_name=f"Family {n * 7919 % 1000}",
                email=f"name.{n}@example.com",
                badge=f"{n:07}",
                age=16 + n % 80,
                salary=n,
                rating=n / 7,
                hired="2025-12-31",
                website="https://example.com/",
                department=department,
            )
            for n in range(start, start + FEW)
        )
    rows = Employee.objects.order_by("email")
    compete(
        "export_csv",
        [
            Contender(name="csv_module", run=lambda: write_plainly(rows)),
            Contender(name="drf_commons", run=lambda: export(rows)),
        ],
        effort=0.05 if count == MANY else 0.3,
        clock=time.process_time,
    )


def write_plainly(rows: QuerySet[Employee]) -> int:
    """Write the rows as the csv module does, with nothing looked at."""
    buffer = StringIO(newline="")
    writer = csv.writer(buffer)
    size = 0
    for number, row in enumerate(rows.values_list(*NAMES).iterator(1_000)):
        writer.writerow(row)
        if number % 1_000 == 0:
            size += len(buffer.getvalue().encode())
            buffer.seek(0)
            buffer.truncate()
    return size


def export(rows: QuerySet[Employee]) -> int:
    """Write the rows as a viewset does."""
    return sum(map(len, ExportService(rows, {name: name for name in NAMES}).stream("csv")))


def test_xlsx(compete: Compete, size: Size) -> None:
    """A workbook is written many times faster than by the libraries that build it whole."""
    count = str(10_000 if size.rounds >= FULL else 2_000)
    peers = {
        "django_import_export": install_peer("django-import-export[xlsx]==4.4.3"),
        "drf_excel": install_peer("drf-excel==2.6.0"),
    }
    with ExitStack() as stack:
        ours = stack.enter_context(Worker(sys.executable, WORKER, "drf_commons", count))
        workers = {name: stack.enter_context(Worker(python, WORKER, name, count)) for name, python in peers.items()}
        contenders = [Contender(name=name, run=build_job(worker)) for name, worker in workers.items()]
        compete("export_xlsx", [*contenders, Contender(name="drf_commons", run=build_job(ours))], effort=0.05)


def build_job(worker: Worker) -> Callable[[], object]:
    """Return what has *worker* write a workbook."""
    return lambda: worker.do("xlsx")


@pytest.mark.parametrize("file_type", ["csv", "xlsx"])
def test_memory_stays_flat(file_type: str, size: Size) -> None:
    """However many rows there are, no more than a block of them is kept."""
    with Worker(sys.executable, WORKER, "drf_commons", str(count_rows(size))) as worker:
        taken = cast("int", worker.do(f"memory_{file_type}"))
    print(f"{file_type}: {taken:,} kB")
    assert taken <= MEMORY[file_type]


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="only Linux tells what another process took")
def test_pdf_is_linear(size: Size) -> None:
    """A row of a document takes the same time and memory however many there are, up to the limit."""
    counts = (250, 500, 1_000, 2_000) if size.rounds >= FULL else (250, 500)
    milliseconds: list[float] = []
    for count in counts:
        with Worker(sys.executable, WORKER, "drf_commons", str(count)) as worker:
            worker.do("pdf_page")  # what is loaded once is loaded now
            clock = build_clock(worker)
            taken: list[float] = []
            kilobytes = 0
            for _ in range(3):  # the least of it is what a busy machine adds nothing to
                start = clock()
                kilobytes = max(kilobytes, worker.measure_peak("pdf"))
                taken.append(clock() - start)
            milliseconds.append(min(taken) / count * 1_000)
        print(f"pdf: {count:,} rows, {milliseconds[-1]:.1f} ms and {kilobytes / count:.0f} kB a row")
        # A block of rows is laid out at once: a short document may take what one of a thousand rows does.
        assert kilobytes <= max(count, 1_000) * MOST_PDF_KILOBYTES
    assert milliseconds[-1] <= milliseconds[0] * 1.15
    if size.rounds >= FULL:  # a bound for a machine that is known and quiet; elsewhere only the ratio says something
        assert max(milliseconds) <= MOST_PDF_MILLISECONDS
