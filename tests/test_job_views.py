"""Imports and exports that a request hands over to a job: 202, and what the job's own addresses answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, Final, cast
from unittest.mock import patch

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.storage import FileSystemStorage, storages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models.fields.files import FieldFile
from django.http import HttpResponse
from django.test import override_settings
from django.urls import URLPattern, URLResolver, include
from django.urls import path as route
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from rest_framework.test import APIClient

from drf_commons.jobs.models import ExportJob, ImportJob, JobStatus
from drf_commons.jobs.service import Requester, start_import
from tests.personnel.files import build_rows, make_departments, write_csv
from tests.personnel.models import Department, Employee
from tests.personnel.views import DepartmentViewSet

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.personnel.job_urls")]

ASYNC: Final = {"Prefer": "respond-async"}
shops = SimpleRouter()
shops.register("departments", DepartmentViewSet, basename="shop-department")
urlpatterns: list[URLPattern | URLResolver] = [
    route("shops/<str:shop>/", include(shops.urls)),
    route("jobs/", include("drf_commons.views.jobs.urls")),
]

GOOD: Final = b"code,name\nA1,Archive\nB2,Bakery\n"
BAD: Final = b"code,name\nA1,Archive\nMUCH-TOO-LONG,Bakery\n"


@pytest.fixture(autouse=True)
def media(tmp_path: Path, settings: Any) -> Iterator[Path]:
    """Keep the files of jobs in a directory of the test."""
    remembered: Any = storages
    settings.MEDIA_ROOT = str(tmp_path / "media")
    remembered._storages.clear()  # they remember where they were
    yield tmp_path / "media"
    remembered._storages.clear()


def sign_in(user: User | None) -> APIClient:
    """Return a client of *user*, whose permissions are read anew; or of nobody."""
    client = APIClient(raise_request_exception=False)
    if user is not None:
        client.force_authenticate(User.objects.get(pk=user.pk))
    return client


def grant(user: User, *names: str) -> None:
    user.user_permissions.add(*Permission.objects.filter(codename__in=names))


@pytest.fixture
def ada() -> User:
    """Return somebody who may import and export departments."""
    user = User.objects.create_user("ada")
    grant(user, "add_department", "view_department", "delete_department", "change_department")
    return user


def send(
    client: APIClient,
    content: bytes,
    headers: Mapping[str, str] = ASYNC,
    *,
    url: str = "/departments/import-from-file/",
    **form: Any,
) -> Response:
    """Import departments."""
    file = SimpleUploadedFile("departments.csv", content)
    body = {"file": file, "append_data": "true", **form}
    response = client.post(url, body, format="multipart", headers=headers)
    assert isinstance(response, Response)
    return response


def get(client: APIClient, url: str) -> dict[str, Any]:
    """Return the job at *url*."""
    response = client.get(url)
    assert isinstance(response, Response)
    assert response.status_code == 200, response.data
    job: dict[str, Any] = response.data["data"]
    return job


def test_a_client_that_would_rather_not_wait_gets_a_job(ada: User) -> None:
    """202, with the address of the job, which knows its numbers and its report."""
    client = sign_in(ada)
    response = send(client, GOOD)
    assert (response.status_code, response.data["success"]) == (202, True)
    assert (response["Preference-Applied"], response["Retry-After"]) == ("respond-async", "1")
    assert response["Location"] == response.data["data"]["links"]["self"]
    job = get(client, response["Location"])
    assert (job["status"], job["requester"], job["target"]) == ("completed", "ada", "DepartmentViewSet")
    assert job["progress"]["percent"] == 100.0
    assert (job["report"]["created"], job["file_name"]) == (2, "departments.csv")
    assert job["links"].keys() == {"self", "events"}
    assert Department.objects.count() == 2


@pytest.mark.parametrize("prefer", ["respond-async", "return=minimal, Respond-Async; foo=1", "wait=10,respond-async"])
def test_the_preference_is_read_as_the_standard_writes_it(ada: User, prefer: str) -> None:
    """Among others, with parameters, in any case."""
    assert send(sign_in(ada), GOOD, {"Prefer": prefer}).status_code == 202


@pytest.mark.parametrize("prefer", ["", "respond-asynchronously", "return=minimal", "handling=respond-async"])
def test_without_the_preference_the_client_waits(ada: User, prefer: str) -> None:
    """201 as ever, and no job."""
    assert send(sign_in(ada), GOOD, {"Prefer": prefer}).status_code == 201
    assert not ImportJob.objects.exists()


def test_a_file_with_many_rows_becomes_a_job(ada: User) -> None:
    """Above the limit nobody has to ask for it; at the limit the request does it."""
    with override_settings(COMMON={"IMPORT_INLINE_MAX_ROWS": 2}):
        assert send(sign_in(ada), GOOD, {}).status_code == 201
        response = send(sign_in(ada), GOOD + b"C3,Cellar\n", {})
    assert response.status_code == 202
    assert "Preference-Applied" not in response


def test_a_workbook_with_many_rows_becomes_a_job() -> None:
    """Its rows are counted, up to the limit."""
    ada = User.objects.create_superuser("ada")
    make_departments(3)
    client = sign_in(ada)
    workbook = b"".join(client.post("/departments/export/", {"file_type": "xlsx"}, format="json"))
    for limit, status in ((3, 201), (2, 202)):
        Department.objects.all().delete()
        file = SimpleUploadedFile("departments.xlsx", workbook)
        with override_settings(COMMON={"IMPORT_INLINE_MAX_ROWS": limit}):
            response = client.post("/departments/import-from-file/", {"file": file, "append_data": "true"})
        assert response.status_code == status, response.data


class Bearer:
    """Somebody whom a token names, and no row of the database."""

    pk = "bearer"
    is_authenticated = True

    def get_username(self) -> str:
        return self.pk

    def has_perms(self, names: object) -> bool:  # noqa: ARG002  # Django's signature
        return True


def test_whoever_has_no_row_of_their_own_waits() -> None:
    """A job belongs to a row of the users: who has none is answered at once."""
    client = APIClient()
    client.force_authenticate(cast("Any", Bearer()))
    assert send(client, GOOD).status_code == 201


def test_users_without_permissions_see_their_own_jobs(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model of users that is made without PermissionsMixin has no ``has_perm()``."""
    send(sign_in(ada), GOOD)
    monkeypatch.setattr(User, "has_perm", None)
    assert len(sign_in(ada).get("/jobs/imports/").data["data"]) == 1


