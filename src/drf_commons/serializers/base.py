"""The serializer every other one stands on: typed, and atomic in every write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic

from django.db import router, transaction
from django.db.models import Model
from rest_framework import serializers
from typing_extensions import TypeVar, override

from drf_commons.types import RuntimeGeneric

__all__ = ["BaseModelSerializer"]

M = TypeVar("M", bound=Model, default=Any)
Data = TypeVar("Data", default=dict[str, Any])
ValidatedData = TypeVar("ValidatedData", default=dict[str, Any])


class BaseModelSerializer(RuntimeGeneric, serializers.ModelSerializer[M], Generic[M, Data, ValidatedData]):
    """A ``ModelSerializer`` whose writes succeed as a whole or leave nothing behind.

    ``BaseModelSerializer[Article]`` types ``instance`` and ``save()``; two further arguments name the shapes of
    ``data`` and ``validated_data``.

    ``save()`` holds a transaction (a savepoint inside one of yours) around ``create()`` or ``update()``, so what an
    override writes beside the row is rolled back with it. ``create()`` and ``update()`` called by hand join the
    transaction they are called in, as ``Model.save()`` does.
    """

    if TYPE_CHECKING:
        # The stubs declare a nested class, which a serializer's own Meta could not replace.
        Meta: Any

        @property
        @override
        def data(self) -> Data: ...  # type: ignore[override]  # a ReturnDict, seen through its keys

        @property
        @override
        def validated_data(self) -> ValidatedData: ...

    @override
    def save(self, **kwargs: Any) -> M:
        """Write the validated data, with *kwargs* on top, and return the row."""
        with transaction.atomic(self.get_write_database(self.instance)):
            return super().save(**kwargs)

    @override
    def create(self, validated_data: Any) -> M:
        """Write a new row."""
        with transaction.atomic(self.get_write_database(), savepoint=False):
            return super().create(validated_data)

    @override
    def update(self, instance: M, validated_data: Any) -> M:
        """Write *validated_data* over *instance*."""
        with transaction.atomic(self.get_write_database(instance), savepoint=False):
            return super().update(instance, validated_data)

    def get_write_database(self, instance: M | None = None) -> str:
        """Return the alias of the database that *instance*, or a new row, is written to."""
        hints = {} if instance is None else {"instance": instance}
        return router.db_for_write(self.Meta.model, **hints)
