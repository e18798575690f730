"""What surrounds the sheets of an XLSX file: their names, the texts they share, and how numbers are shown."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from drf_commons.errors import FileTooLargeError, UnreadableFileError
from drf_commons.services.importing.archives import Archive
from drf_commons.services.importing.markup import Attributes, parse_part
from drf_commons.services.importing.number_formats import Converter, build_converter

__all__ = ["Workbook", "find_sheet", "read_workbook", "unescape"]

_ESCAPE: Final = re.compile(r"_x([0-9A-Fa-f]{4})_")
#: What a text costs besides its characters.
_TEXT_COST: Final = 64
_ROOM_FOR_TEXTS: Final = 50_000_000
_ROOM_FACTOR: Final = 10
_SURROGATES: Final = (0xD800, 0xDFFF)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbook:
    """The parts of a workbook that its sheets need."""

    #: Path of each worksheet's part, by name, the visible ones first.
    sheets: Mapping[str, str]
    texts: Sequence[str]
    #: What shows a number, by the index of its style; plain ones are left out.
    converters: Mapping[str, Converter]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Relation:
    kind: str
    path: str
    is_external: bool


def unescape(text: str) -> str:
    """Return *text* with ``_x000D_`` and its like as the characters they stand for."""
    return _ESCAPE.sub(_unescape_one, text) if "_x" in text else text


def find_sheet(archive: Archive, workbook: Workbook, wanted: str | int | None) -> str:
    """Return the path of a sheet, by its name or its place."""
    names = [*workbook.sheets]
    if not names:
        raise UnreadableFileError(archive.name, "there is no worksheet in it")
    if isinstance(wanted, str):
        if wanted not in workbook.sheets:
            raise UnreadableFileError(archive.name, f"there is no sheet {wanted!r} in it; there is {_list(names)}")
        return workbook.sheets[wanted]
    place = wanted or 0
    if not 0 <= place < len(names):
        raise UnreadableFileError(archive.name, f"there is no sheet {place} in it; count {_list(names)} from 0")
    return workbook.sheets[names[place]]


def read_workbook(archive: Archive) -> Workbook:
    """Return the parts of the workbook in *archive*."""
    root = _read_relations(archive, "")
    path = next((found.path for found in root.values() if found.kind == "officeDocument"), "xl/workbook.xml")
    if path not in archive.names:
        raise UnreadableFileError(archive.name, "there is no workbook in it; save it as XLSX again")
    relations = _read_relations(archive, path)
    by_kind = {found.kind: found.path for found in relations.values() if not found.is_external}
    sheets, is_1904 = _read_sheets(archive, path, relations)
    styles, texts = by_kind.get("styles", ""), by_kind.get("sharedStrings", "")
    return Workbook(
        sheets=sheets,
        texts=_read_texts(archive, texts) if texts in archive.names else [],
        converters=_read_converters(archive, styles, is_1904=is_1904) if styles in archive.names else {},
    )


def _unescape_one(match: re.Match[str]) -> str:
    code = int(match.group(1), 16)
    return match.group() if _SURROGATES[0] <= code <= _SURROGATES[1] else chr(code)


def _list(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:10]))


def _read_relations(archive: Archive, path: str) -> Mapping[str, _Relation]:
    folder, name = posixpath.split(path)
    part = posixpath.join(folder, "_rels", f"{name}.rels")
    relations: dict[str, _Relation] = {}

    def start(tag: str, attributes: Attributes) -> None:
        if tag == "Relationship":
            target = posixpath.normpath(posixpath.join("/", folder, attributes.get("Target", ""))).lstrip("/")
            relations[attributes.get("Id", "")] = _Relation(
                kind=attributes.get("Type", "").rpartition("/")[2],
                path=target,
                is_external=attributes.get("TargetMode") == "External",
            )

    if part in archive.names:
        parse_part(archive, part, start=start)
    return relations


def _read_sheets(archive: Archive, path: str, relations: Mapping[str, _Relation]) -> tuple[Mapping[str, str], bool]:
    visible: dict[str, str] = {}
    hidden: dict[str, str] = {}
    is_1904 = False

    def start(tag: str, attributes: Attributes) -> None:
        nonlocal is_1904
        if tag == "workbookPr":
            is_1904 = attributes.get("date1904") in {"1", "true", "on"}
        elif tag == "sheet":
            key = next((value for name, value in attributes.items() if name.endswith(":id")), "")
            found = relations.get(key)
            if found is None or found.is_external or found.kind != "worksheet" or found.path not in archive.names:
                return  # a chart, or a sheet that is not in the file
            sheets = hidden if attributes.get("state", "visible") != "visible" else visible
            sheets[attributes.get("name", "")] = found.path

    parse_part(archive, path, start=start)
    return visible | hidden, is_1904


def _read_converters(archive: Archive, path: str, *, is_1904: bool) -> Mapping[str, Converter]:
    codes: dict[int, str] = {}
    converters: dict[str, Converter] = {}
    inside = False
    count = 0

    def start(tag: str, attributes: Attributes) -> None:
        nonlocal inside, count
        if tag == "numFmt":
            codes[int(attributes.get("numFmtId", "0"))] = attributes.get("formatCode", "")
        elif tag == "cellXfs":
            inside = True
        elif tag == "xf" and inside:
            number = int(attributes.get("numFmtId", "0"))
            converter = build_converter(number, codes.get(number), is_1904=is_1904)
            if converter is not None:
                converters[str(count)] = converter
            count += 1

    def end(tag: str) -> None:
        nonlocal inside
        if tag == "cellXfs":
            inside = False

    try:
        parse_part(archive, path, start=start, end=end)
    except ValueError as exc:
        if isinstance(exc, UnreadableFileError):
            raise
        raise UnreadableFileError(archive.name, f"{path} in it is damaged; save the file again") from exc
    return converters


def _read_texts(archive: Archive, path: str) -> Sequence[str]:
    """Return the shared texts: the runs of each joined, how they are pronounced left out."""
    texts: list[str] = []
    pieces: list[str] = []
    # What surrounds the text that is read now.
    inside: list[str] = []
    room = _ROOM_FOR_TEXTS + archive.size * _ROOM_FACTOR

    def start(tag: str, _: Attributes) -> None:
        inside.append(tag)
        if tag == "si":
            pieces.clear()

    def end(tag: str) -> None:
        inside.pop()
        if tag == "si":
            texts.append(unescape("".join(pieces)))
            take(_TEXT_COST)

    def read(text: str) -> None:
        if inside[-1:] == ["t"] and "rPh" not in inside:
            pieces.append(text)
            take(len(text))

    def take(cost: int) -> None:
        nonlocal room
        room -= cost
        if room < 0:
            raise FileTooLargeError(archive.name, "its shared texts are far larger than the file; it is not opened")

    parse_part(archive, path, start=start, end=end, text=read)
    return texts
