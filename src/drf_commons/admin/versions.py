"""Two people in front of the same form: the second one is told, and overwrites nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.admin.utils import flatten_fieldsets
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.formats import date_format
from django.utils.timezone import is_aware, localtime
from django.utils.translation import gettext as _
from typing_extensions import TypeVar, override

from drf_commons.admin.typed import TypedModelAdmin
from drf_commons.errors import VersionConflictError
from drf_commons.models import TimeStampMixin, UserActionMixin, VersionMixin

__all__ = ["VersionAdminMixin"]

M = TypeVar("M", bound=Model, default=Any)

_SEEN = "version_seen"


class VersionFormMixin(forms.Form):
    """Remembers, in the page, which version of the row was shown."""

    version_seen: forms.IntegerField = forms.IntegerField(required=False, widget=forms.HiddenInput)
    instance: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:  # noqa: SLF001  # documented Model API
            self.initial[_SEEN] = self.instance.stored_version

    @override
    def clean(self) -> Any:
        cleaned = super().clean()
        seen = self.cleaned_data.get(_SEEN)
        row: VersionMixin = self.instance
        if seen is not None and not row._state.adding and seen != row.stored_version:  # noqa: SLF001  # same
            raise ValidationError(describe_conflict(row), code="version_conflict")
        return cleaned


class VersionAdminMixin(TypedModelAdmin[M]):
    """Refuses to save over a version that was not shown, where the model has a ``VersionMixin``.

    What was typed stays in the form. Rows that are edited in the list are checked while they are saved, against the
    version they had when the save began.
    """

    def __init__(self, model: type[M], admin_site: AdminSite) -> None:
        super().__init__(model, admin_site)
        if issubclass(model, VersionMixin):
            self.form: type[forms.ModelForm[Any]] = type(self.form.__name__, (VersionFormMixin, self.form), {})

    @override
    def get_fieldsets(self, request: HttpRequest, obj: M | None = None) -> Any:
        """Return the fieldsets, with the hidden field in the first of them."""
        fieldsets: list[Any] = [*super().get_fieldsets(request, obj)]
        if fieldsets and issubclass(self.model, VersionMixin) and _SEEN not in flatten_fieldsets(fieldsets):
            name, options = fieldsets[0]
            fieldsets[0] = (name, {**options, "fields": (*options["fields"], _SEEN)})
        return fieldsets

    @override
    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return self._answer(request, lambda: super(VersionAdminMixin, self).changeform_view(request, *args, **kwargs))

    @override
    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return self._answer(request, lambda: super(VersionAdminMixin, self).changelist_view(request, *args, **kwargs))

    @override
    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return self._answer(request, lambda: super(VersionAdminMixin, self).delete_view(request, *args, **kwargs))

    def _answer(self, request: HttpRequest, view: Callable[[], HttpResponse]) -> HttpResponse:
        """Return what *view* answers; a conflict that came up while it wrote is told on the page it came from."""
        try:
            return view()
        except VersionConflictError as exc:
            self.message_user(request, f"{exc} {_('Nothing was saved.')}", messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())


def describe_conflict(row: VersionMixin) -> str:
    """Return who has changed *row*, and when, as far as it knows."""
    who = row.updated_by if isinstance(row, UserActionMixin) else None
    when = row.updated_at if isinstance(row, TimeStampMixin) else None
    changed = _("%(who)s has changed this row since you opened it") % {"who": who or _("Somebody")}
    if when is not None:
        shown = localtime(when) if is_aware(when) else when
        changed += f" ({date_format(shown, 'DATETIME_FORMAT')})"
    return f"{changed}. {_('Nothing was saved: open the row again to see it as it is now.')}"
