"""XML inside spreadsheets, parsed as a stream: no document types, no entities, no endless tags."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias
from xml.parsers import expat

from drf_commons.errors import UnreadableFileError
from drf_commons.services.importing.archives import Archive

__all__ = ["BLOCK", "Attributes", "Feeder", "build_parser", "feed", "parse_part", "strip_prefix"]

Attributes: TypeAlias = Mapping[str, str]

#: Bytes of a part that are unpacked at once.
BLOCK: Final = 1 << 17
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


class Feeder:
    """Hands a part of an archive to a parser, in pieces, and says what is wrong with it."""

    __slots__ = ("_file", "_parser", "_path", "fed")

    def __init__(self, parser: expat.XMLParserType, file: str, path: str) -> None:
        self._parser = parser
        self._file, self._path = file, path
        #: The bytes so far.
        self.fed: int = 0

    def parse(self, data: bytes, *, is_last: bool = False) -> None:
        """Parse the next bytes."""
        try:
            self._parser.Parse(data, is_last)
        except expat.ExpatError as exc:
            reason = f"{self._path} in it is damaged ({expat.ErrorString(exc.code)}); save the file again"
            raise UnreadableFileError(self._file, reason) from exc
        self.fed += len(data)
        if self.fed - max(self._parser.CurrentByteIndex, 0) > _MAX_TAG:
            raise UnreadableFileError(self._file, f"a tag in {self._path} has no end; save the file again")


def feed(parser: expat.XMLParserType, archive: Archive, path: str) -> Iterator[None]:
    """Parse the file at *path*; after each block of it the caller has its turn."""
    feeder = Feeder(parser, archive.name, path)
    for block in archive.read_blocks(path, BLOCK):
        feeder.parse(block)
        yield
    feeder.parse(b"", is_last=True)
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
