"""What a worker does with a call: the edge at which everything that goes wrong becomes the message of a job."""

from __future__ import annotations

import logging
from typing import Any, Final, assert_never

from django.db import connections
from django.utils import timezone

from drf_commons.current_user import as_user
from drf_commons.errors import DrfCommonsError
from drf_commons.jobs.calls import Call
from drf_commons.jobs.exporting import run_export
from drf_commons.jobs.finishing import advance, send_chunks
from drf_commons.jobs.importing import run_chunk
from drf_commons.jobs.models import ACTIVE, ExportJob, ImportJob, JobStatus, TransferJob
from drf_commons.jobs.planning import plan_import
from drf_commons.jobs.rows import find_active, get_database
from drf_commons.jobs.targets import find_requester

__all__ = ["work"]

_logger: Final = logging.getLogger("drf_commons.jobs")


def work(call: Call) -> None:
    """Do what *call* asks for, as the user whose job it is; a job that is gone, or has ended, is left alone."""
    model: type[TransferJob] = ExportJob if call.task == "export" else ImportJob
    jobs = model._default_manager.using(get_database(model)).select_related("user")
    job: Any = jobs.filter(pk=call.job, status__in=ACTIVE).first()
    if job is None:
        return
    try:
        with as_user(find_requester(job)):
            _begin(job)
            _do(call, job)
    except Exception as exc:  # the edge of the worker: what files, storages and the project's code may raise is open
        _logger.exception("job failed", extra={"job_id": str(call.job), "job_task": call.task})
        _fail(job, exc)


def _begin(job: TransferJob) -> None:
    """Show that somebody is at it."""
    now = timezone.now()
    running = {"status": JobStatus.RUNNING, "message": ""} if job.status != JobStatus.RUNNING.value else {}
    if running or job.started_at is None:
        find_active(job).update(started_at=job.started_at or now, heartbeat_at=now, **running)


def _do(call: Call, job: Any) -> None:
    match call.task:
        case "plan":
            plan_import(job)
        case "chunk":
            run_chunk(job, call.chunk or 0)
        case "advance":
            send_chunks(job)
            advance(job)
        case "export":
            run_export(job)
        case _:
            assert_never(call.task)


def _fail(job: TransferJob, error: Exception) -> None:
    """Let *job* fail, with what *error* says."""
    text = str(error).strip()
    message = text if text and isinstance(error, DrfCommonsError) else f"{type(error).__name__}: {text}"
    connections[get_database(type(job))].close_if_unusable_or_obsolete()
    find_active(job).update(status=JobStatus.FAILED, message=message, finished_at=timezone.now())
