"""The wheel: what users install, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import venv
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zipfile import ZipFile

import pytest
from packaging.metadata import Metadata
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from drf_commons import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable

    from packaging.utils import NormalizedName

# One worker builds it once.
pytestmark = [pytest.mark.once, pytest.mark.xdist_group("wheel")]

ROOT: Final = Path(__file__).resolve().parent.parent

#: Run in the empty environment, with apps and modules separated by commas: import the modules.
IMPORT_EVERYTHING: Final = """
import importlib, sys
apps, modules = (argument.split(",") for argument in sys.argv[1:])
from django.conf import settings
import drf_commons.conf, drf_commons.errors, drf_commons.types  # before Django is set up
settings.configure(
    INSTALLED_APPS=apps,
    MIDDLEWARE=["drf_commons.middlewares.CurrentUserMiddleware"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
)
import django
django.setup()
for name in modules:
    importlib.import_module(name)
print(importlib.import_module("drf_commons").__file__)
"""

#: What a project has at least, and what it adds to run jobs and look at them.
APPS: Final = ("django.contrib.auth", "django.contrib.contenttypes", "rest_framework", "drf_commons")
APPS_WITH_JOBS: Final = (*APPS, "django.contrib.messages", "django.contrib.admin", "drf_commons.jobs")

#: Modules that only import where the app of jobs is installed: they have its tables, or are about them.
OF_JOBS: Final = ("drf_commons.jobs", "drf_commons.views.jobs")

#: Modules for a tool that is no dependency of ours: it loads them, and nobody else does.
FOR_TOOLS: Final = (
    "drf_commons.codegen",
    "drf_commons.inference",
    "drf_commons.jobs.background",
    "drf_commons.jobs.tasks",
    "drf_commons.mypy_plugin",
    "drf_commons.openapi",
    "drf_commons.testing.fixtures",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel of the working tree."""
    folder = tmp_path_factory.mktemp("wheel")
    _run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT))
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def names(wheel: Path) -> list[str]:
    """List the files in the wheel."""
    with ZipFile(wheel) as archive:
        return archive.namelist()


@pytest.fixture(scope="module")
def about(wheel: Path, names: list[str]) -> Metadata:
    """Read what the wheel says of itself, validated."""
    with ZipFile(wheel) as archive:
        return Metadata.from_email(archive.read(next(name for name in names if name.endswith("/METADATA"))))


def test_the_wheel_holds_the_library_alone(names: list[str]) -> None:
    """Nothing but the package and its metadata is installed: no tests, no example, no tables but those of jobs."""
    assert {name.split("/")[0].split("-")[0] for name in names} == {"drf_commons"}
    assert [name for name in names if {"tests", "example"} & set(name.split("/"))] == []
    assert {name.rpartition("/")[0] for name in names if "/migrations/" in name} == {"drf_commons/jobs/migrations"}


def test_the_wheel_is_typed_and_licensed(names: list[str]) -> None:
    """Checkers read the annotations because ``py.typed`` is there, and the licence travels along."""
    assert "drf_commons/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_wheel_carries_the_version_of_the_package(about: Metadata) -> None:
    """The version stands once, in the package."""
    assert str(about.version) == __version__


def test_the_wheel_works_alone_in_an_empty_environment(
    wheel: Path, names: list[str], about: Metadata, tmp_path: Path
) -> None:
    """With its core dependencies and no extra, every module of the library can be imported."""
    python = _create_environment(tmp_path / "empty", [str(item) for item in about.requires_dist or ()])
    pip = (sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check")
    _run(*pip, "install", "--quiet", "--no-index", "--no-deps", "--no-compile", str(wheel))
    _run(*pip, "check")
    modules = _list_modules(names)
    of_jobs = [name for name in modules if name.startswith(OF_JOBS)]
    core = [name for name in modules if name not in of_jobs]
    for apps, imported in ((APPS, core), (APPS_WITH_JOBS, of_jobs)):
        arguments = (",".join(apps), ",".join(imported))
        output = _run(str(python), "-I", "-W", "error", "-c", IMPORT_EVERYTHING, *arguments, cwd=tmp_path)
        assert Path(output.strip()).is_relative_to(tmp_path)


#: What a project that is checked with django-stubs has already; the plugin is the line to add.
MYPY: Final = """[mypy]
files = aviation, config
strict = True
plugins = mypy_django_plugin.main, mypy_drf_plugin.main{}

[mypy.plugins.django-stubs]
django_settings_module = config.settings
"""


@pytest.mark.parametrize("line", ["", ", drf_commons.mypy_plugin"], ids=["before", "after"])
def test_a_project_adopts_the_plugin_with_a_word(wheel: Path, about: Metadata, tmp_path: Path, line: str) -> None:
    """A project of the example's size, checked strictly with the installed wheel, has no fault, with and without."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    requirements = [str(item) for item in about.requires_dist or ()]
    python = _create_environment(
        tmp_path / "environment",
        [*requirements, *groups["demo"], "celery-types", "types-django-filter"],
        extras=["celery", "debug", "export", "import", "openapi", "mypy"],
    )
    with ZipFile(wheel) as archive:
        archive.extractall(next((tmp_path / "environment").glob("lib/python*/site-packages")))
    project = shutil.copytree(ROOT / "example", tmp_path / "project", ignore=shutil.ignore_patterns("__pycache__"))
    (project / "mypy.ini").write_text(MYPY.format(line), encoding="utf-8")
    assert "Success: no issues found" in _run(str(python), "-m", "mypy", cwd=project)


def _list_modules(names: Iterable[str]) -> list[str]:
    paths = (Path(name).with_suffix("") for name in names if name.endswith(".py"))
    modules = {".".join(path.parts[:-1] if path.name == "__init__" else path.parts) for path in paths}
    return sorted(module for module in modules if not module.startswith(FOR_TOOLS))


def _create_environment(folder: Path, requirements: Iterable[str], extras: Iterable[str] = ()) -> Path:
    """Return the Python of a new environment that holds *requirements* and what they need, linked from this one.

    Linking needs no network and no second copy; ``pip check`` then tells whether anything is missing.
    """
    venv.create(folder, symlinks=True)
    site = next(folder.glob("lib/python*/site-packages"))
    for name in _find_closure(requirements, extras):
        distribution = metadata.distribution(name)
        tops = {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}
        for top in tops:
            (site / top).symlink_to(str(distribution.locate_file(top)))
    return folder / "bin" / "python"


def _find_closure(requirements: Iterable[str], extras: Iterable[str]) -> set[NormalizedName]:
    found: set[NormalizedName] = set()
    waiting = [(text, {"", *extras}) for text in requirements]
    while waiting:
        text, wanted = waiting.pop()
        requirement = Requirement(text)
        name, marker = canonicalize_name(requirement.name), requirement.marker
        if name not in found and (marker is None or any(marker.evaluate({"extra": extra}) for extra in wanted)):
            found.add(name)
            waiting += [(needed, {"", *requirement.extras}) for needed in metadata.requires(name) or ()]
    return found


def _run(*command: str, cwd: Path = ROOT) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)  # noqa: S603  # our own words
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
