"""Jobs in the admin: their list, the page of one, its buttons and its file."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any, Final

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from drf_commons.jobs.models import ImportJob, JobStatus
from drf_commons.jobs.service import Requester, start_export, start_import
from drf_commons.services import ImportConfig, ModelStep
from tests.personnel.models import Department
from tests.personnel.views import DepartmentViewSet
from tests.test_job_views import BAD, GOOD, media

__all__ = ["media"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]

IMPORTS: Final = "/admin/drf_commons_jobs/importjob/"
EXPORTS: Final = "/admin/drf_commons_jobs/exportjob/"


class RenamingViewSet(DepartmentViewSet):
    """Takes the names of the file for departments that are stored already."""

    import_file_config = ImportConfig(
        steps=[
            ModelStep(model=Department, fields=["code", "name"], unique_fields=["code"], update_if_exists=True),
        ],
    )


@pytest.fixture
def page() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("ada"))
    return client


def make_job(
    content: bytes = BAD, *, viewset: type[DepartmentViewSet] = DepartmentViewSet, **options: Any
) -> ImportJob:
    ada = User.objects.get(username="ada")
    job = start_import(viewset, BytesIO(content), Requester(user=ada), name="departments.csv", **options)
    job.refresh_from_db()
    return job


def test_jobs_are_listed_with_their_progress(page: Client, django_assert_max_num_queries: Any) -> None:
    """The number of queries does not grow with the list."""
    for _ in range(5):
        make_job()
    with django_assert_max_num_queries(10):
        text = page.get(IMPORTS).content.decode()
    assert text.count('/change/">departments.csv</a>') == 5
    assert text.count("100 %") == 5
    assert "Add import" not in text


def test_a_job_is_shown_with_its_numbers(page: Client) -> None:
    """Nothing is typed, and no script stands in the page."""
    job = make_job()
    text = page.get(f"{IMPORTS}{job.pk}/change/").content.decode()
    assert "2 of 2 rows" in text
    assert "Completed" in text
    assert f"{IMPORTS}{job.pk}/file/" in text
    assert 'name="_save"' not in text
    assert "<script>" not in text
    download: Any = page.get(f"{IMPORTS}{job.pk}/file/")
    assert download["Content-Disposition"] == 'attachment; filename="departments-failed.csv"'
    assert b"MUCH-TOO-LONG" in download.getvalue()


def test_the_page_of_a_running_job_keeps_itself_up_to_date(page: Client) -> None:
    """It has an address that tells the numbers."""
    job = make_job()
    ImportJob.objects.filter(pk=job.pk).update(status=JobStatus.RUNNING)
    text = page.get(f"{IMPORTS}{job.pk}/change/").content.decode()
    assert f'data-progress-url="{IMPORTS}{job.pk}/progress/" data-active' in text
    assert "drf_commons/job.js" in text
    told = page.get(f"{IMPORTS}{job.pk}/progress/").json()
    assert (told["rows"], told["failed"], told["label"], told["is_active"]) == (2, 1, "running", True)


def test_a_preview_shows_what_would_change(page: Client) -> None:
    """New rows, changed ones before and after, and those that failed, as in an import that is no job."""
    Department.objects.create(code="A1", name="Archives & Co")
    job = make_job(
        b"code,name\nA1,Archive\nB2,Bakery\nMUCH-TOO-LONG,Cellar\n", viewset=RenamingViewSet, needs_confirmation=True
    )
    text = page.get(f"{IMPORTS}{job.pk}/change/").content.decode()
    assert "<td>Name</td><td><del>Archives &amp; Co</del></td><td><ins>Archive</ins></td>" in text
    assert '<th scope="row">3</th><td>B2</td><td>Bakery</td>' in text
    assert '<th scope="row">4</th><td>code</td><td>MUCH-TOO-LONG</td>' in text
    assert text.index('value="Confirm the import"') < text.index("Changed rows") < text.index("New rows")


@pytest.mark.parametrize("status", [JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.STALLED, JobStatus.CANCELLED])
def test_a_preview_that_is_decided_about_is_called_one(page: Client, status: JobStatus) -> None:
    """Its numbers are not those of the import, which stand with the progress, and at the end in a report."""
    job = make_job(needs_confirmation=True)
    heading, url = "What the preview has shown", f"{IMPORTS}{job.pk}/change/"
    assert heading not in page.get(url).content.decode()
    ImportJob.objects.filter(pk=job.pk).update(status=status)
    text = page.get(url).content.decode()
    assert text.index("submit-row") < text.index(heading) < text.index("drf-commons-counts")
    assert text.index("drf-commons-counts") < text.index("Rows with errors")
    ImportJob.objects.filter(pk=job.pk).update(status=JobStatus.CONFIRMING)
    page.post(f"{IMPORTS}{job.pk}/decide/", {"confirm": "1"})
    text = page.get(url).content.decode()
    assert "Completed" in text
    assert heading not in text
    assert text.index("drf-commons-counts") < text.index("submit-row")


def test_the_first_errors_of_many_are_shown(page: Client) -> None:
    """What changes is not far below them, and all of them are in the file."""
    rows = "".join(f"MUCH-TOO-LONG-{number},Bakery\n" for number in range(120))
    job = make_job(f"code,name\nA1,Archive\n{rows}".encode(), needs_confirmation=True)
    text = page.get(f"{IMPORTS}{job.pk}/change/").content.decode()
    assert "100 of 120 errors" in text
    assert (text.count("<td>MUCH-TOO-LONG-"), "MUCH-TOO-LONG-99<" in text, "New rows" in text) == (100, True, True)
    assert f'<a href="{IMPORTS}{job.pk}/file/">All rows with errors, as a file</a>' in text
    assert "as a file</a>" not in page.get(f"{IMPORTS}{make_job().pk}/change/").content.decode()


def test_a_job_is_shown_after_its_target_is_gone(page: Client) -> None:
    """With the names of the fields, where the model has none for people any more."""
    job = make_job(GOOD, needs_confirmation=True)
    ImportJob.objects.filter(pk=job.pk).update(target="tests.personnel.views.GoneViewSet")
    answer = page.get(f"{IMPORTS}{job.pk}/change/")
    assert answer.status_code == 200
    assert '<th scope="col">code</th>' in answer.content.decode()


def test_a_preview_is_confirmed_by_a_button(page: Client) -> None:
    """Once; the second time says that there is nothing to confirm."""
    job = make_job(GOOD, needs_confirmation=True)
    assert 'value="Confirm the import"' in page.get(f"{IMPORTS}{job.pk}/change/").content.decode()
    assert Department.objects.count() == 0
    page.post(f"{IMPORTS}{job.pk}/decide/", {"confirm": "1"})
    assert Department.objects.count() == 2
    answer = page.post(f"{IMPORTS}{job.pk}/decide/", {"confirm": "1"}, follow=True)
    assert "there is nothing to confirm" in answer.content.decode()


@pytest.mark.parametrize(("action", "before", "after"), [("cancel_jobs", "running", "cancelled")])
def test_many_jobs_are_decided_about_at_once(page: Client, action: str, before: str, after: str) -> None:
    """By the actions of the list."""
    jobs = [make_job() for _ in range(2)]
    ImportJob.objects.update(status=before)
    page.post(IMPORTS, {"action": action, "_selected_action": [job.pk for job in jobs]})
    assert {*ImportJob.objects.values_list("status", flat=True)} == {after}


def test_jobs_are_deleted_with_their_files(page: Client, media: Path) -> None:
    """One that may be worked at stays, and the page says why."""
    job, running = make_job(), make_job()
    ImportJob.objects.filter(pk=running.pk).update(status=JobStatus.RUNNING)
    form = {"action": "delete_selected", "_selected_action": [job.pk, running.pk], "post": "yes"}
    answer = page.post(IMPORTS, form, follow=True)
    assert [*ImportJob.objects.values_list("pk", flat=True)] == [running.pk]
    assert "cancel it first" in answer.content.decode()
    assert {path.parent.name for path in media.rglob("*.csv")} == {running.pk.hex}


def test_somebody_who_may_only_look_decides_nothing(page: Client) -> None:
    """No buttons, and 403 for what they would send; without the permission to view there is no page."""
    job = make_job(GOOD, needs_confirmation=True)
    grace = User.objects.create_user("grace", is_staff=True)
    client = Client()
    client.force_login(grace)
    assert client.get(f"{IMPORTS}{job.pk}/progress/").status_code == 403
    grace.user_permissions.add(Permission.objects.get(codename="view_importjob"))
    text = client.get(f"{IMPORTS}{job.pk}/change/").content.decode()
    assert "Confirm the import" not in text
    assert client.post(f"{IMPORTS}{job.pk}/decide/", {"confirm": "1"}).status_code == 403
    assert page.get(f"{IMPORTS}{job.pk}/decide/").status_code == 403


def test_an_export_is_downloaded(page: Client) -> None:
    """From its page."""
    job = start_export(DepartmentViewSet, "csv", Requester(user=User.objects.get(username="ada")))
    assert "Download the file" in page.get(f"{EXPORTS}{job.pk}/change/").content.decode()
    download: Any = page.get(f"{EXPORTS}{job.pk}/file/")
    assert b"code" in download.getvalue()


def test_a_file_that_is_gone_is_told(page: Client, media: Path) -> None:
    """The page of the job says what its storage says; without a file there is none."""
    job = make_job()
    for path in media.rglob("*-failed.csv"):
        path.unlink()
    assert "does not give the file" in page.get(f"{IMPORTS}{job.pk}/file/", follow=True).content.decode()
    assert page.get(f"{IMPORTS}{make_job(GOOD).pk}/file/").status_code == 404
