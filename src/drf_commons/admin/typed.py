"""Django's ``ModelAdmin`` as a generic class at runtime too, which it is in the stubs alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic

from django.contrib import admin
from django.db.models import Model
from typing_extensions import TypeVar

from drf_commons.types import RuntimeGeneric

__all__ = ["TypedModelAdmin"]

M = TypeVar("M", bound=Model, default=Any)

if TYPE_CHECKING:

    class _ModelAdmin(admin.ModelAdmin[M]): ...
else:

    class _ModelAdmin(admin.ModelAdmin, Generic[M]): ...


class TypedModelAdmin(RuntimeGeneric, _ModelAdmin[M], Generic[M]):
    """``TypedModelAdmin[Article]`` is a ``ModelAdmin`` of articles."""
