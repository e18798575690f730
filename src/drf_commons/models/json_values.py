"""A row as JSON."""

from __future__ import annotations

import base64
import math
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from functools import singledispatch
from typing import Protocol, cast, runtime_checkable

from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.db.models.fields.files import FieldFile
from django.utils.duration import duration_iso_string

from drf_commons.models.fields import StampMixin
from drf_commons.models.stored import overridable
from drf_commons.types import Json

__all__ = ["JsonModelMixin", "to_json"]


@runtime_checkable
class _Range(Protocol):
    """A range of PostgreSQL, whose driver may not be installed."""

    lower: object
    upper: object
    lower_inc: bool
    upper_inc: bool


class JsonModelMixin(models.Model):
    """Says what its row holds as a JSON object."""

    @overridable
    class Meta:
        abstract = True

    def get_json(
        self,
        fields: Iterable[str] | None = None,
        exclude_fields: Iterable[str] = (),
        *,
        exclude_audit: bool = False,
    ) -> dict[str, Json]:
        """Return the row as an object that every JSON encoder takes, by field name.

        Every concrete field is in it, a foreign key as the key it holds. *fields* picks some, in that order, and may
        name many-to-many fields, as lists of keys, and properties too; *exclude_fields* leaves some out;
        *exclude_audit* leaves out what says when the row was written and by whom. A name that is neither a field nor
        a property raises :class:`ValueError`.
        """
        columns = self._meta.concrete_fields
        names = [field.name for field in columns] if fields is None else [*fields]
        excluded = {*exclude_fields}
        if unknown := sorted(name for name in {*names, *excluded} if not hasattr(type(self), name)):
            msg = f"{self._meta.object_name} has no {', '.join(map(repr, unknown))} to put into JSON"
            raise ValueError(msg)
        for field in columns:
            if excluded & {field.name, field.attname} or (exclude_audit and isinstance(field, StampMixin)):
                excluded |= {field.name, field.attname}
        return {name: self._get_json_value(name) for name in names if name not in excluded}

    def _get_json_value(self, name: str) -> Json:
        try:
            field = self._meta.get_field(name)
        except FieldDoesNotExist:
            return to_json(getattr(self, name))
        if isinstance(field, models.Field) and field.concrete and not field.many_to_many:
            return to_json(getattr(self, field.attname))
        related = getattr(self, name, None)
        if isinstance(related, models.Manager):
            rows = cast("models.QuerySet[models.Model]", related.all())  # the stubs leave the model open
            return [to_json(row) for row in rows]
        return to_json(related)


@singledispatch
def to_json(value: object) -> Json:
    """Return *value*, as a model field gives it, as JSON: a text for what JSON has no type of its own for.

    Times are ISO 8601 and, when they know their zone, in UTC with a ``Z``; durations are ISO 8601; decimals keep their
    digits; bytes are base64; a file is its name; a float that is no number or not finite is ``null``. Anything else is
    its text. Teach it a type of your own with ``@to_json.register``.
    """
    if isinstance(value, _Range):
        bounds = ("[" if value.lower_inc else "(") + ("]" if value.upper_inc else ")")
        return {"lower": to_json(value.lower), "upper": to_json(value.upper), "bounds": bounds}
    return str(value)


@to_json.register(type(None))
@to_json.register(bool)
def _(value: bool | None) -> bool | None:
    return value


# A member of an enumeration gives its value, where str() might give its name.
@to_json.register(str)
def _(value: str) -> str:
    return str.__str__(value)


@to_json.register(int)
def _(value: int) -> int:
    return int(value)


@to_json.register(float)
def _(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


@to_json.register(Enum)
def _(value: Enum) -> Json:
    return to_json(value.value)


@to_json.register(datetime)
def _(value: datetime) -> str:
    if value.tzinfo is None:
        return value.isoformat(timespec="microseconds")
    return f"{value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


@to_json.register(date)
@to_json.register(time)
def _(value: date | time) -> str:
    return value.isoformat()


@to_json.register(timedelta)
def _(value: timedelta) -> str:
    return duration_iso_string(value)


@to_json.register(bytes)
@to_json.register(bytearray)
@to_json.register(memoryview)
def _(value: bytes | bytearray | memoryview) -> str:
    return base64.b64encode(value).decode("ascii")


@to_json.register(FieldFile)
def _(value: FieldFile) -> str | None:
    return value.name or None


@to_json.register(models.Model)
def _(value: models.Model) -> Json:
    return to_json(value.pk)


@to_json.register(dict)
def _(value: Mapping[object, object]) -> dict[str, Json]:
    return {str(to_json(key)): to_json(item) for key, item in value.items()}


@to_json.register(list)
@to_json.register(tuple)
@to_json.register(set)
@to_json.register(frozenset)
def _(value: Collection[object]) -> list[Json]:
    return [to_json(item) for item in value]
