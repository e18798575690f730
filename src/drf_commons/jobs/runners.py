"""Where jobs run: in this process, or in the workers of a task engine that the project has.

A runner has one method. One of your own hands the call to its engine, whose worker gives it to :func:`run_call`::

    class RqRunner:
        def enqueue(self, call: Call) -> None:
            django_rq.enqueue(run_call, call)
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import cache, partial
from importlib.util import find_spec
from typing import Any, Final, Protocol, cast

from django.core.signals import setting_changed
from django.db import transaction
from django.dispatch import receiver
from django.utils import timezone
from django.utils.module_loading import import_string

from drf_commons.conf import get_settings
from drf_commons.errors import ConfigurationError, MissingExtraError
from drf_commons.jobs.calls import Call
from drf_commons.jobs.models import ACTIVE, ExportJob, ImportJob, JobStatus

__all__ = ["Runner", "get_runner", "run_call", "send"]

_logger: Final = logging.getLogger("drf_commons.jobs")


class Runner(Protocol):
    """What gets a call to whoever runs it."""

    def enqueue(self, call: Call) -> object:
        """Take *call*, and return; raise where it cannot be taken."""
        ...


class InlineRunner:
    """Runs in this process, before :meth:`enqueue` returns; what a call sends for is run after it."""

    def enqueue(self, call: Call) -> None:
        """Run *call*, and what it sends for."""
        run_call(call)


class TasksRunner:
    """Django's tasks, of version 6, or of the package ``django-tasks`` before it; with any of their backends."""

    def __init__(self) -> None:
        if find_spec("django.tasks") is None and find_spec("django_tasks") is None:
            msg = "COMMON['TRANSFER_RUNNER'] = 'tasks' needs django-tasks: pip install 'drf-commons[tasks]'"
            raise MissingExtraError(msg)

    def enqueue(self, call: Call) -> None:
        """Enqueue *call* with the backend of the project."""
        from drf_commons.jobs.background import run  # noqa: PLC0415  # where it is used

        run.enqueue(call.task, str(call.job), call.chunk)


class CeleryRunner:
    """Celery, with the broker of the project's Celery app."""

    def __init__(self) -> None:
        if find_spec("celery") is None:
            msg = "COMMON['TRANSFER_RUNNER'] = 'celery' needs Celery: pip install 'drf-commons[celery]'"
            raise MissingExtraError(msg)

    def enqueue(self, call: Call) -> None:
        """Send *call* to the broker."""
        from drf_commons.jobs.tasks import run  # noqa: PLC0415  # where it is used

        run.delay(call.task, str(call.job), call.chunk)


_RUNNERS: Final[Mapping[str, Callable[[], Runner]]] = {
    "celery": CeleryRunner,
    "inline": InlineRunner,
    "tasks": TasksRunner,
}


@cache
def get_runner() -> Runner:
    """Return what ``COMMON["TRANSFER_RUNNER"]`` names.

    Raises :class:`~drf_commons.errors.ConfigurationError` for a name that is nothing's, and
    :class:`~drf_commons.errors.MissingExtraError` where a package is missing.
    """
    name = get_settings().TRANSFER_RUNNER
    if name in _RUNNERS:
        return _RUNNERS[name]()
    try:
        found = import_string(name)
    except ImportError as exc:
        choices, close = ", ".join(map(repr, _RUNNERS)), get_close_matches(name, _RUNNERS, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        msg = f"COMMON['TRANSFER_RUNNER'] is {name!r}: neither one of {choices} nor the path of a runner ({exc}){hint}"
        raise ConfigurationError(msg) from exc
    runner: Any = found() if isinstance(found, type) else found
    if not callable(getattr(runner, "enqueue", None)):
        msg = f"COMMON['TRANSFER_RUNNER']: {name} has no method enqueue(call)"
        raise ConfigurationError(msg)
    return cast("Runner", runner)  # it has the one method


def send(call: Call, using: str) -> None:
    """Give *call* to the runner once the transaction that is open on *using* is committed.

    Where the runner does not take it, the job fails, and says that it can be resumed.
    """
    transaction.on_commit(partial(_enqueue, call, using), using=using)


class _Waiting(threading.local):
    """The calls that come while another one runs in this thread."""

    calls: deque[Call] | None = None


_waiting: Final = _Waiting()


def run_call(call: Call) -> None:
    """Do what *call* asks for, in this process; what goes wrong stands in the job, and nothing is raised.

    What comes meanwhile, from an engine that does its tasks at once, is done afterwards: calls that are made within
    each other would be as deep as a job has chunks.
    """
    from drf_commons.jobs.work import work  # noqa: PLC0415  # it sends calls itself

    if _waiting.calls is not None:
        _waiting.calls.append(call)
        return
    _waiting.calls = calls = deque([call])
    try:
        while calls:
            work(calls.popleft())
    finally:
        _waiting.calls = None


def _enqueue(call: Call, using: str) -> None:
    try:
        get_runner().enqueue(call)
    except Exception as exc:  # the edge to a broker, whose clients raise what they like
        _logger.exception("job not enqueued", extra={"job_id": str(call.job), "job_task": call.task})
        model = ExportJob if call.task == "export" else ImportJob
        message = f"The workers could not be reached: {str(exc).rstrip('.')}. The job can be resumed."
        jobs = model._default_manager.using(using).filter(pk=call.job, status__in=ACTIVE)
        jobs.update(status=JobStatus.FAILED, message=message, finished_at=timezone.now())


@receiver(setting_changed)
def _forget(*, setting: str, **_: object) -> None:
    if setting == "COMMON":
        get_runner.cache_clear()
