"""Bulk requests, JSON to JSON, against plain DRF, the version before, djangorestframework-bulk, and a bare decoder."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import pytest
from django.db import connection

from benchmarks.interleave import Clock, Contender
from benchmarks.peers import Worker, build_clock, install_peer

if TYPE_CHECKING:
    from benchmarks.conftest import Compete

SCRIPT: Final = Path(__file__).with_name("workers") / "bulk_requests.py"
VENDOR: Final = connection.vendor
IS_SMALL: Final = os.environ.get("BENCH_SIZE") == "small"

#: What the environment of a peer needs to reach the database that the tests run on.
DRIVERS: Final = ("dj-database-url", "psycopg[binary]", "pymysql")

PEERS: Final[dict[str, Callable[[], str | Path]]] = {
    "drf": lambda: sys.executable,
    "drf_bulk": lambda: install_peer("djangorestframework-bulk==0.2.1", *DRIVERS),
    "drf_commons": lambda: sys.executable,
    "drf_commons_1_0_3": lambda: install_peer("drf-commons==1.0.3", *DRIVERS),
    "limit": lambda: sys.executable,
}

#: For each race the job, who takes part, and how many statements ours may make, its transaction's two aside.
RACES: Final[dict[str, tuple[str, tuple[str, ...], int]]] = {
    "bulk_put_1000": ("put_items 1000", ("drf", "drf_commons", "drf_commons_1_0_3", "drf_bulk"), 3),
    "bulk_patch_1000": ("patch_items 1000", ("drf", "drf_commons", "drf_commons_1_0_3", "drf_bulk"), 3),
    "bulk_put_unique_1000": ("put_products 1000", ("drf", "drf_commons"), 5),
    "bulk_post_1000": ("post_products 1000", ("drf", "drf_commons", "drf_commons_1_0_3", "drf_bulk"), 4),
    "bulk_put_1000_limit": ("put_items 1000", ("limit", "drf_commons"), 3),
}

#: What is run in their place where it has to be quick. Nothing is held to the other peers, which take most of the time:
#: without them there are more rounds, which are steadier.
SMALL_RACES: Final = {
    "bulk_put_1000": "bulk_put_1000_small",
    "bulk_patch_1000": "bulk_patch_1000_small",
    "bulk_put_unique_1000": "bulk_put_unique_1000_small",
    "bulk_post_1000": "bulk_post_1000_small",
}


@pytest.fixture(scope="module")
def get_worker() -> Iterator[Callable[[str], Worker]]:
    """Return the process of a contender, which is started when it is first asked for."""
    workers: dict[str, Worker] = {}
    with ExitStack() as stack:

        def get(name: str) -> Worker:
            if name not in workers:
                workers[name] = stack.enter_context(Worker(PEERS[name](), SCRIPT, name))
            return workers[name]

        yield get


@pytest.mark.django_db  # the report tells which database it is
@pytest.mark.parametrize("race", RACES)
def test_a_request_of_1000_rows(race: str, get_worker: Callable[[str], Worker], compete: Compete) -> None:
    """Its statements do not grow with the rows, and it leaves what goes row by row behind."""
    job, names, statements = RACES[race]
    name, effort = f"{race}[{VENDOR}]", 0.5 if names[0] == "limit" else 0.1
    if IS_SMALL and race in SMALL_RACES:
        names, name, effort = names[:2], SMALL_RACES[race], 0.5
    counted = [get_worker("drf_commons").do(f"count {job.replace('1000', size)}") for size in ("100", "1000")]
    assert counted == [statements + 2] * 2
    compete(
        name,
        [
            Contender(
                name=contender,
                run=partial(get_worker(contender).do, job),
                prepare=partial(get_worker(contender).do, f"prepare {job}"),
            )
            for contender in names
        ],
        effort=effort,
        clock=build_request_clock([get_worker(contender) for contender in names]),
    )


def build_request_clock(workers: Sequence[Worker]) -> Clock:
    """Return what times requests: with the database in the process, its work alone; with a server, what one waits."""
    return build_clock(*workers) if VENDOR == "sqlite" else time.perf_counter


#: For each number of rows how many requests bring 10,000 of them.
REQUESTS: Final = {1_000: 10, 100: 100, 10_000: 1}
#: Bytes that a row of a request may take, from the body to the answer.
MEMORY: Final = 6 * 1024
#: How far the cost of a row may drift from the smallest request to the largest.
DRIFT: Final = 1.25


@pytest.mark.django_db
def test_what_a_row_costs(get_worker: Callable[[str], Worker], compete: Compete) -> None:
    """A row of a large request takes no longer than one of a small request."""
    worker = get_worker("drf_commons")

    def send(job: str, times: int) -> None:
        for _ in range(times):
            worker.do(job)

    compete(
        f"bulk_put_growth[{VENDOR}]",
        [
            Contender(
                name=f"rows_{rows}",
                run=partial(send, f"put_items {rows}", times),
                prepare=partial(worker.do, f"prepare put_items {rows}"),
            )
            for rows, times in REQUESTS.items()
        ],
        effort=0.05,
        clock=build_request_clock([worker]),
    )


@pytest.mark.django_db
def test_the_memory_that_a_row_takes(get_worker: Callable[[str], Worker]) -> None:
    """It is the same for any number of rows, and less than 6 KB."""
    worker = get_worker("drf_commons")
    worker.do("count put_items 100")  # what is made once
    peaks = [cast("int", worker.do(f"memory put_items {rows}")) for rows in sorted(REQUESTS)]
    small, large = (peaks[1] - peaks[0]) / 900, (peaks[2] - peaks[1]) / 9_000

    print(f"a row takes {small:,.0f} bytes from 100 to 1,000 rows, {large:,.0f} from there to 10,000")
    assert large < MEMORY
    assert large < small * DRIFT
