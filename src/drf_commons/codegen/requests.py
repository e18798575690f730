"""Writing TypeScript: what clients send, read off the fields of a serializer as DRF makes them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from django.core.exceptions import ImproperlyConfigured
from django.db.models import Field as ModelField
from django.db.models import IntegerField as IntegerColumn
from django.db.models import Model
from rest_framework import serializers

from drf_commons.codegen.endpoints import is_from_library
from drf_commons.codegen.reading import Module
from drf_commons.serializers.identity import build_identity
from drf_commons.serializers.relations import Accept, ConfigurableRelatedFieldMixin

__all__ = ["ANY_OBJECT", "SUFFIX", "render_request"]

#: The names of serializers in TypeScript, by their full names in Python.
Names: TypeAlias = Mapping[str, str]

#: What the name of a request ends in.
SUFFIX: Final = "Request"
ANY_OBJECT: Final = "{ [key: string]: unknown }"
#: The stubs leave the type arguments of fields open; what a field is, is asked at runtime anyway.
_DRF: Final[Any] = serializers
#: What fields of one value take; what is not here is ``unknown``.
_SCALARS: Final[tuple[tuple[Any, str], ...]] = (
    (_DRF.BooleanField, "boolean"),
    (_DRF.DecimalField, "number | string"),
    (_DRF.FileField, "File"),
    ((_DRF.FloatField, _DRF.IntegerField), "number"),
    ((_DRF.CharField, _DRF.UUIDField, _DRF.HyperlinkedRelatedField), "string"),
    ((_DRF.DateField, _DRF.DateTimeField, _DRF.DurationField, _DRF.TimeField), "string"),
)
#: What a project's fields may raise when they are made without a request.
_UNREADABLE: Final = (AssertionError, AttributeError, ImproperlyConfigured, LookupError, TypeError, ValueError)


def render_request(module: Module, name: str, spelled: Names) -> str | None:
    """Return the type of the body that a serializer takes; any object where that is known only when it runs.

    There is none for a serializer whose module the project's addresses do not load.
    """
    serializer_class: Any = getattr(sys.modules.get(module.name), name, None)
    if serializer_class is None:
        return None
    if not is_from_library(serializer_class.to_internal_value):
        return ANY_OBJECT
    try:
        fields: dict[str, Any] = dict(serializer_class().fields)
        lines = [
            f"  {key}{'' if field.required else '?'}: {_spell(field, spelled)};"
            for key, field in sorted(fields.items())
            if not field.read_only and not isinstance(field, _DRF.HiddenField)
        ]
    except _UNREADABLE:
        return ANY_OBJECT
    return "\n".join(["{", *lines, "}"])


def _spell(field: Any, spelled: Names) -> str:
    """Return what a field takes; a project's own way of reading input is not to be seen."""
    if not is_from_library(field.to_internal_value):
        return "unknown"
    text = next((spell(field, spelled) for kinds, spell in _SPELLERS if isinstance(field, kinds)), "unknown")
    return f"{text} | null" if field.allow_null and text != "unknown" else text


def _spell_scalar(field: object, spelled: Names) -> str:  # noqa: ARG001  # as the others
    return next((text for kind, text in _SCALARS if isinstance(field, kind)), "unknown")


def _spell_list(field: Any, spelled: Names) -> str:
    item = _spell(field.child, spelled)
    return f"({item})[]" if " " in item and not item.startswith("(") else f"{item}[]"


def _spell_many(field: Any, spelled: Names) -> str:
    item = _spell(field.child_relation, spelled)
    return f"({item})[]" if " " in item and not item.startswith("(") else f"{item}[]"


def _spell_dict(field: Any, spelled: Names) -> str:
    return f"{{ [key: string]: {_spell(field.child, spelled)} }}"


def _spell_choice(field: Any, spelled: Names) -> str:  # noqa: ARG001  # as the others
    keys = [*field.choices, *([""] if field.allow_blank else [])]
    literals = [json.dumps(key) if isinstance(key, str | int) else "string" for key in keys]
    return " | ".join(dict.fromkeys(literals)) or "never"


def _spell_choices(field: Any, spelled: Names) -> str:
    return f"({_spell_choice(field, spelled)})[]"


def _spell_relation(field: Any, spelled: Names) -> str:
    """Return what one of the library's relation fields accepts."""
    model = _get_model(field)
    texts = [] if model is None else [_spell_column(key.field) for key in field.get_keys(model)]
    if Accept.DATA in field.accepts:
        texts.append(_spell_data(field.bound_serializer, spelled))
    return " | ".join(dict.fromkeys(texts)) or "unknown"


def _spell_pk(field: Any, spelled: Names) -> str:  # noqa: ARG001  # as the others
    model = _get_model(field)
    return "unknown" if model is None else _spell_column(model._meta.pk)


def _spell_slug(field: Any, spelled: Names) -> str:  # noqa: ARG001  # as the others
    model = _get_model(field)
    return "unknown" if model is None else _spell_column(model._meta.get_field(field.slug_field))


def _spell_data(serializer: Any, spelled: Names) -> str:
    """Return the type of a nested row; one that exists says by its id which one it is."""
    found: Any = serializer.__class__
    name = spelled.get(f"{found.__module__}.{found.__qualname__}")
    if name is None:
        return ANY_OBJECT
    identity = build_identity(serializer, "pk") if issubclass(found, _DRF.ModelSerializer) else None
    if identity is None or identity.field_name is None or identity.is_writable:
        return f"{name}{SUFFIX}"
    kind = "string" if identity.link is not None else _spell_column(identity.named_by.field)
    return f"({name}{SUFFIX} & {{ {identity.field_name}?: {kind} }})"


#: How each kind of field is spelled; the first that fits counts.
_SPELLERS: Final[tuple[tuple[Any, Callable[[Any, Names], str]], ...]] = (
    ((_DRF.ListSerializer, _DRF.ListField), _spell_list),
    (_DRF.BaseSerializer, _spell_data),
    (_DRF.ManyRelatedField, _spell_many),
    (ConfigurableRelatedFieldMixin, _spell_relation),
    (_DRF.PrimaryKeyRelatedField, _spell_pk),
    (_DRF.SlugRelatedField, _spell_slug),
    (_DRF.MultipleChoiceField, _spell_choices),
    (_DRF.ChoiceField, _spell_choice),
    (_DRF.DictField, _spell_dict),
    (_DRF.Field, _spell_scalar),
)


def _get_model(field: Any) -> type[Model] | None:
    return getattr(field.queryset, "model", None)


def _spell_column(column: Any) -> str:
    while column.is_relation:
        column = column.target_field
    if not isinstance(column, ModelField):
        return "unknown"
    return "number" if isinstance(column, IntegerColumn) else "string"
