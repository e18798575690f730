"""The operations of a view, as they really answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final, TypeAlias, cast

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model
from rest_framework.fields import FileField
from rest_framework.permissions import AllowAny
from rest_framework.renderers import TemplateHTMLRenderer
from rest_framework.serializers import BaseSerializer
from rest_framework.settings import api_settings
from typing_extensions import override

from drf_commons.errors import ConfigurationError
from drf_commons.models.content import VersionMixin
from drf_commons.openapi.components import find_paginator_name, refer_to_envelope, refer_to_error, turn_into_page
from drf_commons.openapi.operations import find_operation, is_offered, may_become_job, may_miss_storage
from drf_commons.openapi.relations import has_two_shapes
from drf_commons.openapi.reports import refer_to_import_report
from drf_commons.openapi.spectacular import (
    AutoSchema,
    Component,
    Direction,
    OpenApiParameter,
    OpenApiTypes,
    Registry,
    Schema,
    force_instance,
    is_request_split,
)
from drf_commons.services.exporting import CONTENT_TYPES
from drf_commons.views.mixins.importing import ImportRequestSerializer

__all__ = ["EnvelopeSchema"]

_SerializerType: TypeAlias = "BaseSerializer[Any] | type[BaseSerializer[Any]]"

_JSON: Final = "application/json"
_STREAM: Final = "text/event-stream"
#: Actions on a row that know its version, and those that a client may make depend on it.
_VERSIONED: Final = frozenset({"retrieve", "update", "partial_update", "destroy", "restore"})
_PRECONDITIONED: Final = _VERSIONED - {"retrieve"}

#: What spectacular puts behind the name of an action for the method, and what is said instead.
_ENDINGS: Final[Mapping[str, tuple[str, str]]] = {
    "DELETE": ("_delete_destroy", "_destroy"),
    "GET": ("_retrieve", ""),
    "PATCH": ("_update_partial_update", "_partial_update"),
    "POST": ("_create", ""),
    "PUT": ("_update", ""),
}

#: What says whether an action answers with its rows.
_FLAGS: Final[Mapping[str, str]] = {
    "bulk_create": "return_data_on_create",
    "bulk_update": "return_data_on_update",
    "create": "return_data_on_create",
    "partial_update": "return_data_on_update",
    "update": "return_data_on_update",
}


#: What asks for a job, and what leads to it.
_JOB_HEADERS: Final = (
    OpenApiParameter(
        "Prefer",
        OpenApiTypes.STR,
        OpenApiParameter.HEADER,
        description="`respond-async` lets a job do it: 202.",
    ),
    OpenApiParameter(
        "Location", OpenApiTypes.URI, OpenApiParameter.HEADER, response=[202], description="Where the job is found."
    ),
    OpenApiParameter(
        "Retry-After",
        OpenApiTypes.INT,
        OpenApiParameter.HEADER,
        response=[202],
        description="After how many seconds it is worth asking for the job.",
    ),
    OpenApiParameter(
        "Preference-Applied",
        OpenApiTypes.STR,
        OpenApiParameter.HEADER,
        response=[202],
        description="`respond-async`, where that was asked for.",
    ),
)


class EnvelopeSchema(AutoSchema):
    """drf-spectacular's description of a view, with every answer in its envelope.

    What ``@extend_schema`` says stays: the answers it describes are what stands in ``data``.
    """

    method: str

    @property
    def action(self) -> str | None:
        """The name of the action that is described; a view that is no viewset has none."""
        return getattr(self.view, "action", None)

    @override
    def is_excluded(self) -> bool:
        """Leave out what cannot be asked for, and rows without a serializer, which spectacular tells of."""
        operation = find_operation(self.view)
        is_lost = operation is not None and operation.is_about_rows and self._get_serializer() is None
        return is_lost or super().is_excluded() or not is_offered(self.view)

    @override
    def get_auth(self) -> list[Schema]:
        operation, method = find_operation(self.view), self.method
        if operation is not None and operation.is_safe:
            self.method = "GET"  # as the permissions are asked
        try:
            return super().get_auth()
        finally:
            self.method = method

    # Bodies and answers

    @override
    def get_request_serializer(self) -> object:
        operation = find_operation(self.view)
        return super().get_request_serializer() if operation is None else operation.describe_body(self)

    @override
    def get_response_serializers(self) -> object:
        operation = find_operation(self.view)
        return super().get_response_serializers() if operation is None else operation.describe_answers(self)

    @override
    def get_filter_backends(self) -> list[Any]:
        operation = find_operation(self.view)
        if operation is None or not operation.is_filtered:
            return super().get_filter_backends()
        backends: Iterable[Any] = getattr(self.view, "filter_backends", ())
        return [backend for backend in backends if operation.is_ordered or not hasattr(backend, "get_ordering")]

    @override
    def get_operation_id(self) -> str:
        """Return spectacular's own name, without the method where the action says it all."""
        name = super().get_operation_id()
        said, wanted = _ENDINGS.get(self.method, ("", ""))
        if find_operation(self.view) is None or not name.endswith(said):
            return name
        return name.removesuffix(said) + wanted

    @override
    def map_parsers(self) -> list[str]:
        """Return the media types of a body: a form, which has neither null nor rows in rows, where it brings a file."""
        media_types = super().map_parsers()
        json = [name for name in media_types if name.endswith("json")]
        return media_types if not json or _has_file(self.get_request_serializer()) else json

    @override
    def map_renderers(self, attribute: str) -> list[str]:
        """Return the media types of the answers; those of the files of an export are no other way to say the rest."""
        names = super().map_renderers(attribute)
        is_export = find_operation(self.view) is not None and self.action == "export"
        return [name for name in names if name not in CONTENT_TYPES.values()] if is_export else names

    def find_data_types(self) -> list[str]:
        """Return the media types that the view renders its data as: no pages for people, files or events."""
        renderers: Iterable[Any] = self.view.get_renderers()
        others = {
            str(renderer.media_type).partition(";")[0]
            for renderer in renderers
            if isinstance(renderer, TemplateHTMLRenderer) or getattr(renderer, "render_style", "") == "binary"
        }
        names = self.map_renderers("media_type")
        return [name for name in names if name not in {*others, _STREAM}] or [_JSON]

    def get_row_serializer(self) -> BaseSerializer[Any]:
        """Return the serializer of one row."""
        serializer = self._get_serializer()
        if serializer is None:
            msg = f"{type(self.view).__name__}.{self.action}: the view has no serializer"
            raise ConfigurationError(msg)
        return serializer

    def find_model(self) -> type[Model] | None:
        """Return the model of the rows, if anything names it."""
        named: Any = getattr(getattr(self._get_serializer(), "Meta", None), "model", None)
        return named or getattr(getattr(self.view, "queryset", None), "model", None)

    def refer_to_row(self, direction: Direction, *, partial: bool = False) -> Schema:
        """Return a reference to one row."""
        serializer = self.get_row_serializer()
        serializer.partial = partial
        component = self.resolve_serializer(serializer, direction)
        return component.ref if component else {"type": "object"}  # no component is made of no fields

    @override
    def get_operation(
        self, path: str, path_regex: str, path_prefix: str, method: str, registry: Registry
    ) -> Schema | None:
        operation = super().get_operation(path, path_regex, path_prefix, method, registry)
        if operation is not None:
            operation["responses"] = self.build_responses(operation["responses"])
            self.require_body(operation)
        return operation

    def require_body(self, operation: Schema) -> None:
        """Say of *operation* that it needs its body, where it does; spectacular gives a DELETE none at all."""
        own = find_operation(self.view)
        if own is None:
            return
        if self.method == "DELETE":
            body = cast("Mapping[str, object]", self.get_request_serializer())
            content = {name: {"schema": schema} for name, schema in body.items()}
            operation |= {"requestBody": {"content": content}}
        if "requestBody" in operation:
            operation["requestBody"]["required"] = True

    def build_responses(self, responses: dict[str, Schema]) -> dict[str, Schema]:
        """Return *responses* in their envelopes, and the errors beside them."""
        if "204" in responses and not isinstance(self.get_response_serializers(), dict):
            # Nobody asked for it: it is what spectacular takes every DELETE to answer.
            content: dict[str, Schema] = {name: {} for name in self.find_data_types()}
            responses["200"] = {**responses.pop("204"), "content": content, "description": ""}
        built = {code: self.wrap(code, response) for code, response in responses.items()}
        for code in {*self.find_error_codes(), *self.find_own_error_codes()}:
            error = self.build_error(code)
            told = built.setdefault(code, error)
            if "content" in told:  # a file, or what the view says of its own errors
                told["content"] = {**error["content"], **told["content"]}
                told["description"] = told["description"] or _phrase(code)
        return dict(sorted(built.items()))

    def wrap(self, code: str, response: Schema) -> Schema:
        """Return a success with its data in the envelope, and anything else as it is: a file, a stream of events."""
        if not code.startswith("2") or code == "204":
            return response
        names = self.find_data_types()
        content: dict[str, Schema] = response.get("content") or {name: {} for name in names}
        wrapped = {
            media_type: {**body, "schema": self.wrap_payload(code, body.get("schema"))}
            for media_type, body in content.items()
            # A version may stand behind it.
            if _is_data(media_type.partition(";")[0], names) and not _is_file(body.get("schema"))
        }
        return {**response, "content": {**content, **wrapped}, "description": response["description"] or _phrase(code)}

    def wrap_payload(self, code: str, payload: Schema | None) -> Schema:
        """Return the envelope around *payload*."""
        if payload is None or self.hides_rows():
            return refer_to_envelope(self.registry, None, "")
        if page := self.find_page(payload):
            return page
        if getattr(self.view, "append_indexes", False) and self._is_list_view():
            payload = _number_rows(payload)
        name = f"{self.get_operation_id().title().replace('_', '')}{'' if code == '200' else code}"
        return refer_to_envelope(self.registry, payload, name)

    def find_page(self, payload: Schema) -> Schema | None:
        """Return the body of a paginated list, where *payload* is what its paginator says."""
        if "$ref" not in payload or self._get_paginator() is None or not self._is_list_view():
            return None
        name = payload["$ref"].rpartition("/")[2]
        component = self.registry[name, Component.SCHEMA]
        if "success" not in component.schema.get("properties", {}):
            turn_into_page(self.registry, component.schema, self._get_paginator())
            if getattr(self.view, "append_indexes", False):
                data = component.schema["properties"]["data"]
                component.schema["properties"]["data"] = _number_rows(data)
            if self.always_pages():
                component.schema["required"].append("pagination")
        elif not self.always_pages():
            component.schema["required"] = [name for name in component.schema["required"] if name != "pagination"]
        return payload

    def always_pages(self) -> bool:
        """Tell whether no request for the list gets all of it at once."""
        paginator: Any = self._get_paginator()
        size = getattr(paginator, "page_size", None) or getattr(paginator, "default_limit", None)
        return bool(size) and not getattr(self.view, "allow_unpaginated", False)

    def hides_rows(self) -> bool:
        """Tell whether the answer has no row to show, because the view does not want it to."""
        flag = _FLAGS.get(str(self.action))
        return flag is not None and not getattr(self.view, flag, True)

    # Errors

    def find_error_codes(self) -> Iterator[str]:
        """Yield the statuses with which the operation may fail."""
        has_body = self.method in {"POST", "PUT", "PATCH"}
        if has_body or self._is_list_view():
            yield "400"
        if self.view.get_authenticators():
            yield "401"
        if self.view.get_authenticators() or any(type(check) is not AllowAny for check in self.view.get_permissions()):
            yield "403"
        if "{" in self.path or self._get_pagination_parameters():
            yield "404"
        yield "406"
        if self.is_about_versions(_PRECONDITIONED) or self.action == "destroy":
            yield "409"
        if self.is_about_versions(_PRECONDITIONED):
            yield "412"
            if getattr(self.view, "require_if_match", False):
                yield "428"
        if has_body:
            yield "413"
            yield "415"
        if self.view.get_throttles():
            yield "429"

    def find_own_error_codes(self) -> Iterator[str]:
        """Yield the statuses with which one of the library's own actions may fail besides."""
        if may_miss_storage(self):
            yield "503"
        operation = find_operation(self.view)
        if operation is not None:
            yield from operation.errors
            if self.takes_idempotency_keys:
                yield from ("409", "422")

    @property
    def takes_idempotency_keys(self) -> bool:
        """Tell whether the action may be sent twice and be done once."""
        return bool(getattr(self.view, "use_idempotency_keys", False)) and str(self.action).startswith("bulk_")

    def build_error(self, code: str) -> Schema:
        """Return the answer to a request that fails with *code*."""
        is_import = code == "422" and self.action == "import_from_file"
        extra = {"report": refer_to_import_report(self.registry)} if is_import else {}
        schema = refer_to_error(self.registry, code, **extra)
        content = {name: {"schema": schema} for name in self.find_data_types()}
        return {"content": content, "description": _phrase(code)}

    # Parameters and headers

    @override
    def get_override_parameters(self) -> list[Any]:
        return [*super().get_override_parameters(), *self.build_parameters()]

    def build_parameters(self) -> Iterable[OpenApiParameter]:
        """Return the parameters and headers that the library's own actions read and write."""
        view = self.view
        if self._is_list_view() and getattr(view, "allow_unpaginated", False):
            yield OpenApiParameter("paginated", OpenApiTypes.BOOL, description="`false` returns every row at once.")
        if self.action == "export":
            # The body says which file is wanted, or Accept does; ?format= is about errors.
            yield OpenApiParameter(str(api_settings.URL_FORMAT_OVERRIDE), exclude=True)
        if may_become_job(self):
            yield from _JOB_HEADERS
        if self.takes_idempotency_keys:
            yield OpenApiParameter(
                "Idempotency-Key",
                {"type": "string", "minLength": 1, "maxLength": 255},
                OpenApiParameter.HEADER,
                description="A request that is sent again with its key is answered again, and done once.",
            )
        if self.is_about_versions(_VERSIONED):
            yield OpenApiParameter(
                "ETag",
                OpenApiTypes.STR,
                OpenApiParameter.HEADER,
                response=[200],
                description="The version of the row, for `If-Match`.",
            )
        if self.is_about_versions(_PRECONDITIONED):
            yield OpenApiParameter(
                "If-Match",
                OpenApiTypes.STR,
                OpenApiParameter.HEADER,
                required=bool(getattr(view, "require_if_match", False)),
                description="The `ETag` the row was read with: write only if nobody has written since.",
            )

    def is_about_versions(self, actions: frozenset[str]) -> bool:
        """Tell whether this is one of *actions*, and the rows have versions."""
        model = self.find_model() if self.action in actions else None
        return model is not None and issubclass(model, VersionMixin)

    # Names

    @override
    def get_paginated_name(self, serializer_name: str) -> str:
        """Return a name that no page of a plain view has, nor one of another paginator, or with other rows."""
        numbered = "Numbered" if getattr(self.view, "append_indexes", False) else ""
        paginator = type(self._get_paginator()).__name__
        name = f"Paginated{numbered}{serializer_name}ListEnvelope"
        try:
            known = self.registry[name, Component.SCHEMA]
        except KeyError:
            return name
        is_ours = find_paginator_name(known.schema) == paginator
        return name if is_ours else f"{paginator}{numbered}{serializer_name}ListEnvelope"

    @override
    def get_serializer_name(self, serializer: BaseSerializer[Any], direction: Direction) -> str:
        """Return a name of its own for a request that is of another shape than the response."""
        if is_request_split() and isinstance(serializer, ImportRequestSerializer):
            return "Import"  # spectacular has more to say
        name = super().get_serializer_name(serializer, direction)
        if direction == "request" and not is_request_split() and has_two_shapes(serializer):
            return f"{name.removesuffix('Serializer')}Request"
        return name

    @override
    def resolve_serializer(
        self, serializer: _SerializerType, direction: Direction, bypass_extensions: bool = False
    ) -> Component:
        """Return the component of *serializer*; one of a single direction has no fields of the other."""
        serializer = force_instance(serializer)
        component = super().resolve_serializer(serializer, direction, bypass_extensions)
        if component.schema and (is_request_split() or has_two_shapes(serializer)):
            _drop_fields(component.schema, "readOnly" if direction == "request" else "writeOnly")
            if direction == "response":
                _require_fields(component.schema, serializer)
        return component


