"""Text files: how they are encoded, and their lines with their places."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Final

from drf_commons.errors import UnreadableFileError
from drf_commons.services.importing.sources import Source

__all__ = ["Encoding", "Lines", "RecordTooLongError", "count_lines", "find_encoding", "normalize_encoding"]

_BLOCK: Final = 1 << 20
_SAMPLE: Final = 1 << 16

#: Byte order marks; UTF-32, which is refused, stands first because its mark begins like that of UTF-16.
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

# The letters and signs of cp1252 that Western European languages are written with. What Central European, Turkish or
# Cyrillic texts would show instead is left out: such a file is refused, not read as something that nobody wrote.
_WESTERN: Final = bytes.fromhex(
    "80 85 8c 91 92 93 94 95 96 97 99 9c a0 a1 a2 a3 a7 a9 aa ab ae b0 b7 ba bb bf c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 ca cb"
    "cc cd ce cf d1 d2 d3 d4 d5 d6 d8 d9 da db dc df e0 e1 e2 e3 e4 e5 e6 e7 e8 e9 ea eb ec ed ee ef f1 f2 f3 f4 f5 f6"
    "f8 f9 fa fb fc ff"
)
_HIGH: Final = re.compile(rb"[\x80-\xff]+")
_UTF8_PAIR: Final = re.compile(rb"[\xc3-\xdf][\x80-\xbf]|[\xe1-\xef][\x80-\xbf]{2}")
_RUN: Final = 2

#: Bytes that are looked at for lines without anything special.
_PIECE: Final = 1 << 16

#: Encodings with more than a byte for each character, which are read all the same.
_WIDE: Final = frozenset({"utf-16", "utf-16-le", "utf-16-be"})

#: Encodings in which a byte of a line break is nothing else, and every line can be read without the one before.
_STATELESS: Final = frozenset({"ascii", "cp1252", "iso8859-1", "utf-8"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """How a text is encoded, and how many bytes stand before it."""

    name: str
    mark: int = 0


class RecordTooLongError(Exception):
    """A record goes on and on; the reader of records turns this into a fault."""


def normalize_encoding(declared: str) -> str | None:
    """Return Python's own name of an encoding that CSV can be read in; ``None`` for any other."""
    try:
        name = codecs.lookup(declared).name
        is_read = name in _WIDE or b"\r\n,;\t|\"'0aZ".decode(name) == "\r\n,;\t|\"'0aZ"
    except (LookupError, UnicodeError, ValueError):
        return None
    return name if is_read else None


def find_encoding(source: Source, declared: str | None) -> Encoding:
    """Return how the whole file is encoded; a byte that does not fit is an error that names its line."""
    sample = _peek(source.file, _SAMPLE)
    encoding = _read_mark(sample)
    if encoding is not None and encoding.name.startswith("utf-32"):
        raise UnreadableFileError(source.name, "it is UTF-32, which CSV is not read in; save the file as UTF-8")
    if declared is not None:
        encoding = _check_declared(source.name, declared, encoding)
    elif encoding is None:
        encoding = Encoding(name=_guess_utf16(sample) or "utf-8")
    bad = _find_undecodable(source.file, encoding)
    if bad is None:
        return encoding
    if declared is None and encoding == Encoding(name="utf-8") and _is_western(source.file):
        return Encoding(name="cp1252")
    line, byte = bad
    reason = f"the byte 0x{byte:02x} is not {encoding.name.upper()}; save the file as UTF-8, or declare its encoding"
    raise UnreadableFileError(source.name, reason, row=line)


def count_lines(file: IO[bytes]) -> int:
    """Return how many lines stand behind the first, whatever ends them; in some encodings a few more are counted."""
    feeds = returns = 0
    file.seek(0)
    while block := file.read(_BLOCK):
        feeds += block.count(b"\n")
        returns += block.count(b"\r")
    return max(feeds, returns)


class Lines:
    """The lines of a file, as the csv module wants them, and the place that has been read so far."""

    __slots__ = (
        "_encoding",
        "_file",
        "_is_stateless",
        "_name",
        "_readline",
        "has_guard",
        "has_nul",
        "heads",
        "number",
        "offset",
        "record",
        "size",
    )

    def __init__(self, source: Source, encoding: Encoding, size: int) -> None:
        self._file = source.file
        self._name = source.name
        self._encoding = encoding.name
        self._readline = _choose_readline(source.file, encoding)
        self._is_stateless: bool = encoding.name in _STATELESS and self._readline == source.file.readline
        #: The most bytes of one record.
        self.size: int = size
        #: What stands at the beginning of a guarded cell that is not the first of its line.
        self.heads: tuple[str, ...] = ("'",)
        self.seek(encoding.mark, 0)

    def seek(self, offset: int, number: int) -> None:
        """Go on behind the line with this number, which ends at *offset*."""
        self._file.seek(offset)
        self.offset: int = offset
        self.record: int = offset
        self.number: int = number
        self.has_nul: bool = False
        self.has_guard: bool = False

    def __iter__(self) -> Iterator[str]:
        readline, encoding, most = self._readline, self._encoding, self.size
        while raw := readline(most + 1):
            self.offset += len(raw)
            self.number += 1
            if self.offset - self.record > most:
                raise RecordTooLongError
            line = raw.decode(encoding)
            if "\0" in line:
                self.has_nul = True
            if "'" in line and (line[0] == "'" or any(head in line for head in self.heads)):
                self.has_guard = True
            yield line

    def peek(self, most: int) -> tuple[Sequence[str], int]:
        """Return the next lines without their ends, *most* at most, and how many bytes they take.

        There are none where one of them has a quote, a NUL, a guarded cell or a single carriage return, and none that
        has no end. The place stays as it is: seek it, here or behind them, before anything else is read.
        """
        if not self._is_stateless:
            return (), 0
        block = self._file.read(_PIECE)
        size = len(block) - len(block.split(b"\n", most)[-1])
        text = block[:size].decode(self._encoding)
        if "\r" in text:
            text = text.replace("\r\n", "\n")
        if any(mark in text for mark in ('"', "\0", "\r", "\n'", *self.heads)) or text.startswith("'"):
            return (), 0
        return text.split("\n")[:-1], size

    def read_record(self, offset: int) -> str:
        """Return the text from *offset* on, as far as a record may go; the place is another one afterwards."""
        self._file.seek(offset)
        return self._file.read(self.size).decode(self._encoding, "ignore")

    def skip(self, count: int) -> None:
        """Go behind *count* lines."""
        for _ in range(count):
            self.offset += len(self._readline(self.size + 1))
            self.number += 1


