"""What drf-spectacular says of the library's views is what they answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar, TypeAlias, TypedDict

import pytest
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.test import override_settings
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.renderers import OpenApiYamlRenderer
from drf_spectacular.settings import patched_settings
from drf_spectacular.utils import extend_schema
from drf_spectacular.validation import validate_schema
from jsonschema import Draft202012Validator
from rest_framework.decorators import action
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.renderers import BaseRenderer, JSONRenderer, TemplateHTMLRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import DefaultRouter
from rest_framework.serializers import CharField, Serializer
from rest_framework.test import APIClient
from rest_framework.versioning import AcceptHeaderVersioning
from rest_framework.views import APIView
from rest_framework.viewsets import ModelViewSet, ViewSetMixin
from typing_extensions import override

from drf_commons.openapi import EnvelopeSchema
from drf_commons.pagination import StandardPageNumberPagination
from drf_commons.response import success_response
from drf_commons.serializers import BaseModelSerializer
from drf_commons.serializers.fields import (
    CustomOutputField,
    DataToDataField,
    FlexibleField,
    IdOnlyField,
    IdToDataField,
    IdToStrField,
    ManyIdToDataField,
    ReadOnlyCustomField,
    ReadOnlyStrField,
    StrOnlyField,
    WriteOnlyRelatedField,
)
from drf_commons.views import BaseViewSet, BulkImportableViewSet, BulkViewSet, ReadOnlyViewSet
from drf_commons.views.mixins import SoftDestroyModelMixin
from tests.archive.models import Document, Note
from tests.newsroom.models import Article, Author
from tests.newsroom.serializers import ArticleSerializer, AuthorSerializer

pytestmark = [pytest.mark.django_db, pytest.mark.once]

Schema: TypeAlias = dict[str, Any]


class Initials(TypedDict):
    first: str
    number: int


def get_initials(author: Author) -> Initials:
    return {"first": author.name[:1], "number": author.pk}


class EveryKindSerializer(BaseModelSerializer[Article]):
    """Every kind of output, each by another field of the same relation."""

    id_only = IdOnlyField(queryset=Author.objects.all(), source="author")
    text = IdToStrField(queryset=Author.objects.all(), source="author")
    whole = IdToDataField(queryset=Author.objects.all(), serializer=AuthorSerializer, source="author")
    name = StrOnlyField(queryset=Author.objects.all(), slug_field="name", source="author")
    either = FlexibleField(
        queryset=Author.objects.all(), serializer=AuthorSerializer, slug_field="name", source="author"
    )
    both = DataToDataField(serializer=AuthorSerializer, source="author", queryset=Author.objects.all())
    own = CustomOutputField(queryset=Author.objects.all(), output=get_initials, source="author")
    untold = CustomOutputField(queryset=Author.objects.all(), output=lambda author: author.pk, source="author")
    shown = ReadOnlyStrField[Article](source="author")
    drawn = ReadOnlyCustomField(output=get_initials, source="author")
    taken = WriteOnlyRelatedField(queryset=Author.objects.all(), source="author")
    all_of_them = ManyIdToDataField(queryset=Author.objects.all(), serializer=AuthorSerializer, source="authors")

    class Meta:
        model = Article
        fields = (
            "id",
            "id_only",
            "text",
            "whole",
            "name",
            "either",
            "both",
            "own",
            "untold",
            "shown",
            "drawn",
            "taken",
            "all_of_them",
        )


class EveryKind(BaseViewSet[Article]):
    queryset = Article.objects.all()
    serializer_class = EveryKindSerializer


class DocumentSerializer(BaseModelSerializer[Document]):
    class Meta:
        model = Document
        fields = ("id", "body", "version")


class Documents(BaseViewSet[Document]):
    queryset = Document.objects.all()
    serializer_class = DocumentSerializer
    require_if_match = True


class NoteSerializer(BaseModelSerializer[Note]):
    class Meta:
        model = Note
        fields = ("id", "text")


class Notes(SoftDestroyModelMixin[Note], BaseViewSet[Note]):
    queryset = Note.objects.all()
    serializer_class = NoteSerializer


class Numbered(ReadOnlyViewSet[Article]):
    queryset = Article.objects.all()
    serializer_class = ArticleSerializer
    pagination_class = StandardPageNumberPagination
    append_indexes = True
    allow_unpaginated = True


class Silent(BaseViewSet[Author]):
    queryset = Author.objects.all()
    serializer_class = AuthorSerializer
    return_data_on_create = False
    return_data_on_update = False


def route(**views: type[Any]) -> list[URLPattern | URLResolver]:
    """Return the routes of *views*, each under its name."""
    router = DefaultRouter()
    for name, view in views.items():
        router.register(name, view, basename=name)
    return [path("", include(router.urls))]


def generate(patterns: list[URLPattern | URLResolver] | None = None, **settings: object) -> Schema:
    """Return the schema of *patterns*, made without a warning, and valid."""
    with patched_settings({"OAS_VERSION": "3.1.0", **settings}):
        GENERATOR_STATS.reset()
        generator = SchemaGenerator(patterns=patterns)  # type: ignore[no-untyped-call]
        schema: Schema = generator.get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
        assert not GENERATOR_STATS, [*GENERATOR_STATS._warn_cache, *GENERATOR_STATS._error_cache]
        validate_schema(schema)  # type: ignore[no-untyped-call]
    return schema


def get_component(schema: Schema, name: str) -> Schema:
    component: Schema = schema["components"]["schemas"][name]
    return component


def get_operation(schema: Schema, method: str, route: str) -> Schema:
    operation: Schema = schema["paths"][route][method]
    return operation


def get_body(operation: Schema, code: str) -> Schema:
    body: Schema = operation["responses"][code]["content"]["application/json"]["schema"]
    return body


def check_body(schema: Schema, method: str, route: str, response: Response) -> None:
    """Fail where *response* is not what *schema* says."""
    body = get_body(get_operation(schema, method, route), str(response.status_code))
    Draft202012Validator({**body, "components": schema["components"]}).validate(response.json())  # type: ignore[attr-defined]


@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
@pytest.mark.parametrize("is_split", [False, True])
def test_schemas_are_valid_and_made_without_a_warning(version: str, is_split: bool) -> None:
    """Whatever the version, and whether requests have components of their own: nothing is left to guess."""
    patterns = route(every=EveryKind, documents=Documents, notes=Notes, numbered=Numbered, silent=Silent)
    generate(patterns, OAS_VERSION=version, COMPONENT_SPLIT_REQUEST=is_split)


@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
@pytest.mark.parametrize("is_split", [False, True])
def test_the_example_has_a_valid_schema(version: str, is_split: bool) -> None:
    """The example's views, which have filters, nested writes and pages, are described without a warning."""
    patterns: list[URLPattern | URLResolver] = [path("api/", include("aviation.urls"))]
    with override_settings(ROOT_URLCONF="aviation.urls"):
        schema = generate(patterns, OAS_VERSION=version, COMPONENT_SPLIT_REQUEST=is_split)
    assert get_component(schema, "AirlineRequest")["properties"]["country"]["type"] == "string"
    assert get_component(schema, "Airline")["properties"]["country"]["$ref"].endswith("/Country")


