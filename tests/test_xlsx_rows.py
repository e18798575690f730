"""Rows that are read without the parser: they mean exactly what the parser says, whatever stands in the sheet.

A sheet in UTF-16 has the same characters, and the parser alone can read it: each test compares the two.
"""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drf_commons.errors import UnreadableFileError
from drf_commons.services.importing import ReadLimits, ReadOptions, open_table
from drf_commons.services.importing.xlsx_cells import CellParser
from tests.workbooks import NAMESPACE, build_parts, build_styles, pack

pytestmark = pytest.mark.once

HEADER = '<row r="1"><c r="A1" t="str"><v>a</v></c><c r="B1" t="str"><v>b</v></c><c r="C1" t="str"><v>c</v></c></row>'
SHARED = "<si><t>one</t></si><si><t/></si><si><t>_x0000_</t></si><si><t>a text that is too long for its cell</t></si>"
OPTIONS = ReadOptions(limits=ReadLimits(max_cell_length=30))

CELLS = [
    '<c r="{}"><v>1</v></c>',
    '<c r="{}" t="n"><v>-1.50</v></c>',
    '<c r="{}"><v>1E3</v></c>',
    '<c r="{}"><v>1.0e999</v></c>',
    '<c r="{}"><v></v></c>',
    '<c r="{}"><v/></c>',
    '<c r="{}" s="1"><v>45413</v></c>',
    '<c r="{}" s="1"><v>-45413</v></c>',
    '<c r="{}" s="2" t="n"><v>0.125</v></c>',
    '<c r="{}" s="2"/>',
    '<c r="{}" s="2"></c>',
    '<c r="{}" s="2"/>beside',
    '<c r="{}" s="0" t="s"><v>0</v></c>',
    '<c r="{}" t="s"><v>1</v></c>',
    '<c r="{}" t="s"><v>2</v></c>',
    '<c r="{}" t="s"><v>3</v></c>',
    '<c r="{}" t="s"><v>-1</v></c>',
    '<c r="{}" t="b"><v>1</v></c>',
    '<c r="{}" t="e"><v>#N/A</v></c>',
    '<c r="{}" t="d"><v>2024-05-01</v></c>',
    '<c r="{}" t="str"><v>Zoë €</v></c>',
    '<c r="{}" t="str"><v>_x0041_</v></c>',
    '<c r="{}" t="str"><v>a &amp; b</v></c>',
    '<c r="{}" t="str"><v>a &amp; b &#65;</v></c>',
    '<c r="{}" t="str"><v>&lt;&no;</v></c>',
    '<c r="{}" t="str"><v>]]></v></c>',
    '<c r="{}" t="str"><v>a > b\r\n</v></c>',
    '<c r="{}"><v> 7 </v></c>',
    '<c r="{}"><v>x</v></c>',
    '<c r="{}" t="s"><v>9</v></c>',
    '<c r="{}" t="s"><v></v></c>',
    '<c r="{}" t="b"><v></v></c>',
    '<c r="{}" t="str"><f>A1</f><v>x</v></c>',
    '<c r="{}" t="str"><f>A1</f><v></v></c>',
    '<c r="{}"><f>A1&amp;"a"&lt;1</f><v>4</v></c>',
    '<c r="{}"><f>A1&no;</f><v>4</v></c>',
    '<c r="{}"><f t="shared" ref="A1:A9" si="0">A1</f><v>4</v></c>',
    '<c r="{}"><f t="shared" si="0"/><v>4</v></c>',
    '<c r="{}"><f>A1</f><f>A1</f><v>4</v></c>',
    '<c r="{}"><f>A1</f><is><t>x</t></is></c>',
    '<f>A1</f><c r="{}"><v>4</v></c>',
    '<c r="{}"><v>5',
    '<c r="{}"><is></c>',
    '<c r="{}"><c/></c>',
    '<c r="{}" t="inlineStr"><is><t>a</t><t>b</t></is></c>',
    '<c r="{}" t="inlineStr"><is><t>a<!-- no --></t></is></c>',
    '<c r="{}" t="inlineStr"><is><t>\ufffe</t></is></c>',
    '<c r="{}" t="inlineStr"><is><t></t></is></c>',
    '<c r="A{}"><v>6</v></c>',
    '<c r="{}" t="str"><v><![CDATA[</v></c>]]></v></c>',
    '<c r="{}" t="inlineStr"><is><t>NA</t></is></c>',
    '<c r="{}" t="inlineStr"><is><t xml:space="preserve"> a\tb\n</t></is></c>',
    '<c r="{}" t="inlineStr"><is><r><t>a</t></r><r><t>b</t></r></is></c>',
    '<c r="{}" t="inlineStr"><is><t>a text that is too long for its cell</t></is></c>',
    '<c r="{}"><f>A1+1</f><v>2</v></c>',
    '<c r="{}"><f>A1+1</f></c>',
    '<c t="n" r="{}"><v>7</v></c>',
    '<c r="{}" t="n" t="n"><v>7</v></c>',
    "<c><v>8</v></c>",
    ' <!-- <c r="{}"><v>9</v></c> --> ',
]
ROWS = [
    '<row r="{0}">{1}</row>',
    '<row r="{0}">{1}</row>',
    '\n<row r="{0}" spans="1:3">{1}</row>',
    '<row r="{0}" spans="1:3" ht="&quot;">{1}</row>',
    '<row r="{0}" r="{0}">{1}</row>',
    '<row spans="1:3" r="{0}">{1}</row>',
    '<row r="x">{1}</row>',
    '<row r="1048577">{1}</row>',
    '<row r="{0}">{1}',
    '<row r="{0}"><row/>{1}</row>',
    '<row r="{0}"/><row r="{0}5">{1}</row>',
    "<row>{1}</row>",
    "<row/>",
    '<!-- <row r="{0}">{1}</row> -->',
    '<!-- <row r="{0}">{1}</row>',
    "--><x><!--</row>--></x>",
    '<x><row r="{0}">{1}</row></x>',
    '<![CDATA[ <row r="{0}">{1}</row> ]]>',
]
DAMAGES = st.lists(
    st.tuples(st.floats(0, 1), st.sampled_from(["", *"<>&/\"' x1=]\r\n\0\1\x7f\u00e9\ufffd\uffff\U0001f600"]))
)

