"""Requests made up from the example's schema: none fails the server, and none is answered outside the schema.

``FUZZ_EXAMPLES=90`` makes more than 5,000 requests of it; ``pytest -rP`` shows how many.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.test_example import ROOT, start

pytestmark = [pytest.mark.once, pytest.mark.xdist_group("example")]

EXAMPLES: Final = int(os.environ.get("FUZZ_EXAMPLES", "2"))

#: In their place stand the two of ``tests/fuzz_checks.py``, which know what no schema can tell.
TOO_STRICT: Final = "positive_data_acceptance,negative_data_rejection"


def test_answers_stay_within_the_schema(tmp_path: Path) -> None:
    """Every check holds for the running example."""
    demo = start(tmp_path / "demo.sqlite3")
    token = demo.find(r"Token: +(\w+)")
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{demo.base}/schema/"),
        *("--header", f"Authorization: Token {token}"),
        *("--checks", "all", "--exclude-checks", TOO_STRICT),
        *("--max-examples", str(EXAMPLES), "--seed", "1", "--no-color"),
        *("--request-timeout", "60", "--max-response-time", "60"),  # thousands of rows in a PDF, on a busy machine
        *("--phases", "fuzzing" if EXAMPLES < 10 else "examples,coverage,fuzzing"),
    ]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.fuzz_checks", "PYTHONPATH": str(ROOT)}
    try:
        result = subprocess.run(  # noqa: S603  # our own words
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=3000
        )
    finally:
        demo.stop()
    sys.stdout.write(result.stdout)
    assert result.returncode == 0, result.stdout[-8000:] + result.stderr[-2000:]
