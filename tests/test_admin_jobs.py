"""A file that is too long for a request of the admin is given to a job, and confirmed on its page."""

from __future__ import annotations

from typing import Any, Final

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import QuerySet
from django.http import HttpRequest
from django.test import Client, override_settings
from django.urls import path
from typing_extensions import override

from drf_commons.admin import BaseModelAdmin, ImportExportAdminMixin
from drf_commons.jobs.admin import ImportJobAdmin
from drf_commons.jobs.models import ImportJob, JobStatus
from drf_commons.services import ImportConfig, ModelStep
from tests.personnel.models import Department
from tests.test_job_views import BAD, GOOD, media

__all__ = ["media"]

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls(__name__),
    pytest.mark.usefixtures("media", "long_from_two"),
]

site = admin.AdminSite(name="handover-admin")

DEPARTMENTS: Final = "/admin/personnel/department/"
PERMISSIONS: Final = ("add_department", "change_department", "view_department", "change_importjob")


class DepartmentAdmin(ImportExportAdminMixin[Department], BaseModelAdmin[Department]):
    """Imports departments; the secret one is nobody's."""

    import_file_config = ImportConfig(
        steps=[ModelStep(model=Department, fields=["code", "name"], unique_fields=["code"], update_if_exists=True)]
    )

    @override
    def get_queryset(self, request: HttpRequest) -> QuerySet[Department]:
        return super().get_queryset(request).exclude(code="SECRET")


site.register(Department, DepartmentAdmin)
site.register(ImportJob, ImportJobAdmin)

urlpatterns = [path("admin/", site.urls)]


@pytest.fixture
def long_from_two() -> Any:
    with override_settings(COMMON={"IMPORT_INLINE_MAX_ROWS": 1}):
        yield


@pytest.fixture
def ada() -> User:
    """Return somebody of the staff who may import departments, and follow jobs."""
    user = User.objects.create_user("ada", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=PERMISSIONS))
    return user


def send(user: User, content: bytes = GOOD) -> Any:
    """Return the page after a file was sent."""
    client = Client()
    client.force_login(user)
    file = SimpleUploadedFile("departments.csv", content)
    return client.post(f"{DEPARTMENTS}import/", {"file": file, "mode": "append"}, follow=True)


def confirm(user: User) -> Any:
    """Confirm the only job, and return what has become of it."""
    client = Client()
    client.force_login(user)
    job = ImportJob.objects.get()
    client.post(f"/admin/drf_commons_jobs/importjob/{job.pk}/decide/", {"confirm": "yes"})
    job.refresh_from_db()
    return job


def test_a_long_file_is_shown_by_a_job_and_imported_once_it_is_confirmed(ada: User) -> None:
    """The person is led to the page of the job; nothing is stored before it is confirmed there."""
    page = send(ada)
    job: Any = ImportJob.objects.get()
    assert page.redirect_chain == [(f"/admin/drf_commons_jobs/importjob/{job.pk}/change/", 302)]
    assert "A job looks through departments.csv, which has more than 1 rows; confirm here what it finds." in page.text
    assert 'value="Confirm the import"' in page.text
    assert (job.target, job.user, job.preview["created"]) == (f"{__name__}.DepartmentAdmin", ada, 2)
    assert not Department.objects.exists()

    assert confirm(ada).status == JobStatus.COMPLETED
    assert {*Department.objects.values_list("code", flat=True)} == {"A1", "B2"}


def test_a_row_that_fails_is_told_by_the_job(ada: User) -> None:
    """As in the preview of a short file."""
    send(ada, BAD)
    job = confirm(ada)
    assert (job.report["created"], job.report["failed"]) == (1, 1)


def test_the_permissions_are_asked_again_by_the_job(ada: User) -> None:
    """Somebody who has lost them meanwhile imports nothing."""
    send(ada)
    ada.user_permissions.remove(Permission.objects.get(codename="add_department"))
    job = confirm(ada)
    assert (job.status, job.message) == (
        JobStatus.FAILED,
        "You do not have the permission to import this.",
    )
    assert not Department.objects.exists()


def test_somebody_who_has_left_the_staff_imports_nothing(ada: User) -> None:
    """Entering the admin is a permission too."""
    send(ada)
    boss = User.objects.create_superuser("boss")
    User.objects.filter(pk=ada.pk).update(is_staff=False)
    assert confirm(boss).status == JobStatus.FAILED


def test_a_job_reaches_no_row_that_the_admin_does_not_list(ada: User) -> None:
    """Its rows are those of ``get_queryset()``."""
    Department.objects.create(code="SECRET", name="Untold")
    send(ada, b"code,name\nSECRET,Told\nA1,Archive\n")
    assert confirm(ada).report["failed"] == 1
    assert Department.objects.get(code="SECRET").name == "Untold"


def test_who_cannot_confirm_a_job_is_shown_the_preview_at_once(ada: User) -> None:
    """Nobody is led to a page on which they can do nothing."""
    ada.user_permissions.remove(Permission.objects.get(codename="change_importjob"))
    assert "Check what the import changes" in send(ada).text
    assert not ImportJob.objects.exists()


def test_a_site_without_jobs_shows_the_preview_at_once(ada: User) -> None:
    """Where jobs have no page, nobody could confirm one."""
    site.unregister(ImportJob)
    try:
        assert "Check what the import changes" in send(ada).text
    finally:
        site.register(ImportJob, ImportJobAdmin)


def test_a_file_that_cannot_be_read_is_told_in_the_form(ada: User) -> None:
    """No job is started for it."""
    page = send(ada, b"\x89PNG\r\n\x1a\n" + bytes(100))
    assert page.status_code == 400
    assert "this is an image" in page.text
    assert not ImportJob.objects.exists()
