"""Rows out of a file that a client sends."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, cast

from django.db.models import Model, QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import DjangoModelPermissions
from rest_framework.request import Request
from rest_framework.response import Response
from typing_extensions import TypeVar, override

from drf_commons.bulk import bulk_delete, bulk_soft_delete
from drf_commons.conf import get_settings
from drf_commons.errors import ConfigurationError, FileTooLargeError
from drf_commons.response import error_response, success_response
from drf_commons.services import FileImportService, ImportConfig, ImportResult, ImportScope
from drf_commons.services.exporting import CONTENT_TYPES
from drf_commons.services.importing import ImportMode, ReadOptions, open_table, read_config
from drf_commons.services.importing.failures import FailedRowsFile
from drf_commons.services.importing.template import build_template
from drf_commons.streams import build_download_headers
from drf_commons.types import StrOrPromise
from drf_commons.views.mixins.bulk import BulkMixin
from drf_commons.views.mixins.handover import has_more_rows, offers_jobs, prefers_async
from drf_commons.views.mixins.soft_delete import SoftDestroyModelMixin

__all__ = ["FileImportMixin", "ImportRequestSerializer", "build_failed_rows_response"]

M = TypeVar("M", bound=Model, default=Any)

#: What the form around a file may take, beside the file itself.
_FORM_BYTES: Final = 1_000_000

_ONE_MODE: Final = "Send either append_data=true or replace_data=true."
_NOTHING_IMPORTED: Final = "No row could be imported."
_SOME_FAILED: Final = "Some rows could not be imported."
_NO_JOBS: Final = "Only jobs wait for that, of somebody who is signed in; send dry_run=true first."


class ImportRequestSerializer(serializers.Serializer[Any]):
    """The form of an import."""

    file: serializers.FileField = serializers.FileField(help_text="CSV, XLSX, XLS or ODS, with a header.")
    append_data: serializers.BooleanField = serializers.BooleanField(
        default=False, help_text="Add to what is stored; rows that fail are left out."
    )
    replace_data: serializers.BooleanField = serializers.BooleanField(
        default=False, help_text="Make the stored rows those of the file, or change nothing if one of them fails."
    )
    dry_run: serializers.BooleanField = serializers.BooleanField(
        default=False, help_text="Report what would happen, and change nothing."
    )
    needs_confirmation: serializers.BooleanField = serializers.BooleanField(
        default=False, help_text="Show what would happen, and import it once that is confirmed: as a job."
    )
    failed_rows_file: serializers.BooleanField = serializers.BooleanField(
        default=False, help_text="Where rows fail, answer with a file of them and the reasons, to be mended and sent."
    )

    @override
    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse two modes, and none."""
        if attrs["append_data"] == attrs["replace_data"]:
            raise serializers.ValidationError(_ONE_MODE)
        return attrs