@pytest.mark.parametrize("is_split", [False, True])
def test_relation_fields_have_a_shape_for_each_direction(is_split: bool) -> None:
    """What a client sends stands in the request's component, what it gets in the response's."""
    schema = generate(route(every=EveryKind), COMPONENT_SPLIT_REQUEST=is_split)
    given = get_component(schema, "EveryKindRequest")["properties"]
    shown = get_component(schema, "EveryKind")["properties"]
    author = {"$ref": "#/components/schemas/Author"}
    initials = {
        "type": "object",
        "properties": {"first": {"type": "string"}, "number": {"type": "integer"}},
        "required": ["first", "number"],
    }
    assert given["id_only"]["type"] == given["whole"]["type"] == "integer"
    assert given["name"]["type"] == "string"
    assert [part["type"] for part in given["either"]["anyOf"]] == ["integer", "string"]
    assert given["both"]["$ref"].endswith("AuthorRequest" if is_split else "Author")
    assert given["all_of_them"]["items"]["type"] == "integer"
    assert "shown" not in given
    assert shown["id_only"]["type"] == "integer"
    assert shown["text"]["type"] == shown["name"]["type"] == "string"
    assert shown["whole"] == shown["either"] == shown["both"] == author
    assert shown["own"] == initials
    assert shown["untold"] == {}
    assert shown["all_of_them"] == {"type": "array", "items": author}
    assert "taken" not in shown


