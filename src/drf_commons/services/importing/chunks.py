"""One chunk of a file into the database: the step that an import is made of.

:func:`import_chunk` needs nothing but a plan and a chunk, so a view, a command and a job in another process run the
same. Everything it writes stands in one transaction, and so does what *on_chunk* writes: a job keeps its place there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeGuard, cast

from django.db import models, transaction

from drf_commons.services.importing.cells import write_cell
from drf_commons.services.importing.config import ForeignKeyLookup
from drf_commons.services.importing.headers import REASON_COLUMN, UNREAD_MARK
from drf_commons.services.importing.lookups import MAX_PARAMETERS, Fault, Lookup
from drf_commons.services.importing.plan import Plan, StepPlan
from drf_commons.services.importing.result import Action, CellError, FailedRow, PreviewRow, StepCounts
from drf_commons.services.importing.rows import fill_computed
from drf_commons.services.importing.tables import Chunk, Cursor
from drf_commons.services.importing.writer import StepOutcome, StepWriter

__all__ = ["ChunkOutcome", "OnChunk", "import_chunk"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkOutcome:
    """What became of the rows of one chunk."""

    rows: int
    created: int
    updated: int
    unchanged: int
    steps: Mapping[str, StepCounts]
    failed: Sequence[FailedRow]
    preview: Sequence[PreviewRow]
    #: The stored rows that the rows of the file stand for, by the last step.
    pks: Sequence[Any]
    #: Rows that clash with one that a replacement may yet delete; they have to be imported again.
    deferred: Sequence[int]
    #: Whether rows failed that somebody else stored meanwhile: imported again, they are found.
    is_overtaken: bool
    #: Where the next chunk begins.
    cursor: Cursor
    timings: Mapping[str, float]


#: Called inside the transaction of a chunk, when its rows are written.
OnChunk: TypeAlias = Callable[[ChunkOutcome], object]


def import_chunk(
    plan: Plan,
    chunk: Chunk,
    *,
    replaces: bool = False,
    defers: bool = False,
    previews: int = 0,
    needs_keys: bool = True,
    twins: Mapping[int, int] | None = None,
    on_chunk: OnChunk | None = None,
) -> ChunkOutcome:
    """Import *chunk*; a row that fails leaves nothing behind, and takes no other row with it.

    *replaces* updates rows that are there, whatever the configuration says; *defers* puts off rows that clash with a
    stored one. *previews* is how many rows to tell of in full. *twins* are rows, by number, whose key an earlier row of
    the file has that this plan has not seen, and that row. Without *needs_keys* the keys of new rows may be missing
    among the outcome's ``pks``.
    """
    run = _Run(
        plan, chunk, replaces=replaces, defers=defers, previews=previews, needs_keys=needs_keys, twins=twins or {}
    )
    try:
        with transaction.atomic(using=plan.using):
            run.write()
            outcome = run.build_outcome()
            if on_chunk is not None:
                on_chunk(outcome)
    except BaseException:
        run.forget()
        raise
    run.remember()
    return outcome


@dataclass(slots=True)
class _Watch:
    """Seconds, by what they were spent on."""

    seconds: dict[str, float] = field(default_factory=dict[str, float])

    @contextmanager
    def time(self, name: str) -> Generator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


@dataclass(slots=True)
class _Converted:
    """The columns of one step, before anything was asked of the database."""

    values: list[list[Any]]
    keys: list[list[Any]]
    many: list[list[Any]]


class _Run:
    """The rows of one chunk on their way."""

    def __init__(
        self,
        plan: Plan,
        chunk: Chunk,
        *,
        replaces: bool,
        defers: bool,
        previews: int,
        needs_keys: bool,
        twins: Mapping[int, int],
    ) -> None:
        self.plan = plan
        self.previews = previews
        self.twins = twins
        self.chunk = chunk
        self.replaces = replaces
        self.defers = defers
        self.needs_keys = needs_keys
        self.watch = _Watch()
        self.columns: Sequence[Sequence[object]] = [*zip(*chunk.rows, strict=True)]
        self.errors: dict[int, list[CellError]] = {}
        self.outcomes: dict[str, StepOutcome] = {}
        with self.watch.time("converting"):
            self.converted = {step.name: self.convert(step) for step in plan.steps}
            if REASON_COLUMN in plan.header:
                self.fail_unmended(plan.header.index(REASON_COLUMN))

    def convert(self, step: StepPlan) -> _Converted:
        """Convert every cell of a step."""
        converted = _Converted(values=[], keys=[], many=[])
        if not self.columns:
            return converted
        for value_column in step.values:
            values, may_fail = value_column.convert(self.columns[value_column.index])
            converted.values.append(values)
            if may_fail:
                self.fail_faults(value_column.index, values)
        for key_column in step.foreign_keys:
            converted.keys.append(keys := key_column.read_keys(self.columns[key_column.index]))
            self.fail_faults(key_column.index, keys)
        for many_column in step.many_to_many:
            converted.many.append(keys := many_column.read_keys(self.columns[many_column.index]))
            self.fail_faults(many_column.index, keys)
        return converted

    def fail_faults(self, index: int, values: Sequence[Any]) -> None:
        """Note every fault of a column."""
        if Fault not in {*map(type, values)}:
            return
        for row, value in enumerate(values):
            if type(value) is Fault:
                self.fail(row, self.plan.header[index], self.columns[index][row], value)

    def fail_unmended(self, place: int) -> None:
        """Refuse rows of a file of failed rows that could not be read and are as they were, by the reasons at *place*.

        Such a row has lost something, or has it in the wrong columns, which its cells do not tell.
        """
        for row, cells in enumerate(self.chunk.rows):
            fault = None
            if str(cells[place]).startswith(UNREAD_MARK):
                fault = Fault("the row could not be read; mend it, and clear the cell with the reason", "unread")
            elif not any(write_cell(cell).strip() for cell in (*cells[:place], *cells[place + 1 :])):
                fault = Fault("the row holds nothing but a reason; fill it in, or remove it", "blank")
            if fault is not None:
                self.fail(row, self.plan.header[place], cells[place], fault)

    def fail(self, row: int, column: str, value: object, fault: Fault) -> None:
        """Note that *row* fails."""
        error = CellError(row=self.chunk.numbers[row], column=column, value=value, reason=fault.reason, code=fault.code)
        errors = self.errors.setdefault(row, [])
        if error not in errors:  # two steps may read one column
            errors.append(error)

    def write(self) -> None:
        """Write all rows that can be written.

        What an earlier step wrote for a row that fails at a later one is taken back, by writing the chunk again
        without that row.
        """
        while not self.try_to_write():
            self.forget()

    def try_to_write(self) -> bool:
        """Run every step; return whether all of it may stay."""
        known = len(self.errors)
        self.outcomes = {}
        # Only what leaves something behind has to be taken back by itself.
        with transaction.atomic(using=self.plan.using) if self.plan.may_leave_orphans else nullcontext():
            for step in self.plan.steps:
                self.outcomes[step.name] = self.write_step(step)
                if len(self.errors) > known and self.plan.may_leave_orphans:
                    transaction.set_rollback(True, using=self.plan.using)
                    return False
        return True

    def write_step(self, step: StepPlan) -> StepOutcome:
        """Write the rows of one step."""
        rows = self.list_alive()
        with self.watch.time("looking up"):
            columns, links = self.look_up(step, rows)
        records = self.build_records(step, columns)
        writer = StepWriter(
            step,
            self.chunk.numbers,
            self.build_fail(step),
            replaces=self.replaces,
            defers=self.defers,
            needs_keys=self.needs_keys,
            shows_changes=self.previews > 0,
            twins=self.twins if step.is_main else {},
        )
        with self.watch.time("writing"):
            outcome = writer.write(records, links)
            # A row that is refused itself holds nothing: those that were refused because of it are tried again.
            while freed := [row for row, first in writer.blamed.items() if first in self.errors]:
                for row in freed:
                    del self.errors[row], writer.blamed[row]
                outcome = writer.write({row: records[row] for row in freed}, links)
            return outcome

    def build_fail(self, step: StepPlan) -> Callable[[int, str, Any, Fault], None]:
        """Return what notes a failure by the name of a field: in the file's words where a column feeds it."""
        indexes = {column.field.name: column.index for column in (*step.values, *step.foreign_keys, *step.many_to_many)}

        def fail(row: int, name: str, value: Any, fault: Fault) -> None:
            index = indexes.get(name)
            if index is None:
                self.fail(row, name, value, fault)
            else:
                self.fail(row, self.plan.header[index], self.columns[index][row], fault)

        return fail

    def list_alive(self) -> Sequence[int]:
        """Return the rows that did not fail."""
        rows = range(len(self.chunk.numbers))
        return [row for row in rows if row not in self.errors] if self.errors else rows

    def look_up(
        self, step: StepPlan, rows: Sequence[int]
    ) -> tuple[list[Sequence[Any]], list[Mapping[int, frozenset[Any]]]]:
        """Return the columns of a step, and its many-to-many relations by row."""
        converted = self.converted[step.name]
        columns: list[Sequence[Any]] = [*converted.values]
        if not self.columns:
            return columns, [{} for _ in step.many_to_many]
        for key_column, keys in zip(step.foreign_keys, converted.keys, strict=True):
            columns.append(targets := key_column.find(keys, rows))
            self.fail_faults(key_column.index, targets)
        links: list[Mapping[int, frozenset[Any]]] = []
        for many_column, keys in zip(step.many_to_many, converted.many, strict=True):
            found = many_column.find(keys, rows)
            self.fail_faults(many_column.index, found)
            links.append(dict(enumerate(found)))
        return columns, links

    def build_records(self, step: StepPlan, columns: list[Sequence[Any]]) -> Mapping[int, tuple[Any, ...]]:
        """Return the values of each row that did not fail."""
        size = len(self.chunk.numbers)
        for name, target in step.references.items():
            pks = self.outcomes[target].pks
            columns.append(self.find_targets(step, name, [pks.get(row) for row in range(size)]))
        columns += [[value] * size for value in step.constants.values()]
        records = dict(enumerate(zip(*columns, strict=True))) if columns else dict.fromkeys(range(size), ())
        alive = {row: records[row] for row in self.list_alive()} if self.errors else records
        return self.add_computed(step, alive) if step.step.computed else alive

    def find_targets(self, step: StepPlan, name: str, pks: Sequence[Any]) -> Sequence[Any]:
        """Return what the foreign key *name* holds for the rows with *pks*: another column than their key, maybe."""
        target = cast("Any", step.model._meta.get_field(name)).target_field
        if target.primary_key:
            return pks
        rows = target.model._base_manager.using(self.plan.using)
        wanted = [*{*pks} - {None}]
        values: dict[Any, Any] = {}
        for start in range(0, len(wanted), MAX_PARAMETERS):
            part = rows.filter(pk__in=wanted[start : start + MAX_PARAMETERS])
            values.update(part.values_list("pk", target.attname))
        return [values.get(pk) for pk in pks]

    def add_computed(self, step: StepPlan, records: Mapping[int, tuple[Any, ...]]) -> Mapping[int, tuple[Any, ...]]:
        """Return *records* with what is computed from each."""
        names = [column.name for column in step.fields]
        complete: dict[int, tuple[Any, ...]] = {}
        for row, record in records.items():
            filled = fill_computed(step.step.computed, step.model, dict(zip(names, record, strict=False)))
            faults = {name: value for name, value in filled.items() if isinstance(value, Fault)}
            for name, fault in faults.items():
                self.fail(row, name, None, fault)
            if not faults:
                complete[row] = (*record, *filled.values())
        for name in step.step.computed:
            for row in self.fail_dangling(step, name, complete):
                del complete[row]
        return complete

    def fail_dangling(self, step: StepPlan, name: str, records: Mapping[int, tuple[Any, ...]]) -> Sequence[int]:
        """Refuse rows whose computed foreign key is that of no row: most databases would tell at the end, of all."""
        field: Any = step.model._meta.get_field(name)
        if not isinstance(field, models.ForeignKey):
            return ()
        place = [column.name for column in step.fields].index(name)
        rows = cast("Any", field.related_model)._base_manager.using(self.plan.using)
        key = cast("Any", field)  # its stubs leave its types open
        lookup = Lookup(key, ForeignKeyLookup(lookup_field=key.target_field.name), rows.all())
        found = lookup.find({record[place] for record in records.values()} - {None})
        dangling = {row: record[place] for row, record in records.items() if type(found.get(record[place])) is Fault}
        for row, value in dangling.items():
            self.fail(row, name, value, found[value])
        return [*dangling]

    def build_outcome(self) -> ChunkOutcome:
        """Return the report of the chunk."""
        main = self.outcomes[self.plan.steps[-1].name]
        counts = {name: _count(outcome) for name, outcome in self.outcomes.items()}
        return ChunkOutcome(
            rows=len(self.chunk.numbers) + len(self.chunk.faults),
            created=counts[self.plan.steps[-1].name].created,
            updated=counts[self.plan.steps[-1].name].updated,
            unchanged=counts[self.plan.steps[-1].name].unchanged,
            steps=counts,
            failed=self.list_failed(),
            preview=self.build_preview(self.previews) if self.previews > 0 else (),
            pks=[pk for pk in main.pks.values() if pk is not None],
            deferred=main.deferred,
            is_overtaken=any(outcome.is_overtaken for outcome in self.outcomes.values()),
            cursor=self.chunk.cursor,
            timings=self.watch.seconds,
        )

    def list_failed(self) -> Sequence[FailedRow]:
        """Return the rows that failed, those that could not be read included, in their order."""
        failed = [
            FailedRow(number=self.chunk.numbers[row], cells=self.chunk.rows[row], errors=errors)
            for row, errors in self.errors.items()
        ]
        for fault in self.chunk.faults:
            error = CellError(
                row=fault.number, column=fault.column or "", value=fault.value, reason=fault.reason, code=fault.code
            )
            failed.append(FailedRow(number=fault.number, cells=fault.cells, errors=[error]))
        return sorted(failed, key=lambda row: row.number)

    def build_preview(self, limit: int) -> Sequence[PreviewRow]:
        """Return the first *limit* rows of each kind, with their values or what changes in them."""
        step = self.plan.steps[-1]
        main = self.outcomes[step.name]
        room: dict[Action, int] = {"created": limit, "updated": limit, "unchanged": limit, "failed": limit}
        shown: dict[int, Action] = {}
        for row in range(len(self.chunk.numbers)):
            action = "failed" if row in self.errors else main.actions.get(row)
            if action is not None and room[action] > 0:
                room[action] -= 1
                shown[row] = action
        names = _Names(step, [main.changes[row] for row in shown if row in main.changes])
        return [
            PreviewRow(
                row=self.chunk.numbers[row],
                action=action,
                values=self.describe(step, row, action, main, names),
            )
            for row, action in shown.items()
        ]

    def describe(self, step: StepPlan, row: int, action: Action, main: StepOutcome, names: _Names) -> Mapping[str, Any]:
        """Return what there is to tell of a row."""
        if action == "updated":
            return {
                name: [names.get(name, old), names.get(name, new)] for name, (old, new) in main.changes[row].items()
            }
        if action != "created":
            return {}
        converted = self.converted[step.name]
        values = {column.field.name: cells[row] for column, cells in zip(step.values, converted.values, strict=True)}
        for column in (*step.foreign_keys, *step.many_to_many):
            values[column.field.name] = self.columns[column.index][row]
        return values | dict(step.constants)

    def forget(self) -> None:
        """Ask the database anew for what may have been taken back."""
        for lookup in self.plan.lookups:
            lookup.forget()

    def remember(self) -> None:
        """Note the keys of the rows that are stored now."""
        for step in self.plan.steps:
            outcome = self.outcomes[step.name]
            step.seen.add({key: place for row, (key, place) in outcome.seen.items() if row in outcome.actions})


