"""How far a job has come, and whether anybody is still at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final

from django.db.models import Exists, OuterRef, QuerySet, Sum
from django.utils import timezone

from drf_commons.conf import get_settings
from drf_commons.jobs.models import ExportJob, ImportChunk, ImportJob, JobStatus, TransferJob

__all__ = ["JobProgress", "find_stalled", "get_progress", "mark_stalled"]

_COUNTS: Final = ("rows", "created", "updated", "unchanged", "failed")
_STALLED: Final = (
    "Nothing has been heard of it for {seconds:,} seconds. Is a worker running, with drf_commons.jobs among its"
    " INSTALLED_APPS? The job can be resumed."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobProgress:
    """The numbers of a job at a moment; all that an import counts is committed, unless it runs in one transaction."""

    status: str
    message: str
    #: Rows handled so far, and how many there are; ``None`` while that is not known.
    rows: int
    total: int | None
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    failed: int = 0
    #: From 0 to 100.
    percent: float | None = None
    rows_per_second: float | None = None
    seconds_left: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as JSON has them."""
        return asdict(self)


def get_progress(job: TransferJob) -> JobProgress:
    """Return how far *job* has come, which is brought up to date: its status is asked for anew.

    A job of which nothing has been heard for ``COMMON["TRANSFER_STALLED_AFTER"]`` seconds is stalled from then on.
    """
    mark_stalled(type(job)._default_manager.filter(pk=job.pk))
    job.refresh_from_db(fields=["status", "message", "total", "rows", "started_at", "finished_at", "heartbeat_at"])
    counts = _count(job)
    seconds = None if job.started_at is None else ((job.finished_at or timezone.now()) - job.started_at).total_seconds()
    rows, total = counts["rows"], job.total
    speed = rows / seconds if seconds and rows else None
    is_running = job.status == JobStatus.RUNNING.value
    return JobProgress(
        status=job.status,
        message=job.message,
        total=total,
        percent=None if total is None else round(100 * rows / total, 1) if total else 100.0,
        rows_per_second=None if speed is None else round(speed, 1),
        seconds_left=round((total - rows) / speed, 1) if is_running and speed and total is not None else None,
        **counts,
    )


def mark_stalled(jobs: QuerySet[Any]) -> int:
    """Mark those of *jobs* as stalled that nobody is at any more; return how many."""
    message = _STALLED.format(seconds=get_settings().TRANSFER_STALLED_AFTER)
    return find_stalled(jobs).update(status=JobStatus.STALLED, message=message)


def find_stalled(jobs: QuerySet[Any]) -> QuerySet[Any]:
    """Return those of *jobs* that should be worked at, and of which nothing has been heard for too long."""
    limit = timezone.now() - timedelta(seconds=get_settings().TRANSFER_STALLED_AFTER)
    silent = jobs.filter(status__in=(JobStatus.QUEUED, JobStatus.RUNNING), heartbeat_at__lt=limit)
    if not issubclass(jobs.model, ImportJob):
        return silent
    return silent.exclude(Exists(ImportChunk._default_manager.filter(job=OuterRef("pk"), touched_at__gte=limit)))


def _count(job: TransferJob) -> Mapping[str, int]:
    if isinstance(job, ExportJob):
        return {"rows": job.rows}
    chunks = ImportChunk._default_manager.filter(job=job.pk)
    found = chunks.aggregate(**{name: Sum(name, default=0) for name in _COUNTS})
    return found | {"rows": max(found["rows"], job.rows)}
