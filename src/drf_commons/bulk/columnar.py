"""Inserts of rows that nobody has made instances of: columns go to the database as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import models, transaction

from drf_commons.bulk.columns import FieldAny, UnsupportedError, Values, refuse_expressions
from drf_commons.bulk.create import Inserter, may_have_default
from drf_commons.bulk.instances import is_plain
from drf_commons.bulk.querysets import get_chunk_size, get_writer
from drf_commons.bulk.stamps import fill_column, wants_instances

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
        inserter.insert_columns(engine, filled, None, get_chunk_size(chunk_size))
    return True


def _fill_table(inserter: Inserter, given: Mapping[FieldAny, Values]) -> Mapping[FieldAny, Values]:
    """Return the columns of the whole table: those *given*, defaults, and what fills itself in."""
    model, opts = inserter.model, inserter.opts
    if not given or not is_plain(model) or wants_instances(model) or inserter.spans_tables():
        raise UnsupportedError
    columns = {**given, **_build_defaults(opts.concrete_fields, given)}
    pk = opts.pk
    if None in columns[pk]:
        if pk in given or pk != opts.auto_field or may_have_default(pk):
            raise UnsupportedError
        del columns[pk]  # the database gives the keys
    filled = {field: fill_column(field, values) for field, values in columns.items()}
    for field, values in filled.items():
        refuse_expressions(field, values)
    return filled


def _build_defaults(fields: Sequence[FieldAny], given: Mapping[FieldAny, Values]) -> Mapping[FieldAny, Values]:
    """Return the columns that are not *given*: what a function makes is made row by row, as that of instances is."""
    count = len(next(iter(given.values())))
    rest = [field for field in fields if field not in given]
    made = [field for field in rest if field.has_default() and callable(field.default)]
    rows = zip(*([field.get_default() for field in made] for _ in range(count)), strict=True)
    return {
        **{field: [field.get_default()] * count for field in rest if field not in made},
        **dict(zip(made, rows, strict=True)),
    }