class _Names:
    """The natural keys of related rows, for people to read."""

    def __init__(self, step: StepPlan, changes: Sequence[Mapping[str, tuple[Any, Any]]]) -> None:
        self._names: dict[str, Mapping[Any, Any]] = {}
        for column in (*step.foreign_keys, *step.many_to_many):
            name = column.field.name
            targets = {target for change in changes if name in change for target in _flatten(change[name])}
            if targets:
                self._names[name] = column.lookup.name_targets(targets)

    def get(self, name: str, value: Any) -> Any:
        """Return what people call *value* of the field *name*."""
        names = self._names.get(name)
        if names is None:
            return value
        if _is_many(value):
            return [names.get(part, part) for part in value]
        return names.get(value, value)


def _flatten(change: tuple[Any, Any]) -> Iterator[Any]:
    """Yield the targets on both sides of a change, of one row or of many."""
    for side in change:
        if _is_many(side):
            yield from side
        elif side is not None:
            yield side


def _is_many(value: object) -> TypeGuard[list[Any]]:
    """Tell whether *value* is that of a many-to-many relation."""
    return isinstance(value, list)


def _count(outcome: StepOutcome) -> StepCounts:
    actions = [*outcome.actions.values()]
    return StepCounts(
        created=actions.count("created"), updated=actions.count("updated"), unchanged=actions.count("unchanged")
    )
