"""What is known of imports and exports that run as jobs.

The numbers of an import stand in its chunks, which are written in the transactions of their data: no two workers write
the same row, and what a chunk says is true at every moment. :func:`~drf_commons.jobs.progress.get_progress` sums them
up, and the report of a job that has ended holds the sums.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, ClassVar, Final, TypeAlias

from django.conf import settings
from django.core.files.storage import Storage, storages
from django.db import models
from django.db.models.expressions import Combinable
from django.utils import timezone
from typing_extensions import override

from drf_commons.conf import get_settings

__all__ = [
    "ACTIVE",
    "ExportJob",
    "FailedRows",
    "ImportChunk",
    "ImportJob",
    "JobStatus",
    "Strategy",
    "TransferJob",
    "build_path",
    "get_storage",
]

# pyright reads them from here; mypy would find them out.
_Text: TypeAlias = "models.CharField[str | Combinable, str]"
_LongText: TypeAlias = "models.TextField[str | Combinable, str]"
_Flag: TypeAlias = "models.BooleanField[bool | Combinable, bool]"
_Count: TypeAlias = "models.PositiveIntegerField[int | Combinable, int]"
_Big: TypeAlias = "models.PositiveBigIntegerField[int | Combinable, int]"
_Total: TypeAlias = "models.PositiveBigIntegerField[int | Combinable | None, int | None]"
_Time: TypeAlias = "models.DateTimeField[datetime | Combinable, datetime]"
_MaybeTime: TypeAlias = "models.DateTimeField[datetime | Combinable | None, datetime | None]"
_Object: TypeAlias = "models.JSONField[dict[str, Any], dict[str, Any]]"
_MaybeObject: TypeAlias = "models.JSONField[dict[str, Any] | None, dict[str, Any] | None]"
_List: TypeAlias = "models.JSONField[list[Any], list[Any]]"


class JobStatus(models.TextChoices):
    """Where a job is."""

    QUEUED = "queued", "queued"
    RUNNING = "running", "running"
    #: A dry run has shown what would happen; the import waits for somebody to confirm it.
    CONFIRMING = "confirming", "awaiting confirmation"
    #: No worker has been heard of for ``COMMON["TRANSFER_STALLED_AFTER"]`` seconds; one that is only slow goes on.
    STALLED = "stalled", "stalled"
    COMPLETED = "completed", "completed"
    FAILED = "failed", "failed"
    CANCELLED = "cancelled", "cancelled"


#: Work on these goes on, or may go on.
ACTIVE: Final = (JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.STALLED)


class Strategy(models.TextChoices):
    """How the rows of a file are divided among workers."""

    #: The chunks know nothing of each other: any worker takes any of them.
    SPREAD = "spread", "on many workers"
    #: A later row may need an earlier one: one worker after the other, committed batch by batch.
    IN_ORDER = "in_order", "one row after the other"
    #: All or nothing: one transaction.
    WHOLE = "whole", "in one transaction"


#: How much of the name of a file is kept.
_NAME_BYTES: Final = 100
_SUFFIX_SIGNS: Final = 10


def get_storage() -> Storage:
    """Return where the files are kept: ``COMMON["TRANSFER_STORAGE"]``."""
    return storages[get_settings().TRANSFER_STORAGE]


def build_path(job: TransferJob, name: str) -> str:
    """Return where a file of *job* is kept: its key, which nobody guesses, is a directory of the path.

    A name that a client has chosen, and what is added to it, may be longer than a folder takes.
    """
    shown = PurePosixPath(name)
    stem = shown.stem.encode()[:_NAME_BYTES].decode(errors="ignore")
    return f"{get_settings().TRANSFER_DIRECTORY}/{job.pk.hex}/{stem}{shown.suffix[:_SUFFIX_SIGNS]}"


class TransferJob(models.Model):
    """What imports and exports have in common."""

    id: models.UUIDField[uuid.UUID | str, uuid.UUID] = models.UUIDField(
        primary_key=True, default=uuid.uuid4, editable=False
    )
    status: _Text = models.CharField(max_length=10, choices=JobStatus, default=JobStatus.QUEUED)
    #: Why it failed or stalled, and what to do; for a person to read.
    message: _LongText = models.TextField(blank=True)
    #: Whose job it is; workers act as this user.
    user: models.ForeignKey[Any, Any] = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    #: The user's name, which stays when the user is deleted; such a job fails. Empty for nobody who was signed in.
    requester: _Text = models.CharField(max_length=254, blank=True)
    #: Whether neither permissions nor the scope of the user are asked: a command of the project's own.
    unrestricted: _Flag = models.BooleanField(default=False)
    #: The dotted path of a viewset, or for an import of its configuration.
    target: _Text = models.CharField(max_length=300)
    #: What stood behind the ``?`` of the URL: the filters of the list.
    query: _LongText = models.TextField(blank=True)
    #: What the URL gave to the view, and the version of the API that was asked, where there is one.
    kwargs: _Object = models.JSONField(default=dict, blank=True)
    #: How many rows there are; ``None`` until that is known.
    total: _Total = models.PositiveBigIntegerField(null=True, blank=True)
    #: How many rows are handled by what runs in one transaction, or is an export; chunks count for themselves.
    rows: _Big = models.PositiveBigIntegerField(default=0)
    created_at: _Time = models.DateTimeField(default=timezone.now, editable=False)
    started_at: _MaybeTime = models.DateTimeField(null=True, blank=True)
    finished_at: _MaybeTime = models.DateTimeField(null=True, blank=True)
    #: When a worker was last heard of; of the chunks of an import, each has its own.
    heartbeat_at: _Time = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        abstract = True
        ordering: ClassVar[tuple[str, ...]] = ("-created_at",)

    @property
    def status_label(self) -> str:
        """The status, for a person to read."""
        return str(JobStatus(self.status).label)

    @property
    def is_active(self) -> bool:
        """Whether work on it goes on, or may go on."""
        return self.status in ACTIVE


class ImportJob(TransferJob):
    """A file on its way into the database."""

    file: models.FileField = models.FileField(upload_to=build_path, storage=get_storage, max_length=400)
    #: What the file was called by whoever sent it.
    file_name: _Text = models.CharField(max_length=255)
    file_size: _Big = models.PositiveBigIntegerField()
    file_sha256: _Text = models.CharField(max_length=64)
    mode: _Text = models.CharField(
        max_length=7, choices=[("append", "append"), ("replace", "replace")], default="append"
    )
    #: Whether nothing is written, or not before it is confirmed.
    dry_run: _Flag = models.BooleanField(default=False)
    #: Whether the dry run is followed by the import, once somebody confirms it.
    needs_confirmation: _Flag = models.BooleanField(default=False)
    #: How the file is read: what :class:`~drf_commons.services.importing.ReadOptions` takes.
    options: _Object = models.JSONField(default=dict, blank=True)
    strategy: _Text = models.CharField(max_length=8, choices=Strategy, blank=True)
    #: Why the rows are not spread over workers, for whoever wonders; empty where they are.
    strategy_reason: _LongText = models.TextField(blank=True)
    #: What planning has found out: the header, how the file is read, and what it has to fit.
    facts: _Object = models.JSONField(default=dict, blank=True)
    #: Chunks of a level start when those of the levels below are done.
    level: _Count = models.PositiveIntegerField(default=0)
    #: What :meth:`~drf_commons.services.importing.ImportResult.to_dict` says, once the job has ended.
    report: _MaybeObject = models.JSONField(null=True, blank=True)
    #: The report of the dry run that awaits confirmation, or was confirmed.
    preview: _MaybeObject = models.JSONField(null=True, blank=True)
    #: The rows that failed, with the reasons, to be mended and sent again; empty where none did.
    failed_file: models.FileField = models.FileField(
        upload_to=build_path, storage=get_storage, max_length=400, blank=True
    )

    class Meta(TransferJob.Meta):
        verbose_name = "import"
        indexes: ClassVar[tuple[models.Index, ...]] = (
            models.Index(fields=("user", "-created_at"), name="drf_commons_import_user"),
            models.Index(fields=("status", "heartbeat_at"), name="drf_commons_import_status"),
        )

    @override
    def __str__(self) -> str:
        return self.file_name


class ImportChunk(models.Model):
    """Some rows of a file, for one worker at a time, which moves the cursor with each batch that it commits."""

    job: models.ForeignKey[ImportJob, ImportJob] = models.ForeignKey(
        ImportJob, on_delete=models.CASCADE, related_name="chunks"
    )
    level: _Count = models.PositiveIntegerField(default=0)
    number: _Count = models.PositiveIntegerField()
    #: The range: from the first row to the last, as a person counts them, and for CSV from the first byte to the last.
    first_number: _Big = models.PositiveBigIntegerField()
    last_number: _Big = models.PositiveBigIntegerField()
    first_offset: _Big = models.PositiveBigIntegerField(default=0)
    end_offset: _Big = models.PositiveBigIntegerField(default=0)
    #: Of the bytes in the range; empty for sheets.
    sha256: _Text = models.CharField(max_length=64, blank=True)
    #: Where the next batch begins.
    next_number: _Big = models.PositiveBigIntegerField()
    next_offset: _Big = models.PositiveBigIntegerField(default=0)
    is_done: _Flag = models.BooleanField(default=False)
    #: Rows that share what must be unique with an earlier one: ``BatchTwins`` of all batches. Empty where none do.
    twins: _Object = models.JSONField(default=dict, blank=True)
    #: Of the twins of a row that failed, the one that was imported in its place; ``None`` where there is none.
    winners: _MaybeObject = models.JSONField(null=True, blank=True)
    attempts: _Count = models.PositiveIntegerField(default=0)
    touched_at: _MaybeTime = models.DateTimeField(null=True, blank=True)
    total: _Count = models.PositiveIntegerField(default=0)
    rows: _Count = models.PositiveIntegerField(default=0)
    created: _Count = models.PositiveIntegerField(default=0)
    updated: _Count = models.PositiveIntegerField(default=0)
    unchanged: _Count = models.PositiveIntegerField(default=0)
    failed: _Count = models.PositiveIntegerField(default=0)
    batches: _Count = models.PositiveIntegerField(default=0)
    #: The counts of each step, what the time was spent on, and of what runs in one transaction the report.
    details: _Object = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering: ClassVar[tuple[str, ...]] = ("job_id", "level", "number")
        constraints: ClassVar[tuple[models.BaseConstraint, ...]] = (
            models.UniqueConstraint(fields=("job", "level", "number"), name="drf_commons_chunk_number"),
        )
        indexes: ClassVar[tuple[models.Index, ...]] = (
            models.Index(fields=("job", "level", "is_done"), name="drf_commons_chunk_open"),
        )

    @override
    def __str__(self) -> str:
        return f"rows {self.first_number} to {self.last_number}"


class FailedRows(models.Model):
    """The rows of one batch that failed, as they stand in the file, and why."""

    chunk: models.ForeignKey[ImportChunk, ImportChunk] = models.ForeignKey(
        ImportChunk, on_delete=models.CASCADE, related_name="failures"
    )
    #: The number of the first of them.
    first_number: _Big = models.PositiveBigIntegerField()
    numbers: _List = models.JSONField(default=list)
    rows: _List = models.JSONField(default=list)

    class Meta:
        ordering: ClassVar[tuple[str, ...]] = ("chunk_id", "first_number")

    @override
    def __str__(self) -> str:
        return f"{len(self.numbers)} rows from {self.first_number} on"


class ExportJob(TransferJob):
    """Rows on their way into a file."""

    file_type: _Text = models.CharField(max_length=4, choices=[("csv", "CSV"), ("xlsx", "XLSX"), ("pdf", "PDF")])
    #: The columns; all of them where it is ``None``.
    includes: models.JSONField[list[str] | None, list[str] | None] = models.JSONField(null=True, blank=True)
    #: What was written; empty until it is whole.
    file: models.FileField = models.FileField(upload_to=build_path, storage=get_storage, max_length=400, blank=True)
    file_name: _Text = models.CharField(max_length=255, blank=True)
    file_size: _Big = models.PositiveBigIntegerField(default=0)

    class Meta(TransferJob.Meta):
        verbose_name = "export"
        indexes: ClassVar[tuple[models.Index, ...]] = (
            models.Index(fields=("user", "-created_at"), name="drf_commons_export_user"),
            models.Index(fields=("status", "heartbeat_at"), name="drf_commons_export_status"),
        )

    @override
    def __str__(self) -> str:
        return self.file_name or f"{self.target} ({self.file_type})"
