"""Importing files: every row accounted for, and what is reported is what is stored."""

from __future__ import annotations

import csv
import datetime as dt
import io
import logging
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, cast

import openpyxl
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext

from drf_commons.current_user import as_user
from drf_commons.errors import InvalidHeaderError
from drf_commons.services.importing import (
    CellError,
    ChunkOutcome,
    FailedRow,
    FileImportService,
    ImportProgress,
    ImportResult,
    ImportScope,
    open_table,
)
from drf_commons.services.importing.failures import FailedRowsFile
from drf_commons.services.importing.headers import UNREAD_MARK
from tests.personnel.files import (
    COLUMNS,
    CONFIG,
    build_rows,
    make_departments,
    plant_faults,
    write_csv,
)
from tests.personnel.models import Department, Desk, Employee, Notice, Sheet, Skill
from tests.warehouse.models import Sample, Shelf, Supplier

pytestmark = pytest.mark.django_db

STAFF: dict[str, Any] = {
    "order": ["department", "employee"],
    "models": {
        "department": {"model": Department, "fields": ["name", "code"], "unique_fields": ["code"]},
        "employee": {
            "model": Employee,
            "fields": ["first_name", "last_name", "email", "department_code"],
            "unique_fields": ["email"],
            "foreign_keys": {"department": {"lookup_field": "code", "source_field": "department_code"}},
            "constants": {"salary": Decimal(1000), "hired": dt.date(2026, 1, 1)},
        },
    },
}
STAFF_COLUMNS = ["name", "code", "first_name", "last_name", "email", "department_code"]


def build_staff(*rows: tuple[str, str, str]) -> io.BytesIO:
    """Return a file of departments and employees: the name and code of the one, the first name of the other."""
    return write_csv(
        [
            {
                "name": name,
                "code": code,
                "first_name": person,
                "last_name": "Doe",
                "email": f"{person}@example.com".lower(),
                "department_code": code,
            }
            for name, code, person in rows
        ],
        STAFF_COLUMNS,
    )


def import_rows(
    config: Mapping[str, Any], rows: Sequence[Mapping[str, str]], columns: Sequence[str] = COLUMNS, **options: Any
) -> ImportResult:
    """Import *rows* as a CSV file."""
    return FileImportService(config).import_file(write_csv(rows, columns), name="staff.csv", **options)


def with_step(**options: Any) -> dict[str, Any]:
    """Return the configuration of employees with other options."""
    return {"models": {"employee": {**CONFIG["models"]["employee"], **options}}}


def one_employee(**values: str) -> dict[str, str]:
    row = build_rows(1, ["000"])[0]
    return {**row, "department_code": "000", **values}


def _find_twice(_row: Mapping[str, Any]) -> str:
    """Find more rows than one."""
    Skill.objects.get_or_create(name="Another")
    return Skill.objects.get().name


# What comes in


def test_values_are_stored_as_the_file_has_them() -> None:
    """Leading zeros, words such as NA, choices by label, lists of related rows."""
    make_departments()
    row = one_employee(
        first_name="NA",
        last_name=" None ",
        badge="000042",
        age="",
        salary="12.50",
        rating="-1.5",
        hired="2024-02-29",
        seen_at="2026-01-02T03:04:05Z",
        is_remote="Yes",
        level="Lead",
        contract="Fixed term",
        website="",
        department_code="007",
        skills="python, welding,python",
    )
    result = import_rows(CONFIG, [row])
    assert (result.created, result.failed, result.state) == (1, 0, "completed")
    employee = Employee.objects.select_related("department").get()
    assert (employee.first_name, employee.last_name, employee.badge, employee.age) == ("NA", "None", "000042", None)
    assert (employee.salary, employee.rating, employee.hired) == (Decimal("12.50"), -1.5, dt.date(2024, 2, 29))
    assert employee.seen_at == dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    assert (employee.is_remote, employee.level, employee.contract, employee.website) == (True, 3, "f", "")
    assert employee.department.code == "007"
    assert {*employee.skills.values_list("name", flat=True)} == {"python", "welding"}


def test_a_time_without_a_zone_is_local() -> None:
    """It is what a person means who writes it, as in a form."""
    make_departments()
    import_rows(CONFIG, [one_employee(seen_at="2026-07-01 12:00")])
    assert Employee.objects.get().seen_at == dt.datetime(2026, 7, 1, 10, tzinfo=dt.UTC)  # TIME_ZONE is Berlin


@pytest.mark.parametrize("chunk_size", [7, 400])
def test_every_planted_fault_is_found_and_no_good_row_is_lost(chunk_size: int) -> None:
    """Row, column and code are right, good rows are stored, and the numbers are those of the table."""
    rows = build_rows(400, make_departments())
    planted = plant_faults(rows)
    result = import_rows({**CONFIG, "chunk_size": chunk_size}, rows)
    found = {(error.row - 2, error.column, error.code) for error in result.errors}
    # In a later chunk a value that must be unique is one that is stored already.
    expected = {(fault.row, fault.column, fault.code) for fault in planted}
    if chunk_size < 400:
        stored = {
            (row, column, "unique" if column == "badge" else "unique_together" if column == "first_name" else code)
            if code == "duplicate" and column != "email"
            else (row, column, code)
            for row, column, code in expected
        }
        expected = stored
    assert found == expected
    good = {row["email"] for number, row in enumerate(rows) if number not in {fault.row for fault in planted}}
    assert {*Employee.objects.values_list("email", flat=True)} == good
    assert (result.total, result.created, result.failed) == (400, len(good), len(planted))
    assert result.created == Employee.objects.count()


