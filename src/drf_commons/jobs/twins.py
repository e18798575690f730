"""Rows that share what must be unique with an earlier row of the file, which another worker may have imported."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from drf_commons.jobs.models import ImportChunk, ImportJob, Strategy
from drf_commons.jobs.rows import find_chunks, find_failed
from drf_commons.services.importing import Chunk

__all__ = ["Twins"]


class Twins:
    """The twins among the rows of a chunk: which rows are its own, and which of them somebody has imported already.

    Where chunks are spread, the first level leaves the twins out, and the later ones import nothing else.
    """

    def __init__(self, job: ImportJob, chunk: ImportChunk) -> None:
        firsts: Mapping[str, int] = chunk.twins.get("firsts", {})
        self._firsts = {int(number): first for number, first in firsts.items()}
        self._held: set[int] = {*chunk.twins.get("held", ())}
        self._is_later: bool = job.strategy == Strategy.SPREAD.value and chunk.level > 0
        #: Rows of the file that others are twins of, and that failed.
        self._failed: set[int] = set()
        self._watched: set[int] = {*map(abs, self._firsts.values())}
        #: Which twin was imported in the place of such a row.
        self._winners: dict[int, int] = {}
        earlier = {first for first in self._firsts.values() if first > 0}
        if not earlier or (self._held and not self._is_later):
            return
        for numbers in find_failed(job).filter(first_number__lte=max(earlier)).values_list("numbers", flat=True):
            self._failed |= earlier.intersection(numbers)
        for other in find_chunks(job).filter(winners__isnull=False).only("winners"):
            self._winners |= {int(first): winner for first, winner in (other.winners or {}).items()}

    def select(self, batch: Chunk) -> Chunk:
        """Return the rows of *batch* that are to be imported now."""
        if not self._held:
            return batch
        kept = [place for place, number in enumerate(batch.numbers) if (number in self._held) is self._is_later]
        return replace(
            batch,
            numbers=[batch.numbers[place] for place in kept],
            rows=[batch.rows[place] for place in kept],
            faults=() if self._is_later else batch.faults,
        )

    def find_imported(self, batch: Chunk) -> Mapping[int, int]:
        """Return the rows of *batch* whose key was imported before, and the row that has it."""
        if not self._firsts:
            return {}
        known = {number: self._find_holder(self._firsts.get(number, 0)) for number in batch.numbers}
        return {number: holder for number, holder in known.items() if holder > 0}

    def note(self, batch: Chunk, failed: Collection[int]) -> Mapping[int, int]:
        """Note which rows of *batch* failed; return the twins that took the place of a row that failed."""
        if not self._firsts:
            return {}
        firsts = {number: abs(self._firsts[number]) for number in batch.numbers if number in self._firsts}
        self._failed |= self._watched.intersection(failed)
        new = {first: number for number, first in firsts.items() if first in self._failed and number not in failed}
        self._winners |= new
        return new

    def _find_holder(self, first: int) -> int:
        return self._winners.get(first, 0) if first in self._failed else first
