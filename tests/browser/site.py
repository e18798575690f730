"""A site for what comes from outside: a browser, or a client that was generated."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from tests.servers import find_chromium

ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A running site."""

    base: str
    #: Of somebody who may do everything.
    token: str


@contextmanager
def launch() -> Iterator[Any]:
    """Run the browser, which is to load nothing of its own."""
    playwright = pytest.importorskip("playwright.sync_api")
    arguments = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
    ]
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=find_chromium(), args=arguments)
        yield browser
        browser.close()


@contextmanager
def serve(folder: Path) -> Iterator[Site]:
    """Run a site whose database is in *folder*."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "src"), str(ROOT / "example")])
    environment = {**os.environ, "PYTHONPATH": paths, "DEMO_DATABASE": str(folder / "site.sqlite3")}
    environment["DEMO_MEDIA"] = str(folder / "media")
    command = (sys.executable, "-m", "tests.browser.serve")
    with subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603  # our own words
        assert server.stdout is not None
        try:
            port, _, token = server.stdout.readline().strip().partition(" ")
            assert port.isdecimal(), port
            yield Site(base=f"http://127.0.0.1:{port}", token=token)
        finally:
            server.terminate()