def test_every_error_tells_number_column_value_reason_and_code() -> None:
    """The words are Django's."""
    make_departments()
    result = import_rows(CONFIG, [one_employee(), one_employee(email="b@example.com", age="15", badge="x", level="9")])
    assert [*result.errors] == [
        CellError(row=3, column="badge", value="x", reason="Digits only.", code="invalid"),
        CellError(
            row=3,
            column="age",
            value="15",
            reason="Ensure this value is greater than or equal to 16.",
            code="min_value",
        ),
        CellError(row=3, column="level", value="9", reason="Value 9 is not a valid choice.", code="invalid_choice"),
    ]
    assert result.to_dict()["errors"][0] == {
        "row": 3,
        "column": "badge",
        "value": "x",
        "reason": "Digits only.",
        "code": "invalid",
    }


def test_rows_that_cannot_be_read_fail_by_themselves() -> None:
    """A row with a cell too many is one failed row."""
    source = io.BytesIO(b"code,name\nA,Aye\nB,Bee,Buzz\nC,Sea\n")
    config = {"models": {"department": {"model": Department, "fields": ["code", "name"]}}}
    result = FileImportService(config).import_file(source, name="departments.csv")
    assert (result.created, result.failed, result.total) == (2, 1, 3)
    assert [(error.row, error.code) for error in result.errors] == [(3, "ragged")]


@pytest.mark.skipif(connection.vendor != "postgresql", reason="Only Postgres has arrays and ranges")
def test_a_cell_that_is_no_array_is_an_error_of_its_row() -> None:
    """Their fields raise what they came across, and no ValidationError."""
    source = io.BytesIO(b"numbers;span\n1,2;\n;[1,2)\n[1, 2];\n")
    config = {"models": {"shelf": {"model": Shelf, "fields": ["numbers", "span"]}}}
    result = FileImportService(config).import_file(source, name="shelves.csv")
    assert [(error.row, error.column, error.code) for error in result.errors] == [
        (2, "numbers", "invalid"),
        (3, "span", "invalid"),
    ]
    assert [*Shelf.objects.values_list("numbers", flat=True)] == [[1, 2]]


def test_errors_are_capped_and_counted() -> None:
    """A file that is all wrong does not fill the memory with what is wrong."""
    make_departments()
    rows = [one_employee(email=f"{number}", age="x") for number in range(20)]
    result = FileImportService(CONFIG, max_errors=5).import_file(write_csv(rows), name="staff.csv")
    assert (len(result.errors), result.error_count, result.failed, result.created) == (5, 40, 20, 0)


def test_what_the_database_alone_knows_is_found_by_halving() -> None:
    """A row that breaks a constraint is taken out, named by the constraint, and the others are written."""
    make_departments()
    rows = build_rows(64, ["000"])
    rows[41]["salary"] = "-1"
    with CaptureQueriesContext(connection) as queries:
        result = import_rows(CONFIG, rows)
    assert (result.created, result.failed, Employee.objects.count()) == (63, 1, 63)
    [error] = result.errors
    assert (error.row, error.column, error.value) == (43, "salary", "-1")
    assert "personnel_salary_not_negative" in error.reason
    assert len(queries) < 70


# What is there already


def test_the_same_file_again_leaves_every_row_alone() -> None:
    """Nothing is written, so nobody's ``updated_at`` moves."""
    rows = build_rows(50, make_departments())
    import_rows(CONFIG, rows)
    before = [*Employee.objects.order_by("pk").values()]
    result = import_rows(CONFIG, rows)
    assert (result.created, result.updated, result.unchanged) == (0, 0, 50)
    assert [*Employee.objects.order_by("pk").values()] == before


def test_rows_that_differ_are_updated_by_their_key() -> None:
    """Only they are, and the audit columns know by whom."""
    rows = build_rows(10, make_departments())
    ada = User.objects.create_user("ada")
    import_rows(CONFIG, rows)
    rows[3]["salary"] = "1.00"
    rows[4]["skills"] = "singing" if rows[4]["skills"] != "singing" else "python"
    with as_user(ada):
        result = import_rows(CONFIG, rows)
    assert (result.updated, result.unchanged) == (2, 8)
    employee = Employee.objects.get(email=rows[3]["email"])
    assert (employee.salary, employee.updated_by, employee.created_by) == (Decimal("1.00"), ada, None)
    assert [*Employee.objects.get(email=rows[4]["email"]).skills.values_list("name", flat=True)] == [rows[4]["skills"]]


def test_without_leave_to_update_a_row_that_differs_is_refused() -> None:
    """One that is the same is no error: a file may be sent twice."""
    rows = build_rows(3, make_departments())
    config = with_step(update_if_exists=False)
    import_rows(config, rows)
    rows[1]["phone"] = "1"
    result = import_rows(config, rows)
    assert (result.unchanged, result.failed) == (2, 1)
    [error] = result.errors
    assert (error.row, error.column, error.code) == (3, "email", "unique")
    assert error.reason == "Employee with this Email already exists."