def test_whoever_is_not_signed_in_waits() -> None:
    """A job belongs to somebody: for a stranger the import is answered at once, and no address shows jobs."""
    client = sign_in(None)
    file = SimpleUploadedFile("staff.csv", write_csv(build_rows(2, make_departments())).getvalue())
    response = client.post("/employees/import-from-file/", {"file": file, "append_data": "true"}, headers=ASYNC)
    assert (response.status_code, Employee.objects.count()) == (201, 2)
    assert client.get("/jobs/imports/").status_code == 403


@pytest.mark.urls("tests.personnel.urls")
def test_without_an_address_for_jobs_the_client_waits(ada: User) -> None:
    """A job that nobody could follow is not made."""
    assert send(sign_in(ada), GOOD).status_code == 201
    response = send(sign_in(ada), GOOD, needs_confirmation="true")
    assert response.status_code == 400
    assert "dry_run=true" in response.data["errors"]["needs_confirmation"][0]


def test_a_preview_is_confirmed(ada: User) -> None:
    """The job shows what would change, waits, and imports when it is told to; twice it is not told."""
    client = sign_in(ada)
    response = send(client, GOOD, {}, needs_confirmation="true")
    assert (response.status_code, Department.objects.count()) == (202, 0)
    job = get(client, response["Location"])
    assert (job["status"], job["preview"]["created"], job["report"]) == ("confirming", 2, None)
    assert {"confirm", "cancel"} <= job["links"].keys()
    assert client.post(job["links"]["confirm"]).status_code == 200
    assert Department.objects.count() == 2
    done = get(client, response["Location"])
    assert (done["status"], done["report"]["created"]) == ("completed", 2)
    again = client.post(job["links"]["confirm"])
    assert (again.status_code, again.data["success"]) == (409, False)


def test_a_preview_leaves_no_file_behind(ada: User, media: Path) -> None:
    """What it has refused is shown until it is confirmed; then the import has its own file."""
    client = sign_in(ada)
    job = get(client, send(client, BAD, {}, needs_confirmation="true")["Location"])
    assert client.get(job["links"]["failed_rows"]).status_code == 200
    Department.objects.create(code="A1")
    client.post(job["links"]["confirm"])
    done = get(client, job["links"]["self"])
    assert (done["status"], done["progress"]["failed"]) == ("completed", 2)
    content: Any = client.get(done["links"]["failed_rows"])
    assert b"A1" in content.getvalue()
    assert len([*media.rglob("*.csv")]) == 2
    assert client.delete(job["links"]["self"]).status_code == 200
    assert [*media.rglob("*.csv")] == []


