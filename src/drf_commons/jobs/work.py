"""What a worker does with a call: the edge at which everything that goes wrong becomes the message of a job."""

from __future__ import annotations

import logging
from typing import Any, Final

from django.utils import timezone

from drf_commons.current_user import as_user
from drf_commons.jobs.calls import Call
from drf_commons.jobs.exporting import run_export
from drf_commons.jobs.importing import run_import
from drf_commons.jobs.models import ACTIVE, ExportJob, ImportJob, JobStatus, TransferJob
from drf_commons.jobs.targets import find_requester

__all__ = ["work"]

_logger: Final = logging.getLogger("drf_commons.jobs")


def work(call: Call) -> None:
    """Do what *call* asks for, as the user whose job it is; a job that is gone, or has ended, is left alone."""
    model: type[TransferJob] = ExportJob if call.task == "export" else ImportJob
    job: Any = model._default_manager.select_related("user").filter(pk=call.job, status__in=ACTIVE).first()
    if job is None:
        return
    try:
        with as_user(find_requester(job)):
            if isinstance(job, ExportJob):
                run_export(job)
            else:
                run_import(job)
    except Exception as exc:  # the edge of the worker: what files, storages and the project's code may raise is open
        _logger.exception("job failed", extra={"job_id": str(call.job), "job_task": call.task})
        fail(job, exc)


def fail(job: TransferJob, error: Exception) -> None:
    """Let *job* fail, with what *error* says."""
    text = str(error).strip()
    message = text if text and type(error).__module__.startswith("drf_commons.") else f"{type(error).__name__}: {text}"
    jobs = type(job)._default_manager.filter(pk=job.pk, status__in=ACTIVE)
    jobs.update(status=JobStatus.FAILED, message=message, finished_at=timezone.now())
