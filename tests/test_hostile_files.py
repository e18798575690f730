"""Files made to hurt end in a clear error, soon, and the process that opens them lives on in little memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import drf_commons
from tests.hostile import build_probes

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[1]

#: What is harmless after all: a row or two, and faults.
HARMLESS = {
    "two corners": "0 rows, 1 faults",
    "spaces repeated": "0 rows, 1 faults",
    "a long line": "1 rows, 5 faults",
}

#: A word of what the others are told.
REFUSED = {
    "a bomb": "200 times larger",
    "a bomb whose directory lies": "damaged",
    "a bomb in ODS": "200 times larger",
    "a cell beyond the last column": "no column that a sheet can have",
    "a row beyond the last": "1,048,576",
    "rows without end": "1,048,576",
    "a long cell": "far too long",
    "a long tag": "has no end",
    "many shared texts": "shared texts are far larger",
    "many columns": "columns A, B, C, D, E, … have no header",
    "nested tags": "nested too deep",
    "nested cells": "wrong place",
    "nested values": "wrong place",
    "nested texts": "nested too deep",
    "nested tags in ODS": "nested too deep",
    "laughs in a sheet": "document type",
    "laughs in the workbook": "document type",
    "laughs in the texts": "document type",
    "laughs in ODS": "document type",
    "a file from outside": "document type",
    "a sheet from outside": "no worksheet",
    "many files": "2,000 files",
    "a directory of a terabyte": "2,000 files",
    "a password": "protected by a password",
    "a password of Office": "protected by a password",
    "a password in ODS": "protected by a password",
    "an unknown compression": "compressed in a way",
    "an empty archive": "not CSV, XLSX, XLS or ODS",
    "no workbook": "no workbook",
    "repeated rows": "more than the 100,000 rows",
    "rows repeated beyond the last": "1,048,576",
    "rows repeated for ever": "no number of repeated cells",
    "an open quote": "more than the 100,000 rows",
    "quotes back and forth": "too many quotes",
    "zeros": "far too long",
    "noise": "is not UTF-8",
    "noise in XLS": "damaged",
    "a cell beyond the last column of XLS": "takes more than is allowed",
    "two corners of XLS": "takes more than is allowed",
    "a column too many in XLS": "damaged",
    "four thousand million rows in XLS": "takes more than is allowed",
    "one sheet under many names in XLS": "takes more than is allowed",
    "a file that goes round in XLS": "no sheet",
    "a file of terabytes in XLS": "no sheet",
    "directories without end in XLS": "no sheet",
    "a wrong extension": "its name says CSV, but its contents are XLSX",
    "another wrong extension": "its name says XLSX, but its contents are CSV",
    "a page": "a PDF",
    "a binary workbook": "XLSB",
}


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak of memory is read from Linux")
def test_hostile_files_end_in_a_clear_error() -> None:
    """Each within two seconds and 100 MB; files cut short, or with bytes changed, never end in another way."""
    result = subprocess.run(  # our own module
        [sys.executable, "-m", "tests.hostile"],
        cwd=ROOT,
        # Counting the lines that are run would take most of the time.
        env={name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
        | {"PYTHONPATH": f"{Path(drf_commons.__file__).parents[1]}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-2_000:]
    outcomes = json.loads(result.stdout)
    assert {*build_probes()} == {*HARMLESS, *REFUSED}
    for name, said in HARMLESS.items():
        assert outcomes[name]["said"] == said
    for name, word in REFUSED.items():
        assert word in outcomes[name]["said"], (name, outcomes[name])
    for name in build_probes():
        assert outcomes[name]["seconds"] < 2, name
        assert outcomes[name]["kilobytes"] < 100_000, name
    for name in ("x.xlsx", "x.ods", "x.xls"):
        said = outcomes[name]["said"]
        assert any("rows" in line for line in said)
        assert any("damaged" in line for line in said)