def test_unchanged_rows_may_be_written_all_the_same() -> None:
    """``skip_unchanged=False`` stamps every row."""
    rows = build_rows(3, make_departments())
    import_rows(CONFIG, rows)
    before = {*Employee.objects.values_list("updated_at", flat=True)}
    assert import_rows(with_step(skip_unchanged=False), rows).updated == 3
    assert before.isdisjoint(Employee.objects.values_list("updated_at", flat=True))


def test_a_value_of_another_row_is_refused_by_its_column() -> None:
    """It is found before the database has to say so, also where the row itself is known."""
    make_departments()
    first, second = one_employee(badge="1"), one_employee(email="b@example.com", last_name="B", badge="2")
    import_rows(CONFIG, [first, second])
    result = import_rows(CONFIG, [first, {**second, "badge": "1"}])
    [error] = result.errors
    assert (error.column, error.code, error.reason) == ("badge", "unique", "Employee with this Badge already exists.")
    assert (result.unchanged, Employee.objects.get(email="b@example.com").badge) == (1, "2")


@pytest.mark.parametrize("in_memory", [10_000, 5])
def test_duplicates_are_found_in_a_chunk_and_across_chunks(monkeypatch: pytest.MonkeyPatch, in_memory: int) -> None:
    """The second one is refused, and names the first; so it is when there are too many keys for the memory."""
    monkeypatch.setattr("drf_commons.services.importing.seen._IN_MEMORY", in_memory)
    rows = build_rows(40, make_departments())
    rows[3]["email"] = rows[1]["email"]
    rows[37]["email"] = rows[20]["email"]
    result = import_rows({**CONFIG, "chunk_size": 8}, rows)
    assert [(error.row, error.code, error.reason) for error in result.errors] == [
        (5, "duplicate", "Row 3 of the file is the same one."),
        (39, "duplicate", "Row 22 of the file is the same one."),
    ]
    assert (result.created, Employee.objects.count()) == (38, 38)


def test_a_row_that_failed_takes_nobodys_key() -> None:
    """The next one with the same key is the first."""
    make_departments()
    result = import_rows(
        {**CONFIG, "chunk_size": 1}, [one_employee(age="x"), one_employee(salary="-1"), one_employee()]
    )
    assert [error.row for error in result.errors] == [2, 3]
    assert (result.created, Employee.objects.count()) == (1, 1)


def test_a_row_that_failed_takes_no_unique_value() -> None:
    """The first row would have the slug, were its number not taken; so the second may have it."""
    Notice.objects.create(number="1", title="Old")
    config = {"models": {"notice": {"model": Notice, "fields": ["slug", "number", "title"]}}}
    source = io.BytesIO(b"slug,number,title\nnew,1,New\nnew,2,New\nnew,3,New\n")
    result = FileImportService(config).import_file(source, name="notices.csv")
    assert [(error.row, error.column, error.code) for error in result.errors] == [
        (2, "number", "unique"),
        (4, "slug", "duplicate"),
    ]


def test_a_key_of_two_columns() -> None:
    """One of them a foreign key."""
    make_departments()
    import_rows(CONFIG, [one_employee(email="a@example.com")])
    config = {
        "models": {
            "sheet": {
                "model": Sheet,
                "fields": ["person", "week", "hours"],
                "unique_fields": ["employee", "week"],
                "update_if_exists": True,
                "foreign_keys": {"employee": {"lookup_field": "email", "source_field": "person"}},
            }
        }
    }
    rows = [{"person": "a@example.com", "week": str(week), "hours": "8"} for week in (1, 2, 2)]
    result = import_rows(config, rows, ["person", "week", "hours"])
    assert (result.created, [error.code for error in result.errors]) == (2, ["duplicate"])
    result = import_rows(config, [{**rows[0], "hours": "9.5"}, rows[1]], ["person", "week", "hours"])
    assert (result.updated, result.unchanged) == (1, 1)
    assert Sheet.objects.get(week=1).hours == Decimal("9.5")


def test_slugs_and_versions_fill_themselves_in() -> None:
    """A new row gets its slug, and a changed one its next version."""
    config = {
        "models": {
            "notice": {
                "model": Notice,
                "fields": ["number", "title"],
                "unique_fields": ["number"],
                "update_if_exists": True,
            }
        }
    }
    columns = ["number", "title"]
    rows = [{"number": "1", "title": "Fire drill"}, {"number": "2", "title": "Fire drill"}]
    import_rows(config, rows, columns)
    assert [*Notice.objects.order_by("number").values_list("slug", "version")] == [
        ("fire-drill", 1),
        ("fire-drill-1", 1),
    ]
    import_rows(config, [rows[0], {"number": "2", "title": "Party"}], columns)
    assert [*Notice.objects.order_by("number").values_list("title", "version")] == [("Fire drill", 1), ("Party", 2)]


# Several models, and where values come from


def test_several_models_in_one_row() -> None:
    """Departments first, each once; employees find theirs by its code."""
    result = FileImportService(STAFF).import_file(
        build_staff(("Sales", "S", "Ann"), ("Sales", "S", "Bob"), ("Law", "L", "Cid")), name="staff.csv"
    )
    assert (result.created, result.steps["department"].created, result.failed) == (3, 2, 0)
    assert dict(Employee.objects.values_list("first_name", "department__name")) == {
        "Ann": "Sales",
        "Bob": "Sales",
        "Cid": "Law",
    }


