"""What the table holds already: one query tells new rows from known ones, and who has a value that must be unique."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import compress
from operator import itemgetter, ne
from typing import Any, Final, NamedTuple, TypeAlias, cast

from django.db import models
from django.db.models import BooleanField, ExpressionWrapper, F, Q
from django.db.models.expressions import DatabaseDefault
from django.db.models.lookups import In
from typing_extensions import override

from drf_commons.bulk.membership import build_membership
from drf_commons.services.importing.columns import FieldAny
from drf_commons.services.importing.lookups import MAX_PARAMETERS
from drf_commons.services.importing.plan import StepPlan

__all__ = ["Existing", "Record", "StoredRow", "build_getter", "find_existing", "is_same"]

#: The values of one row, in the order of the plan's fields.
Record: TypeAlias = tuple[Any, ...]

_IN_SCOPE: Final = "drf_commons_in_scope"


class StoredRow(NamedTuple):  # a frozen dataclass takes three times as long to make
    """A row of the table, as far as the import is concerned with it."""

    pk: Any
    record: Record
    #: Whether the import may change it.
    in_scope: bool
    #: ``None`` for a model without versions.
    version: int | None


@dataclass(frozen=True, slots=True)
class Existing:
    """The rows that a chunk meets."""

    by_key: dict[Any, StoredRow] = field(default_factory=dict[Any, StoredRow])
    #: For each unique set of the plan, who has which value.
    owners: list[dict[Any, StoredRow]] = field(default_factory=list[dict[Any, StoredRow]])


def build_getter(places: Sequence[int]) -> Callable[[Record], Any]:
    """Return what takes the values at *places* out of a record: one value, or a tuple of them."""
    return itemgetter(*places)


def find_existing(plan: StepPlan, records: Sequence[Record]) -> Existing:
    """Return the rows that share a key, or anything else that must be unique, with one of *records*."""
    sets = [places for places in (plan.key, *plan.unique_sets) if places]
    existing = Existing(owners=[{} for _ in plan.unique_sets])
    if not sets:
        return existing
    get_key = build_getter(plan.key) if plan.key else None
    get_others = [build_getter(places) for places in plan.unique_sets]
    has_version = hasattr(plan.model, "expected_version")
    names = ["pk", *(column.attname for column in plan.fields), *(["version"] if has_version else [])]
    rows, scoped = _build_rows(plan)
    width = len(plan.fields) + 1
    for condition in _build_conditions(plan, sets, records):
        for values in rows.filter(condition).values_list(*names, *([_IN_SCOPE] if scoped else [])):
            record = values[1:width]
            row = StoredRow(
                values[0],
                record,
                bool(values[-1]) if scoped else True,
                values[width] if has_version else None,
            )
            if get_key is not None:
                existing.by_key[get_key(record)] = row
            for owner, get_other in zip(existing.owners, get_others, strict=True):
                owner[get_other(record)] = row
    return existing


def _build_rows(plan: StepPlan) -> tuple[models.QuerySet[Any], bool]:
    """Return every row of the table, and whether each tells if it is within the scope of the import."""
    rows = plan.model._base_manager.using(plan.using).all()
    scope = plan.queryset
    if not scope.query.where.children and not scope.query.is_sliced and not scope.query.combinator:
        return rows, False
    inside = ExpressionWrapper(Q(pk__in=scope.order_by().values("pk")), output_field=BooleanField())
    return rows.annotate(**{_IN_SCOPE: inside}), True


def _build_conditions(plan: StepPlan, sets: Sequence[Sequence[int]], records: Sequence[Record]) -> Iterator[Q]:
    """Yield conditions for all of *records*, each within what one statement takes."""
    size = max(1, MAX_PARAMETERS // sum(map(len, sets)))
    for start in range(0, len(records), size):
        columns = [*zip(*records[start : start + size], strict=True)]
        parts = [_build_condition(plan, places, columns) for places in sets]
        given = [part for part in parts if part is not None]
        if given:
            yield reduce(Q.__or__, given)


def _build_condition(plan: StepPlan, places: Sequence[int], columns: Sequence[Sequence[Any]]) -> Q | None:
    """Return the condition of rows that may share the values at *places*; ``None`` where there are none to share."""
    parts: list[Q] = []
    for place in places:
        values = {value for value in columns[place] if value is not None and type(value) is not DatabaseDefault}
        if not values:
            return None  # no two NULLs are the same
        parts.append(_build_membership(plan, plan.fields[place], values))
    return reduce(Q.__and__, parts)


def _build_membership(plan: StepPlan, column: FieldAny, values: Collection[Any]) -> Q:
    """Return the condition of rows that have one of *values* in a column."""
    rows = plan.model._base_manager.using(plan.using).all()
    if (condition := build_membership(rows, column.attname, [*values])) is not None:
        return Q(condition)
    if column.get_lookup("in") is In and {*map(type, values)} == {_READY.get(type(column))}:
        return Q(_Among(F(column.attname), tuple(values)))
    return Q(**{f"{column.attname}__in": values})


class _Among(In):
    """``IN`` for values that the driver takes as they are; Django would prepare each in five calls."""

    @override
    def get_prep_lookup(self) -> Any:
        """Leave the values as they are."""
        return self.rhs

    @override
    def process_rhs(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        """Return a placeholder for each value."""
        return f"({', '.join(['%s'] * len(self.rhs))})", self.rhs


#: The type of value that a column's driver parameters have too.
_READY: Final[Mapping[type[FieldAny], type]] = {
    **dict.fromkeys((models.CharField, models.EmailField, models.SlugField, models.TextField, models.URLField), str),
    **dict.fromkeys((models.AutoField, models.BigAutoField, models.BigIntegerField, models.IntegerField), int),
}


def is_same(column: FieldAny, old: Any, new: Any) -> bool:
    """Tell whether a file that was written from *old* would have been read as *new*.

    No file tells an empty text from none, nor the spaces around one, and a default of the database is no value.
    """
    if old == new:
        return True
    if isinstance(old, str) or isinstance(new, str):
        return _strip(old) == _strip(new)
    if isinstance(column, models.BinaryField) and old is not None and new is not None:
        return bytes(old) == bytes(new)
    return type(new) is DatabaseDefault


def _strip(value: Any) -> object:
    match value:
        case None:
            return ""
        case str():
            return value.strip()
        case _:
            return cast("object", value)


def find_changes(plan: StepPlan, old: Record, new: Record) -> Mapping[int, Any]:
    """Return the values of *new* that differ from *old*, by place."""
    if old == new:
        return {}
    different = compress(range(len(new)), map(ne, old, new))
    return {place: new[place] for place in different if not is_same(plan.fields[place], old[place], new[place])}
