"""Rows of an XLSX sheet that are written as programs mostly write them, recognised at once.

It is a shortcut for what :mod:`~drf_commons.services.importing.xlsx_cells` does tag by tag, and gives the same cells:
whatever it does not know by heart, a fault included, is left to that. It takes nothing on trust either: the pattern has
to account for every tag, so that none can hide between two cells.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Final

from drf_commons.services.importing.number_formats import read_number
from drf_commons.services.importing.sheets import MAX_COLUMNS, MAX_ROWS, SheetRow
from drf_commons.services.importing.workbooks import Workbook, unescape

__all__ = ["RowReader", "cut_rows"]

_DECLARATION: Final = re.compile(
    rb"""(?:\xef\xbb\xbf)?<\?xml version=["']1\.0["'](?: encoding=["']utf-8["'])?(?: standalone=["']\w+["'])?\s*\?>""",
    re.IGNORECASE,
).match
_DATA: Final = b"<sheetData>"
_ROW_END: Final = b"</row>"
#: A row that is longer than this is given to the parser, which bounds it.
_MAX_ROW: Final = 1_000_000
_ROW: Final = re.compile(r'\s*<row(?: r="([0-9]{1,7})")?(?: [A-Za-z:0-9]+="[^"<&]*")*>').match
_CELL: Final = re.compile(
    r'<c r="([A-Z]{1,3})[0-9]{1,7}"(?: s="([0-9]+)")?(?: t="([A-Za-z]+)")?(?:/>|>'
    r"(?:(<f[^<>]*/>|<f(?: [^<>]*)?>[^<]*</f>)?<v>([^<&]+)</v>"
    r'|<is><t(?: xml:space="preserve")?>([^<]+)</t></is>)</c>)'
).findall
_ENTITY: Final = re.compile("&([^&;]*;?)")
_ENTITIES: Final = {"amp;": "&", "lt;": "<", "gt;": ">", "quot;": '"', "apos;": "'"}
#: What XML forbids, or reads as something else: a parser has to see it.
_ODD: Final = bytes({*range(32)} - {*b"\t\n"})
_REMEMBERED: Final = 20_000
_ROW_TAGS: Final = 2
_VALUE_TAGS: Final = 4


def cut_rows(blocks: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Yield the XML of a sheet in pieces, and whether each is nothing but whole rows.

    From the first comment or the like on, or a row that does not end, nothing is cut: only a parser knows what is what.
    """
    rest = next(blocks, b"")
    start = rest.find(_DATA) + len(_DATA)
    is_known = start >= len(_DATA) and _is_plain_head(rest[:start])
    if is_known:
        yield rest[:start], False
        rest = rest[start:]
    for block in chain(blocks, [b""]):
        end = rest.rfind(_ROW_END) + len(_ROW_END)
        has_rows = end >= len(_ROW_END)
        if b"<!" in rest or b"<?" in rest or (not has_rows and len(rest) > _MAX_ROW):
            is_known = False
        if not is_known:
            yield rest, False
            rest = block
        elif has_rows:
            yield rest[:end], True
            rest = rest[end:] + block
        else:
            rest += block
    yield rest, False


def _is_plain_head(head: bytes) -> bool:
    """Tell whether what stands before the rows is UTF-8, and holds nothing in which the rows might be hidden."""
    declared = _DECLARATION(head)
    rest = head if declared is None else head[declared.end() :]
    return b"<!" not in rest and b"<?" not in rest


