"""An import by Celery workers on Redis into PostgreSQL: how long it takes, and who works for how long.

::

    DATABASE_URL=postgres://postgres@127.0.0.1:5432/scale python -m benchmarks.jobs_at_scale --rows 1000000 --workers 2

It starts a Redis and workers of its own, and makes a database ``test_…`` that is gone afterwards. The time of the
database is that of the whole server: let nobody else use it meanwhile.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import django
from celery import Celery

ROOT: Final = Path(__file__).parents[1]
#: Clock ticks in a second, as ``/proc`` counts.
TICKS: Final = os.sysconf("SC_CLK_TCK")

sys.path.append(str(ROOT / "example"))  # the settings name its apps
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

#: The application of the workers: ``celery -A benchmarks.jobs_at_scale worker``.
app: Final = Celery("scale", broker=os.environ.get("BROKER_URL", "redis://127.0.0.1:6379/0"))
app.conf.update(worker_prefetch_multiplier=1, broker_connection_retry_on_startup=True)
app.autodiscover_tasks(lambda: ["drf_commons.jobs"])


def main() -> None:
    """Import a file, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    if "postgres" not in os.environ.get("DATABASE_URL", ""):
        parser.error("name a PostgreSQL in DATABASE_URL")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        broker = stack.enter_context(run_redis(folder))
        app.conf.update(broker_url=broker)
        app.set_default()
        os.environ |= {"MEDIA_ROOT": str(folder / "media"), "DRF_COMMONS_TRANSFER_RUNNER": "celery"}
        url = stack.enter_context(make_database())
        environment = {**os.environ, "BROKER_URL": broker, "DATABASE_URL": url}
        workers = stack.enter_context(run_workers(options.workers, environment, folder))
        measure(options.rows, folder, workers)


def measure(rows: int, folder: Path, workers: Sequence[int]) -> None:
    """Import a file of *rows*, and print how long that took, and for how long everybody was busy."""
    from benchmarks.bench_jobs import write_lines  # noqa: PLC0415  # Django is set up by now
    from drf_commons.jobs.service import get_progress, start_import  # noqa: PLC0415
    from tests.personnel.models import Department, Employee  # noqa: PLC0415

    Department.objects.bulk_create([Department(code=f"D{number}") for number in range(50)])
    path = folder / "people.csv"
    with path.open("w") as file:
        file.writelines(f"{line}\n" for line in write_lines(rows))
    postmaster = find_postmaster()
    busy = read_family(postmaster), [*map(read_seconds, workers)]
    start = time.perf_counter()
    with path.open("rb") as file:
        job = start_import("benchmarks.bench_jobs.EMPLOYEES", file, name=path.name)
    planned = 0.0
    while (progress := get_progress(job)).status in {"queued", "running"}:
        planned = planned or (time.perf_counter() - start if progress.total else 0.0)
        time.sleep(0.25)
    seconds = time.perf_counter() - start
    database = read_family(postmaster) - busy[0]
    python = [after - before for after, before in zip(map(read_seconds, workers), busy[1], strict=True)]
    stored = Employee.objects.count()
    assert (progress.status, progress.created, stored) == ("completed", rows, rows), progress
    print(f"{rows:,} rows in the file, {stored:,} in the table, {len(workers)} workers, {os.cpu_count()} cores")
    print(f"{seconds:.1f} s, {rows / seconds:,.0f} rows a second; divided after {planned:.1f} s")
    print(f"CPU: database {database:.1f} s, workers {' + '.join(f'{part:.1f}' for part in python)} s")


@contextmanager
def run_redis(folder: Path) -> Iterator[str]:
    """Run Redis, and give its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603  # a fixed command
    try:
        wait_for(lambda: is_open(port))
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.kill()
        process.wait()


@contextmanager
def make_database() -> Iterator[str]:
    """Set Django up on a database for tests, and give its URL."""
    django.setup()
    from django.db import connection  # noqa: PLC0415  # Django is set up by now
    from django.test.utils import setup_databases, teardown_databases  # noqa: PLC0415

    connection.settings_dict["TEST"]["MIGRATE"] = False  # the apps of the tests have no migrations
    aliases: Any = ["default"]  # the stubs want a mapping
    old = setup_databases(verbosity=0, interactive=False, aliases=aliases, serialized_aliases=set())
    try:
        yield f"{os.environ['DATABASE_URL'].rpartition('/')[0]}/{connection.settings_dict['NAME']}"
    finally:
        teardown_databases(old, verbosity=0)


@contextmanager
def run_workers(count: int, environment: dict[str, str], folder: Path) -> Iterator[Sequence[int]]:
    """Run *count* workers of one process each, and give their ids."""
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "benchmarks.jobs_at_scale",
        "worker",
        "-P",
        "solo",
        "-l",
        "warning",
    ]
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for number in range(count):
            with (folder / f"worker{number}.log").open("wb") as log:
                name = ["-n", f"worker{number}@scale"]
                processes.append(
                    subprocess.Popen([*command, *name], cwd=ROOT, env=environment, stdout=log, stderr=log)  # noqa: S603
                )
        wait_for(lambda: len(app.control.ping(timeout=1.0) or ()) == count)
        yield [process.pid for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def find_postmaster() -> int:
    """Return the process whose children serve this database."""
    from django.db import connection  # noqa: PLC0415  # Django is set up by now

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(read_stat(cursor.fetchone()[0])[1])


def read_family(pid: int) -> float:
    """Return the seconds of a process, of its children, and of those that have ended."""
    children = [child for child in Path("/proc").iterdir() if child.name.isdigit()]
    seconds = sum(map(int, read_stat(pid)[11:15])) / TICKS
    for child in children:
        try:
            stat = read_stat(int(child.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(stat[1]) == pid:
            seconds += sum(map(int, stat[11:13])) / TICKS
    return seconds


def read_seconds(pid: int) -> float:
    """Return the seconds that a process was busy for."""
    return sum(map(int, read_stat(pid)[11:13])) / TICKS


def read_stat(pid: int) -> Sequence[str]:
    """Return what ``/proc`` says of a process, from its state on: its parent is next, its times are 11 to 14."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def is_open(port: int) -> bool:
    """Tell whether somebody listens."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for(test: Callable[[], Any], seconds: float = 60) -> None:
    """Wait until *test* is true."""
    deadline = time.monotonic() + seconds
    while not test():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.1)


if __name__ == "__main__":
    main()
