"""Rows of a CSV file that are read many at a time are those that the csv module reads one by one."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from drf_commons.errors import UnreadableFileError
from drf_commons.services.importing.csv_tables import CsvTable
from drf_commons.services.importing.tables import ReadOptions, open_table

#: Whole rows as they should be, and everything that is special somewhere.
PARTS: Final = st.sampled_from(
    [
        "a,b\n",
        "1,2\r\n",
        "é,ü\n",
        ",x\n",
        ",\n",
        "a,b,c\n",
        '"a",b\n',
        "'=1,b\n",
        "a,'=2\n",
        "a,b'\n",
        *"ab,\n\r\"'=\0 é;",
    ]
)


def read(data: bytes, size: int, encoding: str | None) -> Sequence[Any] | str:
    """Return the chunks of a file, or why it cannot be read."""
    try:
        with open_table(io.BytesIO(data), name="x.csv", options=ReadOptions(encoding=encoding, delimiter=",")) as table:
            return [*table.read_chunks(size)]
    except UnreadableFileError as exc:
        return str(exc)


@given(
    parts=st.lists(PARTS, max_size=30),
    size=st.integers(1, 12),
    encoding=st.sampled_from([None, "utf-8", "cp1252", "utf-16-le", "utf-7"]),
    piece=st.integers(1, 5),
    block=st.integers(1, 40),
)
@example(parts=["a,b\n"] * 9, size=4, encoding=None, piece=3, block=9)
@example(parts=["a,b\n", "+ACI-,b\n"], size=4, encoding="utf-7", piece=3, block=40)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_many_rows_at_a_time_are_the_rows_one_by_one(
    monkeypatch: pytest.MonkeyPatch, parts: list[str], size: int, encoding: str | None, piece: int, block: int
) -> None:
    """With their numbers, their faults, and the places between them."""
    data = ("x,y\n" + "".join(parts)).encode(encoding or "utf-8")
    with monkeypatch.context() as patch:
        patch.setattr("drf_commons.services.importing.csv_tables._PIECE", piece)
        patch.setattr("drf_commons.services.importing.texts._PIECE", block)
        at_once = read(data, size, encoding)
        patch.setattr(CsvTable, "_read_plain", lambda _table, _most: [])
        assert at_once == read(data, size, encoding)


def test_plain_rows_never_meet_the_csv_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """What makes the reading fast is used: only the end of the file is asked of the module."""
    asked: list[int] = []
    build = CsvTable._build_reader

    def count(table: CsvTable) -> Any:
        for row in build(table):
            asked.append(len(row))
            yield row

    data = ("x,y\n" + "a,b\n" * 1000).encode()
    with open_table(io.BytesIO(data), name="x.csv", options=ReadOptions(delimiter=",")) as table:
        monkeypatch.setattr(CsvTable, "_build_reader", count)
        chunks = [*table.read_chunks(300)]
    assert ([len(chunk.rows) for chunk in chunks], asked) == ([300, 300, 300, 100], [])


def test_a_quote_that_is_never_closed_at_the_end_of_a_chunk_costs_one_row() -> None:
    """The reader went to the end of the file for it, and comes back for the rows behind it."""
    chunks = read(b'x,y\na,b\n"c,d\ne,f\ng,h\n', 2, None)
    assert [[*chunk.rows] for chunk in chunks if not isinstance(chunk, str)] == [[["a", "b"]], [["e", "f"], ["g", "h"]]]
