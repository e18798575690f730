"""A file into the database, from a view, a command or a task."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, ParamSpec, TypeVar, cast

from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, Error, transaction
from rest_framework.exceptions import APIException

from drf_commons.conf import get_settings
from drf_commons.errors import DrfCommonsError, UnreadableFileError
from drf_commons.services.importing.chunks import ChunkOutcome, OnChunk, import_chunk
from drf_commons.services.importing.config import ImportConfig
from drf_commons.services.importing.faults import read_config
from drf_commons.services.importing.plan import Plan, build_plan
from drf_commons.services.importing.result import (
    CellError,
    FailedRow,
    ImportMode,
    ImportProgress,
    ImportResult,
    ImportState,
    PreviewRow,
    StepCounts,
)
from drf_commons.services.importing.scope import ImportScope
from drf_commons.services.importing.tables import Chunk, Cursor, ReadOptions, Table, TableSource, open_table

__all__ = ["FileImportService"]

_P = ParamSpec("_P")
_R = TypeVar("_R")

_logger: Final = logging.getLogger("drf_commons.importing")


class FileImportService:
    """Imports files as *config* says: a typed configuration, or a dict of the same.

    Rows that fail are reported and take no other row with them. Nothing is known of requests here: who writes is the
    current user, and which rows may be written and referred to is for *scope* to say.
    """

    def __init__(
        self,
        config: ImportConfig | Mapping[str, Any],
        *,
        batch_size: int | None = None,
        progress_callback: Callable[[ImportProgress], object] | None = None,
        should_stop: Callable[[], bool] | None = None,
        on_chunk: OnChunk | None = None,
        on_failed: Callable[[Sequence[FailedRow]], object] | None = None,
        scope: ImportScope | None = None,
        max_errors: int = 1_000,
    ) -> None:
        """Take the configuration, and whom to tell.

        *progress_callback* is called when a chunk is committed, *should_stop* is asked then, and *on_chunk* is called
        before that, inside the transaction of the chunk. *on_failed* gets the rows that failed, as they stand in the
        file. *max_errors* is how many errors the report lists.
        """
        self.config: ImportConfig = read_config(config)
        self.batch_size = batch_size
        self.progress_callback = progress_callback
        self.should_stop = should_stop
        self.on_chunk = on_chunk
        self.on_failed = on_failed
        self.scope: ImportScope = scope or ImportScope()
        self.max_errors = max_errors

    def import_file(
        self,
        source: TableSource,
        *,
        name: str | None = None,
        mode: ImportMode = "append",
        dry_run: bool = False,
        preview: int | None = None,
        options: ReadOptions | None = None,
    ) -> ImportResult:
        """Import *source*: an open binary file, a path, or a pandas ``DataFrame``; *name* is what messages call it.

        ``append`` commits each chunk, and leaves out the rows that fail. ``replace`` makes the rows that the import may
        change those of the file, deleting the others; if one row fails, nothing is changed. *dry_run* does all of it
        and takes it back. *preview* is how many rows of each kind the report shows in full, 100 of a dry run.
        """
        options = options or self.config.build_read_options()
        with open_table(source, name=name, options=options) as table:
            return self.import_table(table, mode=mode, dry_run=dry_run, preview=preview)

    def import_table(
        self, table: Table, *, mode: ImportMode = "append", dry_run: bool = False, preview: int | None = None
    ) -> ImportResult:
        """Import a table that is open already."""
        importing = self.stream_table(table, mode=mode, dry_run=dry_run, preview=preview)
        while True:
            try:
                next(importing)
            except StopIteration as done:
                return cast("ImportResult", done.value)

    def stream_table(
        self, table: Table, *, mode: ImportMode = "append", dry_run: bool = False, preview: int | None = None
    ) -> Generator[ImportProgress, None, ImportResult]:
        """Import a table, and yield how far it has come after each chunk; the report is what the generator returns.

        A generator that is closed before its end stops there: chunks that were committed stay, a replacement is taken
        back.
        """
        plan = self.build_plan(table)
        tally = _Tally(
            mode=mode,
            dry_run=dry_run,
            max_errors=self.max_errors,
            previews=(100 if dry_run else 0) if preview is None else preview,
        )
        try:
            if mode == "replace" or dry_run:
                with _taken_back_if(lambda: dry_run or tally.state == "rolled_back", plan.using):
                    yield from self.run(table, plan, tally)
            else:
                yield from self.run_until_interrupted(table, plan, tally)
        finally:
            for step in plan.steps:
                step.seen.close()
        return tally.build_result()

    def build_plan(self, table: Table) -> Plan:
        """Return the configuration, bound to the columns of *table*."""
        return build_plan(self.config, table, scope=self.scope)

    def run_until_interrupted(self, table: Table, plan: Plan, tally: _Tally) -> Iterator[ImportProgress]:
        """Import every chunk; where something fails after some were committed, the report says so.

        What is committed stays, so whoever sent the file has to be told of it, whatever it was that failed.
        """
        try:
            yield from self.run(table, plan, tally)
        except Exception as exc:
            is_told = isinstance(exc, UnreadableFileError | DatabaseError) or exc is not tally.raised
            if not tally.counts["chunks"] or not is_told:
                raise
            tally.state, tally.reason = "interrupted", _describe(exc)
            _logger.exception("import interrupted", extra={"import_rows": tally.counts["total"]})

    def run(self, table: Table, plan: Plan, tally: _Tally) -> Iterator[ImportProgress]:
        """Import every chunk, and for a replacement delete what the file does not have."""
        replaces = tally.mode == "replace"
        if replaces and not plan.steps[-1].key:
            tally.deleted += self.delete_others(plan, frozenset())
        for chunk in self.read_chunks(table, tally):
            yield self.run_chunk(plan, chunk, tally, defers=replaces)
            if self.should_stop is not None and tally.watch(self.should_stop)():
                tally.state = "rolled_back" if replaces else "stopped"
                return
        if not tally.counts["chunks"]:
            raise UnreadableFileError(table.name, "it has a header, and no rows")
        if not replaces:
            return
        if tally.failed and not tally.deferred:
            tally.state = "rolled_back"  # what is deleted would come back
            return
        if plan.steps[-1].key:
            tally.deleted += self.delete_others(plan, frozenset(tally.pks))
        for chunk in tally.take_deferred():
            yield self.run_chunk(plan, chunk, tally, defers=False)
        if tally.failed:
            tally.state = "rolled_back"

    def read_chunks(self, table: Table, tally: _Tally) -> Iterator[Chunk]:
        """Yield the chunks of *table*, and count the time that reading takes."""
        size = self.batch_size or self.config.chunk_size or get_settings().IMPORT_BATCH_SIZE
        chunks = table.read_chunks(size)
        while True:
            with tally.time("reading"):
                chunk = next(chunks, None)
            if chunk is None:
                return
            yield chunk

    def run_chunk(self, plan: Plan, chunk: Chunk, tally: _Tally, *, defers: bool) -> ImportProgress:
        """Import one chunk, and tell everybody; return how far it has come."""
        outcome = import_chunk(
            plan,
            chunk,
            replaces=tally.mode == "replace",
            defers=defers,
            previews=tally.room,
            needs_keys=tally.mode == "replace" or self.on_chunk is not None,
            on_chunk=None if self.on_chunk is None else tally.watch(self.on_chunk),
        )
        tally.add(outcome, chunk)
        if self.on_failed is not None and outcome.failed:
            tally.watch(self.on_failed)(outcome.failed)
        progress = tally.build_progress()
        _logger.info(
            "import chunk written",
            extra={
                "import_rows": outcome.rows,
                "import_created": outcome.created,
                "import_updated": outcome.updated,
                "import_unchanged": outcome.unchanged,
                "import_failed": len(outcome.failed),
                "import_chunk": progress.chunks,
                "import_dry_run": tally.dry_run,
            },
        )
        if self.progress_callback is not None:
            tally.watch(self.progress_callback)(progress)
        return progress

    def delete_others(self, plan: Plan, kept: frozenset[Any]) -> int:
        """Delete the rows that the import may change and the file does not have; return how many."""
        rows = plan.steps[-1].queryset
        pks = (pk for pk in rows.order_by().values_list("pk", flat=True).iterator(chunk_size=2_000) if pk not in kept)
        gone = [*pks]
        if self.scope.find_forbidden is not None:
            for reason in self.scope.find_forbidden(plan.steps[-1].name, gone).values():
                raise PermissionDenied(reason)
        if gone:
            self.scope.delete_rows(rows, gone)
        return len(gone)


def _describe(error: Exception) -> str:
    """Return what a person is told of *error*: neither a statement nor values, which are in the log."""
    match error:
        case DrfCommonsError() | PermissionDenied() | APIException() if str(error):
            return str(error)
        case Error() if lines := str(error).strip().splitlines():
            return lines[0]  # the next ones quote the statement, or the row
        case _:
            return f"The server came upon an unexpected error ({type(error).__name__}); it is in its log."


@contextmanager
def _taken_back_if(is_taken_back: Callable[[], bool], using: str) -> Generator[None]:
    """Run in one transaction, and roll it back at the end if *is_taken_back* says so then."""
    with transaction.atomic(using=using):
        yield
        if is_taken_back():
            transaction.set_rollback(True, using=using)


@dataclass(slots=True, kw_only=True)
class _Tally:
    """The report while it grows."""

    mode: ImportMode
    dry_run: bool
    max_errors: int
    previews: int
    state: ImportState = "completed"
    reason: str = ""
    counts: Counter[str] = field(default_factory=Counter[str])
    deleted: int = 0
    steps: dict[str, StepCounts] = field(default_factory=dict[str, StepCounts])
    errors: list[CellError] = field(default_factory=list[CellError])
    preview: list[PreviewRow] = field(default_factory=list[PreviewRow])
    pks: set[Any] = field(default_factory=set[Any])
    deferred: list[tuple[int, Sequence[object]]] = field(default_factory=list[tuple[int, Sequence[object]]])
    timings: dict[str, float] = field(default_factory=dict[str, float])
    cursor: Cursor = field(default_factory=lambda: Cursor(number=0))
    size: int = 1
    #: What a function of the caller's raised last.
    raised: Exception | None = None

    @property
    def failed(self) -> int:
        return self.counts["failed"]

    @property
    def room(self) -> int:
        """How many rows of each kind may still be shown."""
        shown = Counter(row.action for row in self.preview)
        return max(self.previews - shown[action] for action in ("created", "updated", "unchanged", "failed"))

    @contextmanager
    def time(self, name: str) -> Generator[None]:
        start = time.perf_counter()
        yield
        self.add_time(name, time.perf_counter() - start)

    def add_time(self, name: str, seconds: float) -> None:
        """Add to what was spent on something."""
        self.timings[name] = self.timings.get(name, 0.0) + seconds

    def watch(self, call: Callable[_P, _R]) -> Callable[_P, _R]:
        """Return *call*, which is the caller's own: what it raises is for the caller to see."""

        def watched(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            try:
                return call(*args, **kwargs)
            except Exception as exc:
                self.raised = exc
                raise

        return watched

    def add(self, outcome: ChunkOutcome, chunk: Chunk) -> None:
        """Add what became of a chunk."""
        self.counts["total"] += outcome.rows - len(outcome.deferred)
        self.counts["created"] += outcome.created
        self.counts["updated"] += outcome.updated
        self.counts["unchanged"] += outcome.unchanged
        self.counts["failed"] += len(outcome.failed)
        self.counts["chunks"] += 1
        for name, counts in outcome.steps.items():
            self.steps[name] = self.steps.get(name, StepCounts()) + counts
        errors = [error for row in outcome.failed for error in row.errors]
        self.counts["errors"] += len(errors)
        self.errors += errors[: self.max_errors - len(self.errors)]
        for row in outcome.preview:
            if sum(other.action == row.action for other in self.preview) < self.previews:
                self.preview.append(row)
        for name, seconds in outcome.timings.items():
            self.add_time(name, seconds)
        if self.mode == "replace":
            self.pks.update(outcome.pks)
            self.deferred += [(chunk.numbers[row], chunk.rows[row]) for row in outcome.deferred]
        self.cursor, self.size = chunk.cursor, max(self.size, len(chunk.rows))

    def take_deferred(self) -> Iterator[Chunk]:
        """Yield the rows that were put off, in chunks."""
        rows = iter(self.deferred)
        while part := [*islice(rows, self.size)]:
            yield Chunk(
                numbers=[number for number, _ in part], rows=[cells for _, cells in part], faults=(), cursor=self.cursor
            )

    def build_progress(self) -> ImportProgress:
        """Return how far it has come."""
        counts = self.counts
        return ImportProgress(
            rows=counts["total"],
            created=counts["created"],
            updated=counts["updated"],
            unchanged=counts["unchanged"],
            failed=counts["failed"],
            chunks=counts["chunks"],
            cursor=self.cursor,
        )

    def build_result(self) -> ImportResult:
        """Return the report; what was rolled back was neither created, updated nor deleted."""
        counts = self.counts
        stays = self.state != "rolled_back"
        return ImportResult(
            mode=self.mode,
            state=self.state,
            reason=self.reason,
            dry_run=self.dry_run,
            total=counts["total"],
            created=counts["created"] if stays else 0,
            updated=counts["updated"] if stays else 0,
            unchanged=counts["unchanged"] if stays else 0,
            failed=counts["failed"],
            deleted=self.deleted if stays else 0,
            steps=dict(self.steps) if stays else {name: StepCounts() for name in self.steps},
            errors=tuple(sorted(self.errors, key=lambda error: error.row)),
            error_count=counts["errors"],
            preview=tuple(self.preview),
            chunks=counts["chunks"],
            timings=dict(self.timings),
        )