def test_a_row_may_refer_to_what_an_earlier_step_made_of_it() -> None:
    """No look-up, and no column for it."""
    config = {
        "order": ["department", "employee"],
        "models": {
            "department": STAFF["models"]["department"],
            "employee": {
                "model": Employee,
                "fields": ["first_name", "last_name", "email"],
                "unique_fields": ["email"],
                "references": {"department": "department"},
                "constants": {"salary": 1, "hired": dt.date(2026, 1, 1)},
            },
        },
        "ignored_columns": ["department_code"],
    }
    FileImportService(config).import_file(build_staff(("Sales", "S", "Ann"), ("", "S", "Bob")), name="staff.csv")
    assert {*Employee.objects.values_list("first_name", "department__code")} == {("Ann", "S"), ("Bob", "S")}


@pytest.mark.parametrize("bad", ["", "known@example.com"])
def test_a_row_that_fails_leaves_no_row_of_an_earlier_step_behind(bad: str) -> None:
    """Neither when that is known at once, nor when only the database can tell."""
    law = Department.objects.create(code="L", name="Law")
    known = {"email": "known@example.com", "salary": 1, "hired": dt.date(2026, 1, 1), "department": law}
    Employee.objects.create(first_name="Old", last_name="Hand", **known)
    lines = ["name,code,first_name,last_name,email,department_code", f"New,N,Ann,Doe,{bad},N", "Law,L,Bob,Doe,b@x.de,L"]
    result = FileImportService(STAFF).import_file(io.BytesIO("\n".join(lines).encode()), name="staff.csv")
    assert (result.created, result.failed) == (1, 1)
    assert {*Department.objects.values_list("code", flat=True)} == {"L"}


def test_a_row_whose_twin_failed_is_written_itself() -> None:
    """It does not depend on what became of another row with the same department."""
    lines = [
        "name,code,first_name,last_name,email,department_code",
        "New,N,Ann,Doe,,N",
        "New,N,Bob,Doe,b@x.de,N",
    ]
    result = FileImportService(STAFF).import_file(io.BytesIO("\n".join(lines).encode()), name="staff.csv")
    assert (result.created, result.failed, Department.objects.count()) == (1, 1, 1)


def test_a_row_of_an_earlier_step_that_is_there_is_left_as_it_is() -> None:
    """Unless it is to be updated: then all rows of the file have to say the same."""
    Department.objects.create(code="S", name="Sales")
    rows = [("Selling", "S", "Ann"), ("Sales", "S", "Bob")]
    result = FileImportService(STAFF).import_file(build_staff(*rows), name="staff.csv")
    assert (result.created, Department.objects.get().name) == (2, "Sales")
    models = STAFF["models"]
    updating = {**STAFF, "models": {**models, "department": {**models["department"], "update_if_exists": True}}}
    result = FileImportService(updating).import_file(build_staff(*rows, ("Selling", "S", "Cid")), name="staff.csv")
    assert [(error.row, error.column, error.code) for error in result.errors] == [(3, "code", "contradiction")]
    assert (Department.objects.get().name, result.steps["department"].updated) == ("Selling", 1)


def test_missing_rows_may_be_created() -> None:
    """Once each, and not for a row that fails for another reason."""
    make_departments(1)
    config = with_step(
        foreign_keys={
            "department": {"lookup_field": "code", "source_field": "department_code", "create_missing": True}
        },
        many_to_many={"skills": {"lookup_field": "name", "delimiter": ",", "create_missing": True}},
    )
    rows = build_rows(4, ["NEW"])
    rows[0]["skills"] = "flying,python"
    rows[3] |= {"department_code": "NOT", "age": "1"}
    result = import_rows(config, rows)
    assert (result.created, result.failed) == (3, 1)
    assert {*Department.objects.values_list("code", flat=True)} == {"000", "NEW"}
    assert Skill.objects.filter(name="flying").count() == 1


def test_a_missing_row_that_cannot_be_created_takes_no_other_one_along() -> None:
    """One department is there, out of reach, so that it cannot be created again; the other is created all the same."""
    Department.objects.create(code="Law")
    step = {
        "model": Desk,
        "fields": ["room", "department"],
        "foreign_keys": {"department": {"lookup_field": "code", "create_missing": True}},
    }
    scope = ImportScope(find_related=lambda _step, _name, rows: rows.exclude(code="Law"))
    source = io.BytesIO(b"room,department\na,Sales\nb,Law\n")
    result = FileImportService({"models": {"desk": step}}, scope=scope).import_file(source, name="desks.csv")
    assert (result.created, [error.code for error in result.errors]) == (1, ["does_not_exist"])
    assert Department.objects.count() == 2


