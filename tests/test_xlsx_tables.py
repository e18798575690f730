"""XLSX files as tables: cells as they were shown, rows with their numbers, and no formula ever calculated."""

# ruff: noqa: DTZ001  # sheets know no time zones

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drf_commons.errors import FileTooLargeError, UnreadableFileError
from drf_commons.services.importing import Chunk, Cursor, ReadLimits, ReadOptions, RowFault, open_table
from tests.workbooks import NAMESPACE, build_parts, build_styles, build_workbook, pack

pytestmark = pytest.mark.once

HEADER = '<row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c><c r="B1" t="inlineStr"><is><t>b</t></is></c></row>'


def read(data: bytes, options: ReadOptions | None = None, size: int = 3) -> list[Chunk]:
    """Return the chunks of a workbook."""
    with open_table(io.BytesIO(data), name="data.xlsx", options=options) as table:
        return [*table.read_chunks(size)]


def read_rows(data: bytes, options: ReadOptions | None = None) -> dict[int, list[object]]:
    """Return the rows by number, of a workbook without faults."""
    chunks = read(data, options)
    assert [fault for chunk in chunks for fault in chunk.faults] == []
    return {number: [*row] for chunk in chunks for number, row in zip(chunk.numbers, chunk.rows, strict=True)}


def read_faults(data: bytes) -> list[RowFault]:
    """Return the faults."""
    return [fault for chunk in read(data) for fault in chunk.faults]


def save(book: openpyxl.Workbook) -> bytes:
    """Return a workbook's file."""
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def build_book(*rows: tuple[Any, ...]) -> openpyxl.Workbook:
    """Return a workbook with these rows."""
    book = openpyxl.Workbook()
    for row in rows:
        book.worksheets[0].append(row)
    return book


def test_cells_arrive_with_their_types() -> None:
    """Texts keep their zeros, whole numbers are whole, and what looks like nothing to others is a text here."""
    row = ("007", 7, 7.0, 1.1, True, "NA", None, dt.date(2024, 5, 1), dt.datetime(2024, 5, 1, 13, 30, 5), dt.time(3, 4))
    rows = read_rows(save(build_book(tuple("abcdefghij"), row)))
    assert rows == {2: ["007", 7, 7, 1.1, True, "NA", None, *row[7:]]}
    assert [type(cell) for cell in rows[2][:5]] == [str, int, int, float, bool]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("9007199254740993", 9007199254740993),
        ("1.2345678901234568E+17", 123456789012345680),
        ("1.1000000000000001", 1.1),
        ("-0.5", -0.5),
        ("12.0", 12),
    ],
)
def test_numbers_are_those_that_stand_in_the_file(text: str, value: float) -> None:
    """A long number is exact, and a short one has no digits that a float would add."""
    rows = read_rows(build_workbook(f'{HEADER}<row r="2"><c r="A2"><v>{text}</v></c></row>'))
    assert rows == {2: [value, None]}
    assert type(rows[2][0]) is type(value)


@pytest.mark.parametrize(
    ("code", "number", "value"),
    [
        ("0%", "0.1534", "15.34%"),
        ("0.00%", "0.14999999999999999", "15%"),
        ("0%", "-1", "-100%"),
        ("00000", "7", "00007"),
        ("000\\-00\\-0000", "123456789", "123-45-6789"),
        ("0.00", "7", 7),
        ("#,##0 &quot;days&quot;", "7", 7),
        ("[Red]0", "7", 7),
        ("General", "7", 7),
        ("dd/mm/yyyy", "45413", dt.date(2024, 5, 1)),
        ("[$-409]mmmm d, yyyy;@", "45413", dt.date(2024, 5, 1)),
        ("mmm", "45413.75", dt.date(2024, 5, 1)),
        ("yyyy-mm-dd hh:mm", "45413.5", dt.datetime(2024, 5, 1, 12)),
        ("yyyy-mm-dd hh:mm:ss.000", "45413.500000011574", dt.datetime(2024, 5, 1, 12, 0, 0, 1000)),
        ("h:mm AM/PM", "0.541666666666667", dt.time(13)),
        ("[h]:mm:ss", "1.5", "36:00:00"),
        ("yyyy-mm-dd", "59", dt.date(1900, 2, 28)),
        ("yyyy-mm-dd", "61", dt.date(1900, 3, 1)),
    ],
)
def test_numbers_are_shown_as_their_format_says(code: str, number: str, value: object) -> None:
    """Dates, times, spans, shares and padded numbers are known by their formats alone."""
    sheet = f'{HEADER}<row r="2"><c r="A2" s="1"><v>{number}</v></c></row>'
    assert read_rows(build_workbook(sheet, styles=build_styles(code))) == {2: [value, None]}


