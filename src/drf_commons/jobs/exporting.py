"""An export in a worker: the rows that the user's list would have, written into a file of the storage."""

from __future__ import annotations

import tempfile
from typing import cast

from django.core.files import File
from django.utils import timezone
from django.utils.text import slugify

from drf_commons.jobs.files import storing
from drf_commons.jobs.models import ACTIVE, ExportJob, JobStatus
from drf_commons.jobs.targets import open_export
from drf_commons.services.exporting import FileType

__all__ = ["run_export"]


class _StoppedError(Exception):
    """Somebody cancelled the job."""


def run_export(job: ExportJob) -> None:
    """Write the file of *job*, which is there when it is whole; delivered twice, one of two files is kept."""
    jobs = ExportJob._default_manager.filter(pk=job.pk, status__in=ACTIVE)
    service = open_export(job)
    file_type = cast("FileType", job.file_type)
    service.check_size(file_type)
    now = timezone.now()
    jobs.update(
        status=JobStatus.RUNNING, started_at=job.started_at or now, heartbeat_at=now, total=service.count_rows()
    )

    def tell(rows: int) -> None:
        if not jobs.update(rows=rows, heartbeat_at=timezone.now()):
            raise _StoppedError

    service.on_progress = tell
    name = f"{slugify(service.title, allow_unicode=True) or 'export'}-{now.date()}.{file_type}"
    with tempfile.TemporaryFile() as file:
        try:
            result = service.write(file_type, file)
        except _StoppedError:
            return
        file.seek(0)
        with storing():
            job.file.save(name, File(file), save=False)
    kept = jobs.update(
        status=JobStatus.COMPLETED,
        message="",
        file=job.file.name,
        file_name=name,
        file_size=result.size,
        rows=result.rows,
        total=result.rows,
        finished_at=timezone.now(),
    )
    if not kept:
        job.file.delete(save=False)