def test_a_foreign_key_holds_the_column_that_it_refers_to() -> None:
    """Which need not be the primary key: of what an earlier step made, and of what a cell names."""
    supplier = {"model": Supplier, "fields": ["name"], "unique_fields": ["name"], "columns": {"supplier": "name"}}
    sample = {"model": Sample, "fields": ["char"], "references": {"text_foreign_key": "supplier"}}
    config = {"models": {"supplier": supplier, "sample": sample}}
    result = FileImportService(config).import_file(io.BytesIO(b"supplier,char\nAda,a\nBob,b\n"), name="samples.csv")
    assert (result.created, result.failed) == (2, 0)
    assert dict(Sample.objects.values_list("char", "text_foreign_key__name")) == {"a": "Ada", "b": "Bob"}

    named = {"models": {"sample": {"model": Sample, "fields": ["char", "text_foreign_key"]}}}
    pk = str(Supplier.objects.get(name="Ada").pk).encode()
    source = io.BytesIO(b"char,text_foreign_key\nc,Ada\nd," + pk + b"\n")
    again = FileImportService(named).import_file(source, name="samples.csv")
    assert [(error.row, error.column, error.code) for error in again.errors] == [
        (3, "text_foreign_key", "does_not_exist")
    ]
    assert Sample.objects.get(char="c").text_foreign_key == Supplier.objects.get(name="Ada")


def test_values_may_be_computed_transformed_and_constant() -> None:
    """A transform sees the cell, a computed value the whole row; what they refuse is an error of that row."""
    make_departments(1)
    columns = [name for name in COLUMNS if name not in {"level", "phone", "website"}]
    config = with_step(
        fields=columns,
        transforms={"email": [str.strip, str.lower], "age": lambda text: text and int(text) + 1},
        constants={"level": 2},
        computed={"website": lambda row: f"https://example.com/{row['last_name']}"},
    )
    rows = build_rows(2, ["000"])
    rows[0] |= {"email": " A@EXAMPLE.COM ", "age": "20", "last_name": "Lovelace"}
    rows[1] |= {"age": "old"}
    result = import_rows(config, rows, columns)
    employee = Employee.objects.get()
    assert (employee.email, employee.age, employee.level) == ("a@example.com", 21, 2)
    assert employee.website == "https://example.com/Lovelace"
    assert [(error.row, error.column, error.code) for error in result.errors] == [(3, "age", "invalid")]


def test_a_row_that_a_function_of_the_project_does_not_find_is_an_error_of_the_file() -> None:
    """A function may ask the database; that there is no such row, or more than one, is said of the row of the file."""
    Skill.objects.create(name="Known")

    def find(name: str) -> str:
        return Skill.objects.get(name=name).name

    step = {"model": Department, "fields": ["code"], "transforms": {"code": find}, "computed": {"name": _find_twice}}
    result = FileImportService({"models": {"department": step}}).import_file(
        io.BytesIO(b"code\nKnown\nstrange\n"), name="departments.csv"
    )
    assert [(error.row, error.column, error.code) for error in result.errors] == [
        (2, "name", "invalid"),
        (3, "code", "invalid"),
    ]
    assert "DoesNotExist: Skill matching query does not exist" in result.errors[1].reason


def test_a_computed_foreign_key_of_no_row_is_an_error_of_its_row() -> None:
    """Told in a dry run too, when the database has not looked yet."""
    (department,) = Department.objects.bulk_create([Department(code="A")])
    keys: dict[str, Any] = {"a": department, "b": str(department.pk), "c": 10**9, "d": None, "e": "x"}
    step = {"model": Desk, "fields": ["room"], "computed": {"department": lambda row: keys[row["room"]]}}
    service = FileImportService({"models": {"desk": step}})
    for dry_run in (True, False):
        result = service.import_file(io.BytesIO(b"room\na\nb\nc\nd\ne\n"), name="desks.csv", dry_run=dry_run)
        assert [(error.row, error.column, error.code) for error in result.errors] == [
            (4, "department", "does_not_exist"),
            (6, "department", "invalid"),
        ]
    stored = dict(Desk.objects.values_list("room", "department"))
    assert stored == {"a": department.pk, "b": department.pk, "d": None}


def test_more_cells_may_be_required_than_the_model_does() -> None:
    """Of a column that is named in ``required`` no cell may be blank, and it may not be missing."""
    make_departments(1)
    config = with_step(required=["badge"])
    result = import_rows(config, [one_employee(badge="")])
    assert [(error.column, error.code) for error in result.errors] == [("badge", "blank")]
    with pytest.raises(InvalidHeaderError, match="missing column 'badge'"):
        import_rows(config, [one_employee()], [name for name in COLUMNS if name != "badge"])


# Headers


def test_headers_are_mapped_and_forgiving() -> None:
    """Case and spaces do not matter, and a column that is not needed may be missing."""
    config = {
        "models": {"department": {"model": Department, "fields": ["code", "name"], "columns": {"Short code": "code"}}}
    }
    result = FileImportService(config).import_file(io.BytesIO(b"NAME, short  Code \nSales,S\n"), name="d.csv")
    assert (result.created, Department.objects.get().name) == (1, "Sales")
    assert FileImportService(config).import_file(io.BytesIO(b"code\nT\n"), name="d.csv").created == 1


def test_every_fault_of_a_header_is_named() -> None:
    """Unknown with a guess, missing, and two that are one; nothing is imported."""
    config = {
        "models": {
            "department": {
                "model": Department,
                "fields": ["code", "name"],
                "required": ["name"],
                "columns": {"Key": "code"},
            }
        }
    }
    with pytest.raises(InvalidHeaderError) as raised:
        FileImportService(config).import_file(io.BytesIO(b"nmae,code,KEY\na,b,c\n"), name="d.csv")
    assert raised.value.faults == (
        "unknown column 'nmae' (did you mean 'name'?)",
        "the columns 'code' and 'KEY' are the same one",
        "missing column 'name'",
    )
    assert str(raised.value).startswith("d.csv, row 1: ")
    assert not Department.objects.exists()