def test_dates_may_count_from_1904() -> None:
    """So do those of old workbooks from a Macintosh."""
    sheet = f'{HEADER}<row r="2"><c r="A2" s="1"><v>1</v></c></row>'
    styles = build_styles("yyyy-mm-dd")
    assert read_rows(build_workbook(sheet, styles=styles, is_1904=True)) == {2: [dt.date(1904, 1, 2), None]}


def test_formulas_are_what_they_have_shown() -> None:
    """The value is the one that was stored; a formula that nobody calculated is its own text."""
    sheet = (
        f'{HEADER}<row r="2"><c r="A2"><f>1+1</f><v>2</v></c><c r="B2" t="str"><f>A2&amp;"x"</f><v>2x</v></c></row>'
        '<row r="3"><c r="A3"><f>NOW()</f></c><c r="B3"><f>cmd|calc</f><v></v></c></row>'
    )
    assert read_rows(build_workbook(sheet)) == {2: [2, "2x"], 3: ["=NOW()", "=cmd|calc"]}


def test_texts_are_joined_from_their_runs() -> None:
    """How they are pronounced is left out, spaces are kept, and escaped characters are what they stand for."""
    shared = (
        "<si><r><t>Hel</t></r><r><rPr><b/></rPr><t>lo </t></r><rPh><t>heh</t></rPh></si>"
        '<si><t xml:space="preserve"> a_x000D_b </t></si>'
    )
    sheet = (
        f'{HEADER}<row r="2"><c r="A2" t="s"><v>0</v></c><c r="B2" t="s"><v>1</v></c></row><row r="3">'
        '<c r="A3" t="inlineStr"><is><r><t>x</t></r><r><t>_x0041_</t></r><rPh><t>no</t></rPh></is></c></row>'
    )
    assert read_rows(build_workbook(sheet, shared=shared)) == {2: ["Hello ", " a\rb "], 3: ["xA", None]}


def test_tags_may_have_a_prefix_and_cells_no_reference() -> None:
    """Both are allowed, and some libraries write so."""
    sheet = (
        f'<x:worksheet xmlns:x="{NAMESPACE}"><x:sheetData><x:row><x:c t="inlineStr"><x:is><x:t>a</x:t></x:is></x:c>'
        "</x:row><x:row><x:c><x:v>5</x:v></x:c></x:row></x:sheetData></x:worksheet>"
    )
    assert read_rows(pack(build_parts("") | {"xl/worksheets/sheet1.xml": sheet})) == {2: [5]}


def test_rows_keep_the_numbers_of_the_sheet() -> None:
    """Blank rows are left out, and nobody has to count."""
    book = build_book(("a", "b"))
    sheet = book.worksheets[0]
    sheet["A5"], sheet["B7"], sheet["A9"] = 1, 2, ""
    assert read_rows(save(book)) == {5: [1, None], 7: [None, 2]}


def test_reading_goes_on_behind_a_chunk() -> None:
    """The place that a chunk names is enough, in another process too."""
    data = save(build_book(("a",), *((number,) for number in range(7))))
    with open_table(io.BytesIO(data)) as table:
        first = next(table.read_chunks(3))
    assert first.cursor == Cursor(number=5)
    with open_table(io.BytesIO(data)) as table:
        assert [chunk.numbers for chunk in table.read_chunks(3, first.cursor)] == [[5, 6, 7], [8]]


@pytest.mark.parametrize(
    ("cell", "column", "code"),
    [
        ('<c r="B2" t="e"><v>#DIV/0!</v></c>', "b", "error_cell"),
        ('<c r="B2" t="s"><v>99</v></c>', "b", "invalid_cell"),
        ('<c r="B2" t="s"><v>x</v></c>', "b", "invalid_cell"),
        ('<c r="B2"><v>many</v></c>', "b", "invalid_cell"),
        ('<c r="B2"><v>NaN</v></c>', "b", "invalid_cell"),
        ('<c r="B2"><v>1e999</v></c>', "b", "invalid_cell"),
        ('<c r="B2" s="1"><v>-1</v></c>', "b", "invalid_cell"),
        ('<c r="B2" s="1"><v>60</v></c>', "b", "invalid_cell"),
        ('<c r="B2" s="1"><v>1e300</v></c>', "b", "invalid_cell"),
        ('<c r="B2" t="d"><v>someday</v></c>', "b", "invalid_cell"),
        ('<c r="B2"><f t="shared" si="0"/></c>', "b", "invalid_cell"),
        ('<c r="B2" t="inlineStr"><is><t>_x0000_</t></is></c>', "b", "nul"),
        (f'<c r="B2" t="inlineStr"><is><t>{"x" * 40_000}</t></is></c>', "b", "too_long"),
        ('<c r="XFD2"><v>1</v></c>', None, "ragged"),
    ],
)
def test_a_cell_that_cannot_be_read_is_the_fault_of_its_row(cell: str, column: str | None, code: str) -> None:
    """It is named, and the next row is read."""
    sheet = f'{HEADER}<row r="2"><c r="A2"><v>1</v></c>{cell}</row><row r="3"><c r="A3"><v>3</v></c></row>'
    chunks = read(build_workbook(sheet, styles=build_styles("yyyy-mm-dd")))
    assert [number for chunk in chunks for number in chunk.numbers] == [3]
    (fault,) = [fault for chunk in chunks for fault in chunk.faults]
    assert (fault.number, fault.column, fault.code) == (2, column, code)
    assert fault.reason


