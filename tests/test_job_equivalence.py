"""A job reports and stores what an import in one process would, however its messages are delivered."""

from __future__ import annotations

import csv
from io import BytesIO, StringIO
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
from django.db.models import Model

from drf_commons.jobs.models import ImportJob, JobStatus, Strategy
from drf_commons.jobs.service import start_import
from drf_commons.services.importing import FailedRowsFile, FileImportService, ImportMode, ReadOptions, open_table
from tests.couriers import Courier
from tests.personnel.models import Department, Employee, Skill

pytestmark = pytest.mark.django_db(transaction=True)

HEADER: Final = ("email", "first_name", "last_name", "badge", "salary", "hired", "department")

FIELDS: Final = {
    "fields": HEADER,
    "unique_fields": ["email"],
    "foreign_keys": {"department": {"lookup_field": "code"}},
}

ADD: Final = {"steps": [{"model": "personnel.Employee", **FIELDS}]}
UPDATE: Final = {"steps": [{"model": "personnel.Employee", **FIELDS, "update_if_exists": True}]}
CREATE_MISSING: Final = {
    "steps": [
        {
            "model": "personnel.Employee",
            **FIELDS,
            "foreign_keys": {"department": {"lookup_field": "code", "create_missing": True}},
        }
    ]
}
WITHOUT_KEY: Final = {"steps": [{"model": "personnel.Employee", **FIELDS, "unique_fields": ()}]}
PARENTS: Final = {
    "columns": {"department": "code"},
    "steps": [
        {"model": "personnel.Department", "name": "home", "fields": ["code"], "unique_fields": ["code"]},
        {
            "model": "personnel.Employee",
            "fields": HEADER[:-1],
            "unique_fields": ["email"],
            "references": {"department": "home"},
        },
    ],
}
CONTRADICTING: Final = {
    **PARENTS,
    "steps": [{**PARENTS["steps"][0], "update_if_exists": True}, PARENTS["steps"][1]],  # type: ignore[index]
}

DESCRIBED: Final = {
    "columns": {"department": "code", "badge": "name"},
    "steps": [
        {**PARENTS["steps"][0], "fields": ["code", "name"]},  # type: ignore[index]
        {**PARENTS["steps"][1], "fields": [name for name in HEADER[:-1] if name != "badge"]},  # type: ignore[index]
    ],
}
TAGS: Final = {
    "steps": [
        {
            "model": "personnel.Employee",
            **FIELDS,
            "many_to_many": {"skills": {"source_field": "badge", "lookup_field": "name", "create_missing": True}},
        }
    ]
}

REPLACE: Final = ADD
CASES: Final = {
    "ADD": (ADD, "append", Strategy.SPREAD),
    "WITHOUT_KEY": (WITHOUT_KEY, "append", Strategy.SPREAD),
    "UPDATE": (UPDATE, "append", Strategy.IN_ORDER),
    "CREATE_MISSING": (CREATE_MISSING, "append", Strategy.SPREAD),
    "PARENTS": (PARENTS, "append", Strategy.SPREAD),
    "DESCRIBED": (DESCRIBED, "append", Strategy.IN_ORDER),
    "TAGS": (TAGS, "append", Strategy.SPREAD),
    "CONTRADICTING": (CONTRADICTING, "append", Strategy.WHOLE),
    "REPLACE": (ADD, "replace", Strategy.WHOLE),
}


@pytest.fixture(autouse=True)
def courier(tmp_path: Path, settings: Any) -> None:
    """Keep messages until they are delivered, in chunks of ten rows and batches of five."""
    settings.MEDIA_ROOT = str(tmp_path / "media")
    settings.COMMON = {"TRANSFER_RUNNER": "tests.couriers.Courier", "TRANSFER_CHUNK_ROWS": 10, "IMPORT_BATCH_SIZE": 5}
    Courier.take()


def build_rows(random: Random, size: int, *, spoil: float, twins: float) -> list[list[str]]:
    """Return rows of which a share is wrong: cells that are no values, keys that are there twice, badges too."""
    rows: list[list[str]] = []
    for number in range(size):
        email, badge = f"person{number}@example.org", str(1000 + number)
        if rows and random.random() < twins:
            email = f" {random.choice(rows)[0].strip()} "
        if rows and random.random() < twins:
            badge = random.choice(["", *(row[3] for row in rows)])
        salary = "much" if random.random() < spoil else str(random.randrange(1000, 9999))
        hired = f"2024-{random.randrange(1, 13):02}-{random.randrange(1, 29):02}"
        department = random.choice(["A1", "B2", "Z9" if random.random() < spoil else "C3"])
        rows.append([email, f"First{number}", f'Last "{number}"\nline', badge, salary, hired, department])
    return rows


