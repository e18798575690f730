"""Exports without a view: columns, formats, the three kinds of files, and where they are written."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from django.db.models import Count, F
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from drf_commons.errors import ExportTooLargeError, InvalidExportConfigError, UnwritableCellError
from drf_commons.services import CsvOptions, ExportColumn, ExportFieldConfig, ExportService
from drf_commons.services.exporting import FileType, rows
from drf_commons.services.formulas import guard, guard_all, unguard
from tests.personnel.models import Department, Employee, Skill
from tests.warehouse.models import Item, Supplier

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def staff() -> list[Employee]:
    """Return two employees, who have skills and everything."""
    department = Department.objects.create(code="007", name="Secret")
    ada = Employee(first_name="Ada", last_name="Lovelace", email="ada@example.com", age=36, rating=4.5)
    ada.seen_at = dt.datetime(2026, 1, 15, 10, 30, 0, 123456, dt.UTC)
    ada.is_remote, ada.level, ada.contract = True, Employee.Level.LEAD, Employee.Contract.FIXED
    bob = Employee(first_name="=1+1", last_name='B, "ob"\n', email="bob@example.com")
    for person in (ada, bob):
        person.department, person.salary, person.hired = department, Decimal("1234.50"), dt.date(2025, 12, 31)
        person.save()
    ada.skills.set([Skill.objects.create(name=name) for name in ("mathematics", "engines")])
    return [ada, bob]


def export(config: ExportFieldConfig, source: Any = None, file_type: FileType = "csv", **options: Any) -> bytes:
    """Return the bytes of a file of all employees, or of another source."""
    queryset = Employee.objects.order_by("email") if source is None else source
    return b"".join(ExportService(queryset, config, **options).stream(file_type))


def read_csv(data: bytes, delimiter: str = ",") -> list[list[str]]:
    """Return the rows of a CSV file."""
    return [*csv.reader(StringIO(data.decode(), newline=""), delimiter=delimiter)]


def read_xlsx(data: bytes) -> list[tuple[object, ...]]:
    """Return the rows of a workbook."""
    return [*load_workbook(BytesIO(data)).worksheets[0].iter_rows(values_only=True)]


@pytest.mark.django_db
def test_the_configuration_is_the_order_and_the_labels(staff: list[Employee]) -> None:
    """Columns stand as they are listed; what is not listed does not leave."""
    data = export({"last_name": "Family name", "email": ExportColumn(label="Mail"), "age": {"label": "Age"}})
    assert read_csv(data) == [
        ["Family name", "Mail", "Age"],
        ["Lovelace", "ada@example.com", "36"],
        ['B, "ob"\n', "bob@example.com", ""],
    ]


@pytest.mark.django_db
def test_includes_choose_but_do_not_reorder(staff: list[Employee]) -> None:
    """The allow-list has the last word on the order too."""
    config = {"email": "Mail", "age": "Age", "salary": "Salary"}
    assert read_csv(export(config, includes=["salary", "email"]))[0] == ["Mail", "Salary"]
    with pytest.raises(LookupError, match="password"):
        export(config, includes=["email", "password"])
    with pytest.raises(LookupError):
        export(config, includes=[])


@pytest.mark.django_db
def test_values_are_written_so_that_they_can_be_read_again(staff: list[Employee]) -> None:
    """ISO dates, local times with their zone, labels of choices, codes across relations, lists with a delimiter."""
    config: dict[str, Any] = {
        name: name
        for name in ("hired", "seen_at", "is_remote", "level", "contract", "salary", "rating", "department__code")
    }
    header, ada, bob = read_csv(export({**config, "skills__name": {"label": "skills", "delimiter": "|"}}))
    assert dict(zip(header, ada, strict=True)) == {
        "hired": "2025-12-31",
        "seen_at": "2026-01-15 11:30:00.123456+01:00",
        "is_remote": "True",
        "level": "Lead",
        "contract": "Fixed term",
        "salary": "1234.50",
        "rating": "4.5",
        "department__code": "007",
        "skills": "engines|mathematics",
    }
    assert bob[-1] == ""


@pytest.mark.django_db
def test_formats_of_columns(staff: list[Employee]) -> None:
    """Dates, numbers, truth values, choices, and a function of one's own."""
    config: ExportFieldConfig = {
        "hired": {"label": "hired", "format": "%d.%m.%Y"},
        "seen_at": {"label": "seen", "format": "%d %B, %H:%M"},
        "salary": {"label": "salary", "format": ",.1f"},
        "is_remote": {"label": "remote", "format": ("remote", "office")},
        "level": {"label": "level", "format": "value"},
        "first_name": {"label": "name", "format": str.upper},
        "rating": {"label": "rating", "format": ".0%"},
    }
    assert read_csv(export(config))[1] == ["31.12.2025", "15 January, 11:30", "1,234.5", "remote", "3", "ADA", "450%"]
    sheet = load_workbook(BytesIO(export(config, file_type="xlsx"))).worksheets[0]
    assert [cell.value for cell in sheet[2]] == [
        dt.datetime(2025, 12, 31),  # noqa: DTZ001  # spreadsheets know no zone
        dt.datetime(2026, 1, 15, 11, 30, 0, 123000),  # noqa: DTZ001  # openpyxl reads milliseconds
        1234.5,
        "remote",
        3,
        "ADA",
        4.5,
    ]
    assert [cell.number_format for cell in sheet[2]] == [
        "dd.mm.yyyy",
        "dd mmmm, hh:mm",
        "#,##0.0",
        "General",
        "General",
        "General",
        "0%",
    ]