def test_the_sheet_is_chosen_by_name_or_place() -> None:
    """Without a choice it is the first that can be seen."""
    book = build_book(("hidden",), (0,))
    book.worksheets[0].sheet_state = "hidden"
    for title in ("One", "Two"):
        book.create_sheet(title).append([title])
    book.create_chartsheet("Chart", 0)
    data = save(book)

    def read_header(sheet: str | int | None) -> list[str]:
        with open_table(io.BytesIO(data), options=ReadOptions(sheet=sheet)) as table:
            return [*table.header]

    assert [read_header(sheet) for sheet in (None, 0, 1, "Two", "Sheet")] == [
        ["One"], ["One"], ["Two"], ["Two"], ["hidden"],
    ]  # fmt: skip
    with pytest.raises(UnreadableFileError, match="no sheet 'Three' in it; there is 'One', 'Two', 'Sheet'"):
        read_header("Three")
    with pytest.raises(UnreadableFileError, match="no sheet 3"):
        read_header(3)


def test_the_header_may_stand_below_a_title() -> None:
    """Its row is the one that is named, or the first that is not blank."""
    book = build_book((), ("Staff",), (), ("a", None, "b"), (1, 2, 3))
    with pytest.raises(UnreadableFileError, match="row 4: column B has no header"):
        read(save(book), ReadOptions(header_row=4))
    with pytest.raises(UnreadableFileError, match="no header in row 3"):
        read(save(book), ReadOptions(header_row=3))
    with pytest.raises(UnreadableFileError, match="'a': the columns A and C have the same header 'a'"):
        read(save(build_book(("a", "b", " a"))))


def test_rows_are_counted() -> None:
    """One more than allowed is refused."""
    options = ReadOptions(limits=ReadLimits(max_rows=2))
    assert len(read_rows(save(build_book(("a",), (1,), (2,))), options)) == 2
    with pytest.raises(FileTooLargeError, match="more than the 2 rows"):
        read(save(build_book(("a",), (1,), (2,), (3,))), options)


def test_macros_and_links_to_other_files_are_left_alone() -> None:
    """Neither is opened; the cells are read."""
    parts = build_parts(f'{HEADER}<row r="2"><c r="A2"><f>[1]Sheet1!A1</f><v>5</v></c></row>')
    parts["xl/vbaProject.bin"] = "Sub AutoOpen()"
    parts["xl/externalLinks/externalLink1.xml"] = "<!DOCTYPE x><x/>"
    with open_table(io.BytesIO(pack(parts)), name="data.xlsm") as table:
        assert [chunk.rows for chunk in table.read_chunks(5)] == [[[5, None]]]


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**14), 10**14),
    # openpyxl writes sixteen digits.
    st.floats(-1e300, 1e300).map(lambda number: float(f"{number:.15g}")).filter(lambda number: not number.is_integer()),
    st.text(
        st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="_\ufffe\uffff"), min_size=1, max_size=8
    ).filter(lambda text: not text.startswith(("=", "#"))),
    st.dates(dt.date(1900, 3, 1)),
    st.datetimes(dt.datetime(1900, 3, 1)).map(lambda moment: moment.replace(microsecond=0)),
    st.times().map(lambda moment: moment.replace(microsecond=0)),
)


@given(rows=st.lists(st.lists(VALUES, min_size=3, max_size=3), max_size=6), size=st.integers(1, 4))
def test_tables_come_back_as_they_were_written(rows: list[list[object]], size: int) -> None:
    """Every value, with its type and the number of its row."""
    data = save(build_book(("first", "second", "third"), *map(tuple, rows)))
    found = {
        number: [*row] for chunk in read(data, size=size) for number, row in zip(chunk.numbers, chunk.rows, strict=True)
    }
    expected = {number: row for number, row in enumerate(rows, 2) if any(cell is not None for cell in row)}
    assert found == expected
    assert [[type(cell) for cell in row] for row in found.values()] == [
        [type(cell) for cell in row] for row in expected.values()
    ]
