"""Imports and exports as jobs: what starts, follows and ends them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from drf_commons.errors import ConfigurationError, JobStateError
from drf_commons.jobs.calls import Call
from drf_commons.jobs.models import ImportChunk, ImportJob, JobStatus
from drf_commons.jobs.runners import InlineRunner, get_runner, run_call
from drf_commons.jobs.service import Requester, cancel, confirm, get_progress, get_report, resume, start_import
from drf_commons.services.importing import ReadOptions, build_plan
from drf_commons.services.importing.writer import StepWriter
from tests.couriers import Courier
from tests.personnel.models import Department

pytestmark = pytest.mark.django_db(transaction=True)

DEPARTMENTS: dict[str, Any] = {
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


DECLARED: dict[str, Any] = {**DEPARTMENTS, "encoding": "cp1250", "delimiter": "\t"}


def test_a_file_is_read_as_the_configuration_declares() -> None:
    """Unless whoever starts the job says otherwise; the rows that failed are written in the same way."""
    for encoding, options in (("cp1250", None), ("utf-8", ReadOptions(encoding="utf-8"))):
        data = f"code\tname\n{encoding}\tDvořák, a; b\nTOO-LONG-A-CODE\tř\n".encode(encoding)
        job = start_import(f"{__name__}.DECLARED", BytesIO(data), name="departments.csv", options=options)
        job.refresh_from_db()
        assert Department.objects.get(code=encoding).name == "Dvořák, a; b"
        with job.failed_file.open() as file:
            assert "TOO-LONG-A-CODE\tř\t" in file.read().decode(encoding)


def test_a_file_that_cannot_be_read_fails_the_job_with_its_message() -> None:
    """What is wrong with the file stands in the job."""
    job = start("nonsense\n1\n")
    assert job.status == JobStatus.FAILED
    assert "departments.csv" in job.message


def test_a_file_is_divided_once_however_often_a_worker_is_asked(settings: Any) -> None:
    """The message to divide a file that comes again, when it is divided, changes nothing."""
    settings.COMMON = {"TRANSFER_RUNNER": "tests.couriers.Courier", "IMPORT_BATCH_SIZE": 1}
    job = start("\n".join(["code,name", *(f"c{number},name" for number in range(30))]))
    Courier.deliver(copies=2)
    job.refresh_from_db()
    assert (job.status, job.message, Department.objects.count()) == (JobStatus.COMPLETED, "", 30)


def test_requests_of_two_threads_do_not_wait_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever starts a job finds it done, also while another thread of the process is at a job of its own."""
    done: list[Call] = []

    def work(call: Call) -> None:
        if not done:
            done.append(call)
            with ThreadPoolExecutor(1) as other:
                other.submit(runner.enqueue, second).result(10)
            assert done == [first, second]
        else:
            done.append(call)

    monkeypatch.setattr("drf_commons.jobs.work.work", work)
    runner, first, second = InlineRunner(), *(Call(task="plan", job=uuid4()) for _ in range(2))
    runner.enqueue(first)
    assert done == [first, second]


def test_a_name_that_no_folder_takes_is_shortened() -> None:
    """A long name, of signs that are several bytes each, fits with what is added for the rows that failed."""
    name = "é" * 240 + ".csv"
    job = start_import(f"{__name__}.DEPARTMENTS", BytesIO(b"code,name\nA1,Archive\nTOO-LONG-A-CODE,B\n"), name=name)
    job.refresh_from_db()
    assert (job.status, job.message, job.file_name) == (JobStatus.COMPLETED, "", name)
    assert "/éé" in str(job.failed_file.name)


@pytest.mark.parametrize("is_whole", [False, True])
def test_signs_that_no_database_takes_keep_no_other_row_out(is_whole: bool) -> None:
    """A NUL fails its row, as without a job, and the rows around it are imported."""
    job = start("code,name\nA1,Archive\nB2,Bak\x00ery\nC3,Cellar\n", dry_run=is_whole)
    assert (job.status, job.message) == (JobStatus.COMPLETED, "")
    assert job.report is not None
    assert (job.report["created"], job.report["failed"]) == (2, 1)
    assert job.report["errors"][0]["value"] == "Bak\ufffdery"


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


def test_a_file_that_is_changed_after_it_was_sent_is_not_imported(settings: Any) -> None:
    """A chunk is read if it is what was planned; else nothing of it is stored, and the job says what to do."""
    settings.COMMON = {"TRANSFER_RUNNER": "tests.couriers.Courier"}
    Courier.take()
    job = start("code,name\nA1,Archive\n")
    (plan,) = Courier.take()
    run_call(plan)
    Path(job.file.path).write_bytes(b"code,name\nA1,Bakery!\n")
    Courier.deliver()
    job.refresh_from_db()
    assert (job.status, Department.objects.count()) == (JobStatus.FAILED, 0)
    assert job.message == "The file departments.csv is not the one that was sent: it was changed. Send it again."


