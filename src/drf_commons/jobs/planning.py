"""A file into chunks: read once, before anything of it is imported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from drf_commons.conf import get_settings
from drf_commons.errors import ConfigurationError, UnreadableFileError
from drf_commons.jobs.calls import Call
from drf_commons.jobs.files import describe_table, hash_ranges, open_file
from drf_commons.jobs.keys import Repeats, list_keys
from drf_commons.jobs.models import ImportChunk, ImportJob, Strategy
from drf_commons.jobs.rows import find_active, get_database
from drf_commons.jobs.runners import send
from drf_commons.jobs.strategies import TwinFinder, choose_strategy
from drf_commons.jobs.targets import build_fingerprint, find_import_target
from drf_commons.services.importing import Chunk, Cursor, ImportConfig, Plan, ReadOptions, Table, build_plan

__all__ = ["plan_import"]

#: A range of a sheet is read from the start of the sheet: the largest sheet has nine.
_SHEET_ROWS: Final = 125_000
#: The rows of a chunk of CSV are in memory as bytes.
_CHUNK_BYTES: Final = 16_000_000
#: After so many batches planning shows that it is alive.
_BEAT: Final = 20


@dataclass(slots=True, kw_only=True)
class _Range:
    """Rows that one message gives to a worker."""

    start: Cursor
    end: Cursor
    rows: int = 0
    #: As :class:`~drf_commons.jobs.strategies.BatchTwins` has them.
    firsts: dict[int, int] = field(default_factory=dict[int, int])
    held: set[int] = field(default_factory=set[int])


def plan_import(job: ImportJob) -> None:
    """Divide the file of *job* into chunks, and send for workers; of two who do so at once, one is heard."""
    if job.strategy:
        return
    target = find_import_target(job)
    batch_size = target.config.chunk_size or get_settings().IMPORT_BATCH_SIZE
    planned = find_active(job).filter(strategy="")

    def read(table: Table) -> Iterator[Chunk]:
        for number, batch in enumerate(table.read_chunks(batch_size), 1):
            if number % _BEAT == 0 and not planned.update(heartbeat_at=timezone.now()):
                raise _StoppedError
            yield batch

    # Kept with the plan: whoever opens the file later reads it in the same way.
    options = _list_options(job, target.config)
    with open_file(job, ReadOptions(**options)) as table:
        plan = build_plan(target.config, table, scope=target.scope)
        check_database(plan)
        strategy, reason = choose_strategy(job, plan)
        keys = list_keys(plan, strategy)
        repeats = Repeats(keys)
        try:
            ranges = [*_divide(read(table), table.start, _choose_size(table, strategy), repeats)]
            if repeats.find():
                _find_twins(read(table), ranges, repeats, TwinFinder(keys, strategy))
                if len(plan.steps) > 1 and any(part.held for part in ranges):
                    # In a batch of its own a twin would count what it refers to once more.
                    strategy, reason = Strategy.IN_ORDER, "Rows of the file share what must be unique."
                    _find_twins(read(table), ranges, repeats, TwinFinder(list_keys(plan, strategy), strategy))
        except _StoppedError:
            return
        csv = describe_table(table)
    if not ranges:
        raise UnreadableFileError(job.file_name, "it has a header, and no rows")
    bounds = [] if csv is None else [ranges[0].start.offset, *(part.end.offset for part in ranges)]
    hashes = hash_ranges(job, bounds)[1:] or [""] * len(ranges)
    facts = {"csv": csv, "batch_size": batch_size, "fingerprint": build_fingerprint(target.config)}
    with transaction.atomic(using=get_database()):
        total = sum(part.rows for part in ranges)
        if planned.update(
            strategy=strategy, strategy_reason=reason, facts=facts, total=total, level=0, options=options
        ):
            chunks = _build_chunks(job, strategy, ranges, hashes)
            ImportChunk._default_manager.using(get_database()).bulk_create(chunks)
            send(Call(task="advance", job=job.pk), get_database())


def _list_options(job: ImportJob, config: ImportConfig) -> dict[str, Any]:
    """Return how the file is read: as whoever started *job* has said, or else as the configuration says."""
    declared = {"file_format": config.file_format, "encoding": config.encoding, "delimiter": config.delimiter}
    return {**declared, **{name: value for name, value in job.options.items() if value is not None}}


def check_database(plan: Plan) -> None:
    """Raise for rows in another database: only what is committed with the place of a job is written once."""
    if plan.using != get_database():
        msg = (
            f"Jobs are kept in the database {get_database()!r}, and these rows in {plan.using!r}: what is written twice"
            " could not be told. Route the models of drf_commons.jobs to the same database."
        )
        raise ConfigurationError(msg)


class _StoppedError(Exception):
    """The job was cancelled, or another worker has planned it: there is nothing left to do."""


def _choose_size(table: Table, strategy: Strategy) -> int | None:
    """Return how many rows a range has; ``None`` where all of the file is one."""
    if strategy == Strategy.WHOLE:
        return None
    return get_settings().TRANSFER_CHUNK_ROWS if table.file_format == "csv" else _SHEET_ROWS


def _divide(batches: Iterable[Chunk], start: Cursor, size: int | None, repeats: Repeats) -> Iterator[_Range]:
    """Yield the ranges from *start* on, each a number of whole *batches*, and take down the keys of all rows."""
    part = _Range(start=start, end=start)
    for batch in batches:
        repeats.add(batch)
        part.rows += len(batch.rows) + len(batch.faults)
        part.end = batch.cursor
        if size is not None and (part.rows >= size or part.end.offset - part.start.offset >= _CHUNK_BYTES):
            yield part
            part = _Range(start=batch.cursor, end=batch.cursor)
    if part.rows:
        yield part


def _find_twins(batches: Iterable[Chunk], ranges: Sequence[_Range], repeats: Repeats, finder: TwinFinder) -> None:
    """Write into *ranges* which of their rows are twins of an earlier one."""
    for part in ranges:
        part.firsts, part.held = {}, set()
    rest = iter(ranges)
    part = next(rest)
    before = 0
    with closing(finder):
        for batch in batches:
            found = finder.find(repeats.select(batch, before))
            part.firsts |= found.firsts
            part.held |= found.held
            before += len(batch.rows)
            if batch.cursor == part.end:
                part = next(rest, part)


def _build_chunks(
    job: ImportJob, strategy: Strategy, ranges: Sequence[_Range], hashes: Sequence[str]
) -> Sequence[ImportChunk]:
    """Return the chunks; those that have to wait for others are of a higher level."""
    chunks: list[ImportChunk] = []

    def add(part: _Range, place: int, *, level: int, rows: int) -> None:
        chunks.append(
            ImportChunk(
                job=job,
                level=level,
                number=place,
                first_number=part.start.number,
                last_number=part.end.number - 1,
                first_offset=part.start.offset,
                end_offset=part.end.offset,
                sha256=hashes[place],
                next_number=part.start.number,
                next_offset=part.start.offset,
                twins=_pack(part),
                total=rows,
            )
        )

    for place, part in enumerate(ranges):
        add(part, place, level=place if strategy == Strategy.IN_ORDER else 0, rows=part.rows - len(part.held))
    later = [(place, part) for place, part in enumerate(ranges) if part.held]
    for level, (place, part) in enumerate(later, 1):
        add(part, place, level=level, rows=len(part.held))
    return chunks


def _pack(part: _Range) -> dict[str, object]:
    """Return the twins of *part* as JSON has them."""
    if not part.firsts and not part.held:
        return {}
    return {"firsts": {str(number): first for number, first in part.firsts.items()}, "held": sorted(part.held)}
