"""What a bulk write takes from a queryset: its database, its filter, and its rows until they are written."""

from __future__ import annotations

from typing import Any, TypeVar, cast

from django.core.exceptions import FullResultSet
from django.db import connections, models
from django.db.models import sql

from drf_commons.bulk.columns import UnsupportedError
from drf_commons.bulk.engines import Condition
from drf_commons.bulk.membership import select_holders
from drf_commons.conf import get_settings

__all__ = ["build_condition", "get_chunk_size", "get_writer", "lock_rows"]

M = TypeVar("M", bound=models.Model)


def get_writer(queryset: models.QuerySet[M]) -> models.QuerySet[M]:
    """Return *queryset* on the database it writes to, as ``using()`` or the routers say."""
    writer = queryset.all()
    cast("Any", writer)._for_write = True  # not in the stubs
    return queryset.using(writer.db)


def get_chunk_size(chunk_size: int | None) -> int:
    """Return how many rows one statement takes; refuse less than one."""
    if chunk_size is None:
        return get_settings().BULK_OPERATION_BATCH_SIZE
    if chunk_size < 1:
        msg = f"chunk_size: {chunk_size} is less than one row"
        raise ValueError(msg)
    return chunk_size


def lock_rows(queryset: models.QuerySet[M]) -> models.QuerySet[M]:
    """Return *queryset* with its rows locked, in the order of their keys: no two requests block each other.

    A group of rows cannot be locked: those of a queryset that counts, or that leaves out doubles, are locked here by
    their keys, and read after that.
    """
    features = connections[queryset.db].features
    if features.has_select_for_update and _makes_groups(queryset):
        keys = [*queryset.values_list("pk", flat=True)]
        rows = queryset.model._base_manager.using(queryset.db).order_by("pk").select_for_update()
        # Read to the end, and forgotten: what was waited for may have changed what the queryset finds.
        for _ in select_holders(rows, "pk", keys).values_list("pk"):
            pass
        return queryset
    return queryset.order_by("pk").select_for_update(of=("self",) if features.has_select_for_update_of else ())


def _makes_groups(queryset: models.QuerySet[Any]) -> bool:
    """Tell whether a row of *queryset* is more than a row of its table to the database."""
    query = queryset.query
    over = (getattr(annotation, "contains_over_clause", False) for annotation in query.annotations.values())
    return query.distinct or query.group_by is not None or any(over)


def build_condition(queryset: models.QuerySet[Any]) -> Condition:
    """Return the queryset's own filter; raise :class:`UnsupportedError` when it is more than a plain filter."""
    query = queryset.query.chain(klass=sql.UpdateQuery)
    if (
        query.is_sliced
        or query.distinct
        or query.combinator
        or query.group_by is not None
        or query.annotations
        or query.extra
        or query.get_initial_alias() != queryset.model._meta.db_table
        or sum(count > 0 for count in query.alias_refcount.values()) > 1  # a join
    ):
        raise UnsupportedError
    compiler = query.get_compiler(queryset.db)
    try:
        where, params = compiler.compile(query.where)
    except FullResultSet:
        return Condition()
    return Condition(sql=where, params=params)
