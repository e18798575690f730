"""The races that guard the speed of the library: fair turns, honest intervals, floors that hold."""

from __future__ import annotations

import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.interleave import Contender, Race, Result, format_table

pytestmark = pytest.mark.once

BENCHMARKS: Final = Path(__file__).resolve().parent.parent / "benchmarks"


class Stopwatch:
    """A clock that moves only when work is done."""

    def __init__(self) -> None:
        self.now = 0.0
        self.turns: list[str] = []

    def read(self) -> float:
        return self.now

    def build_contender(self, name: str, *durations: float, preparation: float = 0.0) -> Contender:
        """Return a contender whose jobs last *durations*, one after the other, over and over."""
        jobs = [*durations]

        def run() -> None:
            self.turns.append(name)
            jobs.append(jobs.pop(0))
            self.now += jobs[-1]

        def prepare() -> None:
            self.now += preparation

        return Contender(name=name, run=run, prepare=prepare)


def run_race(stopwatch: Stopwatch, *contenders: Contender, rounds: int) -> Result:
    """Return the result of *rounds* rounds."""
    race = Race("race", contenders, clock=stopwatch.read)
    for _ in range(rounds):
        race.run_round()
    return race.get_result()


def test_contenders_take_turns_and_none_always_starts() -> None:
    """Each runs once in a round, and the start moves on, so that no place in the order is anybody's own."""
    watch = Stopwatch()
    run_race(watch, watch.build_contender("a", 1), watch.build_contender("b", 1), rounds=4)
    assert watch.turns == ["a", "b", "b", "a", "a", "b", "b", "a"]


def test_a_slow_round_does_not_change_the_ratio() -> None:
    """Rounds are compared within themselves: a machine that is ten times slower for a while changes nothing."""
    watch = Stopwatch()
    baseline = watch.build_contender("baseline", 1, 10, 1)
    result = run_race(watch, baseline, watch.build_contender("ours", 0.5, 5, 0.5), rounds=3)
    ours = result.outcomes[1]
    assert (ours.ratio, ours.low, ours.high) == (0.5, 0.5, 0.5)


def test_preparation_is_not_timed() -> None:
    """Making the ground the same again belongs to nobody's time."""
    watch = Stopwatch()
    result = run_race(watch, watch.build_contender("baseline", 2, preparation=50), rounds=3)
    assert result.outcomes[0].seconds == 2


def test_a_repeated_job_is_counted_once() -> None:
    """The seconds of an outcome are those of one job, however often a turn repeats it."""
    watch = Stopwatch()
    race = Race("race", [watch.build_contender("baseline", 2)], repeat=5, clock=watch.read)
    race.run_round()
    assert race.get_result().outcomes[0].seconds == 2
    assert watch.turns == ["baseline"] * 5


def test_the_warm_up_is_forgotten() -> None:
    """What ran before the race does not count."""
    watch = Stopwatch()
    race = Race("race", [watch.build_contender("baseline", 9, 1)], clock=watch.read)
    race.run_round()
    race.forget()
    race.run_round()
    result = race.get_result()
    assert (result.rounds, result.outcomes[0].seconds) == (1, 1)


def test_a_contender_beyond_its_limit_is_named_with_its_numbers() -> None:
    """A broken floor says who, by how much and against whom."""
    watch = Stopwatch()
    result = run_race(watch, watch.build_contender("drf", 1), watch.build_contender("ours", 1.5), rounds=9)
    assert result.find_broken({"ours": 1.05}) == [
        "race: ours takes 1.500 (1.500 to 1.500) of the time of drf; the limit is 1.050"
    ]
    assert result.find_broken({"ours": 1.5}) == []


def test_noise_alone_breaks_no_floor() -> None:
    """While the interval still reaches the limit, the measurement proves nothing."""
    watch = Stopwatch()
    noisy = watch.build_contender("ours", 0.9, 1.2, 1.2, 0.9, 1.2)
    result = run_race(watch, watch.build_contender("drf", 1), noisy, rounds=5)
    assert result.outcomes[1].ratio > 1.05
    assert result.find_broken({"ours": 1.05}) == []


def test_limits_name_every_contender() -> None:
    """A contender without a limit, or a limit without a contender, is a slip and not a pass."""
    watch = Stopwatch()
    result = run_race(watch, watch.build_contender("drf", 1), watch.build_contender("ours", 1), rounds=5)
    with pytest.raises(ValueError, match=r"limits for \['theirs'\], contenders \['ours'\]"):
        result.find_broken({"theirs": 1.05})


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=80))
def test_the_interval_holds_the_median(durations: list[float]) -> None:
    """The interval stands around the ratio, and inside what was measured."""
    watch = Stopwatch()
    result = run_race(
        watch, watch.build_contender("drf", 1), watch.build_contender("ours", *durations), rounds=len(durations)
    )
    ours = result.outcomes[1]
    smallest, largest = min(durations), max(durations)
    numbers = [smallest, ours.low, ours.ratio, ours.high, largest]
    assert all(a <= b * (1 + 1e-6) for a, b in pairwise(numbers))


def test_the_table_shows_every_number() -> None:
    """What is printed is what is judged."""
    watch = Stopwatch()
    result = run_race(watch, watch.build_contender("drf", 0.002), watch.build_contender("ours", 0.001), rounds=5)
    assert format_table([result], {"race": {"ours": 1.05}}).splitlines() == [
        "                   median  ratio        95 % of  limit",
        "race (5 rounds)",
        "  drf            2.000 ms  1.000  1.000 - 1.000",
        "  ours           1.000 ms  0.500  0.500 - 0.500  1.050",
    ]


def test_every_floor_guards_a_race() -> None:
    """A floor whose benchmark is gone guards nothing."""
    floors = tomllib.loads((BENCHMARKS / "floors.toml").read_text(encoding="utf-8"))
    code = "".join(path.read_text(encoding="utf-8") for path in BENCHMARKS.glob("bench_*.py"))
    # A race on several databases is named for each of them: bulk_update[postgresql].
    assert [name for name in floors if f'"{name.partition("[")[0]}' not in code] == []
