"""CSV files as tables: encodings, delimiters, quotes, faults with their lines, and places to go on from."""

from __future__ import annotations

import csv
import io
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drf_commons.errors import FileTooLargeError, UnreadableFileError
from drf_commons.services.formulas import guard, is_formula_like, unguard
from drf_commons.services.importing import Chunk, Cursor, ReadLimits, ReadOptions, RowFault, open_table

pytestmark = pytest.mark.once

Row = list[object]


def read(data: bytes, options: ReadOptions | None = None, size: int = 3) -> tuple[list[str], list[Chunk]]:
    """Return the header and the chunks of a file."""
    with open_table(io.BytesIO(data), name="data.csv", options=options) as table:
        return [*table.header], [*table.read_chunks(size)]


def read_rows(data: bytes, options: ReadOptions | None = None) -> dict[int, Row]:
    """Return the rows by number, of a file without faults."""
    _, chunks = read(data, options)
    assert [fault for chunk in chunks for fault in chunk.faults] == []
    return {number: [*row] for chunk in chunks for number, row in zip(chunk.numbers, chunk.rows, strict=True)}


def read_faults(data: bytes, options: ReadOptions | None = None) -> tuple[list[int], list[RowFault]]:
    """Return the numbers of the good rows, and the faults."""
    _, chunks = read(data, options)
    return [number for chunk in chunks for number in chunk.numbers], [
        fault for chunk in chunks for fault in chunk.faults
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_encoding_and_delimiter_are_found(encoding: str, delimiter: str) -> None:
    """What a spreadsheet program saves is read without a word about how."""
    text = f"name{delimiter}city\nMüller{delimiter}Köln\nGarçon{delimiter}Besançon\n"
    assert read_rows(text.encode(encoding)) == {2: ["Müller", "Köln"], 3: ["Garçon", "Besançon"]}


def test_the_table_says_how_it_was_read() -> None:
    """A report can name the encoding and the delimiter that were found."""
    with open_table(io.BytesIO("a;b\né;1\n".encode("cp1252"))) as table:
        assert (table.file_format, table.encoding, table.delimiter, table.header_number) == ("csv", "cp1252", ";", 1)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("\u0438\u043c\u044f\n\u0414\u0436\u043e\u043d\n", "cp1251"),
        ("name\nDvořák a Šimek\n", "cp1250"),
        ("isim\nYağmur\n", "cp1254"),
    ],
)
def test_an_uncertain_encoding_is_not_guessed(text: str, encoding: str) -> None:
    """A text in another alphabet is refused with its line; declared, it is read."""
    with pytest.raises(UnreadableFileError, match=r"data\.csv, row \d: the byte 0x.. is not UTF-8; .* declare"):
        read(text.encode(encoding))
    rows = read_rows(text.encode(encoding), ReadOptions(encoding=encoding))
    assert rows[2] == text.splitlines()[1].split(",")


def test_a_broken_byte_in_a_utf8_file_is_an_error_with_its_line() -> None:
    """One bad byte does not turn a whole UTF-8 file into mojibake."""
    with pytest.raises(UnreadableFileError, match="row 3: the byte 0xff is not UTF-8") as caught:
        read(b"name\nM\xc3\xbcller\nK\xffln\n")
    assert caught.value.row == 3


@pytest.mark.parametrize("encoding", ["no-such", "base64", "rot13", "cp037", "utf-32"])
def test_an_encoding_that_csv_cannot_be_read_in_is_refused(encoding: str) -> None:
    """An unknown name, and a codec that is not one of texts, is an error that repeats it."""
    with pytest.raises(UnreadableFileError, match=encoding):
        read(b"a,b\n1,2\n", ReadOptions(encoding=encoding))


@pytest.mark.parametrize("byte_order", ["le", "be"])
def test_a_file_that_is_marked_as_utf_32_is_refused(byte_order: str) -> None:
    """Its lines could not be told apart; it is an error like that of any other file that cannot be read."""
    with pytest.raises(UnreadableFileError, match="it is UTF-32"):
        read("\ufeffa,b\n1,2\n".encode(f"utf-32-{byte_order}"))


def test_a_declared_encoding_has_to_agree_with_the_mark() -> None:
    """A byte order mark is stronger evidence than what somebody says."""
    with pytest.raises(UnreadableFileError, match=r"declared encoding is CP1252, .* mark of UTF-8"):
        read("a\n1\n".encode("utf-8-sig"), ReadOptions(encoding="cp1252"))


def test_a_record_may_have_several_lines() -> None:
    """A row counts by the line on which it starts; the cell keeps its line breaks."""
    data = b'a,b\r\n1,"x\r\ny"\r\n\r\n,\r\n2,"say ""hi"", then"\r\n'
    assert read_rows(data) == {2: ["1", "x\r\ny"], 6: ["2", 'say "hi", then']}


def test_lines_may_end_in_carriage_returns_alone() -> None:
    """So did those of the first Macintosh, and so do those of a program that still offers it."""
    assert read_rows(b"a,b\r1,2\r3,4") == {2: ["1", "2"], 3: ["3", "4"]}


