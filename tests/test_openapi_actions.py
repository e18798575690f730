"""What drf-spectacular says of the bulk and file actions is what they take and answer."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import override_settings
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.test import APIClient

from drf_commons.pagination import StandardPageNumberPagination
from drf_commons.views import BulkImportableViewSet
from tests.bulk_views import ItemViewSet, MachineViewSet
from tests.newsroom.models import Article
from tests.newsroom.serializers import ArticleSerializer
from tests.test_openapi import check_body, generate, get_body, get_component, get_operation, route

pytestmark = [pytest.mark.django_db, pytest.mark.once]


class Everything(BulkImportableViewSet[Article]):
    queryset = Article.objects.all()
    serializer_class = ArticleSerializer
    pagination_class = StandardPageNumberPagination
    use_idempotency_keys = True
    import_file_config: ClassVar = {
        "order": ["article"],
        "models": {
            "article": {
                "model": Article,
                "fields": ["title", "words"],
                "unique_fields": ["title"],
                "update_if_exists": True,
            }
        },
    }
    export_field_config: ClassVar = {"title": "Title", "words": "Words"}


class Partial(Everything):
    bulk_mode = "partial"


@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
@pytest.mark.parametrize("is_split", [False, True])
def test_schemas_of_all_actions_are_valid_and_made_without_a_warning(version: str, is_split: bool) -> None:
    """Bulk and file actions leave nothing to guess."""
    generate(route(all=Everything, some=Partial), OAS_VERSION=version, COMPONENT_SPLIT_REQUEST=is_split)


def test_bulk_actions_take_and_answer_lists() -> None:
    """Rows go in and come out as arrays; a row that is changed has to say which it is."""
    schema = generate(route(all=Everything))
    create = get_operation(schema, "post", "/all/bulk-create/")
    update = get_operation(schema, "patch", "/all/bulk-update/")
    (media_type,) = create["requestBody"]["content"]
    assert media_type == "application/json"
    assert create["requestBody"]["content"][media_type]["schema"]["items"]["$ref"].endswith("/Article")
    assert create["requestBody"]["required"]
    assert update["requestBody"]["content"][media_type]["schema"]["items"]["$ref"].endswith("/BulkPatchedArticle")
    row, named = get_component(schema, "BulkPatchedArticle")["allOf"]
    assert row["$ref"].endswith("/PatchedArticle")
    assert named["required"] == ["id"]
    assert get_body(create, "201")["$ref"].endswith("/ArticleListEnvelope")
    assert get_body(update, "200")["$ref"].endswith("/ArticleListEnvelope")
    assert {"400", "409", "413", "422"} <= create["responses"].keys()
    assert "Idempotency-Key" in str(create["parameters"])


def test_operations_are_named_after_their_actions() -> None:
    """Names of functions in generated clients do not stutter."""
    paths = generate(route(all=Everything, some=Partial))["paths"]
    names = {operation["operationId"] for path in paths.values() for operation in path.values()}
    assert {
        "all_bulk_create",
        "all_bulk_update",
        "all_bulk_partial_update",
        "all_bulk_delete",
        "all_bulk_destroy",
        "all_import_from_file",
        "all_export",
    } <= names


def test_partial_mode_answers_with_a_report() -> None:
    """207 and a report on each row, instead of the rows."""
    schema = generate(route(some=Partial))
    create = get_operation(schema, "post", "/some/bulk-create/")
    assert get_body(create, "207")["$ref"].endswith("/ArticleBulkReportEnvelope")
    assert "201" not in create["responses"]
    report = get_component(schema, "ArticleBulkReport")
    assert report["properties"]["rows"]["items"]["properties"]["data"]["$ref"].endswith("/Article")


def test_files_are_described_as_files() -> None:
    """An import takes a form with a file, an export answers with one, by media type."""
    schema = generate(route(all=Everything))
    upload = get_operation(schema, "post", "/all/import-from-file/")
    (media_type,) = upload["requestBody"]["content"]
    assert media_type == "multipart/form-data"
    assert get_body(upload, "422")["$ref"].endswith("/ReportErrorEnvelope")
    export = get_operation(schema, "post", "/all/export/")
    assert export["responses"]["200"]["content"]["text/csv"]["schema"]["format"] == "binary"
    assert len(export["responses"]["200"]["content"]) == 3
    body = export["requestBody"]["content"]["application/json"]["schema"]
    assert body["properties"]["includes"]["items"]["$ref"].endswith("/EverythingExportColumn")
    assert get_component(schema, "EverythingExportColumn")["enum"] == ["title", "words"]


def test_real_answers_of_all_actions_are_as_described() -> None:
    """What the actions answer, good and bad, is valid against their schema."""
    urls = route(all=Everything, some=Partial)
    schema = generate(urls)
    client = APIClient()
    client.force_authenticate(User.objects.create_superuser("ada"))
    old = Article.objects.create(title="Old", words=1)

    def send(method: str, path: str, data: object) -> Response:
        response: Response = getattr(client, method)(path, data, format="json")
        check_body(schema, method, path, response)
        return response

    def upload(text: str, **options: str) -> int:
        file = SimpleUploadedFile("articles.csv", text.encode(), content_type="text/csv")
        response: Any = client.post("/all/import-from-file/", {"file": file, **options}, format="multipart")
        check_body(schema, "post", "/all/import-from-file/", response)
        return int(response.status_code)

    with override_settings(ROOT_URLCONF=type("urls", (), {"urlpatterns": urls})):
        assert send("post", "/all/bulk-create/", [{"title": "New"}, {"title": "Newer"}]).status_code == 201
        assert send("post", "/all/bulk-create/", [{"title": "New"}, {}]).status_code == 400
        assert send("post", "/some/bulk-create/", [{"title": "Newest"}, {}]).status_code == 207
        assert send("patch", "/all/bulk-update/", [{"id": old.pk, "words": 2}]).status_code == 200
        assert send("patch", "/all/bulk-update/", [{"id": 0, "words": 2}]).status_code == 400
        assert send("patch", "/some/bulk-update/", [{"id": 0, "words": 2}]).status_code == 207
        assert send("post", "/all/bulk-delete/", {"ids": [old.pk, 0]}).status_code == 200
        assert send("post", "/some/bulk-delete/", [0]).status_code == 207
        assert send("post", "/all/export/", {"file_type": "none"}).status_code == 400
        assert upload("title,words\nOne,1\n", append_data="true", dry_run="true") == 200
        assert upload("title,words\nOne,1\n", append_data="true") == 201
        assert upload("title,words\nTwo,2\nThree,x\n", append_data="true") == 207
        assert upload("title,words\nThree,x\n", append_data="true") == 422
        assert upload("title,words\nThree,x\n") == 400


def test_only_rows_that_can_be_soft_deleted_are_described_as_such() -> None:
    """What is answered with 405 is not in the schema."""
    schema = generate(route(hard=ItemViewSet, soft=MachineViewSet))
    assert "/hard/bulk-delete/" in schema["paths"]
    assert "/hard/bulk-soft-delete/" not in schema["paths"]
    assert "/soft/bulk-soft-delete/" in schema["paths"]


def test_a_viewset_that_lacks_something_is_told_and_never_crashes() -> None:
    """Without a serializer bulk actions are left out, without a model keys are anything; others are described."""

    class Speechless(BulkImportableViewSet[Article]):
        queryset = Article.objects.all()

    class Rowless(BulkImportableViewSet[Article]):
        serializer_class = ArticleSerializer

    class Blank(serializers.Serializer[Article]):
        pass

    class Modelless(BulkImportableViewSet[Article]):
        serializer_class = Blank

    told: dict[type[Any], str] = {}
    for view in (Speechless, Rowless, Modelless):
        GENERATOR_STATS.reset()
        patterns = route(rows=view, whole=Everything)
        schema: dict[str, Any] = SchemaGenerator(patterns=patterns).get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
        assert "/whole/bulk-create/" in schema["paths"]
        told[view] = "".join([*GENERATOR_STATS._warn_cache, *GENERATOR_STATS._error_cache])
        assert ("/rows/bulk-create/" in schema["paths"]) == (view is not Speechless)
    GENERATOR_STATS.reset()
    assert "unable to guess serializer" in told[Speechless] or "serializer_class" in told[Speechless]
    assert "Rowless" in told[Rowless]
    assert "neither its queryset nor its serializer names a model" in told[Modelless]
