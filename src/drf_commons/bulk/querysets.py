"""What a bulk write takes from a queryset: its database and its filter."""

from __future__ import annotations

from typing import Any, TypeVar, cast

from django.core.exceptions import FullResultSet
from django.db import models
from django.db.models import sql

from drf_commons.bulk.columns import UnsupportedError
from drf_commons.bulk.engines import Condition
from drf_commons.conf import get_settings

__all__ = ["build_condition", "get_chunk_size", "get_writer"]

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
