"""What a client is told of a job that cannot go on: a failed job with a message for a person, never one that hangs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any, Final, cast
from unittest.mock import patch

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.storage import FileSystemStorage
from django.core.management import call_command
from django.db import DataError, InterfaceError
from django.db.models import ProtectedError, QuerySet
from django.http import Http404
from django.test import override_settings
from django.utils import timezone
from rest_framework import serializers
from rest_framework.exceptions import Throttled
from rest_framework.test import APIClient

from drf_commons.errors import ConfigurationError, UnreadableFileError
from drf_commons.jobs.models import ExportJob, ImportJob
from drf_commons.jobs.runners import run_call
from drf_commons.response import translate_exception
from drf_commons.services import ImportConfig, ModelStep
from tests.couriers import Courier
from tests.personnel.files import make_departments
from tests.personnel.models import Department
from tests.personnel.views import DepartmentViewSet
from tests.test_job_views import ASYNC, BAD, GOOD, ada, get, grant, media, send, sign_in

__all__ = ["ada", "media"]

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.personnel.job_urls"),
    pytest.mark.usefixtures("media"),
]

DATABASE: Final = "The database did not do its work"
UNEXPECTED: Final = "Something went wrong that nobody expected"
AWAY: Final = "tests.test_jobs.Away"


@pytest.fixture(autouse=True)
def courier(settings: Any) -> Iterator[None]:
    """Keep messages until they are delivered."""
    settings.COMMON = {"TRANSFER_RUNNER": "tests.couriers.Courier"}
    Courier.take()
    yield
    Courier.take()


@pytest.fixture
def client(ada: User) -> APIClient:
    """Return a client of somebody who may import and export departments."""
    return sign_in(ada)


def plan(client: APIClient, content: bytes = GOOD) -> ImportJob:
    """Send a file, and let a worker divide it; return the job."""
    job = ImportJob.objects.get(pk=send(client, content).data["data"]["id"])
    run_call(*Courier.take())
    return job


def read(job: ImportJob | ExportJob) -> tuple[str, str]:
    """Return what somebody who may see all jobs is told of one: its status and its message."""
    root, _ = User.objects.get_or_create(username="root", is_superuser=True)
    kind = "imports" if isinstance(job, ImportJob) else "exports"
    told = get(sign_in(root), f"/jobs/{kind}/{job.pk}/")
    return told["status"], told["message"]


def test_a_file_that_is_deleted_after_it_was_planned(client: APIClient, media: Path) -> None:
    """The job asks for it again."""
    job = plan(client)
    Path(job.file.path).unlink()
    Courier.deliver()
    message = "The file departments.csv is no longer there: it was deleted after it was sent. Send it again."
    assert read(job) == ("failed", message)
    assert Department.objects.count() == 0


def test_a_file_that_is_changed_after_it_was_planned(client: APIClient) -> None:
    """Nothing of it is stored, also where it has the same length."""
    job = plan(client)
    Path(job.file.path).write_bytes(GOOD.replace(b"Archive", b"Bananas"))
    Courier.deliver()
    message = "The file departments.csv is not the one that was sent: it was changed. Send it again."
    assert read(job) == ("failed", message)
    assert Department.objects.count() == 0


@pytest.mark.parametrize("method", ["size", "open"])
def test_a_storage_that_does_not_give_the_file(client: APIClient, method: str) -> None:
    """The reason is told without a path of the machine; resumed when the storage is back, the job completes."""
    job = plan(client)
    error = ConnectionError(111, "Connection refused", "/srv/secret/place")
    with patch.object(FileSystemStorage, method, side_effect=error):
        Courier.deliver()
    message = "The storage for the files of jobs failed: Connection refused. The job can be resumed."
    assert read(job) == ("failed", message)
    assert client.post(f"/jobs/imports/{job.pk}/resume/").status_code == 200
    Courier.deliver()
    assert (read(job), Department.objects.count()) == (("completed", ""), 2)


def test_a_storage_that_does_not_take_the_rows_that_failed(client: APIClient, media: Path) -> None:
    """What was imported stays, and the file is written when the job is resumed; nothing is left beside it."""
    job = plan(client, BAD)
    with patch("drf_commons.jobs.models.ImportJob.failed_file.field.storage.save", side_effect=RuntimeError("quota")):
        Courier.deliver()
    message = "The storage for the files of jobs failed: RuntimeError: quota. The job can be resumed."
    assert read(job) == ("failed", message)
    assert Department.objects.count() == 1
    client.post(f"/jobs/imports/{job.pk}/resume/")
    Courier.deliver()
    told = get(client, f"/jobs/imports/{job.pk}/")
    assert (told["status"], told["report"]["failed"]) == ("completed", 1)
    content: Any = client.get(told["links"]["failed_rows"])
    assert b"MUCH-TOO-LONG" in content.getvalue()


def test_a_storage_that_does_not_take_an_export(client: APIClient) -> None:
    """The job failed, and can be resumed."""
    make_departments(3)
    response = client.post("/departments/export/", {"file_type": "csv"}, format="json", headers=ASYNC)
    job = ExportJob.objects.get(pk=response.data["data"]["id"])
    with patch.object(FileSystemStorage, "_save", side_effect=OSError(28, "No space left on device")):
        Courier.deliver()
    message = "The storage for the files of jobs failed: No space left on device. The job can be resumed."
    assert read(job) == ("failed", message)
    client.post(f"/jobs/exports/{job.pk}/resume/")
    Courier.deliver()
    assert read(job) == ("completed", "")


def test_a_user_who_is_deleted_meanwhile(client: APIClient, ada: User) -> None:
    """Nobody acts for somebody who is gone."""
    job = plan(client)
    ada.delete()
    Courier.deliver()
    assert read(job) == ("failed", "The user 'ada', whose job this is, has been deleted.")
    assert Department.objects.count() == 0


def test_a_user_who_may_not_sign_in_any_more(client: APIClient, ada: User) -> None:
    """Nor for somebody who is shut out."""
    job = plan(client)
    User.objects.filter(pk=ada.pk).update(is_active=False)
    Courier.deliver()
    assert read(job) == ("failed", "The user 'ada', whose job this is, is not active any more.")
    assert Department.objects.count() == 0


def test_a_user_who_may_not_any_more(client: APIClient, ada: User) -> None:
    """The permission is asked by the worker; given back, the job goes on."""
    job = plan(client)
    ada.user_permissions.clear()
    Courier.deliver()
    assert read(job) == ("failed", "You do not have permission to perform this action.")
    assert Department.objects.count() == 0
    assert sign_in(ada).post(f"/jobs/imports/{job.pk}/resume/").status_code == 403
    grant(ada, "add_department", "view_department", "delete_department", "change_department")
    assert sign_in(ada).post(f"/jobs/imports/{job.pk}/resume/").status_code == 200
    Courier.deliver()
    assert read(job) == ("completed", "")


def test_a_configuration_that_is_changed_before_a_job_is_resumed(
    client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was planned for another one is not imported."""
    job = plan(client)
    client.post(f"/jobs/imports/{job.pk}/cancel/")
    step = ModelStep(model=Department, fields=["code", "name"], unique_fields=["code"], update_if_exists=True)
    monkeypatch.setattr(DepartmentViewSet, "import_file_config", ImportConfig(steps=[step]))
    assert client.post(f"/jobs/imports/{job.pk}/resume/").status_code == 200
    Courier.deliver()
    message = "The configuration of the import, or a model, was changed since the file was planned: start it anew."
    assert read(job) == ("failed", message)
    assert Department.objects.count() == 0


