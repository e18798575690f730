"""Jobs with real workers: Celery on Redis, writing into PostgreSQL, while something goes wrong.

All three are the tests' own, and killed at will. ``JOB_FAULTS=20`` has every fault as often.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from random import Random
from typing import Any, Final

import pytest
from pytest_django import DjangoDbBlocker

from drf_commons.jobs.models import ImportJob, JobStatus, Strategy
from drf_commons.jobs.service import cancel, get_progress, get_report, resume, start_import
from tests.clusters import Cluster, run_cluster, wait_for
from tests.personnel.models import Department

ROWS: Final = 3_000
TIMES: Final = range(int(os.environ.get("JOB_FAULTS", "1")))
COMMON: Final = {
    "IMPORT_BATCH_SIZE": 50,
    "TRANSFER_CHUNK_ROWS": 200,
    "TRANSFER_RUNNER": "tests.couriers.BadPost",
    "TRANSFER_STALLED_AFTER": 4,
    "TRANSFER_STORAGE": "narrow",
}
#: Every seventh row fails: its name is too long.
FAILING: Final = len(range(0, ROWS, 7))


def dawdle(value: object) -> object:
    """Take time, so that what goes wrong goes wrong in the middle."""
    time.sleep(0.0005)
    return value


MAIN: Final = {
    "model": "personnel.Department",
    "fields": ["code", "name"],
    "unique_fields": ["code"],
    "transforms": {"code": dawdle},
}
PARENT: Final = {"model": "personnel.Skill", "fields": ["name"], "unique_fields": ["name"]}
SPREAD: Final = {"steps": [MAIN]}
PARENTS: Final = {"steps": [PARENT, MAIN]}
IN_ORDER: Final = {"steps": [{**PARENT, "name": "first"}, {**PARENT, "name": "second"}, MAIN]}
WHOLE: Final = {"steps": [{**PARENT, "update_if_exists": True}, MAIN]}
#: What is imported, and how it is divided.
CASES: Final = (
    ("SPREAD", Strategy.SPREAD),
    ("IN_ORDER", Strategy.IN_ORDER),
    ("WHOLE", Strategy.WHOLE),
    ("PARENTS", Strategy.SPREAD),
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("workers"), pytest.mark.once]


@pytest.fixture(scope="module")
def cluster(
    tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[Cluster]:
    """Start PostgreSQL, Redis and two workers."""
    with django_db_blocker.unblock(), run_cluster(tmp_path_factory.mktemp("workers"), COMMON) as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def workers(cluster: Cluster, settings: Any) -> Iterator[None]:
    """Send jobs to the workers, and keep files where they look for them."""
    settings.COMMON = COMMON
    settings.MEDIA_ROOT = str(cluster.media)
    yield
    for sign in ("room", "scrambled"):
        (cluster.media / sign).unlink(missing_ok=True)


def build_file(first: int = 0) -> BytesIO:
    """Return a file of departments, of which some cannot be stored."""
    rows = [f"d{number},{'x' * (60 if number % 7 == 0 else 5)}" for number in range(first, first + ROWS)]
    return BytesIO("\n".join(["code,name", *rows]).encode())


def start(case: str) -> ImportJob:
    """Start to import the file."""
    return start_import(f"{__name__}.{case}", build_file(), name="departments.csv")


def resume_until_over(job: ImportJob) -> bool:
    """Tell whether the job has come to its end, and resume it where it was interrupted."""
    status = get_progress(job).status
    if status in {JobStatus.FAILED, JobStatus.STALLED}:
        assert "can be resumed" in job.message, job.message
        resume(job)
    return status == JobStatus.COMPLETED


def check(job: ImportJob) -> None:
    """Check that every row of the file is stored once, or reported once."""
    job.refresh_from_db()
    report = get_report(job)
    assert report is not None
    assert (report["total"], report["created"] + report["unchanged"], report["failed"]) == (
        ROWS,
        ROWS - FAILING,
        FAILING,
    )
    assert Department.objects.count() == ROWS - FAILING
    with job.failed_file.open() as file:
        assert len(file.read().decode().splitlines()) == FAILING + 1


def do_nothing(_cluster: Cluster, _job: ImportJob) -> None:
    """Let the job be."""


def kill_worker(cluster: Cluster, _job: ImportJob) -> None:
    cluster.kill_worker()


def restart_redis(cluster: Cluster, _job: ImportJob) -> None:
    cluster.redis.restart()


def restart_postgres(cluster: Cluster, _job: ImportJob) -> None:
    """Stop the server as an administrator would."""
    cluster.restart_postgres("fast")


def crash_postgres(cluster: Cluster, _job: ImportJob) -> None:
    """Stop the server as a crash would."""
    cluster.restart_postgres("immediate")


def fill_disk(cluster: Cluster, job: ImportJob) -> None:
    """Leave no room for the rows that fail, and make some when the job has said so."""
    (cluster.media / "room").write_text("1000")
    wait_for(lambda: get_progress(job).status == JobStatus.FAILED)
    assert "No space left on device" in job.message
    (cluster.media / "room").unlink()


def cancel_and_resume(_cluster: Cluster, job: ImportJob) -> None:
    """Stop the job, which then tells what is there."""
    cancel(job)
    wait_for(lambda: not is_written_to())
    report = get_report(job)
    assert report is not None
    assert (report["state"], report["created"]) == ("stopped", Department.objects.count())
    resume(job)


def is_written_to() -> bool:
    """Tell whether somebody is still at a batch."""
    before = Department.objects.count()
    time.sleep(0.5)
    return Department.objects.count() > before


FAULTS: Final = (
    do_nothing,
    kill_worker,
    restart_redis,
    restart_postgres,
    crash_postgres,
    fill_disk,
    cancel_and_resume,
)


@pytest.mark.parametrize("number", TIMES)
@pytest.mark.parametrize("fault", FAULTS)
def test_no_row_is_lost_or_doubled(cluster: Cluster, fault: Callable[[Cluster, ImportJob], None], number: int) -> None:
    """Whatever happens to workers, broker, database or disk: all rows are stored once, or reported once."""
    case, strategy = CASES[(FAULTS.index(fault) + number) % len(CASES)]
    begun = Random(number).randrange(50, ROWS // 2)  # noqa: S311  # no secret
    job = start(case)
    wait_for(lambda: get_progress(job).rows > begun)
    assert job.is_active, job.message  # it may be stalled, where the machine is slow
    fault(cluster, job)
    wait_for(lambda: resume_until_over(job))
    check(job)
    assert job.strategy == strategy


@pytest.mark.parametrize("number", TIMES)
def test_messages_that_come_twice_and_in_any_order_do_no_harm(cluster: Cluster, number: int) -> None:
    """Each is sent twice, at moments of their own: all rows are stored once, or reported once."""
    cluster.media.mkdir(exist_ok=True)
    (cluster.media / "scrambled").touch()
    job = start(CASES[number % len(CASES)][0])
    wait_for(lambda: resume_until_over(job))
    check(job)


@pytest.mark.parametrize("number", TIMES)
def test_two_jobs_over_the_same_rows_store_each_once(cluster: Cluster, number: int) -> None:
    """Two jobs that import the same rows at once end with true reports, and no row is there twice."""
    case, _ = CASES[number % len(CASES)]
    jobs = [start(case), start(case)]
    for job in jobs:
        wait_for(lambda job=job: resume_until_over(job))  # type: ignore[misc]
    assert Department.objects.count() == ROWS - FAILING
    created = 0
    for report in map(get_report, jobs):
        assert report is not None
        assert report["total"] == report["created"] + report["unchanged"] + report["failed"] == ROWS
        created += report["created"]
    assert created == ROWS - FAILING
