"""Jobs from the command line."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import override_settings
from django.utils import timezone

from drf_commons.jobs.models import ImportJob, JobStatus
from drf_commons.jobs.service import start_export, start_import
from tests.personnel.models import Department
from tests.personnel.views import DepartmentViewSet
from tests.test_job_views import BAD, GOOD, media

__all__ = ["media"]

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.personnel.job_urls"),
    pytest.mark.usefixtures("media"),
]


def run(*arguments: str) -> str:
    """Return what ``transfer_jobs`` prints."""
    out = StringIO()
    call_command("transfer_jobs", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def start(content: bytes = GOOD, **options: Any) -> ImportJob:
    """Start an import of departments that asks nobody, as a command does."""
    out = StringIO()
    path = Path(options.pop("folder")) / "departments.csv"
    path.write_bytes(content)
    call_command("import_file", "DepartmentViewSet", str(path), "--async", stdout=out, stderr=StringIO(), **options)
    return ImportJob.objects.get(pk=out.getvalue().strip())


def test_a_file_is_imported_by_a_job(tmp_path: Path) -> None:
    """The id is printed; who does it is known, and no permission is asked."""
    User.objects.create_user("ada")
    job = start(folder=tmp_path, user="ada")
    assert (job.status, job.requester, job.unrestricted) == (JobStatus.COMPLETED, "ada", True)
    assert Department.objects.count() == 2


def test_a_job_is_followed_to_its_end(tmp_path: Path) -> None:
    """By the start of its id; the exit code tells of one that failed."""
    job = start(BAD, folder=tmp_path)
    assert run("follow", job.pk.hex[:10]).startswith("departments.csv: completed, 2 rows, 1 failed")
    broken = start(b"nonsense\n1\n", folder=tmp_path)
    with pytest.raises(SystemExit, match="1"):
        run("follow", str(broken.pk))


def test_jobs_are_listed(tmp_path: Path) -> None:
    """The latest first, imports and exports, or those that go on alone."""
    assert run("list") == "no jobs\n"
    job = start(folder=tmp_path)
    export = start_export(DepartmentViewSet, "csv")
    lines = run("list").splitlines()
    assert [line.partition(" ")[0] for line in lines] == [str(export.pk), str(job.pk)]
    assert "import  completed  2 of 2 rows" in lines[1]
    with override_settings(USE_TZ=False):
        assert len(run("list").splitlines()) == 2
    assert run("list", "--active") == "no jobs\n"


def test_a_job_is_decided_about(tmp_path: Path) -> None:
    """Confirmed, cancelled and resumed; what cannot be is said."""
    path = tmp_path / "departments.csv"
    path.write_bytes(GOOD)
    with path.open("rb") as file:
        job = start_import(DepartmentViewSet, file, needs_confirmation=True)
    ImportJob.objects.filter(pk=job.pk).update(unrestricted=True, status=JobStatus.FAILED)
    run("resume", str(job.pk))
    assert run("confirm", str(job.pk)) == "departments.csv: completed\n"
    with pytest.raises(CommandError, match="nothing to cancel"):
        run("cancel", str(job.pk))


@pytest.mark.parametrize(
    ("name", "message"), [("nonsense", "no id of a job"), ("0" * 32, "there is no job"), ("", "several jobs")]
)
def test_a_job_has_to_be_named(tmp_path: Path, name: str, message: str) -> None:
    """By an id, or enough of it."""
    start(folder=tmp_path)
    start(folder=tmp_path)
    with pytest.raises(CommandError, match=message):
        run("cancel", name)


def test_old_jobs_are_pruned(tmp_path: Path, media: Path) -> None:
    """With their files; those that ended lately stay."""
    old, new = start(folder=tmp_path), start(folder=tmp_path)
    ImportJob.objects.filter(pk=old.pk).update(finished_at=timezone.now() - timedelta(days=31))
    assert run("prune") == "1 deleted\n"
    assert [*ImportJob.objects.values_list("pk", flat=True)] == [new.pk]
    assert {path.parent.name for path in media.rglob("*.csv")} == {new.pk.hex}


def test_a_file_of_failed_rows_is_for_those_who_wait(tmp_path: Path) -> None:
    """A job has its own."""
    with pytest.raises(CommandError, match="--failed"):
        start(folder=tmp_path, failed=tmp_path / "failed.csv")


def test_a_file_that_is_not_there_starts_nothing() -> None:
    """The command says so."""
    with pytest.raises(CommandError, match=r"gone\.csv"):
        call_command("import_file", "DepartmentViewSet", "gone.csv", "--async")
    assert not ImportJob.objects.exists()


def test_an_export_has_nothing_to_confirm() -> None:
    """The command says that, too."""
    export = start_export(DepartmentViewSet, "csv")
    with pytest.raises(CommandError, match="nothing to confirm"):
        run("confirm", str(export.pk))