def test_a_model_that_is_changed_before_a_job_is_resumed(client: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A column that is another one now is a reason, too."""
    job = plan(client)
    field: Any = Department._meta.get_field("name")
    monkeypatch.setattr(field, "max_length", 20)
    Courier.deliver()
    status, message = read(job)
    assert (status, "or a model, was changed" in message) == ("failed", True)


def test_a_view_that_is_gone(client: APIClient) -> None:
    """The code was deployed without it."""
    job = plan(client)
    ImportJob.objects.filter(pk=job.pk).update(target="tests.personnel.views.DepartedViewSet")
    Courier.deliver()
    status, message = read(job)
    assert status == "failed"
    assert message.startswith("tests.personnel.views.DepartedViewSet cannot be imported here: ")


def test_workers_that_cannot_be_reached(client: APIClient) -> None:
    """The answer says so at once, and the job is there to be resumed."""
    message = "The workers could not be reached: the broker is away. The job can be resumed."
    with override_settings(COMMON={"TRANSFER_RUNNER": AWAY}):
        response = send(client, GOOD)
    assert (response.status_code, response.data["message"]) == (202, message)
    assert response.data["data"]["status"] == "failed"
    assert response.data["data"]["finished_at"] is not None  # or nobody would ever prune it
    assert client.post(response.data["data"]["links"]["resume"]).status_code == 200
    Courier.deliver()
    assert get(client, response["Location"])["status"] == "completed"


def test_workers_that_cannot_be_reached_when_a_job_is_resumed(client: APIClient) -> None:
    """That is told as well."""
    job = plan(client)
    client.post(f"/jobs/imports/{job.pk}/cancel/")
    with override_settings(COMMON={"TRANSFER_RUNNER": AWAY}):
        told = client.post(f"/jobs/imports/{job.pk}/resume/").data["data"]
    assert (told["status"], told["message"].partition(":")[0]) == ("failed", "The workers could not be reached")


def test_a_worker_that_is_silent(client: APIClient) -> None:
    """Nothing hangs in "running": who asks is told that the job is stalled, over HTTP and by the command."""
    job = plan(client)
    ImportJob.objects.update(heartbeat_at=timezone.now() - timedelta(seconds=301))
    assert [row["status"] for row in client.get("/jobs/imports/").data["data"]] == ["stalled"]
    message = (
        "Nothing has been heard of it for 300 seconds. Is a worker running, with drf_commons.jobs among its"
        " INSTALLED_APPS? The job can be resumed."
    )
    assert read(job) == ("stalled", message)
    out = StringIO()
    call_command("transfer_jobs", "list", stdout=out)
    assert f"stalled  0 of 2 rows  ada  departments.csv  {message}" in out.getvalue()
    with pytest.raises(SystemExit, match="1"):
        call_command("transfer_jobs", "follow", str(job.pk), stdout=out, stderr=out)
    assert out.getvalue().endswith(f"departments.csv: stalled, 0 rows, 0 failed\n{message}\n")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (TypeError("secret"), f"{UNEXPECTED} (TypeError); the log says more. The job can be resumed."),
        (DataError("secret"), f"{DATABASE} (DataError); the log says more. The job can be resumed."),
        (InterfaceError("secret"), f"{DATABASE} (InterfaceError); the log says more. The job can be resumed."),
        (ConfigurationError(), f"{UNEXPECTED} (ConfigurationError); the log says more. The job can be resumed."),
        (ConfigurationError("Give it\x00 a name."), "Give it\ufffd a name."),
        (UnreadableFileError("a.csv", "it is cut off", row=3), "a.csv, row 3: it is cut off"),
        (serializers.ValidationError({"code": ["Too long.", "Taken."]}), "code: Too long. Taken."),
        (ValidationError(["Too long.", "Taken."]), "Too long. Taken."),
        (PermissionDenied("You do not have the permission."), "You do not have the permission."),
        (Http404("No shop is called that."), "No shop is called that."),
        (Throttled(), "Request was throttled."),
    ],
)
def test_an_error_is_told_as_far_as_it_was_written_for_people(
    client: APIClient, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, error: Exception, message: str
) -> None:
    """Of any other there is its name, and in the log the whole of it, with the id of the job."""
    monkeypatch.setattr("drf_commons.jobs.work._PAUSES", ())
    job = plan(client)
    with patch("drf_commons.jobs.work.run_chunk", side_effect=error):
        Courier.deliver()
    assert read(job) == ("failed", message)
    (record,) = [record for record in caplog.records if record.message == "job failed"]
    assert (vars(record)["job_id"], record.exc_info and record.exc_info[1]) == (str(job.pk), error)


def test_a_row_that_is_in_the_way_is_told(client: APIClient) -> None:
    """What is protected is named, without the error of the database around it."""
    make_departments(1)
    department = Department.objects.get()
    job = plan(client)
    error = ProtectedError("Cannot delete", {department})
    with patch("drf_commons.jobs.work.run_chunk", side_effect=error):
        Courier.deliver()
    assert read(job) == ("failed", str(cast("Any", translate_exception(error)).detail))


def test_a_statement_is_not_told(client: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real one, which the database does not take."""

    def get_queryset(_view: object) -> QuerySet[Department]:
        return Department.objects.extra(where=["secret_column = 1"])  # no such column is what is wanted

    job = plan(client)
    monkeypatch.setattr("drf_commons.jobs.work._PAUSES", ())
    monkeypatch.setattr(DepartmentViewSet, "get_queryset", get_queryset)
    Courier.deliver()
    status, message = read(job)
    assert (status, "secret_column" in message, message.startswith(DATABASE)) == ("failed", False, True)
