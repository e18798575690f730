"""Columns that fill themselves in: a bulk write fills them as ``save()`` does.

What a model or a field offers is recognised by name, so that fields and models of your own take part too:

- a field with ``auto_now``, or with ``on_update`` set and ``get_stamp()``, is written by every update
- ``Model.prepare_bulk_create(objs, using)`` is called before an insert, to give rows their slugs, for instance
- ``instance.remember_stored(names)`` is called after a write
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import compress
from types import SimpleNamespace
from typing import Any, Final, Protocol, cast, runtime_checkable

from django.db import models
from typing_extensions import TypeIs

from drf_commons.bulk.columns import FieldAny, UnsupportedError, Values, read_columns
from drf_commons.bulk.marks import is_known

__all__ = [
    "fill_column",
    "fill_updated",
    "prepare_inserted",
    "read_inserted",
    "remember_written",
    "run_pre_saves",
    "wants_instances",
]


_PLAIN: Final[type[FieldAny]] = models.Field
_CLOCKS: Final[Sequence[type[FieldAny]]] = cast(
    "Sequence[type[FieldAny]]", (models.DateField, models.DateTimeField, models.TimeField)
)


@runtime_checkable
class Stamp(Protocol):
    """A field that knows what to write into itself."""

    attname: str
    on_update: bool

    def get_stamp(self) -> object:
        """Return the value to write now, or ``None`` when there is nothing to stamp."""
        raise NotImplementedError

    def is_set_by_hand(self, instance: models.Model) -> bool:
        """Tell whether *instance* holds a value that must not be written over."""
        raise NotImplementedError


def is_stamp(field: object) -> TypeIs[Stamp]:
    """Tell whether *field* fills itself in; of most fields a look at one name tells it."""
    return hasattr(field, "get_stamp") and isinstance(field, Stamp)


def fill_updated(
    fields: Sequence[FieldAny], objs: Sequence[models.Model], sent: dict[FieldAny, Sequence[bool] | None]
) -> dict[FieldAny, Sequence[bool] | None]:
    """Fill in the columns of *fields* that every update writes; return *sent* with them.

    *sent* tells which rows name a field by hand, ``None`` for all of them: those keep their value.
    """
    filled = dict(sent)
    for field in fields:
        by_hand = sent.get(field, ())
        if by_hand is None or not (getattr(field, "auto_now", False) or getattr(field, "on_update", False)):
            continue
        named = by_hand or [False] * len(objs)
        rest = iter(_fill(field, [obj for obj, is_named in zip(objs, named, strict=True) if not is_named], add=False))
        written = [is_named or next(rest) for is_named in named]
        if any(written):
            filled[field] = None if all(written) else written
    return filled


def run_pre_saves(objs: Sequence[models.Model], sent: Mapping[FieldAny, Sequence[bool] | None]) -> None:
    """Run the ``pre_save()`` of fields that have one of their own, as a file's, for the rows that name them."""
    for field, named in sent.items():
        if _has_own_pre_save(field):
            for obj in objs if named is None else compress(objs, named):
                setattr(obj, field.attname, field.pre_save(obj, add=False))


def read_inserted(fields: Sequence[FieldAny], objs: Sequence[models.Model]) -> Mapping[FieldAny, Values]:
    """Return the columns to insert, filled in where a field fills itself in.

    :class:`~drf_commons.bulk.columns.UnsupportedError` is raised before the first ``pre_save()`` of a project has run.
    """
    for field in fields:
        if is_stamp(field) or getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False):
            _fill(field, objs, add=True)
    plain = [field for field in fields if not _has_own_pre_save(field)]
    columns: dict[FieldAny, Values] = dict(zip(plain, read_columns(plain, objs), strict=True))
    for field in fields:
        if field not in columns:
            columns[field] = [field.pre_save(obj, add=True) for obj in objs]
    return columns


def fill_column(field: FieldAny, values: Values) -> Values:
    """Return *values*, the column of new rows, or what *field* fills in.

    Raises :class:`~drf_commons.bulk.columns.UnsupportedError` where the field has to see each instance.
    """
    if is_stamp(field):
        if not is_known(type(field).is_set_by_hand) or not all(value is None for value in values):
            raise UnsupportedError
        return [field.get_stamp()] * len(values)
    if _has_own_pre_save(field):
        raise UnsupportedError
    if _is_clock(field) and (getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)):
        return [field.pre_save(cast("models.Model", SimpleNamespace()), add=True)] * len(values)
    return values


def wants_instances(model: type[models.Model]) -> bool:
    """Tell whether *model* has to see its new rows, before they are inserted or after."""
    hooks = (getattr(model, name, None) for name in ("prepare_bulk_create", "remember_stored"))
    return not all(hook is None or is_known(hook) for hook in hooks)


def prepare_inserted(model: type[models.Model], objs: Sequence[models.Model], using: str) -> None:
    """Let *model* prepare rows about to be inserted, when it wants to."""
    prepare = cast("Callable[..., object] | None", getattr(model, "prepare_bulk_create", None))
    if prepare is not None:
        prepare(objs, using)


def remember_written(objs: Sequence[models.Model], names: Collection[str] | None = None) -> None:
    """Let instances that remember what their rows hold know that *names*, all by default, were written."""
    if objs and hasattr(objs[0], "remember_stored"):
        for obj in cast("Sequence[Any]", objs):  # checked by name
            obj.remember_stored(names)


def _has_own_pre_save(field: FieldAny) -> bool:
    """Tell whether only the field itself knows what it does before a row is written."""
    kinds = (_PLAIN, *_CLOCKS)
    return not is_stamp(field) and all(type(field).pre_save is not kind.pre_save for kind in kinds)


def _is_clock(field: FieldAny) -> bool:
    """Tell whether *field* writes the time as Django's own fields do."""
    return any(type(field).pre_save is kind.pre_save for kind in _CLOCKS)


def _fill(field: FieldAny, objs: Sequence[models.Model], *, add: bool) -> Sequence[bool]:
    """Fill *field* in; return for each row whether there is something to write. One instant serves all rows."""
    if is_stamp(field):
        value = field.get_stamp()
        by_hand = [field.is_set_by_hand(obj) for obj in objs]
        if value is not None:
            _set(field, [obj for obj, is_set in zip(objs, by_hand, strict=True) if not is_set], value)
        return [is_set or value is not None for is_set in by_hand]
    if _is_clock(field):
        clock = cast("models.Model", SimpleNamespace())  # Django's clocks only set their attribute
        _set(field, objs, field.pre_save(clock, add))
    else:
        for obj in objs:
            field.pre_save(obj, add)
    return [True] * len(objs)


def _set(field: FieldAny, objs: Sequence[models.Model], value: object) -> None:
    for obj in objs:
        setattr(obj, field.attname, value)
