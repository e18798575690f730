"""Related objects that stand on instances about to be written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from django.db import models

from drf_commons.bulk.columns import FieldAny

__all__ = ["check_related"]


def check_related(objs: Sequence[models.Model], fields: Sequence[FieldAny], *, operation: str) -> None:
    """Take the keys of related objects saved since they were assigned; refuse unsaved ones with a ``ValueError``.

    This is Django's own check, skipped for instances it would not change.
    """
    keys = [field for field in fields if isinstance(field, models.ForeignKey)]
    names = [(field.name, field.attname, field.target_field.attname) for field in keys]
    watches_all = len(keys) < sum(field.is_relation for field in fields)
    for obj in objs:
        # To ask for the attribute would make one for every instance that has none.
        cached: Mapping[str, Any] | None = vars(obj._state).get("fields_cache")
        if cached and (watches_all or not _agrees(obj, cached, names)):
            cast("Any", obj)._prepare_related_fields_for_save(
                operation_name=operation, fields=fields
            )  # not in the stubs


def _agrees(obj: models.Model, cached: Mapping[str, Any], names: Sequence[tuple[str, str, str]]) -> bool:
    """Tell whether *obj* holds the keys of its related objects already; each name is one of a foreign key."""
    held = vars(obj)
    for name, attname, target in names:
        related: models.Model | None = cached.get(name)
        if related is not None:
            key: object = vars(related).get(target)
            if key is None or held.get(attname) != key or (target != related._meta.pk.attname and related.pk is None):
                return False
    return True
