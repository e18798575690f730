"""What the page on types shows is what the tools say."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.inference.expectations import build_environment, run_mypy
from tests.pages import PAGES, ROOT, collect_files

pytestmark = [pytest.mark.once, pytest.mark.xdist_group("types-page")]

PAGE: Final = PAGES["docs/types.md"]
TEXT: Final = PAGE.read_text(encoding="utf-8")
#: What a settings module has to have beside what the page shows.
SETTINGS: Final = """
SECRET_KEY = "only-for-type-checking"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
ROOT_URLCONF = "articles.urls"
"""


def find_blocks(language: str) -> list[str]:
    """Return the blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the quickstart's project with the files of the page."""
    root = tmp_path_factory.mktemp("page")
    shutil.copytree(ROOT / "tests" / "articles", root / "articles", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "mysite").mkdir()
    (root / "mysite" / "__init__.py").touch()
    for path, code in collect_files(PAGE).items():
        (root / path).write_text(code, encoding="utf-8")
    with (root / "mysite" / "settings.py").open("a", encoding="utf-8") as settings:
        settings.write(SETTINGS)
    (root / "mypy.ini").write_text(find_blocks("ini")[0], encoding="utf-8")
    return root


def test_messages_are_those_of_mypy(project: Path, tmp_path: Path) -> None:
    """With the configuration shown, mypy says what the page shows, line by line, and nothing else."""
    said = run_mypy(project, tmp_path / "cache").splitlines()[:-1]
    shown = [line for block in find_blocks("text") for line in block.splitlines()]
    assert sorted(said) == sorted(shown)


def test_the_readme_shows_messages_of_the_page() -> None:
    """What a checker says on the first page is what it says on the page of types, where it is compared with mypy."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8").split("```text\n")[1].split("```")[0]
    assert {*readme.splitlines()} <= {*TEXT.splitlines()}


def test_what_is_written_out_is_what_the_page_shows(project: Path, tmp_path: Path) -> None:
    """The command writes the classes and the interfaces on the page."""
    project = shutil.copytree(project, tmp_path / "project")  # the other test reads it as it is
    settings = project / "mysite" / "settings.py"
    settings.write_text(settings.read_text(encoding="utf-8").replace("COMMON", "UNCHECKED"), encoding="utf-8")
    done = subprocess.run(  # our own interpreter
        [sys.executable, "-m", "django", "generate_types", "articles", "--typescript", "api.ts"],
        cwd=project,
        env={**build_environment(project), "DJANGO_SETTINGS_MODULE": "mysite.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    written = (project / "articles" / "serializers_types.py").read_text(encoding="utf-8")
    interfaces = (project / "api.ts").read_text(encoding="utf-8")
    classes = re.findall(r"^class \w+\(TypedDict\):\n(?:    .*\n)+", "".join(find_blocks("python")), re.MULTILINE)
    shown = find_blocks("typescript")[0].replace("  // and so on\n}\n", "").split("\nexport interface Endpoints {\n")
    assert classes
    assert [part for part in classes if part not in written] == []
    assert [part for part in shown if part not in interfaces] == []
