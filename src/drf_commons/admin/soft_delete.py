"""Deleting without losing, in the admin: deleted rows are set aside, and can be brought back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.options import IS_POPUP_VAR, ModelAdmin
from django.contrib.admin.views.main import ChangeList
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from typing_extensions import TypeVar, override

from drf_commons.admin.typed import TypedModelAdmin
from drf_commons.models import SoftDeleteMixin, SoftDeleteQuerySet
from drf_commons.types import StrOrPromise

__all__ = ["LiveFilter", "SoftDeleteAdminMixin"]

M = TypeVar("M", bound=Model, default=Any)


class LiveFilter(admin.SimpleListFilter):
    """Shows live rows, deleted ones, or both; live ones at first."""

    title: StrOrPromise | None = _("deletion")
    parameter_name: str | None = "deleted"

    @override
    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, Any]]:
        return [("yes", _("Deleted")), ("all", _("Live and deleted"))]

    @override
    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        for index, choice in enumerate(super().choices(changelist)):
            yield {**choice, "display": _("Live")} if index == 0 else choice

    @override
    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "all":
                return queryset
            case "yes":
                return queryset.filter(is_active=False)
            case _:
                return queryset.filter(is_active=True)


class SoftDeleteAdminMixin(TypedModelAdmin[M]):
    """Deletes softly, filters by it, and restores, where the model has a ``SoftDeleteMixin``.

    The admin asks the model's first manager: with an ``ActiveManager``, declare the one that shows every row first.
    """

    @override
    def get_list_filter(self, request: HttpRequest) -> tuple[Any, ...]:
        named = (*super().get_list_filter(request),)
        return (LiveFilter, *named) if self.is_soft and LiveFilter not in named else named

    @override
    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions: dict[str, Any] = super().get_actions(request)
        # None is Django's way to have no actions at all, and a popup has none either.
        is_offered = self.is_soft and self.actions is not None and IS_POPUP_VAR not in request.GET
        if is_offered and self.has_change_permission(request):
            actions.setdefault("restore_selected", self.get_action("restore_selected"))
        return actions

    @admin.action(description=_("Restore selected %(verbose_name_plural)s"))
    def restore_selected(self, request: HttpRequest, queryset: QuerySet[M]) -> None:
        """Take the deletion of the chosen rows back."""
        count = 0
        with transaction.atomic(using=queryset.db):
            for row in queryset.filter(is_active=False):
                count += cast("SoftDeleteMixin", row).restore()
                self.log_change(request, row, [{"changed": {"name": str(_("deletion")), "object": str(row)}}])
        text = ngettext("%(count)d row was restored.", "%(count)d rows were restored.", count)
        self.message_user(request, text % {"count": count}, messages.SUCCESS)

    @override
    def delete_model(self, request: HttpRequest, obj: M) -> None:
        if isinstance(obj, SoftDeleteMixin):
            obj.soft_delete()
        else:
            super().delete_model(request, obj)

    @override
    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[M]) -> None:
        if not self.is_soft:
            super().delete_queryset(request, queryset)
        elif isinstance(queryset, SoftDeleteQuerySet):
            queryset.soft_delete()
        else:
            for row in queryset:
                cast("SoftDeleteMixin", row).soft_delete()

    @override
    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, Any]:
        """Return what the page of confirmation lists: the rows themselves, since nothing cascades."""
        if not self.is_soft:
            return super().get_deleted_objects(objs, request)
        rows = [*objs]
        missing = {str(self.model._meta.verbose_name) for row in rows if not self.has_delete_permission(request, row)}
        return [str(row) for row in rows], {self.model._meta.verbose_name_plural: len(rows)}, missing, []

    @property
    def is_soft(self) -> bool:
        """Tell whether the rows can be deleted softly."""
        return issubclass(self.model, SoftDeleteMixin)
