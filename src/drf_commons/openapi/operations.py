"""What the bulk and file actions take and answer, which no serializer says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.apps import apps
from rest_framework.serializers import ModelSerializer

from drf_commons.models.content import VersionMixin
from drf_commons.openapi.components import register
from drf_commons.openapi.reports import (
    refer_to_bulk_report,
    refer_to_delete_report,
    refer_to_import_report,
    refer_to_job_event,
)
from drf_commons.openapi.spectacular import OpenApiTypes, Schema, append_meta, warn
from drf_commons.serializers.identity import build_identity
from drf_commons.services.exporting import CONTENT_TYPES
from drf_commons.views.mixins.handover import IMPORT_JOBS, find_job_url
from drf_commons.views.mixins.importing import ImportRequestSerializer

if TYPE_CHECKING:
    from drf_commons.openapi.schema import EnvelopeSchema

__all__ = ["Operation", "find_operation", "is_offered", "may_become_job", "may_miss_storage"]

_JSON: Final = "application/json"
_FORM: Final = "multipart/form-data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An action of the library's own: what its body holds by media type, and its answers by status."""

    describe_body: Callable[[EnvelopeSchema], Mapping[str, object] | None]
    describe_answers: Callable[[EnvelopeSchema], Mapping[object, object]]
    #: How it may fail, beyond what any action may.
    errors: tuple[str, ...] = ()
    #: Whether it is about the rows that the list's own query parameters leave.
    is_filtered: bool = False
    #: Whether it matters in which order they come.
    is_ordered: bool = False
    #: Whether it cannot be told without the serializer of a row.
    is_about_rows: bool = True
    #: Whether it only reads, whatever its method.
    is_safe: bool = False


def find_operation(view: Any) -> Operation | None:
    """Return what *view* does, where that is an action of the library's mixins that a serializer does not describe."""
    name = getattr(view, "action", None)
    operation = _OPERATIONS.get(str(name))
    owners = (base for base in type(view).__mro__ if name in vars(base))
    return operation if any(_is_ours(base) for base in owners) else None


def is_offered(view: Any) -> bool:
    """Tell whether *view* has what its action needs: nothing is exported or imported where nothing says what."""
    match getattr(view, "action", None):
        case "bulk_soft_delete":
            # What get_queryset() needs of a request is not there.
            return getattr(view, "queryset", None) is None or view.offers_bulk_soft_delete()
        case "export":
            return bool(getattr(view, "export_field_config", True))
        case "import_from_file" | "download_import_template":
            is_made = any("get_import_config" in vars(base) for base in type(view).__mro__ if not _is_ours(base))
            return is_made or getattr(view, "import_file_config", True) is not None
        case _:
            return True


def _is_ours(base: type) -> bool:
    return base.__module__.startswith("drf_commons.views")


# Bulk


def _describe_new_rows(schema: EnvelopeSchema) -> Mapping[str, object]:
    return {_JSON: {"type": "array", "items": schema.refer_to_row("request"), "minItems": 1}}


def _describe_changed_rows(schema: EnvelopeSchema) -> Mapping[str, object]:
    row = schema.refer_to_row("request", partial=schema.method == "PATCH")
    model, serializer = schema.find_model(), schema.get_row_serializer()
    key = (build_identity(serializer, "pk").field_name if isinstance(serializer, ModelSerializer) else None) or "id"
    identity: dict[str, Schema] = {key: _describe_key(schema)}
    required = [key]
    if model is not None and issubclass(model, VersionMixin):
        identity["version"] = {"type": "integer", "description": "The version the row was read with."}
        required += ["version"] if getattr(schema.view, "require_if_match", False) else []
    named: Schema = {"type": "object", "properties": identity, "required": required}
    item = register(schema.registry, f"Bulk{_name(row)}", dict, {"allOf": [row, named]})
    return {_JSON: {"type": "array", "items": item, "minItems": 1}}