def test_what_a_lost_worker_has_left_goes_with_the_job(ada: User, media: Path) -> None:
    """A file that was written and never named is in the folder of the job."""
    client = sign_in(ada)
    job = get(client, send(client, GOOD)["Location"])
    (folder,) = {path.parent for path in media.rglob("*.csv")}
    (folder / "departments-failed.csv").write_text("half of i")
    assert client.delete(job["links"]["self"]).status_code == 200
    assert not folder.exists()


def test_a_preview_is_turned_down(ada: User) -> None:
    """Cancelled, it writes nothing."""
    client = sign_in(ada)
    job = get(client, send(client, GOOD, {}, needs_confirmation="true")["Location"])
    assert client.post(job["links"]["cancel"]).data["data"]["status"] == "cancelled"
    assert client.post(job["links"]["confirm"]).status_code == 409
    assert Department.objects.count() == 0


def test_the_rows_that_fail_are_a_file(ada: User) -> None:
    """It has the reasons, is saved and not shown, and can be mended and sent again."""
    client = sign_in(ada)
    job = get(client, send(client, BAD)["Location"])
    assert (job["status"], job["progress"]["failed"]) == ("completed", 1)
    download: Any = client.get(job["links"]["failed_rows"], headers={"Accept": "text/csv"})
    assert download.status_code == 200
    assert download["Content-Disposition"] == 'attachment; filename="departments-failed.csv"'
    assert (download["Content-Type"], download["X-Content-Type-Options"]) == ("text/csv", "nosniff")
    content = download.getvalue()
    assert b"Row 3. code:" in content
    assert send(client, content.replace(b"MUCH-TOO-LONG", b"B2"), {}).status_code == 201


def test_no_file_where_no_row_has_failed(ada: User) -> None:
    """404, and the job does not link to it."""
    client = sign_in(ada)
    url = send(client, GOOD)["Location"]
    response = client.get(f"{url}failed-rows/")
    assert (response.status_code, response.data["message"]) == (404, "No row has failed.")


def test_an_export_is_written_by_a_job(ada: User) -> None:
    """With the filters of the list; the file is there when it is whole."""
    make_departments(3)
    client = sign_in(ada)
    response = client.post("/departments/export/?search=001", {"file_type": "csv"}, format="json", headers=ASYNC)
    assert (response.status_code, response["Preference-Applied"]) == (202, "respond-async")
    job = get(client, response["Location"])
    assert (job["status"], job["file_type"], job["progress"]["rows"]) == ("completed", "csv", 1)
    download: Any = client.get(job["links"]["file"])
    assert download["Content-Disposition"] == f'attachment; filename="{job["file_name"]}"'
    assert download.getvalue().splitlines()[1:] == [b"001,Department 001"]


def test_an_export_that_cannot_be_is_refused_at_once(ada: User) -> None:
    """Columns that may not leave, and a PDF that is too long, are no job's matter."""
    client = sign_in(ada)
    body = {"file_type": "csv", "includes": ["secret"]}
    assert client.post("/departments/export/", body, format="json", headers=ASYNC).status_code == 400
    make_departments(3)
    with override_settings(COMMON={"EXPORT_PDF_MAX_ROWS": 2}):
        response = client.post("/departments/export/", {"file_type": "pdf"}, format="json", headers=ASYNC)
    assert response.status_code == 413
    assert not ExportJob.objects.exists()


def test_a_job_is_its_users(ada: User) -> None:
    """Others do not learn that it is there; whoever may view jobs sees it, and changes it with the permission to."""
    make_departments(3)
    client = sign_in(ada)
    job = get(client, send(client, BAD, {}, needs_confirmation="true")["Location"])
    grace = User.objects.create_user("grace")
    stranger = sign_in(grace)
    links = job["links"]
    for name, url in links.items():
        method = stranger.post if name in {"cancel", "confirm"} else stranger.get
        assert method(url).status_code == 404, name
    assert stranger.delete(links["self"]).status_code == 404
    assert stranger.get("/jobs/imports/").data["data"] == []
    grant(grace, "view_importjob")
    viewer = sign_in(grace)
    assert get(viewer, links["self"])["requester"] == "ada"
    assert len(viewer.get("/jobs/imports/").data["data"]) == 1
    assert viewer.post(links["cancel"]).status_code == 404
    grant(grace, "change_importjob")
    assert sign_in(grace).post(links["cancel"]).status_code == 200
    assert sign_in(grace).delete(links["self"]).status_code == 404
    assert get(sign_in(User.objects.create_superuser("root")), links["self"])["status"] == "cancelled"


