"""An import in a worker."""

from __future__ import annotations

from typing import cast

from django.utils import timezone

from drf_commons.jobs.models import ACTIVE, ImportJob, JobStatus
from drf_commons.jobs.targets import find_import_target
from drf_commons.services.importing import ImportMode, ReadOptions, open_table
from drf_commons.services.importing.service import FileImportService

__all__ = ["run_import"]


def run_import(job: ImportJob) -> None:
    """Import the file of *job*."""
    jobs = ImportJob._default_manager.filter(pk=job.pk, status__in=ACTIVE)
    target = find_import_target(job)
    jobs.update(status=JobStatus.RUNNING, started_at=timezone.now(), heartbeat_at=timezone.now())
    service = FileImportService(target.config, scope=target.scope)
    with job.file.open("rb") as file, open_table(file, name=job.file_name, options=ReadOptions(**job.options)) as table:
        result = service.import_table(table, mode=cast("ImportMode", job.mode), dry_run=job.dry_run)
    waits = job.dry_run and job.needs_confirmation
    jobs.update(
        status=JobStatus.CONFIRMING if waits else JobStatus.COMPLETED,
        total=result.total,
        rows=result.total,
        finished_at=timezone.now(),
        **{"preview" if waits else "report": result.to_dict()},
    )
