"""Rows that rows of several chunks need, and that the import creates: of the earlier steps, and of ``create_missing``.

Each is the same whoever creates it, so any worker may; but of two who find it missing at once, one has to wait. A batch
that lacks such a row takes its turn, and all others go on side by side.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from django.db.models import Model

from drf_commons.jobs.keys import NO_VALUES
from drf_commons.services.importing import Chunk, Plan
from drf_commons.services.importing.existing import Record, build_getter, find_existing
from drf_commons.services.importing.lookups import Fault
from drf_commons.services.importing.plan import StepPlan
from drf_commons.services.importing.rows import BLANK, Cells

__all__ = ["creates_parents", "is_interchangeable", "is_told_by", "lacks_parents"]


def creates_parents(plan: Plan) -> bool:
    """Tell whether the import may create what several of its rows need."""
    return any(step.key for step in plan.steps[:-1]) or any(lookup.create_missing for lookup in plan.lookups)


def is_interchangeable(step: StepPlan) -> bool:
    """Tell whether a row of an earlier step is the same whichever row of the file it is created for."""
    filled = {place for place, column in enumerate(step.fields) if column.name not in step.constants}
    is_read = 0 < len(step.values) == len(filled) and not step.many_to_many
    return is_read and {*step.key} >= filled and is_told_by(step.model, {step.fields[place].name for place in filled})


def is_told_by(model: type[Model], names: Collection[str]) -> bool:
    """Tell whether two rows of *model* with different values of *names* are never in each other's way."""
    kinds = (model, *model._meta.get_parent_list())
    sets = [
        {field.name} for kind in kinds for field in kind._meta.local_fields if field.unique and not field.primary_key
    ]
    for kind in kinds:
        sets += [{*names} for names in kind._meta.unique_together]
        # A condition that a row does not meet takes the others of its batch with it.
        sets += [{*getattr(constraint, "fields", ())} for constraint in kind._meta.constraints]
    return all(not found.isdisjoint(names) for found in sets)


def lacks_parents(plan: Plan, batch: Chunk) -> bool:
    """Tell whether something that a row of *batch* needs, and may create, is not there yet."""
    columns = [*zip(*batch.rows, strict=True)]
    if not columns:
        return False
    if any(_lacks_rows(step, columns) for step in plan.steps[:-1] if step.key):
        return True
    main = plan.steps[-1]
    keys = [(column.lookup, column.read_keys(columns[column.index])) for column in main.foreign_keys]
    keys += [(column.lookup, _flatten(column.read_keys(columns[column.index]))) for column in main.many_to_many]
    return any(lookup.create_missing and lookup.lacks(_leave_out_none(named)) for lookup, named in keys)


def _lacks_rows(step: StepPlan, columns: Sequence[Cells]) -> bool:
    parts = [column.convert(columns[column.index])[0] for column in step.values]
    values = {part for part in zip(*parts, strict=True) if NO_VALUES.isdisjoint(map(type, part))}
    records: list[Record] = [(*part, *step.constants.values()) for part in values]
    return not find_existing(step, records).by_key.keys() >= {*map(build_getter(step.key), records)}


def _flatten(cells: Sequence[Any]) -> list[Any]:
    return [key for cell in cells if type(cell) is not Fault for key in cell]


def _leave_out_none(keys: Sequence[Any]) -> set[Any]:
    return {key for key in keys if key is not BLANK and type(key) not in NO_VALUES}