def write_csv(rows: list[list[str]]) -> bytes:
    """Return *rows* as a CSV file with a header."""
    text = StringIO(newline="")
    csv.writer(text).writerows([HEADER, *rows])
    return text.getvalue().encode()


def set_up() -> None:
    """Store what is there before the import."""
    for model in (Employee, Department, Skill):
        model.objects.all().delete()
    home, *_ = [Department.objects.create(code=code) for code in ("A1", "B2", "C3")]
    for number in (3, 7, 400):
        Employee.objects.create(
            email=f"person{number}@example.org",
            first_name="Old",
            last_name=str(number),
            badge=str(5000 + number),
            salary=1,
            hired="2020-01-01",
            department=home,
        )


def list_rows(model: type[Model], *names: str) -> list[tuple[Any, ...]]:
    """Return the rows of *model*, without what the database numbers."""
    return sorted(model._default_manager.values_list(*names), key=repr)


def list_stored() -> list[list[tuple[Any, ...]]]:
    """Return all that an import has written."""
    names = ("email", "first_name", "last_name", "badge", "salary", "hired", "department__code", "skills__name")
    return [list_rows(Employee, *names), list_rows(Department, "code", "name"), list_rows(Skill, "name")]


def describe(report: dict[str, Any]) -> dict[str, Any]:
    """Return the numbers that two reports have to agree on."""
    varies = {"timings", "chunks", "preview", "errors", "error_count"}
    return {name: value for name, value in report.items() if name not in varies}


def list_reasons(report: dict[str, Any]) -> dict[int, set[tuple[str, str]]]:
    """Return why each row failed.

    Which of two refusals of a value that is taken a row gets, and whether a related row is looked for when another cell
    is wrong already, depends on its neighbours in a batch, in one process as well.
    """
    reasons: dict[int, set[tuple[str, str]]] = {}
    for error in report["errors"]:
        code = "unique" if error["code"] in {"duplicate", "unique", "unique_together"} else error["code"]
        reasons.setdefault(error["row"], set()).add((error["column"], code))
    return reasons


def list_cells(file: bytes) -> list[list[str]]:
    """Return the rows of a file of failed rows without the reasons."""
    return [row[:-1] for row in csv.reader(StringIO(file.decode(), newline=""))]


def import_inline(config: Any, file: bytes, name: str, mode: ImportMode) -> tuple[dict[str, Any], bytes]:
    """Import in this process; return the report and the file of failed rows."""
    with open_table(BytesIO(file), name=name, options=ReadOptions()) as table, FailedRowsFile(table) as failed:
        result = FileImportService(config, on_failed=failed.add).import_table(table, mode=mode)
        return result.to_dict(), b"".join(failed.write()) if failed.count else b""


def import_as_job(case: str, file: bytes, name: str, mode: ImportMode) -> ImportJob:
    """Start a job for *file*."""
    return start_import(f"{__name__}.{case}", BytesIO(file), name=name, mode=mode)


def read_failed_file(job: ImportJob) -> bytes:
    """Return the rows that failed; nothing where none did."""
    if not job.failed_file:
        return b""
    with job.failed_file.open() as file:
        return bytes(file.read())


@pytest.mark.parametrize(("spoil", "twins"), [(0.0, 0.0), (0.3, 0.0), (0.2, 0.2), (0.9, 0.9)])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("case", CASES)
def test_a_job_does_what_an_import_in_one_process_does(case: str, seed: int, spoil: float, twins: float) -> None:
    """Messages in any order, each delivered twice: report, table and file of failed rows are those of one process."""
    config, mode, strategy = CASES[case]
    random = Random(f"{case}{seed}{spoil}{twins}")  # noqa: S311  # no secret
    file = write_csv(build_rows(random, random.randrange(1, 70), spoil=spoil, twins=twins))
    set_up()
    report, failed = import_inline(config, file, "people.csv", mode)  # type: ignore[arg-type]
    stored = list_stored()

    set_up()
    job = import_as_job(case, file, "people.csv", mode)  # type: ignore[arg-type]
    Courier.deliver(random, copies=2)
    job.refresh_from_db()
    # Where rows are twins, one of them is imported alone, and would count again what it refers to.
    assert job.strategy in {strategy, Strategy.IN_ORDER if case == "PARENTS" and twins else strategy}
    assert job.report is not None, job.message
    assert describe(job.report) == describe(report)
    reasons, others = list_reasons(job.report), list_reasons(report)
    assert reasons.keys() == others.keys()
    assert [row for row, found in reasons.items() if not found & others[row]] == []
    assert list_stored() == stored
    assert list_cells(read_failed_file(job)) == list_cells(failed)
    assert job.status == (JobStatus.FAILED if report["state"] == "rolled_back" else JobStatus.COMPLETED)
