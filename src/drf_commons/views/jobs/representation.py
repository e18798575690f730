"""A job as a client sees it."""

from __future__ import annotations

from typing import Any, cast

from rest_framework import serializers
from rest_framework.request import Request
from typing_extensions import override

from drf_commons.jobs.decisions import list_decisions
from drf_commons.jobs.models import ExportJob, ImportJob, JobStatus, TransferJob
from drf_commons.jobs.progress import get_progress
from drf_commons.views.jobs.reports import ReportField
from drf_commons.views.mixins.handover import EXPORT_JOBS, IMPORT_JOBS, find_job_url

__all__ = ["ExportJobSerializer", "ImportJobSerializer", "JobSerializer", "ProgressSerializer"]


class ProgressSerializer(serializers.Serializer[Any]):
    """How far a job has come."""

    rows: serializers.IntegerField = serializers.IntegerField(help_text="Rows handled so far.")
    total: serializers.IntegerField = serializers.IntegerField(
        allow_null=True, help_text="How many there are, once that is known."
    )
    created: serializers.IntegerField = serializers.IntegerField()
    updated: serializers.IntegerField = serializers.IntegerField()
    unchanged: serializers.IntegerField = serializers.IntegerField()
    failed: serializers.IntegerField = serializers.IntegerField()
    percent: serializers.FloatField = serializers.FloatField(allow_null=True)
    rows_per_second: serializers.FloatField = serializers.FloatField(allow_null=True)
    seconds_left: serializers.FloatField = serializers.FloatField(allow_null=True)


class JobSerializer(serializers.Serializer[Any]):
    """What imports and exports have in common."""

    id: serializers.UUIDField = serializers.UUIDField(read_only=True)
    status: serializers.ChoiceField = serializers.ChoiceField(choices=JobStatus.choices, read_only=True)
    message: serializers.CharField = serializers.CharField(
        read_only=True, help_text="Why it failed or stalled, and what to do."
    )
    requester: serializers.CharField = serializers.CharField(read_only=True, help_text="Whose job it is.")
    target: serializers.SerializerMethodField = serializers.SerializerMethodField(
        help_text="The view that imports or exports."
    )
    created_at: serializers.DateTimeField = serializers.DateTimeField(read_only=True)
    started_at: serializers.DateTimeField = serializers.DateTimeField(read_only=True, allow_null=True)
    finished_at: serializers.DateTimeField = serializers.DateTimeField(read_only=True, allow_null=True)
    file_name: serializers.CharField = serializers.CharField(read_only=True)
    file_size: serializers.IntegerField = serializers.IntegerField(read_only=True, help_text="Bytes.")
    progress: ProgressSerializer = ProgressSerializer(read_only=True, allow_null=True)
    links: serializers.SerializerMethodField = serializers.SerializerMethodField(
        help_text="What can be done with the job now, by its address."
    )

    @override
    def to_representation(self, instance: TransferJob) -> Any:
        """Return the job as it is now; the numbers of one in a list are not summed up for it."""
        is_listed = isinstance(cast("Any", self).parent, serializers.ListSerializer)  # the stubs leave its row open
        progress = None if is_listed else get_progress(instance)
        cast("Any", instance).progress = progress  # DRF reads attributes of the row
        return super().to_representation(instance)

    def get_target(self, job: TransferJob) -> str:
        """Return the name of the view, without the path of its module."""
        return job.target.rpartition(".")[2]

    def get_links(self, job: TransferJob) -> dict[str, str]:
        """Return the addresses that lead somewhere now."""
        routes = IMPORT_JOBS if isinstance(job, ImportJob) else EXPORT_JOBS
        request: Request | None = self.context.get("request")
        url = find_job_url(request, routes, job.pk)
        if url is None:
            return {}
        end = "/" if url.endswith("/") else ""
        return {"self": url} | {name: f"{url.rstrip('/')}/{path}{end}" for name, path in _list_actions(job)}


class ImportJobSerializer(JobSerializer):
    """An import."""

    mode: serializers.ChoiceField = serializers.ChoiceField(choices=["append", "replace"], read_only=True)
    dry_run: serializers.BooleanField = serializers.BooleanField(read_only=True)
    needs_confirmation: serializers.BooleanField = serializers.BooleanField(read_only=True)
    strategy: serializers.CharField = serializers.CharField(
        read_only=True, help_text="Whether the rows are spread over workers."
    )
    strategy_reason: serializers.CharField = serializers.CharField(read_only=True, help_text="Why they are not.")
    preview: ReportField = ReportField(read_only=True, allow_null=True, help_text="What a dry run has shown.")
    report: ReportField = ReportField(
        read_only=True, allow_null=True, help_text="What became of it, once it has ended."
    )


class ExportJobSerializer(JobSerializer):
    """An export."""

    file_type: serializers.ChoiceField = serializers.ChoiceField(choices=["csv", "xlsx", "pdf"], read_only=True)
    includes: serializers.ListField = serializers.ListField(
        child=serializers.CharField(), read_only=True, allow_null=True
    )


def _list_actions(job: TransferJob) -> list[tuple[str, str]]:
    """Return what can be done with *job* in its state: names, and ends of addresses."""
    actions: list[tuple[str, str]] = [("events", "events"), *((name, name) for name in list_decisions(job))]
    if isinstance(job, ImportJob) and job.failed_file:
        actions.append(("failed_rows", "failed-rows"))
    if isinstance(job, ExportJob) and job.file:
        actions.append(("file", "file"))
    return actions
