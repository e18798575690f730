"""The rows of an XLSX sheet. Nearly all writers spell a row alike, and such rows need no parser.

A row that stands between two others, starts as one that the parser has taken, and whose cells have a shape that is
known here, is well-formed, and means what the parser would say. Every other row is given to the parser, and so is what
stands around the rows. The tests hold both ways together.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from operator import itemgetter
from typing import Final, NoReturn, TypeAlias

from drf_commons.services.importing.archives import Archive
from drf_commons.services.importing.headers import place_column
from drf_commons.services.importing.markup import BLOCK
from drf_commons.services.importing.number_formats import read_number
from drf_commons.services.importing.sheets import MAX_COLUMNS, MAX_ROWS, SheetRow
from drf_commons.services.importing.workbooks import Workbook
from drf_commons.services.importing.xlsx_cells import ROW_END, CellParser, Scope, is_blank, read_flag

__all__ = ["read_rows"]

#: Takes what stands in a cell, and returns its value; a ``ValueError`` or ``LookupError`` leaves the row to the parser.
#: ``None`` stands for text, which is what it is.
_Converter: TypeAlias = "Callable[[str], object] | None"

_MAX_ROW: Final = 1_000_000
#: Where so many rows of a block are the parser's, the others will be too.
_MAX_ODD: Final = 20
_HEAD: Final = re.compile(r'\s*<row r="([0-9]{1,7})"([^<>]*)>')
# The letters of a cell, what stands between its number and its text, and the text. What lies between two matches is how
# the first one ends.
_CELL: Final = re.compile(r'<c r="([A-Z]{1,3})[0-9]{1,7}"([^<>]*>(?:<v>|<is><t[^<>]*>)?)([^<>]*)')
# A formula with a value behind it, which is all that counts.
_FORMULA: Final = re.compile(
    r'<f(?: aca="[a-z0-1]+")?(?: t="[A-Za-z]+")?(?: ref="[A-Z0-9:]+")?(?: ca="[a-z0-1]+")?(?: si="[0-9]+")?'
    r"(?:/>|>(?:[^<>&]|&(?:amp|lt|gt|quot|apos);)*</f>)(?=<v>[^<])"
)
_ENTITY: Final = re.compile("&([^&;]*;?)")
_ENTITIES: Final = {"amp;": "&", "lt;": "<", "gt;": ">", "quot;": '"', "apos;": "'"}
_SHAPE: Final = re.compile(
    r'(?: s="(?P<style>[0-9]{1,6})")?(?: t="(?P<kind>[A-Za-z]{1,9})")?'
    r'(?P<close>/?>)(?P<open><v>|<is><t(?: xml:space="preserve")?>)?'
)
_ENDS: Final = {("/>", None): "", (">", None): "</c>", (">", "<v>"): "</v></c>", (">", "<is"): "</t></is></c>"}
# Characters that XML does not have, or changes.
_ODD: Final = bytes([*range(9), *range(11, 32)])
# So do U+FFFE and U+FFFF; those that begin alike are as rare.
_ODD_START: Final = b"\xef\xbf"
_REMEMBERED: Final = 4_096
_MOST_SHAPES: Final = 1_000


def read_rows(archive: Archive, path: str, workbook: Workbook, scope: Scope) -> Iterator[SheetRow]:
    """Yield the rows that are not blank, with their cells up to the last one that is not."""
    parser = CellParser(archive.name, path, workbook, scope)
    plain = _PlainRows(workbook, scope)
    rest = b""
    for block in archive.read_blocks(path, BLOCK):
        rest += block
        end = rest.rfind(ROW_END) + len(ROW_END)
        if end >= len(ROW_END):
            rows, rest = rest[:end], rest[end:]
            yield from _read_whole(parser, plain, rows)
        elif len(rest) > _MAX_ROW:
            yield from parser.parse(rest)
            rest = b""
        if parser.is_over:
            return
    yield from parser.parse(rest)
    if not parser.is_over:
        yield from parser.parse(b"", is_last=True)


def _read_whole(parser: CellParser, plain: _PlainRows, data: bytes) -> Iterator[SheetRow]:
    """Yield the rows in *data*, which ends as a row does."""
    if not parser.is_between:
        start = data.find(ROW_END) + len(ROW_END)
        yield from parser.parse(data[:start])
        data = data[start:]
    texts = _split(data) if parser.is_between else None
    if texts is None:
        yield from parser.parse(data)
        return
    odd = 0
    for place, text in enumerate(texts, 1):
        cells = plain.read(text, parser.number)
        if cells is None:
            odd += 1
            yield from parser.parse(text.encode() + ROW_END)
            if not parser.is_between or odd > _MAX_ODD:
                yield from parser.parse(b"".join(text.encode() + ROW_END for text in texts[place:]))
                return
            plain.learn(text)
        else:
            parser.number = plain.number
            if cells and plain.number >= plain.first and (cells[0] is not None or not is_blank(cells)):
                yield plain.number, cells, None


def _split(data: bytes) -> Sequence[str] | None:
    """Return the rows in *data* without their ends; ``None`` where a character needs the parser's eye."""
    if len(data.translate(None, _ODD)) != len(data) or _ODD_START in data:
        return None
    try:
        return data.decode().split(ROW_END.decode())[:-1]
    except UnicodeDecodeError:
        return None


