"""A chunk of a file into the database, batch by batch: the place of the job moves in the transaction of the rows.

A message may come twice, late, or to a worker that is killed. Whoever imports a batch takes the row of the chunk first,
at the place where it believes the chunk to be: the database lets one in, and everybody else waits, and then sees that
the place has moved.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from typing import Final

from django.db import InterfaceError, OperationalError, connections, transaction
from django.db.models import F
from django.utils import timezone

from drf_commons.errors import ChangedSourceError, DrfCommonsError
from drf_commons.jobs.failures import keep_failed
from drf_commons.jobs.files import open_chunk, read_batches
from drf_commons.jobs.finishing import advance
from drf_commons.jobs.models import ImportChunk, ImportJob, Strategy
from drf_commons.jobs.parents import creates_parents, lacks_parents
from drf_commons.jobs.rows import find_active, find_chunks, get_database
from drf_commons.jobs.targets import ImportTarget, build_fingerprint, find_import_target
from drf_commons.jobs.twins import Twins
from drf_commons.jobs.wholes import import_whole
from drf_commons.services.importing import Chunk, ChunkOutcome, Plan, build_plan, import_chunk

__all__ = ["run_chunk"]

_logger: Final = logging.getLogger("drf_commons.jobs")

#: How often a chunk is begun without a batch that is committed: something in it takes the workers down.
_ATTEMPTS: Final = 10

#: What a batch changes in its chunk.
_MOVED: Final = (
    "next_number",
    "next_offset",
    "is_done",
    "attempts",
    "touched_at",
    "rows",
    "created",
    "updated",
    "unchanged",
    "failed",
    "batches",
    "winners",
    "details",
)


class TooManyAttemptsError(DrfCommonsError):
    """A chunk was begun again and again, and never came to its end."""


def run_chunk(job: ImportJob, pk: int) -> None:
    """Import what is left of a chunk, and then do what is next; a chunk whose turn has not come is left alone."""
    chunk = find_chunks(job).filter(pk=pk, level__lte=job.level).first()
    if chunk is None:
        return
    if not chunk.is_done:
        _begin(job, chunk)
        target = find_import_target(job)
        if build_fingerprint(target.config) != job.facts["fingerprint"]:
            msg = "The configuration of the import, or a model, was changed since the file was planned: start it anew."
            raise ChangedSourceError(msg)
        if not _run(job, pk, target):
            return
    advance(job)


def _begin(job: ImportJob, chunk: ImportChunk) -> None:
    """Count one more attempt, before anything can go wrong in it; not where somebody is at the chunk already."""
    using = get_database()
    mine = find_chunks(job).filter(pk=chunk.pk)
    with transaction.atomic(using=using):
        # Whoever imports all of a file in one transaction has the row until its end: nobody waits for that here.
        can_skip = connections[using].features.has_select_for_update_skip_locked
        if can_skip and mine.order_by().select_for_update(skip_locked=True).first() is None:
            return
        if chunk.attempts >= _ATTEMPTS:
            msg = (
                f"The {chunk} were begun {_ATTEMPTS} times, and the worker was lost each time. The job can be resumed."
            )
            raise TooManyAttemptsError(msg)
        mine.update(attempts=F("attempts") + 1, touched_at=timezone.now())


def _run(job: ImportJob, pk: int, target: ImportTarget) -> bool:
    """Import what is left, and go on from the last commit where the database did not take a batch.

    Raises what the database does where nothing was committed since the last time.
    """
    run = import_whole if job.strategy == Strategy.WHOLE.value else _run_batches
    place, error = -1, None
    while True:
        chunk = find_chunks(job).get(pk=pk)
        if error is not None and chunk.next_number == place:
            raise error
        place = chunk.next_number
        try:
            return run(job, chunk, target)
        except (OperationalError, InterfaceError) as exc:
            _logger.warning("import chunk goes on", exc_info=True, extra={"import_chunk": pk})
            connections[get_database()].close_if_unusable_or_obsolete()
            error = exc


def _run_batches(job: ImportJob, chunk: ImportChunk, target: ImportTarget) -> bool:
    """Import every batch that is left; return whether the chunk is done."""
    if chunk.is_done:
        return True
    twins = Twins(job, chunk)
    with open_chunk(job, chunk) as table:
        plan = build_plan(target.config, table, scope=target.scope)
        return all(_run_batch(job, chunk, plan, batch, twins) for batch in read_batches(job, chunk, table))


class _OvertakenError(Exception):
    """Somebody else stored a row of the batch between the look at the table and the write."""


def _run_batch(job: ImportJob, chunk: ImportChunk, plan: Plan, batch: Chunk, twins: Twins) -> bool:
    """Import one batch; return ``False`` where it is another worker's, or the job has ended.

    Where another job was faster with a row, the batch is imported anew, and finds it; only once, as some databases
    take values for the same that are none.
    """
    try:
        return _try_batch(job, chunk, plan, batch, twins, is_last=False)
    except _OvertakenError:
        return _try_batch(job, chunk, plan, batch, twins, is_last=True)


def _try_batch(job: ImportJob, chunk: ImportChunk, plan: Plan, batch: Chunk, twins: Twins, *, is_last: bool) -> bool:
    part = twins.select(batch)

    def move(outcome: ChunkOutcome | None) -> None:
        if outcome is not None:
            if outcome.is_overtaken and not is_last:
                raise _OvertakenError
            _add(chunk, outcome, twins.note(part, {row.number for row in outcome.failed}))
        chunk.next_number, chunk.next_offset = batch.cursor.number, batch.cursor.offset
        chunk.is_done = batch.cursor.number > chunk.last_number
        chunk.attempts, chunk.touched_at = 0, timezone.now()
        chunk.save(using=plan.using, update_fields=_MOVED)

    with transaction.atomic(using=plan.using):
        if job.strategy == Strategy.SPREAD.value and creates_parents(plan) and lacks_parents(plan, part):
            find_active(job).select_for_update().first()  # the row of the job is the turn
        if not _claim(job, chunk, plan.using):
            return False
        if part.rows or part.faults:
            import_chunk(plan, part, needs_keys=False, twins=twins.find_imported(part), on_chunk=move)
        else:
            move(None)
    return True


def _claim(job: ImportJob, chunk: ImportChunk, using: str) -> bool:
    """Take the row of the chunk until the end of the transaction, if its place is where it was when it was read.

    The job is looked at behind that: to do both in one statement takes Django twice as long.
    """
    here = {"pk": chunk.pk, "next_number": chunk.next_number, "next_offset": chunk.next_offset, "is_done": False}
    chunks = ImportChunk._default_manager.using(using).filter(**here)
    return chunks.update(touched_at=timezone.now()) > 0 and find_active(job).exists()


def _add(chunk: ImportChunk, outcome: ChunkOutcome, winners: Mapping[int, int]) -> None:
    """Add to *chunk* what became of a batch; the row is taken, so nobody else does."""
    chunk.rows += outcome.rows
    chunk.created += outcome.created
    chunk.updated += outcome.updated
    chunk.unchanged += outcome.unchanged
    chunk.failed += len(outcome.failed)
    chunk.batches += 1
    details = chunk.details
    steps = details.setdefault("steps", {})
    for name, counts in outcome.steps.items():
        steps[name] = Counter(steps.get(name, {})) + Counter(counts.to_dict())
    details["timings"] = Counter(details.get("timings", {})) + Counter(outcome.timings)
    details["errors"] = details.get("errors", 0) + sum(len(row.errors) for row in outcome.failed)
    if winners:
        chunk.winners = {**(chunk.winners or {}), **{str(first): number for first, number in winners.items()}}
    if outcome.failed:
        keep_failed(chunk, outcome.failed)
