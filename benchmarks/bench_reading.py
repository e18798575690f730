"""Reading files: an XLSX sheet against openpyxl's read-only mode, and the memory that reading takes."""

from __future__ import annotations

import csv
import datetime as dt
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import openpyxl
import pytest

from benchmarks.interleave import Contender
from drf_commons.services.exporting.xlsx import Sheet, SheetColumn, write_workbook
from drf_commons.services.importing import open_table

if TYPE_CHECKING:
    from benchmarks.conftest import Compete, Size

SCRIPT: Final = Path(__file__).with_name("workers") / "reading.py"
#: Rows of the file that both read, by size of the run.
RACE_ROWS: Final = {30: 10_000, 200: 100_000}
BLOCK: Final = 2_000
HEADER: Final = [f"column {number}" for number in range(15)]

#: Rows of the file whose reading is measured in memory, by size of the run.
ROWS: Final = {"xlsx": {30: 20_000, 200: 100_000}, "csv": {30: 100_000, 200: 1_000_000}}
#: Kilobytes that reading may add to the idle process.
ROOM: Final = {"xlsx": 25_000, "csv": 15_000}


def build_rows(count: int) -> Iterator[Sequence[object]]:
    """Yield rows of every kind of cell, the same ones each time."""
    chance = random.Random(1)  # noqa: S311  # the same rows each time
    day, moment = dt.date(2000, 1, 1), dt.datetime(2020, 1, 1)  # noqa: DTZ001  # sheets know no time zones
    for number in range(count):
        yield (
            f"{number:06}",
            f"Name {chance.randrange(1_000)}",
            f"mail{number}@example.com",
            chance.random() * 1_000,
            chance.randrange(10**6),
            bool(chance.randrange(2)),
            day + dt.timedelta(days=chance.randrange(9_000)),
            moment + dt.timedelta(seconds=chance.randrange(10**8)),
            None,
            "NA",
            f"City {chance.randrange(50)}",
            chance.randrange(100),
            round(chance.random() * 10_000, 2),
            "a text of some length, as notes are",
            f"unit {number % 7}",
        )


def build_blocks(count: int) -> Iterator[Sequence[Sequence[object]]]:
    """Yield the rows in blocks."""
    block: list[Sequence[object]] = []
    for row in build_rows(count):
        block.append(row)
        if len(block) == BLOCK:
            yield block
            block = []
    yield block


def test_reading_a_sheet(compete: Compete, size: Size, tmp_path: Path) -> None:
    """A sheet as openpyxl saves it is read, with its faults told apart, in a third of openpyxl's time."""
    count = RACE_ROWS[size.rounds]
    path = tmp_path / "rows.xlsx"
    book = openpyxl.Workbook()
    for row in (HEADER, *build_rows(count)):
        book.worksheets[0].append([*row])
    book.save(path)

    def read_with_openpyxl() -> None:
        sheet = openpyxl.load_workbook(path, read_only=True).worksheets[0]
        assert sum(1 for _ in sheet.iter_rows(values_only=True)) == count + 1

    def read() -> None:
        with open_table(path) as table:
            assert sum(len(chunk.rows) for chunk in table.read_chunks(BLOCK)) == count

    contenders = [Contender(name="openpyxl", run=read_with_openpyxl), Contender(name="drf_commons", run=read)]
    compete("xlsx_read", contenders, effort=0.02, clock=time.process_time)


@pytest.mark.parametrize("kind", ROWS)
def test_memory_of_reading(kind: str, size: Size, tmp_path: Path) -> None:
    """However many rows a file has, reading it keeps a chunk of them."""
    count = ROWS[kind][size.rounds]
    path = tmp_path / f"rows.{kind}"
    if kind == "xlsx":
        columns = [SheetColumn(header=name) for name in HEADER]
        with path.open("wb") as file:
            file.writelines(write_workbook([Sheet(name="Rows", columns=columns, blocks=build_blocks(count))]))
    else:
        with path.open("w", newline="", encoding="utf-8") as text:
            writer = csv.writer(text)
            writer.writerow(HEADER)
            writer.writerows(build_rows(count))
    answer = subprocess.run(  # noqa: S603  # our own script
        [sys.executable, SCRIPT, path], capture_output=True, text=True, check=True, timeout=600
    )
    rows, kilobytes = map(int, answer.stdout.split())
    print(f"\n{kind}: {rows:,} rows in {kilobytes:,} KB above the idle process")
    assert rows == count
    assert kilobytes <= ROOM[kind]
