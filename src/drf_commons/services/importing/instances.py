"""Instances by the thousand: what ``Model(**values)`` and ``Model.from_db()`` make, without their cost for each row.

A model with an ``__init__()`` or a ``from_db()`` of its own, with listeners to the signals of either, or with
attributes that want to know what is assigned to them, is made by Django as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from inspect import getattr_static
from typing import Any, Final, cast

from django.db import models
from django.db.models import signals
from django.db.models.fields.related_descriptors import ForeignKeyDeferredAttribute

from drf_commons.services.importing.columns import FieldAny

__all__ = ["build_factory", "build_loader"]

_PLAIN: Final[type[models.Model]] = models.Model


def build_factory(model: type[models.Model], fields: Sequence[FieldAny]) -> Callable[[Sequence[Any]], models.Model]:
    """Return what makes a new instance of the values of *fields*, in their order."""
    names = [column.attname for column in fields]
    if not _is_plain(model):
        return lambda values: model(**dict(zip(names, values, strict=True)))
    others = [column for column in model._meta.concrete_fields if column.attname not in names]
    fixed = {column.attname: column.get_default() for column in others if not callable(column.default)}
    made = [(column.attname, column.get_default) for column in others if callable(column.default)]
    new, state = partial(model.__new__, model), _get_state(model)

    def build(values: Sequence[Any]) -> models.Model:
        obj = new()
        attributes = vars(obj)
        attributes["_state"] = state()
        attributes.update(fixed)
        attributes.update(zip(names, values, strict=True))
        for name, make in made:
            attributes[name] = make()
        return obj

    return build


def build_loader(
    model: type[models.Model], using: str, names: Sequence[str]
) -> Callable[[Sequence[Any]], models.Model]:
    """Return what makes an instance of a stored row of the values of the attributes *names*; the rest is deferred."""
    columns = [column.attname for column in model._meta.concrete_fields if column.attname in names]
    order = [names.index(name) for name in columns]
    from_db = cast("Any", model.from_db).__func__
    if not _is_plain(model) or from_db is not cast("Any", _PLAIN.from_db).__func__:
        return lambda values: model.from_db(using, columns, [values[place] for place in order])
    keys = ("_state", *names)
    new, build_state = partial(model.__new__, model), _get_state(model)

    def load(values: Sequence[Any]) -> models.Model:
        state = build_state()
        state.adding, state.db = False, using
        obj = new()
        vars(obj).update(zip(keys, (state, *values), strict=True))
        return obj

    return load


def _get_state(model: type[models.Model]) -> Callable[[], Any]:
    """Return what makes the state that Django keeps of an instance."""
    return type(model()._state)  # noqa: SLF001  # documented Model API


def _is_plain(model: type[models.Model]) -> bool:
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


def _only_stores(model: type[models.Model], name: str) -> bool:
    """Tell whether an assignment to the attribute puts the value into the instance, and that is all."""
    attribute = cast("type[object]", type(getattr_static(model, name)))
    # That of a foreign key forgets the related object, which a new instance does not have.
    return attribute is ForeignKeyDeferredAttribute or not hasattr(attribute, "__set__")
