"""PDF out of a Django template: laid out block by block, so that time and memory grow with the rows and no faster."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from io import BytesIO
from typing import Any, Final

from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import get_language

from drf_commons.errors import MissingExtraError
from drf_commons.services.exporting.rows import Columns

__all__ = ["TEMPLATE", "Heading", "measure_headings", "write_pdf"]

#: A project that has a template of this name replaces it; it may extend it and fill its blocks.
TEMPLATE: Final = "drf_commons/export.html"

#: Rows that are laid out together: the time for one row is the same for any number, the memory is not.
_BLOCK: Final = 200
#: A table that needs more characters than this in a row is printed across.
_PORTRAIT: Final = 90
_WIDTHS: Final = (5, 40)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """What stands above a column, and how much of the width it gets, in percent."""

    label: str
    share: float
    is_number: bool
    #: How many characters it needs.
    width: int


def measure_headings(labels: Sequence[str], shown: Columns, is_number: Sequence[bool]) -> Sequence[Heading]:
    """Return the headings for what is *shown* of the first rows."""
    low, high = _WIDTHS
    widths = [
        min(max([low, max(map(len, label.split()), default=0) + 2, *(len(str(text or "")) for text in texts)]), high)
        for label, texts in zip(labels, shown, strict=True)
    ]
    return [
        Heading(label=label, share=round(100 * width / sum(widths), 2), is_number=number, width=width)
        for label, width, number in zip(labels, widths, is_number, strict=True)
    ]


def write_pdf(
    title: str, headings: Sequence[Heading], blocks: Iterable[Columns], template: str = TEMPLATE
) -> Iterator[bytes]:
    """Yield the document, which is whole only at its end: the pages are counted on each of them.

    Nothing is fetched for it, neither from the network nor from the disk.
    """
    document = _Document(title, headings, template)
    for block in _cut(blocks):
        document.add(block)
    yield document.finish()


def _cut(blocks: Iterable[Columns]) -> Iterator[Sequence[Sequence[object]]]:
    """Yield the rows in blocks of the size that is laid out at once."""
    for columns in blocks:
        rows = [*zip(*columns, strict=True)]
        for start in range(0, len(rows), _BLOCK):
            yield rows[start : start + _BLOCK]


class _Document:
    """The pages so far, and the rows that are still to be laid out."""

    def __init__(self, title: str, headings: Sequence[Heading], template: str) -> None:
        # Both are extras, take seconds to import, and have no stubs, or none that all checkers find. Without Pango the
        # import of WeasyPrint is an OSError, which names the library.
        try:
            weasyprint: Any = import_module("weasyprint")
            fonts: Any = import_module("weasyprint.text.fonts")
            urls: Any = import_module("weasyprint.urls")
            pypdf: Any = import_module("pypdf")
        except ImportError as exc:
            msg = "PDF export needs weasyprint and pypdf: pip install 'drf-commons[export]'"
            raise MissingExtraError(msg) from exc
        except OSError as exc:
            msg = f"PDF export needs Pango, a library of the system (apt-get install libpangoft2-1.0-0): {exc}"
            raise MissingExtraError(msg) from exc
        self._build: Any = weasyprint.HTML
        self._read: Any = pypdf.PdfReader
        self._writer: Any = pypdf.PdfWriter()
        self._options: Mapping[str, Any] = {"font_config": fonts.FontConfiguration()}
        self._fetcher: Any = urls.URLFetcher(allowed_protocols=("data",), allow_redirects=False)
        self._title = title
        self._headings = headings
        self._template = template
        self._waiting: Sequence[Sequence[object]] = ()
        self._is_empty = True

    def add(self, rows: Sequence[Sequence[object]]) -> None:
        """Lay *rows* out; those of the last page wait for the ones that will share it with them."""
        rows = [*self._waiting, *rows]
        document = self._lay_out(rows)
        *full, last = document.pages
        if not full:
            self._waiting = rows
            return
        first = min((int(name.removeprefix("row")) for name in last.anchors if name.startswith("row")), default=None)
        # A template of the project's own may name no rows: then each block ends its page.
        self._append(document if first is None else document.copy(full))
        self._waiting = () if first is None else rows[first:]

    def finish(self) -> bytes:
        """Return the whole document, with its pages numbered."""
        if self._waiting or self._is_empty:
            self._append(self._lay_out(self._waiting))
        count = len(self._writer.pages)
        numbers = self._render(pages=range(count), page_count=count)
        for page, stamp in zip(self._writer.pages, self._read(BytesIO(numbers.write_pdf())).pages, strict=False):
            page.merge_page(stamp)
            page.compress_content_streams()  # merging has unpacked them
        self._writer.add_metadata({"/Title": self._title})
        target = BytesIO()
        self._writer.write(target)
        return target.getvalue()

    def _lay_out(self, rows: Sequence[Sequence[object]]) -> Any:
        filled = [["" if cell is None else cell for cell in row] for row in rows]
        cells = [[*zip(self._headings, row, strict=True)] for row in filled]
        return self._render(columns=self._headings, rows=cells, is_first=self._is_empty)

    def _append(self, document: Any) -> None:
        for page in self._read(BytesIO(document.write_pdf())).pages:
            self._writer.add_page(page)
        self._is_empty = False

    def _render(self, **context: Any) -> Any:
        width = sum(heading.width + 2 for heading in self._headings)
        text = render_to_string(
            self._template,
            {
                "title": self._title,
                "language": get_language() or "en",
                "orientation": "portrait" if width <= _PORTRAIT else "landscape",
                "generated": timezone.localtime() if timezone.is_aware(timezone.now()) else timezone.now(),
                **context,
            },
        )
        return self._build(string=text, url_fetcher=self._fetcher).render(**self._options)
