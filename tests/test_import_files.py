"""Files around an import: the template that is filled in, and the rows that failed, to be mended and sent again."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.db.models import QuerySet

from drf_commons.errors import UnreadableFileError
from drf_commons.services.importing import FileImportService, ImportScope, ReadOptions, open_table, read_config
from drf_commons.services.importing.failures import FailedRowsFile
from drf_commons.services.importing.headers import REASON_COLUMN
from drf_commons.services.importing.template import build_template
from tests.personnel.files import COLUMNS, CONFIG, build_rows, make_departments
from tests.personnel.models import Department, Employee

pytestmark = pytest.mark.django_db


def build_book(scope: ImportScope | None = None) -> tuple[bytes, Any]:
    """Return the template of the employees, as a file and as openpyxl opens it."""
    data = b"".join(build_template(read_config(CONFIG), scope))
    return data, openpyxl.load_workbook(io.BytesIO(data))


def list_choices(book: Any, header: str) -> list[object]:
    """Return what the drop-down under a header offers."""
    sheet = book.worksheets[0]
    column = next(cell.column_letter for cell in sheet[1] if cell.value == header)
    for rule in sheet.data_validations.dataValidation:
        if str(rule.sqref).startswith(f"{column}2:"):
            name, _, cells = rule.formula1.partition("!")
            return [row[0].value for row in book[name][cells.replace("$", "")]]
    return []


def test_the_template_is_an_empty_sheet_with_every_column() -> None:
    """What is imported is that sheet, and nothing is in it yet."""
    data, book = build_book()
    assert book.sheetnames[:3] == ["Employees", "Example", "Notes"]
    assert {cell.value for cell in book.worksheets[0][1]} == {*COLUMNS}
    with pytest.raises(UnreadableFileError, match="it has a header, and no rows"):
        FileImportService(CONFIG).import_file(io.BytesIO(data), name="template.xlsx")


def test_the_example_is_a_row_that_can_be_imported() -> None:
    """Nothing in it is refused."""
    make_departments(2)
    data, _ = build_book()
    result = FileImportService(CONFIG).import_file(io.BytesIO(data), options=ReadOptions(sheet="Example"))
    assert [error.to_dict() for error in result.errors] == []
    assert (result.created, Employee.objects.count()) == (1, 1)


def test_required_columns_are_marked() -> None:
    """The header looks otherwise, and the notes say it in words."""
    _, book = build_book()
    sheet, notes = book.worksheets[0], book["Notes"]
    header = {cell.value: cell for cell in sheet[1]}
    assert header["email"].font != header["phone"].font
    said = {row[0]: row[1:] for row in notes.iter_rows(min_row=2, values_only=True)}
    assert said["email"][:3] == ("E-mail address, at most 254 characters", "yes", "yes")
    assert said["phone"][:3] == ("Text, at most 20 characters", "no", "no")
    assert said["salary"][0] == "Number with 2 decimals, 9 digits in all"
    assert said["department_code"][0] == "Department, by code"


def test_choices_and_foreign_keys_have_drop_downs() -> None:
    """They offer the labels, and the keys of the rows that the scope allows."""
    make_departments(3)

    def find_related(step: str, field: str, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.exclude(code="002") if field == "department" else rows

    _, book = build_book(ImportScope(find_related=find_related))
    assert list_choices(book, "department_code") == ["000", "001"]
    assert list_choices(book, "contract") == ["Fixed term", "Permanent"]
    assert list_choices(book, "is_remote") == ["TRUE", "FALSE"]
    assert list_choices(book, "email") == []


def test_a_list_that_nobody_would_read_is_left_out() -> None:
    """More than a thousand rows are no drop-down, and no burden for the database."""
    Department.objects.bulk_create(Department(code=f"{number:05}") for number in range(1_005))
    _, book = build_book()
    assert list_choices(book, "department_code") == []
    said = {row[0]: row[4] for row in book["Notes"].iter_rows(min_row=2, values_only=True)}
    assert said["department_code"] == "more than 1,000"


def import_with_failures(data: bytes, name: str) -> tuple[int, str, bytes]:
    """Import a file; return how many rows failed, and the file of them."""
    with open_table(io.BytesIO(data), name=name) as table, FailedRowsFile(table) as failures:
        result = FileImportService(CONFIG, on_failed=failures.add).import_table(table)
        assert result.failed == failures.count
        return result.failed, failures.name, b"".join(failures.write())


def test_failed_rows_are_mended_and_sent_again() -> None:
    """The file has the same columns, delimiter and encoding, and the reasons, which the import leaves out."""
    make_departments(1)
    rows = [{**row, "department_code": "000"} for row in build_rows(5, ["000"])]
    rows[1]["age"], rows[3]["last_name"] = "seven", ""
    rows[1]["phone"] = "=1+1"
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, delimiter=";")
    writer.writeheader()
    writer.writerows(rows)
    failed, name, mended = import_with_failures(text.getvalue().encode("utf-16"), "staff.csv")
    assert (failed, name, Employee.objects.count()) == (2, "staff-failed.csv", 3)
    returned = [*csv.DictReader(io.StringIO(mended.decode("utf-16"), newline=""), delimiter=";")]
    assert [*returned[0]] == [*COLUMNS, REASON_COLUMN]
    assert [row[REASON_COLUMN].partition(":")[0] for row in returned] == ["Row 3. age", "Row 5. last_name"]
    assert returned[0]["phone"] == "'=1+1"
    sent = mended.decode("utf-16").replace("seven", "27").encode("utf-16")
    failed, _, _ = import_with_failures(sent, name)
    assert failed == 1
    assert Employee.objects.filter(phone="=1+1", age=27).count() == 1


def test_failed_rows_of_a_workbook_are_a_workbook() -> None:
    """Cells keep their types; formats that are only read become XLSX too."""
    book = openpyxl.Workbook()
    book.worksheets[0].append([*COLUMNS])
    book.worksheets[0].append([7 if name == "badge" else None for name in COLUMNS])
    out = io.BytesIO()
    book.save(out)
    failed, name, data = import_with_failures(out.getvalue(), "staff.xlsx")
    assert (failed, name) == (1, "staff-failed.xlsx")
    with open_table(io.BytesIO(data), name=name) as table:
        assert [*table.header] == [*COLUMNS, REASON_COLUMN]
        (chunk,) = table.read_chunks(5)
    assert chunk.rows[0][COLUMNS.index("badge")] == 7
    assert "first_name: " in str(chunk.rows[0][-1])


def test_rows_that_failed_are_not_kept_in_memory(tmp_path: Path) -> None:
    """A thousand chunks of failures are a file, block by block, in their order."""
    from drf_commons.services.importing import CellError, FailedRow  # noqa: PLC0415  # this test alone makes them

    error = CellError(row=2, column="a", value="x", reason="no", code="bad")
    with open_table(io.BytesIO(b"a,b\n1,2\n"), name="data.csv") as table, FailedRowsFile(table) as failures:
        for number in range(1_000):
            failures.add([FailedRow(number=number, cells=[number, "x" * 2_000], errors=[error])])
        blocks = [*failures.write()]
        assert len(blocks) == 1_001
        assert [*failures.write()] == blocks
        assert vars(failures)["_kept"]._rolled
    assert b"".join(blocks).decode().splitlines()[1000].startswith("999,xxx")
