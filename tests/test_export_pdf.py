"""PDF: pages that go on across blocks, nothing that is fetched, and a template that can be replaced."""

from __future__ import annotations

import base64
import re
import socket
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings
from pypdf import PdfReader

from drf_commons.services import ExportFieldConfig, ExportService
from drf_commons.services.exporting import pdf

pytestmark = pytest.mark.once


def export(config: ExportFieldConfig, rows: Sequence[dict[str, object]], **options: Any) -> PdfReader:
    """Return the document of *rows*."""
    return PdfReader(BytesIO(b"".join(ExportService(rows, config, **options).stream("pdf"))))


def test_every_row_is_on_a_page_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """In order, whatever block it was laid out in; pages are full, have the header, and are numbered to the last."""
    monkeypatch.setattr(pdf, "_BLOCK", 70)
    document = export({"n": "Number", "t": "Text"}, [{"n": f"<{n:04}>", "t": "x"} for n in range(300)], title="All")
    texts = [page.extract_text() for page in document.pages]
    assert re.findall(r"<(\d{4})>", "".join(texts)) == [f"{n:04}" for n in range(300)]
    counts = [len(re.findall(r"<\d{4}>", text)) for text in texts]
    assert len({*counts[1:-1]}) == 1
    assert all("Number" in text for text in texts)
    assert [re.findall(r"page (\d+) of (\d+)", text) for text in texts] == [
        [(str(number), str(len(texts)))] for number in range(1, len(texts) + 1)
    ]
    assert ["All" in text for text in texts] == [True, *[False] * (len(texts) - 1)]
    assert document.metadata is not None
    assert document.metadata.title == "All"


@pytest.mark.parametrize(("columns", "is_wide"), [(2, False), (14, True)])
def test_a_wide_table_is_printed_across(columns: int, is_wide: bool) -> None:
    """The page turns when the columns need it."""
    names = [f"column {number}" for number in range(columns)]
    [page] = export({name: name for name in names}, [dict.fromkeys(names, "some text")]).pages
    assert (page.mediabox.width > page.mediabox.height) is is_wide


def test_no_rows_are_a_page() -> None:
    """The labels say what there would be."""
    [page] = export({"a": "Label"}, []).pages
    assert "Label" in page.extract_text()


def test_what_is_not_there_leaves_its_cell_blank() -> None:
    """A null is no word."""
    [page] = export({"a": "Label", "b": "Other"}, [{"a": None, "b": 0}]).pages
    text = page.extract_text()
    assert "None" not in text
    assert "0" in text.split("Other")[1]


def test_markup_of_cells_is_shown() -> None:
    """Cells are text, and so are labels."""
    [page] = export({"a": "<b>A"}, [{"a": "<link rel=attachment href=file:///etc/hostname><img src=x>"}]).pages
    assert "<b>A" in page.extract_text()
    assert "<link" in page.extract_text()


def test_nothing_is_fetched(tmp_path: Path) -> None:
    """A template that refers to files and hosts, in every way there is, gets none of them."""
    image = tmp_path / "secret.png"
    image.write_bytes(base64.b64decode(PIXEL))
    with socket.create_server(("127.0.0.1", 0)) as host:
        host.setblocking(False)
        template = tmp_path / "evil.html"
        places = (image.as_uri(), f"http://127.0.0.1:{host.getsockname()[1]}/secret.png")
        template.write_text("".join(map(build_references, places)) + "<p>fine</p>")
        with override_settings(TEMPLATES=[{**settings.TEMPLATES[0], "DIRS": [str(tmp_path)]}]):
            document = export({"a": "A"}, [{"a": 1}], template="evil.html")
        with pytest.raises(BlockingIOError):  # nobody has called
            host.accept()
    assert "fine" in document.pages[0].extract_text()
    assert dict(document.attachments) == {}
    assert [*document.pages[0].images] == []


#: One pixel, as PNG.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def build_references(place: str) -> str:
    """Return HTML that refers to *place*: as an image, a style sheet, a font, an attachment, from inside an SVG."""
    svg = f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{place}" width="9" height="9"/></svg>'
    inside = base64.b64encode(svg.encode()).decode()
    return f"""
        <link rel="attachment" href="{place}"><link rel="stylesheet" href="{place}">
        <style>
            @import url("{place}");
            @font-face {{ font-family: secret; src: url("{place}") }}
            p {{ font-family: secret; background: url("{place}"); list-style-image: url("{place}") }}
            p::before {{ content: url("{place}") }}
        </style>
        <img src="{place}"><object data="{place}"></object><embed src="{place}"><a rel="attachment" href="{place}">x</a>
        {svg}<img src="data:image/svg+xml;base64,{inside}">
    """


def test_a_project_has_its_own_template(tmp_path: Path) -> None:
    """One that extends ours and fills a block."""
    template = tmp_path / "own.html"
    template.write_text(
        '{% extends "drf_commons/export.html" %}{% block title %}<h1>Own {{ title }}</h1>{% endblock %}'
    )
    with override_settings(TEMPLATES=[{**settings.TEMPLATES[0], "DIRS": [str(tmp_path)]}]):
        [page] = export({"a": "A"}, [{"a": True}], template="own.html", title="Title").pages
    text = page.extract_text()
    assert "Own Title" in text
    assert "Yes" in text
