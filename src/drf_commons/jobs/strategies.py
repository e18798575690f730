"""How the rows of a file may be divided: what any worker can take, what needs its turn, and what must stay together.

The rule is that a job reports and stores what an import in one process would. Rows that know nothing of each other are
spread. Where a later row may need what an earlier one has written, chunks wait for each other. Where only the memory of
one process can tell, or all is taken back when one row fails, there is one transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from drf_commons.jobs.keys import UniqueKey, find_parts
from drf_commons.jobs.models import ImportJob, Strategy
from drf_commons.jobs.parents import is_interchangeable, is_told_by
from drf_commons.services.importing import Chunk, Plan
from drf_commons.services.importing.seen import SeenKeys

__all__ = ["BatchTwins", "TwinFinder", "choose_strategy"]


def choose_strategy(job: ImportJob, plan: Plan) -> tuple[Strategy, str]:
    """Return how the rows are divided, and why they are not spread; an empty reason where they are."""
    whole = next(_find_reasons_for_one_transaction(job, plan), None)
    if whole is not None:
        return Strategy.WHOLE, whole
    order = next(_find_reasons_for_order(plan), None)
    return (Strategy.SPREAD, "") if order is None else (Strategy.IN_ORDER, order)


def _find_reasons_for_one_transaction(job: ImportJob, plan: Plan) -> Iterator[str]:
    if job.mode == "replace":
        yield "A replacement is all or nothing."
    if job.dry_run:
        yield "A dry run is taken back."
    for step in plan.steps:
        if not step.is_main and step.key and step.step.update_if_exists:
            yield f"Rows of the file may contradict each other about {step.name}."
    main = plan.steps[-1]
    if main.key and find_parts(main, main.key) is None:
        yield f"The key of {main.name} is computed."


def _find_reasons_for_order(plan: Plan) -> Iterator[str]:
    main = plan.steps[-1]
    written = Counter(kind for step in plan.steps for kind in (step.model, *step.model._meta.get_parent_list()))
    for step in plan.steps:
        if not step.is_main and (step.key or step.unique_sets):
            if not is_interchangeable(step):
                yield f"Rows of the file may share a {step.name}, and say different things about it."
            if written[step.model] > 1:
                yield f"What {step.name} creates, another step may create as well."
        for column in (*step.foreign_keys, *step.many_to_many):
            name, lookup = f"{step.name}.{column.field.name}", column.lookup
            if lookup.create_missing and not is_told_by(lookup.queryset.model, {lookup.key_field.name}):
                yield f"What is created for {name} may be in the way of the next one."
            if lookup.queryset.model in written:
                yield f"{name} may refer to a row that the file creates."
    if main.step.update_if_exists and main.unique_sets:
        yield f"A row of {main.name} may take over a value that an earlier one gives up."
    if any(find_parts(main, places) is None for places in main.unique_sets):
        yield f"What must be unique in {main.name} is computed."


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchTwins:
    """The rows of a batch, by number, that share with an earlier row of the file what must be unique."""

    #: The first row with the same key; negative where it is imported together with this one, and may fail with it.
    firsts: dict[int, int]
    #: Rows that have to wait until all earlier rows are imported.
    held: set[int]


class TwinFinder:
    """Finds rows that share the key, or anything else that must be unique, with an earlier row.

    A worker does not remember what others have imported, so it is told of the key; and where the chunks are spread,
    such rows wait.
    """

    def __init__(self, keys: Sequence[UniqueKey], strategy: Strategy) -> None:
        self._spreads: bool = strategy == Strategy.SPREAD
        self._keys: Final = [(key, SeenKeys()) for key in keys]

    def find(self, batch: Chunk) -> BatchTwins:
        """Return the twins in *batch*, and remember its rows."""
        found = BatchTwins(firsts={}, held=set())
        if not batch.rows:
            return found
        columns = [*zip(*batch.rows, strict=True)]
        groups: list[tuple[list[int], bool]] = []
        for key, seen in self._keys:
            rows = key.group(batch.numbers, columns)
            known = seen.find([*rows])
            for value in known:
                found.held.update(rows[value])
                if key.is_key:
                    found.firsts.update(dict.fromkeys(rows[value], known[value][0]))
            new = {value: numbers for value, numbers in rows.items() if value not in known}
            seen.add({value: (numbers[0], 0) for value, numbers in new.items()})
            groups += [(numbers, key.is_key) for numbers in new.values() if len(numbers) > 1]
        if not self._spreads:
            found.held.clear()
        while any([_hold(numbers, found.held) for numbers, _ in groups] if found.held else ()):
            pass
        for first, *others in (numbers for numbers, is_key in groups if is_key):
            for number in others:
                found.firsts[number] = first if number in found.held and first not in found.held else -first
        return found

    def close(self) -> None:
        """Give the memory back."""
        for _, seen in self._keys:
            seen.close()


def _hold(numbers: Sequence[int], held: set[int]) -> bool:
    """Hold what comes behind a row that is held; return whether there was something."""
    before = len(held)
    place = next((place for place, number in enumerate(numbers) if number in held), len(numbers))
    held.update(numbers[place:])
    return len(held) > before
