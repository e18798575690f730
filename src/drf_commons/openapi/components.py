"""The envelopes as components of a schema, one for each payload."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_commons.openapi.spectacular import Component, Registry, Schema, append_meta, is_jsonschema_compliant
from drf_commons.types import Envelope, ErrorEnvelope

__all__ = ["find_paginator_name", "refer_to_envelope", "refer_to_error", "register", "turn_into_page"]


def refer_to_envelope(registry: Registry, payload: Schema | None, name: str) -> Schema:
    """Return a reference to the envelope around *payload*, or around nothing; *name* is for a payload without one."""
    data = _refer_to_null(registry) if payload is None else payload
    label = "Empty" if payload is None else _name(payload) or name
    return register(registry, f"{label}Envelope", Envelope, _build_body({"data": data}, {}, is_success=True))


def refer_to_error(registry: Registry, code: str, **extra: Schema) -> Schema:
    """Return a reference to the error envelope for the status *code*, with *extra* keys beside the errors."""
    name = "ErrorEnvelope"
    if code in {"409", "412"}:
        name, extra = "ConflictEnvelope", _build_conflict(registry)
    elif extra:
        name = "".join(key.title() for key in extra) + name
    payload: dict[str, Schema] = {
        "errors": {
            "type": "object",
            "additionalProperties": {},
            "description": "Messages by field, nested as the input is; `non_field_errors` and `detail` name none.",
        },
        "data": _refer_to_null(registry),
    }
    return register(registry, name, ErrorEnvelope, _build_body(payload, extra, is_success=False))


def _build_conflict(registry: Registry) -> dict[str, Schema]:
    """Return what a write that met another one tells of the versions."""
    version: Schema = append_meta({"type": "integer"}, {"nullable": True})
    conflict: Schema = {
        "type": "object",
        "properties": {"pk": {}, "expected_version": {"type": "integer"}, "current_version": version},
        "required": ["pk", "expected_version", "current_version"],
    }
    items = register(registry, "VersionConflict", ErrorEnvelope, conflict)
    return {
        "current_version": {**version, "description": "The version the row has now."},
        "conflicts": {"type": "array", "items": items, "description": "Of many rows, those that were changed."},
    }


def turn_into_page(registry: Registry, page: Schema, paginator: object) -> None:
    """Turn what *paginator* says its body is into the body of a list: rows in ``data``, the rest in ``pagination``."""
    properties: dict[str, Schema] = page.get("properties", {})
    rows = _find_rows(properties, paginator)
    # Paginators speak OpenAPI 3.0 whatever the version: what may be null is put as the version has it.
    rest = {name: append_meta(schema, {}) for name, schema in properties.items() if name != rows}
    # DRF's own say of half of what they send that it may be missing.
    required = [name for name in rest if name in page.get("required", []) or _is_known(paginator)]
    pagination: Schema = {"type": "object", "properties": rest, **({"required": required} if required else {})}
    kind = type(paginator)
    reference = register(registry, kind.__name__, kind, pagination)
    data = properties.get(rows, {"type": "array", "items": {}})
    body = _build_body({"data": data}, {"pagination": reference}, is_success=True)
    page.clear()
    page.update(body)


def find_paginator_name(page: Schema) -> str:
    """Return which paginator *page* was turned into the body of a list for; nothing where it was not yet."""
    properties: dict[str, Schema] = page.get("properties", {})
    return str(properties.get("pagination", {}).get("$ref", "")).rpartition("/")[2]


def _find_rows(properties: Schema, paginator: Any) -> str:
    """Return what *paginator* calls the rows, as it does with an answer: nothing, where they are further inside."""
    rows: Schema = {}
    told: Schema = paginator.get_paginated_response_schema(rows)
    named = (name for name, schema in told.get("properties", {}).items() if schema is rows)
    return next(named, "results" if "results" in properties else "")


def _is_known(paginator: Any) -> bool:
    """Tell whether the keys of a page are those of DRF's paginators, or of ours, each of which is always sent."""
    return str(paginator.get_paginated_response.__module__).startswith(("drf_commons.", "rest_framework."))


def register(registry: Registry, name: str, kind: object, schema: Schema) -> Schema:
    """Return a reference to the component *name*, which stands for *kind* and is made of *schema*."""
    component = Component(name=name, type=Component.SCHEMA, schema=schema, object=kind)
    registry.register_on_missing(component)
    return component.ref


def _build_body(payload: Mapping[str, Schema], extra: Mapping[str, Schema], *, is_success: bool) -> Schema:
    properties: dict[str, Schema] = {
        # A bare enum would be made a component of its own, named after the property.
        "success": {"oneOf": [{"type": "boolean", "enum": [is_success]}]},
        "timestamp": {"type": "string", "format": "date-time", "description": "UTC."},
        "message": {"type": "string"},
        **payload,
    }
    return {"type": "object", "properties": {**properties, **extra}, "required": [*properties]}


def _name(payload: Schema) -> str:
    """Return the name of the component that *payload* is, or is a list of."""
    match payload:
        case {"$ref": str(path)}:
            return path.rpartition("/")[2]
        case {"type": "array", "items": {"$ref": str(path)}}:
            return f"{path.rpartition('/')[2]}List"
        case _:
            return ""


def _refer_to_null(registry: Registry) -> Schema:
    # OpenAPI 3.0 has no type for null alone: this is what spectacular itself makes of one among the choices of a field.
    return {"type": "null"} if is_jsonschema_compliant() else register(registry, "NullEnum", str, {"enum": [None]})
