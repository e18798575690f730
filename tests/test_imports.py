"""What importing the library asks for: no extra, no settings where a settings module needs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import drf_commons

SOURCE = Path(drf_commons.__file__).parents[1]

#: The packages of the extras, by the name they are imported under.
EXTRAS = {
    "celery",
    "django_tasks",
    "drf_spectacular",
    "mypy",
    "mypy_django_plugin",
    "openpyxl",
    "pandas",
    "pyinstrument",
    "pypdf",
    "python_calamine",
    "pythonjsonlogger",
    "rich",
    "weasyprint",
}

#: They are there for a tool that loads them, and that is there then.
FOR_TOOLS = (
    "drf_commons.codegen",
    "drf_commons.inference",
    "drf_commons.jobs.background",
    "drf_commons.jobs.tasks",
    "drf_commons.mypy_plugin",
    "drf_commons.openapi",
)

#: They are about tables, which are there where the app is installed.
OF_JOBS = ("drf_commons.jobs", "drf_commons.views.jobs")
APPS = ("django.contrib.auth", "django.contrib.contenttypes", "rest_framework", "drf_commons")
APPS_WITH_JOBS = (*APPS, "django.contrib.messages", "django.contrib.admin", "drf_commons.jobs")

MODULES = [
    name
    for path in sorted(SOURCE.rglob("drf_commons/**/*.py"))
    if not (name := ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")).startswith(
        FOR_TOOLS
    )
]

#: The apps and the modules come as arguments, separated by commas.
IMPORT_EVERYTHING = f"""
import importlib, importlib.abc, sys

class WithoutExtras(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in {EXTRAS!r}:
            print("asked for", name)
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, WithoutExtras())

import django
from django.conf import settings

settings.configure(
    INSTALLED_APPS=sys.argv[1].split(","),
    MIDDLEWARE=["drf_commons.middlewares.CurrentUserMiddleware"],
)
django.setup()

for name in sys.argv[2].split(","):
    importlib.import_module(name)
    print(name)
"""

IMPORT_GROUND = """
import drf_commons.conf, drf_commons.errors, drf_commons.types
from django.apps import apps
from django.conf import settings
print(settings.configured, apps.apps_ready)
"""


def run_script(script: str, *arguments: str) -> list[str]:
    """Run *script* in a fresh interpreter, with warnings as errors, and return the lines it prints."""
    result = subprocess.run(  # noqa: S603  # our own script
        [sys.executable, "-W", "error", "-c", script, *arguments],
        env={"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


def test_no_module_asks_for_an_extra() -> None:
    """Every module can be imported where no extra is installed, and none tries to import one."""
    of_jobs = [name for name in MODULES if name.startswith(OF_JOBS)]
    core = [name for name in MODULES if name not in of_jobs]
    lines: list[str] = []
    for apps, modules in ((APPS, core), (APPS_WITH_JOBS, of_jobs)):
        lines += run_script(IMPORT_EVERYTHING, ",".join(apps), ",".join(modules))
    assert [line for line in lines if line.startswith("asked for")] == []
    assert {"drf_commons.conf", "drf_commons.models", "drf_commons.serializers", "drf_commons.views"} <= set(lines)


def test_settings_modules_may_import_the_ground() -> None:
    """Settings, errors and types are there before Django has its settings, and do not ask for them."""
    assert run_script(IMPORT_GROUND) == ["False False"]


def test_the_description_for_spectacular_says_how_to_install_it() -> None:
    """Where drf-spectacular is missing, asking for what describes views to it names the command that installs it."""
    script = """
import importlib.util
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name == "drf_spectacular" else find_spec(name)
try:
    import drf_commons.openapi
except ImportError as error:
    print(error)
"""
    (line,) = run_script(script)
    assert "pip install 'drf-commons[openapi]'" in line
