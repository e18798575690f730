"""Imports that are cut off: by a killed process, by the file, by the database."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, cast

import pytest
from django.core.exceptions import PermissionDenied
from django.db import OperationalError, ProgrammingError, connection

from drf_commons.services import ChunkOutcome, FileImportService
from drf_commons.services.importing import ImportScope
from tests.pages import ROOT
from tests.personnel.files import CONFIG, build_rows, make_departments, write_csv
from tests.personnel.models import Employee

ROWS = 1_000
CHUNK = 50
KILLED_AT = 300


@pytest.mark.django_db(transaction=True)
def test_a_killed_process_leaves_exactly_the_chunks_it_reported(tmp_path: Path) -> None:
    """No half of a chunk is stored; the file sent again finishes the job, and nothing is there twice."""
    file = tmp_path / "staff.csv"
    file.write_bytes(write_csv(build_rows(ROWS, make_departments())).getvalue())
    database = share_database(tmp_path)
    told = [0]
    with start(database, file) as process:
        for line in cast("IO[str]", process.stdout):
            told.append(int(line.split()[0]))
            if told[-1] == KILLED_AT:
                process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    stored = count_employees(database)
    # The process may have died after it committed a chunk and before it told of it.
    assert stored in {told[-1], told[-1] + CHUNK}
    assert KILLED_AT <= stored < ROWS
    with start(database, file) as process:
        *_, last = cast("IO[str]", process.stdout)
    assert last.split() == [str(ROWS - stored), str(stored)]
    assert count_employees(database) == ROWS


def start(database: str, file: Path) -> subprocess.Popen[str]:
    """Start a process that imports *file*."""
    return subprocess.Popen(  # noqa: S603  # our own script
        [sys.executable, ROOT / "tests" / "personnel" / "slow_import.py", database, file],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [ROOT / "src", ROOT / "example", ROOT]))},
    )


def share_database(folder: Path) -> str:
    """Return the name of a database that another process can open, with what is stored in this one."""
    if connection.vendor != "sqlite":
        return str(connection.settings_dict["NAME"])
    path = folder / "shared.sqlite3"
    with sqlite3.connect(path) as copy:
        connection.ensure_connection()
        connection.connection.backup(copy)
    copy.close()
    return str(path)


def count_employees(database: str) -> int:
    """Return how many rows are stored."""
    if connection.vendor != "sqlite":
        return Employee.objects.count()
    with sqlite3.connect(database) as copy:
        [(count,)] = copy.execute("SELECT COUNT(*) FROM personnel_employee").fetchall()
    copy.close()
    return int(count)


@pytest.mark.django_db(transaction=True)
def test_a_database_that_fails_on_the_way_is_in_the_report() -> None:
    """The chunks before are committed and counted; the one that failed has left nothing."""

    def fail(outcome: ChunkOutcome) -> None:
        if Employee.objects.count() > 20:
            message = "the server closed the connection"
            raise OperationalError(message)

    rows = build_rows(50, make_departments())
    result = FileImportService(CONFIG, batch_size=10, on_chunk=fail).import_file(write_csv(rows), name="staff.csv")
    assert (result.state, result.reason) == ("interrupted", "the server closed the connection")
    assert (result.created, result.chunks, Employee.objects.count()) == (20, 2, 20)


def build_service(stored: Sequence[dict[str, str]], error: Exception) -> FileImportService:
    """Store some rows, and return an import that raises *error* when it comes to change one of them."""
    FileImportService(CONFIG).import_file(write_csv([{**row, "phone": "1"} for row in stored]), name="staff.csv")

    def find_forbidden(_step: str, _pks: Sequence[Any]) -> Mapping[Any, str]:
        raise error

    return FileImportService(CONFIG, batch_size=10, scope=ImportScope(find_forbidden=find_forbidden))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (KeyError("salary"), "The server came upon an unexpected error (KeyError); it is in its log."),
        (
            ProgrammingError('relation "x" does not exist\nLINE 1: SELECT secret FROM x'),
            'relation "x" does not exist',
        ),
        (PermissionDenied("These rows are not yours."), "These rows are not yours."),
    ],
    ids=["bug", "database", "permission"],
)
def test_whatever_fails_on_the_way_is_in_the_report(
    error: Exception, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Chunks are committed by then: without a report nobody would know. What is for programmers is in the log."""
    rows = build_rows(50, make_departments())
    result = build_service(rows[20:], error).import_file(write_csv(rows), name="staff.csv")

    assert (result.state, result.reason) == ("interrupted", reason)
    assert (result.created, result.chunks, Employee.objects.count()) == (20, 2, 50)
    (record,) = [record for record in caplog.records if record.exc_info]
    assert record.exc_info is not None
    assert record.exc_info[1] is error


@pytest.mark.django_db(transaction=True)
def test_what_fails_before_anything_is_committed_is_raised() -> None:
    """There is nothing to report then."""
    rows = build_rows(50, make_departments())
    with pytest.raises(KeyError):
        build_service(rows[:1], KeyError("salary")).import_file(write_csv(rows), name="staff.csv")
    assert Employee.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ["progress_callback", "should_stop", "on_failed"])
def test_what_a_function_of_the_caller_raises_is_raised(name: str) -> None:
    """It is for the caller to handle, whatever is committed by then."""
    called = 0

    def fail(*_args: object) -> bool:
        nonlocal called
        called += 1
        if called > 1:
            raise RuntimeError(name)
        return False

    rows = build_rows(50, make_departments())
    for row in rows[::10]:
        row["age"] = "x"
    own: dict[str, Any] = {name: fail}
    with pytest.raises(RuntimeError, match=name):
        FileImportService(CONFIG, batch_size=10, **own).import_file(write_csv(rows), name="staff.csv")
    assert Employee.objects.count() == 18
