"""Workbooks as they are streamed, opened with openpyxl, which knows nothing of how they were written."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from decimal import Decimal
from io import BytesIO
from typing import Any, Final
from zipfile import ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook
from openpyxl.workbook import Workbook

from drf_commons.errors import UnwritableCellError
from drf_commons.services.exporting import xlsx
from drf_commons.services.exporting.xlsx import MAX_CELL_LENGTH, Sheet, SheetColumn, write_workbook

pytestmark = pytest.mark.once

_ESCAPE: Final = re.compile("_x([0-9A-F]{4})_")

TEXTS: Final = st.text(max_size=20)
VALUES: Final = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**15) + 1, 10**15 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXTS,
    st.sampled_from(["=1+1", "+1", "-1", "@SUM(A1)", " =1", "_x0041_", "\ud800", "\uffff", "\r\n", "007", "<&>"]),
)


def write(columns: Sequence[str | SheetColumn], *blocks: Sequence[Sequence[object]], **options: Any) -> bytes:
    """Return the bytes of a workbook with one sheet."""
    headers = [SheetColumn(header=column) if isinstance(column, str) else column for column in columns]
    return b"".join(write_workbook([Sheet(name="Data", columns=headers, blocks=blocks, **options)]))


def read(data: bytes) -> Workbook:
    """Return the workbook as openpyxl understands it."""
    return load_workbook(BytesIO(data))


def get_rows(data: bytes) -> list[tuple[object, ...]]:
    """Return the values below the header of the first sheet, texts as spreadsheets show them."""
    _, *rows = read(data).worksheets[0].iter_rows(values_only=True)
    return [tuple(show(value) for value in row) for row in rows]


def show(value: object) -> object:
    """Return *value* with what the format escapes as it was; openpyxl leaves that to its callers."""
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), value) if isinstance(value, str) else value


def expect(value: object) -> object:
    """Return what a cell holds of *value*: an empty text is an empty cell, half a character is none."""
    if isinstance(value, str):
        return re.sub("[\ud800-\udfff]", "\ufffd", value) or None
    return value


@given(st.lists(st.tuples(st.integers(0, 9), VALUES, TEXTS), min_size=1, max_size=12), st.integers(1, 5))
def test_every_value_is_read_as_it_was_written(rows: list[tuple[object, ...]], size: int) -> None:
    """Whatever the rows hold and however they are cut into blocks, the cells have their values and their types."""
    blocks = [rows[start : start + size] for start in range(0, len(rows), size)]
    read_rows = get_rows(write("abc", *blocks))
    assert read_rows == [tuple(expect(value) for value in row) for row in rows]
    for sent, got in zip(rows, read_rows, strict=True):
        # A whole float is written as one, and openpyxl makes an integer of it.
        assert isinstance(got[1], bool) == isinstance(sent[1], bool)
        assert isinstance(got[1], str) == (isinstance(sent[1], str) and sent[1] != "")


@given(st.datetimes(dt.datetime(1900, 3, 1), dt.datetime(9999, 12, 30)))  # noqa: DTZ001  # spreadsheets know no zone
def test_moments_keep_their_second(moment: dt.datetime) -> None:
    """Dates and times are cells that spreadsheets can count with."""
    [[date, time]] = get_rows(write("ab", [[moment.date(), moment]]))
    assert isinstance(date, dt.datetime)
    assert date.date() == moment.date()
    assert isinstance(time, dt.datetime)
    assert abs(time - moment) < dt.timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12345678901234567890, "12345678901234567890"),
        (Decimal("1234567890.1234567890"), "1234567890.1234567890"),
        (float("inf"), "inf"),
        (dt.date(1899, 12, 31), "1899-12-31"),
        (dt.datetime(2025, 10, 26, 0, 30, tzinfo=dt.UTC), "2025-10-26 02:30:00+02:00"),
        (dt.datetime(2025, 10, 26, 1, 30, tzinfo=dt.UTC), "2025-10-26 02:30:00+01:00"),
    ],
)
def test_what_a_number_would_change_is_a_text(value: object, text: str) -> None:
    """More than fifteen digits, days before spreadsheets count right, and the hour that clocks show twice."""
    assert get_rows(write("a", [[value]])) == [(text,)]


def test_a_moment_is_in_the_current_time_zone() -> None:
    """A person sees the time of day that the site shows."""
    moment = dt.datetime(2026, 1, 15, 10, 30, tzinfo=dt.UTC)
    assert get_rows(write("a", [[moment]])) == [(dt.datetime(2026, 1, 15, 11, 30),)]  # noqa: DTZ001


def test_formulas_are_texts() -> None:
    """Nothing in the file is a formula."""
    data = write(["=A1", "b"], [["=cmd|'/c calc'!A0", "@SUM(1)"]])
    sheet = read(data).worksheets[0]
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} == {"s"}
    assert b"<f>" not in ZipFile(BytesIO(data)).read("xl/worksheets/sheet1.xml")


def test_the_header_stays_in_sight_and_filters() -> None:
    """The first row is frozen, bold, as wide as it needs, and has the buttons of a filter."""
    sheet = read(write(["Name", SheetColumn(header="Price", width=20, format="0.00")], [["x" * 30, 1]])).worksheets[0]
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", "A1:B2")
    assert sheet["A1"].font.bold
    assert [round(sheet.column_dimensions[letter].width) for letter in "AB"] == [34, 20]
    assert sheet["B2"].number_format == "0.00"


@pytest.mark.parametrize(("columns", "orientation"), [(3, "portrait"), (30, "landscape")])
def test_a_sheet_can_be_printed(columns: int, orientation: str) -> None:
    """It is as wide as the paper and no wider, and every page has the header and its number."""
    sheet = read(write(["Name"] * columns, [["x"] * columns] * 100)).worksheets[0]
    page, footer = sheet.sheet_properties.pageSetUpPr, sheet.oddFooter
    assert page is not None
    assert footer is not None
    assert page.fitToPage
    assert (sheet.page_setup.orientation, sheet.page_setup.fitToHeight) == (orientation, 0)
    assert sheet.print_title_rows == "$1:$1"
    assert footer.right.text == "&P / &N"


def test_choices_become_a_drop_down() -> None:
    """A list of any length stands in a hidden sheet, and the cells below the header offer it."""
    choices = [f"choice {number}" for number in range(300)]
    workbook = read(write([SheetColumn(header="a", choices=choices, is_required=True)]))
    rule = workbook.worksheets[0].data_validations.dataValidation[0]
    assert (rule.formula1, str(rule.sqref)) == ("Choices!$A$1:$A$300", "A2:A1048576")
    assert [(sheet.title, sheet.sheet_state) for sheet in workbook.worksheets] == [
        ("Data", "visible"),
        ("Choices", "hidden"),
    ]
    assert [row[0] for row in workbook["Choices"].iter_rows(values_only=True)] == choices


@pytest.mark.parametrize("text", ["x" * (MAX_CELL_LENGTH + 1), "\U0001f600" * (MAX_CELL_LENGTH // 2 + 1)])
def test_a_text_that_no_cell_holds_is_named(text: str) -> None:
    """The error says where it is; spreadsheets count a character beyond the first 65,536 twice."""
    with pytest.raises(UnwritableCellError, match=r"Data, row 3, column 'b': the text has 32,76\d characters"):
        write("ab", [[1, "short"], [2, text]])
    with pytest.raises(UnwritableCellError, match="row 3"):
        write("ab", [[1, 5], [2, text]])


def test_the_longest_text_fits() -> None:
    """The limit itself is allowed."""
    assert get_rows(write("a", [["x" * MAX_CELL_LENGTH]])) == [("x" * MAX_CELL_LENGTH,)]


def test_rows_beyond_the_format_go_on_in_further_sheets(monkeypatch: pytest.MonkeyPatch) -> None:
    """No row is lost, and each sheet has the header; a block is cut where a sheet ends."""
    monkeypatch.setattr(xlsx, "MAX_ROWS", 4)
    seen: list[int] = []
    workbook = read(write("a", [[1], [2], [3], [4]], [[5], [6], [7]], on_block=seen.append))
    assert [(sheet.title, [*sheet.iter_rows(values_only=True)]) for sheet in workbook.worksheets] == [
        ("Data", [("a",), (1,), (2,), (3,)]),
        ("Data (2)", [("a",), (4,), (5,), (6,)]),
        ("Data (3)", [("a",), (7,)]),
    ]
    assert seen[-1] == 7


def test_names_of_sheets_are_made_to_fit() -> None:
    """Characters that names may not hold are left out, long names are cut, and no two are the same."""
    sheets = [Sheet(name=name, columns=[SheetColumn(header="a")]) for name in ("a/b", "A:B", "x" * 40, "", "History")]
    names = read(b"".join(write_workbook(sheets))).sheetnames
    assert names == ["a b", "A B (2)", "x" * 31, "Sheet", "History (2)"]


def test_the_first_bytes_come_with_the_first_block() -> None:
    """A block is handed on before the next one is asked for."""
    asked: list[int] = []

    def build_blocks() -> Any:
        for number in range(3):
            asked.append(number)
            yield [[f"{number} {index * 7919 % 2000}"] for index in range(2000)]

    stream = write_workbook([Sheet(name="Data", columns=[SheetColumn(header="a")], blocks=build_blocks())])
    assert next(stream).startswith(b"PK")
    assert asked == [0]


def test_equal_rows_make_equal_files() -> None:
    """Nothing of the clock is in the file."""
    assert write("ab", [[1, "x"]]) == write("ab", [[1, "x"]])
