"""Who wrote a row, and when: shown, and never typed."""

from __future__ import annotations

from typing import Any, Final

from django.contrib.admin.utils import flatten_fieldsets
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from typing_extensions import TypeVar, override

from drf_commons.admin.typed import TypedModelAdmin

__all__ = ["AuditAdminMixin"]

M = TypeVar("M", bound=Model, default=Any)

_COLUMNS: Final = ("created_at", "created_by", "updated_at", "updated_by", "deleted_at", "version")


class AuditAdminMixin(TypedModelAdmin[M]):
    """Shows the columns that the library fills in, as far as the model has them, in a section of their own.

    A column that the admin's own ``fields`` or ``fieldsets`` name stays where they put it.
    """

    @override
    def get_readonly_fields(self, request: HttpRequest, obj: M | None = None) -> tuple[Any, ...]:
        named = (*super().get_readonly_fields(request, obj),)
        if obj is None:  # nothing is filled in yet
            return named
        return (*named, *(name for name in self.get_audit_columns() if name not in named))

    @override
    def get_fieldsets(self, request: HttpRequest, obj: M | None = None) -> Any:
        columns = self.get_audit_columns()
        if obj is None or not columns:
            return super().get_fieldsets(request, obj)
        if self.fieldsets or self.fields:
            named = super().get_fieldsets(request, obj)
            columns = [name for name in columns if name not in flatten_fieldsets(named)]
        else:
            # Django's own list of everything has them at its end.
            shown = [name for name in self.get_fields(request, obj) if name not in columns]
            named = [(None, {"fields": shown})]
        return [*named, (_("History"), {"fields": tuple(columns)})] if columns else named

    def get_audit_columns(self) -> list[str]:
        """Return those of the library's columns that the model has and the admin does not exclude."""
        return [name for name in _COLUMNS if name not in (self.exclude or ()) and self._is_filled_in(name)]

    def _is_filled_in(self, name: str) -> bool:
        try:
            return not getattr(self.model._meta.get_field(name), "editable", True)
        except FieldDoesNotExist:
            return False