@pytest.mark.parametrize(("name", "status"), [("nobody", 403), ("staff", 404)])
def test_nobody_and_staff_reach_no_job(ada: User, name: str, status: int) -> None:
    """Nor a file of one: being of the staff is no permission."""
    make_departments(3)
    client = sign_in(ada)
    imported = get(client, send(client, BAD, {}, needs_confirmation="true")["Location"])
    exported = client.post("/departments/export/", {"file_type": "csv"}, format="json", headers=ASYNC).data["data"]
    stranger = sign_in(None if name == "nobody" else User.objects.create_user("grace", is_staff=True))
    links = {**imported["links"], "export": exported["links"]["self"], "file": exported["links"]["file"]}
    assert {"cancel", "confirm", "events", "failed_rows", "file"} <= links.keys()
    for link, url in links.items():
        method = stranger.post if link in {"cancel", "confirm"} else stranger.get
        assert method(url).status_code == status, link
    assert stranger.delete(links["self"]).status_code == status
    assert get(client, links["self"])["status"] == "confirming"


def test_permissions_are_asked_again(ada: User) -> None:
    """Who may not import any more confirms nothing, and who may not export any more gets no file."""
    make_departments(3)
    User.objects.filter(pk=ada.pk).update(is_staff=True)
    client = sign_in(ada)
    waiting = get(client, send(client, GOOD, {}, needs_confirmation="true")["Location"])
    exported = client.post("/vault/export/", {"file_type": "csv"}, format="json", headers=ASYNC).data["data"]
    download: Any = client.get(exported["links"]["file"])
    assert (download.status_code, len(download.getvalue().splitlines())) == (200, 4)
    ada.user_permissions.clear()
    User.objects.filter(pk=ada.pk).update(is_staff=False)
    client = sign_in(ada)
    assert client.post(waiting["links"]["confirm"]).status_code == 403
    assert get(client, waiting["links"]["self"])["status"] == "confirming"
    assert client.get(exported["links"]["file"]).status_code == 403


def test_who_may_not_import_gets_no_job() -> None:
    """403 at once."""
    assert send(sign_in(User.objects.create_user("grace")), GOOD).status_code == 403
    assert not ImportJob.objects.exists()


def test_a_job_of_a_deleted_user_says_so(ada: User) -> None:
    """It cannot go on, and says why."""
    client = sign_in(ada)
    job = get(client, send(client, GOOD, {}, needs_confirmation="true")["Location"])
    ada.delete()
    response = sign_in(User.objects.create_superuser("root")).post(job["links"]["confirm"])
    assert response.status_code == 409
    assert "'ada', whose job this is, has been deleted" in response.data["message"]


def test_jobs_are_listed_without_a_query_for_each(ada: User, django_assert_num_queries: Any) -> None:
    """The latest first, and only one's own; numbers are summed up for one job at a time."""
    client = sign_in(ada)
    for _ in range(4):
        send(client, GOOD)
    with django_assert_num_queries(2):  # one marks what is stalled
        rows = client.get("/jobs/imports/").data["data"]
    assert len(rows) == 4
    assert [row["created_at"] for row in rows] == sorted((row["created_at"] for row in rows), reverse=True)
    assert {row["progress"] for row in rows} == {None}


def test_a_job_is_deleted_with_its_files(ada: User, media: Path) -> None:
    """Once it has ended; one that may be worked at is not."""
    client = sign_in(ada)
    url = send(client, BAD)["Location"]
    assert [path for path in media.rglob("*") if path.is_file()]
    assert client.delete(url).status_code == 200
    assert [path for path in media.rglob("*") if path.is_file()] == []
    assert client.get(url).status_code == 404
    running = ImportJob.objects.get(pk=send(client, GOOD).data["data"]["id"])
    ImportJob.objects.filter(pk=running.pk).update(status=JobStatus.RUNNING)
    response = client.delete(f"/jobs/imports/{running.pk}/")
    assert (response.status_code, response.data["message"]) == (409, "The job is running: cancel it first.")


