"""XML inside spreadsheets, parsed as a stream: no document types, no entities, no endless tags."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias
from xml.parsers import expat

from drf_commons.errors import UnreadableFileError
from drf_commons.services.importing.archives import Archive

__all__ = ["Attributes", "Feed", "build_parser", "feed", "parse_part", "strip_prefix"]

Attributes: TypeAlias = Mapping[str, str]

_BLOCK: Final = 1 << 17
#: A single tag may be this long; expat keeps all of it in memory.
_MAX_TAG: Final = 4_000_000
_MAX_DEPTH: Final = 100


def strip_prefix(name: str) -> str:
    """Return the name of a tag without the prefix that a writer has chosen."""
    return name.rpartition(":")[2]


def build_parser(file: str) -> expat.XMLParserType:
    """Return a parser that refuses document types, which no spreadsheet needs and bombs are made of."""

    def refuse(*_: object) -> None:
        raise UnreadableFileError(file, "its XML declares a document type, which no spreadsheet does; it is not opened")

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.buffer_size = 1 << 16
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    return parser


class Feed:
    """Gives a parser the contents of one file, block by block."""

    def __init__(self, parser: expat.XMLParserType, archive: Archive, path: str) -> None:
        self._parser = parser
        self._archive = archive
        self._path = path
        self._fed = 0

    def read_blocks(self) -> Iterator[bytes]:
        """Yield the blocks of the file."""
        return self._archive.read_blocks(self._path, _BLOCK)

    def parse(self, block: bytes, *, is_last: bool = False) -> None:
        """Parse a block."""
        try:
            self._parser.Parse(block, is_last)
        except expat.ExpatError as exc:
            where = f"{self._path} in it is damaged ({expat.ErrorString(exc.code)}, line {exc.lineno})"
            raise UnreadableFileError(self._archive.name, f"{where}; save the file again") from exc
        self._fed += len(block)
        if self._fed - max(self._parser.CurrentByteIndex, 0) > _MAX_TAG:
            raise UnreadableFileError(self._archive.name, f"a tag in {self._path} has no end; save the file again")


def feed(parser: expat.XMLParserType, archive: Archive, path: str) -> Iterator[None]:
    """Parse the file at *path*; after each block of it the caller has its turn."""
    feeding = Feed(parser, archive, path)
    for block in feeding.read_blocks():
        feeding.parse(block)
        yield
    feeding.parse(b"", is_last=True)
    yield


def parse_part(
    archive: Archive,
    path: str,
    *,
    start: Callable[[str, Attributes], object],
    end: Callable[[str], object] | None = None,
    text: Callable[[str], object] | None = None,
) -> None:
    """Parse a small part; tags arrive without their prefix."""
    depth = 0

    def begin(name: str, attributes: Attributes) -> None:
        nonlocal depth
        depth += 1
        if depth > _MAX_DEPTH:
            raise UnreadableFileError(archive.name, f"tags in {path} are nested too deep; save the file again")
        start(strip_prefix(name), attributes)

    def finish(name: str) -> None:
        nonlocal depth
        depth -= 1
        if end is not None:
            end(strip_prefix(name))

    parser = build_parser(archive.name)
    parser.StartElementHandler = begin
    parser.EndElementHandler = finish
    if text is not None:
        parser.CharacterDataHandler = text
    for _ in feed(parser, archive, path):
        pass
