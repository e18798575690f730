"""What the project says of its own tools: commands, versions and pins."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tests.servers import CHROMIUM, MARIADB, NPM, POSTGRESQL

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.once

ROOT: Final = Path(__file__).resolve().parent.parent
PYPROJECT: Final[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT: Final = PYPROJECT["project"]

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


@needs_make
def test_make_alone_lists_the_targets() -> None:
    """Whoever types ``make`` is told what there is."""
    listed = re.findall(r"^  make (\w+) +\S", _make(ROOT).stdout, re.MULTILINE)
    assert {"demo", "test", "check", "bench", "docs"} <= set(listed)


@needs_make
def test_an_old_python_is_refused_by_name(tmp_path: Path) -> None:
    """Where Python is too old, nothing is half installed, and the message says what to do."""
    old = tmp_path / "python"
    old.write_text("#!/bin/sh\n[ \"$1\" = --version ] && echo 'Python 3.9.1'\nexit 1\n", encoding="utf-8")
    old.chmod(0o755)
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    done = _make(tmp_path, "test", f"PYTHON={old}")
    assert done.returncode == 2
    assert "Python 3.11 or newer is needed, and Python 3.9.1 is what is here." in done.stderr
    assert "make PYTHON=/path/to/python3.11 test" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_the_readme_names_the_two_commands() -> None:
    """A newcomer finds the two commands on the first page."""
    commands = set((ROOT / "README.md").read_text(encoding="utf-8").splitlines())
    assert {"make demo", "make test"} <= {command.partition("#")[0].strip() for command in commands}


def test_ci_runs_the_test_command_of_the_readme_on_every_database() -> None:
    """CI runs what a reader runs: on SQLite, on PostgreSQL and on MariaDB."""
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    runs = re.findall(r"^(.*)step make test$", script, re.MULTILINE)
    databases = [match[1] if (match := re.search(r"DATABASE_URL=(\w+):", run)) else "sqlite" for run in runs]
    assert databases == ["sqlite", "postgres", "mysql"]


def test_ci_says_how_to_start_a_missing_server() -> None:
    """The command that CI prints for a missing server is the one the tests print."""
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert [server.alias for server in (POSTGRESQL, MARIADB) if f"{server.port} '{server.start}'" not in script] == []


def test_ci_installs_the_browser_and_npm_that_the_tests_ask_for() -> None:
    """The command that a skipped test prints is the one that CI runs."""
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert [command for command in (CHROMIUM, NPM) if f"'{command}'" not in script] == []


def test_ci_is_a_script_that_bash_can_read() -> None:
    """A slip of the pen in the script is found before CI finds it."""
    bash = shutil.which("bash")
    assert bash is not None
    subprocess.run([bash, "-n", str(ROOT / ".ci" / "run")], check=True)  # noqa: S603  # our own words


def test_every_dependency_is_pinned_to_a_version_it_allows() -> None:
    """A fresh install is the same on every machine, and it is one the metadata allows."""
    pins = _read_pins()
    unpinned = {
        str(requirement)
        for requirement in _find_requirements()
        if (pin := pins.get(canonicalize_name(requirement.name))) is None
        or not requirement.specifier.contains(pin, prereleases=True)
    }
    assert unpinned == set()


def test_the_pins_are_plain_versions() -> None:
    """The constraints file names versions, never a place to fetch them from."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not re.fullmatch(r"#.*|[\w.-]+==[\w.+!]+", line)] == []


def test_the_supported_versions_are_those_that_are_tested() -> None:
    """Classifiers, the version floor and the test matrix tell the same story."""
    noxfile = pytest.importorskip("noxfile", exc_type=ImportError)
    pythons, djangos = ({*column} for column in zip(*noxfile.MATRIX, strict=True))
    assert _find_classified("Programming Language :: Python ::") == pythons
    assert _find_classified("Framework :: Django ::") == djangos
    assert PROJECT["requires-python"] == f">={min(pythons, key=_as_version)}"


def test_the_tools_aim_at_the_oldest_supported_versions() -> None:
    """What is checked against the floor is right above it."""
    floor = PROJECT["requires-python"].removeprefix(">=")
    mypy = configparser.ConfigParser()
    mypy.read(ROOT / "mypy.ini", encoding="utf-8")
    assert mypy["mypy"]["python_version"] == floor
    assert PYPROJECT["tool"]["pyright"]["pythonVersion"] == floor
    assert PYPROJECT["tool"]["ruff"]["target-version"] == f"py{floor.replace('.', '')}"
    django = next(Requirement(line) for line in PROJECT["dependencies"] if line.startswith("django>"))
    assert django.specifier == SpecifierSet(f">={min(_find_classified('Framework :: Django ::'), key=_as_version)}")


def test_the_readme_names_the_supported_versions() -> None:
    """The first page promises what the metadata promises."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for version in _find_classified("Framework :: Django ::"):
        assert version in readme
    assert f"Python {PROJECT['requires-python'].removeprefix('>=')}" in readme


def test_hooks_fetch_nothing() -> None:
    """Committing works without a network: every hook runs what ``make`` has installed."""
    text = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert re.findall(r"repo: (\S+)", text) == ["local"]
    assert {entry.split("/")[0] for entry in re.findall(r"entry: (\S+)", text)} == {".venv"}


def _make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    make = shutil.which("make") or "make"
    command = [make, "--no-print-directory", "-C", str(folder), *arguments]
    # What the make that runs these tests hands down would reach this one too.
    return subprocess.run(command, env={}, capture_output=True, text=True, check=False)  # noqa: S603  # our own words


def _find_requirements() -> Iterator[Requirement]:
    groups = (
        PROJECT["dependencies"],
        *PROJECT["optional-dependencies"].values(),
        *PYPROJECT["dependency-groups"].values(),
    )
    for line in (*PYPROJECT["build-system"]["requires"], *(line for group in groups for line in group)):
        # Tables include other groups; the project's own extras include each other.
        if isinstance(line, str) and not line.startswith(f"{PROJECT['name']}["):
            yield Requirement(line)


def _read_pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = (line.split("==") for line in lines if "==" in line)
    return {canonicalize_name(name): version for name, version in pins}


def _find_classified(prefix: str) -> set[str]:
    versions = (line.removeprefix(prefix).strip() for line in PROJECT["classifiers"] if line.startswith(prefix))
    return {version for version in versions if re.fullmatch(r"\d+\.\d+", version)}


def _as_version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))
