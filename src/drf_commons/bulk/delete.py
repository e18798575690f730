"""Deletions of many rows by their primary keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, cast

from asgiref.sync import sync_to_async
from django.core.exceptions import EmptyResultSet
from django.db import connections, models, transaction
from django.db.models import sql
from django.db.models.deletion import Collector

from drf_commons.bulk.querysets import get_chunk_size, get_writer
from drf_commons.errors import ConfigurationError

__all__ = ["abulk_delete", "abulk_soft_delete", "bulk_delete", "bulk_soft_delete"]

_QUERYSET: Final[type[models.QuerySet[Any]]] = models.QuerySet


def bulk_delete(queryset: models.QuerySet[Any], pks: Iterable[Any], *, chunk_size: int | None = None) -> list[Any]:
    """Delete the rows of *queryset* with these primary keys; return the keys of those that were there.

    One statement for each chunk deletes and tells, where nothing watches the rows: no cascade, no signal, no
    ``delete()`` of the queryset's own. Otherwise the keys are read first, and Django deletes what depends on the rows.
    """
    writer = get_writer(queryset)
    deleted: list[Any] = []
    with transaction.atomic(using=writer.db, savepoint=False):
        for chunk in _split(pks, chunk_size):
            rows = writer.filter(pk__in=chunk)
            found = _delete_returning(rows) if _is_unwatched(rows) else None
            if found is None:
                found = [*rows.values_list("pk", flat=True)]
                _take_rows(writer, found).delete()
            deleted += found
    return deleted


async def abulk_delete(
    queryset: models.QuerySet[Any], pks: Iterable[Any], *, chunk_size: int | None = None
) -> list[Any]:
    """Await :func:`bulk_delete`."""
    return await sync_to_async(bulk_delete)(queryset, pks, chunk_size=chunk_size)


def bulk_soft_delete(queryset: models.QuerySet[Any], pks: Iterable[Any], *, chunk_size: int | None = None) -> list[Any]:
    """Soft-delete the rows of *queryset* with these primary keys; return the keys of those that were there.

    It is one audited ``UPDATE`` for each chunk. Rows that were deleted before keep their time of deletion. A model
    without ``soft_delete()`` raises :class:`~drf_commons.errors.ConfigurationError`.
    """
    writer = get_writer(queryset)
    if not hasattr(writer.model, "soft_delete"):
        msg = f"{writer.model._meta.label} cannot be soft-deleted: give it SoftDeleteMixin"
        raise ConfigurationError(msg)
    deleted: list[Any] = []
    with transaction.atomic(using=writer.db, savepoint=False):
        for chunk in _split(pks, chunk_size):
            found = [*writer.filter(pk__in=chunk).values_list("pk", flat=True)]
            rows = cast("Any", _take_rows(writer, found))
            if hasattr(rows, "soft_delete"):
                rows.soft_delete()
            else:  # the manager of the project has none
                for row in rows:
                    row.soft_delete()
            deleted += found
    return deleted


async def abulk_soft_delete(
    queryset: models.QuerySet[Any], pks: Iterable[Any], *, chunk_size: int | None = None
) -> list[Any]:
    """Await :func:`bulk_soft_delete`."""
    return await sync_to_async(bulk_soft_delete)(queryset, pks, chunk_size=chunk_size)


def _split(pks: Iterable[Any], chunk_size: int | None) -> Iterable[Sequence[Any]]:
    keys = [*dict.fromkeys(pks)]
    size = get_chunk_size(chunk_size)
    return [keys[start : start + size] for start in range(0, len(keys), size)]


def _take_rows(writer: models.QuerySet[Any], pks: Sequence[Any]) -> models.QuerySet[Any]:
    """Return rows that were found already: the filters of *writer* need not be asked again, its class has its say."""
    return type(writer)(model=writer.model, using=writer.db).filter(pk__in=pks)


def _is_unwatched(rows: models.QuerySet[Any]) -> bool:
    """Tell whether nothing but the rows themselves goes with them."""
    collector = Collector(using=rows.db, origin=rows)
    return type(rows).delete is _QUERYSET.delete and collector.can_fast_delete(rows)


def _delete_returning(rows: models.QuerySet[Any]) -> list[Any] | None:
    """Delete *rows* in one statement and return their keys; ``None`` where the database cannot tell them."""
    connection = connections[rows.db]
    query = rows.query.chain(klass=sql.DeleteQuery)
    compiler: Any = query.get_compiler(rows.db)
    can_tell = connection.features.can_return_columns_from_insert and not rows.model._meta.is_composite_pk
    if not can_tell or not compiler.single_alias:
        return None
    pk = cast("models.Field[Any, Any]", rows.model._meta.pk)  # an abstract model, without a key, has no rows
    try:
        statement, params = compiler.as_sql()
    except EmptyResultSet:
        return []
    with connection.cursor() as cursor:
        cursor.execute(f"{statement} RETURNING {connection.ops.quote_name(str(pk.column))}", params)
        keys = cursor.fetchall()
    converters = compiler.get_converters([pk.get_col(rows.model._meta.db_table)])
    return [key for (key,) in compiler.apply_converters(keys, converters)]