@pytest.mark.django_db
def test_types_are_kept_in_a_workbook(staff: list[Employee]) -> None:
    """Numbers are numbers, codes with leading zeros are texts, a formula is only a text."""
    _, ada, bob = read_xlsx(
        export({name: name for name in ("first_name", "age", "salary", "is_remote", "department__code")}, None, "xlsx")
    )
    assert ada == ("Ada", 36, 1234.5, True, "007")
    assert bob[:2] == ("=1+1", None)


@pytest.mark.django_db
def test_annotations_attributes_and_relations(staff: list[Employee]) -> None:
    """What the queryset computes, what the instance knows, and how many queries that takes."""
    source = Employee.objects.order_by("email").annotate(skill_count=Count("skills"), code=F("department__code"))
    config = {"skill_count": "count", "code": "code", "pk": "id", "skills": "ids", "__str__": "text"}
    with CaptureQueriesContext(connection) as queries:
        data = export(config, source)
    skills = ";".join(str(pk) for pk in Skill.objects.order_by("pk").values_list("pk", flat=True))
    assert read_csv(data)[1:] == [
        ["2", "007", str(staff[0].pk), skills, "ada@example.com"],
        ["0", "007", str(staff[1].pk), "", "bob@example.com"],
    ]
    assert len(queries) == 3  # the rows, and one for each of the last two columns


@pytest.mark.django_db
def test_queries_do_not_grow_with_the_rows(monkeypatch: pytest.MonkeyPatch, staff: list[Employee]) -> None:
    """One for the rows however many there are, and one per block for each relation to many."""
    Supplier.objects.bulk_create(Supplier(name=f"supplier {number:03}") for number in range(25))
    monkeypatch.setattr(rows, "BLOCK_SIZE", 10)
    with CaptureQueriesContext(connection) as queries:
        data = export({"name": "name"}, Supplier.objects.order_by("name"))
    assert (len(read_csv(data)), len(queries)) == (26, 1)
    with CaptureQueriesContext(connection) as queries:
        export({"name": "name", "item__name": "items"}, Supplier.objects.order_by("name"))
    assert len(queries) == 4


@pytest.mark.django_db
def test_rows_that_look_alike_are_all_there(staff: list[Employee]) -> None:
    """``distinct()`` is about rows, not about what is exported of them."""
    source = Employee.objects.filter(skills__isnull=False).distinct()
    assert len(read_csv(export({"first_name": "x"}, source | Employee.objects.filter(skills=None).distinct()))) == 3
    assert len(read_csv(export({"department__code": "x"}, Employee.objects.distinct()))) == 3