# Modes


def test_a_dry_run_reports_everything_and_writes_nothing() -> None:
    """The preview shows new values, and of each changed cell the old and the new one, relations by their keys."""
    make_departments()
    rows = [one_employee(email=f"{name}@example.com", last_name=name, badge="") for name in "abcd"]
    rows[0] |= {"department_code": "001", "skills": "python"}
    import_rows(CONFIG, rows[:2])
    before = [*Employee.objects.order_by("pk").values()]
    rows[0] |= {"department_code": "002", "skills": "python,singing", "salary": "7"}
    rows[3]["age"] = "1"
    result = import_rows(CONFIG, rows, dry_run=True)
    assert (result.created, result.updated, result.unchanged, result.failed) == (1, 1, 1, 1)
    assert (result.dry_run, [*Employee.objects.order_by("pk").values()]) == (True, before)
    preview = {row.row: (row.action, row.values) for row in result.preview}
    action, values = preview[2]
    assert (action, values["department"], values["salary"][1]) == ("updated", ["001", "002"], Decimal(7))
    assert values["skills"] == [["python"], ["python", "singing"]]
    assert values.keys() == {"department", "salary", "skills"}
    assert (preview[3], preview[5]) == (("unchanged", {}), ("failed", {}))
    assert (preview[4][0], preview[4][1]["email"], preview[4][1]["department"]) == ("created", "c@example.com", "000")
    assert result.to_dict()["preview"][0]["values"]["salary"][1] == "7"


def test_a_preview_has_its_limit() -> None:
    """So many rows of each kind, over all chunks."""
    rows = build_rows(30, make_departments())
    result = import_rows({**CONFIG, "chunk_size": 7}, rows, dry_run=True, preview=10)
    assert (len(result.preview), result.created) == (10, 30)
    assert import_rows(CONFIG, rows).preview == ()


def test_a_replacement_keeps_rows_and_deletes_those_that_are_not_in_the_file() -> None:
    """A row that stays keeps its primary key."""
    rows = build_rows(6, make_departments())
    import_rows(CONFIG, rows[:4])
    kept = dict(Employee.objects.filter(email__in=[rows[2]["email"], rows[3]["email"]]).values_list("email", "pk"))
    rows[2]["phone"] = "changed"
    result = import_rows(with_step(update_if_exists=False), rows[2:], mode="replace")
    assert (result.created, result.updated, result.unchanged, result.deleted) == (2, 1, 1, 2)
    assert {*Employee.objects.values_list("email", flat=True)} == {row["email"] for row in rows[2:]}
    assert kept.items() <= dict(Employee.objects.values_list("email", "pk")).items()


@pytest.mark.parametrize("chunk_size", [1, 100])
def test_a_replacement_may_give_away_what_a_deleted_row_had(chunk_size: int) -> None:
    """A badge goes to another row, as its holder is not in the file."""
    make_departments()
    config = {**CONFIG, "chunk_size": chunk_size}
    import_rows(config, [one_employee(badge="1"), one_employee(email="b@example.com", last_name="B", badge="2")])
    rows = [one_employee(email="b@example.com", last_name="B", badge="1")]
    result = import_rows(config, rows, mode="replace")
    assert (result.updated, result.deleted, result.failed) == (1, 1, 0)
    assert [*Employee.objects.values_list("email", "badge")] == [("b@example.com", "1")]


def test_a_replacement_without_a_key_starts_from_nothing() -> None:
    """Every row of the file is a new one."""
    config = {"models": {"department": {"model": Department, "fields": ["code"]}}}
    Department.objects.create(code="A")
    result = FileImportService(config).import_file(io.BytesIO(b"code\nA\nB\n"), name="d.csv", mode="replace")
    assert (result.created, result.deleted, Department.objects.count()) == (2, 1, 2)


def test_a_replacement_is_all_or_nothing() -> None:
    """One row that fails, and nothing has happened; the report says so."""
    rows = build_rows(6, make_departments())
    import_rows(CONFIG, rows[:3])
    rows[5]["age"] = "x"
    result = import_rows({**CONFIG, "chunk_size": 2}, rows[3:], mode="replace")
    assert (result.state, result.created, result.deleted, result.failed) == ("rolled_back", 0, 0, 1)
    assert {*Employee.objects.values_list("email", flat=True)} == {row["email"] for row in rows[:3]}


def test_a_replacement_with_rows_that_fail_reports_them_whatever_else_is_in_the_way() -> None:
    """Rows that others need could not be deleted either, but nothing has to be."""
    import_rows(CONFIG, build_rows(1, make_departments()))
    config = {"models": {"department": {"model": Department, "fields": ["code", "name"], "unique_fields": ["code"]}}}
    source = io.BytesIO(b"code,name\nA,Aye\nB," + b"b" * 500 + b"\n")
    result = FileImportService(config).import_file(source, name="departments.csv", mode="replace")
    assert (result.state, [(error.row, error.column) for error in result.errors]) == ("rolled_back", [(3, "name")])


