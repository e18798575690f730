"""ODS, XLS and DataFrames as tables."""

from __future__ import annotations

import datetime as dt
import io
import sys
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from typing_extensions import override

from drf_commons.errors import FileTooLargeError, MissingExtraError, UnreadableFileError
from drf_commons.services.importing import Cursor, ReadLimits, ReadOptions, RowFault, TableSource, open_table
from drf_commons.services.importing.dataframe_tables import build_dataframe
from tests.hostile import TABLES, build_ods
from tests.workbooks import build_workbook, build_xls, build_xls_number, build_xls_text

pytestmark = pytest.mark.once

# ruff: noqa: DTZ001  # sheets know no time zones

HEADER = ["code", "name", "born", "share", "span", "open", "at", "seen"]


def read(
    source: TableSource, options: ReadOptions | None = None, size: int = 3
) -> tuple[dict[int, list[object]], list[RowFault]]:
    """Return the rows by number, and the faults."""
    with open_table(source, options=options) as table:
        chunks = [*table.read_chunks(size)]
    rows = {number: [*row] for chunk in chunks for number, row in zip(chunk.numbers, chunk.rows, strict=True)}
    return rows, [fault for chunk in chunks for fault in chunk.faults]


def test_ods_arrives_as_it_was_shown() -> None:
    """What LibreOffice saved: zeros, dates, a share, a span, an error; and the numbers of its rows."""
    with open_table(TABLES / "staff.ods") as table:
        assert (table.file_format, table.header, table.header_number) == ("ods", HEADER, 3)
    rows, faults = read(TABLES / "staff.ods")
    moment = dt.datetime(2024, 5, 1, 13, 30, 5)
    assert rows == {4: ["007", "Ada", dt.date(1985, 12, 10), "12.5%", "36:00:00", 1, dt.time(3, 4, 5), moment]}
    assert [(fault.number, fault.column, fault.value, fault.code) for fault in faults] == [
        (6, "span", "#DIV/0!", "error_cell")
    ]


#: What XlsxWriter and LibreOffice have saved: cells of every kind and format, blank ones with a style, a formula.
SAVED = {
    "code": "007",
    "name": "Zoë & <Ada>",
    "count": 7,
    "long": 123456789012345,
    "price": -1234.5,
    "share": "12.5%",
    "padded": "00042",
    "born": dt.date(1985, 12, 10),
    "seen": dt.datetime(2024, 5, 1, 13, 30, 5),
    "at": dt.time(3, 4, 5),
    "span": "36:00:00",
    "open": True,
    "total": 14,
    "note": "a long note",
    "blank": None,
}


@pytest.mark.parametrize(
    "name",
    ["xlsxwriter.xlsx", "xlsxwriter_stream.xlsx", "xlsxwriter_1904.xlsx", "libreoffice.xlsx", "libreoffice.ods"],
)
def test_what_other_programs_save_arrives_as_it_was_shown(name: str) -> None:
    """Whether texts are shared or stand inline, and whatever the first day of all dates is."""
    with open_table(TABLES / name) as table:
        assert [*table.header] == [*SAVED]
    rows, faults = read(TABLES / name)
    expected = [*SAVED.values()]
    assert [*rows] == [3, 4, 6]
    assert rows[3] == expected
    for number, text in ((4, "_x0041_"), (6, " spaced\n")):
        assert rows[number] == [expected[0], text, *expected[2:11], False, *expected[12:]]
    assert [(fault.number, fault.column, fault.value, fault.code) for fault in faults] == [
        (7, "total", "#DIV/0!", "error_cell")
    ]


def test_xls_arrives_with_its_values() -> None:
    """A share is the number that is stored there, and an error is blank: the format's reader tells no more."""
    with open_table(TABLES / "staff.xls") as table:
        assert (table.file_format, table.header, table.header_number) == ("xls", HEADER, 3)
    rows, faults = read(TABLES / "staff.xls")
    moment = dt.datetime(2024, 5, 1, 13, 30, 5)
    assert rows == {
        4: ["007", "Ada", dt.date(1985, 12, 10), 0.125, "36:00:00", True, dt.time(3, 4, 5), moment],
        6: [7, "NA", None, 1.5, None, None, None, None],
    }
    assert faults == []