def _describe_ids(schema: EnvelopeSchema) -> Mapping[str, object]:
    ids: Schema = {"type": "array", "items": _describe_key(schema), "minItems": 1}
    named: Schema = {"type": "object", "properties": {"ids": ids}, "required": ["ids"]}
    row = schema.refer_to_row("response")
    return {_JSON: {"oneOf": [ids, register(schema.registry, f"{_name(row)}Ids", dict, named)]}}


def _describe_key(schema: EnvelopeSchema) -> Schema:
    model = schema.find_model()
    if model is None:
        warn(
            f"{type(schema.view).__name__}: neither its queryset nor its serializer names a model; its keys may be any"
        )
        return {}
    column = schema._map_model_field(model._meta.pk, "request")  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    return {key: value for key, value in column.items() if key not in {"readOnly", "default", "nullable"}}


def _name(row: Schema) -> str:
    """Return the name of the component that *row* refers to, if it has any fields."""
    return str(row.get("$ref", "/Row")).rpartition("/")[2]


def _answer_rows(schema: EnvelopeSchema) -> Mapping[object, object]:
    row = schema.refer_to_row("response")
    if getattr(schema.view, "bulk_mode", "atomic") == "partial":
        return {207: refer_to_bulk_report(schema.registry, row, _name(row))}
    codes = [201 if schema.action == "bulk_create" else 200]
    if schema.action == "bulk_create" and getattr(schema.view, "bulk_upsert_fields", None):
        codes.append(200)  # no row of them was new
    return {code: {"type": "array", "items": row} for code in codes}


def _answer_deletion(schema: EnvelopeSchema) -> Mapping[object, object]:
    is_partial = getattr(schema.view, "bulk_mode", "atomic") == "partial"
    return {207 if is_partial else 200: refer_to_delete_report(schema.registry)}


def _answer_row(schema: EnvelopeSchema) -> Mapping[object, object]:
    return {200: schema.refer_to_row("response")}


# Files


def _describe_upload(_schema: EnvelopeSchema) -> Mapping[str, object]:
    return {_FORM: ImportRequestSerializer}


def _answer_import(schema: EnvelopeSchema) -> Mapping[object, object]:
    report: dict[object, object] = dict.fromkeys((200, 201, 207), refer_to_import_report(schema.registry))
    # Of the rows that failed, where the client would rather have those.
    files = ((code, CONTENT_TYPES[kind]) for code in (200, 207, 422) for kind in ("csv", "xlsx"))
    return {**report, **dict.fromkeys(files, OpenApiTypes.BINARY), **_answer_job(schema, "ImportJobSerializer")}


def _describe_export(schema: EnvelopeSchema) -> Mapping[str, object]:
    view: Any = schema.view
    columns: Schema = {"type": "string", "enum": [*view.export_field_config]}
    kind: type[Any] = view.__class__
    owner = next((base for base in kind.__mro__ if "export_field_config" in vars(base)), kind)
    column = register(schema.registry, f"{owner.__name__.removesuffix('ViewSet')}ExportColumn", owner, columns)
    included = append_meta({"type": "array", "items": column, "minItems": 1}, {"nullable": True})
    properties: dict[str, Schema] = {
        "file_type": {"type": "string", "enum": [*CONTENT_TYPES]},
        "includes": {**included, "description": "The columns; all of them when left out, or null."},
    }
    if getattr(schema.view, "export_allow_client_data", False):
        properties["data"] = {"type": "array", "items": {"type": "object", "additionalProperties": {}}}
    # A client that says nothing but Accept gets its file as well.
    return {_JSON: {"type": "object", "properties": properties, "required": ["file_type"]}}


def _answer_export(schema: EnvelopeSchema) -> Mapping[object, object]:
    files: dict[object, object] = {(200, media_type): OpenApiTypes.BINARY for media_type in CONTENT_TYPES.values()}
    return {**files, **_answer_job(schema, "ExportJobSerializer")}