# On the way


def test_progress_is_told_chunk_by_chunk(caplog: pytest.LogCaptureFixture) -> None:
    """To a callback, and to the log."""
    told: list[ImportProgress] = []
    rows = build_rows(25, make_departments())
    rows[12]["age"] = "x"
    with caplog.at_level(logging.INFO, "drf_commons.importing"):
        FileImportService(CONFIG, batch_size=10, progress_callback=told.append).import_file(
            write_csv(rows), name="staff.csv"
        )
    assert [(step.rows, step.created, step.failed, step.chunks) for step in told] == [
        (10, 10, 0, 1),
        (20, 19, 1, 2),
        (25, 24, 1, 3),
    ]
    assert [vars(record)["import_rows"] for record in caplog.records] == [10, 10, 5]


def test_an_import_can_be_stopped_between_two_chunks() -> None:
    """What was reported is committed; the rest is untouched, and the file can be sent again."""
    rows = build_rows(30, make_departments())
    told: list[ImportProgress] = []
    service = FileImportService(
        CONFIG, batch_size=10, progress_callback=told.append, should_stop=lambda: len(told) == 2
    )
    result = service.import_file(write_csv(rows), name="staff.csv")
    assert (result.state, result.created, Employee.objects.count()) == ("stopped", 20, 20)
    assert import_rows(CONFIG, rows).created == 10


def test_what_is_written_with_a_chunk_shares_its_transaction() -> None:
    """A job that keeps its place in the database is never ahead of the rows, nor behind."""

    def keep_place(outcome: ChunkOutcome) -> None:
        Department.objects.create(code=f"at {outcome.cursor.number}")
        if outcome.cursor.number > 12:
            message = "the connection is lost"
            raise RuntimeError(message)

    rows = build_rows(30, make_departments(1))
    with pytest.raises(RuntimeError):
        FileImportService(CONFIG, batch_size=10, on_chunk=keep_place).import_file(write_csv(rows), name="staff.csv")
    assert Employee.objects.count() == 10
    assert Department.objects.filter(code__startswith="at").count() == 1


def test_failed_rows_are_handed_over_as_they_stand_in_the_file() -> None:
    """To be written into a file of their own, for instance."""
    failed: list[FailedRow] = []
    rows = build_rows(5, make_departments())
    rows[2]["age"] = "x"
    FileImportService(CONFIG, on_failed=failed.extend).import_file(write_csv(rows), name="staff.csv")
    assert [(row.number, [*row.cells]) for row in failed] == [(4, [*rows[2].values()])]
    assert [error.column for error in failed[0].errors] == ["age"]


def test_a_row_that_only_the_database_refuses_takes_no_other_one_along() -> None:
    """What it was to hold is free for the rows behind it: the key, and whatever else must be unique."""
    rows = build_rows(6, make_departments())
    rows[0]["salary"] = rows[1]["salary"] = "-1"
    rows[1]["email"] = rows[2]["email"] = rows[0]["email"]  # two refused, and the first good one
    rows[3] |= {"badge": "77", "salary": "-1"}
    rows[4]["badge"] = rows[5]["badge"] = "77"  # a good one, and its double
    rows[2]["skills"] = "python"
    result = import_rows(CONFIG, rows)
    assert (result.created, result.failed) == (2, 4)
    assert [error.row for error in result.errors] == [2, 3, 5, 7]
    assert {*Employee.objects.values_list("email", flat=True)} == {rows[2]["email"], rows[4]["email"]}
    assert Employee.objects.get(email=rows[2]["email"]).skills.get().name == "python"


DESKS: dict[str, Any] = {"models": {"desk": {"model": Desk, "fields": ["number", "code"], "constants": {"room": "a"}}}}


def write_failed(upload: bytes, name: str) -> bytes:
    """Import desks out of *upload*, and return the file of those that failed."""
    service = FileImportService(DESKS)
    with open_table(io.BytesIO(upload), name=name) as table, FailedRowsFile(table) as failures:
        service.on_failed = failures.add
        service.import_table(table)
        return b"".join(failures.write())


def test_a_failed_row_of_which_nothing_could_be_read_fails_again_unless_it_is_mended() -> None:
    """The file of failed rows has nothing of it but the reason, which is no row of blanks."""
    again = write_failed(b'number,code\n1,x\n2,"y\n', "desks.csv")
    result = FileImportService(DESKS).import_file(io.BytesIO(again), name="desks-failed.csv")
    assert [(error.row, error.column, error.code) for error in result.errors] == [(2, "Import errors", "unread")]
    assert Desk.objects.count() == 1


def test_a_failed_row_keeps_the_cells_that_could_be_read() -> None:
    """To be mended in the file itself; what fits no column is told in the reason."""
    long = "x" * 40_000
    upload = f"number,code\n1,x\n2\n3,a,b,c\n4,a\0b\n'=5,y,z\n6,{long}\n"
    header, *rows = csv.reader(io.StringIO(write_failed(upload.encode(), "desks.csv").decode()))
    assert header == ["number", "code", "Import errors"]
    assert [row[:2] for row in rows] == [["2", ""], ["3", "a"], ["4", "a\ufffdb"], ["'=5", "y"], ["6", ""]]
    assert (
        rows[1][2]
        == f"{UNREAD_MARK} Row 4. the row has 4 cells, and the header has 2; behind its last column stands 'b,c'"
    )


