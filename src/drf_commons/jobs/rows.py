"""The rows of jobs, always in the database that is written to: a replica may not know yet what was just committed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import router

from drf_commons.jobs.models import ACTIVE, FailedRows, ImportChunk, ImportJob, TransferJob

if TYPE_CHECKING:
    from django.db.models import QuerySet

__all__ = ["find_active", "find_chunks", "find_failed", "get_database"]


def get_database(model: type[TransferJob] = ImportJob) -> str:
    """Return the alias of the database that jobs are in; the rows of imports have to be in the same one."""
    return router.db_for_write(model)


def find_active(job: TransferJob) -> QuerySet[Any]:
    """Return the row of *job*, unless it has ended; a status is changed in one statement, with nobody between."""
    model = type(job)
    return model._default_manager.using(get_database(model)).filter(pk=job.pk, status__in=ACTIVE)


def find_chunks(job: ImportJob) -> QuerySet[ImportChunk]:
    """Return the chunks of *job*."""
    return ImportChunk._default_manager.using(get_database()).filter(job=job.pk)


def find_failed(job: ImportJob) -> QuerySet[FailedRows]:
    """Return the rows of *job* that failed, batch by batch."""
    return FailedRows._default_manager.using(get_database()).filter(chunk__job=job.pk)
