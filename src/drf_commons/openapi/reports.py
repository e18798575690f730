"""What the bulk and file actions report, as components of a schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, get_args

from drf_commons.openapi.components import register
from drf_commons.openapi.spectacular import Registry, Schema
from drf_commons.services.importing import Action, ImportMode, ImportState

__all__ = ["refer_to_bulk_report", "refer_to_delete_report", "refer_to_import_report", "refer_to_job_event"]

_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_TEXT: Final[Schema] = {"type": "string"}
_TREE: Final[Schema] = {"type": "object", "additionalProperties": {}}


def refer_to_delete_report(registry: Registry) -> Schema:
    """Return a reference to what became of a bulk deletion."""
    return _refer(
        registry,
        "DeleteReport",
        _build(
            {"errors": {**_TREE, "description": "In partial mode: why rows are still there, by position."}},
            requested_count=_COUNT,
            count=_COUNT,
            missing_ids={"type": "array", "items": _TEXT},
            missing_count=_COUNT,
        ),
    )


def refer_to_bulk_report(registry: Registry, row: Schema, name: str) -> Schema:
    """Return a reference to what became of each row of a bulk request in partial mode; *name* is that of *row*."""
    report = _build(
        {"data": row, "errors": {"oneOf": [_TREE, {"type": "array", "items": {}}]}},
        index=_COUNT,
        status={"type": "integer", "description": "What the row alone would have been answered with."},
    )
    return _refer(
        registry,
        f"{name}BulkReport",
        _build(
            requested_count=_COUNT,
            count=_COUNT,
            failed_count=_COUNT,
            rows={"type": "array", "items": report},
        ),
    )


def refer_to_import_report(registry: Registry) -> Schema:
    """Return a reference to the report of an import."""
    error = _refer(
        registry,
        "ImportReportError",
        _build(
            row={"type": "integer", "description": "The row of the file, as a person counts."},
            column={**_TEXT, "description": "Its header, or the field; empty for the row as a whole."},
            value=_TEXT,
            reason=_TEXT,
            code=_TEXT,
        ),
    )
    preview = _refer(
        registry,
        "ImportReportRow",
        _build(row=_COUNT, action=_choose(registry, "ImportReportAction", Action), values=_TREE),
    )
    counts = _refer(registry, "ImportReportCounts", _build(created=_COUNT, updated=_COUNT, unchanged=_COUNT))
    return _refer(
        registry,
        "ImportReport",
        _build(
            mode=_choose(registry, "ImportReportMode", ImportMode),
            state=_choose(registry, "ImportReportState", ImportState),
            reason=_TEXT,
            dry_run={"type": "boolean"},
            total=_COUNT,
            created=_COUNT,
            updated=_COUNT,
            unchanged=_COUNT,
            failed=_COUNT,
            deleted=_COUNT,
            steps={"type": "object", "additionalProperties": counts},
            errors={"type": "array", "items": error},
            error_count=_COUNT,
            preview={"type": "array", "items": preview},
            chunks=_COUNT,
            timings={"type": "object", "additionalProperties": {"type": "number"}},
        ),
    )


def refer_to_job_event(registry: Registry) -> Schema:
    """Return a reference to what a stream about a job consists of."""
    return _refer(
        registry,
        "JobEvent",
        _build(
            {"id": {"type": "string", "enum": ["end"], "description": "Of the last event: nothing follows it."}},
            event={"type": "string", "enum": ["progress", "end"]},
            data={**_TEXT, "description": "The job's `progress` as JSON; of a job that is gone, its `status` alone."},
        ),
    )


def _choose(registry: Registry, name: str, choices: object) -> Schema:
    return _refer(registry, name, {"type": "string", "enum": [*get_args(choices)]})


def _refer(registry: Registry, name: str, schema: Schema) -> Schema:
    # One owner for all: the registry tells components of one name apart by it.
    return register(registry, name, dict, schema)


def _build(optional: Mapping[str, Schema] | None = None, /, **properties: Schema) -> Schema:
    return {"type": "object", "properties": {**properties, **(optional or {})}, "required": [*properties]}