def test_a_failed_row_that_could_not_be_read_waits_until_its_reason_is_cleared() -> None:
    """It is refused again and again, with the reason that it had, and imported once somebody has mended it."""
    again = write_failed(b"number,code\n1,x\n2,a,b\n", "desks.csv")
    assert write_failed(again, "desks.csv") == again
    assert Desk.objects.count() == 1
    mended = again.decode().replace("2,a,", "2,a b,").partition(UNREAD_MARK)[0].rstrip('"')
    result = FileImportService(DESKS).import_file(io.BytesIO(mended.encode()), name="desks.csv")
    assert (result.created, Desk.objects.get(number=2).code) == (1, "a b")


def test_a_failed_row_of_a_sheet_keeps_its_cells() -> None:
    """The one with the error shows it."""
    book = openpyxl.Workbook()
    sheet = cast("Any", book.active)
    for cells in (("number", "code"), (1, "x"), ("#DIV/0!", "y"), (3, "z", "beyond")):
        sheet.append(cells)
    sheet["A3"].data_type = "e"
    file = io.BytesIO()
    book.save(file)
    again = openpyxl.load_workbook(io.BytesIO(write_failed(file.getvalue(), "desks.xlsx")))
    _, first, second = cast("Any", again.active).iter_rows(values_only=True)
    assert first[:2] == ("#DIV/0!", "y")
    assert second[:2] == (3, "z")
    assert second[2] == f"{UNREAD_MARK} Row 4. column C has no header, and the cell in it is not blank: 'beyond'"


# What may be touched


def test_only_rows_in_scope_are_changed() -> None:
    """A row outside is there, and not to be touched; nor is it deleted by a replacement."""
    rows = build_rows(3, make_departments())
    import_rows(CONFIG, rows)
    Employee.objects.filter(email=rows[0]["email"]).update(is_active=False)
    scope = ImportScope(querysets={"employee": Employee.objects.active()})
    for row in rows:
        row["phone"] = "changed"
    result = FileImportService(CONFIG, scope=scope).import_file(write_csv(rows), name="staff.csv")
    assert (result.updated, [(error.row, error.code) for error in result.errors]) == (2, [(2, "unique")])
    result = FileImportService(CONFIG, scope=scope).import_file(write_csv(rows[1:2]), name="staff.csv", mode="replace")
    assert (result.unchanged, result.deleted, Employee.objects.count()) == (1, 1, 2)


def test_nobody_is_told_what_a_row_out_of_scope_holds() -> None:
    """A row that guesses all of it right is refused as one that does not."""
    rows = build_rows(1, make_departments(1))
    import_rows(CONFIG, rows)
    scope = ImportScope(querysets={"employee": Employee.objects.none()})
    for row in (rows[0], {**rows[0], "salary": "1.00"}):
        result = FileImportService(CONFIG, scope=scope).import_file(write_csv([row]), name="staff.csv", dry_run=True)
        assert (result.unchanged, [error.code for error in result.errors]) == (0, ["unique"])


def test_related_rows_are_looked_up_within_their_scope() -> None:
    """A department that may not be referred to is one that does not exist."""
    rows = build_rows(2, make_departments())
    rows[0]["department_code"], rows[1]["department_code"] = "001", "002"

    def hide_one(step: str, name: str, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.exclude(code="001") if (step, name) == ("employee", "department") else queryset

    scope = ImportScope(find_related=hide_one)
    result = FileImportService(CONFIG, scope=scope).import_file(write_csv(rows), name="staff.csv")
    assert [(error.row, error.column, error.code) for error in result.errors] == [
        (2, "department_code", "does_not_exist")
    ]


# What it costs


def count_queries(config: Mapping[str, Any], rows: Sequence[Mapping[str, str]], columns: Sequence[str]) -> int:
    """Return how many statements an import takes, savepoints aside."""
    with CaptureQueriesContext(connection) as queries:
        result = import_rows(config, rows, columns)
    assert result.failed == 0
    return sum("SAVEPOINT" not in query["sql"] for query in queries.captured_queries)


def test_the_number_of_queries_does_not_grow_with_the_rows() -> None:
    """Of a chunk: one for what is there, one for new and one for changed rows; one for a foreign key's new values."""
    columns = [name for name in COLUMNS if name != "skills"]
    config = with_step(fields=columns, many_to_many={})
    codes = make_departments()
    rows = build_rows(300, codes)
    most = 3 + 1
    # SQLite takes a limited number of values with one statement.
    inserts = 1 if connection.vendor != "sqlite" else 2
    assert count_queries({**config, "chunk_size": 300}, rows[:150], columns) <= most - 1 + inserts - 1
    for row in rows[:75]:
        row["phone"] = "changed"
    again = count_queries({**config, "chunk_size": 300}, rows, columns)
    updates = 1 if connection.vendor != "sqlite" else 75
    assert again <= most - 1 + updates + inserts - 1
    assert count_queries({**config, "chunk_size": 100}, rows, columns) <= 3 * 1 + 1
    fresh = build_rows(300, codes, start=300)
    assert count_queries({**config, "chunk_size": 100}, fresh, columns) <= 3 * (1 + inserts) + 1
