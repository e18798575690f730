"""The suite on every supported pair of Python and Django: ``nox``.

One pair: ``nox -s "tests(python='3.12', django='6.0')"``; ``nox --list`` names them all.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import nox

nox.options.error_on_missing_interpreters = True
nox.options.sessions = ["tests"]

#: Django 6 needs Python 3.12.
MATRIX: Final = [
    ("3.11", "5.2"),
    ("3.12", "5.2"),
    ("3.12", "6.0"),
    ("3.12", "6.1"),
    ("3.13", "5.2"),
    ("3.13", "6.0"),
    ("3.13", "6.1"),
]


@nox.session
@nox.parametrize(("python", "django"), MATRIX)
def tests(session: nox.Session, django: str) -> None:
    """Run the tests; arguments after ``--`` go to pytest."""
    pins = Path("constraints.txt").read_text(encoding="utf-8").splitlines(keepends=True)
    constraints = Path(session.create_tmp()) / "constraints.txt"
    constraints.write_text("".join(pin for pin in pins if not pin.lower().startswith("django==")), encoding="utf-8")
    session.install(
        f"--constraint={constraints}", "--group=test", "--editable=.[all]", f"django~={django}.0", silent=True
    )
    session.run("python", "-m", "pytest", "-n", "auto", "--dist", "loadgroup", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, format and imports."""
    _install_development(session)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    """Check types."""
    _install_development(session)
    session.run("mypy")
    session.run("pyright", "--pythonpath", f"{session.virtualenv.bin}/python")
    session.run("pyright", "--verifytypes", "drf_commons", "--ignoreexternal")


@nox.session
@nox.parametrize("mypy", ["2.0.0", "2.4.1"])
def plugin(session: nox.Session, mypy: str) -> None:
    """Try the mypy plugin with the oldest and the newest mypy that the extra allows."""
    pins = Path("constraints.txt").read_text(encoding="utf-8").splitlines(keepends=True)
    constraints = Path(session.create_tmp()) / "constraints.txt"
    constraints.write_text("".join(pin for pin in pins if not pin.startswith("mypy==")), encoding="utf-8")
    session.install(f"--constraint={constraints}", "--group=dev", "--editable=.[all]", f"mypy=={mypy}", silent=True)
    session.run("python", "-m", "pytest", "tests/test_inference.py", "tests/test_inference_modes.py", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation."""
    _install_development(session)
    session.run("sphinx-build", "-W", "--keep-going", "-b", "html", "docs", "docs/_build/html")


def _install_development(session: nox.Session) -> None:
    session.install("--constraint=constraints.txt", "--group=dev", "--editable=.[all]", silent=True)
