"""What an import says of itself: every number, and every row that failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, cast

from drf_commons.services.importing.cells import write_cell
from drf_commons.services.importing.tables import Cursor

__all__ = [
    "Action",
    "CellError",
    "FailedRow",
    "ImportMode",
    "ImportProgress",
    "ImportResult",
    "ImportState",
    "PreviewRow",
    "StepCounts",
]

#: ``append`` adds to what is stored, chunk by chunk; ``replace`` also deletes what the file does not have, or nothing.
ImportMode: TypeAlias = Literal["append", "replace"]

#: How an import ended: every row was handled; somebody stopped it; something failed on the way, after some
#: chunks were committed; or all was taken back, since a row failed.
ImportState: TypeAlias = Literal["completed", "stopped", "interrupted", "rolled_back"]

#: What became of a row.
Action: TypeAlias = Literal["created", "updated", "unchanged", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellError:
    """Why a row failed: the cell, and what is wrong with it."""

    #: The row's number, as a person sees it in the file.
    row: int
    #: The header of the column; the name of the field where no column feeds it; empty for the row as a whole.
    column: str
    #: What stands in the file.
    value: object
    reason: str
    code: str

    def to_dict(self) -> dict[str, Any]:
        """Return the error as JSON has it."""
        value = write_cell(self.value)
        return {"row": self.row, "column": self.column, "value": value, "reason": self.reason, "code": self.code}


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedRow:
    """A row that failed, as it stands in the file, and why."""

    number: int
    #: Of a row that could not be read, those that could be; none where a quote is never closed.
    cells: Sequence[object]
    errors: Sequence[CellError]


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewRow:
    """What a row would do, or did."""

    row: int
    action: Action
    #: The new row's values, by field; of a row that is there already, ``[old, new]`` of those that differ.
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def to_dict(self) -> dict[str, Any]:
        """Return the row as JSON has it."""
        values = {name: _write(value) for name, value in self.values.items()}
        return {"row": self.row, "action": self.action, "values": values}


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCounts:
    """What one step did; several rows of the file may share one row of an earlier step."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0

    def __add__(self, other: StepCounts) -> StepCounts:
        return StepCounts(
            created=self.created + other.created,
            updated=self.updated + other.updated,
            unchanged=self.unchanged + other.unchanged,
        )

    def to_dict(self) -> dict[str, int]:
        """Return the counts as JSON has them."""
        return {"created": self.created, "updated": self.updated, "unchanged": self.unchanged}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportProgress:
    """How far an import has come; what it counts is committed, unless it is a dry run or replaces."""

    rows: int
    created: int
    updated: int
    unchanged: int
    failed: int
    chunks: int
    #: Where in the file the next chunk begins.
    cursor: Cursor


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """The report of an import. Every row of the file is counted once, by what the last step did with it."""

    mode: ImportMode
    state: ImportState
    #: What interrupted it; else empty.
    reason: str
    #: Whether nothing was written: the numbers are what an import would have done.
    dry_run: bool
    total: int
    created: int
    updated: int
    unchanged: int
    failed: int
    #: Rows that the file does not have, deleted by ``replace``.
    deleted: int
    steps: Mapping[str, StepCounts]
    #: The first of them; ``error_count`` is how many there are.
    errors: Sequence[CellError]
    error_count: int
    #: The first rows, where they were asked for.
    preview: Sequence[PreviewRow]
    chunks: int
    #: Seconds by what they were spent on.
    timings: Mapping[str, float]

    @property
    def succeeded(self) -> int:
        """How many rows of the file are stored as it has them."""
        return self.created + self.updated + self.unchanged

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON has it."""
        return {
            "mode": self.mode,
            "state": self.state,
            "reason": self.reason,
            "dry_run": self.dry_run,
            "total": self.total,
            "created": self.created,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "failed": self.failed,
            "deleted": self.deleted,
            "steps": {name: counts.to_dict() for name, counts in self.steps.items()},
            "errors": [error.to_dict() for error in self.errors],
            "error_count": self.error_count,
            "preview": [row.to_dict() for row in self.preview],
            "chunks": self.chunks,
            "timings": {name: round(seconds, 4) for name, seconds in self.timings.items()},
        }


def _write(value: object) -> object:
    match value:
        case list() | tuple():
            return [_write(part) for part in cast("Sequence[object]", value)]
        case None | bool() | int() | float() | str():
            return value
        case dict():
            return cast("Mapping[str, object]", value)
        case _:
            return write_cell(value)
