"""Workbooks made by hand, part by part, as no spreadsheet program would write them."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping, Sequence

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


END_OF_CHAIN = 0xFFFFFFFE


def build_record(kind: int, data: bytes = b"") -> bytes:
    """Return a record of an XLS workbook."""
    return struct.pack("<2H", kind, len(data)) + data


def build_xls_number(row: int, column: int, number: float = 1) -> bytes:
    """Return the cell of an XLS sheet."""
    return build_record(0x0203, struct.pack("<3Hd", row, column, 0, number))


def build_xls_text(row: int, column: int, text: str) -> bytes:
    """Return the cell of an XLS sheet."""
    return build_record(0x0204, struct.pack("<4HB", row, column, 0, len(text), 0) + text.encode("latin-1"))


def build_xls(sheet: bytes, *, globals_: bytes = b"", sheets: int = 1) -> bytes:
    """Return an XLS workbook with the cells of a sheet, which stands in it under *sheets* names."""
    names = [f"Sheet{number:05}" for number in range(sheets)]
    head = build_record(0x0809, struct.pack("<2H", 0x0600, 5) + bytes(12)) + globals_
    start = len(head) + sheets * (4 + 8 + len(names[0])) + len(build_record(0x000A))
    bound = [build_record(0x0085, struct.pack("<L2B2B", start, 0, 0, len(name), 0) + name.encode()) for name in names]
    body = build_record(0x0809, struct.pack("<2H", 0x0600, 16) + bytes(12)) + sheet + build_record(0x000A)
    return pack_ole(head + b"".join(bound) + build_record(0x000A) + body)


def pack_ole(stream: bytes, *, chain: Sequence[int] | None = None, **lies: int) -> bytes:
    """Return a stream in the container of old Office files; its sectors' chain, and its numbers, may be lies."""
    data = stream.ljust(max(4_096, -(-len(stream) // 512) * 512), b"\0")
    count = len(data) // 512
    fats = -(-(count + 1) // 126)
    following = [
        *(chain if chain is not None else [*range(1, count), END_OF_CHAIN]),
        END_OF_CHAIN,
        *[0xFFFFFFFD] * fats,
    ]
    following += [0xFFFFFFFF] * (fats * 128 - len(following))
    header = {"directories": 0, "fats": fats, "minis": 0, "difats": 0, "size": len(data)} | lies
    entries = b"".join(
        name.encode("utf-16-le").ljust(64, b"\0")
        + struct.pack("<H2B3L36xLQ", len(name) * 2 + 2, kind, 1, 0xFFFFFFFF, 0xFFFFFFFF, child, start, size)
        for name, kind, child, start, size in (
            ("Root Entry", 5, 1, END_OF_CHAIN, 0),
            ("Workbook", 2, 0xFFFFFFFF, 0, header["size"]),
        )
    )
    places = [*range(count + 1, count + 1 + fats)]
    return (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
        + bytes(16)
        + struct.pack("<5H6x", 0x3E, 3, 0xFFFE, 9, 6)
        + struct.pack(
            "<9L",
            header["directories"],
            header["fats"],
            count,
            0,
            4096,
            END_OF_CHAIN,
            header["minis"],
            END_OF_CHAIN,
            header["difats"],
        )
        + struct.pack("<109L", *places, *[0xFFFFFFFF] * (109 - fats))
        + data
        + entries.ljust(512, b"\0")
        + struct.pack(f"<{len(following)}L", *following)
    )