def test_a_column_that_may_be_empty_may_be_shown_as_null() -> None:
    """A field that is only read is null where its relation is."""
    schema = generate(route(every=EveryKind))
    assert get_component(schema, "EveryKind")["properties"]["shown"]["type"] == ["string", "null"]


def test_what_is_of_one_shape_has_one_component() -> None:
    """A serializer whose fields go in as they come out is not described twice."""
    components = generate(route(articles=Silent))["components"]["schemas"]
    assert "AuthorRequest" not in components


def test_every_answer_stands_in_its_envelope() -> None:
    """Rows, pages, lists and deletions are described as they are sent."""
    schema = generate(route(silent=Silent, numbered=Numbered, notes=Notes))
    assert get_body(get_operation(schema, "get", "/notes/{id}/"), "200")["$ref"].endswith("/NoteEnvelope")
    assert get_body(get_operation(schema, "get", "/notes/"), "200")["$ref"].endswith("/NoteListEnvelope")
    assert get_body(get_operation(schema, "delete", "/notes/{id}/"), "200")["$ref"].endswith("/EmptyEnvelope")
    assert get_body(get_operation(schema, "post", "/silent/"), "201")["$ref"].endswith("/EmptyEnvelope")
    assert "204" not in get_operation(schema, "delete", "/notes/{id}/")["responses"]
    page = get_component(schema, "PaginatedNumberedArticleListEnvelope")
    assert page["required"] == ["success", "timestamp", "message", "data"]
    assert page["properties"]["pagination"]["$ref"].endswith("/StandardPageNumberPagination")
    pages = get_component(schema, "StandardPageNumberPagination")
    assert pages["properties"].keys() == {*pages["required"]} == {"count", "next", "previous"}
    assert page["properties"]["data"]["items"]["allOf"][1]["required"] == ["index"]
    assert {"in": "query", "name": "paginated"}.items() <= get_operation(schema, "get", "/numbered/")["parameters"][
        2
    ].items()


class PlainRenderer(JSONRenderer):
    """Data as a text."""

    media_type = "text/plain"
    format = "txt"


class YamlRenderer(OpenApiYamlRenderer):
    """Data as YAML."""

    media_type = "application/yaml"
    format = "yaml"


class ImageRenderer(BaseRenderer):
    """Data as a picture."""

    media_type = "image/png"
    format = "png"
    render_style = "binary"


class EventRenderer(BaseRenderer):
    """Lets a client ask for a stream."""

    media_type = "text/event-stream"
    format = "events"


class Texts(BulkImportableViewSet[Author]):
    """Answers with texts alone."""

    queryset = Author.objects.all()
    serializer_class = AuthorSerializer
    renderer_classes: Any = (PlainRenderer,)
    export_field_config: ClassVar = {"name": "Name"}
    pagination_class = StandardPageNumberPagination


class ManyKinds(BaseViewSet[Author]):
    """Answers with whatever is asked for."""

    queryset = Author.objects.all()
    serializer_class = AuthorSerializer
    renderer_classes = (YamlRenderer, JSONRenderer, TemplateHTMLRenderer, ImageRenderer, EventRenderer)


def list_types(schema: Schema, method: str, route: str, code: str) -> dict[str, str]:
    """Return the media types of an answer, each with the name of what it is described by."""
    content = get_operation(schema, method, route)["responses"][code]["content"]
    return {name: body["schema"].get("$ref", "").rpartition("/")[2] for name, body in content.items()}