class FileImportMixin(BulkMixin[M]):
    """``POST /employees/import-from-file/`` imports a ``file``, with ``append_data=true`` or ``replace_data=true``.

    The answer is 201 when every row was imported, 207 when some failed, and 422 when none could be imported; each time
    with the report, in which every failed row stands with its number, column, value and reason. ``dry_run=true`` writes
    nothing and answers 200. With ``failed_rows_file=true`` the answer is a file of the rows that failed, if there are
    any, and the numbers stand in the header ``Import-Report``.

    Where ``drf_commons.jobs`` is installed, a file of more than ``COMMON["IMPORT_INLINE_MAX_ROWS"]`` rows is imported
    by a job, and so is any with ``Prefer: respond-async``: 202, with the address of the job.
    ``needs_confirmation=true`` makes one that shows what would change, and waits.

    ``GET /employees/download-import-template/`` returns a workbook to be filled in.

    Adding needs the permission to create. A configuration that updates needs that to update as well, and replacing that
    to delete: the permission classes are asked as for a PUT and a DELETE.
    """

    #: What to import, and how: a typed configuration, or a dict of the same.
    import_file_config: ClassVar[ImportConfig | Mapping[str, Any] | None] = None

    @override
    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse a file that is too large before any of it is read."""
        if getattr(self, "action", None) == "import_from_file":
            length = str(request.META.get("CONTENT_LENGTH") or "0")
            limit = get_settings().IMPORT_MAX_FILE_SIZE
            if length.isdecimal() and int(length) > limit + _FORM_BYTES:
                name, reason = "The request", f"it has {length} bytes, and a file may have {limit}"
                raise FileTooLargeError(name, reason)
        super().initial(request, *args, **kwargs)

    @action(detail=False, methods=["post"], url_path="import-from-file", parser_classes=[MultiPartParser])
    def import_from_file(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Import the rows of a file."""
        form = ImportRequestSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        asked = cast("dict[str, Any]", form.validated_data)
        mode: ImportMode = "replace" if asked["replace_data"] else "append"
        config = self.get_import_config()
        self.check_import_permissions(request, config, mode)
        service = self.build_import_service(request, config)
        upload = asked["file"]
        options = config.build_read_options()
        if self._becomes_job(request, asked, options):
            from drf_commons.views.jobs.starting import accept_import  # noqa: PLC0415  # the app has models

            return accept_import(self, request, asked, options)
        with open_table(upload, name=upload.name, options=options) as table, FailedRowsFile(table) as failed:
            if asked["failed_rows_file"]:
                service.on_failed = failed.add
            result = service.import_table(table, mode=mode, dry_run=asked["dry_run"])
            response = self.build_import_response(result)
            return build_failed_rows_response(failed, result, response) if failed.count else response

    @action(detail=False, methods=["get"], url_path="download-import-template")
    def download_import_template(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Return a workbook with the columns that an import takes, to be filled in."""
        config = self.get_import_config()
        workbook = build_template(config, self.build_import_scope(request, config))
        return _build_download(b"".join(workbook), f"{config.steps[-1].step_name}-import.xlsx", CONTENT_TYPES["xlsx"])

    @classmethod
    def get_import_config(cls) -> ImportConfig:
        """Return ``import_file_config``, checked; override for one that is made in another way."""
        if cls.import_file_config is None:
            msg = f"{cls.__name__}.import_file_config must say what to import"
            raise ConfigurationError(msg)
        cached: tuple[object, ImportConfig] | None = vars(cls).get("_import_config")
        if cached is None or cached[0] is not cls.import_file_config:
            config = read_config(cls.import_file_config, f"{cls.__name__}.import_file_config")
            cached = cls._import_config = cls.import_file_config, config
        return cached[1]

    _import_config: ClassVar[tuple[object, ImportConfig] | None] = None

    def check_import_permissions(self, request: Request, config: ImportConfig, mode: ImportMode) -> None:
        """Refuse a user who may not do all that the import does, to the rows of any of its models."""
        updates = any(step.update_if_exists for step in config.steps)
        self.check_action_permissions(request, "POST")
        if updates or mode == "replace":
            self.check_action_permissions(request, "PUT")
        if mode == "replace":
            self.check_action_permissions(request, "DELETE")
        for step in config.steps:
            self._check_model_permissions(request, step.model_class, "POST")
            if step.update_if_exists:
                self._check_model_permissions(request, step.model_class, "PUT")
            for name, lookup in (*step.foreign_keys.items(), *step.many_to_many.items()):
                if lookup.create_missing:
                    related = step.model_class._meta.get_field(name).related_model
                    self._check_model_permissions(request, cast("type[Model]", related), "POST")

    def build_import_service(self, request: Request, config: ImportConfig) -> FileImportService:
        """Return what imports the file; override to be told of its progress, for instance."""
        return FileImportService(config, scope=self.build_import_scope(request, config))

    def build_import_scope(self, request: Request, config: ImportConfig) -> ImportScope:
        """Return which rows the import may touch: those that the list shows, as the object permissions say."""
        main = config.steps[-1]
        rows = self.get_bulk_queryset()
        if not issubclass(main.model_class, rows.model):
            msg = f"{type(self).__name__}.import_file_config: the last step is not about {rows.model._meta.label}"
            raise ConfigurationError(msg)

        def find_forbidden(step: str, pks: Sequence[Any]) -> Mapping[Any, str]:
            if step != main.step_name:
                return {}
            found = {row.pk: row for row in self.find_bulk_rows(rows, pks)}
            places = dict(enumerate(found.values()))
            errors = self.find_forbidden(request, places)
            return {places[place].pk: str(error.detail) for place, error in errors.items()}

        return ImportScope(
            querysets={main.step_name: rows},
            find_forbidden=find_forbidden if self.has_object_permissions() else None,
            find_related=self.get_import_related_queryset,
            delete_rows=self.perform_import_delete,
        )

    def get_import_related_queryset(self, step: str, field: str, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows that the relation *field* of *step* may refer to: all of them, unless overridden."""
        return queryset

    def perform_import_delete(self, queryset: QuerySet[M], pks: Sequence[Any]) -> None:
        """Delete the rows that a replacement does not have; soft-delete them where ``DELETE`` does."""
        delete = bulk_soft_delete if isinstance(self, SoftDestroyModelMixin) else bulk_delete
        delete(queryset, pks)

    @override
    def get_form_serializer(self, **kwargs: Any) -> serializers.BaseSerializer[Any] | None:
        """Return the form of an import, which has an input for the file."""
        return (
            ImportRequestSerializer(**kwargs)
            if self.action == "import_from_file"
            else super().get_form_serializer(**kwargs)
        )

    def build_import_response(self, result: ImportResult) -> Response:
        """Return the report, with the status that it has."""
        report = result.to_dict()
        if result.dry_run:
            return success_response(report, self.get_success_message())
        if not result.succeeded:
            return error_response(
                _NOTHING_IMPORTED,
                {"file": [result.reason or _NOTHING_IMPORTED]},
                status_code=status.HTTP_422_UNPROCESSABLE_ENTITY,
                report=report,
            )
        if result.failed or result.state != "completed":
            message: StrOrPromise = result.reason or _SOME_FAILED
            return success_response(report, message, status_code=status.HTTP_207_MULTI_STATUS)
        return success_response(report, self.get_success_message(), status_code=status.HTTP_201_CREATED)

    def _becomes_job(self, request: Request, asked: Mapping[str, Any], options: ReadOptions) -> bool:
        """Tell whether to answer 202: since the client wants it, or has sent more than it should wait for."""
        if not offers_jobs(request):
            if asked["needs_confirmation"]:
                raise serializers.ValidationError({"needs_confirmation": [_NO_JOBS]})
            return False
        if asked["needs_confirmation"] or prefers_async(request):
            return True
        return has_more_rows(asked["file"], get_settings().IMPORT_INLINE_MAX_ROWS, options)

    def _check_model_permissions(self, request: Request, model: type[Model], method: str) -> None:
        """Ask the permissions that go by the model for one that is not the viewset's own."""
        for permission in self.get_permissions():
            if isinstance(permission, DjangoModelPermissions):
                needed = permission.get_required_permissions(method, model)
                user: Any = request.user  # whoever the project's authentication finds
                if not user.has_perms(needed):
                    self.permission_denied(request, message=getattr(permission, "message", None))


def build_failed_rows_response(failed: FailedRowsFile, result: ImportResult, response: Response) -> HttpResponse:
    """Return the rows that failed as a file, with the status of *response*."""
    download = _build_download(b"".join(failed.write()), failed.name, failed.content_type)
    download.status_code = response.status_code
    numbers = {name: getattr(result, name) for name in ("state", "total", "created", "updated", "unchanged", "failed")}
    download.headers["Import-Report"] = json.dumps(numbers)
    return download


def _build_download(content: bytes, name: str, content_type: str) -> HttpResponse:
    return HttpResponse(content, content_type=content_type, headers={**build_download_headers(name)})