def test_a_storage_that_fails_starts_nothing(ada: User) -> None:
    """503, and no job that would wait for its file."""
    with patch.object(FileSystemStorage, "_save", side_effect=OSError("No space left on device")):
        response = send(sign_in(ada), GOOD)
    assert (response.status_code, response.data["success"]) == (503, False)
    assert response.data["message"] == "The storage for the files of jobs failed; nothing was started. Try again later."
    assert not ImportJob.objects.exists()


def test_a_storage_that_fails_is_told_by_what_was_not_done(ada: User) -> None:
    """A file was not read, or a job not deleted: nobody wanted to start anything."""
    client = sign_in(ada)
    job = get(client, send(client, BAD)["Location"])
    with patch.object(FileSystemStorage, "_open", side_effect=OSError("Input/output error")):
        response = client.get(job["links"]["failed_rows"])
    message = "The storage for the files of jobs failed; the file could not be read. Try again later."
    assert (response.status_code, response.data["message"]) == (503, message)
    with patch.object(FileSystemStorage, "delete", side_effect=OSError("Input/output error")):
        response = client.delete(job["links"]["self"])
    message = "The storage for the files of jobs failed; the job was not deleted. Try again later."
    assert (response.status_code, response.data["message"]) == (503, message)
    assert client.delete(job["links"]["self"]).status_code == 200


@pytest.mark.urls(__name__)
def test_signs_that_no_database_takes_keep_no_job_from_its_rows(ada: User) -> None:
    """A URL may have them, which a view that does without its arguments answers as ever."""
    make_departments(1)
    client = sign_in(ada)
    for url in ("/shops/a%00b/departments/export/", "/shops/a/departments/export/?page=%00"):
        assert client.post(url, {"file_type": "csv"}, format="json").status_code == 200
        export = client.post(url, {"file_type": "csv"}, format="json", headers=ASYNC)
        assert (export.status_code, export.data["data"]["status"]) == (202, "completed")
        assert export.data["data"]["progress"]["rows"] == 1
    response = send(client, GOOD, url="/shops/a%00b/departments/import-from-file/")
    assert (response.status_code, response.data["data"]["status"]) == (202, "completed")
    assert ImportJob.objects.get().kwargs == {"shop": "a\ufffdb"}


def test_a_name_with_signs_that_no_database_takes_is_kept_without_them() -> None:
    """A program may call its file what it likes."""
    job = start_import(DepartmentViewSet, BytesIO(GOOD), Requester(unrestricted=True), name="a\x00\ud800.csv")
    job.refresh_from_db()
    assert (job.status, job.file_name) == ("completed", "a\ufffd\ufffd.csv")


def test_a_client_that_hangs_up_leaves_no_file_open(ada: User) -> None:
    """The file is closed with the answer, read or not."""
    client = sign_in(ada)
    job = client.post("/departments/export/", {"file_type": "csv"}, format="json", headers=ASYNC).data["data"]
    with patch.object(FieldFile, "close", autospec=True, side_effect=FieldFile.close) as close:
        client.get(job["links"]["file"]).close()
        assert close.called


def test_a_file_that_is_gone_is_a_404(ada: User, media: Path) -> None:
    """The job is still there; its file is not."""
    client = sign_in(ada)
    job = get(client, send(client, BAD)["Location"])
    for path in media.rglob("*-failed.csv"):
        path.unlink()
    response = client.get(job["links"]["failed_rows"])
    assert (response.status_code, response.data["message"]) == (404, "The file is not in the storage any more.")


def test_events_need_an_async_server(ada: User) -> None:
    """A thread for each listener is not what WSGI is for: 406, with what to do instead."""
    client = sign_in(ada)
    job = get(client, send(client, GOOD)["Location"])
    response: HttpResponse = client.get(job["links"]["events"], headers={"Accept": "text/event-stream"})
    assert (response.status_code, response["Content-Type"]) == (406, "application/json")
    assert b"ASGI" in response.content


@pytest.mark.parametrize("key", ["nonsense", "00000000-0000-4000-8000-000000000000"])
def test_a_job_that_is_not_there_is_a_404(ada: User, key: str) -> None:
    """Whatever the key looks like."""
    assert sign_in(ada).get(f"/jobs/imports/{key}/").status_code == 404
