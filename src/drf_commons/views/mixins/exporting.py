"""``POST /articles/export/``: the rows of the list as a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final, cast

from django.db import connections
from django.db.models import Model
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.text import slugify
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import APIException, NotFound, ValidationError
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request, clone_request
from typing_extensions import TypeVar, override

from drf_commons.conf import get_settings
from drf_commons.errors import ExportTooLargeError, UnwritableCellError
from drf_commons.services import CsvOptions, ExportFieldConfig, ExportService
from drf_commons.services.exporting import CONTENT_TYPES, FileType
from drf_commons.streams import build_download_headers, start, stream
from drf_commons.types import StrOrPromise
from drf_commons.views.mixins.envelope import EnvelopeMixin
from drf_commons.views.mixins.handover import offers_jobs, prefers_async

__all__ = ["FileExportMixin"]

M = TypeVar("M", bound=Model, default=Any)

_KEYS: Final = frozenset({"file_type", "includes", "data"})


class FileExportMixin(EnvelopeMixin[M]):
    """``POST /articles/export/`` with ``{"file_type": "csv", "includes": ["title"]}`` answers with a file.

    It holds the rows that the list would, filtered by the same query parameters, for whoever may read the list: the
    permissions are asked as for a ``GET``. ``includes`` may be left out, and so may ``file_type`` where ``Accept``
    names the media type of one.

    With ``Prefer: respond-async`` the file is written by a job, where ``drf_commons.jobs`` is installed: 202.
    """

    #: The columns that may leave, by name, in their order: a label, or options. Nothing else does; without it, 404.
    export_field_config: ClassVar[ExportFieldConfig] = {}
    #: What stands above the rows of a PDF, and what the sheet is called; by default the model's plural name.
    export_title: ClassVar[StrOrPromise] = ""
    #: How CSV is written.
    export_csv: ClassVar[CsvOptions] = CsvOptions()
    #: The template of a PDF.
    export_template_name: ClassVar[str] = "drf_commons/export.html"
    #: Whether a client may send ``data``, rows of its own, to be made a file of; the columns stay the same.
    export_allow_client_data: ClassVar[bool] = False

    _accepted_format: str | None = None

    @action(detail=False, methods=["post"])
    def export(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Return the rows as a file."""
        if not self.export_field_config:
            message = "Nothing may be exported here: export_field_config names no fields."
            raise NotFound(message)
        body = self._read_body(request)
        file_type = self._find_file_type(body)
        includes, data = self._find_includes(body), self._find_data(body)
        service = self.get_export_service(includes, data)
        if data is None and prefers_async(request) and offers_jobs(request):
            from drf_commons.views.jobs.starting import accept_export  # noqa: PLC0415  # the app has models

            _check_size(service, file_type)
            return accept_export(self, request, file_type, includes)
        return self.build_export_response(request, service, file_type)

    def get_export_service(
        self, includes: Sequence[str] | None, data: Sequence[Mapping[str, object]] | None
    ) -> ExportService:
        """Return what writes the file: the rows of the list, or *data* where a client may send it."""
        try:
            return ExportService(
                self.filter_queryset(self.get_queryset()) if data is None else data,
                self.export_field_config,
                includes=includes,
                title=self.export_title,
                csv=self.export_csv,
                template=self.export_template_name,
                owner=f"{type(self).__name__}.export_field_config",
            )
        except LookupError as exc:
            raise ValidationError({"includes": _describe_unknown(exc.args, self.export_field_config)}) from exc

    def build_export_response(
        self, request: Request, service: ExportService, file_type: FileType
    ) -> StreamingHttpResponse:
        """Return the file as a stream; what can be known to be wrong is an error before its first byte."""
        _check_size(service, file_type)
        try:
            pieces = self._start(service, file_type)
        except UnwritableCellError as exc:
            raise ValidationError({"file_type": [str(exc)]}) from exc
        return StreamingHttpResponse(
            stream(request._request, pieces),  # noqa: SLF001  # DRF documents it as Django's request
            content_type=CONTENT_TYPES[file_type],
            headers=build_download_headers(self.get_export_file_name(service, file_type)),
        )

    def get_export_file_name(self, service: ExportService, file_type: FileType) -> str:
        """Return the name of the file: the title and the day."""
        return f"{slugify(service.title, allow_unicode=True) or 'export'}-{timezone.now().date()}.{file_type}"

    @override
    def check_permissions(self, request: Request) -> None:
        """Ask for the permission to read: a file holds no more than the list does."""
        if getattr(self, "action", None) == "export":
            request = clone_request(request, "GET")
        super().check_permissions(request)

    @override
    def get_renderers(self) -> list[BaseRenderer]:
        """Return the view's renderers, and for the export the media types of its files; errors are JSON there."""
        renderers = super().get_renderers()
        if getattr(self, "action", None) != "export":
            return renderers
        return [*renderers, *(renderer() for renderer in _FILES)]

    @override
    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        """Note the type of file that ``Accept`` asks for; what is rendered then are errors, as JSON."""
        renderer, media_type = super().perform_content_negotiation(request, force)
        if not isinstance(renderer, _FileRenderer):
            return renderer, media_type
        self._accepted_format = renderer.format
        return JSONRenderer(), JSONRenderer.media_type

    @override
    def get_form_serializer(self, **kwargs: Any) -> serializers.BaseSerializer[Any] | None:
        """Return the form of an export: its type, and its columns."""
        if self.action != "export":
            return super().get_form_serializer(**kwargs)
        return _ExportForm(self.export_field_config, **kwargs)

    def _read_body(self, request: Request) -> Mapping[str, object]:
        body: object = request.data
        if not isinstance(body, Mapping):
            raise ValidationError([f"Expected an object with {', '.join(sorted(_KEYS))}."])
        fields = cast("Mapping[str, object]", body)  # names of fields are texts
        # A form names a field as often as it has values.
        lists = cast("Any", fields)
        if hasattr(body, "getlist"):
            fields = {key: lists.getlist(key) if key == "includes" else fields[key] for key in fields}
        return fields

    def _find_file_type(self, body: Mapping[str, object]) -> FileType:
        file_type = body.get("file_type", self._accepted_format)
        for known in CONTENT_TYPES:
            if known == file_type:
                return known
        choices = ", ".join(CONTENT_TYPES)
        problem = "This field is required" if file_type is None else f'"{file_type}" is not a type of file'
        raise ValidationError({"file_type": [f"{problem}; choose one of {choices}."]})

    def _find_includes(self, body: Mapping[str, object]) -> Sequence[str] | None:
        includes = body.get("includes")
        if includes is None:
            return None
        if not isinstance(includes, list) or not all(isinstance(name, str) for name in cast("list[object]", includes)):
            raise ValidationError({"includes": ["Expected a list of names."]})
        return cast("list[str]", includes)  # checked in the line above

    def _find_data(self, body: Mapping[str, object]) -> Sequence[Mapping[str, object]] | None:
        if "data" not in body:
            return None
        if not self.export_allow_client_data:
            raise ValidationError({"data": ["Rows are exported as they are stored; they cannot be sent."]})
        data = body["data"]
        if not isinstance(data, list) or not all(isinstance(row, Mapping) for row in cast("list[object]", data)):
            raise ValidationError({"data": ["Expected a list of objects."]})
        rows = cast("list[Mapping[str, object]]", data)  # JSON objects have text keys
        limit = get_settings().BULK_MAX_ITEMS
        if len(rows) > limit:
            message = f"At most {limit:,} rows may be sent."
            raise _TooManyRowsError(message)
        for row in rows:
            unknown = [name for name in row if name not in self.export_field_config]
            if unknown:
                raise ValidationError({"data": _describe_unknown(unknown, self.export_field_config)})
        return rows

    def _start(self, service: ExportService, file_type: FileType) -> Iterator[bytes]:
        """Return the file with its first piece made, so that what fails at once is answered with the envelope.

        Inside a transaction of the view a cursor would not outlive it: there a stream starts after the view.
        """
        pieces = service.stream(file_type)
        if file_type != "pdf" and service.database is not None and connections[service.database].in_atomic_block:
            return pieces
        return start(pieces)