def _drop_fields(schema: Schema, direction: str) -> None:
    properties: dict[str, Schema] = schema.get("properties", {})
    dropped = {name for name, field in properties.items() if field.get(direction)}
    schema["properties"] = {name: field for name, field in properties.items() if name not in dropped}
    if required := [name for name in schema.get("required", []) if name not in dropped]:
        schema["required"] = required
    else:
        schema.pop("required", None)


def _require_fields(schema: Schema, serializer: Any) -> None:
    """Say of each field of a response that it is there: what may be left out is a matter of the request."""
    shown = {name for name, field in serializer.fields.items() if _is_always_shown(field)}
    if required := [
        name for name in schema.get("properties", {}) if name in shown or name in schema.get("required", ())
    ]:
        schema["required"] = required


def _is_always_shown(field: Any) -> bool:
    """Tell whether no row lacks the attribute behind *field*, as one may whose other half is not there."""
    model: Any = getattr(getattr(field.parent, "Meta", None), "model", None)
    try:
        column = model._meta.get_field(field.source)
    except (AttributeError, FieldDoesNotExist):
        return False
    return bool(column.concrete or not column.one_to_one)


def _has_file(serializer: Any) -> bool:
    """Tell whether a body made of *serializer* brings a file, at any depth."""
    instance: Any = force_instance(serializer)
    fields: Mapping[str, object] = getattr(getattr(instance, "child", instance), "fields", {})
    return any(isinstance(field, FileField) or _has_file(field) for field in fields.values())


def _is_data(media_type: str, names: Iterable[str]) -> bool:
    return media_type in names or media_type.endswith("json")


def _is_file(schema: Schema | None) -> bool:
    return schema is not None and schema.get("format") == "binary"


def _number_rows(rows: Schema) -> Schema:
    """Return a list of *rows* that carry their number in it."""
    number = {"type": "object", "properties": {"index": {"type": "integer", "minimum": 1}}, "required": ["index"]}
    return {**rows, "items": {"allOf": [rows["items"], number]}}


def _phrase(code: str) -> str:
    return HTTPStatus(int(code)).phrase
