"""The pages of the documentation, as Sphinx builds them and a browser shows them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.browser.site import ROOT, launch
from tests.test_browser import find_violations

pytest.importorskip("sphinx")

pytestmark = [pytest.mark.browser, pytest.mark.once, pytest.mark.xdist_group("browser")]

SCREENSHOTS: Final = ROOT / "tests" / "screenshots" / "docs"
#: What does not fit the window, and cannot be scrolled where it is.
FIND_WIDE: Final = """() => {
  const width = document.documentElement.clientWidth;
  const scrolls = (element) =>
    element && (getComputedStyle(element).overflowX !== "visible" || scrolls(element.parentElement));
  return [...document.querySelectorAll("article *")]
    .filter((element) => element.getBoundingClientRect().right > width + 1 && !scrolls(element.parentElement))
    .map((element) => `${element.tagName}: ${element.textContent.slice(0, 60)}`);
}"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return the pages, built without a warning."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "--quiet", "-b", "html", "docs", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603  # our own words
    assert done.returncode == 0, done.stderr
    return sorted(path for path in folder.rglob("*.html") if path.name != "search.html")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launch() as browser:
        yield browser


@pytest.mark.parametrize("width", [1280, 390])
def test_every_page_fits_the_window(browser: Any, pages: list[Path], width: int) -> None:
    """On a desk and on a phone: what is wide scrolls by itself, pictures are there, and no table is left as bars."""
    page = browser.new_page(viewport={"width": width, "height": 900})
    faults: dict[str, list[str]] = {}
    for path in pages:
        page.goto(path.as_uri())
        wide = page.evaluate(FIND_WIDE)
        if page.evaluate("document.documentElement.scrollWidth") > width:
            wide.append("the page itself scrolls")
        lost = page.evaluate("[...document.images].filter((image) => !image.naturalWidth).map((image) => image.src)")
        bars = page.locator("article p", has_text=re.compile(r"^\s*\|")).all_inner_texts()
        faults[path.name] = [*wide, *lost, *bars]
        page.screenshot(path=SCREENSHOTS / f"{width}_{path.stem}.png")
    page.close()
    assert {name: found for name, found in faults.items() if found} == {}


@pytest.mark.parametrize("name", ["index", "tutorial", "performance"])
def test_everybody_can_use_the_pages(browser: Any, pages: list[Path], name: str) -> None:
    """axe-core finds nothing serious, the menu included."""
    page = browser.new_page()
    page.goto(next(path for path in pages if path.stem == name).as_uri())
    assert find_violations(page) == []