def test_the_envelope_is_described_for_every_renderer_of_data() -> None:
    """With success and with failure; what is no data stays what it is."""
    schema = generate(route(texts=Texts, kinds=ManyKinds))
    assert list_types(schema, "get", "/texts/{id}/", "200") == {"text/plain": "AuthorEnvelope"}
    assert list_types(schema, "get", "/texts/", "200") == {"text/plain": "PaginatedAuthorListEnvelope"}
    assert list_types(schema, "delete", "/texts/{id}/", "200") == {"text/plain": "EmptyEnvelope"}
    assert list_types(schema, "patch", "/texts/bulk-update/", "200") == {"text/plain": "AuthorListEnvelope"}
    assert list_types(schema, "post", "/texts/", "400") == {"text/plain": "ErrorEnvelope"}
    assert "text/plain" not in list_types(schema, "post", "/texts/export/", "200")
    assert list_types(schema, "post", "/texts/export/", "413") == {"text/plain": "ErrorEnvelope"}
    found = list_types(schema, "get", "/kinds/{id}/", "200")
    assert {found[name] for name in ("application/yaml", "application/json")} == {"AuthorEnvelope"}
    assert {found[name] for name in ("text/html", "image/png", "text/event-stream")} == {"Author"}
    assert list_types(schema, "get", "/kinds/{id}/", "404").keys() == {"application/yaml", "application/json"}


def test_an_answer_of_another_renderer_is_as_described() -> None:
    """A text has the envelope in it, and so has an error."""
    urls = route(texts=Texts)
    schema = generate(urls)
    author = Author.objects.create(name="ada")
    with override_settings(ROOT_URLCONF=type("urls", (), {"urlpatterns": urls})):
        for pk in (author.pk, 0):
            response: Any = APIClient().get(f"/texts/{pk}/")
            operation = get_operation(schema, "get", "/texts/{id}/")
            body = operation["responses"][str(response.status_code)]["content"][response.accepted_media_type]["schema"]
            Draft202012Validator({**body, "components": schema["components"]}).validate(json.loads(response.content))


def test_a_version_behind_the_media_type_hides_no_envelope() -> None:
    """It is the same data."""

    class Versioned(ReadOnlyViewSet[Author]):
        queryset = Author.objects.all()
        serializer_class = AuthorSerializer
        versioning_class = type("Versioning", (AcceptHeaderVersioning,), {"default_version": "1"})

    with patched_settings({"OAS_VERSION": "3.1.0"}):
        generator = SchemaGenerator(patterns=route(kinds=Versioned), api_version="2")  # type: ignore[no-untyped-call]
        schema: Schema = generator.get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    assert list_types(schema, "get", "/kinds/{id}/", "200") == {"application/json; version=2": "AuthorEnvelope"}


def test_errors_are_described_by_status() -> None:
    """Each status an operation may fail with has the error envelope; conflicts tell the version."""
    schema = generate(route(documents=Documents))
    responses = get_operation(schema, "patch", "/documents/{id}/")["responses"]
    assert {"400", "404", "406", "409", "412", "413", "415", "428"} <= responses.keys()
    assert get_body({"responses": responses}, "400")["$ref"].endswith("/ErrorEnvelope")
    assert get_body({"responses": responses}, "409")["$ref"].endswith("/ConflictEnvelope")
    assert "429" not in responses


def test_versions_travel_in_headers() -> None:
    """A read tells the ETag, a write may ask for it."""
    schema = generate(route(documents=Documents, notes=Notes))
    read, write = (get_operation(schema, method, "/documents/{id}/") for method in ("get", "put"))
    assert "ETag" in read["responses"]["200"]["headers"]
    match = next(parameter for parameter in write["parameters"] if parameter["name"] == "If-Match")
    assert match["in"] == "header"
    assert match["required"]
    assert "If-Match" not in str(get_operation(schema, "put", "/notes/{id}/"))


