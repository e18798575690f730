"""Workbooks made by hand, part by part, as no spreadsheet program would write them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

NAMESPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
OFFICE = RELATIONS

CONTENT_TYPES = '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'
ROOT = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    f'<Relationship Id="r1" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
)


def build_parts(sheet: str, *, shared: str = "", styles: str = "", is_1904: bool = False) -> dict[str, str]:
    """Return the parts of a workbook with one sheet; *sheet* is what stands in ``sheetData``."""
    return {
        "[Content_Types].xml": CONTENT_TYPES,
        "_rels/.rels": ROOT,
        "xl/workbook.xml": (
            f'<workbook xmlns="{NAMESPACE}" xmlns:r="{OFFICE}"><workbookPr date1904="{int(is_1904)}"/>'
            '<sheets><sheet name="Data" sheetId="1" r:id="r1"/></sheets></workbook>'
        ),
        "xl/_rels/workbook.xml.rels": (
            '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            f'<Relationship Id="r1" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
            f'<Relationship Id="r2" Type="{OFFICE}/styles" Target="styles.xml"/>'
            f'<Relationship Id="r3" Type="{OFFICE}/sharedStrings" Target="sharedStrings.xml"/></Relationships>'
        ),
        "xl/styles.xml": f'<styleSheet xmlns="{NAMESPACE}">{styles}</styleSheet>',
        "xl/sharedStrings.xml": f'<sst xmlns="{NAMESPACE}">{shared}</sst>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{NAMESPACE}"><sheetData>{sheet}</sheetData></worksheet>',
    }


def pack(parts: Mapping[str, str | bytes], *, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return an archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for path, contents in parts.items():
            archive.writestr(path, contents)
    return out.getvalue()


def build_workbook(sheet: str, *, shared: str = "", styles: str = "", is_1904: bool = False) -> bytes:
    """Return a workbook with one sheet."""
    return pack(build_parts(sheet, shared=shared, styles=styles, is_1904=is_1904))


def build_styles(*codes: str) -> str:
    """Return styles, the first plain and one for each format; a cell names one by its place, from 1."""
    formats = "".join(f'<numFmt numFmtId="{200 + place}" formatCode="{code}"/>' for place, code in enumerate(codes))
    uses = "".join(f'<xf numFmtId="{200 + place}"/>' for place, _ in enumerate(codes))
    return f'<numFmts>{formats}</numFmts><cellXfs><xf numFmtId="0"/>{uses}</cellXfs>'