class _PlainRows:
    """Reads the rows that are spelled as usual."""

    def __init__(self, workbook: Workbook, scope: Scope) -> None:
        #: The number of the row that was read last.
        self.number = 0
        self.first: int = scope.first
        self._width, self._longest = scope.width, scope.longest
        self._by_kind = {"s": _build_look_up(workbook.texts, scope.longest), "b": read_flag}
        self._by_style: dict[str | None, Callable[[str], object]] = {
            style: lru_cache(_REMEMBERED)(converter) for style, converter in workbook.converters.items()
        }
        self._heads = {""}
        self._converters: dict[tuple[str, str], _Converter] = {}
        # How the cells of the last row were spelled, and what that comes to.
        self._letters: list[str] = []
        self._shapes: list[str] = []
        self._ends: list[str] = []
        #: How many cells stand in columns that have a header, and what puts ``None`` into the gaps between them.
        self._inside = 0
        self._spread: Callable[[list[object]], Iterable[object]] | None = None
        self._row: list[_Converter] = []

    def learn(self, text: str) -> None:
        """Remember how a row starts that the parser has taken."""
        head = _HEAD.match(text)
        if head is not None and len(self._heads) < _MOST_SHAPES:
            self._heads.add(head[2])

    def read(self, text: str, last: int) -> list[object] | None:
        """Return the cells of a row behind the one with the number *last*, or ``None`` where the parser has to."""
        if "<f" in text:
            text = _FORMULA.sub("", text)
        parts = _CELL.split(text)
        letters, shapes, texts, ends = parts[1::4], parts[2::4], parts[3::4], parts[4::4]
        head = _HEAD.fullmatch(parts[0])
        if head is None or head[2] not in self._heads or not last < int(head[1]) <= MAX_ROWS:
            return None
        try:
            if "&" in text:
                texts = [_ENTITY.sub(_expand, text) for text in texts]
            if "_x" in text or (len(text) > self._longest and max(map(len, texts), default=0) > self._longest):
                return None
            if letters != self._letters:
                self._find_places(letters)
            if shapes != self._shapes or ends != self._ends:
                self._find_converters(shapes, ends)
            cells = [
                text or None if convert is None else convert(text)
                for text, convert in zip(texts, self._row, strict=True)
            ]
        except (ValueError, LookupError, ArithmeticError):
            return None
        self.number = int(head[1])
        return self._arrange(cells)

    def _arrange(self, cells: list[object]) -> list[object] | None:
        """Return the cells with the gaps between them; a value beyond the last column is the parser's."""
        if len(cells) > self._inside:
            if any(cell is not None for cell in cells[self._inside :]):
                return None
            del cells[self._inside :]
        if self._spread is not None:
            cells.append(None)
            return [*self._spread(cells)]
        return cells

    def _find_places(self, letters: list[str]) -> None:
        places = [*map(place_column, letters)]
        if places[-1:] > [MAX_COLUMNS] or any(left >= right for left, right in pairwise((0, *places))):
            raise ValueError(letters)
        inside = bisect_right(places, self._width)
        self._letters, self._inside, self._spread = letters, inside, None
        if inside and places[inside - 1] > inside:
            cells = dict(zip(places, range(inside), strict=False))
            self._spread = itemgetter(*(cells.get(place, -1) for place in range(1, places[inside - 1] + 1)))

    def _find_converters(self, shapes: list[str], ends: list[str]) -> None:
        row: list[_Converter] = []
        for shape in zip(shapes, ends, strict=True):
            if shape not in self._converters:
                if len(self._converters) >= _MOST_SHAPES:
                    self._converters.clear()
                self._converters[shape] = self._build_converter(*shape)
            row.append(self._converters[shape])
        self._shapes, self._ends, self._row = shapes, ends, row

    def _build_converter(self, shape: str, end: str) -> _Converter:
        match = _SHAPE.fullmatch(shape)
        if match is None or _ENDS.get((match["close"], match["open"] and match["open"][:3])) != end:
            return _leave
        if match["open"] is None:
            return _read_blank
        if match["open"] != "<v>" or match["kind"] == "str":
            return None
        kind = match["kind"] or "n"
        return self._by_style.get(match["style"], read_number) if kind == "n" else self._by_kind.get(kind, _leave)


def _build_look_up(texts: Sequence[str], longest: int) -> Callable[[str], object]:
    """Return what finds a shared text; one that is blank, or no cell may have, is the parser's."""
    odd = {place for place, text in enumerate(texts) if not text or len(text) > longest or "\0" in text}
    plain = [None if place in odd else text for place, text in enumerate(texts)] if odd else texts

    def look_up(text: str) -> object:
        place = int(text)
        found = plain[place]
        if found is None or place < 0:
            raise LookupError(text)
        return found

    return look_up


def _expand(match: re.Match[str]) -> str:
    return _ENTITIES[match[1]]  # any other is the parser's


def _read_blank(text: str) -> None:
    if text:
        _leave(text)


def _leave(text: str) -> NoReturn:
    """Leave a row to the parser."""
    raise ValueError(text)
