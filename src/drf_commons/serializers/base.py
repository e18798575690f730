"""The serializer every other one stands on: typed, and atomic in every write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypedDict, cast

from django.db import IntegrityError, router, transaction
from django.db.models import Manager, Model, QuerySet
from rest_framework import serializers
from rest_framework.fields import empty
from rest_framework.relations import RelatedField
from rest_framework.utils.serializer_helpers import BoundField
from typing_extensions import TypeVar, Unpack, override

from drf_commons.serializers.bulk import BulkListSerializer
from drf_commons.serializers.fields import IdOnlyField
from drf_commons.serializers.nested import NestingSerializer
from drf_commons.serializers.prefetch import find_related_paths
from drf_commons.serializers.refusals import explain_refusal
from drf_commons.serializers.relations import RelationWrite
from drf_commons.serializers.rows import Row
from drf_commons.serializers.shaped import ShapedSerializer
from drf_commons.serializers.writes import TreeWriter
from drf_commons.types import StrOrPromise

__all__ = ["BaseModelSerializer", "BaseSerializer"]

T = TypeVar("T", default=Any)
M = TypeVar("M", bound=Model, default=Any)
Data_co = TypeVar("Data_co", covariant=True, default=dict[str, Any])
ValidatedData_co = TypeVar("ValidatedData_co", covariant=True, default=dict[str, Any])


class SerializerOptions(TypedDict, total=False):
    """DRF's own serializer options, which are forwarded unchanged."""

    allow_empty: bool
    allow_null: bool
    context: Mapping[str, Any]
    default: Any
    error_messages: dict[str, StrOrPromise]
    help_text: StrOrPromise
    initial: Any
    label: StrOrPromise
    many: bool
    max_length: int
    min_length: int
    partial: bool
    read_only: bool
    required: bool
    source: str
    style: dict[str, Any]
    validators: Sequence[Any]
    write_only: bool


class BaseSerializer(  # type: ignore[misc]  # the stubs render to a ReturnDict, here seen through its keys
    ShapedSerializer[T, Data_co, ValidatedData_co], serializers.Serializer[T], Generic[T, Data_co, ValidatedData_co]
):
    """A ``Serializer`` of something that is no model: ``BaseSerializer[Quote]`` types ``instance`` and ``save()``."""


class BaseModelSerializer(
    ShapedSerializer[M, Data_co, ValidatedData_co], NestingSerializer[M], Generic[M, Data_co, ValidatedData_co]
):
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

    #: Keys are looked up by a field that can look up a whole list of them at once.
    serializer_related_field: ClassVar[type[RelatedField[Any, Any, Any]]] = IdOnlyField
    default_list_serializer_class: ClassVar[type[serializers.ListSerializer[Any]]] = BulkListSerializer

    def __init__(
        self,
        instance: M | Sequence[M] | QuerySet[M] | Manager[M] | None = None,
        data: Any = empty,
        *,
        relation_write: RelationWrite | None = None,
        **options: Unpack[SerializerOptions],
    ) -> None:
        self.relation_write: RelationWrite = relation_write or RelationWrite()
        # max_length and min_length are for a list only: many=True has taken them out.
        super().__init__(instance, data, **cast("Any", options))

    @property
    @override
    def data(self) -> Data_co:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]  # a ReturnDict, by its keys
        """The row as the client sees it; what was nested in it is read with one query for each relation."""
        is_valid = hasattr(self, "_validated_data") and not getattr(self, "_errors", None)
        if is_valid and isinstance(self.instance, Model) and not hasattr(self, "_data"):
            find_related_paths(self).fetch([self.instance])
        return cast("Data_co", cast("Any", super()).data)  # its shape is what the type argument says

    @override
    def __getitem__(self, key: str) -> BoundField:
        """Return the field as a form shows it; a related row is chosen by its key, however it is shown elsewhere."""
        bound: Any = super().__getitem__(key)
        field = cast("Any", self.fields[key])
        if hasattr(field, "get_choice"):
            if hasattr(bound.errors, "values"):  # by position, which a form does not show
                bound.errors = list(chain.from_iterable(bound.errors.values()))
            if isinstance(self.instance, Model) and not getattr(self, "_errors", None):
                bound.value = field.get_choice(field.get_attribute(self.instance))
        return cast("BoundField", bound)

    @override
    def save(self, **kwargs: Any) -> M:
        """Write the validated data, with *kwargs* on top, and return the row.

        Raises DRF's ``ValidationError`` for a value that turns out to be taken when the database is asked to store it.
        """
        try:
            with transaction.atomic(self.get_write_database(self.instance)):
                return super().save(**kwargs)
        except IntegrityError as exc:
            error = explain_refusal(self, {**cast("dict[str, Any]", self.validated_data), **kwargs}, exc)
            if error is None:
                raise
            raise error from exc

    @override
    def create(self, validated_data: Any) -> M:
        """Write a new row and what is nested in it."""
        return self._write(None, validated_data)

    @override
    def update(self, instance: M, validated_data: Any) -> M:
        """Write *validated_data* over *instance*, and what is nested in it."""
        return self._write(instance, validated_data)

    def _write(self, instance: M | None, validated_data: Mapping[str, Any]) -> M:
        using = self.get_write_database(instance)
        row = Row(attrs={**validated_data}, instance=instance)
        with transaction.atomic(using, savepoint=False):
            TreeWriter(using).write_tree(self, [row])
        return cast("M", row.written)  # written by this serializer, whose model it is

    def get_write_database(self, instance: M | None = None) -> str:
        """Return the alias of the database that *instance*, or a new row, is written to."""
        hints = {} if instance is None else {"instance": instance}
        return router.db_for_write(self.Meta.model, **hints)
