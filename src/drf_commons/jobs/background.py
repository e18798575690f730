"""The task of Django's own interface: that of Django 6, or of the package that brings it to earlier versions."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from drf_commons.jobs.calls import Call, Task
from drf_commons.jobs.runners import run_call

if TYPE_CHECKING:
    from django_tasks import task as as_task
else:
    try:
        from django.tasks import task as as_task
    except ImportError:
        from django_tasks import task as as_task

__all__ = ["run"]


@as_task()
def run(task: Task, job: str, chunk: int | None = None) -> None:
    """Do one piece of a job."""
    run_call(Call(task=task, job=uuid.UUID(job), chunk=chunk))
