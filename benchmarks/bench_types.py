"""What the mypy plugin costs: the same project, checked with it and without."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from benchmarks.interleave import Contender

if TYPE_CHECKING:
    from benchmarks.conftest import Compete

SOURCE: Final = Path(__file__).parents[1] / "src"
#: How many modules of eight serializers: 400 serializers, and 48 where there is little time.
MODULES: Final = {"full": 50, "small": 6}
PLUGINS: Final = {
    "without_plugin": "mypy_django_plugin.main, mypy_drf_plugin.main",
    "drf_commons": "mypy_django_plugin.main, mypy_drf_plugin.main, drf_commons.mypy_plugin",
}

CONFIG: Final = """[mypy]
files = shop
strict = True
explicit_package_bases = True
plugins = {plugins}

[mypy.plugins.django-stubs]
django_settings_module = settings
"""
SETTINGS: Final = """
SECRET_KEY = "only-for-type-checking"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "rest_framework", "drf_commons", "shop"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
"""
MODELS: Final = """
from django.db import models

class Maker(models.Model):
    name = models.CharField(max_length=20)
    founded = models.DateField(null=True)

class Product(models.Model):
    name = models.CharField(max_length=20)
    price = models.DecimalField(max_digits=8, decimal_places=2)
    kind = models.CharField(max_length=1, choices=[("a", "A"), ("b", "B")])
    weight = models.FloatField(null=True)
    added = models.DateTimeField(auto_now_add=True)
    maker = models.ForeignKey(Maker, on_delete=models.CASCADE, related_name="products")
"""
HEAD: Final = """
from rest_framework import serializers
from drf_commons.serializers import BaseModelSerializer
from drf_commons.serializers.fields import IdToDataField
from shop.models import Maker, Product
"""
PAIR: Final = """
class Maker{n}Serializer(BaseModelSerializer[Maker]):
    size = serializers.SerializerMethodField()

    def get_size(self, maker: Maker) -> int:
        return len(maker.name)

    class Meta:
        model = Maker
        fields = ["id", "name", "founded", "size"]

class Product{n}Serializer(BaseModelSerializer[Product]):
    maker = IdToDataField(queryset=Maker.objects.all(), serializer=Maker{n}Serializer)

    class Meta:
        model = Product
        fields = ["id", "name", "price", "kind", "weight", "added", "maker"]

def show_{n}(product: Product) -> tuple[object, object, object]:
    data = Product{n}Serializer(product).data
    return data["name"], data["maker"]["name"], Product{n}Serializer(data=data["maker"]).validated_data["maker"]
"""


def build_project(root: Path, modules: int, plugins: str) -> Path:
    """Write a project of so many modules."""
    (root / "shop").mkdir(parents=True)
    (root / "mypy.ini").write_text(CONFIG.format(plugins=plugins), encoding="utf-8")
    (root / "settings.py").write_text(SETTINGS, encoding="utf-8")
    (root / "shop" / "__init__.py").touch()
    (root / "shop" / "models.py").write_text(MODELS, encoding="utf-8")
    for number in range(modules):
        pairs = "".join(PAIR.format(n=pair) for pair in range(4))
        (root / "shop" / f"serializers_{number}.py").write_text(HEAD + pairs, encoding="utf-8")
    return root


def run_mypy(root: Path) -> None:
    """Check a project; it has no faults."""
    environment = {**os.environ, "PYTHONPATH": f"{SOURCE}:{root}", "MYPYPATH": str(SOURCE)}
    done = subprocess.run(
        [sys.executable, "-m", "mypy"], cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def forget(root: Path) -> None:
    """Take away what mypy knows, of the project and of the libraries."""
    shutil.rmtree(root / ".mypy_cache", ignore_errors=True)


def read_clock() -> float:
    """Return the seconds of CPU that finished processes have used: others on the machine do not count."""
    times = os.times()
    return times.children_user + times.children_system


@pytest.fixture(scope="module", params=["types_cold", "types_warm"])
def race(request: pytest.FixtureRequest) -> str:
    """Return which run is measured."""
    return str(request.param)


def test_the_plugin_costs_little(race: str, compete: Compete, tmp_path: Path) -> None:
    """A cold run takes at most 15 % longer, and one over unchanged code as long as without."""
    contenders: list[Contender] = []
    for name, plugins in PLUGINS.items():
        root = build_project(tmp_path / name, MODULES[os.environ.get("BENCH_SIZE", "full")], plugins)
        prepare = partial(forget, root) if race == "types_cold" else None
        contenders.append(Contender(name=name, run=partial(run_mypy, root), prepare=prepare))
    compete(race, contenders, effort=0.02, clock=read_clock)