class RowReader:
    """Reads the rows of one sheet from the number *first* on, up to *width* cells in each."""

    def __init__(self, workbook: Workbook, *, first: int, width: int, longest: int) -> None:
        self._texts = workbook.texts
        self._converters = workbook.converters
        self._first = first
        self._names = _list_names(min(width, MAX_COLUMNS))
        self._places: Mapping[str, int] = {name: place for place, name in enumerate(self._names)}
        self._longest = longest
        self._shown: dict[tuple[str, str], object] = {}

    def read(self, data: bytes, number: int) -> tuple[list[SheetRow], int] | None:
        """Return the rows in *data*, whole ones that follow *number*, but for blank ones; and the number of the last.

        Return ``None`` where they have to be read tag by tag.
        """
        if len(data.translate(None, _ODD)) != len(data):
            return None
        try:
            return self._read_rows(data.decode(), number)
        except (LookupError, ValueError, ArithmeticError):
            return None

    def _read_rows(self, text: str, number: int) -> tuple[list[SheetRow], int]:
        rows: list[SheetRow] = []
        tags = 0
        for part in text.split("</row>")[:-1]:
            match = _ROW(part)
            following = number + 1 if match is None or not match[1] else int(match[1])
            if match is None or not number < following <= MAX_ROWS:
                raise ValueError
            number = following
            found = _CELL(part, match.end())
            cells, more = self._read_cells(found)
            tags += _ROW_TAGS + _VALUE_TAGS * len(found) + more
            if number >= self._first and any(cell is not None and cell != "" for cell in cells):
                rows.append((number, cells, None))
        if text.count("<") != tags:
            raise ValueError
        return rows, number

    def _read_cells(  # noqa: C901, PLR0912  # hot: a call for each cell would cost more than the cell
        self, found: Sequence[tuple[str, str, str, str, str, str]]
    ) -> tuple[list[object], int]:
        """Return the cells of a row, and how many more tags they have than plain values would."""
        texts, converters, shown = self._texts, self._converters, self._shown
        names, longest = self._names, self._longest
        width = len(names)
        cells: list[object] = []
        tags = place = 0
        value: object
        for name, style, kind, formula, text, inline in found:
            if inline:
                tags += 2
                # The pattern lets no empty text through, and the bytes no NUL, unless it is escaped.
                value = inline if "&" not in inline and "_x" not in inline else _read_text(inline)
                if len(inline) > longest:
                    raise ValueError
            elif not text:  # a cell that only has a style
                tags -= _VALUE_TAGS - 1
                continue
            elif kind == "s":
                value = shared = texts[int(text)]
                if not 0 < len(shared) <= longest or "\0" in shared:
                    raise ValueError
            elif kind in {"", "n"}:
                if style in converters:
                    value = shown.get((style, text))
                    if value is None:
                        value = self._show(style, text)
                elif "." not in text:
                    value = int(text) if text.isdecimal() else read_number(text)
                else:
                    number = float(text)
                    value = number if number % 1 else read_number(text)
            elif kind == "b":
                value = text in {"1", "true"}
            elif kind == "str" and len(text) <= longest:
                value = _read_text(text)
            else:
                raise ValueError
            if formula:
                tags += formula.count("<")
            if place >= width or names[place] != name:
                following = self._places[name]
                if following < place:
                    raise ValueError
                cells.extend([None] * (following - place))
                place = following
            cells.append(value)
            place += 1
        return cells, tags

    def _show(self, style: str, text: str) -> object:
        if len(self._shown) > _REMEMBERED:
            self._shown.clear()
        value = self._shown[style, text] = self._converters[style](text)
        return value


def _read_text(text: str) -> str:
    """Return a text of the XML as it was before it was escaped, in XML and once more in the format."""
    value = unescape(_ENTITY.sub(_expand, text))
    if "\0" in value:
        raise ValueError
    return value


def _expand(match: re.Match[str]) -> str:
    return _ENTITIES[match[1]]  # any other is left to the parser


def _list_names(width: int) -> Sequence[str]:
    """Return the letters of the first *width* columns."""
    letters = [chr(code) for code in range(ord("A"), ord("Z") + 1)]
    names = letters.copy()
    for name in names:
        if len(names) >= width:
            break
        names.extend(f"{name}{letter}" for letter in letters)
    return names[:width]
