"""Clients that others generate from the example's schema: they compile, and drive the running API."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.browser.site import ROOT, Site, serve
from tests.servers import find_npm, give_up

pytestmark = [pytest.mark.once, pytest.mark.xdist_group("browser")]

DRIVERS: Final = ROOT / "tests" / "clients"
TOOLS: Final = Path(sys.executable).parent
#: What each driver sees of the API.
SEEN: Final = {
    "created": [201, "Iceland", None, "", "ada"],
    "refused": [400, False, ["icao", "latitude"]],
    "listed": [4, None, ["BIAR", "BIKF", "BIRK", "ZZCT"]],
    "changed": [["ZZCT", 13]],
    "gone": [2, []],
    "conflict": [2, 412, 2],
    "imported": [201, "completed", 1],
    "exported": ["ICAO,Elevation (ft)", "ZZCT,13.0"],
    "closed": 404,
}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with serve(tmp_path) as site:
        yield site


@pytest.fixture
def folder(site: Site, tmp_path: Path) -> Path:
    """Return a project of somebody who has the schema."""
    folder = tmp_path / "client"
    folder.mkdir()
    with urllib.request.urlopen(f"{site.base}/schema/?format=json") as answer:  # noqa: S310  # our own address
        (folder / "schema.json").write_bytes(answer.read())
    return folder


def run(folder: Path, *command: str | Path) -> str:
    """Return what *command* prints in *folder*, where it has to succeed."""
    environment = {**os.environ, "PATH": os.pathsep.join([str(TOOLS), os.environ["PATH"]])}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)  # noqa: S603  # our own words
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_a_front_end_drives_the_example(site: Site, folder: Path) -> None:
    """openapi-typescript's types pass ``tsc --strict``, and a front end does everything through them."""
    npm = find_npm()
    for name in ("package.json", "drive.ts"):
        shutil.copy(DRIVERS / name, folder)
    try:
        run(folder, npm, "install", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund")
    except AssertionError as exc:
        give_up(f"needs what npm installs: {exc}")
    tools = folder / "node_modules" / ".bin"
    run(folder, tools / "openapi-typescript", "schema.json", "--default-non-nullable=false", "--output", "api.d.ts")
    options = ("--strict", "--exactOptionalPropertyTypes", "--target", "es2022", "--module", "nodenext")
    run(folder, tools / "tsc", *options, "drive.ts")
    assert json.loads(run(folder, "node", "drive.js", site.base, site.token)) == SEEN


def test_a_service_drives_the_example(site: Site, folder: Path) -> None:
    """openapi-python-client has no warning, its models and calls pass ``mypy --strict``, and so does what uses them."""
    page = (ROOT / "docs" / "openapi.md").read_text(encoding="utf-8")
    config = re.search(r"```yaml\n(content_type_overrides.*?)```", page, re.DOTALL)
    assert config is not None
    (folder / "client.yaml").write_text(config[1], encoding="utf-8")
    (folder / "mypy.ini").write_text("[mypy]\n", encoding="utf-8")
    shutil.copy(DRIVERS / "drive.py", folder)
    options = ("--path", "schema.json", "--config", "client.yaml", "--meta", "none", "--fail-on-warning")
    run(folder, TOOLS / "openapi-python-client", "generate", *options, "--output-path", "aviation_client")
    # What is about connections is the generator's own, and not strict.
    checked = ("drive.py", "aviation_client/models", "aviation_client/api")
    run(folder, sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", *checked)
    assert json.loads(run(folder, sys.executable, "drive.py", site.base, site.token)) == SEEN
