"""The parts of drf-spectacular that are used here, with the types that its own annotations leave out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias, cast

from django.db.models import Field, Model
from drf_spectacular.plumbing import UnableToProceedError
from drf_spectacular.settings import spectacular_settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.schemas.inspectors import ViewInspector
from rest_framework.serializers import BaseSerializer
from rest_framework.settings import api_settings
from typing_extensions import override

__all__ = [
    "AutoSchema",
    "Component",
    "Direction",
    "OpenApiParameter",
    "OpenApiResponse",
    "OpenApiSerializerFieldExtension",
    "OpenApiTypes",
    "OpenApiViewExtension",
    "Registry",
    "Schema",
    "UnableToProceedError",
    "append_meta",
    "follow_field_source",
    "force_instance",
    "get_project_schema",
    "is_jsonschema_compliant",
    "is_request_split",
    "resolve_type_hint",
    "warn",
]

#: A schema object of OpenAPI.
Schema: TypeAlias = dict[str, Any]
Direction: TypeAlias = Literal["request", "response"]
_SerializerOrClass: TypeAlias = "BaseSerializer[Any] | type[BaseSerializer[Any]]"

if TYPE_CHECKING:
    from abc import ABCMeta, abstractmethod
    from collections.abc import Callable

    class Component:
        SCHEMA: ClassVar[str]
        schema: Schema

        def __init__(
            self,
            name: str,
            type: str,
            schema: Schema | None = None,
            object: object = None,
        ) -> None: ...
        def __bool__(self) -> bool: ...
        @property
        def ref(self) -> Schema: ...

    class Registry:
        def register_on_missing(self, component: Component) -> None: ...
        def __getitem__(self, key: tuple[str, str]) -> Component: ...

    class AutoSchema(ViewInspector):
        view: Any
        path: str
        method: str
        registry: Registry

        def get_operation(
            self, path: str, path_regex: str, path_prefix: str, method: str, registry: Registry
        ) -> Schema | None: ...
        @override
        def get_description(self) -> str: ...  # type: ignore[override]  # spectacular knows address and method
        def get_auth(self) -> list[Schema]: ...
        def get_filter_backends(self) -> list[Any]: ...
        def get_operation_id(self) -> str: ...
        def get_paginated_name(self, serializer_name: str) -> str: ...
        def get_override_parameters(self) -> list[Any]: ...
        def get_request_serializer(self) -> object: ...
        def get_response_serializers(self) -> object: ...
        def get_serializer_name(self, serializer: BaseSerializer[Any], direction: Direction) -> str: ...
        def is_excluded(self) -> bool: ...
        def map_parsers(self) -> list[str]: ...
        def map_renderers(self, attribute: str) -> list[str]: ...
        def resolve_serializer(
            self, serializer: _SerializerOrClass, direction: Direction, bypass_extensions: bool = False
        ) -> Component: ...
        # Not public, but what spectacular's pages on extensions call.
        def _get_paginator(self) -> object: ...
        def _get_pagination_parameters(self) -> list[Schema]: ...
        def _get_serializer(self) -> BaseSerializer[Any] | None: ...
        def _is_list_view(self, serializer: _SerializerOrClass | None = None) -> bool: ...
        def _map_model_field(self, model_field: Field[Any, Any], direction: Direction) -> Schema: ...

    class OpenApiSerializerFieldExtension(metaclass=ABCMeta):
        target_class: ClassVar[Any]
        target: Any

        @abstractmethod
        def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Schema: ...

    class OpenApiViewExtension(metaclass=ABCMeta):
        target_class: ClassVar[Any]
        target: Any

        def __init__(self, target_callback: Callable[..., Any]) -> None: ...
        @abstractmethod
        def view_replacement(self) -> type[Any]: ...

    def append_meta(schema: Schema, meta: Schema) -> Schema: ...
    def follow_field_source(
        model: type[Model], path: list[str], default: object = None, emit_warnings: bool = True
    ) -> object: ...
    def force_instance(serializer_or_field: _SerializerOrClass) -> BaseSerializer[Any]: ...
    def is_jsonschema_compliant() -> bool: ...
    def resolve_type_hint(hint: object) -> Schema: ...
    def warn(msg: str, delayed: object = None) -> None: ...
else:
    from drf_spectacular.drainage import warn
    from drf_spectacular.extensions import OpenApiSerializerFieldExtension, OpenApiViewExtension
    from drf_spectacular.openapi import AutoSchema
    from drf_spectacular.plumbing import ComponentRegistry as Registry
    from drf_spectacular.plumbing import (
        ResolvedComponent as Component,
    )
    from drf_spectacular.plumbing import (
        append_meta,
        follow_field_source,
        force_instance,
        is_jsonschema_compliant,
        resolve_type_hint,
    )


def get_project_schema() -> type[AutoSchema]:
    """Return the class that the project describes views with."""
    return cast("type[AutoSchema]", api_settings.DEFAULT_SCHEMA_CLASS)  # imported, where the stubs have its path


def is_request_split() -> bool:
    """Tell whether the project wants components of their own for requests."""
    return bool(spectacular_settings.COMPONENT_SPLIT_REQUEST)
