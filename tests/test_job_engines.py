"""Jobs over HTTP with each engine: 202, an address to follow, and what is there in the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from django.contrib.auth.models import User
from pytest_django import DjangoDbBlocker
from rest_framework.test import APIClient

from drf_commons.jobs.models import JobStatus, Strategy
from drf_commons.jobs.service import start_import
from tests.clusters import Cluster, run_cluster, wait_for
from tests.personnel.files import build_rows, make_departments, write_csv
from tests.personnel.models import Department, Employee
from tests.test_job_views import ASYNC, GOOD, get, media, send, sign_in

__all__ = ["media"]

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.personnel.job_urls"),
    pytest.mark.xdist_group("workers"),
    pytest.mark.once,
]

COMMON: Final = {"TRANSFER_RUNNER": "celery", "TRANSFER_STALLED_AFTER": 4, "TRANSFER_CHUNK_ROWS": 20}


COLUMNS: Final = ["email", "first_name", "last_name", "badge", "salary", "hired"]
#: Rows that are updated, and have a second unique column: one chunk after the other.
ORDERED: Final = {
    "steps": [
        {
            "model": "personnel.Employee",
            "fields": COLUMNS,
            "unique_fields": ["email"],
            "update_if_exists": True,
            "foreign_keys": {"department": {"lookup_field": "code", "source_field": "department_code"}},
        }
    ]
}


@pytest.fixture(scope="module")
def cluster(
    tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[Cluster]:
    """Start PostgreSQL, Redis and two workers."""
    with django_db_blocker.unblock(), run_cluster(tmp_path_factory.mktemp("engines"), COMMON) as cluster:
        yield cluster


@pytest.fixture
def celery(cluster: Cluster, settings: Any, media: Path) -> Cluster:
    """Give the jobs to Celery."""
    settings.COMMON = COMMON
    settings.MEDIA_ROOT = str(cluster.media)
    return cluster


@pytest.fixture(params=["django.tasks", "dotted path"])
def engine(request: pytest.FixtureRequest, settings: Any, media: Path) -> None:
    """Give the jobs to Django's tasks, run at once, or to a runner of the project's own."""
    backend = "django_tasks.backends.immediate.ImmediateBackend"
    settings.TASKS = {"default": {"BACKEND": backend}}
    runner = "tasks" if request.param == "django.tasks" else "tests.couriers.AtOnce"
    settings.COMMON = {"TRANSFER_RUNNER": runner, "TRANSFER_CHUNK_ROWS": 20}


@pytest.fixture
def client() -> APIClient:
    """Return a client of somebody who may do everything."""
    return sign_in(User.objects.create_superuser("ada"))


def follow(client: APIClient, url: str, status: str = "completed") -> dict[str, Any]:
    """Ask for the job until it has *status*; return it."""
    wait_for(lambda: get(client, url)["status"] == status)
    return get(client, url)


def check_import(client: APIClient) -> None:
    """Import employees, and check whose they are."""
    file = write_csv(build_rows(100, make_departments(5))).getvalue()
    response = send(client, file, url="/employees/import-from-file/")
    assert response.status_code == 202
    job = follow(client, response["Location"])
    assert (job["report"]["created"], job["progress"]["percent"]) == (100, 100.0)
    assert Employee.objects.count() == 100
    assert {*Employee.objects.values_list("created_by__username", "updated_by__username")} == {("ada", "ada")}


def check_export(client: APIClient) -> None:
    """Export departments, and compare with what a request gets that waits."""
    make_departments(50)
    url, body = "/departments/export/?search=01", {"file_type": "csv"}
    response = client.post(url, body, format="json", headers=ASYNC)
    assert response.status_code == 202
    job = follow(client, response["Location"])
    download: Any = client.get(job["links"]["file"])
    inline: Any = client.post(url, body, format="json")
    content = download.getvalue()
    assert content == inline.getvalue()
    assert len(content.splitlines()) == job["progress"]["rows"] + 1 > 1


@pytest.mark.usefixtures("engine")
def test_an_import_by_each_engine(client: APIClient) -> None:
    """The rows are there, and the audit columns name the user."""
    check_import(client)


@pytest.mark.usefixtures("engine")
def test_an_import_of_many_chunks_by_each_engine(settings: Any) -> None:
    """What does its tasks at once does not do them within each other: a job may have any number of chunks."""
    settings.COMMON = {**settings.COMMON, "TRANSFER_CHUNK_ROWS": 1, "IMPORT_BATCH_SIZE": 1}
    file = write_csv(build_rows(150, make_departments(5)), [*COLUMNS, "department_code"])
    job = start_import(f"{__name__}.ORDERED", file, name="employees.csv")
    job.refresh_from_db()
    assert (job.status, job.message, job.strategy) == (JobStatus.COMPLETED, "", Strategy.IN_ORDER)
    assert Employee.objects.count() == 150


@pytest.mark.usefixtures("engine")
def test_an_export_by_each_engine(client: APIClient) -> None:
    """The file is the one that a request would have got."""
    check_export(client)


@pytest.mark.usefixtures("celery")
def test_an_import_by_a_worker(client: APIClient) -> None:
    """Another process imports the rows, as the user who asked for it."""
    check_import(client)


@pytest.mark.usefixtures("celery")
def test_an_export_by_a_worker(client: APIClient) -> None:
    """Another process writes the file, and this one gives it away."""
    check_export(client)


def test_a_broker_that_is_away(celery: Cluster, client: APIClient) -> None:
    """The answer says so, and the job goes on when it is back."""
    celery.redis.stop()
    try:
        response = send(client, GOOD)
    finally:
        celery.redis.start()
    assert response.status_code == 202
    assert response.data["message"].startswith("The workers could not be reached: ")
    job = response.data["data"]
    assert job["status"] == "failed"
    assert client.post(job["links"]["resume"]).status_code == 200
    follow(client, response["Location"])
    assert Department.objects.count() == 2


def test_workers_that_do_not_have_the_app(celery: Cluster, client: APIClient) -> None:
    """They throw the message away: the job is stalled and tells why, and goes on with a worker that has it."""
    for _ in range(2):
        celery.stop_worker()
    celery.start_worker(DJANGO_SETTINGS_MODULE="tests.bare_settings")
    response = send(client, GOOD)
    job = follow(client, response["Location"], "stalled")
    assert "Is a worker running, with drf_commons.jobs among its INSTALLED_APPS?" in job["message"]
    celery.stop_worker()
    celery.start_worker()
    assert client.post(job["links"]["resume"]).status_code == 200
    follow(client, response["Location"])
    assert Department.objects.count() == 2
    celery.start_worker()