def test_a_file_that_is_deleted_fails_the_job(settings: Any) -> None:
    """A job whose file is gone says so."""
    settings.COMMON = {"TRANSFER_RUNNER": "tests.couriers.Courier"}
    Courier.take()
    job = start("code,name\nA1,Archive\n")
    Path(job.file.path).unlink()
    Courier.deliver()
    job.refresh_from_db()
    assert (job.status, job.message.partition(":")[0]) == (
        JobStatus.FAILED,
        "The file departments.csv is no longer there",
    )


def test_a_job_of_another_configuration_is_not_resumed(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was planned for one configuration is not imported with another."""
    settings.COMMON = {"TRANSFER_RUNNER": "tests.couriers.Courier"}
    Courier.take()
    job = start("code,name\nA1,Archive\n")
    run_call(*Courier.take())
    changed = {"steps": [{**DEPARTMENTS["steps"][0], "update_if_exists": True}]}
    monkeypatch.setitem(globals(), "DEPARTMENTS", changed)
    Courier.deliver()
    job.refresh_from_db()
    assert job.status == JobStatus.FAILED
    assert "was changed since the file was planned: start it anew" in job.message


def test_a_job_that_nobody_is_at_is_stalled_and_goes_on_when_it_is_resumed(settings: Any) -> None:
    """Without a worker a job does not stay queued for ever; resumed, it comes to its end."""
    settings.COMMON = {"TRANSFER_RUNNER": "tests.couriers.Courier", "TRANSFER_STALLED_AFTER": 60}
    job = start("code,name\nA1,Archive\n")
    Courier.take()
    ImportJob.objects.update(heartbeat_at=timezone.now() - timedelta(seconds=61))
    progress = get_progress(job)
    assert (progress.status, progress.message.partition(".")[0]) == (
        JobStatus.STALLED,
        "Nothing has been heard of it for 60 seconds",
    )
    resume(job)
    Courier.deliver()
    assert get_progress(job).status == JobStatus.COMPLETED


def test_a_job_is_resumed_without_waiting_for_a_worker_that_is_only_slow(settings: Any) -> None:
    """Who may be about to write into the row of the job, and would wait in turn, for ever."""
    if not connection.features.has_select_for_update_skip_locked:
        pytest.skip("needs a server as DATABASE_URL: SQLite has one writer")
    settings.COMMON = {"TRANSFER_RUNNER": "tests.couriers.Courier", "TRANSFER_STALLED_AFTER": 60}
    job = start("code,name\nA1,Archive\n")
    (plan,) = Courier.take()
    run_call(plan)
    ImportJob.objects.update(heartbeat_at=timezone.now() - timedelta(seconds=61))

    def resume_now() -> None:
        resume(job)
        connection.close()

    with ThreadPoolExecutor() as others, transaction.atomic():
        assert ImportChunk.objects.select_for_update().get(job=job).pk
        others.submit(resume_now).result(timeout=20)
    assert get_progress(job).status == JobStatus.RUNNING
    Courier.deliver()
    assert get_progress(job).status == JobStatus.COMPLETED


def test_two_workers_plan_at_once(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one who comes too late gives up, and the job does not fail for it."""
    settings.COMMON = {"TRANSFER_RUNNER": "tests.couriers.Courier", "IMPORT_BATCH_SIZE": 1}
    Courier.take()
    job = start("code,name\n" + "".join(f"d{number},x\n" for number in range(50)))
    (plan,) = Courier.take()

    def build_slowly(*args: Any, **options: Any) -> Any:
        monkeypatch.undo()
        run_call(plan)
        return build_plan(*args, **options)

    monkeypatch.setattr("drf_commons.jobs.planning.build_plan", build_slowly)
    run_call(plan)
    assert get_progress(job).status == JobStatus.RUNNING, job.message
    Courier.deliver()
    assert (get_progress(job).status, Department.objects.count()) == (JobStatus.COMPLETED, 50)


def test_a_dry_run_waits_to_be_confirmed() -> None:
    """A preview stores nothing and shows what would happen; confirmed, it happens."""
    job = start("code,name\nA1,Archive\n", needs_confirmation=True)
    assert (job.status, Department.objects.count()) == (JobStatus.CONFIRMING, 0)
    assert job.preview is not None
    assert job.preview["created"] == 1
    confirm(job)
    job.refresh_from_db()
    assert (job.status, Department.objects.count()) == (JobStatus.COMPLETED, 1)


def test_a_cancelled_job_begins_no_other_chunk(settings: Any) -> None:
    """What is committed stays and is reported; messages that arrive later do nothing; resumed, the rest is imported."""
    settings.COMMON = {
        "TRANSFER_RUNNER": "tests.couriers.Courier",
        "TRANSFER_CHUNK_ROWS": 2,
        "IMPORT_BATCH_SIZE": 2,
    }
    Courier.take()
    job = start("code,name\n" + "".join(f"d{number},x\n" for number in range(6)))
    run_call(*Courier.take())
    run_call(*Courier.take())
    first, *others = Courier.take()
    run_call(first)
    cancel(job)
    for call in others:
        run_call(call)
    report = get_report(job)
    assert report is not None
    assert (report["state"], report["created"], Department.objects.count()) == ("stopped", 2, 2)
    resume(job)
    Courier.deliver(copies=2)
    job.refresh_from_db()
    assert (job.status, Department.objects.count()) == (JobStatus.COMPLETED, 6)


def test_a_runner_that_takes_nothing_fails_the_job(settings: Any) -> None:
    """A broker that is away is told by the job, which can be resumed."""
    settings.COMMON = {"TRANSFER_RUNNER": f"{__name__}.Away"}
    job = start("code,name\nA1,Archive\n")
    assert job.status == JobStatus.FAILED
    assert job.message == "The workers could not be reached: the broker is away. The job can be resumed."
    settings.COMMON = {}
    resume(job)
    job.refresh_from_db()
    assert job.status == JobStatus.COMPLETED


def test_a_database_that_is_away_for_a_moment_is_asked_again(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planning goes on as importing does; where it stays away, the job fails, and can be resumed."""
    monkeypatch.setattr("drf_commons.jobs.work._PAUSES", (0.0,))
    errors = [OperationalError("the server closed the connection")]

    def fail_first(*args: Any, **options: Any) -> Any:
        if errors:
            raise errors.pop()
        return build_plan(*args, **options)

    monkeypatch.setattr("drf_commons.jobs.planning.build_plan", fail_first)
    assert start("code,name\nA1,Archive\n").status == JobStatus.COMPLETED
    errors += [OperationalError("it is away")] * 2
    job = start("code,name\nB2,Bakery\n")
    assert (job.status, job.message) == (
        JobStatus.FAILED,
        "The database did not do its work (OperationalError); the log says more. The job can be resumed.",
    )
    resume(job)
    assert get_progress(job).status == JobStatus.COMPLETED


def test_a_chunk_that_somebody_is_at_is_not_begun_again(settings: Any) -> None:
    """A message that comes again and again while a worker gets on counts for nothing."""
    settings.COMMON = {"TRANSFER_RUNNER": "tests.couriers.Courier", "IMPORT_BATCH_SIZE": 1}
    Courier.take()
    job = start("code,name\nA1,Archive\nB2,Bakery\n")
    run_call(*Courier.take())
    chunks = ImportChunk.objects.filter(job=job)
    chunks.update(attempts=9)
    run_call(*Courier.take())
    Courier.deliver()
    assert get_progress(job).status == JobStatus.COMPLETED
    assert chunks.get().attempts == 0


@pytest.mark.parametrize("name", ["nothing", "tests.couriers.Nobody", "tests.couriers"])
def test_an_unknown_runner_does_not_start(settings: Any, name: str) -> None:
    """A runner that is none is an error of the configuration, which names the setting."""
    settings.COMMON = {"TRANSFER_RUNNER": name}
    with pytest.raises(ConfigurationError, match=r"COMMON\['TRANSFER_RUNNER'\]"):
        get_runner()


UPDATE: dict[str, Any] = {"steps": [{**DEPARTMENTS["steps"][0], "update_if_exists": True}]}


def test_a_row_that_another_job_stores_meanwhile_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is updated, as it would have been a moment later, and not refused because it is there."""
    if not connection.features.test_db_allows_multiple_connections:
        pytest.skip("SQLite has one writer: nobody is faster")
    insert = StepWriter.insert

    def insert_late(writer: StepWriter, *arguments: Any) -> None:
        monkeypatch.undo()
        with ThreadPoolExecutor() as other:
            other.submit(store).result()
        insert(writer, *arguments)

    def store() -> None:
        Department.objects.create(code="A1", name="Attic")
        connection.close()

    monkeypatch.setattr(StepWriter, "insert", insert_late)
    job = start_import(f"{__name__}.UPDATE", BytesIO(b"code,name\nA1,Archive\nB2,Bakery\n"), name="departments.csv")
    report = get_report(job)
    assert report is not None
    assert (report["created"], report["updated"], report["failed"]) == (1, 1, 0)
    assert [*Department.objects.order_by("code").values_list("code", "name")] == [("A1", "Archive"), ("B2", "Bakery")]


def test_a_misspelt_runner_is_told_what_it_may_have_been(settings: Any) -> None:
    """The nearest name is suggested."""
    settings.COMMON = {"TRANSFER_RUNNER": "clery"}
    with pytest.raises(ConfigurationError, match="did you mean 'celery'"):
        get_runner()


class Away:
    """A runner whose broker does not answer."""

    def enqueue(self, _call: Call) -> None:
        """Fail."""
        msg = "the broker is away."
        raise ConnectionError(msg)
