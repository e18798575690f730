"""Imports and exports as jobs: what starts, follows and ends them."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from drf_commons.errors import JobStateError
from drf_commons.jobs.models import ImportJob, JobStatus
from drf_commons.jobs.service import Requester, cancel, get_progress, resume, start_import
from tests.personnel.models import Department

pytestmark = pytest.mark.django_db(transaction=True)

DEPARTMENTS = {
    "steps": [{"model": "personnel.Department", "fields": ["code", "name"], "unique_fields": ["code"]}],
}


@pytest.fixture(autouse=True)
def media(tmp_path: Path, settings: Any) -> Path:
    """Keep the files of jobs in a directory of the test."""
    settings.MEDIA_ROOT = str(tmp_path / "media")
    return tmp_path / "media"


def start(text: str, **options: Any) -> ImportJob:
    """Import departments out of *text*, and return the job as it is afterwards."""
    job = start_import(f"{__name__}.DEPARTMENTS", BytesIO(text.encode()), name="departments.csv", **options)
    job.refresh_from_db()
    return job


def test_a_job_runs_in_this_process_by_default() -> None:
    """With the runner ``inline`` the job has ended when it is started, with a report and full numbers."""
    job = start("code,name\nA1,Archive\nB2,Bakery\n")
    assert (job.status, job.message) == (JobStatus.COMPLETED, "")
    assert Department.objects.count() == 2
    progress = get_progress(job)
    assert (progress.rows, progress.total, progress.percent) == (2, 2, 100.0)
    assert job.report is not None
    assert job.report["created"] == 2


def test_a_file_that_cannot_be_read_fails_the_job_with_its_message() -> None:
    """What is wrong with the file stands in the job."""
    job = start("nonsense\n1\n")
    assert job.status == JobStatus.FAILED
    assert "departments.csv" in job.message


def test_what_has_ended_is_neither_cancelled_nor_resumed() -> None:
    """A job that is completed says so to whoever would stop it or go on with it."""
    job = start("code,name\nA1,Archive\n")
    with pytest.raises(JobStateError, match="The job is completed: there is nothing to cancel"):
        cancel(job)
    with pytest.raises(JobStateError, match="nothing to resume"):
        resume(job)


def test_a_deleted_user_fails_the_job() -> None:
    """Nobody acts for a user who is gone: the job fails, and names the user."""
    user = User.objects.create_user("ada")
    job = start("code,name\nA1,Archive\n", requester=Requester(user=user))
    user.delete()
    ImportJob.objects.filter(pk=job.pk).update(status=JobStatus.FAILED)
    job.refresh_from_db()
    resume(job)
    job.refresh_from_db()
    assert job.status == JobStatus.FAILED
    assert "'ada', whose job this is, has been deleted" in job.message