def test_real_answers_are_as_described() -> None:
    """What the example of a resource answers, good and bad, is valid against its schema."""
    urls = route(documents=Documents, notes=Notes, numbered=Numbered, silent=Silent)
    schema = generate(urls)
    user = User.objects.create_user("ada")
    Author.objects.create(name="Ada")
    Article.objects.create(title="One", author=None)
    document = Document.objects.create(body="first")
    note = Note.objects.create(text="Remember me.")
    client = APIClient()
    client.force_authenticate(user)
    sent: list[tuple[str, str, str, Mapping[str, object] | None, dict[str, str]]] = [
        ("get", "/documents/", "/documents/", None, {}),
        ("get", "/documents/{id}/", f"/documents/{document.pk}/", None, {}),
        ("get", "/documents/{id}/", f"/documents/{note.pk}/", None, {}),
        ("put", "/documents/{id}/", f"/documents/{document.pk}/", {"body": "x"}, {}),
        ("put", "/documents/{id}/", f"/documents/{document.pk}/", {"body": "x"}, {"if-match": '"7"'}),
        ("put", "/documents/{id}/", f"/documents/{document.pk}/", {"body": "x", "version": 9}, {}),
        ("put", "/documents/{id}/", f"/documents/{document.pk}/", {"body": "x"}, {"if-match": '"1"'}),
        ("post", "/documents/", "/documents/", {"body": 7 * "x"}, {}),
        ("post", "/notes/", "/notes/", {"text": 700 * "x"}, {}),
        ("post", "/notes/{id}/restore/", f"/notes/{note.pk}/restore/", {}, {}),
        ("delete", "/notes/{id}/", f"/notes/{note.pk}/", None, {}),
        ("get", "/numbered/", "/numbered/", None, {}),
        ("get", "/numbered/", "/numbered/?page=9", None, {}),
        ("get", "/numbered/", "/numbered/?paginated=false", None, {}),
        ("get", "/numbered/", "/numbered/?paginated=perhaps", None, {}),
        ("post", "/silent/", "/silent/", {"name": "Grace"}, {}),
    ]
    with override_settings(ROOT_URLCONF=type("urls", (), {"urlpatterns": urls})):
        for method, template, address, data, headers in sent:
            response = getattr(client, method)(address, data, format="json", headers=headers)
            check_body(schema, method, template, response)


def test_a_decorated_action_keeps_what_it_says() -> None:
    """``extend_schema`` says what stands in the envelope, and may add parameters of its own."""

    class Described(Silent):
        @extend_schema(request=None, responses={200: AuthorSerializer(many=True)}, description="The best of them.")
        @action(detail=False, methods=["get"])
        def best(self, _request: Request) -> Response:
            return success_response([])

        @override
        @extend_schema(description="All of them.")
        def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
            return super().list(request, *args, **kwargs)

    schema = generate(route(authors=Described))
    best = get_operation(schema, "get", "/authors/best/")
    assert best["description"] == "The best of them."
    assert get_body(best, "200")["$ref"].endswith("/AuthorListEnvelope")
    assert get_operation(schema, "get", "/authors/")["description"] == "All of them."
    assert get_body(get_operation(schema, "get", "/authors/"), "200")["$ref"].endswith("/AuthorListEnvelope")


def test_the_projects_own_class_of_schemas_is_kept() -> None:
    """A view's or a project's own class stands beside the envelope."""

    class Tagged(AutoSchema):
        @override
        def get_tags(self) -> list[str]:
            return ["own"]

    class Authors(Silent):
        schema = Tagged()

    schema = generate(route(authors=Authors))
    assert get_operation(schema, "get", "/authors/")["tags"] == ["own"]
    assert get_body(get_operation(schema, "get", "/authors/"), "200")["$ref"].endswith("/AuthorListEnvelope")


def test_views_that_are_not_ours_stay_as_they_are() -> None:
    """A plain viewset is described by spectacular alone, beside one of ours with the same serializer."""

    class Plain(ModelViewSet[Author]):
        queryset = Author.objects.all()
        serializer_class = AuthorSerializer

    schema = generate(route(plain=Plain, authors=Silent))
    assert get_body(get_operation(schema, "get", "/plain/{id}/"), "200")["$ref"].endswith("/Author")
    assert "204" in get_operation(schema, "delete", "/plain/{id}/")["responses"]


def test_a_view_of_ones_own_can_be_described_with_its_envelope() -> None:
    """``schema = EnvelopeSchema()`` is all that a plain view needs."""

    class Latest(APIView):
        schema = EnvelopeSchema()

        @extend_schema(responses=AuthorSerializer)
        def get(self, _request: Request) -> Response:
            return success_response({})

    schema = generate([path("latest/", Latest.as_view())])
    assert get_body(get_operation(schema, "get", "/latest/"), "200")["$ref"].endswith("/AuthorEnvelope")


