"""Rows out of files, in the admin: shown before they are written, and written while somebody watches."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, ClassVar, Final, Self, cast

from django import forms
from django.apps import apps
from django.contrib import messages
from django.contrib.admin.options import ModelAdmin, get_content_type_for_model
from django.contrib.auth import get_permission_codename
from django.core.checks import CheckMessage, Error
from django.core.exceptions import PermissionDenied
from django.core.files.storage import Storage
from django.core.files.uploadedfile import UploadedFile
from django.db import DatabaseError
from django.db.models import Model, ProtectedError, QuerySet, RestrictedError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.csrf import csrf_exempt
from rest_framework.exceptions import APIException
from typing_extensions import TypeVar, override

from drf_commons.admin.handover import build_request, find_site, hand_over, is_too_long
from drf_commons.admin.soft_delete import SoftDeleteAdminMixin
from drf_commons.admin.typed import TypedModelAdmin
from drf_commons.admin.uploads import ClaimedUpload, UploadShelf, build_private_storage
from drf_commons.bulk import bulk_delete, bulk_soft_delete
from drf_commons.conf import get_settings
from drf_commons.errors import InvalidImportConfigError, MissingExtraError, UnreadableFileError
from drf_commons.models import SoftDeleteMixin
from drf_commons.response import translate_exception
from drf_commons.services import FileImportService, ImportConfig, ImportResult, ImportScope
from drf_commons.services.importing import ImportMode, ReadOptions, list_columns, open_table, read_config
from drf_commons.services.importing.differences import build_differences
from drf_commons.streams import stream

__all__ = ["ImportAdminMixin"]

M = TypeVar("M", bound=Model, default=Any)

_logger: Final = logging.getLogger("drf_commons.importing")

#: What the form around a file may take, beside the file itself.
_FORM_BYTES: Final = 1_000_000
#: Where a page is cut in two, to be sent from its first half on.
_CUT: Final = "<!-- progress -->"
#: What a file, or the rows it would replace, may keep an import from.
_REFUSALS: Final = (UnreadableFileError, MissingExtraError, PermissionDenied, ProtectedError, RestrictedError)


class ImportForm(forms.Form):
    """A file, and what becomes of the rows that it does not have."""

    file: forms.FileField = forms.FileField(
        label=gettext_lazy("File"), help_text=gettext_lazy("CSV, XLSX, XLS or ODS, with a header.")
    )
    mode: forms.ChoiceField = forms.ChoiceField(label=gettext_lazy("Mode"), choices=())

    def __init__(self, *args: Any, modes: Sequence[tuple[str, Any]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast("Any", self.fields["mode"]).choices = modes


class ImportAdminMixin(TypedModelAdmin[M]):
    """Imports a file as ``import_file_config`` says: first a page that shows what would change, then the import.

    Adding needs the permission to add, a configuration that updates that to change, and replacing that to delete; rows
    that the admin does not list are not touched. The file waits for the confirmation in ``import_storage``.

    Where ``drf_commons.jobs`` is installed, a file of more than ``COMMON["IMPORT_INLINE_MAX_ROWS"]`` rows is given to a
    job: its page shows what would change, and confirms it. The user needs the permission to change jobs.
    """

    #: What to import, and how: a typed configuration, or a dict of the same. Without one there is no import.
    import_file_config: ClassVar[ImportConfig | Mapping[str, Any] | None] = None
    #: Where a file waits between preview and confirmation: a private folder of this machine when it is ``None``.
    #: Several machines behind one address need a storage that they share, and that no URL leads to.
    import_storage: ClassVar[Storage | None] = None

    import_template: ClassVar[str] = "admin/drf_commons/import.html"
    import_preview_template: ClassVar[str] = "admin/drf_commons/import_preview.html"
    import_progress_template: ClassVar[str] = "admin/drf_commons/import_progress.html"

    #: The request of an admin that acts in a job.
    request: HttpRequest | None = None

    @classmethod
    def for_user(
        cls,
        user: Any,
        action: str,  # noqa: ARG003  # a job asks viewsets in the same words
        *,
        method: str = "GET",
        query: str = "",
        kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Return an admin that acts for *user* in a job; *kwargs* name its ``site`` and its ``model``."""
        asked = {**(kwargs or {})}
        admin = cls(cast("Any", apps.get_model(asked["model"])), find_site(asked["site"]))
        admin.request = build_request(user, method, query)
        return admin

    @override
    def get_urls(self) -> list[URLPattern]:
        """Return Django's addresses, and those of the import in front of them."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_import"
        return [
            path("import/", self._bounded(self.admin_site.admin_view(self.import_view)), name=name),
            path("import/confirm/", self.admin_site.admin_view(self.confirm_import_view), name=f"{name}_confirm"),
            *super().get_urls(),
        ]

    @override
    def check(self, **kwargs: Any) -> list[CheckMessage]:
        """Return what Django finds, and each fault of what is imported."""
        found = super().check(**kwargs)
        owner = f"{type(self).__name__}.import_file_config"
        try:
            config = self.get_import_config()
        except InvalidImportConfigError as exc:
            return [*found, *(Error(f"{exc.owner}: {fault}", id="drf_commons.E006") for fault in exc.faults)]
        if config is not None and not issubclass(config.steps[-1].model_class, self.model):
            msg = f"{owner}: the last step is not about {self.model._meta.label}"
            found.append(Error(msg, id="drf_commons.E006"))
        return found

    @classmethod
    def get_import_config(cls) -> ImportConfig | None:
        """Return ``import_file_config``, checked."""
        if cls.import_file_config is None:
            return None
        return read_config(cls.import_file_config, f"{cls.__name__}.import_file_config")

    def has_import_permission(self, request: HttpRequest) -> bool:
        """Tell whether the user may do all that an import does, to the rows of any of its models."""
        config = self.get_import_config()
        if config is None or not self.has_add_permission(request):
            return False
        needed: set[str] = set()
        for step in config.steps:
            needed.add(_name_permission("add", step.model_class))
            if step.update_if_exists:
                needed.add(_name_permission("change", step.model_class))
            for name, lookup in (*step.foreign_keys.items(), *step.many_to_many.items()):
                if lookup.create_missing:
                    related = step.model_class._meta.get_field(name).related_model
                    needed.add(_name_permission("add", cast("type[Model]", related)))
        updates = config.steps[-1].update_if_exists
        return (not updates or self.has_change_permission(request)) and _get_user(request).has_perms([*needed])

    def has_replace_permission(self, request: HttpRequest) -> bool:
        """Tell whether the user may also delete the rows that a file does not have."""
        return (
            self.has_import_permission(request)
            and self.has_change_permission(request)
            and self.has_delete_permission(request)
        )

    def check_import_permissions(
        self,
        request: HttpRequest,
        config: ImportConfig,  # noqa: ARG002  # a job asks viewsets in the same words
        mode: ImportMode,
    ) -> None:
        """Refuse a user who may not do all that an import does, or may not enter the admin any more."""
        is_permitted = self.has_replace_permission if mode == "replace" else self.has_import_permission
        if not (self.admin_site.has_permission(request) and is_permitted(request)):
            raise PermissionDenied(_("You do not have the permission to import this."))

    def get_import_modes(self, request: HttpRequest) -> Sequence[tuple[ImportMode, Any]]:
        """Return the modes that the user may choose from, with what they are called."""
        append: tuple[ImportMode, Any] = ("append", _("Add to what is stored"))
        if not self.has_replace_permission(request):
            return [append]
        return [append, ("replace", _("Replace what is stored: rows that the file does not have are deleted"))]

    def get_import_queryset(self, request: HttpRequest) -> QuerySet[M]:
        """Return the rows that an import may change: those that the admin lists, unless they are deleted softly."""
        rows = self.get_queryset(request)
        return rows.filter(is_active=True) if issubclass(self.model, SoftDeleteMixin) else rows

    def build_import_service(self, request: HttpRequest, config: ImportConfig) -> FileImportService:
        """Return what imports the file."""
        return FileImportService(config, scope=self.build_import_scope(request, config))

    def build_import_scope(self, request: HttpRequest, config: ImportConfig) -> ImportScope:
        """Return which rows an import may touch: those that the user may change here."""
        main = config.steps[-1].step_name
        rows = self.get_import_queryset(request)

        def find_forbidden(step: str, pks: Sequence[Any]) -> Mapping[Any, str]:
            if step != main:
                return {}
            reason = _("You do not have the permission to change this row.")
            found = rows.filter(pk__in=pks)
            return {row.pk: reason for row in found if not self.has_change_permission(request, row)}

        own, plain = cast("Any", type(self)), cast("Any", ModelAdmin)  # the stubs leave the row open
        is_plain = own.has_change_permission is plain.has_change_permission
        is_soft = issubclass(self.model, SoftDeleteMixin) and isinstance(self, SoftDeleteAdminMixin)
        return ImportScope(
            querysets={main: rows},
            find_forbidden=None if is_plain else find_forbidden,
            delete_rows=bulk_soft_delete if is_soft else bulk_delete,
        )

    def import_view(self, request: HttpRequest) -> HttpResponse:
        """Ask for a file; show what is in it once it is there."""
        config = self._get_permitted_config(request)
        modes = self.get_import_modes(request)
        if request.method != "POST":
            return self._show_import_form(request, config, ImportForm(modes=modes))
        form = ImportForm(request.POST, request.FILES, modes=modes)
        if not form.is_valid():
            return self._show_import_form(request, config, form)
        upload: UploadedFile[bytes] = form.cleaned_data["file"]
        mode: ImportMode = form.cleaned_data["mode"]
        options = config.build_read_options()
        try:
            if is_too_long(self.admin_site, request, upload, options):
                return self._hand_over(request, upload, mode, options)
            result = self.build_import_service(request, config).import_file(
                cast("Any", upload.file), name=upload.name, mode=mode, dry_run=True
            )
        except (*_REFUSALS, APIException) as exc:
            form.add_error("file", _explain(exc))
            return self._show_import_form(request, config, form)
        token = ""
        differences = build_differences(self.model, result.to_dict())
        if differences.can_be_confirmed:
            token = self._build_shelf().keep(
                upload, owner=_name_owner(request), purpose=self._purpose, mode=mode, total=result.total
            )
        context = {
            **self._build_import_context(request, _("Check what the import changes")),
            "differences": differences,
            "file_name": upload.name,
            "token": token,
            "confirm_url": self._reverse("import_confirm"),
        }
        return TemplateResponse(request, self.import_preview_template, context)

    def _hand_over(
        self, request: HttpRequest, upload: UploadedFile[bytes], mode: ImportMode, options: ReadOptions
    ) -> HttpResponse:
        url = hand_over(self, request, upload, mode, options)
        text = _("A job looks through %(name)s, which has more than %(limit)s rows; confirm here what it finds.")
        limit = f"{get_settings().IMPORT_INLINE_MAX_ROWS:,}"
        self.message_user(request, text % {"name": upload.name, "limit": limit}, messages.INFO)
        return HttpResponseRedirect(url)

    def confirm_import_view(self, request: HttpRequest) -> HttpResponseBase:
        """Import the file that was shown, or throw it away."""
        config = self._get_permitted_config(request)
        token, owner = request.POST.get("token", ""), _name_owner(request)
        shelf = self._build_shelf()
        if "cancel" in request.POST:
            shelf.discard(token, owner=owner, purpose=self._purpose)
            self.message_user(request, _("Nothing was imported."), messages.INFO)
            return HttpResponseRedirect(self._reverse("changelist"))
        claimed = shelf.claim(token, owner=owner, purpose=self._purpose) if request.method == "POST" else None
        if claimed is None:
            text = _("This preview cannot be confirmed any more: it is too old, or was confirmed already.")
            self.message_user(request, f"{text} {_('Choose the file again.')}", messages.ERROR)
            return HttpResponseRedirect(self._reverse("import"))
        if claimed.kept.mode not in {mode for mode, _label in self.get_import_modes(request)}:
            claimed.file.close()
            raise PermissionDenied
        return StreamingHttpResponse(
            stream(request, self._import_claimed(request, config, claimed)),
            content_type="text/html; charset=utf-8",
            headers={"Cache-Control": "private, no-store", "X-Accel-Buffering": "no"},
        )

    def _import_claimed(self, request: HttpRequest, config: ImportConfig, claimed: ClaimedUpload) -> Generator[bytes]:
        """Yield a page that grows with the import, and ends with its report."""
        context = {
            **self._build_import_context(request, _("Import")),
            "file_name": claimed.kept.name,
            "cut": _CUT,
        }
        head, _cut, tail = render_to_string(self.import_progress_template, context, request).partition(_CUT)
        yield head.encode()
        result: ImportResult | None = None
        reason = ""
        try:
            result = yield from self._watch(self.build_import_service(request, config), claimed)
        except (*_REFUSALS, DatabaseError) as exc:
            _logger.exception("import failed", extra={"import_file": claimed.kept.name})
            reason = _explain(exc)
        if result is not None:
            self.log_import(request, claimed.kept.name, result)
        ending = {
            "differences": None if result is None else build_differences(self.model, result.to_dict()),
            "changelist_url": self._reverse("changelist"),
            "import_url": self._reverse("import"),
            "reason": reason,
        }
        yield render_to_string("admin/drf_commons/import_report.html", ending, request).encode()
        yield tail.encode()

    def _watch(self, service: FileImportService, claimed: ClaimedUpload) -> Generator[bytes, None, ImportResult]:
        """Import the file, and yield a bar for each chunk; the style sheet shows the last of them."""
        kept = claimed.kept
        options = service.config.build_read_options()
        yield _draw_bar(0, kept.total)
        with claimed.file as file, open_table(file, name=kept.name, options=options) as table:
            importing = service.stream_table(table, mode=kept.mode)
            while True:
                try:
                    progress = next(importing)
                except StopIteration as done:
                    return cast("ImportResult", done.value)
                yield _draw_bar(progress.rows, kept.total)

    def log_import(self, request: HttpRequest, name: str, result: ImportResult) -> None:
        """Leave one entry in the admin's log: who imported which file, and what it changed."""
        counts = {
            _("created"): result.created,
            _("updated"): result.updated,
            _("deleted"): result.deleted,
            _("failed"): result.failed,
        }
        # The admin's log is a table: its model is there when the app is installed, which a page of it is proof of.
        from django.contrib.admin.models import CHANGE, LogEntry  # noqa: PLC0415

        told = ", ".join(f"{count} {label}" for label, count in counts.items() if count)
        LogEntry.objects.create(
            user_id=_get_user(request).pk,
            content_type_id=get_content_type_for_model(self.model).pk,
            object_repr=name[:200],
            action_flag=CHANGE,
            change_message=_("Imported %(name)s: %(counts)s.") % {"name": name, "counts": told or _("no changes")},
        )

    def _show_import_form(self, request: HttpRequest, config: ImportConfig, form: ImportForm) -> HttpResponse:
        columns = {column.header: column for column in list_columns(config)}
        context = {
            **self._build_import_context(request, _("Import")),
            "form": form,
            "columns": [*columns.values()],
        }
        status = 400 if form.errors else 200
        return TemplateResponse(request, self.import_template, context, status=status)

    def _build_import_context(self, request: HttpRequest, title: str) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": title,
            "changelist_url": self._reverse("changelist"),
            "import_url": self._reverse("import"),
            "media": self.media,
        }

    def _get_permitted_config(self, request: HttpRequest) -> ImportConfig:
        config = self.get_import_config()
        if config is None or not self.has_import_permission(request):
            raise PermissionDenied
        return config

    def _build_shelf(self) -> UploadShelf:
        return UploadShelf(build_private_storage() if self.import_storage is None else self.import_storage)

    def _reverse(self, name: str) -> str:
        route = f"admin:{self.opts.app_label}_{self.opts.model_name}_{name}"
        return reverse(route, current_app=self.admin_site.name)

    @property
    def _purpose(self) -> str:
        return f"{self.admin_site.name}:{self.opts.label_lower}"

    def _bounded(self, view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        """Return *view*, which is not asked, and reads nothing, when the request is too large for it.

        The token is looked for by the view itself: whoever looks before has to read the file.
        """

        @csrf_exempt
        def bounded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            limit = get_settings().IMPORT_MAX_FILE_SIZE
            length = str(request.META.get("CONTENT_LENGTH") or "0")
            if length.isdecimal() and int(length) > limit + _FORM_BYTES:
                text = _("The file is too large: at most %(limit)s bytes are allowed.") % {"limit": f"{limit:,}"}
                return HttpResponse(text, status=413, content_type="text/plain; charset=utf-8")
            return view(request, *args, **kwargs)

        return bounded


def _draw_bar(done: int, total: int) -> bytes:
    context = {"done": min(done, total), "total": max(total, 1), "percent": min(100, done * 100 // max(total, 1))}
    return render_to_string("admin/drf_commons/import_bar.html", context).encode()


def _name_permission(action: str, model: type[Model]) -> str:
    return f"{model._meta.app_label}.{get_permission_codename(action, model._meta)}"


def _get_user(request: HttpRequest) -> Any:
    """Return the user, whom ``admin_view`` has seen to."""
    return request.user


def _name_owner(request: HttpRequest) -> str:
    return str(_get_user(request).pk)


def _explain(exc: Exception) -> str:
    """Return *exc* as a person reads it."""
    match translate_exception(exc):
        case PermissionDenied():
            return str(exc) or _("You do not have the permission to change some of these rows.")
        case APIException() as error if not isinstance(exc, UnreadableFileError):
            return str(error.detail)
        case _:
            return str(exc)
