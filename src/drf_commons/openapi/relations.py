"""Relation fields: what goes in has one shape, what comes out another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model, QuerySet
from rest_framework.serializers import BaseSerializer, ListSerializer, ManyRelatedField
from typing_extensions import override

from drf_commons.openapi.spectacular import (
    AutoSchema,
    Direction,
    OpenApiSerializerFieldExtension,
    Schema,
    UnableToProceedError,
    append_meta,
    follow_field_source,
    resolve_type_hint,
    warn,
)
from drf_commons.serializers.fields import Accept, ConfigurableRelatedFieldMixin
from drf_commons.serializers.keys import build_key
from drf_commons.serializers.outputs import (
    CustomOutput,
    DataOutput,
    PkOutput,
    SerializerHolder,
    SlugOutput,
    StrOutput,
)

__all__ = ["RelationFieldExtension", "has_two_shapes"]


class RelationFieldExtension(OpenApiSerializerFieldExtension):
    """A relation field by what it accepts in a request, and by what it represents in a response."""

    target_class = ConfigurableRelatedFieldMixin
    match_subclasses = True
    priority = -1  # a project's own description of a field of its own comes first

    @override
    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Schema:
        field: ConfigurableRelatedFieldMixin[Any, Any, Any] = self.target
        mapper = _FieldMapper(auto_schema, field, direction)
        if direction == "request" and not field.read_only:
            return mapper.map_input()
        # What is only read cannot be told to allow null, and follows its column.
        return append_meta(mapper.map_output(), {"nullable": True} if field.read_only and _may_be_null(field) else {})


class _FieldMapper:
    """One field on its way into a schema."""

    def __init__(
        self, auto_schema: AutoSchema, field: ConfigurableRelatedFieldMixin[Any, Any, Any], direction: Direction
    ) -> None:
        self.auto_schema = auto_schema
        self.field = field
        self.direction: Direction = direction

    def map_input(self) -> Schema:
        """Return what a client may send."""
        field = self.field
        shapes: list[Schema] = []
        if Accept.PK in field.accepts:
            shapes.append(self.map_column(field.lookup_field))
        if Accept.SLUG in field.accepts:
            shapes.append(self.map_column(field.slug_field))
        if Accept.DATA in field.accepts and isinstance(field, SerializerHolder):
            shapes.append(self.map_serializer(field))
        return shapes[0] if len(shapes) == 1 else {"anyOf": shapes}

    def map_output(self) -> Schema:
        """Return what a client gets."""
        field: Any = self.field
        kind: object = field
        match kind:
            case DataOutput():
                return self.map_serializer(field)
            case PkOutput():
                return self.map_column(self.field.lookup_field)
            case SlugOutput():
                return {"type": "string"}
            case StrOutput():
                return {"type": "string"}
            case CustomOutput():
                return _map_returned(field.output)
            case _:
                return _map_returned(field.represent)

    def map_serializer(self, field: SerializerHolder[Any, Any, Any]) -> Schema:
        """Return a reference to the serializer inside."""
        return self.auto_schema.resolve_serializer(field.get_serializer_class(), self.direction).ref

    def map_column(self, path: str) -> Schema:
        """Return what the column at *path* of the related row holds."""
        model = _find_model(self.field)
        if model is None:
            warn(f"{type(self.field).__name__} {self.field.field_name}: its model cannot be told; taken for a text")
            return {"type": "string"}
        column = build_key(model, path).field
        schema = self.auto_schema._map_model_field(column, self.direction)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        # Of the column in its own table: a client that names a row neither fills the column nor has to know it.
        return {name: value for name, value in schema.items() if name not in {"readOnly", "default", "nullable"}}


def has_two_shapes(serializer: BaseSerializer[Any], *, seen: frozenset[type] = frozenset()) -> bool:
    """Tell whether what *serializer* takes is of another shape than what it gives, in a relation at any depth."""
    if type(serializer) in seen:
        return False
    seen |= {type(serializer)}
    fields: Mapping[str, object] = getattr(serializer, "fields", {})
    return any(_field_has_two_shapes(field, seen) for field in fields.values())


def _field_has_two_shapes(field: Any, seen: frozenset[type]) -> bool:
    kind: object = field
    match kind:
        case ListSerializer():
            return _field_has_two_shapes(field.child, seen)
        case ManyRelatedField():
            return _field_has_two_shapes(field.child_relation, seen)
        case BaseSerializer():
            return has_two_shapes(field, seen=seen)
        case ConfigurableRelatedFieldMixin(read_only=False, write_only=False):
            return _relation_has_two_shapes(field, seen)
        case _:
            return False


def _relation_has_two_shapes(field: Any, seen: frozenset[type]) -> bool:
    kind: object = field
    match kind:
        case PkOutput(accepts=Accept.PK) | SlugOutput(accepts=Accept.SLUG):
            return False
        case DataOutput(accepts=Accept.DATA):
            return has_two_shapes(field.get_serializer_class()(), seen=seen)
        case _:
            return True


def _map_returned(function: Callable[..., object]) -> Schema:
    """Return what *function* says it returns; anything where it says nothing that can be drawn."""
    try:
        return resolve_type_hint(get_type_hints(function)["return"])
    except (KeyError, NameError, TypeError, UnableToProceedError):
        return {}


def _find_model(field: ConfigurableRelatedFieldMixin[Any, Any, Any]) -> type[Model] | None:
    """Return the model of the related rows: as the field says, or the serializer inside, or the model around it."""
    rows: QuerySet[Model] | None = getattr(field, "queryset", None)
    if rows is not None:
        return rows.model
    if isinstance(field, SerializerHolder):
        return _get_model(field.get_serializer_class())
    outer: Any = field.parent if isinstance(field.parent, ManyRelatedField) else field
    owner = _get_model(outer.parent)
    if owner is None:
        return None
    # spectacular follows a relation to the key of the row at its far end.
    key = follow_field_source(owner, [name for name in str(outer.source).split(".") if name], default=None)
    return getattr(key, "model", None)


def _may_be_null(field: ConfigurableRelatedFieldMixin[Any, Any, Any]) -> bool:
    """Tell whether one of the columns between the row around *field* and the related row may be empty."""
    model = _get_model(field.parent)
    for name in str(field.source).split("."):
        if model is None:
            return False
        try:
            column = model._meta.get_field(name)
        except FieldDoesNotExist:
            return False
        if getattr(column, "null", False):
            return True
        model = column.related_model
    return False


def _get_model(serializer: object) -> type[Model] | None:
    return getattr(getattr(serializer, "Meta", None), "model", None)