def _answer_template(_schema: EnvelopeSchema) -> Mapping[object, object]:
    return {(200, CONTENT_TYPES["xlsx"]): OpenApiTypes.BINARY}


# Jobs


def may_become_job(schema: EnvelopeSchema) -> bool:
    """Tell whether the action may be handed over to a job: 202."""
    is_routed = find_job_url(None, IMPORT_JOBS) is not None
    return schema.action in {"import_from_file", "export"} and apps.is_installed("drf_commons.jobs") and is_routed


def may_miss_storage(schema: EnvelopeSchema) -> bool:
    """Tell whether the action puts the files of a job into their storage, or takes them out: 503."""
    if schema.action == "destroy":
        return any(base.__module__.startswith("drf_commons.views.jobs") for base in type(schema.view).__mro__)
    return schema.action == "import_from_file" and may_become_job(schema)


def _answer_job(schema: EnvelopeSchema, name: str) -> Mapping[object, object]:
    if not may_become_job(schema):
        return {}
    from drf_commons.views.jobs import representation  # noqa: PLC0415  # the app has models

    return {202: getattr(representation, name)}


def _answer_events(schema: EnvelopeSchema) -> Mapping[object, object]:
    # Most clients take the body for a text, some for the events that are in it: OpenAPI says neither before 3.2.
    stream: Schema = {"anyOf": [{"type": "string"}, refer_to_job_event(schema.registry)]}
    return {(200, "text/event-stream"): stream, 204: None}


def _answer_failed_rows(_schema: EnvelopeSchema) -> Mapping[object, object]:
    return {(200, CONTENT_TYPES[name]): OpenApiTypes.BINARY for name in ("csv", "xlsx")}


def _answer_written_file(_schema: EnvelopeSchema) -> Mapping[object, object]:
    return {(200, media_type): OpenApiTypes.BINARY for media_type in CONTENT_TYPES.values()}


def _describe_nothing(_schema: EnvelopeSchema) -> None:
    return None


_DELETION: Final = Operation(
    describe_body=_describe_ids,
    describe_answers=_answer_deletion,
    errors=("400", "404", "409", "413"),
    is_filtered=True,
)
_DECISION: Final = Operation(describe_body=_describe_nothing, describe_answers=_answer_row, errors=("409",))
_OPERATIONS: Final[Mapping[str, Operation]] = {
    "bulk_create": Operation(
        describe_body=_describe_new_rows, describe_answers=_answer_rows, errors=("400", "409", "413")
    ),
    "bulk_update": Operation(
        describe_body=_describe_changed_rows,
        describe_answers=_answer_rows,
        errors=("400", "404", "409", "413"),
        is_filtered=True,
    ),
    "bulk_delete": _DELETION,
    "bulk_soft_delete": _DELETION,
    "import_from_file": Operation(
        describe_body=_describe_upload,
        describe_answers=_answer_import,
        errors=("400", "413", "422"),
        is_about_rows=False,
    ),
    "download_import_template": Operation(
        describe_body=_describe_nothing, describe_answers=_answer_template, is_about_rows=False
    ),
    "export": Operation(
        describe_body=_describe_export,
        describe_answers=_answer_export,
        errors=("400", "404", "413"),
        is_filtered=True,
        is_ordered=True,
        is_about_rows=False,
        is_safe=True,
    ),
    "cancel": _DECISION,
    "confirm": _DECISION,
    "resume": _DECISION,
    "events": Operation(describe_body=_describe_nothing, describe_answers=_answer_events),
    "failed_rows": Operation(describe_body=_describe_nothing, describe_answers=_answer_failed_rows, errors=("503",)),
    "file": Operation(describe_body=_describe_nothing, describe_answers=_answer_written_file, errors=("409", "503")),
    "restore": Operation(describe_body=_describe_nothing, describe_answers=_answer_row, errors=("404",)),
}
