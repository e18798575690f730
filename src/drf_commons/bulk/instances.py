"""Instances by the thousand: what ``Model(**values)`` and a queryset make, without their cost for each row.

A model with an ``__init__()`` or a ``from_db()`` of its own, with listeners to the signals of either, or with
attributes that want to know what is assigned to them, is made by Django as ever. A ``from_db()`` that does no more
than let the instance remember what its row holds is marked, and known here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from inspect import getattr_static
from itertools import chain
from typing import Any, Final, TypeVar, cast

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import signals
from django.db.models.base import ModelState
from django.db.models.fields.related_descriptors import ForeignKeyDeferredAttribute
from django.db.models.query import ModelIterable

from drf_commons.bulk.columns import FieldAny
from drf_commons.bulk.marks import is_known
from drf_commons.bulk.moments import localize_utc

__all__ = ["build_factory", "build_loader", "fetch_instances", "is_plain"]

M = TypeVar("M", bound=models.Model)

_PLAIN: Final[type[models.Model]] = models.Model
_QUERYSET: Final[Any] = models.QuerySet


def build_factory(model: type[M]) -> Callable[[Mapping[str, Any]], M]:
    """Return what makes a new instance of attributes: those it is given, and the defaults of the other columns."""
    if not is_plain(model):
        return lambda attributes: model(**attributes)
    columns = model._meta.concrete_fields
    made = [(column.name, column.attname, column.get_default) for column in columns if _calls_default(column)]
    fixed = {column.attname: column.get_default() for column in columns if not _calls_default(column)}
    new = partial(model.__new__, model)

    def build(attributes: Mapping[str, Any]) -> M:
        obj = new()
        held = vars(obj)
        held["_state"] = ModelState()
        # To put one dictionary into another takes half of what pairs of names and values take.
        held.update(fixed)
        held.update(attributes)
        for name, attname, make in made:
            if name not in attributes and attname not in attributes:
                held[attname] = make()
        return obj

    return build


def build_loader(
    model: type[models.Model], using: str, names: Sequence[str]
) -> Callable[[Sequence[Any]], models.Model]:
    """Return what makes an instance of a stored row of the values of the attributes *names*; the rest is deferred."""
    columns = [column.attname for column in model._meta.concrete_fields if column.attname in names]
    order = [names.index(name) for name in columns]
    reads = _list_reads(model)
    if not is_plain(model) or not all(map(is_known, reads)):
        return lambda values: model.from_db(using, columns, [values[place] for place in order])
    new = partial(model.__new__, model)

    def load(values: Sequence[Any]) -> models.Model:
        state = ModelState()
        state.adding, state.db = False, using
        obj = new()
        held = vars(obj)
        held["_state"] = state
        held.update(zip(names, values))  # noqa: B905  # strict= takes a third of the time of it all
        return obj

    def load_remembering(values: Sequence[Any]) -> models.Model:
        obj = load(values)
        cast("Any", obj).remember_stored()  # as the mark says
        return obj

    return load_remembering if reads else load


def _list_reads(model: type[models.Model]) -> Sequence[object]:
    """Return each ``from_db()`` that *model* and its bases put around Django's own."""
    own = [vars(kind)["from_db"] for kind in model.__mro__ if kind is not _PLAIN and "from_db" in vars(kind)]
    return [getattr(read, "__func__", None) for read in own]


def fetch_instances(queryset: models.QuerySet[M]) -> list[M]:
    """Return the rows of *queryset*, with the same single query, each column converted at once."""
    query: Any = queryset.query
    if not _loads_whole_rows(queryset):
        return [*queryset]
    compiler = query.get_compiler(using=queryset.db)
    columns: list[Sequence[Any]] = [*zip(*chain.from_iterable(compiler.execute_sql()), strict=True)]
    if not columns:
        return []
    selected = [expression for expression, _sql, _alias in compiler.select]
    for place, (converters, expression) in compiler.get_converters(selected).items():
        for convert in converters:
            columns[place] = _convert(convert, columns[place], expression, compiler.connection)
    load = build_loader(queryset.model, queryset.db, [expression.target.attname for expression in selected])
    return cast("list[M]", [*map(load, zip(*columns, strict=True))])


def _convert(convert: Any, values: Sequence[Any], expression: Any, connection: BaseDatabaseWrapper) -> Sequence[Any]:
    """Return what *convert* makes of each of *values*: Django's own of moments takes them one by one to their zone."""
    operations = connection.ops
    if (
        connection.timezone is dt.UTC
        and convert == getattr(operations, "convert_datetimefield_value", None)
        and type(operations).__module__.startswith("django.db.backends.")
    ):
        moments = localize_utc(values)
        if moments is not None:
            return moments
    return [convert(value, expression, connection) for value in values]


def _loads_whole_rows(queryset: models.QuerySet[Any]) -> bool:
    """Tell whether *queryset* makes instances of nothing but the columns of its table, in Django's own way."""
    kind, query = cast("Any", type(queryset)), cast("Any", queryset.query)
    own = cast("Any", queryset)  # the stubs know none of what follows
    return (
        own._iterable_class is ModelIterable
        and kind._fetch_all is _QUERYSET._fetch_all
        and kind.__iter__ is _QUERYSET.__iter__
        and own._result_cache is None
        and not own._prefetch_related_lookups
        and not own._known_related_objects
        and getattr(own, "_fetch_mode", None) is getattr(models, "FETCH_ONE", None)  # since Django 6.1
        and query.deferred_loading == (frozenset(), True)
        and not (query.select_related or query.annotations or query.extra or query.combinator)
    )


def is_plain(model: type[models.Model]) -> bool:
    """Tell whether nobody notices how an instance came to be."""
    columns = model._meta.concrete_fields
    return (
        model.__init__ is _PLAIN.__init__
        and model.__new__ is _PLAIN.__new__
        and not signals.pre_init.has_listeners(model)
        and not signals.post_init.has_listeners(model)
        and not any(column.generated for column in columns)
        and all(_only_stores(model, column.attname) for column in columns)
    )


def _calls_default(column: FieldAny) -> bool:
    """Tell whether each instance has a default of its own; what stands for none is a class, and callable as well."""
    return column.has_default() and callable(column.default)


def _only_stores(model: type[models.Model], name: str) -> bool:
    """Tell whether an assignment to the attribute puts the value into the instance, and that is all."""
    attribute = cast("type[object]", type(getattr_static(model, name)))
    # That of a foreign key forgets the related object, which a new instance does not have.
    return attribute is ForeignKeyDeferredAttribute or not hasattr(attribute, "__set__")
