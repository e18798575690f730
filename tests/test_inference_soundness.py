"""What the plugin says of a serializer is what the serializer does."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st

from tests.inference.expectations import PROJECT, build_environment

ROOT = Path(__file__).parents[1]


@pytest.mark.once
@pytest.mark.xdist_group("codegen")
@hypothesis.settings(max_examples=1, database=None)
@hypothesis.given(seed=st.integers(min_value=0, max_value=2**32))
def test_values_are_of_the_inferred_types(seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Serializers built at random render and validate real rows to values of exactly the inferred types.

    One run of mypy serves them all: as many as the profile has examples.
    """
    project = tmp_path_factory.mktemp("soundness") / "project"
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns(".mypy_cache", "__pycache__"))
    environment = build_environment(project)
    done = subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, "-m", "tests.inference.soundness", str(seed), str(hypothesis.settings().max_examples)],
        cwd=project,
        env={**environment, "DJANGO_SETTINGS_MODULE": "settings", "PYTHONPATH": f"{environment['PYTHONPATH']}:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
