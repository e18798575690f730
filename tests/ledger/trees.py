"""Writing trees through their serializers, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from django.db.models import Model

from drf_commons.serializers import BaseModelSerializer

M = TypeVar("M", bound=Model)

Json = dict[str, Any]


def create(serializer_class: type[BaseModelSerializer[M, Any, Any]], data: Mapping[str, Any]) -> M:
    """Write a new tree."""
    serializer = serializer_class(data=data)
    assert serializer.is_valid(), serializer.errors
    return serializer.save()


def put(serializer_class: type[BaseModelSerializer[M, Any, Any]], instance: M, data: Mapping[str, Any]) -> M:
    """Replace the tree of *instance*, read anew."""
    serializer = serializer_class(_reload(instance), data=data)
    assert serializer.is_valid(), serializer.errors
    return serializer.save()


def patch(serializer_class: type[BaseModelSerializer[M, Any, Any]], instance: M, data: Mapping[str, Any]) -> M:
    """Change what *data* names in the tree of *instance*, read anew."""
    serializer = serializer_class(_reload(instance), data=data, partial=True)
    assert serializer.is_valid(), serializer.errors
    return serializer.save()


def show(serializer_class: type[BaseModelSerializer[M, Any, Any]], instance: M) -> Json:
    """Return the stored tree of *instance*."""
    return {**serializer_class(_reload(instance)).data}


def find_errors(
    serializer_class: type[BaseModelSerializer[M, Any, Any]],
    data: Mapping[str, Any],
    instance: M | None = None,
    *,
    partial: bool = False,
) -> Any:
    """Return the codes of what is wrong with *data*, by path."""
    serializer = serializer_class(instance and _reload(instance), data=data, partial=partial)
    assert not serializer.is_valid()
    return get_codes(serializer.errors)


def get_codes(errors: Any) -> Any:
    """Return *errors* with codes for messages, and a code for a list of one."""
    if isinstance(errors, Mapping):
        return {name: get_codes(error) for name, error in errors.items()}
    codes = [error.code for error in errors]
    return codes[0] if len(codes) == 1 else codes


def _reload(instance: M) -> M:
    return type(instance)._default_manager.get(pk=instance.pk)
