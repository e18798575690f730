"""An import as a job against the same import in one call: what planning, chunks and the place of the job cost."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from benchmarks.interleave import Contender
from drf_commons.jobs.models import ImportJob, JobStatus
from drf_commons.jobs.service import start_import
from drf_commons.services import FileImportService
from tests.personnel.models import Department, Employee

if TYPE_CHECKING:
    from benchmarks.conftest import Compete

#: A small run has more of what does not grow with the rows, and a floor of its own.
RACE, ROWS, EFFORT = (
    ("job_overhead_small", 2_000, 0.2) if os.environ.get("BENCH_SIZE") == "small" else ("job_overhead", 100_000, 0.04)
)

EMPLOYEES: Final[dict[str, Any]] = {
    "steps": [
        {
            "model": "personnel.Employee",
            "fields": ["email", "first_name", "last_name", "badge", "age", "salary", "hired", "department"],
            "unique_fields": ["email"],
            "foreign_keys": {"department": {"lookup_field": "code"}},
        }
    ]
}


def write_lines(rows: int) -> Iterator[str]:
    """Yield the lines of a file of employees."""
    yield "email,first_name,last_name,badge,age,salary,hired,department"
    for n in range(rows):
        money, day = f"{1000 + n % 900}.50", f"2024-0{1 + n % 9}-1{n % 10}"
        yield f"p{n}@example.org,First{n},Last{n},{n},{20 + n % 40},{money},{day},D{n % 50}"


@pytest.mark.django_db(transaction=True)
def test_overhead_of_a_job(compete: Compete, tmp_path: Path, settings: Any) -> None:
    """A job reads its file twice, looks for twins in it and keeps its place; all workers together are measured."""
    settings.MEDIA_ROOT = str(tmp_path)
    file = "\n".join(write_lines(ROWS)).encode()

    def prepare() -> None:
        ImportJob.objects.all().delete()
        Employee.objects.all().delete()
        Department.objects.all().delete()
        Department.objects.bulk_create([Department(code=f"D{number}") for number in range(50)])

    def run_in_one_call() -> None:
        result = FileImportService(EMPLOYEES).import_file(BytesIO(file), name="people.csv")
        assert result.created == ROWS

    def run_as_job() -> None:
        job = start_import(f"{__name__}.EMPLOYEES", BytesIO(file), name="people.csv")
        job.refresh_from_db()
        assert job.status == JobStatus.COMPLETED, job.message
        assert Employee.objects.count() == ROWS

    contenders = [
        Contender(name="one_call", run=run_in_one_call, prepare=prepare),
        Contender(name="job", run=run_as_job, prepare=prepare),
    ]
    compete(RACE, contenders, effort=EFFORT, clock=time.process_time)
