"""Related objects that stand on instances about to be written."""

from __future__ import annotations

from collections.abc import Sequence
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
        cached = obj._state.fields_cache
        if cached and (watches_all or not all(_agrees(obj, cached.get(name), *rest) for name, *rest in names)):
            cast("Any", obj)._prepare_related_fields_for_save(
                operation_name=operation, fields=fields
            )  # not in the stubs


def _agrees(obj: models.Model, related: models.Model | None, attname: str, target: str) -> bool:
    """Tell whether *obj* holds the key of *related* already."""
    if related is None:
        return True
    key = vars(related).get(target)
    return key is not None and related.pk is not None and vars(obj).get(attname) == key