def _peek(file: IO[bytes], size: int) -> bytes:
    file.seek(0)
    sample = file.read(size)
    file.seek(0)
    return sample


def _read_mark(sample: bytes) -> Encoding | None:
    for mark, name in _MARKS:
        if sample.startswith(mark):
            return Encoding(name=name, mark=len(mark))
    return None


def _check_declared(file: str, declared: str, marked: Encoding | None) -> Encoding:
    name = normalize_encoding(declared)
    if name is None:
        raise UnreadableFileError(file, f"the declared encoding {declared!r} is not one that CSV can be read in")
    if name in {"utf-16", "utf-8-sig"}:
        family = name[:6].rstrip("-s")
        if marked is not None and marked.name.startswith(family):
            return marked
        name = "utf-16-le" if family == "utf-16" else "utf-8"
    if marked is not None and marked.name != name:
        reason = f"the declared encoding is {name.upper()}, but the file begins with the mark of {marked.name.upper()}"
        raise UnreadableFileError(file, reason)
    return Encoding(name=name, mark=0 if marked is None else marked.mark)


def _guess_utf16(sample: bytes) -> str | None:
    """Return the UTF-16 that a text without a mark is in: every second byte of Western text is then zero."""
    pairs = len(sample) // 2
    even, odd = sample[: 2 * pairs : 2].count(0), sample[1 : 2 * pairs : 2].count(0)
    if odd > pairs * 0.4 and even < pairs * 0.05:
        return "utf-16-le"
    if even > pairs * 0.4 and odd < pairs * 0.05:
        return "utf-16-be"
    return None


def _find_undecodable(file: IO[bytes], encoding: Encoding) -> tuple[int, int] | None:
    """Return the line of the first byte that does not fit, and the byte."""
    decoder = codecs.getincrementaldecoder(encoding.name)()
    file.seek(encoding.mark)
    lines, is_last = 1, False
    while not is_last:
        block = file.read(_BLOCK)
        is_last = not block
        try:
            text = decoder.decode(block, final=is_last)
        except UnicodeDecodeError as exc:
            before = exc.object[: exc.start].decode(encoding.name, "ignore")
            return lines + before.count("\n"), exc.object[exc.start]
        lines += text.count("\n")
    return None


def _is_western(file: IO[bytes]) -> bool:
    """Tell whether a text that is not UTF-8 is certainly cp1252: single accented letters among plain ones."""
    high = letters = 0
    file.seek(0)
    while block := file.read(_BLOCK):
        if _UTF8_PAIR.search(block) or any(byte in block for byte in (b"\0", b"\x7f")):
            return False  # a UTF-8 text with a broken place, or no text
        for run in _HIGH.findall(block):
            if len(run) > _RUN or run.translate(None, _WESTERN):
                return False
            high += len(run)
        letters += sum(map(block.count, (b"e", b"a", b"i", b"n", b"r", b"s", b"o", b"t")))
    return high <= letters


def _choose_readline(file: IO[bytes], encoding: Encoding) -> Callable[[int], bytes]:
    if encoding.name.startswith("utf-16"):
        return _build_utf16_readline(file, zero=1 if encoding.name == "utf-16-le" else 0)
    sample = _peek(file, _SAMPLE)
    if b"\n" not in sample and b"\r" in sample:
        return _build_old_mac_readline(file)
    return file.readline


def _build_utf16_readline(file: IO[bytes], *, zero: int) -> Callable[[int], bytes]:
    """Return a function that reads a line of two-byte units; the zero of a line feed stands before or behind it."""

    def readline(size: int) -> bytes:
        line = b""
        while len(line) < size:
            part = file.readline(size - len(line))
            line += part
            if not part:
                break
            if not line.endswith(b"\n"):
                continue
            if zero and len(line) % 2:
                line += file.read(1)
                if line.endswith(b"\n\0"):
                    break
            elif not zero and len(line) % 2 == 0 and line[-2:] == b"\0\n":
                break
        return line

    return readline


def _build_old_mac_readline(file: IO[bytes]) -> Callable[[int], bytes]:
    """Return a function that reads a line that ends in a carriage return."""

    def readline(size: int) -> bytes:
        start = file.tell()
        line = b""
        while len(line) < size and (block := file.read(min(_SAMPLE // 16, size - len(line)))):
            end = block.find(b"\r") + 1
            if end:
                line += block[:end]
                break
            line += block
        file.seek(start + len(line))
        return line

    return readline
