"""Jobs with real workers: Celery on Redis, writing into PostgreSQL, while something goes wrong.

``JOB_FAULTS=20`` has every fault as often.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import pytest
from django.db import connection

from drf_commons.jobs.models import ImportJob, JobStatus
from drf_commons.jobs.service import cancel, get_progress, get_report, resume, start_import
from tests.personnel.models import Department

ROOT: Final = Path(__file__).parents[1]
ROWS: Final = 3_000
TIMES: Final = range(int(os.environ.get("JOB_FAULTS", "1")))
COMMON: Final = {
    "IMPORT_BATCH_SIZE": 50,
    "TRANSFER_CHUNK_ROWS": 200,
    "TRANSFER_RUNNER": "celery",
    "TRANSFER_STALLED_AFTER": 4,
}
#: Every seventh row fails: its name is too long.
FAILING: Final = len(range(0, ROWS, 7))

DEPARTMENTS: Final = {
    "steps": [{"model": "personnel.Department", "fields": ["code", "name"], "unique_fields": ["code"]}],
}

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.xdist_group("workers"),
    pytest.mark.skipif(shutil.which("redis-server") is None, reason="needs redis-server: apt-get install redis-server"),
    pytest.mark.skipif("postgres" not in os.environ.get("DATABASE_URL", ""), reason="needs PostgreSQL as DATABASE_URL"),
]


@dataclass(kw_only=True)
class Cluster:
    """A Redis of its own, and workers."""

    port: int
    directory: Path
    environment: dict[str, str]
    redis: subprocess.Popen[bytes] | None = None
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list[subprocess.Popen[bytes]])

    def start_redis(self) -> None:
        """Start Redis, with what it held before."""
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.directory)]
        self.redis = subprocess.Popen(  # noqa: S603  # a fixed command
            [*command, "--appendonly", "yes", "--appendfsync", "always"], stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)

    def start_worker(self) -> None:
        """Start one worker, which is one process."""
        command = [sys.executable, "-m", "celery", "-A", "tests.celery_app", "worker", "-P", "solo", "-l", "warning"]
        log = (self.directory / f"worker{len(self.workers)}.log").open("wb")
        name = ["-n", f"worker{len(self.workers)}@test", "--without-gossip", "--without-mingle"]
        self.workers.append(
            subprocess.Popen([*command, *name], cwd=ROOT, env=self.environment, stdout=log, stderr=log)  # noqa: S603
        )
        log.close()

    def kill_worker(self) -> None:
        """Kill a worker as the machine would, and start another."""
        worker = self.workers.pop(0)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        self.start_worker()

    def restart_redis(self) -> None:
        """Kill Redis, and start it anew."""
        assert self.redis is not None
        self.redis.kill()
        self.redis.wait()
        time.sleep(0.3)
        self.start_redis()

    def stop(self) -> None:
        """End every process that was started."""
        for process in [*self.workers, *([self.redis] if self.redis else [])]:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None) -> Iterator[Cluster]:
    """Start Redis and two workers on the database of the tests."""
    from tests.celery_app import app  # noqa: PLC0415  # it is a worker's

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    directory = tmp_path_factory.mktemp("workers")
    broker = f"redis://127.0.0.1:{port}/0"
    app.conf.update(broker_url=broker)
    app.set_default()
    environment = {
        **os.environ,
        "BROKER_URL": broker,
        "DATABASE_URL": f"postgres://postgres@127.0.0.1:5432/{connection.settings_dict['NAME']}",
        "MEDIA_ROOT": str(directory / "media"),
        "PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'example'}:{ROOT}",
        **{f"DRF_COMMONS_{key}": str(value) for key, value in COMMON.items()},
    }
    cluster = Cluster(port=port, directory=directory, environment=environment)
    cluster.start_redis()
    for _ in range(2):
        cluster.start_worker()
    yield cluster
    cluster.stop()


@pytest.fixture(autouse=True)
def workers(cluster: Cluster, settings: Any) -> None:
    """Send jobs to the workers, and keep files where they look for them."""
    settings.COMMON = COMMON
    settings.MEDIA_ROOT = cluster.environment["MEDIA_ROOT"]


def build_file(first: int = 0) -> BytesIO:
    """Return a file of departments, of which some cannot be stored."""
    rows = [f"d{number},{'x' * (60 if number % 7 == 0 else 5)}" for number in range(first, first + ROWS)]
    return BytesIO("\n".join(["code,name", *rows]).encode())


def start(file: BytesIO | None = None) -> ImportJob:
    """Start to import the file."""
    return start_import(f"{__name__}.DEPARTMENTS", file or build_file(), name="departments.csv")


def wait_for(test: Callable[[], object], seconds: float = 60) -> None:
    """Wait until *test* is true."""
    deadline = time.monotonic() + seconds
    while not test():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.02)


def has_begun(job: ImportJob) -> bool:
    """Tell whether some rows are written, and not all."""
    return get_progress(job).rows > 100


def is_over(job: ImportJob) -> bool:
    """Tell whether the job has come to its end, and resume it where it was interrupted."""
    status = get_progress(job).status
    if status in {JobStatus.FAILED, JobStatus.STALLED}:
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


def terminate_connections() -> None:
    """End every connection to the database but this one, as a restart of the server would."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


FAULTS: Final[dict[str, Callable[[Cluster, ImportJob], None]]] = {
    "nothing goes wrong": lambda _cluster, _job: None,
    "a worker is killed": lambda cluster, _job: cluster.kill_worker(),
    "Redis is restarted": lambda cluster, _job: cluster.restart_redis(),
    "the database is restarted": lambda _cluster, _job: terminate_connections(),
    "it is cancelled and resumed": lambda _cluster, job: _cancel_and_resume(job),
}


def _cancel_and_resume(job: ImportJob) -> None:
    cancel(job)
    time.sleep(0.5)
    report = get_report(job)
    assert report is not None
    assert report["created"] == Department.objects.count()
    resume(job)


@pytest.mark.parametrize("fault", FAULTS)
def test_no_row_is_lost_or_doubled(cluster: Cluster, fault: str) -> None:
    """Whatever happens to workers, broker or database: all rows are stored once, or reported once."""
    for _ in TIMES:
        Department.objects.all().delete()
        job = start()
        wait_for(lambda job=job: has_begun(job))  # type: ignore[misc]
        FAULTS[fault](cluster, job)
        wait_for(lambda job=job: is_over(job))  # type: ignore[misc]
        check(job)


def test_two_jobs_over_the_same_rows_store_each_once(cluster: Cluster) -> None:
    """Two jobs that import the same rows at once end with true reports, and no row is there twice."""
    for _ in TIMES:
        Department.objects.all().delete()
        jobs = [start(), start()]
        for job in jobs:
            wait_for(lambda job=job: is_over(job))  # type: ignore[misc]
        reports = [get_report(job) for job in jobs]
        assert Department.objects.count() == ROWS - FAILING
        created = 0
        for report in reports:
            assert report is not None
            assert report["total"] == report["created"] + report["unchanged"] + report["failed"] == ROWS
            created += report["created"]
        assert created == ROWS - FAILING
