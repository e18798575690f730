"""The plugin says the same in every way mypy runs: cold, warm, as a daemon, in parallel, in any order of plugins."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mypy.options import Options
from mypy.plugin import ReportConfigContext

from drf_commons import mypy_plugin
from drf_commons.mypy_plugin import SerializerPlugin
from tests.inference.expectations import PROJECT, build_environment, run_mypy

pytestmark = [pytest.mark.once, pytest.mark.xdist_group("inference-modes")]

PLUGINS = ("mypy_django_plugin.main", "mypy_drf_plugin.main", "drf_commons.mypy_plugin")

MODELS = """
from django.db import models

class Author(models.Model):
    name = models.CharField(max_length=20)

class Article(models.Model):
    title = models.CharField(max_length=20)
    author = models.ForeignKey(Author, on_delete=models.CASCADE)
"""
AUTHORS = """
from drf_commons.serializers import BaseModelSerializer
from zoo.models import Author

class AuthorSerializer(BaseModelSerializer[Author]):
    class Meta:
        model = Author
        fields = ["id", "name"]
"""
ARTICLES = """
from rest_framework import serializers
from drf_commons.serializers import BaseModelSerializer
from drf_commons.serializers.fields import IdToDataField
from zoo.models import Article, Author

class ArticleSerializer(BaseModelSerializer[Article]):
    author = IdToDataField(queryset=Author.objects.all(), serializer="zoo.authors.AuthorSerializer")
    length = serializers.SerializerMethodField()

    def get_length(self, article: Article) -> int:
        return len(article.title)

    class Meta:
        model = Article
        fields = ["title", "author", "length"]

class LongSerializer(ArticleSerializer):
    class Meta(ArticleSerializer.Meta):
        fields = [*ArticleSerializer.Meta.fields, "id"]
"""
USE = """
from typing import reveal_type
from zoo.articles import ArticleSerializer, LongSerializer
from zoo.models import Article

def show(article: Article) -> None:
    reveal_type(ArticleSerializer(article).data["title"])
    reveal_type(ArticleSerializer(article).data["author"]["name"])
    reveal_type(ArticleSerializer(data={}).validated_data["author"])
    reveal_type(LongSerializer(article).data["length"])
    reveal_type(LongSerializer(data={}).validated_data["title"])