@pytest.mark.django_db
def test_a_union_is_exported_as_it_is_listed(staff: list[Employee]) -> None:
    """Its relations to many and its attributes included."""
    ada, bob = (Employee.objects.filter(email=person.email) for person in staff)
    config: ExportFieldConfig = {"email": "E-mail", "skills": "Skills", "__str__": "Text"}
    rows = read_csv(export(config, ada.union(bob).order_by("email")))
    skills = ";".join(str(pk) for pk in Skill.objects.order_by("pk").values_list("pk", flat=True))
    assert rows[1:] == [["ada@example.com", skills, "ada@example.com"], ["bob@example.com", "", "bob@example.com"]]


@pytest.mark.django_db
def test_slices_and_prefetches_are_respected(staff: list[Employee]) -> None:
    """A queryset is taken as it is."""
    source = Employee.objects.order_by("-email").prefetch_related("skills").select_related("department")
    assert read_csv(export({"email": "x", "get_json": "y"}, source[:1]))[1][0] == "bob@example.com"


@pytest.mark.parametrize(
    ("config", "fault"),
    [
        ({"titel": "x"}, r"\['titel'\]: Employee has no field 'titel'"),
        ({"emial": "x"}, r"Employee has no field 'emial' \(did you mean 'email'\?\)"),
        ({"department__cod": "x"}, r"Department has no field 'cod' \(did you mean 'code'\?\)"),
        ({"email__x": "x"}, "Employee.email is no relation, and has no part 'x'"),
        ({"delete": "x"}, "Employee has no field 'delete'"),
        ({"email": {"label": "x", "formt": ""}}, r"unknown option 'formt' \(did you mean 'format'\?\)"),
        ({"email": {"path": "email"}}, "the options name no label"),
        ({"email": 5}, "neither a label nor options, but 5"),
    ],
)
def test_wrong_columns_are_named(config: Any, fault: str) -> None:
    """Every fault at once, with what may have been meant."""
    with pytest.raises(InvalidExportConfigError, match=fault):
        ExportService(Employee.objects.all(), config, owner="StaffViewSet.export_field_config")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1+1",
        "-1+1",
        "@SUM(A1)",
        "\tx",
        "\rx",
        "\nx",
        "  =1",
        "\uff1d1",
        "\uff0b1",
        "\uff0d1",
        "\uff20x",
        "'=1",
        "=HYPERLINK()",
    ],
)
def test_a_text_that_could_be_run_gets_an_apostrophe(text: str) -> None:
    """In CSV; a workbook has texts that are texts."""
    Supplier.objects.create(name=text)
    source = Supplier.objects.all()
    stored = source.get().name
    assert read_csv(export({"name": "name"}, source)) == [["name"], [f"'{stored}"]]
    assert read_csv(export({"name": "=name"}, source))[0] == ["'=name"]
    assert read_csv(export({"name": "n"}, source, csv=CsvOptions(guards_formulas=False)))[1] == [stored]
    assert guard(text) == f"'{text}"


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["-12.50", "+49", "-1e5", "1-1", "a=b", "'", "-5%"])
def test_plain_texts_and_numbers_are_left_alone(text: str) -> None:
    """A negative number is no formula."""
    Supplier.objects.create(name=text)
    assert read_csv(export({"name": "name"}, Supplier.objects.all()))[1] == [text]


@given(st.lists(st.text(max_size=6) | st.text("'=+-@\t\n\r \uff1dx1", max_size=6)))
def test_the_guard_comes_off_again(texts: list[str]) -> None:
    """For every text, and for many at once as for each."""
    assert [*guard_all(texts)] == [guard(text) for text in texts]
    assert [unguard(text) for text in guard_all(texts)] == texts


