"""One file into one table, by the raw driver, by this library, or by another: ``… contender rows``.

Reads the names of jobs, one on a line, does them, and answers each with a line of JSON: how many queries it took, or
how many rows are stored.
"""

from __future__ import annotations

import csv
import io
import json
import os
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from itertools import cycle
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import django
from django.conf import settings

CONTENDER: Final = sys.argv[1]
ROWS: Final = int(sys.argv[2])

# An application that is this file, so that its models have a place.
sys.modules["peers"] = ModuleType("peers")
sys.modules["peers"].__path__ = [str(Path(__file__).with_suffix(""))]

settings.configure(
    DATABASES={
        "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ.get("PEERS_DATABASE", ":memory:")}
    },
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "peers", *sys.argv[3:]],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
)
django.setup()

from django.db import connection, models, transaction  # noqa: E402  # after the settings
from django.test.utils import CaptureQueriesContext  # noqa: E402

COLUMNS: Final = [
    *("email", "badge", "first_name", "last_name", "phone", "age", "salary", "rating"),
    *("hired", "is_remote", "level", "city", "notes", "department"),
]


class Department(models.Model):
    """What employees refer to by its code."""

    code = models.CharField(max_length=8, unique=True)
    objects: Any = models.Manager()

    class Meta:
        app_label = "peers"


class Employee(models.Model):
    """Thirteen columns and a foreign key."""

    email = models.EmailField(unique=True)
    badge = models.CharField(max_length=12, unique=True)
    first_name = models.CharField(max_length=40)
    last_name = models.CharField(max_length=40)
    phone = models.CharField(max_length=20, blank=True)
    age = models.PositiveSmallIntegerField(null=True, blank=True)
    salary = models.DecimalField(max_digits=9, decimal_places=2)
    rating = models.FloatField(null=True, blank=True)
    hired = models.DateField()
    is_remote = models.BooleanField(default=False)
    level = models.IntegerField(choices=[(1, "one"), (2, "two"), (3, "three")])
    city = models.CharField(max_length=40, blank=True)
    notes = models.TextField(blank=True)
    department = models.ForeignKey(Department, on_delete=models.PROTECT)
    objects: Any = models.Manager()

    class Meta:
        app_label = "peers"


def build_rows(salary: int) -> list[list[str]]:
    """Return rows that every contender can read: none has a word that pandas takes for nothing."""
    chance = random.Random(1)  # noqa: S311  # the same file for everybody
    return [
        [
            f"person{number}@example.com",
            f"{number:07d}x",
            chance.choice(["Zoë", "Ann", "Bob", "O'Neil"]),
            f"Doe {number}",
            f"+49 {number} 1",
            str(chance.randint(16, 99)),
            f"{chance.randint(0, 999_999) / 100 + salary:.2f}",
            repr(round(chance.uniform(0, 5), 3)),
            f"20{chance.randint(10, 25)}-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}",
            chance.choice(["1", "0"]),
            str(chance.randint(1, 3)),
            chance.choice(["Rome", "Oslo"]),
            f"note {number}",
            f"d{chance.randint(0, 199):03d}",
        ]
        for number in range(ROWS)
    ]


