"""The progress of jobs as server-sent events."""

from __future__ import annotations

import asyncio
import json
from io import BytesIO
from typing import Any, Final

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.http import StreamingHttpResponse
from django.test import AsyncClient

from drf_commons.jobs.models import ExportJob, ImportJob, JobStatus
from drf_commons.jobs.service import Requester, start_export, start_import
from tests.personnel.views import DepartmentViewSet
from tests.test_job_views import GOOD, media

__all__ = ["media"]

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.personnel.job_urls"),
    pytest.mark.usefixtures("media"),
]

ACCEPT: Final = {"Accept": "text/event-stream"}


def make_job(status: str = JobStatus.COMPLETED) -> tuple[AsyncClient, ImportJob]:
    """Return a client of the user of a job with *status*."""
    ada = User.objects.create_superuser("ada")
    job = start_import(DepartmentViewSet, BytesIO(GOOD), Requester(user=ada), name="departments.csv")
    ImportJob.objects.filter(pk=job.pk).update(status=status)
    client = AsyncClient()
    client.force_login(ada)
    return client, job


async def listen(client: AsyncClient, job: ImportJob | ExportJob, **headers: str) -> Any:
    kind = "imports" if isinstance(job, ImportJob) else "exports"
    return await client.get(f"/jobs/{kind}/{job.pk}/events/", headers={**ACCEPT, **headers})


def parse(block: bytes) -> dict[str, str]:
    """Return the fields of an event."""
    return dict(line.split(": ", 1) for line in block.decode().splitlines() if not line.startswith(":") and line)


async def test_a_job_that_has_ended_says_so_and_no_more() -> None:
    """Its numbers, then the end."""
    client, job = await sync_to_async(make_job)()
    response = await listen(client, job)
    assert (response.status_code, response["Content-Type"]) == (200, "text/event-stream")
    assert (response["Cache-Control"], response["X-Accel-Buffering"]) == ("no-store", "no")
    retry, progress, end = [parse(block) async for block in response.streaming_content]
    assert retry == {"retry": "2000"}
    assert (progress["event"], end["event"], end["id"]) == ("progress", "end", "end")
    numbers = json.loads(progress["data"])
    assert (numbers["status"], numbers["rows"], numbers["percent"]) == ("completed", 2, 100.0)
    assert json.loads(end["data"]) == numbers


async def test_a_running_job_is_told_of_as_it_goes_on() -> None:
    """One event for each change, and none while nothing changes; the database is asked once a second."""
    client, job = await sync_to_async(make_job)(JobStatus.RUNNING)
    response: StreamingHttpResponse = await listen(client, job)
    events: Any = aiter(response)  # a stream of its own
    await anext(events)
    first = parse(await anext(events))
    assert json.loads(first["data"])["status"] == "running"
    start = asyncio.get_running_loop().time()
    await ImportJob.objects.filter(pk=job.pk).aupdate(status=JobStatus.CANCELLED)
    later = parse(await anext(events))
    assert json.loads(later["data"])["status"] == "cancelled"
    assert asyncio.get_running_loop().time() - start > 0.8
    assert parse(await anext(events))["event"] == "end"


async def test_a_browser_that_comes_back_after_the_end_is_sent_away() -> None:
    """204 keeps an ``EventSource`` from asking again."""
    client, job = await sync_to_async(make_job)()
    assert (await listen(client, job, **{"Last-Event-ID": "end"})).status_code == 204


async def test_a_job_that_is_deleted_meanwhile_ends_its_stream() -> None:
    """Nobody waits for what will not come."""
    client, job = await sync_to_async(make_job)(JobStatus.RUNNING)
    events: Any = aiter(await listen(client, job))
    await anext(events)
    await anext(events)
    await ImportJob.objects.filter(pk=job.pk).adelete()
    assert parse(await anext(events)) == {"id": "end", "event": "end", "data": '{"status": "deleted"}'}


async def test_a_listener_may_leave() -> None:
    """What was streamed is closed with the connection."""
    client, job = await sync_to_async(make_job)(JobStatus.RUNNING)
    events: Any = aiter(await listen(client, job))
    await anext(events)
    await events.aclose()


async def test_somebody_elses_job_is_not_told_of() -> None:
    """404, as JSON, although events are accepted alone."""
    _client, job = await sync_to_async(make_job)()
    stranger = AsyncClient()
    await stranger.aforce_login(await User.objects.acreate_user("grace"))
    response = await listen(stranger, job)
    assert (response.status_code, response["Content-Type"]) == (404, "application/json")


async def test_an_export_tells_of_itself_and_is_downloaded() -> None:
    """Under ASGI a file is streamed as well."""
    client, job = await sync_to_async(make_job)()
    export = await sync_to_async(start_export)(DepartmentViewSet, "csv", Requester(user=job.user))
    *_, end = [parse(block) async for block in (await listen(client, export)).streaming_content]
    assert json.loads(end["data"])["rows"] == 2
    response: Any = await client.get(f"/jobs/exports/{export.pk}/file/")
    content = b"".join([piece async for piece in response.streaming_content])
    assert content.splitlines()[1:] == [b"A1,Archive", b"B2,Bakery"]
