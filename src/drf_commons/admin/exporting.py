"""Rows into files, in the admin: what the list shows, or what is chosen in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IS_POPUP_VAR, IncorrectLookupParameters
from django.core.checks import CheckMessage, Error
from django.core.exceptions import PermissionDenied
from django.db import connections
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from typing_extensions import TypeVar, override

from drf_commons.admin.typed import TypedModelAdmin
from drf_commons.errors import ExportTooLargeError, InvalidExportConfigError, MissingExtraError, UnwritableCellError
from drf_commons.services import CsvOptions, ExportFieldConfig, ExportService
from drf_commons.services.exporting import CONTENT_TYPES, FileType, read_columns
from drf_commons.streams import start, stream
from drf_commons.types import StrOrPromise

__all__ = ["ExportAdminMixin"]

M = TypeVar("M", bound=Model, default=Any)

#: What may keep a file from being written, and can be mended by whoever asks for it.
_REFUSALS = (ExportTooLargeError, MissingExtraError, UnwritableCellError)


class ExportForm(forms.Form):
    """The kind of file, and its columns."""

    file_type: forms.ChoiceField = forms.ChoiceField(label=gettext_lazy("File type"), choices=())
    includes: forms.MultipleChoiceField = forms.MultipleChoiceField(
        label=gettext_lazy("Columns"),
        choices=(),
        required=False,
        help_text=gettext_lazy("All of them, unless some are chosen."),
    )

    def __init__(self, *args: Any, columns: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        types: Any = self.fields["file_type"]
        types.choices = [(name, name.upper()) for name in CONTENT_TYPES]
        includes: Any = self.fields["includes"]
        includes.choices = columns


class ExportAdminMixin(TypedModelAdmin[M]):
    """Exports the rows of the list, with its search and its filters, or those that are chosen in it.

    Reading needs the permission to view, and ``export_field_config`` is what may leave: nothing without it.
    """

    #: The columns that may leave, by name, in their order: a label, or options. Without it there is no export.
    export_field_config: ClassVar[ExportFieldConfig] = {}
    #: What stands above the rows of a PDF, and what the sheet is called; by default the model's plural name.
    export_title: ClassVar[StrOrPromise] = ""
    #: How CSV is written.
    export_csv: ClassVar[CsvOptions] = CsvOptions()

    export_template: ClassVar[str] = "admin/drf_commons/export.html"

    @override
    def check(self, **kwargs: Any) -> list[CheckMessage]:
        """Return what Django finds, and each column that is exported and that the model does not have.

        A ``get_queryset()`` of the project's own may add columns that are known only when it is called.
        """
        found = super().check(**kwargs)
        if self.get_queryset.__module__.startswith(("django.", "drf_commons.")):
            try:
                read_columns(f"{type(self).__name__}.export_field_config", self.export_field_config, self.model)
            except InvalidExportConfigError as exc:
                found += [Error(f"{exc.owner}: {fault}", id="drf_commons.E007") for fault in exc.faults]
        return found

    @override
    def get_urls(self) -> list[URLPattern]:
        """Return Django's addresses, and that of the export in front of them."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_export"
        return [path("export/", self.admin_site.admin_view(self.export_view), name=name), *super().get_urls()]

    @override
    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Return Django's actions, and the export where the user may read."""
        actions: dict[str, Any] = super().get_actions(request)
        is_offered = self.actions is not None and IS_POPUP_VAR not in request.GET
        if is_offered and self.has_export_permission(request):
            actions.setdefault("export_selected", self.get_action("export_selected"))
        return actions

    def has_export_permission(self, request: HttpRequest) -> bool:
        """Tell whether the user may read the rows, and there is something to export."""
        return bool(self.export_field_config) and self.has_view_permission(request)

    def get_export_service(self, queryset: QuerySet[M], includes: Sequence[str] | None = None) -> ExportService:
        """Return what writes the file."""
        return ExportService(
            queryset,
            self.export_field_config,
            includes=includes,
            title=self.export_title,
            csv=self.export_csv,
            owner=f"{type(self).__name__}.export_field_config",
        )

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """Export the rows that the list shows for the same address."""
        if not self.has_export_permission(request):
            raise PermissionDenied
        changelist_url = self._reverse_export("changelist")
        try:
            rows: QuerySet[M] = self.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters:
            return HttpResponseRedirect(f"{changelist_url}?e=1")
        query = request.GET.urlencode()
        return self._answer_export(request, rows, f"{changelist_url}?{query}" if query else changelist_url, [])

    @admin.action(description=gettext_lazy("Export selected %(verbose_name_plural)s"))
    def export_selected(self, request: HttpRequest, queryset: QuerySet[M]) -> HttpResponseBase:
        """Export the chosen rows."""
        sent = {"action": "export_selected", "select_across": request.POST.get("select_across", "0")}
        chosen = [(ACTION_CHECKBOX_NAME, pk) for pk in request.POST.getlist(ACTION_CHECKBOX_NAME)]
        return self._answer_export(request, queryset, request.get_full_path(), [*sent.items(), *chosen])

    def _answer_export(
        self, request: HttpRequest, rows: QuerySet[M], changelist_url: str, hidden: Sequence[tuple[str, str]]
    ) -> HttpResponseBase:
        """Return the file when its type was chosen, and the form that asks for it before."""
        labels = self.get_export_service(rows).columns
        columns = [(name, str(column.label)) for name, column in zip(self.export_field_config, labels, strict=True)]
        form = ExportForm(request.POST if "export" in request.POST else None, columns=columns)
        if form.is_valid():
            file_type: FileType = form.cleaned_data["file_type"]
            try:
                return self._send_file(request, rows, file_type, form.cleaned_data["includes"] or None)
            except _REFUSALS as exc:
                form.add_error("file_type", str(exc))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Export"),
            "form": form,
            "count": rows.count(),
            "hidden": hidden,
            "changelist_url": changelist_url,
            "media": self.media,
        }
        return TemplateResponse(request, self.export_template, context, status=400 if form.errors else 200)

    def _send_file(
        self, request: HttpRequest, rows: QuerySet[M], file_type: FileType, includes: Sequence[str] | None
    ) -> HttpResponseBase:
        service = self.get_export_service(rows, includes)
        service.check_size(file_type)
        pieces = service.stream(file_type)
        # Inside a transaction of the request a cursor would not outlive it: there the stream starts after the view.
        database = service.database if file_type != "pdf" else None
        if database is None or not connections[database].in_atomic_block:
            pieces = start(pieces)  # what fails at once is told on the page

        name = f"{slugify(service.title, allow_unicode=True) or 'export'}-{timezone.now().date()}.{file_type}"
        return StreamingHttpResponse(
            stream(request, pieces),
            content_type=CONTENT_TYPES[file_type],
            headers={
                "Content-Disposition": content_disposition_header(as_attachment=True, filename=name),
                "X-Content-Type-Options": "nosniff",
                "Cache-Control": "private, no-store",
            },
        )

    def _reverse_export(self, name: str) -> str:
        route = f"admin:{self.opts.app_label}_{self.opts.model_name}_{name}"
        return reverse(route, current_app=self.admin_site.name)
