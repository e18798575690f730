"""What is next when a chunk is done: the next level, or the end of the job, with its report and its failed rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import islice
from typing import Any, Final

from django.db.models import Min
from django.utils import timezone

from drf_commons.jobs.calls import Call
from drf_commons.jobs.failures import read_failed, save_failed_file
from drf_commons.jobs.files import open_file
from drf_commons.jobs.models import ImportJob, JobStatus, Strategy
from drf_commons.jobs.rows import find_active, find_chunks, get_database
from drf_commons.jobs.runners import send
from drf_commons.services.importing import FailedRowsFile, ImportState

__all__ = ["advance", "build_report", "send_chunks"]

#: How many errors a report lists; all of them are in the file of failed rows.
_LISTED: Final = 1_000
#: How many failed rows are written at a time.
_AT_ONCE: Final = 500


def advance(job: ImportJob) -> None:
    """Begin the next level when all chunks of this one are done, and end the job when there is none.

    Everybody who finds a level done may try; one statement decides who begins the next.
    """
    chunks = find_chunks(job)
    if chunks.filter(level__lte=job.level, is_done=False).exists():
        return
    level = chunks.filter(level__gt=job.level).aggregate(level=Min("level"))["level"]
    if level is None:
        _finish(job)
    elif find_active(job).filter(level=job.level).update(level=level, heartbeat_at=timezone.now()):
        job.level = level
        send_chunks(job)


def send_chunks(job: ImportJob) -> None:
    """Send for workers for every chunk that is open, and whose turn it is."""
    pks = find_chunks(job).filter(level__lte=job.level, is_done=False).values_list("pk", flat=True)
    for pk in [*pks]:
        send(Call(task="chunk", job=job.pk, chunk=pk), get_database())


def build_report(job: ImportJob, state: ImportState = "completed", reason: str = "") -> dict[str, Any]:
    """Return what :meth:`~drf_commons.services.importing.ImportResult.to_dict` would say of what is committed."""
    counts: Counter[str] = Counter()
    steps: dict[str, Counter[str]] = {}
    timings: Counter[str] = Counter()
    names = ("rows", "created", "updated", "unchanged", "failed", "batches")
    for *values, details in find_chunks(job).values_list(*names, "details").iterator(chunk_size=500):
        if "report" in details:
            return dict(details["report"])
        counts.update(dict(zip(names, values, strict=True)))
        counts["errors"] += details.get("errors", 0)
        timings.update(details.get("timings", {}))
        for name, parts in details.get("steps", {}).items():
            steps.setdefault(name, Counter()).update(parts)
    errors = (error.to_dict() for row in read_failed(job) for error in row.errors)
    return {
        "mode": job.mode,
        "state": state,
        "reason": reason,
        "dry_run": False,
        "total": counts["rows"],
        "created": counts["created"],
        "updated": counts["updated"],
        "unchanged": counts["unchanged"],
        "failed": counts["failed"],
        "deleted": 0,
        "steps": {name: _fill(parts) for name, parts in steps.items()},
        "errors": [*islice(errors, _LISTED)],
        "error_count": counts["errors"],
        "preview": [],
        "chunks": counts["batches"],
        "timings": {name: round(seconds, 4) for name, seconds in timings.items()},
    }


def _fill(parts: Mapping[str, int]) -> dict[str, int]:
    return {name: parts.get(name, 0) for name in ("created", "updated", "unchanged")}


def _finish(job: ImportJob) -> None:
    """End *job*; of two who do so at once, the file of one is kept."""
    report, before = build_report(job), job.failed_file.name
    values: dict[str, Any] = {"status": JobStatus.COMPLETED, "message": "", "report": report}
    if job.strategy == Strategy.WHOLE.value:
        values["failed_file"] = find_chunks(job).values_list("details", flat=True).get()["failed_file"]
    else:
        values["failed_file"] = _write_failed(job) if report["failed"] else ""
    if job.dry_run and job.needs_confirmation:
        values |= {"status": JobStatus.CONFIRMING, "report": None, "preview": report}
    elif report["state"] == "rolled_back":
        message = f"Nothing was changed: {report['failed']:,} of {report['total']:,} rows failed."
        values |= {"status": JobStatus.FAILED, "message": message}
    kept = find_active(job).update(**values, finished_at=timezone.now())
    if kept and before and before != values["failed_file"]:
        job.failed_file.storage.delete(before)
    if not kept and values["failed_file"] and job.strategy != Strategy.WHOLE.value:
        job.failed_file.storage.delete(values["failed_file"])


def _write_failed(job: ImportJob) -> str:
    with open_file(job) as table, FailedRowsFile(table) as failed:
        rows = read_failed(job)
        while part := [*islice(rows, _AT_ONCE)]:
            failed.add(part)
        return save_failed_file(job, failed)
