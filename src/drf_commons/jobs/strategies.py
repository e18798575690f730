"""How the rows of a file may be divided: what any worker can take, what needs its turn, and what must stay together.

The rule is that a job reports and stores what an import in one process would. Rows that know nothing of each other are
spread. Where a later row may need what an earlier one has written, chunks wait for each other. Where only the memory of
one process can tell, or all is taken back when one row fails, there is one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from django.db.models.expressions import DatabaseDefault

from drf_commons.jobs.models import ImportJob, Strategy
from drf_commons.services.importing import Chunk, Plan
from drf_commons.services.importing.lookups import Fault
from drf_commons.services.importing.plan import StepPlan
from drf_commons.services.importing.seen import SeenKeys

__all__ = ["BatchTwins", "TwinFinder", "choose_strategy"]

#: Takes the columns of a batch, and returns the values of one part of a key, row by row.
ReadPart: TypeAlias = Callable[[Sequence[Sequence[object]]], Sequence[Any]]


_NO_VALUES: Final = {DatabaseDefault, Fault}


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
    if main.key and _read_parts(main, main.key) is None:
        yield f"The key of {main.name} is computed."


def _find_reasons_for_order(plan: Plan) -> Iterator[str]:
    main = plan.steps[-1]
    written = {parent for step in plan.steps for parent in (step.model, *step.model._meta.get_parent_list())}
    for step in plan.steps:
        if not step.is_main and (step.key or step.unique_sets):
            yield f"Rows of the file may share a {step.name}."
        for column in (*step.foreign_keys, *step.many_to_many):
            name = f"{step.name}.{column.field.name}"
            if column.lookup.create_missing:
                yield f"Rows of the file may share what is created for {name}."
            if column.lookup.queryset.model in written:
                yield f"{name} may refer to a row that the file creates."
    if main.step.update_if_exists and main.unique_sets:
        yield f"A {main.name} may take over a value that an earlier row gives up."
    if any(_read_parts(main, places) is None for places in main.unique_sets):
        yield f"What must be unique in {main.name} is computed."


def _read_parts(step: StepPlan, places: Sequence[int]) -> Sequence[ReadPart] | None:
    """Return what reads the values at *places* off the cells; ``None`` where the cells do not tell."""
    by_name: Mapping[str, ReadPart] = {
        **{column.field.name: _read_values(column) for column in step.values},
        **{column.field.name: _read_keys(column) for column in step.foreign_keys},
    }
    parts: list[ReadPart] = []
    for place in places:
        name = step.fields[place].name
        if name in step.constants:
            continue
        if name not in by_name:
            return None
        parts.append(by_name[name])
    return parts or None


def _read_values(column: Any) -> ReadPart:
    return lambda columns: column.convert(columns[column.index])[0]


def _read_keys(column: Any) -> ReadPart:
    return lambda columns: column.read_keys(columns[column.index])


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

    def __init__(self, plan: Plan, strategy: Strategy) -> None:
        main = plan.steps[-1]
        self._spreads: bool = strategy == Strategy.SPREAD
        sets = [(main.key, True), *((places, False) for places in main.unique_sets if self._spreads)]
        self._sets: Final = [
            (parts, is_key, SeenKeys())
            for places, is_key in sets
            if places and (parts := _read_parts(main, places)) is not None
        ]

    def find(self, batch: Chunk) -> BatchTwins:
        """Return the twins in *batch*, and remember its rows."""
        found = BatchTwins(firsts={}, held=set())
        if not batch.rows:
            return found
        columns = [*zip(*batch.rows, strict=True)]
        groups: list[tuple[list[int], bool]] = []
        for parts, is_key, seen in self._sets:
            rows = _group(batch.numbers, zip(*(read(columns) for read in parts), strict=True))
            known = seen.find([*rows])
            for key in known:
                found.held.update(rows[key])
                if is_key:
                    found.firsts.update(dict.fromkeys(rows[key], known[key][0]))
            new = {key: numbers for key, numbers in rows.items() if key not in known}
            seen.add({key: (numbers[0], 0) for key, numbers in new.items()})
            groups += [(numbers, is_key) for numbers in new.values() if len(numbers) > 1]
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
        for _, _, seen in self._sets:
            seen.close()


def _group(numbers: Sequence[int], keys: Iterable[tuple[Any, ...]]) -> Mapping[tuple[Any, ...], list[int]]:
    """Return the rows that have each key; two that have none are no twins."""
    rows: dict[tuple[Any, ...], list[int]] = {}
    for number, key in zip(numbers, keys, strict=True):
        if not any(value is None or type(value) in _NO_VALUES for value in key):
            rows.setdefault(key, []).append(number)
    return rows


def _hold(numbers: Sequence[int], held: set[int]) -> bool:
    """Hold what comes behind a row that is held; return whether there was something."""
    before = len(held)
    place = next((place for place, number in enumerate(numbers) if number in held), len(numbers))
    held.update(numbers[place:])
    return len(held) > before
