"""The jobs of whoever asks."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias, TypeVar, cast

from django.core.handlers.asgi import ASGIRequest
from django.db.models import Manager, QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.exceptions import NotAcceptable, NotFound
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from typing_extensions import override

from drf_commons.errors import ConfigurationError
from drf_commons.jobs.downloads import find_download
from drf_commons.jobs.models import ExportJob, ImportJob, TransferJob
from drf_commons.jobs.service import cancel, confirm, delete_job, mark_stalled, resume
from drf_commons.jobs.targets import find_import_target, open_export
from drf_commons.response import EnvelopeError, success_response
from drf_commons.streams import build_download_headers, start, stream
from drf_commons.views.jobs.events import CONTENT_TYPE, END, stream_progress
from drf_commons.views.jobs.representation import ExportJobSerializer, ImportJobSerializer
from drf_commons.views.jobs.starting import storing
from drf_commons.views.mixins.crud import DestroyModelMixin, ListModelMixin, RetrieveModelMixin

__all__ = ["ExportJobViewSet", "ImportJobViewSet"]

_Renderers: TypeAlias = "list[BaseRenderer]"  # a viewset has a list() of its own
J = TypeVar("J", bound=TransferJob)

#: Answers that are what they are, whatever is accepted; their errors are JSON.
_RAW: Final = frozenset({"events", "failed_rows", "file"})
#: What a user who is not the owner needs the model's permission for; what is not named, to view.
_NEEDED: Final[Mapping[str, str]] = {"cancel": "change", "confirm": "change", "resume": "change", "destroy": "delete"}
_NOT_DELETED: Final = "The storage for the files of jobs failed; the job was not deleted. Try again later."
_NOT_READ: Final = "The storage for the files of jobs failed; the file could not be read. Try again later."
_NO_EVENTS: Final = "Events need a server that is async (ASGI); ask for the job itself, once a second at most."


class JobConflictError(EnvelopeError):
    """What the job was started for cannot be done any more."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"


class TransferJobViewSet(ListModelMixin[J], RetrieveModelMixin[J], DestroyModelMixin[J]):
    """A job belongs to its user; others do not learn that it is there.

    Whoever has the permission to view, change or delete jobs, as in the admin, may do so with anybody's. What a job has
    written, and whether it goes on, is asked of the permissions of its viewset again.
    """

    permission_classes: Sequence[Any] = (IsAuthenticated,)
    filter_backends: Sequence[Any] = ()

    @override
    def get_queryset(self) -> QuerySet[J]:
        """Return the jobs of the user, or everybody's where a permission says so."""
        jobs = super().get_queryset().select_related("user")
        user: Any = self.request.user  # whoever the project's authentication finds
        options = jobs.model._meta
        needed = f"{options.app_label}.{_NEEDED.get(str(self.action), 'view')}_{options.model_name}"
        has_perm = getattr(user, "has_perm", None)  # a project's own model of users may know no permissions
        return jobs if has_perm is not None and has_perm(needed) else jobs.filter(user=user.pk)

    @override
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return the jobs, the latest first."""
        mark_stalled(self.get_queryset())
        return super().list(request, *args, **kwargs)

    @override
    def perform_destroy(self, instance: J) -> None:
        """Delete the job with its files."""
        with storing(_NOT_DELETED):
            delete_job(instance)

    @override
    def get_renderers(self) -> _Renderers:
        """Return what the errors of files and events are rendered by, and else the view's own."""
        return [JSONRenderer()] if self.action in _RAW else super().get_renderers()

    @override
    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        """Leave files and events as they are."""
        if self.action in _RAW:
            return JSONRenderer(), JSONRenderer.media_type
        return super().perform_content_negotiation(request, force)

    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Stop the job; what was committed stays."""
        job = self.get_object()
        cancel(job)
        return self.build_job_response(job)

    @action(detail=True, methods=["post"])
    def resume(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Go on with a job that failed, stalled or was cancelled."""
        job = self.get_object()
        self.check_target(job)
        resume(job)
        return self.build_job_response(job)

    @action(detail=True, methods=["get"])
    def events(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Tell how far the job has come, as it happens: server-sent events."""
        job = self.get_object()
        if not isinstance(request._request, ASGIRequest):  # noqa: SLF001  # DRF documents it as Django's request
            raise NotAcceptable(_NO_EVENTS)
        if request.headers.get("Last-Event-ID") == END and not job.is_active:
            return HttpResponse(status=status.HTTP_204_NO_CONTENT)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingHttpResponse(stream_progress(job), content_type=CONTENT_TYPE, headers=headers)

    def check_target(self, job: J) -> None:
        """Refuse what the user of *job* may not do any more."""
        try:
            if isinstance(job, ImportJob):
                find_import_target(job)
            else:
                open_export(cast("ExportJob", job))
        except ConfigurationError as exc:
            raise JobConflictError(str(exc)) from exc

    def build_job_response(self, job: J) -> Response:
        """Return *job* as it is now."""
        job.refresh_from_db()
        return success_response(self.get_serializer(job).data, self.get_success_message())

    def build_file_response(self, request: Request, job: J, missing: str) -> HttpResponseBase:
        """Return the file of *job*, to be saved; *missing* says why there is none."""
        download = find_download(job)
        if download is None:
            raise NotFound(missing)
        with storing(_NOT_READ):
            try:
                pieces = start(download.read())
            except FileNotFoundError as exc:
                message = "The file is not in the storage any more."
                raise NotFound(message) from exc
        return StreamingHttpResponse(
            stream(request._request, pieces),  # noqa: SLF001  # DRF documents it as Django's request
            content_type=mimetypes.guess_type(download.name)[0] or "application/octet-stream",
            headers=build_download_headers(download.name),
        )


class ImportJobViewSet(TransferJobViewSet[ImportJob]):
    """Imports that run as jobs."""

    queryset: QuerySet[ImportJob] | Manager[ImportJob] | None = ImportJob._default_manager.all()
    serializer_class: type[BaseSerializer[ImportJob]] | None = ImportJobSerializer

    @action(detail=True, methods=["post"])
    def confirm(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Import what the preview has shown."""
        job = self.get_object()
        self.check_target(job)
        confirm(job)
        return self.build_job_response(job)

    @action(detail=True, methods=["get"], url_path="failed-rows")
    def failed_rows(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Return the rows that failed, with the reasons, to be mended and sent again."""
        job = self.get_object()
        missing = "No row has failed." if job.finished_at else "The import has not ended yet."
        return self.build_file_response(request, job, missing)


class ExportJobViewSet(TransferJobViewSet[ExportJob]):
    """Exports that run as jobs."""

    queryset: QuerySet[ExportJob] | Manager[ExportJob] | None = ExportJob._default_manager.all()
    serializer_class: type[BaseSerializer[ExportJob]] | None = ExportJobSerializer

    @action(detail=True, methods=["get"])
    def file(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Return the file, to whoever may still export."""
        job = self.get_object()
        self.check_target(job)
        return self.build_file_response(request, job, "The file has not been written.")