def test_a_directive_names_the_delimiter() -> None:
    """``sep=|`` is for the program that opens the file, and no row."""
    assert read_rows(b"sep=|\na|b,c\n1|2,3\n") == {3: ["1", "2,3"]}


def test_cells_arrive_as_they_stand() -> None:
    """Nothing is guessed: zeros, long numbers, ``NA``, blanks and spaces are text."""
    rows = read_rows(b"a,b,c,d,e\n007,9007199254740993,NA, x ,\n")
    assert rows == {2: ["007", "9007199254740993", "NA", " x ", ""]}


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (b"name,name", "row 1, column 'name': the columns A and B have the same header 'name'"),
        (b"name, name ", "row 1, column 'name': the columns A and B have the same header 'name'"),
        (b"name,,code", "row 1: column B has no header"),
        (b",,code", "row 1: columns A, B have no header"),
    ],
)
def test_a_header_that_is_not_clear_is_refused_by_name(header: bytes, reason: str) -> None:
    """Two columns that cannot be told apart are never mixed up."""
    with pytest.raises(UnreadableFileError) as caught:
        read(header + b"\n1,2,3\n")
    assert str(caught.value).startswith(f"data.csv, {reason}")


def test_the_header_may_stand_below_a_title() -> None:
    """Its row is named; without a name it is the first that is not blank."""
    data = b"Staff of 2024\n\nname,code\nAda,7\n"
    assert read(b"\n,\n" + data[15:])[0] == ["name", "code"]
    assert read_rows(data, ReadOptions(header_row=3)) == {4: ["Ada", "7"]}
    with pytest.raises(UnreadableFileError, match="no header in row 9"):
        read(data, ReadOptions(header_row=9))


def test_a_line_of_spaces_is_blank() -> None:
    """Editors leave them; where the line is a row of the table, they are a text like any other."""
    assert read_faults(b"a,b\n1,2\n   \n\t \n3,4\n  ,  \n") == ([2, 5, 6], [])
    assert read_rows(b"a\n  \n") == {2: ["  "]}


def test_rows_of_another_width_are_faults() -> None:
    """They are reported with their line, and take no other row with them; blank cells at the end do no harm."""
    good, faults = read_faults(b"a,b,c\n1,2\n1,2,3\n1,2,3,4\n1,2,3,,\n")
    assert good == [3, 5]
    assert [(fault.number, fault.column, fault.value, fault.code) for fault in faults] == [
        (2, "c", None, "ragged"),
        (4, None, "4", "ragged"),
    ]
    assert [fault.reason for fault in faults] == [
        "the row has 2 cells, and the header has 3",
        "the row has 4 cells, and the header has 3; behind its last column stands '4'",
    ]


@pytest.mark.parametrize("size", [1, 2, 50])
def test_a_quote_that_is_never_closed_is_the_fault_of_its_row(size: int) -> None:
    """The rows behind it are read, not swallowed."""
    _, chunks = read(b'a,b\n1,x\n2,"open\n3,"fine"\n4,"a "bad" one"\n5,end\n', size=size)
    assert [number for chunk in chunks for number in chunk.numbers] == [2, 4, 6]
    faults = [fault for chunk in chunks for fault in chunk.faults]
    assert [(fault.number, fault.column, fault.code) for fault in faults] == [(3, "b", "quote"), (5, "b", "quote")]
    assert "double every quote" in faults[0].reason


def test_a_quote_open_at_the_end_is_found() -> None:
    """The end of the file closes nothing."""
    good, faults = read_faults(b'a,b\n1,"x\n2,y\n')
    assert (good, [(fault.number, fault.code) for fault in faults]) == ([3], [(2, "quote")])


def test_a_huge_cell_is_the_fault_of_its_row() -> None:
    """Longer than a spreadsheet's cell, or than the csv module takes, over lines or not: the next row is read."""
    long = b"x" * 40_000
    data = b"a,b\n1," + long + b'\n2,"' + (long + b"\n") * 5 + b'"\n3,y\n'
    good, faults = read_faults(data)
    assert good == [9]
    assert [(fault.number, fault.column, fault.code) for fault in faults] == [
        (2, "b", "too_long"),
        (3, "b", "too_long"),
    ]
    assert faults[0].reason == "the cell has 40,000 characters, and 32,767 are allowed"
    assert len(str(faults[0].value)) < 100


def test_longer_cells_can_be_allowed() -> None:
    """A project with long texts raises the limit."""
    data = b"a\n" + b"x" * 200_000 + b"\n"
    assert len(str(read_rows(data, ReadOptions(limits=ReadLimits(max_cell_length=300_000)))[2][0])) == 200_000


def test_nul_and_lone_carriage_returns_are_faults_of_their_rows() -> None:
    """No database takes the one, and no program agrees about the other."""
    good, faults = read_faults(b"a,b\n1,\0\nx\ry,2\n3,4\n")
    assert good == [4]
    assert [(fault.number, fault.column, fault.code) for fault in faults] == [(2, "b", "nul"), (3, "a", "line_break")]


