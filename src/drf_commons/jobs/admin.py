"""Jobs in the admin: what runs, how far it is, and what to do about it. Nothing is typed here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeAlias

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery, Sum
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from typing_extensions import override

from drf_commons.errors import DrfCommonsError, JobStateError
from drf_commons.jobs.decisions import DECISIONS, Decision, list_decisions
from drf_commons.jobs.downloads import find_download
from drf_commons.jobs.models import ExportJob, ImportChunk, ImportJob, JobStatus, TransferJob
from drf_commons.jobs.service import cancel, delete_job, get_progress, mark_stalled, resume
from drf_commons.jobs.targets import find_import_config
from drf_commons.services.importing.differences import Differences, build_differences
from drf_commons.streams import build_download_headers, start, stream
from drf_commons.types import StrOrPromise

if TYPE_CHECKING:
    JobAdmin: TypeAlias = admin.ModelAdmin[Any]
else:
    JobAdmin = admin.ModelAdmin

__all__ = ["ExportJobAdmin", "ImportJobAdmin"]


#: How many errors stand on the page of a job, before what it changes; all of them are in the file.
_SHOWN_ERRORS: Final = 100
#: The part of a job's page that says when what happened.
_TIMES: Final[tuple[StrOrPromise, dict[str, Any]]] = (
    gettext_lazy("Times"),
    {"fields": ("created_at", "started_at", "finished_at", "heartbeat_at"), "classes": ("collapse",)},
)


class TransferJobAdmin(JobAdmin):
    """A list with how far each job is; the page of one keeps itself up to date."""

    change_form_template: ClassVar[Any] = "admin/drf_commons_jobs/job.html"
    list_filter: ClassVar[Any] = ("status", "created_at")
    search_fields: ClassVar[Any] = ("file_name", "requester", "target")
    list_select_related: ClassVar[Any] = ("user",)
    actions: Any = ("cancel_jobs", "resume_jobs")

    @override
    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: jobs are started where their rows are."""
        return False

    @override
    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return every field: a job is told what to do by buttons."""
        return [field for fieldset in self.get_fieldsets(request, obj) for field in fieldset[1]["fields"]]

    @override
    def get_urls(self) -> list[URLPattern]:
        """Return Django's addresses, and those of the buttons, the progress and the file in front of them."""
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        view = self.admin_site.admin_view
        return [
            path("<uuid:pk>/progress/", view(self.progress_view), name=f"{name}_progress"),
            path("<uuid:pk>/decide/", view(self.decide_view), name=f"{name}_decide"),
            path("<uuid:pk>/file/", view(self.file_view), name=f"{name}_file"),
            *super().get_urls(),
        ]

    @override
    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the jobs, an import with the rows that its chunks have handled."""
        jobs: QuerySet[Any] = super().get_queryset(request)
        if self.model is not ImportJob:
            return jobs
        chunks = ImportChunk._default_manager.filter(job=OuterRef("pk")).order_by().values("job")
        counted: QuerySet[Any] = jobs.annotate(chunk_rows=Subquery(chunks.annotate(done=Sum("rows")).values("done")))
        return counted

    @override
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Show the list, those of which nothing was heard for too long as stalled."""
        mark_stalled(self.model._default_manager.all())
        return super().changelist_view(request, extra_context)

    def progress_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Tell how far the job is, as JSON."""
        job = self._get_job(request, pk)
        progress = get_progress(job).to_dict()
        told = {**progress, "label": job.status_label, "is_active": job.is_active}
        return JsonResponse(told, headers={"Cache-Control": "no-store"})

    def decide_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Do what the button says."""
        job = self._get_job(request, pk)
        if request.method != "POST" or not self.has_change_permission(request, job):
            raise PermissionDenied
        for name, decide in DECISIONS.items():
            if name in request.POST:
                self._decide(request, decide, job)
        return HttpResponseRedirect(self._reverse("change", pk))

    def file_view(self, request: HttpRequest, pk: Any) -> HttpResponseBase:
        """Return the file of the job, to be saved."""
        job = self._get_job(request, pk)
        download = find_download(job)
        if download is None:
            raise Http404
        try:
            pieces = stream(request, start(download.read()))
        except OSError as exc:
            self.message_user(request, _("The storage does not give the file: %s") % exc, messages.ERROR)
            return HttpResponseRedirect(self._reverse("change", pk))
        headers = build_download_headers(download.name)
        return StreamingHttpResponse(pieces, content_type="application/octet-stream", headers=headers)

    @override
    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Show the job with its progress, its buttons and its file."""
        job: TransferJob = kwargs["obj"]
        pk = job.pk
        can_delete = self.has_delete_permission(request, job)
        context |= {
            # Nothing of it is changed by hand.
            "title": capfirst(self.opts.verbose_name),
            "progress": get_progress(job),
            "job": job,
            "differences": _build_differences(job) if isinstance(job, ImportJob) else None,
            "is_past_preview": isinstance(job, ImportJob) and _is_past_preview(job),
            "progress_url": self._reverse("progress", pk),
            "decide_url": self._reverse("decide", pk),
            "file_url": self._reverse("file", pk) if find_download(job) else "",
            "decisions": _list_decisions(job) if self.has_change_permission(request, job) else [],
            "delete_url": "" if job.is_active or not can_delete else self._reverse("delete", pk),
            "show_save": False,
            "show_save_and_continue": False,
        }
        return super().render_change_form(request, context, *args, **kwargs)

    @override
    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete the job with its files."""
        self._decide(request, delete_job, obj)

    @override
    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Delete the jobs with their files; leave out those that may be worked at."""
        for job in queryset:
            self._decide(request, delete_job, job)

    @admin.action(description=gettext_lazy("Cancel"), permissions=["change"])
    def cancel_jobs(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Stop the jobs that go on."""
        for job in queryset:
            self._decide(request, cancel, job)

    @admin.action(description=gettext_lazy("Resume"), permissions=["change"])
    def resume_jobs(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Go on with the jobs that failed, stalled or were cancelled."""
        for job in queryset:
            self._decide(request, resume, job)

    @admin.display(description=gettext_lazy("progress"))
    def show_progress(self, obj: Any) -> str:
        """Return how far a job of the list is."""
        rows = max(obj.rows, getattr(obj, "chunk_rows", None) or 0)
        return f"{100 * rows // obj.total} %" if obj.total else "-"

    @admin.display(description=gettext_lazy("of"), ordering="requester")
    def show_user(self, obj: Any) -> str:
        """Return whose job it is."""
        return obj.requester or "-"

    def _get_job(self, request: HttpRequest, pk: Any) -> Any:
        job = self.get_queryset(request).filter(pk=pk).first()
        if job is None:
            raise Http404
        if not self.has_view_permission(request, job):
            raise PermissionDenied
        return job

    def _decide(self, request: HttpRequest, decide: Any, job: TransferJob) -> None:
        try:
            decide(job)
        except JobStateError as exc:
            self.message_user(request, f"{job}: {exc}", messages.WARNING)

    def _reverse(self, name: str, pk: Any) -> str:
        label = f"{self.opts.app_label}_{self.opts.model_name}"
        return reverse(f"{self.admin_site.name}:{label}_{name}", args=[pk])


@admin.register(ImportJob)
class ImportJobAdmin(TransferJobAdmin):
    """Imports."""

    list_display: Any = (
        "file_name",
        "show_user",
        "status",
        "show_progress",
        "mode",
        "created_at",
        "finished_at",
    )
    fieldsets: ClassVar[Any] = (
        (None, {"fields": ("file_name", "file_size", "target", "mode", "dry_run", "requester")}),
        _TIMES,
        (
            gettext_lazy("How it runs"),
            {"fields": ("strategy", "strategy_reason", "file_sha256"), "classes": ("collapse",)},
        ),
    )


@admin.register(ExportJob)
class ExportJobAdmin(TransferJobAdmin):
    """Exports."""

    list_display: Any = (
        "__str__",
        "show_user",
        "status",
        "show_progress",
        "created_at",
        "finished_at",
    )
    fieldsets: ClassVar[Any] = (
        (None, {"fields": ("file_name", "file_size", "file_type", "target", "query", "requester")}),
        _TIMES,
    )


def _build_differences(job: ImportJob) -> Differences | None:
    """Return what *job* has done, or would do once it is confirmed; ``None`` as long as nobody knows."""
    report = job.preview if job.report is None else job.report
    if report is None:
        return None
    try:
        model = find_import_config(job).steps[-1].model_class
    except DrfCommonsError:  # what was imported is gone since, and with it the names that people know
        model = None
    return build_differences(model, report, shown_errors=_SHOWN_ERRORS)


def _is_past_preview(job: ImportJob) -> bool:
    """Tell whether all that is known of the rows is what the preview said, and that is decided about already."""
    return job.report is None and job.status != JobStatus.CONFIRMING.value


def _list_decisions(job: TransferJob) -> list[tuple[str, str]]:
    """Return the buttons that do something now."""
    labels: dict[Decision, str] = {"confirm": _("Confirm the import"), "cancel": _("Cancel"), "resume": _("Resume")}
    return [(name, labels[name]) for name in list_decisions(job)]