@pytest.mark.parametrize("name", ["staff.ods", "staff.xls"])
def test_the_sheet_is_chosen_by_name_or_place(name: str) -> None:
    """Without a choice it is the first."""
    for sheet in ("Other", 1):
        assert read(TABLES / name, ReadOptions(sheet=sheet))[0] == {2: [1]}
    for wrong in ("None", 7):
        with pytest.raises(UnreadableFileError, match=f"no sheet {wrong!r}"):
            read(TABLES / name, ReadOptions(sheet=wrong))


@pytest.mark.parametrize("name", ["staff.ods", "staff.xls"])
def test_reading_goes_on_behind_a_chunk(name: str) -> None:
    """From the row that the place names."""
    with open_table(TABLES / name) as table:
        assert [*next(table.read_chunks(1, Cursor(number=4))).numbers] == [4]
        rest = [*table.read_chunks(1, Cursor(number=5))]
    assert [[*chunk.numbers] or chunk.faults[0].number for chunk in rest] in ([[6]], [6])


def test_ods_cells_have_their_types_and_repetitions() -> None:
    """Texts have lines, tabs and spaces; notes are not part of them; blank cells at the end are nothing."""
    row, cell = "table:table-row", "table:table-cell"
    note = "<office:annotation><text:p>no</text:p></office:annotation>"
    text = '<text:p>a<text:s text:c="2"/><text:span>b</text:span></text:p><text:p>c<text:tab/>d</text:p>'
    rows = (
        f'<{row} table:number-rows-repeated="3"><{cell} table:number-columns-repeated="1024"/></{row}>'
        f'<{row} table:number-rows-repeated="2"><{cell} office:value-type="string">{note}{text}</{cell}>'
        f'<{cell} table:number-columns-repeated="1000"/></{row}>'
    ) + "".join(
        f'<{row}><{cell} office:value-type="{kind}" {attribute}><text:p>shown</text:p></{cell}></{row}>'
        for kind, attribute in [
            ("boolean", 'office:boolean-value="true"'),
            ("float", 'office:value="9007199254740993"'),
            ("percentage", 'office:value="0.07"'),
            ("currency", 'office:value="1.5"'),
            ("date", 'office:date-value="2024-05-01"'),
            ("date", 'office:date-value="2024-05-01T10:00:00"'),
            ("time", 'office:time-value="PT26H00M00S"'),
        ]
    )
    found, faults = read(io.BytesIO(build_ods(rows)))
    assert faults == []
    assert found == {
        5: ["a  b\nc\td"],
        6: ["a  b\nc\td"],
        7: [True],
        8: [9007199254740993],
        9: ["7%"],
        10: [1.5],
        11: [dt.date(2024, 5, 1)],
        12: [dt.datetime(2024, 5, 1, 10)],
        13: ["26:00:00"],
    }


def test_damaged_ods_cells_are_the_faults_of_their_rows() -> None:
    """So is what stands beyond the header."""
    cell = "table:table-cell"
    rows = "".join(
        f"<table:table-row>{text}</table:table-row>"
        for text in (
            f'<{cell} office:value-type="float" office:value="many"/>',
            f'<{cell} office:value-type="date" office:date-value="someday"/>',
            f'<{cell} office:value-type="time" office:time-value="soon"/>',
            f'<{cell}/><{cell} office:value-type="string"><text:p>x</text:p></{cell}>',
        )
    )
    found, faults = read(io.BytesIO(build_ods(rows)))
    assert found == {}
    assert [(fault.number, fault.column, fault.code) for fault in faults] == [
        (2, "a", "invalid_cell"),
        (3, "a", "invalid_cell"),
        (4, "a", "invalid_cell"),
        (5, None, "ragged"),
    ]


def test_a_frame_is_a_table() -> None:
    """Its values are those of the standard library, and what is missing is nothing; rows count from 1."""
    frame = pd.DataFrame(
        {
            "code": ["007", None, None],
            "count": [1, None, None],
            "when": [pd.Timestamp("2024-05-01 10:00"), pd.NaT, pd.NaT],
            "open": [True, False, None],
            "span": [pd.Timedelta(hours=36), pd.NaT, pd.NaT],
        }
    )
    rows, faults = read(frame)
    assert faults == []
    assert rows == {1: ["007", 1, dt.datetime(2024, 5, 1, 10), True, "36:00:00"], 2: [None, None, None, False, None]}
    assert type(rows[1][1]) is int
    assert type(rows[1][2]) is dt.datetime


