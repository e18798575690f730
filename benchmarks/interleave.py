"""Contenders that take turns.

Two numbers from two runs mostly compare the moods of a machine. Here every contender runs once in each round, and each
round gives its own ratio to the baseline; what slows a whole round down slows both sides of its ratio. The median of
these ratios is the result, and the interval around it tells how far to trust it.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, TypeAlias

__all__ = ["Clock", "Contender", "Outcome", "Race", "Result", "format_table"]

#: Seconds: ``time.perf_counter``, or ``time.process_time`` where all the work is done by this process.
Clock: TypeAlias = Callable[[], float]

#: Half the width of the 95 % interval of a median, in ranks for each root of the number of rounds.
_RANKS: Final = 0.98


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One way of doing the job."""

    name: str
    #: The job: it is timed, ``repeat`` times in a row.
    run: Callable[[], object]
    #: What makes the ground the same again before each round; it is not timed.
    prepare: Callable[[], object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one contender did: seconds for one job, and its time as a share of the baseline's."""

    name: str
    seconds: float
    ratio: float
    #: The true median ratio lies between these, 95 times out of 100; of three rounds, 75 times.
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a race ended; the first outcome is the baseline."""

    race: str
    rounds: int
    outcomes: tuple[Outcome, ...]

    def find_broken(self, limits: Mapping[str, float]) -> list[str]:
        """Return a line for each contender that is beyond its limit even at the favourable end of its interval.

        *limits* maps the name of every contender but the baseline to the ratio it may reach.
        """
        challengers = self.outcomes[1:]
        if {outcome.name for outcome in challengers} != limits.keys():
            msg = f"{self.race}: limits for {sorted(limits)}, contenders {[outcome.name for outcome in challengers]}"
            raise ValueError(msg)
        return [
            f"{self.race}: {outcome.name} takes {outcome.ratio:.3f} ({outcome.low:.3f} to {outcome.high:.3f}) "
            f"of the time of {self.outcomes[0].name}; the limit is {limits[outcome.name]:.3f}"
            for outcome in challengers
            if outcome.low > limits[outcome.name]
        ]


class Race:
    """Rounds in which every contender has its turn; the first contender is the baseline.

    A *repeat* that makes a turn last some milliseconds keeps the clock's own grain out of the result.
    """

    def __init__(
        self, name: str, contenders: Sequence[Contender], *, repeat: int = 1, clock: Clock = time.perf_counter
    ) -> None:
        self.name = name
        self._contenders = tuple(contenders)
        self._repeat = repeat
        self._clock = clock
        self._seconds: dict[str, list[float]] = {contender.name: [] for contender in contenders}
        # What is on the heap already is no contender's doing: the collections between the turns need not look at it.
        gc.collect()
        gc.freeze()

    def run_round(self) -> None:
        """Let every contender run once; who starts changes with each round."""
        done = len(self._seconds[self._contenders[0].name])
        first = done % len(self._contenders)
        for contender in (*self._contenders[first:], *self._contenders[:first]):
            self._seconds[contender.name].append(self._time(contender))

    def forget(self) -> None:
        """Drop what was measured so far: the warm-up."""
        for seconds in self._seconds.values():
            seconds.clear()

    def get_result(self) -> Result:
        """Compare what was measured so far."""
        baseline = self._seconds[self._contenders[0].name]
        return Result(
            race=self.name,
            rounds=len(baseline),
            outcomes=tuple(_compare(name, seconds, baseline) for name, seconds in self._seconds.items()),
        )

    def _time(self, contender: Contender) -> float:
        if contender.prepare is not None:
            contender.prepare()
        # A collection falls to whoever fills the heap last, not to whoever filled it.
        gc.collect()
        gc.disable()
        try:
            start = self._clock()
            for _ in range(self._repeat):
                contender.run()
            return (self._clock() - start) / self._repeat
        finally:
            gc.enable()


def format_table(results: Sequence[Result], limits: Mapping[str, Mapping[str, float]]) -> str:
    """Return *results* as a table of text."""
    rows = [("", "median", "ratio", "95 % of", "limit")]
    for result in results:
        rows.append((f"{result.race} ({result.rounds} rounds)", "", "", "", ""))
        for outcome in result.outcomes:
            limit = limits[result.race].get(outcome.name)
            rows.append(
                (
                    f"  {outcome.name}",
                    f"{outcome.seconds * 1000:.3f} ms",
                    f"{outcome.ratio:.3f}",
                    f"{outcome.low:.3f} - {outcome.high:.3f}",
                    "" if limit is None else f"{limit:.3f}",
                )
            )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            (row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)))
        ).rstrip()
        for row in rows
    )


def _compare(name: str, seconds: Sequence[float], baseline: Sequence[float]) -> Outcome:
    ratios = sorted(own / other for own, other in zip(seconds, baseline, strict=True))
    # The interval of a median needs no assumption on the noise: it lies between two ranks.
    reach = math.ceil(_RANKS * math.sqrt(len(ratios)))
    middle = (len(ratios) - 1) / 2
    return Outcome(
        name=name,
        seconds=median(seconds),
        ratio=median(ratios),
        low=ratios[max(0, math.floor(middle) - reach)],
        high=ratios[min(len(ratios) - 1, math.ceil(middle) + reach)],
    )
