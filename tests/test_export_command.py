"""``manage.py export_data``: the rows of a viewset in a file."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core import checks
from django.core.management import CommandError, call_command
from openpyxl import load_workbook
from typing_extensions import override

from tests.newsroom.models import Article, Author
from tests.newsroom.views import ArticleViewSet

pytestmark = pytest.mark.django_db


class Terminal(StringIO):
    """Somebody who looks on."""

    @override
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _articles() -> None:
    author = Author.objects.create(name="ada")
    Article.objects.bulk_create(Article(title=f"article {n}", words=n, author=author) for n in range(3))


def export(*arguments: str | Path) -> str:
    """Return what the command prints."""
    output = StringIO()
    call_command("export_data", *map(str, arguments), stdout=output)
    return output.getvalue()


def test_a_file_is_written(tmp_path: Path) -> None:
    """Its ending says what it is; the command says what it did."""
    path = tmp_path / "articles.csv"
    text = export("newsroom.ArticleViewSet", "--output", path, "--includes", "title", "words")
    assert path.read_text() == "Title,Words\narticle 0,0\narticle 1,1\narticle 2,2\n"
    assert re.fullmatch(rf"wrote {path}: 3 rows, {path.stat().st_size} bytes, \d\.\d s\n", text)


def test_a_type_may_be_named(tmp_path: Path) -> None:
    """Whatever the file is called."""
    path = tmp_path / "articles.data"
    export("newsroom.ArticleViewSet", "--output", path, "--file-type", "xlsx")
    with path.open("rb") as file:
        assert load_workbook(file).worksheets[0].max_row == 4


def test_a_user_and_a_query_narrow_the_rows_down(tmp_path: Path) -> None:
    """The rows are those that the user's list would hold."""
    User.objects.create_user("ada")
    path = tmp_path / "articles.csv"
    export("tests.test_export_views.ScopedViewSet", "--output", path, "--user", "ada")
    assert len(path.read_text().splitlines()) == 4
    export("tests.test_export_views.ScopedViewSet", "--output", path)
    assert len(path.read_text().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["NoViewSet", "--output", "x.csv"], "no URL leads to a viewset called 'NoViewSet'"),
        (["newsroom.ArticleViewSet", "--output", "x"], "x does not say what it is: add --file-type"),
        (["newsroom.AuthorViewSet", "--output", "x.csv"], "AuthorViewSet.export_field_config names no fields"),
        (["newsroom.ArticleViewSet", "--output", "x.csv", "--user", "eve"], "there is no user 'eve'"),
        (
            ["newsroom.ArticleViewSet", "--output", "x.csv", "--includes", "id"],
            "--includes: id cannot be exported; choose from title, words, author",
        ),
        (["newsroom.ArticleViewSet", "--output", "no/such/x.csv"], "No such file or directory"),
    ],
)
def test_what_is_wrong_is_told(
    arguments: list[str], fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line, and no file."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CommandError, match=re.escape(fault)):
        export(*arguments)
    assert [*tmp_path.iterdir()] == []


def test_progress_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """To somebody who looks on."""
    call_command("export_data", "newsroom.ArticleViewSet", "--output", tmp_path / "x.csv", stdout=Terminal())
    assert "3/3" in capsys.readouterr().out


def test_a_wrong_column_is_told_by_the_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anybody exports; a queryset that a method builds may have columns that only it knows."""
    config = {"titel": "Title"}
    monkeypatch.setattr(ArticleViewSet, "export_field_config", config)
    [found] = [message for message in checks.run_checks(tags=["drf_commons"]) if message.id == "drf_commons.E007"]
    assert found.msg == (
        "ArticleViewSet.export_field_config: ['titel']: Article has no field 'titel' (did you mean 'title'?)"
    )
    monkeypatch.setattr(ArticleViewSet, "get_queryset", lambda view: view.queryset, raising=False)
    assert [message for message in checks.run_checks(tags=["drf_commons"]) if message.id == "drf_commons.E007"] == []
