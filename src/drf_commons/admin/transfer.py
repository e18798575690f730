"""Import and export together, with their buttons above the list."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext as _
from typing_extensions import TypeVar, override

from drf_commons.admin.exporting import ExportAdminMixin
from drf_commons.admin.importing import ImportAdminMixin

__all__ = ["ImportExportAdminMixin"]

M = TypeVar("M", bound=Model, default=Any)


class ImportExportAdminMixin(ImportAdminMixin[M], ExportAdminMixin[M]):
    """Imports and exports rows.

    Stands to the left of the admin: ``ArticleAdmin(ImportExportAdminMixin[Article], BaseModelAdmin[Article])``.
    """

    change_list_template: ClassVar[Any] = "admin/drf_commons/change_list.html"

    @override
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Show the list, with a button for what the user may do."""
        query = request.GET.urlencode()
        tools: list[dict[str, str]] = []
        if self.has_import_permission(request):
            tools.append({"label": _("Import"), "url": "import/"})
        if self.has_export_permission(request):
            tools.append({"label": _("Export"), "url": f"export/?{query}" if query else "export/"})
        return super().changelist_view(request, {"transfer_tools": tools, **(extra_context or {})})
