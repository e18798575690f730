"""What a job imports or exports, found again in a worker: the target by its path, the rows by who reaches them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias, cast

from django.contrib.auth.models import AnonymousUser
from django.utils.module_loading import import_string

from drf_commons.errors import ConfigurationError
from drf_commons.jobs.models import ExportJob, ImportJob, TransferJob
from drf_commons.services.exporting import ExportService
from drf_commons.services.importing import ImportConfig, ImportMode, ImportScope, read_config

__all__ = [
    "VERSION",
    "ImportTarget",
    "build_fingerprint",
    "find_import_config",
    "find_import_target",
    "find_requester",
    "open_export",
]

#: Where the ``kwargs`` of a job have the version of the API that was asked: no URL has an argument of this name.
VERSION: Final = "@version"


class ImportView(Protocol):
    """What a viewset has that imports files."""

    request: Any

    @classmethod
    def get_import_config(cls) -> ImportConfig: ...
    def check_import_permissions(self, request: Any, config: ImportConfig, mode: ImportMode) -> None: ...
    def build_import_scope(self, request: Any, config: ImportConfig) -> ImportScope: ...


class ExportView(Protocol):
    """What a viewset has that exports files."""

    request: Any

    def check_permissions(self, request: Any) -> None: ...
    def get_export_service(self, includes: Sequence[str] | None, data: None) -> ExportService: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportTarget:
    """What to import, and which rows it may touch."""

    config: ImportConfig
    scope: ImportScope


def find_requester(job: TransferJob) -> Any:
    """Return the user whose job it is, or an anonymous one.

    Raises :class:`~drf_commons.errors.ConfigurationError` where the user has been deleted, or may not sign in any more.
    """
    if job.user is not None:
        if not getattr(job.user, "is_active", True):
            msg = f"The user {job.requester!r}, whose job this is, is not active any more."
            raise ConfigurationError(msg)
        return job.user
    if job.requester:
        msg = f"The user {job.requester!r}, whose job this is, has been deleted."
        raise ConfigurationError(msg)
    return AnonymousUser()


def find_import_config(job: ImportJob) -> ImportConfig:
    """Return what *job* imports, whoever asks."""
    found = _find(job.target)
    if isinstance(found, ImportConfig | Mapping):
        return read_config(cast("Any", found), job.target)
    if not hasattr(found, "get_import_config"):
        msg = f"{job.target} imports no files: give it FileImportMixin"
        raise ConfigurationError(msg)
    return cast("type[ImportView]", found).get_import_config()


def find_import_target(job: ImportJob) -> ImportTarget:
    """Return what *job* imports, for its user, whose permissions are asked now."""
    config, found = find_import_config(job), _find(job.target)
    if job.unrestricted or isinstance(found, ImportConfig | Mapping):
        return ImportTarget(config=config, scope=ImportScope())
    view: ImportView = _build_view(found, job, "import_from_file", "POST")
    view.check_import_permissions(view.request, config, cast("ImportMode", job.mode))
    return ImportTarget(config=config, scope=view.build_import_scope(view.request, config))


def open_export(job: ExportJob) -> ExportService:
    """Return what writes the file of *job*, for its user, whose permissions are asked now."""
    found = _find(job.target)
    if not hasattr(found, "get_export_service"):
        msg = f"{job.target} exports no files: give it FileExportMixin"
        raise ConfigurationError(msg)
    view: ExportView = _build_view(found, job, "export", "GET")
    if not job.unrestricted:
        view.check_permissions(view.request)
    return view.get_export_service(job.includes, None)


Fingerprint: TypeAlias = str


def build_fingerprint(config: ImportConfig) -> Fingerprint:
    """Return what changes when the configuration changes, or the columns of a model that it fills."""
    parts = [_describe(config.model_dump())]
    for step in config.steps:
        fields = step.model_class._meta.concrete_fields
        parts += [f"{step.step_name}.{field.attname} {_describe(field.deconstruct()[1:])}" for field in fields]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _find(path: str) -> object:
    try:
        return import_string(path)
    except ImportError as exc:
        msg = f"{path} cannot be imported here: {exc}"
        raise ConfigurationError(msg) from exc


def _build_view(viewset: object, job: TransferJob, action: str, method: str) -> Any:
    build: Any = getattr(viewset, "for_user", None)
    if build is None:
        msg = f"{job.target} has no for_user(): it is no viewset of drf_commons"
        raise ConfigurationError(msg)
    kwargs = {**job.kwargs}
    # A for_user() of the project's own need not know of versions.
    version = {"version": kwargs.pop(VERSION)} if VERSION in kwargs else {}
    return build(find_requester(job), action, method=method, query=job.query, kwargs=kwargs, **version)


def _describe(value: object) -> str:
    """Return a text of *value* that is the same in every process: a function is its name."""
    match value:
        case Mapping():
            items = cast("Mapping[object, object]", value).items()
            return ",".join(["{", *(f"{key!r}:{_describe(part)}" for key, part in items), "}"])
        case list() | tuple():
            return ",".join(["[", *map(_describe, cast("Sequence[object]", value)), "]"])
        case str() | int() | float() | bool() | None:
            return repr(value)
        case _:
            kind = value if hasattr(value, "__qualname__") else type(value)
            return f"{kind.__module__}.{cast('Any', kind).__qualname__}"
