"""A file into the database in one transaction: a replacement, a dry run, and what only one process can tell apart."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final, cast

from django.db import connections, transaction
from django.utils import timezone

from drf_commons.jobs.failures import make_storable, save_failed_file
from drf_commons.jobs.files import open_file
from drf_commons.jobs.models import ImportChunk, ImportJob
from drf_commons.jobs.rows import find_active, find_chunks, get_database
from drf_commons.jobs.targets import ImportTarget
from drf_commons.services.importing import (
    FailedRowsFile,
    FileImportService,
    ImportMode,
    ImportProgress,
    ImportResult,
)

__all__ = ["import_whole"]

#: How long to wait for somebody who has the chunk, in seconds: one who was killed loses it in the meantime.
_PATIENCE: Final = 5.0
#: The name of the connection that tells of what is not committed yet.
_BESIDE: Final = "drf_commons_beside"


class _StoppedError(Exception):
    """The job was cancelled."""


class InterruptedImportError(Exception):
    """The file, or the database, failed on the way, and all was taken back."""


def import_whole(job: ImportJob, chunk: ImportChunk, target: ImportTarget) -> bool:
    """Import all of the file, or nothing; return whether the chunk is done."""
    using = get_database()
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            with _beside(using) as beside, transaction.atomic(using=using):
                if _claim(job, chunk, using):
                    _import(job, chunk, target, beside)
                    return True
        except _StoppedError:
            return False
        if find_chunks(job).filter(pk=chunk.pk, is_done=True).exists():
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.25)


def _claim(job: ImportJob, chunk: ImportChunk, using: str) -> bool:
    """Take the row of the chunk for the whole transaction; return ``False`` where somebody has it, or it is done."""
    chunks = find_chunks(job).filter(pk=chunk.pk, is_done=False)
    if connections[using].features.has_select_for_update_skip_locked:
        return chunks.order_by().select_for_update(skip_locked=True).first() is not None
    return chunks.update(touched_at=timezone.now()) > 0


def _import(job: ImportJob, chunk: ImportChunk, target: ImportTarget, beside: str | None) -> None:
    is_alive = True

    def tell(progress: ImportProgress) -> None:
        nonlocal is_alive
        if beside is not None:
            told = find_active(job).using(beside)
            is_alive = bool(told.update(rows=progress.rows, heartbeat_at=timezone.now()))

    with open_file(job) as table, FailedRowsFile(table) as failed:
        service = FileImportService(
            target.config,
            scope=target.scope,
            batch_size=job.facts["batch_size"],
            progress_callback=tell,
            should_stop=lambda: not is_alive,
            on_failed=failed.add,
        )
        result = service.import_table(table, mode=cast("ImportMode", job.mode), dry_run=job.dry_run)
        if not is_alive:
            raise _StoppedError
        if result.state == "interrupted":
            raise InterruptedImportError(result.reason)
        _keep(chunk, result, save_failed_file(job, failed))


def _keep(chunk: ImportChunk, result: ImportResult, failed_file: str) -> None:
    """Write what became of the file into its chunk."""
    chunk.rows, chunk.batches, chunk.failed = result.total, result.chunks, result.failed
    chunk.created, chunk.updated, chunk.unchanged = result.created, result.updated, result.unchanged
    chunk.details = {"report": make_storable(result.to_dict()), "failed_file": failed_file}
    chunk.next_number, chunk.next_offset = chunk.last_number + 1, chunk.end_offset
    chunk.is_done, chunk.touched_at = True, timezone.now()
    chunk.save(using=get_database())


@contextmanager
def _beside(using: str) -> Generator[str | None]:
    """Open a second connection, which tells others how far the transaction of the first has come.

    SQLite lets nobody write beside a transaction: there is none.
    """
    if not connections[using].features.has_select_for_update:
        yield None
        return
    handler: Any = connections
    handler[_BESIDE] = handler.create_connection(using)
    try:
        yield _BESIDE
    finally:
        handler[_BESIDE].close()
        del handler[_BESIDE]
