"""What a worker does with a call: the edge at which everything that goes wrong becomes the message of a job."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any, Final, assert_never, cast

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError, connections
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from rest_framework.exceptions import APIException

from drf_commons.current_user import as_user
from drf_commons.errors import DrfCommonsError
from drf_commons.jobs.calls import Call
from drf_commons.jobs.exporting import run_export
from drf_commons.jobs.failures import make_storable
from drf_commons.jobs.finishing import advance, send_chunks
from drf_commons.jobs.importing import run_chunk
from drf_commons.jobs.models import ACTIVE, ExportJob, ImportJob, JobStatus, TransferJob
from drf_commons.jobs.planning import plan_import
from drf_commons.jobs.rows import find_active, get_database
from drf_commons.jobs.targets import find_requester
from drf_commons.response import translate_exception

__all__ = ["work"]

_logger: Final = logging.getLogger("drf_commons.jobs")


#: Seconds to wait before a database that did not do its work is asked again: a restart takes some.
_PAUSES: Final = (0.1, 0.5, 2.0, 5.0)


def work(call: Call) -> None:
    """Do what *call* asks for, as the user whose job it is; a job that is gone, or has ended, is left alone.

    Where the connection is lost, or the database has to choose between several workers, it is tried again: what was
    committed is not done twice.
    """
    for pause in _PAUSES:
        try:
            _try(call)
        except (OperationalError, InterfaceError):
            _logger.warning("job tried again", exc_info=True, extra={"job_id": str(call.job), "job_pause": pause})
            connections[get_database(_get_model(call))].close_if_unusable_or_obsolete()
            time.sleep(pause)
        else:
            return
    try:
        _try(call)
    except (OperationalError, InterfaceError) as exc:
        _fail(call, exc)


def _try(call: Call) -> None:
    job: Any = _find_active(call).select_related("user").first()
    if job is None:
        return
    try:
        with as_user(find_requester(job)):
            _begin(job)
            _do(call, job)
    except (OperationalError, InterfaceError):
        raise
    except Exception as exc:  # noqa: BLE001  # the edge of the worker: what the project's code may raise is open
        _fail(call, exc)


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


def _fail(call: Call, error: Exception) -> None:
    """Let the job of *call* fail, with what *error* says."""
    _logger.error("job failed", exc_info=error, extra={"job_id": str(call.job), "job_task": call.task})
    connections[get_database(_get_model(call))].close_if_unusable_or_obsolete()
    _find_active(call).update(status=JobStatus.FAILED, message=_describe(error), finished_at=timezone.now())


def _describe(error: Exception) -> str:
    """Return what a person is told of *error*: its text, where it was written to be read by one.

    That of a database has parts of its rows and of its statements, and that of any other error may have anything.
    """
    name = type(error).__name__
    match error if isinstance(error, DrfCommonsError) else translate_exception(error):
        case PermissionDenied() | Http404() | DrfCommonsError() as known:
            text = str(known).strip()
        case APIException() as known:
            text = _write(known.detail)
        case ValidationError() as known:
            text = " ".join(known.messages)
        case DatabaseError():
            text = f"The database did not do its work ({name}); the log says more. The job can be resumed."
        case _:
            text = ""
    # It may tell of a file, which has any character in it.
    told: str = make_storable(text)
    return told or f"Something went wrong that nobody expected ({name}); the log says more. The job can be resumed."


def _write(detail: object) -> str:
    """Return the messages of an error of DRF as one text, each behind the name of what it is about."""
    match detail:
        case Mapping():
            parts = cast("Mapping[object, object]", detail).items()
            return " ".join(f"{name}: {_write(part)}" for name, part in parts)
        case list():
            return " ".join(map(_write, cast("list[object]", detail)))
        case _:
            return str(detail)


def _get_model(call: Call) -> type[TransferJob]:
    return ExportJob if call.task == "export" else ImportJob


def _find_active(call: Call) -> QuerySet[Any]:
    model = _get_model(call)
    return model._default_manager.using(get_database(model)).filter(pk=call.job, status__in=ACTIVE)