def _check_size(service: ExportService, file_type: FileType) -> None:
    try:
        service.check_size(file_type)
    except ExportTooLargeError as exc:
        raise _TooManyRowsError(str(exc)) from exc


class _ExportForm(serializers.Serializer[Any]):
    """The form of an export; the action reads what it sends by itself."""

    file_type = serializers.ChoiceField(choices=[*CONTENT_TYPES], initial="csv")

    def __init__(self, config: ExportFieldConfig, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        names = cast("Any", [*config])  # in their order, where the stubs ask for a set
        self.fields["includes"] = serializers.MultipleChoiceField(choices=names, initial=names, required=False)


class _FileRenderer(BaseRenderer):
    """Stands for a type of file while the client's ``Accept`` is read; it renders nothing."""


class _CsvRenderer(_FileRenderer):
    media_type = CONTENT_TYPES["csv"]
    format = "csv"


class _XlsxRenderer(_FileRenderer):
    media_type = CONTENT_TYPES["xlsx"]
    format = "xlsx"


class _PdfRenderer(_FileRenderer):
    media_type = CONTENT_TYPES["pdf"]
    format = "pdf"


_FILES: Final = (_CsvRenderer, _XlsxRenderer, _PdfRenderer)


class _TooManyRowsError(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_many_rows"


def _describe_unknown(names: Sequence[object], config: ExportFieldConfig) -> Sequence[str]:
    choices = f"choose from {', '.join(config)}."
    if not names:
        return [f"Name at least one column; {choices}"]
    return [f'"{name}" cannot be exported; {choices}' for name in names]
