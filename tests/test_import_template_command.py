"""``manage.py generate_import_template`` writes the workbook of a viewset."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from drf_commons.services.importing import open_table
from tests.personnel.files import COLUMNS
from tests.personnel.views import EmployeeViewSet

pytestmark = pytest.mark.django_db

PATH = f"{EmployeeViewSet.__module__}.EmployeeViewSet"


def run_command(*arguments: str) -> str:
    """Return what the command prints."""
    out = StringIO()
    call_command("generate_import_template", *arguments, stdout=out, no_color=True)
    return out.getvalue()


def test_the_workbook_is_written(tmp_path: Path) -> None:
    """A viewset that no URL leads to is named by the path that imports it."""
    path = tmp_path / "template.xlsx"
    assert run_command(PATH, "--output", str(path)) == f"wrote {path}\n"
    with open_table(path) as table:
        assert {*table.header} == {*COLUMNS}


def test_the_file_is_called_after_the_viewset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands where the command is run."""
    monkeypatch.chdir(tmp_path)
    run_command(PATH)
    assert [path.name for path in tmp_path.iterdir()] == ["EmployeeViewSet-template.xlsx"]


def test_a_file_that_is_there_is_kept(tmp_path: Path) -> None:
    """Somebody may have filled it in; ``--force`` says that it may go."""
    path = tmp_path / "template.xlsx"
    path.write_text("work", encoding="utf-8")
    with pytest.raises(CommandError, match="is there already; give --force"):
        run_command(PATH, "--output", str(path))
    assert path.read_text(encoding="utf-8") == "work"
    run_command(PATH, "--output", str(path), "--force")
    assert path.read_bytes().startswith(b"PK")


@pytest.mark.parametrize(
    ("name", "reason"),
    [("NoSuchViewSet", "no URL leads to a viewset called 'NoSuchViewSet'"), ("django.db.models.Model", "no URL leads")],
)
def test_an_unknown_viewset_is_an_error(name: str, reason: str) -> None:
    """The message repeats the name."""
    with pytest.raises(CommandError, match=reason):
        run_command(name)


def test_a_viewset_without_imports_is_an_error() -> None:
    """The message says what it lacks."""
    with pytest.raises(CommandError, match="BaseViewSet imports no files: give it FileImportMixin"):
        run_command("drf_commons.views.BaseViewSet")
    with pytest.raises(CommandError, match="import_file_config must say what to import"):
        run_command("drf_commons.views.ImportableViewSet")
