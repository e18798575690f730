"""Inserts of rows that nobody has made instances of: columns go to the database as they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import models, transaction

from drf_commons.bulk.columns import FieldAny, UnsupportedError, Values, refuse_expressions
from drf_commons.bulk.create import Inserter, may_have_default
from drf_commons.bulk.instances import is_plain
from drf_commons.bulk.querysets import get_chunk_size, get_writer
from drf_commons.bulk.stamps import fill_column, prepares_rows

__all__ = ["insert_columns"]


def insert_columns(
    queryset: models.QuerySet[Any], columns: Mapping[FieldAny, Values], *, chunk_size: int | None = None
) -> bool:
    """Insert a row for each place of *columns*, which are equally long, and tell whether that was done.

    Nothing is, where :func:`~drf_commons.bulk.bulk_create` of instances with these values could store something else:
    models, fields and querysets that want to see each instance, and what only Django can insert.
    """
    inserter = Inserter(get_writer(queryset))
    try:
        engine = inserter.find_engine()
        filled = _fill_table(inserter, columns)
    except UnsupportedError:
        return False
    with transaction.atomic(using=inserter.using, savepoint=False):
        for _keys in inserter.insert_columns(engine, filled, None, get_chunk_size(chunk_size)):
            pass
    return True


def _fill_table(inserter: Inserter, given: Mapping[FieldAny, Values]) -> Mapping[FieldAny, Values]:
    """Return the columns of the whole table: those *given*, defaults, and what fills itself in."""
    model, opts = inserter.model, inserter.opts
    if not is_plain(model) or prepares_rows(model) or inserter.spans_tables():
        raise UnsupportedError
    count = len(next(iter(given.values())))
    columns: dict[FieldAny, Values] = {}
    for field in opts.concrete_fields:
        values = given.get(field)
        if field is opts.pk and values is not None and None in values:
            raise UnsupportedError
        if field is opts.pk and values is None and not field.has_default():
            if field != opts.auto_field or may_have_default(field):
                raise UnsupportedError
            continue  # the database gives the keys
        columns[field] = fill_column(field, _build_defaults(field, count) if values is None else values, model)
        refuse_expressions(field, columns[field])
    return columns


def _build_defaults(field: FieldAny, count: int) -> Values:
    """Return what new instances have for *field*: the same for all of them, unless a function makes it."""
    if field.has_default() and callable(field.default):
        return [field.get_default() for _ in range(count)]
    return [field.get_default()] * count
