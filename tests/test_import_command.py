"""``manage.py import_file``: numbers, errors and an exit code; and the check of what viewsets import."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import checks
from django.core.management import CommandError, call_command
from typing_extensions import override

from drf_commons.views import routed
from drf_commons.views.routed import find_viewset, list_viewsets
from tests.personnel import views
from tests.personnel.files import build_rows, make_departments, write_csv
from tests.personnel.models import Department, Employee

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.personnel.urls")]


class Terminal(io.StringIO):
    """Somebody is looking."""

    @override
    def isatty(self) -> bool:
        return True


def run(
    path: Path, *arguments: str, viewset: str = "EmployeeViewSet", out: io.StringIO | None = None
) -> tuple[str, str, int]:
    """Return what the command prints, what it complains of, and its exit code."""
    out, err = out or io.StringIO(), io.StringIO()
    code = 0
    try:
        call_command("import_file", viewset, str(path), *arguments, stdout=out, stderr=err)
    except SystemExit as exc:
        code = int(str(exc.code))
    return out.getvalue(), err.getvalue(), code


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a file of five employees."""
    path = tmp_path / "staff.csv"
    path.write_bytes(write_csv(build_rows(5, make_departments())).getvalue())
    return path


def test_a_file_is_imported(path: Path) -> None:
    """Exit code 0, and the numbers; the audit columns know who it was."""
    ada = User.objects.create_user("ada")
    out, err, code = run(path, "--user", "ada")
    assert (out, err, code) == ("5 created, 0 updated, 0 unchanged, 0 failed\n", "", 0)
    assert {*Employee.objects.values_list("created_by", flat=True)} == {ada.pk}


def test_rows_that_fail_are_printed(path: Path) -> None:
    """By number, column and reason; the exit code is 1."""
    path.write_text(path.read_text().replace("person3@example.com", "nobody"))
    out, err, code = run(path)
    assert (out, code) == ("4 created, 0 updated, 0 unchanged, 1 failed\n", 1)
    assert err == "row 5, email: Enter a valid email address. (invalid)\n"


def test_rows_that_fail_are_written_to_be_mended(path: Path, tmp_path: Path) -> None:
    """The file is imported as it is, once its cells are right."""
    path.write_text(path.read_text().replace("person3@example.com", "nobody"))
    failed = tmp_path / "failed.csv"
    run(path, "--failed", str(failed))
    assert "Enter a valid email address." in failed.read_text()
    failed.write_text(failed.read_text().replace("nobody", "person3@example.com"))
    assert run(failed)[0] == "1 created, 0 updated, 0 unchanged, 0 failed\n"


def test_a_file_is_read_as_the_configuration_declares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless the command says otherwise."""
    config = {"encoding": "cp1250", "delimiter": "\t", "steps": views.DepartmentViewSet.get_import_config().steps}
    monkeypatch.setattr(views.DepartmentViewSet, "import_file_config", config)
    path = tmp_path / "departments.csv"
    for encoding, arguments in (("cp1250", ()), ("utf-8", ("--encoding", "utf-8"))):
        path.write_bytes(f"code\tname\n{encoding}\tDvořák, a; b\n".encode(encoding))
        assert run(path, *arguments, viewset="DepartmentViewSet")[2] == 0
        assert Department.objects.get(code=encoding).name == "Dvořák, a; b"


def test_a_dry_run_shows_what_would_change(path: Path) -> None:
    """Old and new value of each cell, and nothing is written."""
    run(path)
    before = Employee.objects.get(email="person2@example.com")
    line = next(line for line in path.read_text().splitlines() if line.startswith("person2@"))
    path.write_text(path.read_text().replace(line, line.replace(str(before.salary), "7.00")))
    out, _, code = run(path, "--dry-run")
    assert f"row 4 would change: salary: {before.salary} -> 7.00\n" in out
    assert "dry run, nothing is written: 0 created, 1 updated, 4 unchanged, 0 failed" in out
    assert (code, Employee.objects.get(pk=before.pk).salary) == (0, before.salary)


def test_a_replacement_that_fails_says_that_nothing_was_changed(path: Path) -> None:
    """And one that succeeds says how many rows it deleted."""
    run(path)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:3]))
    assert run(path, "--mode", "replace")[0] == "0 created, 0 updated, 2 unchanged, 3 deleted, 0 failed\n"
    path.write_text("".join([*lines[:2], lines[4].replace("person3@example.com", "x")]))
    out, _, code = run(path, "--mode", "replace")
    assert (out, code) == ("nothing was changed: 0 created, 0 updated, 0 unchanged, 0 deleted, 1 failed\n", 1)
    assert Employee.objects.count() == 2


def test_a_replacement_that_would_delete_what_others_need_says_so(tmp_path: Path) -> None:
    """As the answer to a request does."""
    make_departments(1)
    Employee.objects.bulk_create(
        [
            Employee(email="a@example.com", salary=1, hired="2026-01-01", department_id=pk)
            for pk in Department.objects.values_list("pk", flat=True)
        ]
    )
    path = tmp_path / "departments.csv"
    path.write_text("code,name\nnew,New\n")
    with pytest.raises(CommandError, match="protected foreign keys"):
        run(path, "--mode", "replace", viewset="DepartmentViewSet")
    assert not Department.objects.filter(code="new").exists()


def test_a_terminal_gets_a_progress_bar(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It knows how much of a text file is read."""
    run(path, out=Terminal())
    assert "5 rows, 0 failed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("viewset", "reason"),
    [
        ("EmployeViewSet", "did you mean EmployeeViewSet"),
        ("tests.personnel.views.NotTheBoss", "no URL leads to a viewset"),
        ("UnconfiguredViewSet", "UnconfiguredViewSet.import_file_config must say what to import"),
    ],
)
def test_a_viewset_that_cannot_import_is_named(path: Path, viewset: str, reason: str) -> None:
    """With what may have been meant."""
    with pytest.raises(CommandError, match=reason):
        run(path, viewset=viewset)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """So is a user that is not there."""
    with pytest.raises(CommandError, match=r"nothing\.csv"):
        run(tmp_path / "nothing.csv")
    with pytest.raises(CommandError, match=r"there is no user 'bob'"):
        run(tmp_path / "nothing.csv", "--user", "bob")


def test_viewsets_are_found_by_name_app_and_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that several have is an error that lists them."""
    for name in ("EmployeeViewSet", "personnel.EmployeeViewSet", "tests.personnel.views.EmployeeViewSet"):
        assert find_viewset(name) is views.EmployeeViewSet
    other = type("EmployeeViewSet", (views.EmployeeViewSet,), {})
    monkeypatch.setattr(routed, "list_viewsets", lambda: [views.EmployeeViewSet, other])
    with pytest.raises(LookupError, match=r"write one of tests\.personnel\.views\.EmployeeViewSet, tests\.test_import"):
        find_viewset("EmployeeViewSet")


def test_a_wrong_configuration_is_found_by_the_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each fault by itself, before anybody sends a file."""
    assert [message for message in checks.run_checks(tags=["drf_commons"]) if message.id == "drf_commons.E006"] == []
    wrong: dict[str, Any] = {"models": {"employee": {"model": Employee, "fields": ["emial", "firstname"]}}}
    monkeypatch.setattr(views.EmployeeViewSet, "import_file_config", wrong)
    assert views.EmployeeViewSet in list_viewsets()
    found = [message for message in checks.run_checks(tags=["drf_commons"]) if message.id == "drf_commons.E006"]
    assert "did you mean 'email'?" in found[0].msg
    assert len(found) >= 2
