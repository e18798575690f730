"""Workers that find at the same time that a row is missing which rows of several chunks need."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import pytest
from django.db import connections

from drf_commons.jobs.calls import Call
from drf_commons.jobs.models import JobStatus, Strategy
from drf_commons.jobs.runners import run_call
from drf_commons.jobs.service import start_import
from tests.couriers import Courier
from tests.personnel.models import Department, Employee
from tests.test_job_equivalence import CREATE_MISSING, PARENTS

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        not os.environ.get("DATABASE_URL"), reason="needs a server as DATABASE_URL: SQLite has one writer"
    ),
]

CASES: Final = {"PARENTS": PARENTS, "CREATE_MISSING": CREATE_MISSING}
HEADER: Final = "email,first_name,last_name,badge,salary,hired,department"


def work(call: Call) -> None:
    """Do what a worker does, in a thread with connections of its own."""
    run_call(call)
    connections.close_all()


@pytest.mark.parametrize("case", CASES)
def test_what_several_chunks_need_is_created_once(case: str, tmp_path: Path, settings: Any) -> None:
    """Eight workers that all lack the same departments: each is there once afterwards, and no row has failed."""
    settings.MEDIA_ROOT = str(tmp_path)
    settings.COMMON = {"TRANSFER_RUNNER": "tests.couriers.Courier", "TRANSFER_CHUNK_ROWS": 10, "IMPORT_BATCH_SIZE": 5}
    rows = [f"p{n}@example.org,Ada,L{n},{n},1000,2024-01-01,D{n % 5}" for n in range(80)]
    job = start_import(f"{__name__}.{case}", BytesIO("\n".join([HEADER, *rows]).encode()), name="people.csv")
    with ThreadPoolExecutor(8) as workers:
        while calls := Courier.take():
            for _ in workers.map(work, calls):
                pass
    job.refresh_from_db()
    assert (job.status, job.message, job.strategy) == (JobStatus.COMPLETED, "", Strategy.SPREAD)
    assert job.report is not None
    assert (job.report["created"], job.report["failed"]) == (80, 0)
    assert (Employee.objects.count(), Department.objects.count()) == (80, 5)
