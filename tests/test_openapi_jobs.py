"""What drf-spectacular says of jobs is what their views answer."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import override_settings
from django.urls import include, path
from jsonschema import Draft202012Validator
from rest_framework.test import APIClient

from drf_commons.views.jobs.viewsets import ImportJobViewSet
from tests.personnel import job_urls
from tests.test_job_events import listen, make_job, parse
from tests.test_job_views import ASYNC, BAD, GOOD, media, send
from tests.test_openapi import PlainRenderer, check_body, generate, get_body, get_component, get_operation, list_types

__all__ = ["media"]

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.once,
    pytest.mark.urls("tests.personnel.job_urls"),
    pytest.mark.usefixtures("media"),
]

IMPORT: Final = "/departments/import-from-file/"


@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
@pytest.mark.parametrize("is_split", [False, True])
def test_schemas_of_jobs_are_valid_and_made_without_a_warning(version: str, is_split: bool) -> None:
    """Nothing is left to guess."""
    generate(job_urls.urlpatterns, OAS_VERSION=version, COMPONENT_SPLIT_REQUEST=is_split)


def test_an_import_may_answer_with_a_job() -> None:
    """202 carries the job, and a header that leads to it; ``Prefer`` asks for that. An export is alike."""
    schema = generate(job_urls.urlpatterns)
    for url, name in ((IMPORT, "ImportJob"), ("/departments/export/", "ExportJob")):
        operation = get_operation(schema, "post", url)
        assert get_body(operation, "202")["$ref"].endswith(f"/{name}Envelope")
        assert operation["responses"]["202"]["content"].keys() == {"application/json"}
        assert operation["responses"]["202"]["headers"].keys() == {"Location", "Preference-Applied", "Retry-After"}
        assert [p["in"] for p in operation["parameters"] if p["name"] == "Prefer"] == ["header"]
    assert get_component(schema, "ImportJob")["properties"]["progress"]


def test_a_storage_may_be_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever puts the files of a job there, or takes them away, may be answered with a 503."""
    schema = generate(job_urls.urlpatterns)
    client = APIClient()
    client.force_authenticate(User.objects.create_superuser("ada"))
    job = send(client, GOOD).data["data"]["links"]["self"]

    def fail(*args: object) -> None:
        raise OSError

    monkeypatch.setattr(FileSystemStorage, "_save", fail)
    monkeypatch.setattr(FileSystemStorage, "delete", fail)
    for method, url, response in (
        ("post", IMPORT, send(client, GOOD)),
        ("delete", "/jobs/imports/{id}/", client.delete(job)),
    ):
        assert response.status_code == 503
        check_body(schema, method, url, response)


def test_the_errors_of_files_are_json_whatever_the_rest_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """As they are answered."""
    monkeypatch.setattr(ImportJobViewSet, "renderer_classes", (PlainRenderer,))
    schema = generate(job_urls.urlpatterns)
    assert list_types(schema, "get", "/jobs/imports/{id}/", "404").keys() == {"text/plain"}
    assert list_types(schema, "get", "/jobs/imports/{id}/failed-rows/", "404").keys() == {"application/json"}


@pytest.mark.urls("tests.personnel.urls")
def test_without_an_address_for_jobs_there_is_no_202() -> None:
    """What is never answered is not described."""
    operation = get_operation(generate([path("", include("tests.personnel.urls"))]), "post", IMPORT)
    assert "202" not in operation["responses"]
    assert "Prefer" not in str(operation.get("parameters", ""))


def test_jobs_are_described_by_what_they_stream() -> None:
    """Events and files have their media types, decisions have no body."""
    schema = generate(job_urls.urlpatterns)
    events = get_operation(schema, "get", "/jobs/imports/{id}/events/")
    assert "text/event-stream" in events["responses"]["200"]["content"]
    failed = get_operation(schema, "get", "/jobs/imports/{id}/failed-rows/")
    assert failed["responses"]["200"]["content"]["text/csv"]["schema"]["format"] == "binary"
    confirm = get_operation(schema, "post", "/jobs/imports/{id}/confirm/")
    assert "requestBody" not in confirm
    assert get_body(confirm, "200")["$ref"].endswith("/ImportJobEnvelope")
    assert {"403", "404", "409"} <= confirm["responses"].keys()


async def test_the_events_of_a_job_are_as_described() -> None:
    """Each is an event of the schema, and carries a progress of it."""
    schema = await sync_to_async(generate)(job_urls.urlpatterns)
    client, job = await sync_to_async(make_job)()
    text = b"".join([part async for part in (await listen(client, job)).streaming_content])
    events = [event for block in text.split(b"\n\n") if "data" in (event := parse(block))]
    assert len(events) == 2
    for event in events:
        find_validator(schema, "JobEvent").validate(event)
        find_validator(schema, "Progress").validate(json.loads(event["data"]))


def find_validator(schema: Any, name: str) -> Any:
    return Draft202012Validator({**get_component(schema, name), "components": schema["components"]})


def test_real_answers_of_jobs_are_as_described() -> None:
    """Jobs that wait, have ended, have failed and were cancelled are valid against their schema."""
    schema = generate(job_urls.urlpatterns)
    client = APIClient()
    client.force_authenticate(User.objects.create_superuser("ada"))

    def send(method: str, url: str, described: str, *, status: int, **body: Any) -> Any:
        response: Any = getattr(client, method)(url, body.pop("data", None), **body)
        assert response.status_code == status, response.data
        check_body(schema, method, described, response)
        return response

    def upload(content: bytes, **form: Any) -> Any:
        data = {"file": SimpleUploadedFile("departments.csv", content), "append_data": "true", **form}
        return send("post", IMPORT, IMPORT, status=202, data=data, format="multipart", headers=ASYNC)

    one = "/jobs/imports/{id}/"
    for content in (GOOD, BAD, b"nonsense\n1\n"):
        send("get", upload(content)["Location"], one, status=200)
    links = upload(GOOD, needs_confirmation="true").data["data"]["links"]
    send("post", links["cancel"], f"{one}cancel/", status=200)
    send("post", links["cancel"], f"{one}cancel/", status=409)
    send("get", "/jobs/imports/", "/jobs/imports/", status=200)
    body = {"data": {"file_type": "csv"}, "format": "json", "headers": ASYNC}
    export = send("post", "/departments/export/", "/departments/export/", status=202, **body)
    send("get", export["Location"], "/jobs/exports/{id}/", status=200)
    send("delete", export["Location"], "/jobs/exports/{id}/", status=200)
    with override_settings(COMMON={"IMPORT_INLINE_MAX_ROWS": 1}):
        upload(GOOD)