def test_a_view_without_a_queryset_is_described_all_the_same() -> None:
    """What cannot be told is left out with a warning that names the view, and nothing fails."""

    class Rowless(BulkImportableViewSet[Author]):
        serializer_class = AuthorSerializer

    class Personal(BulkImportableViewSet[Author]):
        serializer_class = AuthorSerializer

        @override
        def get_queryset(self) -> QuerySet[Author]:
            return Author.objects.filter(name=self.request.user.get_username())

    class NameSerializer(Serializer[Any]):
        name = CharField()

    class Modelless(BulkViewSet[Any]):
        serializer_class = NameSerializer

    patterns = route(rowless=Rowless, personal=Personal, modelless=Modelless)
    GENERATOR_STATS.reset()
    generator = SchemaGenerator(patterns=patterns)  # type: ignore[no-untyped-call]
    schema: Schema = generator.get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    validate_schema(schema)  # type: ignore[no-untyped-call]
    for name in ("rowless", "personal"):
        assert get_body(get_operation(schema, "get", f"/{name}/"), "200")["$ref"].endswith("/AuthorListEnvelope")
    told = str({**GENERATOR_STATS._warn_cache, **GENERATOR_STATS._error_cache})
    assert "Modelless: neither its queryset nor its serializer names a model" in told
    assert "Warning [Rowless]: could not derive type of path parameter" in told


class ItemPages(LimitOffsetPagination):
    """Rows under a name of the project's own."""

    default_limit = 10

    @override
    def get_paginated_response(self, data: Any) -> Response:
        return Response({"total": self.count, "items": data})

    @override
    def get_paginated_response_schema(self, schema: Schema) -> Schema:
        return {"type": "object", "properties": {"total": {"type": "integer"}, "items": schema}}


class Itemized(ReadOnlyViewSet[Author]):
    queryset = Author.objects.order_by("pk")
    serializer_class = AuthorSerializer
    pagination_class = ItemPages


def test_a_paginator_calls_its_rows_what_it_likes() -> None:
    """They stand in ``data`` all the same, and the rest of what it says beside them."""
    Author.objects.create(name="Ada")
    urls = route(itemized=Itemized)
    schema = generate(urls)
    page = get_body(get_operation(schema, "get", "/itemized/"), "200")
    told = get_component(schema, page["$ref"].rpartition("/")[2])
    assert told["properties"]["data"] == {"type": "array", "items": {"$ref": "#/components/schemas/Author"}}
    assert get_component(schema, "ItemPages")["properties"] == {"total": {"type": "integer"}}
    with override_settings(ROOT_URLCONF=type("urls", (), {"urlpatterns": urls})):
        check_body(schema, "get", "/itemized/", APIClient().get("/itemized/"))


class PlainAuthors(ModelViewSet[Author]):
    """A view that nobody has moved to the library yet."""

    queryset = Author.objects.order_by("pk")
    serializer_class = AuthorSerializer
    pagination_class = StandardPageNumberPagination


class Authors(ReadOnlyViewSet[Author]):
    queryset = Author.objects.order_by("pk")
    serializer_class = AuthorSerializer
    pagination_class = StandardPageNumberPagination


class NumberedAuthors(Authors):
    append_indexes = True


VIEWS: dict[str, type[ViewSetMixin]] = {
    "plain": PlainAuthors,
    "authors": Authors,
    "itemized": Itemized,
    "numbered": NumberedAuthors,
}


@pytest.mark.parametrize("names", [[*VIEWS], [*reversed(VIEWS)]], ids=["plain first", "plain last"])
def test_lists_of_one_serializer_are_described_each_as_it_is(names: list[str]) -> None:
    """Those of views that are not the library's, of other paginators, and with numbers in their rows."""
    Author.objects.create(name="Ada")
    urls = route(**{name: VIEWS[name] for name in names})
    schema = generate(urls)
    with override_settings(ROOT_URLCONF=type("urls", (), {"urlpatterns": urls})):
        for name in {*names} - {"plain"}:
            check_body(schema, "get", f"/{name}/", APIClient().get(f"/{name}/"))
    plain = get_body(get_operation(schema, "get", "/plain/"), "200")["$ref"].rpartition("/")[2]
    assert get_component(schema, plain)["properties"].keys() == {"count", "next", "previous", "results"}
    bodies = {get_body(get_operation(schema, "get", f"/{name}/"), "200")["$ref"] for name in names}
    assert len(bodies) == len(names)
