"""The page about performance shows what was measured."""

from __future__ import annotations

from xml.etree import ElementTree as ET  # charts of our own

import pytest

from benchmarks.charts import LABEL_LENGTH
from benchmarks.report import CHARTS, PAGE, SECTIONS, build_charts, build_page, load_results

pytestmark = pytest.mark.once


def test_the_page_is_made_of_the_results() -> None:
    """Nobody edits a number by hand: a full ``make bench`` writes them."""
    page = PAGE.read_text(encoding="utf-8")
    assert page == build_page(page, load_results())


def test_the_charts_are_made_of_the_results() -> None:
    """Each is the picture of its table, and a picture that can be drawn."""
    charts = build_charts(load_results())
    assert {path.name for path in CHARTS.glob("*.svg")} == charts.keys()
    for name, chart in charts.items():
        assert (CHARTS / name).read_text(encoding="utf-8") == chart
        assert ET.fromstring(chart).tag.endswith("svg")  # noqa: S314  # our own words


def test_a_label_fits_its_side_of_the_chart() -> None:
    """No line begins outside of the picture, where nobody reads it."""
    texts = [line.text.replace("`", "") for section in SECTIONS.values() for line in section.lines]
    assert [text for text in texts if len(text) > LABEL_LENGTH] == []


def test_every_line_has_been_measured_somewhere() -> None:
    """A line that no race fills says nothing."""
    races = load_results()["races"]
    assert [
        line.text
        for section in SECTIONS.values()
        for line in section.lines
        if not any(section.get_race(line, column) in races for column in section.columns)
    ] == []
