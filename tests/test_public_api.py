"""What the library exports: each public name is meant, sorted, importable and explained."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import pytest

import drf_commons

#: Adding to the public API, or taking from it, is a decision: it is made here.
EXPORTS = {
    "drf_commons.admin": {
        "AuditAdminMixin",
        "BaseModelAdmin",
        "ExportAdminMixin",
        "ImportAdminMixin",
        "ImportExportAdminMixin",
        "LiveFilter",
        "SoftDeleteAdminMixin",
        "VersionAdminMixin",
    },
    "drf_commons.bulk": {
        "abulk_create",
        "abulk_delete",
        "abulk_soft_delete",
        "abulk_update",
        "bulk_create",
        "bulk_delete",
        "bulk_soft_delete",
        "bulk_update",
    },
    "drf_commons.checks": {
        "check_current_user_middleware",
        "check_export_configs",
        "check_import_configs",
        "check_relation_fields",
        "check_runner",
        "check_settings",
        "register_checks",
        "validate_project",
    },
    "drf_commons.conf": {
        "CommonSettings",
        "CommonSettingsDict",
        "EffectiveSetting",
        "Origin",
        "SettingFault",
        "describe_settings",
        "find_setting_faults",
        "get_settings",
    },
    "drf_commons.current_user": {
        "RequestScope",
        "aget_audit_user",
        "aget_current_authenticated_user",
        "aget_current_user",
        "as_user",
        "get_audit_user",
        "get_current_authenticated_user",
        "get_current_user",
    },
    "drf_commons.debug": {
        "Category",
        "ContextFilter",
        "Place",
        "QueryRecorder",
        "QueryShape",
        "SlowQuery",
        "StructuredLogger",
        "TextFormatter",
        "build_json_formatter",
        "build_logging",
        "get_request_id",
        "get_trace_id",
        "redact",
        "request_id_scope",
    },
    "drf_commons.decorators": {
        "api_performance_monitor",
        "api_request_logger",
        "cache_debug",
        "log_db_query",
        "log_exceptions",
        "log_function_call",
    },
    "drf_commons.errors": {
        "AuthenticationRequiredError",
        "BulkVersionConflictError",
        "ChangedSourceError",
        "ConfigurationError",
        "DrfCommonsError",
        "ExportTooLargeError",
        "FileTooLargeError",
        "InvalidExportConfigError",
        "InvalidHeaderError",
        "InvalidImportConfigError",
        "InvalidSettingsError",
        "JobStateError",
        "MissingExtraError",
        "MissingMiddlewareError",
        "NestingDepthError",
        "UnreadableFileError",
        "UnwritableCellError",
        "UserNotLoadedError",
        "VersionConflictError",
    },
    "drf_commons.filters": {"ComputedOrdering", "ComputedOrderingFilter"},
    "drf_commons.jobs": set[str](),
    "drf_commons.jobs.models": {
        "ACTIVE",
        "ExportJob",
        "FailedRows",
        "ImportChunk",
        "ImportJob",
        "JobStatus",
        "Strategy",
        "TransferJob",
        "build_path",
        "get_storage",
    },
    "drf_commons.jobs.runners": {"Runner", "get_runner", "run_call", "send"},
    "drf_commons.jobs.service": {
        "JobProgress",
        "Requester",
        "cancel",
        "confirm",
        "delete_job",
        "get_progress",
        "get_report",
        "mark_stalled",
        "name_target",
        "resume",
        "start_export",
        "start_import",
    },
    "drf_commons.keyset": {"Keyset", "Position"},
    "drf_commons.middlewares": {
        "CurrentUserMiddleware",
        "DebugMiddleware",
        "MiddlewareChecker",
        "ProfilerMiddleware",
        "SQLDebugMiddleware",
    },
    "drf_commons.models": {
        "ActiveManager",
        "AddressMixin",
        "AuditManager",
        "AuditQuerySet",
        "BaseModelMixin",
        "CurrentUserField",
        "IdentityMixin",
        "JsonModelMixin",
        "LiveUniqueConstraint",
        "MetaMixin",
        "SlugMixin",
        "SoftDeleteManager",
        "SoftDeleteMixin",
        "SoftDeleteQuerySet",
        "TimeStampMixin",
        "TimestampField",
        "UserActionMixin",
        "VersionMixin",
    },
    "drf_commons.models.content": {
        "MetaMixin",
        "SlugMixin",
        "VersionConflictError",
        "VersionMixin",
        "validate_metadata",
        "validate_tags",
    },
    "drf_commons.openapi": {
        "EnvelopeSchema",
        "EnvelopeViewExtension",
        "RelationFieldExtension",
        "ReportFieldExtension",
    },
    "drf_commons.ordering": {"OrderTerm", "can_order_totally", "get_order", "is_descending", "order_totally"},
    "drf_commons.pagination": {
        "CountlessPageNumberPagination",
        "LimitOffsetPaginationWithFormat",
        "StandardCursorPagination",
        "StandardPageNumberPagination",
    },
    "drf_commons.response": {
        "DEFAULT_ERROR_MESSAGE",
        "DEFAULT_SUCCESS_MESSAGE",
        "EnvelopeError",
        "EnvelopeResponse",
        "ExceptionHandler",
        "build_success",
        "build_timestamp",
        "enveloped",
        "error_response",
        "success_response",
        "translate_exception",
    },
    "drf_commons.serializers": {
        "BaseListSerializer",
        "BaseModelSerializer",
        "BaseSerializer",
        "BulkListSerializer",
        "BulkUpdateListSerializer",
        "RelationWrite",
        "RowOutcome",
    },
    "drf_commons.serializers.fields": {
        "Accept",
        "ConfigurableRelatedFieldMixin",
        "CustomOutputField",
        "DataToDataField",
        "DataToIdField",
        "DataToStrField",
        "FlexibleField",
        "IdOnlyField",
        "IdToDataField",
        "IdToStrField",
        "ManyCustomOutputField",
        "ManyDataToDataField",
        "ManyDataToIdField",
        "ManyDataToStrField",
        "ManyFlexibleField",
        "ManyIdOnlyField",
        "ManyIdToDataField",
        "ManyIdToStrField",
        "ManyReadOnlyCustomField",
        "ManyReadOnlyDataField",
        "ManyReadOnlyIdField",
        "ManyReadOnlyStrField",
        "ManyRelation",
        "ManyStrOnlyField",
        "ManyStrToDataField",
        "ManyStrToIdField",
        "ManyWriteOnlyRelatedField",
        "ReadOnlyCustomField",
        "ReadOnlyDataField",
        "ReadOnlyIdField",
        "ReadOnlyStrField",
        "StrOnlyField",
        "StrToDataField",
        "StrToIdField",
        "WriteOnlyRelatedField",
    },
    "drf_commons.services": {
        "CellError",
        "ChunkOutcome",
        "CsvOptions",
        "ExportColumn",
        "ExportFieldConfig",
        "ExportOptions",
        "ExportResult",
        "ExportService",
        "FailedRow",
        "FileImportService",
        "ForeignKeyLookup",
        "ImportConfig",
        "ImportProgress",
        "ImportResult",
        "ImportScope",
        "ManyToManyLookup",
        "ModelStep",
        "PreviewRow",
        "StepCounts",
    },
    "drf_commons.streams": {"build_download_headers", "start", "stream"},
    "drf_commons.testing": {"as_user", "assert_error", "assert_success", "max_queries"},
    "drf_commons.types": {
        "Envelope",
        "ErrorEnvelope",
        "ErrorTree",
        "Json",
        "JsonObject",
        "Page",
        "Pagination",
        "Pk",
        "RuntimeGeneric",
        "StrOrPromise",
    },
    "drf_commons.views": {
        "BaseViewSet",
        "BulkCreateViewSet",
        "BulkDeleteViewSet",
        "BulkImportableViewSet",
        "BulkOnlyViewSet",
        "BulkUpdateViewSet",
        "BulkViewSet",
        "CreateListViewSet",
        "ImportableViewSet",
        "ReadOnlyViewSet",
    },
    "drf_commons.views.mixins": {
        "AutoPrefetchMixin",
        "BulkCreateModelMixin",
        "BulkDeleteModelMixin",
        "BulkUpdateModelMixin",
        "CreateModelMixin",
        "DestroyModelMixin",
        "EnvelopeMixin",
        "FileExportMixin",
        "FileImportMixin",
        "ListModelMixin",
        "PreconditionMixin",
        "RetrieveModelMixin",
        "SoftDestroyModelMixin",
        "UpdateModelMixin",
    },
}

#: Django, mypy and a command find these by their place; nobody imports from them.
FOUND_BY_PLACE = (
    "drf_commons.apps",
    "drf_commons.codegen",
    "drf_commons.inference",
    "drf_commons.jobs.admin",
    "drf_commons.jobs.apps",
    "drf_commons.jobs.background",
    "drf_commons.jobs.management",
    "drf_commons.jobs.migrations",
    "drf_commons.jobs.tasks",
    "drf_commons.management",
    "drf_commons.mypy_plugin",
)


def find_modules() -> list[str]:
    """Return the modules that users may import from."""
    names = [module.name for module in pkgutil.walk_packages(drf_commons.__path__, "drf_commons.")]
    return [name for name in names if not name.startswith(FOUND_BY_PLACE)]


def get_exports(module: ModuleType) -> list[str]:
    """Return ``__all__``."""
    exports: list[str] = module.__all__
    return exports


def find_definitions(module: ModuleType) -> Iterator[tuple[str, object]]:
    """Yield what *module* exports and defines itself, and the public methods and properties of its classes."""
    for name in get_exports(module):
        value: object = getattr(module, name)
        # An alias of somebody else's class, and a constant, have no docstring of their own.
        if not (inspect.isclass(value) or inspect.isfunction(value)) or value.__module__ != module.__name__:
            continue
        yield name, value
        if inspect.isclass(value):
            for attribute, member in vars(value).items():
                function = getattr(member, "fget", None) or getattr(member, "__func__", member)
                if attribute.startswith("_") or not inspect.isfunction(function):
                    continue
                # What overrides a documented method is documented there, and what a metaclass adds is not ours.
                if function.__module__.startswith("drf_commons") and not is_override(function):
                    yield f"{name}.{attribute}", function


def is_override(function: object) -> bool:
    """Tell whether *function* is marked as one that replaces an inherited one."""
    return getattr(function, "__override__", False) is True


def get_sort_key(name: str) -> tuple[bool, bool, str]:
    """Return what sorts constants before classes before functions."""
    return not name.isupper(), not name[:1].isupper(), name


@pytest.mark.parametrize("name", find_modules())
def test_exports_are_sorted_and_importable(name: str) -> None:
    """``from module import *`` gives what is documented, nothing private, in an order that merges well."""
    module = importlib.import_module(name)
    exports = get_exports(module)
    assert exports == sorted(set(exports), key=get_sort_key)
    assert [export for export in exports if export.startswith("_") or not hasattr(module, export)] == []


@pytest.mark.parametrize("name", find_modules())
def test_what_is_public_is_explained(name: str) -> None:
    """Modules, classes, functions, methods and properties say what the reader gets."""
    module = importlib.import_module(name)
    assert inspect.getdoc(module)
    assert [label for label, value in find_definitions(module) if not (value.__doc__ or "").strip()] == []


@pytest.mark.parametrize("name", EXPORTS)
def test_public_paths_export_what_is_promised(name: str) -> None:
    """The paths users import from hold exactly the names that are meant to be there."""
    assert set(get_exports(importlib.import_module(name))) == EXPORTS[name]


def test_every_public_path_is_listed() -> None:
    """A package, and a module that stands alone, is a public path; what is inside a package is re-exported by it."""
    top_level = {name for name in find_modules() if name.count(".") == 1}
    assert top_level - EXPORTS.keys() == set()


def test_the_version_is_told() -> None:
    """The package itself holds its version and nothing else."""
    assert drf_commons.__version__