@pytest.mark.django_db
def test_csv_options(staff: list[Employee]) -> None:
    """Another delimiter, and the mark by which Excel knows UTF-8."""
    data = export({"email": "Ä", "last_name": "Name"}, csv=CsvOptions(delimiter=";", has_mark=True))
    assert data.startswith("\ufeffÄ;Name\r\n".encode())


@pytest.mark.django_db
def test_a_text_too_long_for_a_cell(staff: list[Employee]) -> None:
    """Is named, unless it may be cut."""
    supplier = {"text": "x" * 40_000}
    with pytest.raises(UnwritableCellError, match="Export, row 2, column 'Text'"):
        export({"text": "Text"}, [supplier], "xlsx")
    _, [text] = read_xlsx(export({"text": {"label": "Text", "truncate": True}}, [supplier], "xlsx"))
    assert text == "x" * 32_766 + "…"


@pytest.mark.django_db
def test_rows_that_are_at_hand(staff: list[Employee]) -> None:
    """Mappings are exported as well; a row may lack a column."""
    source: list[Mapping[str, object]] = [{"a": 1, "b": [1, 2]}, {"b": {"c": None}}]
    assert read_csv(export({"a": "A", "b": "B"}, iter(source))) == [["A", "B"], ["1", "[1, 2]"], ["", '{"c": null}']]


@pytest.mark.django_db
def test_no_rows_are_a_file_too() -> None:
    """The header says what there would be."""
    config = {"email": "Mail"}
    assert read_csv(export(config)) == [["Mail"]]
    assert read_xlsx(export(config, None, "xlsx")) == [("Mail",)]


@pytest.mark.django_db
def test_a_path_gets_the_whole_file_or_none(staff: list[Employee], tmp_path: Path) -> None:
    """What was there before stays where an export fails; progress is told block by block."""
    path, seen = tmp_path / "staff.csv", list[int]()
    result = ExportService(Employee.objects.all(), {"email": "Mail"}, on_progress=seen.append).write("csv", path)
    assert (result.rows, result.size, seen) == (2, path.stat().st_size, [2])
    before = path.read_bytes()

    def fail(value: object) -> object:
        raise ZeroDivisionError

    service = ExportService(Employee.objects.all(), {"email": {"label": "Mail", "format": fail}})
    with pytest.raises(ZeroDivisionError):
        service.write("csv", path)
    assert path.read_bytes() == before
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.django_db
def test_a_data_frame(staff: list[Employee]) -> None:
    """Pandas gets the values as they are."""
    frame = ExportService(Employee.objects.order_by("email"), {"email": "Mail", "salary": "Pay"}).to_dataframe()
    assert frame.to_dict("list") == {
        "Mail": ["ada@example.com", "bob@example.com"],
        "Pay": [Decimal("1234.50"), Decimal("1234.50")],
    }


@pytest.mark.django_db
@override_settings(COMMON={"EXPORT_PDF_MAX_ROWS": 1})
def test_a_pdf_has_a_limit(staff: list[Employee]) -> None:
    """Above it there is an error, with one query and no layout."""
    with CaptureQueriesContext(connection) as queries, pytest.raises(ExportTooLargeError, match="at most 1 rows"):
        export({"email": "Mail"}, None, "pdf")
    assert len(queries) == 1
    with pytest.raises(ExportTooLargeError):
        export({"a": "A"}, [{"a": 1}, {"a": 2}], "pdf")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_inside", [True, False])
def test_streams_in_and_outside_of_transactions(is_inside: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cursor of the server is used either way, and other work on the connection does not end it."""
    Item.objects.bulk_create(Item(name=f"item {number:03}") for number in range(30))
    monkeypatch.setattr(rows, "BLOCK_SIZE", 10)
    stream = ExportService(Item.objects.order_by("pk"), {"name": "name"}).stream("csv")
    if is_inside:
        with transaction.atomic():
            data = b"".join(stream)
    else:
        first = next(stream)
        with transaction.atomic():
            Item.objects.filter(name="item 000").update(quantity=1)
        data = first + b"".join(stream)
    assert [row[0] for row in read_csv(data)[1:]] == [f"item {number:03}" for number in range(30)]
