"""Keys that a file has more than once, found by their hashes: a file that has none is read once to be divided.

Of each row eight bytes are kept for each thing that must be unique. Rows with the same hash may be twins; whether they
are, only their values tell.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import NoneType
from typing import Any, Final

from django.db.models.expressions import DatabaseDefault

from drf_commons.jobs.models import Strategy
from drf_commons.services.importing import Chunk, Plan
from drf_commons.services.importing.lookups import Fault
from drf_commons.services.importing.plan import StepPlan
from drf_commons.services.importing.rows import Cells, ForeignKeyColumn, ValueColumn

__all__ = ["NO_VALUES", "KeyPart", "Repeats", "UniqueKey", "find_parts", "list_keys"]

#: Two rows of which one has one of these in its key are no twins.
NO_VALUES: Final = frozenset({NoneType, DatabaseDefault, Fault})

#: Stands for the hash of a row without a key: no hash in Python is this number.
_NO_HASH: Final = -1

#: How many hashes are compared with each other at a time.
_AT_ONCE: Final = 250_000


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPart:
    """A column of a key: how its values are read off the cells, and something cheaper that is equal where they are."""

    index: int
    read: Callable[[Cells], Sequence[Any]]
    trace: Callable[[Cells], Sequence[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class UniqueKey:
    """What no two rows may share."""

    parts: Sequence[KeyPart]
    #: Whether it is that by which a row is found again.
    is_key: bool

    def group(self, numbers: Sequence[int], columns: Sequence[Cells]) -> Mapping[tuple[Any, ...], list[int]]:
        """Return the rows that have each key; two that have none are no twins."""
        rows: dict[tuple[Any, ...], list[int]] = {}
        keys = zip(*(part.read(columns[part.index]) for part in self.parts), strict=True)
        for number, key in zip(numbers, keys, strict=True):
            if NO_VALUES.isdisjoint(map(type, key)):
                rows.setdefault(key, []).append(number)
        return rows

    def hash_rows(self, columns: Sequence[Cells]) -> list[int]:
        """Return for each row a number that all rows with its key have."""
        traces = [part.trace(columns[part.index]) for part in self.parts]
        hashes = [*map(hash, traces[0] if len(traces) == 1 else zip(*traces, strict=True))]
        for trace in traces:
            if not NO_VALUES.isdisjoint(map(type, trace)):
                hashes = [
                    _NO_HASH if type(value) in NO_VALUES else number
                    for number, value in zip(hashes, trace, strict=True)
                ]
        return hashes


def list_keys(plan: Plan, strategy: Strategy) -> Sequence[UniqueKey]:
    """Return by what rows of a file may need each other.

    A worker does not remember what others have imported, so it is told of the key; and where the chunks are spread,
    whatever else must be unique counts as well.
    """
    if strategy == Strategy.WHOLE:
        return []
    main = plan.steps[-1]
    others = main.unique_sets if strategy == Strategy.SPREAD else ()
    sets = [(main.key, True), *((places, False) for places in others)]
    found = [(find_parts(main, places), is_key) for places, is_key in sets]
    return [UniqueKey(parts=parts, is_key=is_key) for parts, is_key in found if parts is not None]


def find_parts(step: StepPlan, places: Sequence[int]) -> Sequence[KeyPart] | None:
    """Return what reads the values at *places* of a record off the cells; ``None`` where the cells do not tell."""
    by_name = {
        **{column.field.name: _read_values(column) for column in step.values},
        **{column.field.name: _read_keys(column) for column in step.foreign_keys},
    }
    parts: list[KeyPart] = []
    for place in places:
        name = step.fields[place].name
        if name in step.constants:
            continue
        if name not in by_name:
            return None
        parts.append(by_name[name])
    return parts or None


def _read_values(column: ValueColumn) -> KeyPart:
    return KeyPart(index=column.index, read=lambda cells: column.convert(cells)[0], trace=column.trace)


def _read_keys(column: ForeignKeyColumn) -> KeyPart:
    return KeyPart(index=column.index, read=column.read_keys, trace=column.read_keys)


class Repeats:
    """The rows of a file that may be twins: of which another row has the same hash."""

    def __init__(self, keys: Sequence[UniqueKey]) -> None:
        self._keys = keys
        self._hashes: list[array[int]] = [array("q") for _ in keys]
        self._repeated: list[set[int]] = []

    def add(self, batch: Chunk) -> None:
        """Take the rows of the next batch."""
        columns = [*zip(*batch.rows, strict=True)]
        if columns:
            for key, hashes in zip(self._keys, self._hashes, strict=True):
                hashes.fromlist(key.hash_rows(columns))

    def find(self) -> bool:
        """Compare all rows; return whether there may be twins."""
        self._repeated = [{*_find_repeated(hashes)} for hashes in self._hashes]
        return any(self._repeated)

    def select(self, batch: Chunk, before: int) -> Chunk:
        """Return the rows of *batch* that may be twins; *before* it were so many rows."""
        chosen: set[int] = set()
        for hashes, repeated in zip(self._hashes, self._repeated, strict=True):
            part = hashes[before : before + len(batch.rows)]
            if not repeated.isdisjoint(part):
                chosen.update(place for place, number in enumerate(part) if number in repeated)
        places = sorted(chosen)
        return replace(
            batch,
            numbers=[batch.numbers[place] for place in places],
            rows=[batch.rows[place] for place in places],
        )


def _find_repeated(hashes: Sequence[int]) -> Iterable[int]:
    """Yield the hashes that are there more than once, those of one share of the numbers after those of another."""
    shares = len(hashes) // _AT_ONCE + 1
    for share in range(shares):
        part = hashes if shares == 1 else [number for number in hashes if number % shares == share]
        if len({*part}) < len(part):
            yield from (number for number, count in Counter(part).items() if count > 1 and number != _NO_HASH)
