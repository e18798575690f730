"""The ``compete`` fixture: a race, run by pytest-benchmark, shown as a table, stored as JSON and held to its floor."""

from __future__ import annotations

import os
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Protocol

import pytest
from django.db import connection
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.interleave import Clock, Contender, Race, Result, format_table
from benchmarks.report import describe_ground, store_results

FLOORS: Final[dict[str, dict[str, float]]] = tomllib.loads(
    Path(__file__).with_name("floors.toml").read_text(encoding="utf-8")
)
RESULTS: Final = pytest.StashKey[list[Result]]()
GROUND: Final = pytest.StashKey[Mapping[str, str]]()


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How long to measure."""

    warm_up: int
    rounds: int


SIZES: Final = {"small": Size(warm_up=3, rounds=30), "full": Size(warm_up=10, rounds=200)}


class Compete(Protocol):
    """Run a race and hold it to its floor; *effort* below 1 runs fewer rounds of long jobs.

    *rounds* is for jobs of many seconds: so many, without a warm-up.
    """

    def __call__(
        self,
        name: str,
        contenders: Sequence[Contender],
        *,
        repeat: int = 1,
        effort: float = 1.0,
        rounds: int | None = None,
        clock: Clock = time.perf_counter,
    ) -> Result:
        """Return the result, or fail where it is beyond the floor."""
        ...


def pytest_configure(config: pytest.Config) -> None:
    """Make room for the results."""
    config.stash[RESULTS] = []


@pytest.fixture(scope="session")
def size_name() -> str:
    """Return what ``BENCH_SIZE`` says."""
    name = os.environ.get("BENCH_SIZE", "full")
    if name not in SIZES:
        pytest.exit(f"BENCH_SIZE={name}: choose {' or '.join(SIZES)}", returncode=4)
    return name


@pytest.fixture(scope="session")
def size(size_name: str) -> Size:
    """Return the size that ``BENCH_SIZE`` names."""
    return SIZES[size_name]


@pytest.fixture
def compete(benchmark: BenchmarkFixture, request: pytest.FixtureRequest, size: Size) -> Compete:
    """Return the function that runs a race."""

    def run(
        name: str,
        contenders: Sequence[Contender],
        *,
        repeat: int = 1,
        effort: float = 1.0,
        rounds: int | None = None,
        clock: Clock = time.perf_counter,
    ) -> Result:
        race = Race(name, contenders, repeat=repeat, clock=clock)
        for _ in range(max(1, round(size.warm_up * effort)) if rounds is None else 0):
            race.run_round()
        race.forget()
        benchmark.pedantic(  # type: ignore[no-untyped-call]  # the plugin leaves it without annotations
            race.run_round, rounds=max(5, round(size.rounds * effort)) if rounds is None else rounds
        )
        result = race.get_result()
        benchmark.extra_info.update(asdict(result))
        request.config.stash[RESULTS].append(result)
        if name.endswith("]"):  # a race on a database
            request.config.stash[GROUND] = describe_ground(connection)
        broken = result.find_broken(FLOORS[name])
        assert not broken, "\n".join(broken)
        return result

    return run


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config) -> None:
    """Print the table; a full run in which every floor held goes into the documentation."""
    if results := config.stash[RESULTS]:
        terminalreporter.section("times compared within one run")
        terminalreporter.write_line(format_table(results, FLOORS))
        if exitstatus == pytest.ExitCode.OK and os.environ.get("BENCH_SIZE", "full") == "full":
            store_results(results, config.stash.get(GROUND, {}))
