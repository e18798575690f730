"""The task of Celery, where its workers look for it."""

from __future__ import annotations

import uuid

from celery import shared_task

from drf_commons.jobs.calls import Call, Task
from drf_commons.jobs.runners import run_call

__all__ = ["run"]


# A message is done with when its work is: what a lost worker held is delivered again, and does no harm twice.
@shared_task(name="drf_commons.jobs.run", acks_late=True, reject_on_worker_lost=True, ignore_result=True)
def run(task: Task, job: str, chunk: int | None = None) -> None:
    """Do one piece of a job."""
    run_call(Call(task=task, job=uuid.UUID(job), chunk=chunk))
