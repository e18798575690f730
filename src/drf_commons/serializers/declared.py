"""What is wrong with the relation fields that a serializer declares, told without a request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from django.db.models import QuerySet
from django.db.models.manager import BaseManager
from rest_framework.serializers import BaseSerializer

from drf_commons.errors import ConfigurationError
from drf_commons.serializers.outputs import SerializerHolder
from drf_commons.serializers.relations import ConfigurableRelatedFieldMixin

__all__ = ["find_declaration_faults"]


def find_declaration_faults(
    serializer: type[BaseSerializer[Any]], seen: set[type[BaseSerializer[Any]]]
) -> Iterator[tuple[str, str]]:
    """Yield the name of each field of *serializer*, and of those inside it, that would fail, and why.

    A serializer that stands in *seen* was looked at before. Only what is declared is looked at: a ``get_fields()`` may
    need a request.
    """
    if serializer in seen:
        return
    seen.add(serializer)
    declared: Mapping[str, Any] = getattr(serializer, "_declared_fields", {})
    for name, field in declared.items():
        one = getattr(field, "child_relation", getattr(field, "child", field))
        try:
            inner = _check(one)
        except ConfigurationError as exc:
            yield f"{serializer.__name__}.{name}", str(exc)
        else:
            if inner is not None:
                yield from find_declaration_faults(inner, seen)


def _check(field: Any) -> type[BaseSerializer[Any]] | None:
    """Return the serializer that is inside *field*; raise ``ConfigurationError`` for one that cannot work."""
    kind = cast("Any", type(field))
    if issubclass(kind, ConfigurableRelatedFieldMixin):
        rows: object = field.queryset
        if field.looks_up_rows and isinstance(rows, QuerySet | BaseManager):  # a callable needs the request
            field.get_keys(cast("Any", rows).model)
    if issubclass(kind, SerializerHolder):
        inner: type[BaseSerializer[Any]] = field.get_serializer_class()
        return inner
    return cast("type[BaseSerializer[Any]]", kind) if issubclass(kind, BaseSerializer) else None
