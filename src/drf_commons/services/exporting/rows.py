"""The rows of an export: read in blocks, as tuples, with one query per block for each relation to many rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, TypeAlias, cast

from django.db.models import Model, QuerySet

from drf_commons.services.exporting.columns import Column

__all__ = ["BLOCK_SIZE", "Columns", "read_blocks", "read_mappings"]

#: How many rows are read, formatted and written at a time.
BLOCK_SIZE: Final = 1_000

#: A block of rows, turned round: the values of each column.
Columns: TypeAlias = Sequence[Sequence[object]]

_QuerySetAny: TypeAlias = "QuerySet[Any, Any]"
#: Takes the primary keys of a block, and returns a value for each.
_Lookup: TypeAlias = Callable[[Sequence[object]], Sequence[object]]


def read_blocks(queryset: _QuerySetAny, columns: Sequence[Column]) -> Iterator[Columns]:
    """Yield the values of *columns* for every row of *queryset*, in its order, keeping no more than a block."""
    lookups: Mapping[int, _Lookup] = {
        position: _build_lookup(queryset, column) for position, column in enumerate(columns) if column.kind != "value"
    }
    paths = dict.fromkeys(column.path for column in columns if column.kind == "value")
    # Rows that are distinct as a whole may be equal in what is exported of them.
    if lookups or queryset.query.distinct:
        paths.setdefault("pk")
    places = {path: place for place, path in enumerate(paths)}
    if not queryset.query.combinator:  # Django leaves a union little to do, and it has no use for this
        queryset = queryset.prefetch_related(None)
    rows = queryset.values_list(*paths).iterator(BLOCK_SIZE)
    while block := [*islice(rows, BLOCK_SIZE)]:
        values = [*zip(*block, strict=True)]
        yield [
            lookups[position](values[places["pk"]]) if position in lookups else values[places[column.path]]
            for position, column in enumerate(columns)
        ]


def read_mappings(rows: Iterable[Mapping[str, object]], columns: Sequence[Column]) -> Iterator[Columns]:
    """Yield the values of *columns* for rows that are at hand; a row need not have every column."""
    found = iter(rows)
    while block := [*islice(found, BLOCK_SIZE)]:
        yield [[row.get(column.path) for row in block] for column in columns]


def _build_lookup(queryset: _QuerySetAny, column: Column) -> _Lookup:
    return _find_many(queryset, column) if column.kind == "many" else _find_attributes(queryset, column)


def _find_many(queryset: _QuerySetAny, column: Column) -> _Lookup:
    """Return what finds the values of many related rows for each row of a block: one query."""
    rows = queryset.model._base_manager.using(queryset.db)

    def find(pks: Sequence[object]) -> Sequence[object]:
        found: dict[object, list[object]] = {pk: [] for pk in pks}
        # The related rows are in no order of their own; the values are.
        for pk, value in rows.filter(pk__in=pks).order_by(column.path).values_list("pk", column.path):
            if value is not None:
                found[pk].append(value)
        return [tuple(found[pk]) for pk in pks]

    return find


def _find_attributes(queryset: _QuerySetAny, column: Column) -> _Lookup:
    """Return what asks each instance of a block: one query, and what the attribute itself asks for."""
    query = queryset.query
    # With what the view selects and prefetches, where the rows can still be narrowed down.
    rows = queryset.model._base_manager.using(queryset.db)
    if not (query.is_sliced or query.combinator or query.distinct_fields):
        rows = queryset.order_by()

    def find(pks: Sequence[object]) -> Sequence[object]:
        instances = {instance.pk: instance for instance in cast("Iterable[Model]", rows.filter(pk__in=pks))}
        return [_get_attribute(instances[pk], column.path) if pk in instances else None for pk in pks]

    return find


def _get_attribute(instance: Model, name: str) -> object:
    value: object = getattr(instance, name)
    return value() if callable(value) and not getattr(value, "alters_data", False) else value
