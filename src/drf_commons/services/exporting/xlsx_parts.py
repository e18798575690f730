"""The parts of a workbook that hold no rows, and how texts are written into XML."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import ClassVar, Final

__all__ = ["CONTENT_TYPES", "RELATIONS", "Styles", "build_workbook", "build_workbook_relations", "escape", "get_letter"]

_DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
_OFFICE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_KIND: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"

#: Sheets are what an XML part is unless it says otherwise, so their number need not be known before the first row.
CONTENT_TYPES: Final = (
    f'{_DECLARATION}<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Default Extension="xml" ContentType="{_KIND}.worksheet+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_KIND}.sheet.main+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{_KIND}.styles+xml"/></Types>'
)

RELATIONS: Final = (
    f'{_DECLARATION}<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
)

# What XML 1.0 cannot hold, a carriage return, which it would not keep, and what looks like the escape of one of them.
_SPECIAL: Final = re.compile("[&<>\x00-\x08\x0b-\x1f\ufffe\uffff\ud800-\udfff]|_(?=x[0-9A-Fa-f]{4}_)")
_ENTITIES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_SURROGATES: Final = range(0xD800, 0xE000)


def escape(text: str, *, keep: str = "") -> str:
    """Return *text* as XML, itself where nothing has to be escaped; *keep* is left as it is."""
    if _SPECIAL.search(text) is None:
        return text
    return _SPECIAL.sub(lambda found: keep if found[0] == keep else _escape_character(found[0]), text)


@cache
def _escape_character(character: str) -> str:
    if ord(character) in _SURROGATES:
        return "\ufffd"  # half of a character
    return _ENTITIES.get(character) or f"_x{ord(character):04X}_"


@cache
def get_letter(number: int) -> str:
    """Return the letters of a column, counted from 0."""
    letters = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = f"{chr(65 + rest)}{letters}"
    return letters


class Styles:
    """The styles of a workbook's cells, by number; formats of columns are added as they come."""

    HEADER: ClassVar = 1
    REQUIRED: ClassVar = 2
    DATE: ClassVar = 3
    DATE_TIME: ClassVar = 4
    TIME: ClassVar = 5

    #: Codes below this one are the format's own.
    _FIRST_CODE: ClassVar = 164

    def __init__(self) -> None:
        self._formats = ["yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss", "hh:mm:ss"]

    def add(self, code: str) -> int:
        """Return the number of the style that shows numbers as *code* says; 0 for none."""
        if not code:
            return 0
        if code not in self._formats:
            self._formats.append(code)
        return self._formats.index(code) + self.DATE

    def build(self) -> str:
        """Return the part of the archive."""
        codes = [f"{escape(code)}".replace('"', "&quot;") for code in self._formats]
        formats = "".join(
            f'<numFmt numFmtId="{number}" formatCode="{code}"/>' for number, code in enumerate(codes, self._FIRST_CODE)
        )
        styles = "".join(
            f'<xf numFmtId="{number}" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
            for number, _ in enumerate(codes, self._FIRST_CODE)
        )
        fonts = "".join(
            f'<font>{bold}<sz val="11"/><color rgb="{color}"/><name val="Calibri"/><family val="2"/></font>'
            for bold, color in (("", "FF000000"), ("<b/>", "FF1F2933"), ("<b/>", "FF9B1C1C"))
        )
        fills = "".join(f'<fill><patternFill patternType="{name}"/></fill>' for name in ("none", "gray125"))
        header = "".join(
            f'<xf numFmtId="0" fontId="{font}" fillId="2" borderId="0" xfId="0" applyFont="1" applyFill="1"/>'
            for font in (1, 2)
        )
        return (
            f'{_DECLARATION}<styleSheet xmlns="{_MAIN}"><numFmts count="{len(codes)}">{formats}</numFmts>'
            f'<fonts count="3">{fonts}</fonts>'
            f'<fills count="3">{fills}<fill><patternFill patternType="solid"><fgColor rgb="FFE4E9F0"/>'
            '<bgColor indexed="64"/></patternFill></fill></fills>'
            '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
            '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
            f'<cellXfs count="{len(codes) + 3}"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
            f"{header}{styles}</cellXfs>"
            '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
        )


def build_workbook(parts: Sequence[tuple[str, bool, str]]) -> str:
    """Return the list of the sheets: the name of each, whether it is hidden, and the cells of its filter."""
    sheets = "".join(
        f'<sheet name="{_quote(name)}" sheetId="{number}" state="{"hidden" if is_hidden else "visible"}"'
        f' r:id="rId{number}"/>'
        for number, (name, is_hidden, _) in enumerate(parts, 1)
    )
    # Spreadsheets keep the range of a filter in a name as well, and so they do the row that every page repeats.
    names = "".join(
        f'<definedName name="_xlnm.{kind}" localSheetId="{number}"{extra}>'
        f"{escape(_quote_reference(name))}!{cells}</definedName>"
        for number, (name, is_hidden, filtered) in enumerate(parts)
        for kind, extra, cells in (
            ("_FilterDatabase", ' hidden="1"', filtered),
            ("Print_Titles", "", "" if is_hidden else "$1:$1"),
        )
        if cells
    )
    names = f"<definedNames>{names}</definedNames>" if names else ""
    return (
        f'{_DECLARATION}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><bookViews><workbookView/></bookViews>'
        f"<sheets>{sheets}</sheets>{names}</workbook>"
    )


def build_workbook_relations(count: int) -> str:
    """Return where the sheets and the styles are."""
    sheets = "".join(
        f'<Relationship Id="rId{number}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{number}.xml"/>'
        for number in range(1, count + 1)
    )
    return (
        f'{_DECLARATION}<Relationships xmlns="{_PACKAGE}/relationships">{sheets}'
        f'<Relationship Id="rId{count + 1}" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>'
    )


def _quote(text: str) -> str:
    return escape(text).replace('"', "&quot;")


def _quote_reference(name: str) -> str:
    return f"""'{name.replace("'", "''")}'"""