def test_a_frame_may_hold_what_no_database_does() -> None:
    """Its rows fail by themselves, and their values can be shown."""
    _, faults = read(pd.DataFrame({"a": ["x\0", "fine", "x\ud800"]}))
    assert [(fault.number, fault.column, fault.value, fault.code) for fault in faults] == [
        (1, "a", "x\0", "nul"),
        (3, "a", "x\\ud800", "invalid_cell"),
    ]


def test_a_frame_has_to_have_a_clear_header() -> None:
    """As a file has."""
    with pytest.raises(UnreadableFileError, match="same header 'a'"):
        read(pd.DataFrame([[1, 2]], columns=["a", "a"]))


@pytest.mark.parametrize(
    "kind", ["xlsx", "xlsx without a size", "xls", "ods", "ods with repeated rows", "ods spelled oddly", "dataframe"]
)
def test_rows_are_counted_before_any_is_read(kind: str) -> None:
    """By what the sheet says, or by its tags; blank ones do not count."""
    book = openpyxl.Workbook()
    for cells in (["a"], [1], [None], [None], [2]):
        book.worksheets[0].append(cells)
    out = io.BytesIO()
    book.save(out)
    xls = build_xls_text(0, 0, "a") + build_xls_number(1, 0) + build_xls_number(4, 0)
    cell = '<table:table-cell office:value-type="float" office:value="1"/>'
    row, blank = f"<table:table-row>{cell}</table:table-row>", "<table:table-row><table:table-cell/></table:table-row>"
    blanks = blank.replace("-row>", '-row table:number-rows-repeated="1000000">', 1)
    repeated = row.replace("-row>", '-row table:number-rows-repeated="2">', 1)
    sources: dict[str, TableSource] = {
        "xlsx": out,
        "xlsx without a size": io.BytesIO(
            build_workbook("".join(f"<row><c><v>{value}</v></c></row>" for value in ("1", "2", "", "3")))
        ),
        "ods": io.BytesIO(build_ods(row + blank + row + blanks)),
        "ods with repeated rows": io.BytesIO(build_ods(blank + repeated + blanks)),
        "ods spelled oddly": io.BytesIO(build_ods(blank + repeated.replace('"', "'"))),
        "xls": io.BytesIO(build_xls(xls)),
        "dataframe": pd.DataFrame({"a": [1, None, None, 2]}),
    }
    assert len(read(sources[kind], ReadOptions(limits=ReadLimits(max_rows=2)))[0]) == 2
    with (
        pytest.raises(FileTooLargeError, match="more than the 1 rows"),
        open_table(sources[kind], options=ReadOptions(limits=ReadLimits(max_rows=1))),
    ):
        pass


def test_a_table_becomes_a_frame() -> None:
    """Nothing is guessed on the way."""
    with open_table(io.BytesIO(b"code,name\n007,NA\n\n1,\n")) as table:
        frame = build_dataframe(table)
    assert frame.to_dict("index") == {2: {"code": "007", "name": "NA"}, 4: {"code": "1", "name": ""}}


def test_a_missing_library_is_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """XLS asks for one, and a frame for another."""
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'drf-commons\[import\]'"):
        read(TABLES / "staff.xls")
    monkeypatch.setitem(sys.modules, "pandas", None)
    with (
        open_table(io.BytesIO(b"a\n1\n")) as table,
        pytest.raises(MissingExtraError, match=r"pip install 'drf-commons\[import\]'"),
    ):
        build_dataframe(table)


def test_a_stream_is_read_to_its_end(tmp_path: Path) -> None:
    """What cannot be sought in is copied first, and its size is bounded too."""

    class Pipe(io.RawIOBase):
        def __init__(self, data: bytes) -> None:
            self.rest = data

        @override
        def readable(self) -> bool:
            return True

        @override
        def read(self, size: int = -1) -> bytes:
            taken, self.rest = self.rest[:size], self.rest[size:]
            return taken

    assert read(Pipe(b"a\n1\n"))[0] == {2: ["1"]}  # type: ignore[arg-type]  # all that is asked of a file
