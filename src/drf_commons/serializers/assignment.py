"""Values in many instances, new and stored, as Django puts them there, without asking the same of every instance.

What a column's descriptor does is known where the descriptor and ``__setattr__()`` are Django's own. Everything else
is left to ``setattr()``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import getattr_static
from itertools import chain
from typing import Any, Final, TypeVar, cast

from django.core.exceptions import FieldDoesNotExist
from django.db import router
from django.db.models import ForeignKey, Model
from django.db.models.fields.related_descriptors import ForeignKeyDeferredAttribute, ForwardManyToOneDescriptor
from django.db.models.query_utils import DeferredAttribute

from drf_commons.bulk.instances import build_factory, is_plain

__all__ = ["assign_rows", "build_instances", "list_names"]

M = TypeVar("M", bound=Model)

_OBJECT: Final[Any] = object


@dataclass(frozen=True, slots=True, kw_only=True)
class _Link:
    """A foreign key whose value comes from the related row."""

    attname: str
    target: str
    cache_name: str
    model: type[Model]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """Where values go in the instances of a model, as far as Django alone has a say in it."""

    #: What is written into the ``__dict__`` of the instance as it is.
    columns: set[str] = field(default_factory=set[str])
    links: dict[str, _Link] = field(default_factory=dict[str, _Link])
    #: What only ``setattr()`` knows how to assign, in its turn: it may look at the other columns.
    others: set[str] = field(default_factory=set[str])


def assign_rows(instances: Sequence[Model], rows: Sequence[Mapping[str, Any]]) -> None:
    """Assign the values of each of *rows* to the attributes of its instance."""
    plans: dict[type[Model], _Plan] = {}
    names = list_names(rows)
    whole: dict[tuple[str, int, str | None], bool] = {}  # many rows name the same few related ones
    for instance, row in zip(instances, rows, strict=True):
        kind = type(instance)
        if kind not in plans:
            plans[kind] = _build_plan(kind, names)
        plan = plans[kind]
        if plan.others and not plan.others.isdisjoint(row):
            for name, value in row.items():
                if name in plan.columns:
                    vars(instance)[name] = value
                else:
                    setattr(instance, name, value)
            continue
        held = vars(instance)
        held.update(row)
        state: Any = held["_state"]
        for name, link in plan.links.items():
            if name in row:
                value = held.pop(name)  # which the descriptor keeps elsewhere
                at = (link.attname, id(value), state.db)
                if at not in whole:
                    whole[at] = state.db is not None and _is_whole(value, link, state.db)
                if whole[at]:
                    held[link.attname] = vars(value)[link.target]
                    state.fields_cache[link.cache_name] = value
                else:
                    setattr(instance, name, value)


def build_instances(model: type[M], rows: Sequence[Mapping[str, Any]], using: str) -> list[M]:
    """Return what ``model(**row)`` is for each of *rows*, which are about to be written to the database *using*."""
    plan = _build_plan(model, list_names(rows))
    if plan.others or not is_plain(model) or not _are_whole(plan, rows, using):
        return [model(**row) for row in rows]
    build = build_factory(model)
    made = [build(row) for row in rows]
    if plan.links:
        _set_links(made, plan.links, using)
    return made


def list_names(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the names of all that *rows* set; as a rule they all set the same."""
    return [*dict.fromkeys(chain.from_iterable(dict.fromkeys(map(tuple, rows))))]


def _are_whole(plan: _Plan, rows: Sequence[Mapping[str, Any]], using: str) -> bool:
    """Tell whether nothing but its key and its place in the cache would be set of any related row."""
    for name, link in plan.links.items():
        # Many rows name the same few.
        related = {id(value): value for value in (row.get(name) for row in rows) if value is not None}
        if not all(_is_whole(value, link, using) for value in related.values()):
            return False
    return True


def _set_links(instances: Sequence[Model], links: Mapping[str, _Link], using: str) -> None:
    """Put related rows, which new *instances* hold by name, where their descriptors keep them."""
    for instance in instances:
        held = vars(instance)
        state: Any = held["_state"]
        cached: dict[str, Model | None] = {}
        for name, link in links.items():
            if name in held:
                related = cached[link.cache_name] = held.pop(name)
                held[link.attname] = None if related is None else vars(related)[link.target]
                if related is not None:
                    state.db = using
        state.fields_cache = cached


def _is_whole(value: object, link: _Link, using: str) -> bool:
    """Tell whether nothing but the key and the cached row would be set: *value* has its key, and is of *using*."""
    if not isinstance(value, link.model):
        return False
    held = vars(value)
    return held["_state"].db == using and link.target in held


def _build_plan(model: type[Model], names: Iterable[str]) -> _Plan:
    """Return where the values of *names* go in instances of *model*."""
    plan = _Plan()
    plan.others.update(names)
    if cast("Any", model).__setattr__ is not _OBJECT.__setattr__:
        return plan
    for name in names:
        try:
            column: Any = model._meta.get_field(name)
        except FieldDoesNotExist:
            continue
        descriptor: object = type(cast("object", getattr_static(model, name, None)))
        if descriptor is DeferredAttribute and column.attname == name:
            plan.columns.add(name)
        elif descriptor is ForwardManyToOneDescriptor and (link := _build_link(model, column)) is not None:
            plan.links[name] = link
    plan.others.difference_update(plan.columns, plan.links)
    return plan


def _build_link(model: type[Model], column: Any) -> _Link | None:
    """Return how *column* is set; ``None`` where a router, or a descriptor of another kind, has a say in it."""
    if (
        not _is_foreign_key(column)
        or not column.remote_field.multiple
        or len(column.related_fields) != 1
        or type(getattr_static(model, column.attname, None)) is not ForeignKeyDeferredAttribute
        or cast("Any", router).routers
    ):
        return None
    target = column.target_field
    if type(getattr_static(target.model, target.attname, None)) is not DeferredAttribute:
        return None
    return _Link(
        attname=column.attname,
        target=target.attname,
        cache_name=column.cache_name,
        model=column.remote_field.model._meta.concrete_model,
    )


def _is_foreign_key(column: object) -> bool:
    return isinstance(column, ForeignKey)
