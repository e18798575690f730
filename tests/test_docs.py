"""What the documentation says is true."""

from __future__ import annotations

import ast
import configparser
import os
import re
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Final

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection

from docs.escapes import MISSING, refresh
from docs.settings_list import build_settings_list
from drf_commons import views
from drf_commons.conf import get_settings
from drf_commons.errors import InvalidSettingsError
from tests.pages import APP, PAGES, QUICKSTART, ROOT, TUTORIAL, Reader, collect_files, has_examples
from tests.test_job_views import media
from tests.test_public_api import EXPORTS

__all__ = ["media"]

#: An answer as a page shows it.
LIST: Final = """```http
HTTP/1.1 200 OK

{"success": true, "timestamp": "2026-01-15T10:30:00Z", "message": "…", "data": []}
```"""


def play(page: Path, player: str, app: str, folder: Path, files: Collection[str] | None = None) -> str:
    """Type *files* of *page*, or all, into a new project in *folder*, and return what its *player* prints."""
    (folder / app).mkdir()
    call_command("startproject", "mysite", folder)
    call_command("startapp", app, folder / app)
    for path, code in collect_files(page).items():
        if files is None or path in files:
            file = folder / path
            file.write_text(file.read_text() + code if file.name == "settings.py" else code)
    played = subprocess.run(  # noqa: S603  # our own code
        [
            sys.executable,
            *("-W", "error"),
            *("-c", f"import django; django.setup(); from tests.{player} import play; play()"),
        ],
        cwd=folder,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "mysite.settings",
            "PYTHONPATH": os.pathsep.join(map(str, [folder, ROOT / "src", ROOT])),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert played.returncode == 0, played.stderr
    return played.stdout


@pytest.mark.django_db(transaction=True, reset_sequences=True)
@pytest.mark.usefixtures("media")
@pytest.mark.parametrize(
    "name", [name for name, page in PAGES.items() if page not in {QUICKSTART, TUTORIAL} and has_examples(page)]
)
def test_every_example_does_what_the_page_says(name: str) -> None:
    """Python runs, requests get the answers shown, JSON parses."""
    User.objects.create_user("ada", password="lovelace")
    Reader(PAGES[name]).read()


@pytest.mark.once  # in a project of its own
def test_the_quickstart_works_as_it_stands(tmp_path: Path) -> None:
    """Typed into a new project, its files give the API it shows, and rows know who wrote them."""
    assert play(QUICKSTART, "quickstart", APP, tmp_path) == "grace grace\n"


@pytest.mark.once  # in a project of its own
def test_the_tutorial_works_as_it_stands(tmp_path: Path) -> None:
    """Typed into a new project, step by step, its files, commands and requests give the answers that it shows."""
    assert play(TUTORIAL, "tutorial", "flights", tmp_path, files={"mysite/settings.py", "flights/models.py"}) == ""


@pytest.mark.parametrize("name", ["models", "serializers", "urls", "views"])
def test_the_examples_start_from_the_app_of_the_quickstart(name: str) -> None:
    """The app that other pages speak of is the quickstart's, to the letter."""
    path = f"{APP}/{name}.py"
    assert (ROOT / "tests" / path).read_text(encoding="utf-8") == collect_files(QUICKSTART)[path]


@pytest.mark.parametrize("path", collect_files(PAGES["README.md"]))
def test_the_readme_shows_the_quickstart(path: str) -> None:
    """A file in the README is the quickstart's, to the letter."""
    assert collect_files(PAGES["README.md"])[path] == collect_files(QUICKSTART)[path]


def test_everything_public_is_in_the_reference() -> None:
    """A new module gets its place in ``docs/reference``."""
    pages = "".join(page.read_text(encoding="utf-8") for name, page in PAGES.items() if "/reference/" in name)
    assert EXPORTS.keys() - set(re.findall(r"automodule:: (\S+)", pages)) == set()


def test_the_tests_that_the_pages_name_exist() -> None:
    """Who wants to see a claim held finds the file that holds it."""
    named = {
        name for page in PAGES.values() for name in re.findall(r"`(tests/\w+\.py)`", page.read_text(encoding="utf-8"))
    }
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_what_leaves_the_type_system_is_counted() -> None:
    """The table of ignores, casts and ``Any`` is today's, and every part says why: ``python -m docs.escapes``."""
    page = PAGES["CONTRIBUTING.md"].read_text(encoding="utf-8")
    assert page == refresh(page)
    assert f"| {MISSING} |" not in page


def test_the_floors_are_those_that_are_checked() -> None:
    """A newcomer finds every module on the floor where import-linter puts it."""
    linter = configparser.ConfigParser()
    linter.read(ROOT / ".importlinter", encoding="utf-8")
    drawing = PAGES["CONTRIBUTING.md"].read_text(encoding="utf-8").split("```text\n")[1].split("```")[0]
    shown = [re.findall(r"\w+", line[:28]) for line in drawing.splitlines()]
    floors = linter["importlinter:contract:floors"]["layers"]
    assert [name for line in shown for name in line] == re.findall(r"\w+", floors)


@pytest.mark.parametrize("name", ["README.md", "docs/viewsets.md"])
def test_the_tables_name_every_viewset(name: str) -> None:
    """Nobody has to read the source to find the viewset that fits."""
    assert set(re.findall(r"^\| `(\w+ViewSet)` \|", PAGES[name].read_text(encoding="utf-8"), re.MULTILINE)) == {
        *views.__all__
    }


def test_every_setting_is_listed_with_its_default() -> None:
    """The list on the page is written from the settings class."""
    assert "{{ settings }}" in PAGES["docs/settings.md"].read_text(encoding="utf-8")
    listed = dict(re.findall(r"^`(\w+)`.*?Default: `(.+?)`$", build_settings_list(), re.MULTILINE | re.DOTALL))
    settings = get_settings().model_dump(mode="json")
    assert {key: ast.literal_eval(default) for key, default in listed.items()} == settings


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("block", "found"),
    [
        ("```python\nassert Article.objects.exists()\n```", "page.md:5"),
        ("```python\nCOMMON = {'BULK_MAX_ITEMS': 0}\n```", "BULK_MAX_ITEMS"),
        ("```json\n{'id': 1}\n```", "page.md:5"),
        ("```http\nHTTP/1.1 201 Created\n```", "201"),
        ("```http\nHTTP/1.1 200 OK\nAllow: GET\n```", "Allow"),
        ('```http\nHTTP/1.1 200 OK\n\n{"success": true}\n```', "body.timestamp"),
        (LIST.replace("[]", "[1]"), "body.data is shown as [1], and sent as []"),
        (LIST.replace("…", "Done."), "body.message"),
        (LIST.replace("true", "false"), "body.success"),
    ],
)
def test_a_page_that_is_wrong_is_found(tmp_path: Path, block: str, found: str) -> None:
    """What a page says is compared, and what differs is named."""
    page = tmp_path / "page.md"
    page.write_text(f"```http\nGET /articles/ HTTP/1.1\n```\n\n{block}\n", encoding="utf-8")
    with pytest.raises((AssertionError, ValueError, InvalidSettingsError)) as raised:
        Reader(page).read()
    assert found in "\n".join([str(raised.value), *getattr(raised.value, "__notes__", ())])


@pytest.mark.django_db(transaction=True)
def test_a_page_leaves_nothing_behind(tmp_path: Path) -> None:
    """The models of one page are unknown to the next, which may use their names."""
    page = tmp_path / "page.md"
    page.write_text(
        """```python
from django.db import models

class Comment(models.Model):
    article = models.ForeignKey(Article, models.CASCADE)
    readers = models.ManyToManyField(User)

assert not Comment.objects.exists()
```
""",
        encoding="utf-8",
    )
    before = [*apps.get_models()], connection.introspection.table_names()
    for _ in range(2):
        Reader(page).read()
    assert ([*apps.get_models()], connection.introspection.table_names()) == before