Outcome = list[object] | str


def read(sheet: str, encoding: str) -> Outcome:
    """Return the rows with the types of their cells, and the faults; or that the file is refused."""
    part = f'<worksheet xmlns="{NAMESPACE}"><sheetData>{HEADER}{sheet}</sheetData></worksheet>'
    parts: dict[str, str | bytes] = {**build_parts("", shared=SHARED, styles=build_styles("yyyy-mm-dd", "0%"))}
    parts["xl/worksheets/sheet1.xml"] = part.encode(encoding)
    found: list[object] = []
    try:
        with open_table(io.BytesIO(pack(parts)), name="data.xlsx", options=OPTIONS) as table:
            for chunk in table.read_chunks(3):
                rows = [[(type(cell), cell) for cell in row] for row in chunk.rows]
                found += [*zip(chunk.numbers, rows, strict=True), *chunk.faults]
    except UnreadableFileError:
        return "refused"
    return found


@st.composite
def build_sheets(draw: st.DrawFn) -> str:
    """Return what stands in a sheet: rows that are nearly all in order, of the cells and rows above."""
    number, rows = 1, []
    for _ in range(draw(st.integers(1, 8))):
        number += draw(st.sampled_from([1, 1, 1, 2, 0]))
        columns = draw(st.sampled_from(["ABC", "ABC", "ABC", "AC", "B", "", "ABCD", "CA"]))
        cells = [draw(st.sampled_from(CELLS)).format(f"{letter}{number}") for letter in columns]
        rows.append(draw(st.sampled_from(ROWS)).format(number, "".join(cells)))
    return "".join(rows)


def test_cells_mean_what_the_parser_says() -> None:
    """Each of them, in a row between two plain ones; and each kind of row."""
    plain = '<row r="{0}"><c r="A{0}"><v>1</v></c><c r="C{0}"><v>3</v></c></row>'
    rows = [f'<row r="3">{cell.format("B3")}</row>' for cell in CELLS]
    rows += [row.format(3, '<c r="B3"><v>2</v></c>') for row in ROWS]
    for row in rows:
        sheet = f"{plain.format(2)}{row}{plain.format(36)}"
        assert read(sheet, "utf-8") == read(sheet, "utf-16"), row


@given(sheet=build_sheets())
def test_rows_mean_what_the_parser_says(sheet: str) -> None:
    """However they are spelled, alone and next to each other."""
    assert read(sheet, "utf-8") == read(sheet, "utf-16")


@given(sheet=build_sheets(), damages=DAMAGES)
def test_damaged_rows_end_as_the_parser_says(sheet: str, damages: list[tuple[float, str]]) -> None:
    """A sheet is refused if the parser refuses it, and else has the same cells."""
    for share, sign in damages[:3]:
        place = int(share * (len(sheet) - 1))
        sheet = sheet[:place] + sign + sheet[place + 1 :]
    assert read(sheet, "utf-8") == read(sheet, "utf-16")


def test_another_encoding_is_read_by_the_parser() -> None:
    """Bytes that would be UTF-8 as well are what the declaration says."""
    text = f'<?xml version="1.0" encoding="iso-8859-1"?><worksheet><sheetData>{HEADER}'
    text += "".join(f'<row r="{number}"><c r="A{number}" t="str"><v>Ã©</v></c></row>' for number in (2, 3))
    parts: dict[str, str | bytes] = {**build_parts("")}
    parts["xl/worksheets/sheet1.xml"] = f"{text}</sheetData></worksheet>".encode("latin-1")
    with open_table(io.BytesIO(pack(parts))) as table:
        (chunk,) = table.read_chunks(3)
    assert chunk.rows == [["Ã©", None, None]] * 2


def test_a_large_sheet_is_read_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rows are cut nowhere, and the parser has seen the first of each kind and the odd ones, no others."""
    rows = []
    for number in range(2, 6_000):
        cells = [CELLS[number % 3].format(f"A{number}"), f'<c r="C{number}" t="str"><v>{"é" * (number % 20)}</v></c>']
        odd = "<!-- odd -->" if number % 1_000 == 0 else ""
        rows.append(f'<row r="{number}" spans="1:3">{odd}{"".join(cells)}</row>')
    sheet = "".join(rows)
    expected = read(sheet, "utf-16")
    seen: list[int] = []
    parse = CellParser.parse

    def count(parser: CellParser, data: bytes, *, is_last: bool = False) -> object:
        seen.append(data.count(b"<row "))
        return parse(parser, data, is_last=is_last)

    monkeypatch.setattr(CellParser, "parse", count)
    assert read(sheet, "utf-8") == expected
    assert len(expected) == 5_998
    # The header is read once more, on its own.
    assert sum(seen) == 1 + 1 + 1 + 5