"""
COMMON = """
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent
COMMON = {"BULK_MAX_ITEMS": 500}
"""

#: What is edited, from what, into what; each step starts where the one before it ended.
EDITS = [
    ("articles.py", "-> int:", "-> float:"),
    ("authors.py", '["id", "name"]', '["id"]'),
    ("authors.py", '["id"]', '["id", "name"]'),
    ("articles.py", "queryset=Author", "allow_null=True, queryset=Author"),
    ("articles.py", '"zoo.authors.AuthorSerializer"', '"zoo.authors.NoSerializer"'),
    ("articles.py", '"zoo.authors.NoSerializer"', '"zoo.authors.AuthorSerializer"'),
    ("common.py", "BULK_MAX_ITEMS", "BULK_MAX_ITEM"),
    ("common.py", 'ITEM": 500', "ITEMS\": '500'"),
    ("authors.py", "    class Meta:", "    def to_representation(self, instance): ...\n\n    class Meta:"),
]
#: What only a fresh start of Django sees: the daemon has to be restarted.
MODEL_EDITS = [
    ("models.py", "(max_length=20)\n    author", "(max_length=20, null=True)\n    author"),
    ("models.py", "models.CharField(max_length=20, null=True)", "models.IntegerField(choices=[(1, '')])"),
]


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a cache of everything but the project, which is the same for all of its states."""
    cache = tmp_path_factory.mktemp("libraries") / "cache"
    run_mypy(build_project(tmp_path_factory.mktemp("first")), cache, "--no-sqlite-cache")
    for found in [*cache.glob("*/zoo"), *cache.glob("*/settings.*")]:
        shutil.rmtree(found) if found.is_dir() else found.unlink()
    return cache


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a fresh project."""
    return build_project(tmp_path)


def build_project(parent: Path) -> Path:
    """Write a project of two serializers in two modules, and one that uses them."""
    root = parent / "project"
    (root / "zoo").mkdir(parents=True)
    shutil.copy(PROJECT / "mypy.ini", root)
    settings = (PROJECT / "settings.py").read_text(encoding="utf-8").replace("cases_settings", "common")
    (root / "settings.py").write_text(settings, encoding="utf-8")
    modules = {"__init__": "", "common": COMMON, "models": MODELS, "authors": AUTHORS, "articles": ARTICLES, "use": USE}
    for name, text in modules.items():
        (root / "zoo" / f"{name}.py").write_text(text, encoding="utf-8")
    return root


@pytest.fixture
def daemon(project: Path) -> Iterator[Callable[[], str]]:
    """Yield what checks the project in a daemon."""

    def call(*arguments: str) -> str:
        done = subprocess.run(  # noqa: S603  # our own interpreter
            [sys.executable, "-m", "mypy.dmypy", *arguments],
            cwd=project,
            env=build_environment(project),
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout

    call("start", "--", "--local-partial-types")
    yield lambda: call("check", "zoo")
    call("stop")


def edit(project: Path, name: str, old: str, new: str) -> None:
    """Replace a part of a file."""
    path = project / "zoo" / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def get_messages(output: str) -> list[str]:
    """Return the messages, in an order of their own: mypy reports modules as it comes to them."""
    return sorted(line for line in output.splitlines() if ": error:" in line or ": note:" in line)


def run_cold(project: Path, libraries: Path, *arguments: str) -> list[str]:
    """Return what mypy says when nothing of the project is in its cache."""
    with tempfile.TemporaryDirectory() as folder:
        cache = shutil.copytree(libraries, Path(folder) / "cache")
        return get_messages(run_mypy(project, cache, "--no-sqlite-cache", *arguments))


def test_caches_and_the_daemon_say_what_a_cold_start_says(
    project: Path, tmp_path: Path, libraries: Path, daemon: Callable[[], str]
) -> None:
    """After each edit only what depends on it is read again, and nothing is missed."""
    seen: set[tuple[str, ...]] = set()
    warm = shutil.copytree(libraries, tmp_path / "warm")
    for change in [("use.py", "", ""), *EDITS, *MODEL_EDITS]:
        edit(project, *change)
        messages = run_cold(project, libraries)
        assert get_messages(run_mypy(project, warm, "--no-sqlite-cache")) == messages, change
        assert change in MODEL_EDITS or get_messages(daemon()) == messages, change
        seen.add(tuple(messages))
    assert len(seen) > len(EDITS) // 2


def test_a_new_model_field_is_no_error_in_the_daemon(project: Path, daemon: Callable[[], str]) -> None:
    """The daemon runs an older model; what it does not know yet it does not judge."""
    assert "error" not in daemon()
    edit(project, "models.py", "    author = ", "    subtitle = models.CharField(max_length=20)\n    author = ")
    edit(project, "articles.py", '["title", ', '["title", "subtitle", ')
    assert "error" not in daemon()


def test_the_order_of_plugins_does_not_matter(project: Path, tmp_path: Path, libraries: Path) -> None:
    """Whoever adds the plugin adds it anywhere."""
    config = project / "mypy.ini"
    text = config.read_text(encoding="utf-8")
    expected = run_cold(project, libraries)
    for order in (PLUGINS[::-1], (PLUGINS[0], PLUGINS[2], PLUGINS[1])):
        config.write_text(text.replace(", ".join(PLUGINS), ", ".join(order)), encoding="utf-8")
        assert get_messages(run_mypy(project, tmp_path / "cache")) == expected


@pytest.mark.parametrize("option", ["--num-workers=2", "--no-incremental"])
def test_options_of_mypy_do_not_matter(project: Path, libraries: Path, option: str) -> None:
    """Workers, and a run without any cache, see the same types."""
    assert run_cold(project, libraries, option) == run_cold(project, libraries)


def test_another_version_of_the_plugin_trusts_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache that another version wrote may hold other types: the version is part of every key."""
    options = Options()
    options.config_file = str(PROJECT / "mypy.ini")
    checker, context = SerializerPlugin(options), ReportConfigContext("zoo", "zoo/__init__.py", is_check=False)
    before = checker.report_config_data(context)
    monkeypatch.setattr(mypy_plugin, "__version__", "0")
    assert checker.report_config_data(context) != before
