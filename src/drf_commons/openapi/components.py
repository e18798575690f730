"""The envelopes as components of a schema, one for each payload."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from drf_commons.openapi.spectacular import Component, Registry, Schema, append_meta, is_jsonschema_compliant
from drf_commons.types import Envelope, ErrorEnvelope

__all__ = ["refer_to_envelope", "refer_to_error", "turn_into_page"]

#: What the envelope of a refused write tells beside its errors.
_CONFLICT: Final[Mapping[str, Schema]] = {
    "current_version": {"type": "integer", "description": "The version the row has now."},
    "current_versions": {
        "type": "object",
        "additionalProperties": {"type": "integer", "nullable": True},
        "description": "The versions the rows have now, by id.",
    },
}


def refer_to_envelope(registry: Registry, payload: Schema | None, name: str) -> Schema:
    """Return a reference to the envelope around *payload*, or around nothing; *name* is for a payload without one."""
    if payload is None:
        return _register(registry, "EmptyEnvelope", Envelope, {"data": _build_null()})
    return _register(registry, f"{_name(payload) or name}Envelope", Envelope, {"data": payload})


def refer_to_error(registry: Registry, *, is_conflict: bool = False) -> Schema:
    """Return a reference to the error envelope, or to the one of a write that met another."""
    name = "ConflictEnvelope" if is_conflict else "ErrorEnvelope"
    return _register(
        registry,
        name,
        ErrorEnvelope,
        {
            "errors": {
                "type": "object",
                "additionalProperties": {},
                "description": "Messages by field, nested as the input is; `non_field_errors` and `detail` name none.",
            },
            "data": _build_null(),
        },
        extra=_CONFLICT if is_conflict else {},
        is_success=False,
    )


def turn_into_page(page: Schema) -> None:
    """Turn what a paginator says its body is into the body of a list: rows in ``data``, the rest in ``pagination``."""
    properties: dict[str, Schema] = page.get("properties", {})
    if "results" not in properties:
        return
    # Paginators speak OpenAPI 3.0 whatever the version: what may be null is put as the version has it.
    rest = {name: append_meta(schema, {}) for name, schema in properties.items() if name != "results"}
    required = [name for name in page.get("required", []) if name in rest]
    pagination: Schema = {"type": "object", "properties": rest}
    if required:
        pagination["required"] = required
    body = _build_body({"data": properties["results"]}, {"pagination": pagination}, is_success=True)
    page.clear()
    page.update(body)


def _register(
    registry: Registry,
    name: str,
    kind: object,
    payload: Mapping[str, Schema],
    *,
    extra: Mapping[str, Schema] | None = None,
    is_success: bool = True,
) -> Schema:
    component = Component(
        name=name,
        type=Component.SCHEMA,
        schema=_build_body(payload, extra or {}, is_success=is_success),
        object=kind,
    )
    registry.register_on_missing(component)
    return component.ref


def _build_body(payload: Mapping[str, Schema], extra: Mapping[str, Schema], *, is_success: bool) -> Schema:
    properties: dict[str, Schema] = {
        # A bare enum would be made a component of its own, named after the property.
        "success": {"allOf": [{"type": "boolean", "enum": [is_success]}]},
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


def _build_null() -> Schema:
    # OpenAPI 3.0 has no type for null alone.
    return {"type": "null"} if is_jsonschema_compliant() else {"type": "object", "nullable": True, "maxProperties": 0}