def test_quotes_that_send_the_reader_back_and_forth_end_in_an_error() -> None:
    """A file made to be read over and over is refused."""
    data = b'x,y\n"' + b'a","b\n' * 90_000 + b'"x"y\n'
    with pytest.raises(UnreadableFileError, match="too many quotes are opened and never closed"):
        read(data, size=1_000)


def test_more_rows_than_allowed_are_refused() -> None:
    """The limit counts rows, those with faults too."""
    options = ReadOptions(limits=ReadLimits(max_rows=2))
    assert len(read_rows(b"a,b\n1,2\n\n3,4\n", options)) == 2
    with pytest.raises(FileTooLargeError, match="more than the 2 rows that are allowed"):
        read(b"a,b\n1,2\n3\n5,6\n", options)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_rows_are_counted_before_any_is_read(end: bytes) -> None:
    """A file with too many is refused on opening; more lines than rows do no harm, nor does it change what is read."""
    options = ReadOptions(limits=ReadLimits(max_rows=2))
    for data in (b"a,b|1,2|3,4|5,6|", b"a,b|1,2|3,4|5,6", b"a,b|1,2|3|5,6"):
        with (
            pytest.raises(FileTooLargeError, match="more than the 2 rows"),
            open_table(io.BytesIO(data.replace(b"|", end)), options=options),
        ):
            pass
    rows = read_rows(b'a,b|1,"x|y|z"|||3,4|||'.replace(b"|", end), options)
    assert [*rows.values()] == [["1", f"x{end.decode()}y{end.decode()}z"], ["3", "4"]]


def test_more_bytes_than_allowed_are_refused() -> None:
    """The file is not even looked at."""
    with pytest.raises(FileTooLargeError, match=r"data\.csv: the file is larger than the 5 bytes"):
        read(b"a,b\n1,2\n", ReadOptions(limits=ReadLimits(max_bytes=5)))


@pytest.mark.parametrize(("data", "reason"), [(b"", "is empty"), (b"\n\n", "no header"), (b"%PDF-1.7", "a PDF")])
def test_what_is_no_table_is_refused(data: bytes, reason: str) -> None:
    """The message says what it is."""
    with pytest.raises(UnreadableFileError, match=reason):
        read(data)


@given(text=st.text(st.sampled_from("=+-@'\t\r \u00a0\uff1d5.a")))
def test_the_guard_comes_off_without_a_loss(text: str) -> None:
    """What is exported comes back, and no text that leaves can be run."""
    guarded = guard(text)
    assert unguard(guarded) == text
    assert not is_formula_like(guarded) or guarded.startswith("'")


def test_guarded_cells_are_read_as_they_were() -> None:
    """The apostrophe of an export goes; one that belongs to a word stays."""
    assert read_rows(b"a,b,c,d\n'=1+1,'t Hooft,-5,'-5\n") == {2: ["=1+1", "'t Hooft", "-5", "'-5"]}


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


#: Encodings that are found without a word, for any text.
FOUND = ["utf-8", "utf-8-sig", "utf-16"]


@given(
    data=st.data(),
    delimiter=st.sampled_from(",;\t|"),
    encoding=st.sampled_from([*FOUND, "utf-16-le", "utf-16-be", "cp1252"]),
    # Before Python 3.13, the csv module leaves a carriage return unquoted where lines do not end in one.
    style=st.sampled_from([(csv.QUOTE_ALL, "\r\n"), (csv.QUOTE_MINIMAL, "\r\n"), (csv.QUOTE_ALL, "\n")]),
    size=st.integers(1, 4),
)
def test_tables_come_back_as_they_were_written(
    data: st.DataObject, delimiter: str, encoding: str, style: tuple[Literal[0, 1], str], size: int
) -> None:
    """Every cell, with the line its record starts on; and reading can go on behind each chunk.

    The delimiter is declared or found, and so is the encoding, where there is one answer.
    """
    letters = st.characters(codec="cp1252", exclude_characters="\0") if encoding == "cp1252" else None
    cells = CELLS if letters is None else st.text(letters, max_size=8)
    rows = data.draw(st.lists(st.lists(cells, min_size=3, max_size=3), max_size=8))
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, quoting=style[0], lineterminator=style[1])
    writer.writerow(["first", "second", "third"])
    expected: dict[int, Row] = {}
    for row in rows:
        if any(row):
            expected[out.getvalue().count("\n") + 1] = [*row]
        writer.writerow([guard(cell) for cell in row])
    options = ReadOptions(
        encoding=data.draw(st.sampled_from([encoding, None] if encoding in FOUND else [encoding])),
        delimiter=data.draw(st.sampled_from([delimiter, None])),
    )
    file = out.getvalue().encode(encoding)
    assert read_rows(file, options) == expected
    with open_table(io.BytesIO(file), name="data.csv", options=options) as table:
        found: dict[int, Row] = {}
        cursor: Cursor | None = None
        while chunk := next(table.read_chunks(size, cursor), None):
            found |= {number: [*row] for number, row in zip(chunk.numbers, chunk.rows, strict=True)}
            cursor = chunk.cursor
    assert found == expected