def write(rows: Sequence[Sequence[str]]) -> bytes:
    """Return *rows* as CSV."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([COLUMNS, *rows])
    return text.getvalue().encode()


#: Every kind of fault that a row of this file can have: a column, and what stands in it.
FAULTS: Final = [
    *(("email", "no address"), ("email", ""), ("email", "person0@example.com"), ("badge", "0000000x")),
    *(("badge", "x" * 13), ("first_name", ""), ("first_name", "x" * 41), ("age", "old"), ("age", "-1"), ("age", "1.5")),
    *(("age", "9" * 20), ("salary", "lots"), ("salary", "1.001"), ("salary", "12345678.00"), ("salary", "")),
    *(("rating", "nan"), ("hired", "2026-02-30"), ("hired", "01.02.2026"), ("is_remote", "maybe"), ("level", "9")),
    *(("department", "nowhere"), ("department", "")),
]


def spoil(rows: list[list[str]]) -> list[list[str]]:
    """Return *rows* with a fault in every hundredth."""
    for row, (column, value) in zip(rows[50::100], cycle(FAULTS), strict=False):
        row[COLUMNS.index(column)] = value
    return rows


def build_limit() -> Callable[[str], object]:
    """Return what inserts, or updates, rows that are ready: no reading, no look-up, no validation."""
    departments = dict(Department.objects.values_list("code", "pk"))

    def prepare(rows: Sequence[Sequence[str]]) -> list[list[Any]]:
        return [
            [
                *row[:5],
                int(row[5]),
                row[6],
                float(row[7]),
                row[8],
                row[9] == "1",
                int(row[10]),
                *row[11:13],
                departments[row[13]],
            ]
            for row in rows
        ]

    names = ", ".join([*COLUMNS[:13], "department_id"])
    marks = ", ".join(["%s"] * 14)
    sets = ", ".join(f"{name} = %s" for name in [*COLUMNS[1:13], "department_id"])
    ready = {"create": prepare(build_rows(0)), "bad": prepare(build_rows(0))}
    changed = [[*row[1:], row[0]] for row in prepare(build_rows(1))]

    def run(job: str) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            if job == "update":
                cursor.executemany(f"UPDATE peers_employee SET {sets} WHERE email = %s", changed)  # noqa: S608
            else:
                cursor.executemany(f"INSERT INTO peers_employee ({names}) VALUES ({marks})", ready[job])  # noqa: S608

    return run


def build_config() -> Any:
    """Return the configuration of this library."""
    from drf_commons.services import ForeignKeyLookup, ImportConfig, ModelStep  # noqa: PLC0415

    return ImportConfig(
        steps=[
            ModelStep(
                model=Employee,
                fields=COLUMNS,
                unique_fields=["email"],
                update_if_exists=True,
                foreign_keys={"department": ForeignKeyLookup(lookup_field="code")},
            )
        ]
    )


def build_ours(files: Mapping[str, bytes]) -> Callable[[str], object]:
    """Return the import of this library."""
    from drf_commons.services import FileImportService  # noqa: PLC0415

    service = FileImportService(build_config())

    def run(job: str) -> None:
        result = service.import_file(io.BytesIO(files[job]), name="staff.csv")
        bad = range(52, ROWS + 2, 100) if job == "bad" else range(0)
        assert result.succeeded == ROWS - len(bad), result
        planted = [(row, column) for row, (column, _) in zip(bad, cycle(FAULTS), strict=False)]
        assert [(error.row, error.column) for error in result.errors] == planted, result

    return run


def build_upstream(files: Mapping[str, bytes]) -> Callable[[str], object]:
    """Return the import of the version before; beyond 1,000 rows SQLite refuses its queries, so it gets chunks."""
    from django.core.files.base import ContentFile  # noqa: PLC0415

    config = {
        "file_format": "csv",
        "order": ["employee"],
        "chunk_size": 500,
        "models": {
            "employee": {
                "model": "peers.Employee",
                "unique_by": ["email"],
                "update_if_exists": True,
                "direct_columns": {name: name for name in COLUMNS[:13]},
                "lookup_fields": {
                    "department": {"model": "peers.Department", "lookup_field": "code", "column": "department"}
                },
            }
        },
    }

    def run(job: str) -> None:
        service = import_module("drf_commons.services.import_from_file").FileImportService(config)
        service.import_file(ContentFile(files[job], name="staff.csv"))

    return run


def build_import_export(files: Mapping[str, bytes], *, tuned: bool) -> Callable[[str], object]:
    """Return django-import-export as it comes, or with everything that makes it faster."""
    # The peer's environment has them, and not the one that checks types.
    modules: Any = map(
        import_module,
        ("tablib", *(f"import_export.{name}" for name in ("fields", "resources", "widgets", "instance_loaders"))),
    )
    tablib, fields, resources, widgets, loaders = modules
    base: Any = resources.ModelResource
    widget = widgets.ForeignKeyWidget(Department, "code")
    if tuned:
        widget = widgets.CachedForeignKeyWidget(Department, "code")

    class EmployeeResource(base):  # type: ignore[misc]  # of any type
        department = fields.Field(column_name="department", attribute="department", widget=widget)

        class Meta:
            model = Employee
            fields = COLUMNS
            import_id_fields = ("email",)
            use_bulk = tuned
            batch_size = 1000
            skip_diff = tuned
            if tuned:
                instance_loader_class = loaders.CachedInstanceLoader

    def run(job: str) -> None:
        data = tablib.Dataset().load(files[job].decode(), format="csv")
        EmployeeResource().import_data(data, raise_errors=job != "bad", use_transactions=True)

    return run


def build_job() -> Callable[[str], object]:
    """Return what the contender does for the name of a job."""
    if CONTENDER == "limit":
        return build_limit()
    files = {"create": write(build_rows(0)), "update": write(build_rows(1)), "bad": write(spoil(build_rows(0)))}
    match CONTENDER:
        case "drf_commons":
            return build_ours(files)
        case "drf_commons_1_0_3":
            return build_upstream(files)
        case _:
            return build_import_export(files, tuned=CONTENDER == "import_export_tuned")


def measure_peak(path: Path) -> int:
    """Return how many kilobytes more than before the process needs at most while it imports a file."""
    from drf_commons.services import FileImportService  # noqa: PLC0415  # ours, and no peer's

    with path.open(encoding="utf-8") as file:
        first = f"{file.readline()}{file.readline()}"
    service = FileImportService(build_config())
    service.import_file(io.BytesIO(first.encode()), name="first.csv")  # what is loaded once is loaded now
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the highest so far is forgotten
    before = read_memory("VmRSS")
    service.import_file(path)
    return read_memory("VmHWM") - before


def import_files(path: Path, times: int) -> None:
    """Import a file so many times, each time into an empty table."""
    from drf_commons.services import FileImportService  # noqa: PLC0415  # ours, and no peer's

    for _ in range(times):
        Employee.objects.all().delete()
        FileImportService(build_config()).import_file(path)


def read_memory(name: str) -> int:
    """Return what Linux says of the memory of this process, in kilobytes."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def main() -> None:
    """Make the tables, and do what is asked for."""
    with connection.schema_editor() as editor:
        editor.create_model(Department)
        editor.create_model(Employee)
    Department.objects.bulk_create(Department(code=f"d{number:03d}") for number in range(200))
    run = build_job()
    for line in sys.stdin:
        verb, _, job = line.strip().rpartition(" ")
        answer = 0
        if verb == "prepare":
            Employee.objects.all().delete()
            if job == "update":
                build_limit()("create")
        elif verb == "count":
            with CaptureQueriesContext(connection) as queries:
                run(job)
            answer = sum("SAVEPOINT" not in query["sql"] for query in queries.captured_queries)
        elif verb == "peak":
            answer = measure_peak(Path(job))
        elif verb in {"tenths", "whole"}:
            import_files(Path(job), 10 if verb == "tenths" else 1)
        elif verb == "stored":
            answer = Employee.objects.count()
        else:
            run(job)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
