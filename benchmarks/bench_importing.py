"""Files into the database against the raw driver, django-import-export and drf-commons 1.0.3."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from benchmarks.interleave import Contender
from benchmarks.peers import Worker, build_clock, install_peer
from drf_commons.conf import get_settings

if TYPE_CHECKING:
    from benchmarks.conftest import Compete

SCRIPT: Final = Path(__file__).with_name("workers") / "importing.py"
IS_SMALL: Final = os.environ.get("BENCH_SIZE") == "small"
ROWS: Final = 2_000 if IS_SMALL else 10_000
#: The peers take their time: each of them needs 20 to 30 seconds to change 10,000 rows.
PEER_ROUNDS: Final = 3
OURS: Final = "drf_commons"
#: What an import may need above the idle process, however long the file.
MOST_KILOBYTES: Final = 15_000
#: How many shorter files a long one is compared with, each into an empty table.
TENTHS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """What a peer needs."""

    requirements: Sequence[str]
    apps: Sequence[str] = ()


PEERS: Final = {
    "import_export": Peer(requirements=("django-import-export==4.4.3", "tablib==3.10.0"), apps=("import_export",)),
    "import_export_tuned": Peer(
        requirements=("django-import-export==4.4.3", "tablib==3.10.0"), apps=("import_export",)
    ),
    "drf_commons_1_0_3": Peer(requirements=("drf-commons==1.0.3", "pandas==3.1.1", "openpyxl==3.1.5")),
}


@pytest.fixture(scope="module")
def workers() -> Iterator[dict[str, Worker]]:
    """Run one script for the driver and for ours."""
    rows = str(ROWS)
    with (
        Worker(sys.executable, SCRIPT, "limit", rows) as limit,
        Worker(sys.executable, SCRIPT, OURS, rows) as ours,
    ):
        yield {"limit": limit, OURS: ours}


def race(workers: dict[str, Worker], job: str) -> list[Contender]:
    """Return the contenders for a job, each with a table that is as it should be before."""
    return [
        Contender(name=name, run=partial(worker.do, job), prepare=partial(worker.do, f"prepare {job}"))
        for name, worker in workers.items()
    ]


@pytest.mark.parametrize(
    ("full", "small", "job"),
    [
        ("import_create", "import_create_small", "create"),
        ("import_update", "import_update_small", "update"),
        ("import_bad", "import_bad_small", "bad"),
    ],
)
def test_against_the_driver(full: str, small: str, job: str, workers: dict[str, Worker], compete: Compete) -> None:
    """Every cell is validated and every key looked up: a small multiple of what the driver takes for ready rows."""
    workers[OURS].do(f"prepare {job}")
    queries = workers[OURS].do(f"count {job}")
    assert isinstance(queries, int)
    chunks = -(-ROWS // get_settings().IMPORT_BATCH_SIZE)
    # What is there, new rows, changed rows; one for the foreign key; a begin and an end. Of updates SQLite makes one
    # prepared statement that runs for every row.
    assert queries <= chunks * 6 + 1, queries
    compete(small if IS_SMALL else full, race(workers, job), effort=0.5, clock=build_clock(*workers.values()))


def test_faults_cost_little(workers: dict[str, Worker], compete: Compete) -> None:
    """One row in a hundred with a fault is found, and named, in little more than the time of a clean file."""
    ours = workers[OURS]
    contenders = [
        Contender(name=name, run=partial(ours.do, job), prepare=partial(ours.do, f"prepare {job}"))
        for name, job in (("clean", "create"), ("drf_commons", "bad"))
    ]
    compete("import_bad_clean", contenders, effort=0.5, clock=build_clock(ours))


@pytest.mark.parametrize(
    ("name", "peer_name", "job"),
    [
        ("import_create_import_export", "import_export", "create"),
        ("import_update_import_export", "import_export", "update"),
        ("import_create_import_export_tuned", "import_export_tuned", "create"),
        ("import_update_import_export_tuned", "import_export_tuned", "update"),
        ("import_create_drf_commons_1_0_3", "drf_commons_1_0_3", "create"),
        ("import_update_drf_commons_1_0_3", "drf_commons_1_0_3", "update"),
    ],
)
def test_against_a_peer(name: str, peer_name: str, job: str, compete: Compete) -> None:
    """The same file, and both store all of it."""
    if IS_SMALL:
        pytest.skip("the peers run at full size")
    peer = PEERS[peer_name]
    python, rows = install_peer(*peer.requirements), str(ROWS)
    with (
        Worker(python, SCRIPT, peer_name, rows, *peer.apps) as theirs,
        Worker(sys.executable, SCRIPT, OURS, rows) as ours,
    ):
        workers = {peer_name: theirs, OURS: ours}
        ours.do(f"prepare {job}")
        ours.do(job)  # what is loaded once is loaded now; of the peers' seconds it is no part that counts
        compete(name, race(workers, job), rounds=PEER_ROUNDS, clock=build_clock(*workers.values()))
        assert [worker.do("stored rows") for worker in workers.values()] == [ROWS] * 2


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux tells how much memory was needed")
def test_time_and_memory_of_a_long_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compete: Compete) -> None:
    """A million rows need no more than 15 MB above the idle process, and little more time than ten tenths of them."""
    database = tmp_path / "rows.sqlite3"
    monkeypatch.setenv("PEERS_DATABASE", str(database))
    rows = 200_000 if IS_SMALL else 1_000_000
    long, short = write_staff(tmp_path / "long.csv", rows), write_staff(tmp_path / "short.csv", rows // TENTHS)
    for path in (short, long):
        with Worker(sys.executable, SCRIPT, OURS, "100") as worker:
            worker.do("prepare create")
            peak = worker.do(f"peak {path}")
            assert worker.do("stored rows") == (rows if path == long else rows // TENTHS)
        print(f"{path.name}: {peak:,} kB")
        assert isinstance(peak, int)
        assert peak <= MOST_KILOBYTES, f"{peak} kB"
        database.unlink()
    with Worker(sys.executable, SCRIPT, OURS, "100") as worker:
        # One after the other would compare the moods of the machine.
        contenders = [
            Contender(name=name, run=partial(worker.do, f"{verb} {path}"), prepare=partial(worker.do, "prepare create"))
            for name, verb, path in (("tenths", "tenths", short), (OURS, "whole", long))
        ]
        compete("import_growth", contenders, rounds=3 if IS_SMALL else 1, clock=build_clock(worker))


def write_staff(path: Path, rows: int) -> Path:
    """Write a file of so many people."""
    with path.open("w", encoding="utf-8") as file:
        file.write("email,badge,first_name,last_name,age,salary,hired,level,department\n")
        file.writelines(
            f"person{number}@example.com,{number:07d}x,Zoë,Doe {number},{number % 80 + 16},1.5,2026-01-02,1,d007\n"
            for number in range(rows)
        )
    return path
