"""Jobs from outside: start them, follow them, and decide about them.

::

    job = start_import(EmployeeViewSet, request.FILES["file"], Requester(user=request.user))
    get_progress(job).percent
    cancel(job)
    resume(job)

A job runs where ``COMMON["TRANSFER_RUNNER"]`` says, once the transaction it is started in is committed; the runner
``inline`` is done with it when :func:`start_import` returns, so call ``job.refresh_from_db()``. Workers act as the
user, ask the permissions of the viewset anew, and reach the rows that the user would.

A viewset that is a target has ``for_user()``, as all with :class:`~drf_commons.views.FileImportMixin` or
:class:`~drf_commons.views.FileExportMixin` do. The path of a target may also name an ``ImportConfig``: whoever may
start such a job may import all of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePath
from typing import IO, Any, Final, TypeVar

from django.core.files import File
from django.db import connections, router, transaction
from django.db.models import QuerySet
from django.utils import timezone

from drf_commons.conf import get_settings
from drf_commons.errors import FileTooLargeError, JobStateError
from drf_commons.jobs.calls import Call
from drf_commons.jobs.failures import make_storable
from drf_commons.jobs.files import delete_files
from drf_commons.jobs.finishing import build_report
from drf_commons.jobs.models import ACTIVE, ExportJob, ImportChunk, ImportJob, JobStatus, TransferJob
from drf_commons.jobs.progress import JobProgress, get_progress, mark_stalled
from drf_commons.jobs.runners import send
from drf_commons.jobs.targets import VERSION
from drf_commons.services.exporting import FileType
from drf_commons.services.importing import ImportMode, ReadOptions

__all__ = [
    "JobProgress",
    "Requester",
    "cancel",
    "confirm",
    "delete_job",
    "get_progress",
    "get_report",
    "mark_stalled",
    "name_target",
    "resume",
    "start_export",
    "start_import",
]

_Job = TypeVar("_Job", bound=TransferJob)

_BLOCK: Final = 1 << 20

#: What makes a dry run into an import that is to be planned.
_UNPLANNED: Final[Mapping[str, object]] = {
    "status": JobStatus.QUEUED,
    "dry_run": False,
    "failed_file": "",
    "strategy": "",
    "facts": {},
    "level": 0,
    "rows": 0,
    "total": None,
    "started_at": None,
    "finished_at": None,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Requester:
    """Who asks for a job, and how: nobody who is signed in, by default."""

    #: The user of a request.
    user: Any = None
    #: What stood behind the ``?`` of the URL: the filters of the list.
    query: str = ""
    #: What the URL gave to the view.
    kwargs: Mapping[str, object] = field(default_factory=dict[str, object])
    #: The version of the API that was asked; without one, it is the view's default.
    version: object = None
    #: Ask no permissions, and leave no row out: for commands of the project's own, never for a request.
    unrestricted: bool = False

    def describe(self) -> dict[str, Any]:
        """Return the columns of a job that say so, with no character that no database takes: a URL may have any."""
        user = self.user if self.user is not None and self.user.is_authenticated else None
        kwargs = {key: str(value) for key, value in self.kwargs.items()}
        return {
            "user": user,
            "unrestricted": self.unrestricted,
            **make_storable(
                {
                    "requester": "" if user is None else str(user.get_username()),
                    "query": self.query,
                    "kwargs": {**kwargs, **self._describe_version()},
                }
            ),
        }

    def _describe_version(self) -> dict[str, Any]:
        match self.version:
            case None:
                return {}
            case str() | int() | float():
                return {VERSION: self.version}
            case _:  # a scheme of the project's own may make of it what it likes
                return {VERSION: str(self.version)}


def start_import(
    target: type | str,
    file: IO[bytes],
    requester: Requester | None = None,
    *,
    name: str | None = None,
    mode: ImportMode = "append",
    dry_run: bool = False,
    needs_confirmation: bool = False,
    options: ReadOptions | None = None,
) -> ImportJob:
    """Keep *file*, and start to import it as *target* does: a viewset, its dotted path, or that of a configuration.

    *dry_run* only reports; *needs_confirmation* does so first, and then waits for :func:`confirm`. What *options* leave
    open is as the configuration says.

    Raises :class:`~drf_commons.errors.FileTooLargeError`; all else that is wrong with the file is told by the job.
    """
    shown: str = make_storable(name or PurePath(str(getattr(file, "name", None) or "file")).name)
    size, digest = _measure(file, shown)
    options = options or ReadOptions()
    job = ImportJob(
        target=name_target(target),
        file_name=shown[:255],
        file_size=size,
        file_sha256=digest,
        mode=mode,
        dry_run=dry_run or needs_confirmation,
        needs_confirmation=needs_confirmation,
        options={
            "file_format": options.file_format,
            "encoding": options.encoding,
            "delimiter": options.delimiter,
            "sheet": options.sheet,
            "header_row": options.header_row,
        },
        **(requester or Requester()).describe(),
    )
    job.file.save(shown[-100:], File(file), save=False)
    return _start(job, Call(task="plan", job=job.pk))


def start_export(
    target: type | str,
    file_type: FileType,
    requester: Requester | None = None,
    *,
    includes: Sequence[str] | None = None,
) -> ExportJob:
    """Start to write the rows that *requester* would see in the list of *target*, a viewset or its path.

    *includes* are the columns, all of them by default; the file is ``job.file`` when the job is completed.
    """
    job = ExportJob(
        target=name_target(target),
        file_type=file_type,
        includes=None if includes is None else [*includes],
        **(requester or Requester()).describe(),
    )
    return _start(job, Call(task="export", job=job.pk))


def confirm(job: ImportJob) -> None:
    """Import what a dry run has shown.

    Raises :class:`~drf_commons.errors.JobStateError` where nothing waits for that.
    """
    using, shown = _get_database(job), job.failed_file.name
    with transaction.atomic(using=using):
        _change(job, "confirm", (JobStatus.CONFIRMING,), **_UNPLANNED)
        if shown:
            # The import has its own rows that fail. What cannot be deleted now goes with the job.
            transaction.on_commit(partial(job.failed_file.storage.delete, shown), using=using, robust=True)
        ImportChunk._default_manager.filter(job=job.pk).delete()
        send(Call(task="plan", job=job.pk), using)


def cancel(job: TransferJob) -> None:
    """Stop *job*: chunks that have not begun do not begin, and one that runs stops after its batch.

    What was committed stays; what runs in one transaction is taken back. Raises
    :class:`~drf_commons.errors.JobStateError` for a job that has ended.
    """
    states = (*ACTIVE, JobStatus.CONFIRMING)
    _change(job, "cancel", states, status=JobStatus.CANCELLED, finished_at=timezone.now())


def resume(job: TransferJob) -> None:
    """Go on with a job that failed, stalled or was cancelled, from the last batch that was committed.

    Raises :class:`~drf_commons.errors.JobStateError` for any other.
    """
    mark_stalled(type(job)._default_manager.filter(pk=job.pk))
    states = (JobStatus.FAILED, JobStatus.STALLED, JobStatus.CANCELLED)
    using = _get_database(job)
    with transaction.atomic(using=using):
        chunks = ImportChunk._default_manager.filter(job=job.pk)
        if chunks.exists():
            _change(job, "resume", states, status=JobStatus.RUNNING, finished_at=None)
            if isinstance(job, ImportJob) and (job.report or {}).get("state") == "rolled_back":
                chunks.update(is_done=False)
            _find_free(chunks.filter(is_done=False)).update(attempts=0)
            send(Call(task="advance", job=job.pk), using)
        else:
            _change(job, "resume", states, status=JobStatus.QUEUED, finished_at=None)
            send(Call(task="plan" if isinstance(job, ImportJob) else "export", job=job.pk), using)


def _find_free(chunks: QuerySet[ImportChunk]) -> QuerySet[ImportChunk]:
    """Return those of *chunks* that no worker is at, where the database tells.

    Whoever is at one may be about to tell of it in the row of the job, and would wait for us while we wait for it: on
    two connections, so that the database never sees that neither can go on.
    """
    if not connections[chunks.db].features.has_select_for_update_skip_locked:
        return chunks
    free = chunks.order_by().select_for_update(skip_locked=True)
    return chunks.filter(pk__in=[*free.values_list("pk", flat=True)])


def get_report(job: ImportJob) -> dict[str, Any] | None:
    """Return the report of *job* as JSON has it: of what is committed so far, while there is more to come.

    ``None`` for a job that has not been planned yet.
    """
    job.refresh_from_db()
    if job.report is not None or not job.strategy:
        return job.report
    is_stopped = job.status == JobStatus.CANCELLED.value
    return build_report(job, "stopped" if is_stopped else "interrupted", job.message)


def delete_job(job: TransferJob) -> None:
    """Delete *job* with its files; raise :class:`~drf_commons.errors.JobStateError` while it may be worked at."""
    if job.is_active:
        action = "delete"
        raise JobStateError(action, job.status_label)
    # What is gone is not found by whoever looks at the files, and files without a job would be found by nobody.
    delete_files(job)
    job.delete()


def name_target(target: type | str) -> str:
    """Return the dotted path of *target*."""
    return target if isinstance(target, str) else f"{target.__module__}.{target.__qualname__}"


def _measure(file: IO[bytes], name: str) -> tuple[int, str]:
    """Return the size of *file* and its hash, and leave it at its start."""
    limit = get_settings().IMPORT_MAX_FILE_SIZE
    digest, size = hashlib.sha256(), 0
    file.seek(0)
    while block := file.read(_BLOCK):
        size += len(block)
        if size > limit:
            raise FileTooLargeError(name, f"the file is larger than the {limit:,} bytes that are allowed")
        digest.update(block)
    file.seek(0)
    return size, digest.hexdigest()


def _start(job: _Job, call: Call) -> _Job:
    job.save(force_insert=True)
    send(call, _get_database(job))
    return job


def _change(job: TransferJob, action: str, states: Sequence[str], **values: Any) -> None:
    """Change *job* if it is in one of *states*, in one statement, so that of two who try one succeeds."""
    rows: QuerySet[Any] = type(job)._default_manager.filter(pk=job.pk, status__in=states)
    changed = rows.update(message="", heartbeat_at=timezone.now(), **values)
    job.refresh_from_db()
    if not changed:
        raise JobStateError(action, job.status_label)


def _get_database(job: TransferJob) -> str:
    return router.db_for_write(type(job), instance=job)
