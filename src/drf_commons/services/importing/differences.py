"""What an import does, or would do, as a page shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model
from django.utils.text import capfirst
from django.utils.translation import gettext as _

__all__ = ["Change", "Differences", "NewRow", "build_differences"]

_ModelClass: TypeAlias = "type[Model]"
#: What :meth:`ImportResult.to_dict() <drf_commons.services.importing.ImportResult.to_dict>` says; a job stores it.
_Report: TypeAlias = "Mapping[str, Any]"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRow:
    """A row of the file that is not stored yet; ``cells`` are in the order of the columns."""

    number: int
    cells: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One value of one stored row, before and after."""

    number: int
    #: Of the lines of a row, how many there are on the first, and 0 on the others.
    span: int
    column: str
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """The report of an import, ready for a template."""

    result: _Report
    columns: Sequence[str]
    created: Sequence[NewRow]
    updated: Sequence[Change]
    #: How many of the rows that are updated are shown.
    updated_rows: int
    #: The first errors: the row, the column, the value and the reason of each.
    failed: Sequence[Mapping[str, Any]]
    #: Whether an import of the same file would do something.
    can_be_confirmed: bool
    #: Whether the errors keep all rows out, rather than that the others are stored as the file has them.
    needs_mending: bool


def build_differences(model: _ModelClass | None, report: _Report, *, shown_errors: int | None = None) -> Differences:
    """Return what *report* tells of the rows of *model*, whose fields have names for people.

    Nothing can be confirmed that would not change anything. *shown_errors* is how many of the errors there are at most.
    """
    preview = cast("Sequence[_Report]", report["preview"])
    created = [row for row in preview if row["action"] == "created"]
    updated = [row for row in preview if row["action"] == "updated"]
    names = [*dict.fromkeys(str(name) for row in created for name in row["values"])]
    changes = report["created"] + report["updated"] + report["deleted"]
    is_refused = report["mode"] == "replace" and bool(report["failed"])
    return Differences(
        result=report,
        columns=[_label(model, name) for name in names],
        created=[
            NewRow(number=row["row"], cells=[_write(row["values"].get(name)) for name in names]) for row in created
        ],
        updated=[change for row in updated for change in _list_changes(model, row)],
        updated_rows=len(updated),
        failed=report["errors"][:shown_errors],
        can_be_confirmed=bool(changes) and not is_refused,
        needs_mending=is_refused or bool(report["failed"] and not changes and not report["unchanged"]),
    )


def _list_changes(model: _ModelClass | None, row: _Report) -> Sequence[Change]:
    values = cast("Mapping[str, Sequence[object]]", row["values"])
    return [
        Change(
            number=row["row"],
            span=0 if index else len(values),
            column=_label(model, name),
            old=_write(old),
            new=_write(new),
        )
        for index, (name, (old, new)) in enumerate(values.items())
    ]


def _label(model: _ModelClass | None, name: str) -> str:
    if model is None:
        return name
    try:
        field: Any = model._meta.get_field(name)
    except FieldDoesNotExist:
        return name
    return str(capfirst(field.verbose_name))


def _write(value: object) -> str:
    match value:
        case None | "":
            return "-"
        case True:
            return _("Yes")
        case False:
            return _("No")
        case list():
            return ", ".join(map(_write, cast("Sequence[object]", value)))
        case _:
            return str(value)
