"""Files made to hurt, and a process that opens each of them: run as a module, it prints what became of each."""

from __future__ import annotations

import io
import json
import os
import random
import struct
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from django.conf import settings

from tests.workbooks import (
    build_parts,
    build_record,
    build_workbook,
    build_xls,
    build_xls_number,
    build_xls_text,
    pack,
    pack_ole,
)

TABLES = Path(__file__).with_name("tables")
HEADER = '<row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c></row>'
SHEET = "xl/worksheets/sheet1.xml"
LAUGHS = (
    '<!DOCTYPE lolz [<!ENTITY a "haha">'
    + "".join(f'<!ENTITY {new} "{f"&{old};" * 20}">' for old, new in zip("abcdefg", "bcdefgh", strict=True))
    + "]>"
)
OUTSIDE = '<!DOCTYPE x [<!ENTITY outside SYSTEM "file:///etc/hostname">]>'
ODS_HEAD = (
    '<office:document-content xmlns:office="o" xmlns:table="t" xmlns:text="x"><office:body><office:spreadsheet>'
    '<table:table table:name="S"><table:table-row><table:table-cell office:value-type="string"><text:p>a</text:p>'
    "</table:table-cell></table:table-row>"
)
XLS_HEAD = build_xls_text(0, 0, "a")
ODS_TAIL = "</table:table></office:spreadsheet></office:body></office:document-content>"


def build_ods(rows: str) -> bytes:
    """Return an ODS file."""
    return pack(
        {"mimetype": "application/vnd.oasis.opendocument.spreadsheet", "content.xml": ODS_HEAD + rows + ODS_TAIL}
    )


def replace_part(path: str, contents: str) -> bytes:
    """Return a workbook with one part of its own."""
    return pack(build_parts(HEADER) | {path: contents})


def lie_about_sizes(data: bytes) -> bytes:
    """Return an archive whose directory says that every file is small."""
    changed = bytearray(data)
    place = data.find(b"PK\1\2")
    while place >= 0:
        struct.pack_into("<L", changed, place + 24, 1_000)
        place = data.find(b"PK\1\2", place + 4)
    return bytes(changed)


def set_flag(data: bytes, offset: int, value: int) -> bytes:
    """Return an archive with a field of each entry of its directory changed."""
    changed = bytearray(data)
    place = data.find(b"PK\1\2")
    while place >= 0:
        struct.pack_into("<H", changed, place + offset, value)
        place = data.find(b"PK\1\2", place + 4)
    return bytes(changed)


def add_zip64_end(data: bytes) -> bytes:
    """Return an archive with a second end, which says that the directory is a terabyte."""
    place = data.rfind(b"PK\5\6")
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 10**9, 10**9, 10**12, 0)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, place, 1)
    return data[:place] + record + locator + data[place:]


def build_probes() -> dict[str, tuple[str, Callable[[], bytes]]]:
    """Return the files by what they are, each with its name."""
    big = 60_000_000
    return {
        "two corners": (
            "x.xlsx",
            lambda: build_workbook(f'{HEADER}<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'),
        ),
        "a cell beyond the last column": (
            "x.xlsx",
            lambda: build_workbook(f'{HEADER}<row r="2"><c r="XFE2"><v>1</v></c></row>'),
        ),
        "a row beyond the last": ("x.xlsx", lambda: build_workbook(f'{HEADER}<row r="1048577"/>')),
        "a bomb": ("x.xlsx", lambda: build_workbook(f'{HEADER}<row r="2"><c r="A2"><v>{"1" * big}</v></c></row>')),
        "a bomb whose directory lies": (
            "x.xlsx",
            lambda: lie_about_sizes(build_workbook(f'{HEADER}<row r="2"><c r="A2"><v>{"1" * big}</v></c></row>')),
        ),
        "a bomb in ODS": ("x.ods", lambda: build_ods(f"<x>{' ' * big}</x>")),
        "rows without end": ("x.xlsx", lambda: build_workbook(HEADER + "<row/>" * 1_200_000)),
        "a long cell": (
            "x.xlsx",
            lambda: build_workbook(f'{HEADER}<row r="2"><c r="A2"><v>{"1" * 9_000_000}</v></c></row>'),
        ),
        "a long tag": ("x.xlsx", lambda: build_workbook(f'{HEADER}<row r="2"><c r="{"A" * 9_000_000}"/></row>')),
        "many shared texts": ("x.xlsx", lambda: build_workbook(HEADER, shared="<si/>" * 1_900_000)),
        "many columns": (
            "x.xlsx",
            lambda: build_workbook(
                "".join(f'<row r="{row}"><c r="XFD{row}"><v>1</v></c></row>' for row in range(1, 50_000))
            ),
        ),
        "nested tags": ("x.xlsx", lambda: build_workbook(HEADER + "<x>" * 1_000_000)),
        "nested cells": ("x.xlsx", lambda: build_workbook(HEADER + '<row r="2">' + "<c>" * 1_000_000)),
        "nested values": ("x.xlsx", lambda: build_workbook(HEADER + '<row r="2"><c>' + "<v>" * 1_000_000)),
        "nested texts": ("x.xlsx", lambda: build_workbook(HEADER, shared="<si>" * 1_000_000)),
        "nested tags in ODS": ("x.ods", lambda: build_ods("<x>" * 1_000_000)),
        "laughs in a sheet": ("x.xlsx", lambda: replace_part(SHEET, f"{LAUGHS}<worksheet>&h;</worksheet>")),
        "laughs in the workbook": (
            "x.xlsx",
            lambda: replace_part("xl/workbook.xml", f"{LAUGHS}<workbook>&h;</workbook>"),
        ),
        "laughs in the texts": ("x.xlsx", lambda: replace_part("xl/sharedStrings.xml", f"{LAUGHS}<sst>&h;</sst>")),
        "laughs in ODS": ("x.ods", lambda: pack({"content.xml": f"{LAUGHS}<x>&h;</x>"})),
        "a file from outside": ("x.xlsx", lambda: replace_part(SHEET, f"{OUTSIDE}<worksheet>&outside;</worksheet>")),
        "a sheet from outside": (
            "x.xlsx",
            lambda: pack(
                {
                    path: text.replace(
                        'Target="worksheets/sheet1.xml"', 'Target="http://127.0.0.1/" TargetMode="External"'
                    )
                    for path, text in build_parts(HEADER).items()
                }
            ),
        ),
        "many files": ("x.xlsx", lambda: pack(build_parts(HEADER) | {f"x/{number}": "" for number in range(3_000)})),
        "a directory of a terabyte": ("x.xlsx", lambda: add_zip64_end(build_workbook(HEADER))),
        "a password": ("x.xlsx", lambda: set_flag(build_workbook(HEADER), 8, 1)),
        "a password of Office": (
            "x.xlsx",
            lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1_000) + "EncryptedPackage".encode("utf-16-le"),
        ),
        "a password in ODS": (
            "x.ods",
            lambda: pack({"META-INF/manifest.xml": "<manifest:encryption-data/>", "content.xml": "noise"}),
        ),
        "an unknown compression": ("x.xlsx", lambda: pack(build_parts(HEADER), compression=zipfile.ZIP_LZMA)),
        "an empty archive": ("x.xlsx", lambda: pack({})),
        "no workbook": ("x.xlsx", lambda: pack({"[Content_Types].xml": "<Types/>"})),
        "repeated rows": ("x.ods", lambda: build_ods(_repeat_row(1_048_000))),
        "rows repeated beyond the last": ("x.ods", lambda: build_ods(_repeat_row(2_000_000))),
        "rows repeated for ever": ("x.ods", lambda: build_ods(_repeat_row(10**30))),
        "spaces repeated": ("x.ods", lambda: build_ods(_fill_row('<text:s text:c="99999999"/>' * 100_000))),
        "a long line": ("x.csv", lambda: b"a,b\n1,2\n" + b"x" * 20_000_000),
        "an open quote": ("x.csv", lambda: b'a,b\n1,"' + b"x\n" * 5_000_000),
        "quotes back and forth": ("x.csv", lambda: b'x,y\n"' + b'a","b\n' * 900_000 + b'"x"y\n'),
        "zeros": ("x.csv", lambda: bytes(5_000_000)),
        "noise": ("x.csv", lambda: random.Random(1).randbytes(5_000_000)),  # noqa: S311  # it has to be the same noise
        "noise in XLS": ("x.xls", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + random.Random(1).randbytes(100_000)),  # noqa: S311
        "a cell beyond the last column of XLS": (
            "x.xls",
            lambda: build_xls(XLS_HEAD + build_xls_number(65_535, 65_535)),
        ),
        "two corners of XLS": ("x.xls", lambda: build_xls(XLS_HEAD + build_xls_number(65_535, 255))),
        "a column too many in XLS": ("x.xls", lambda: build_xls(XLS_HEAD + build_xls_number(1, 256))),
        "four thousand million rows in XLS": (
            "x.xls",
            lambda: build_xls(build_record(0x0200, struct.pack("<2L3H", 0, 2**32 - 2, 0, 65_535, 0)) + XLS_HEAD),
        ),
        "one sheet under many names in XLS": (
            "x.xls",
            lambda: build_xls(XLS_HEAD + b"".join(build_xls_number(row, 9) for row in range(1, 9_000)), sheets=2_000),
        ),
        "a file that goes round in XLS": ("x.xls", lambda: pack_ole(bytes(5_000), chain=[*range(1, 10), 0])),
        "a file of terabytes in XLS": ("x.xls", lambda: pack_ole(bytes(5_000), size=2**40)),
        "directories without end in XLS": (
            "x.xls",
            lambda: pack_ole(bytes(5_000), directories=2**31, fats=2**31, minis=2**31, difats=2**31),
        ),
        "a wrong extension": ("x.csv", lambda: build_workbook(HEADER)),
        "another wrong extension": ("x.xlsx", lambda: b"a,b\n1,2\n"),
        "a page": ("x.csv", lambda: b"%PDF-1.7"),
        "a binary workbook": ("x.xlsb", lambda: pack({"[Content_Types].xml": "", "xl/workbook.bin": ""})),
    }


def _fill_row(text: str) -> str:
    cell = f'<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>'
    return f"<table:table-row>{cell}</table:table-row>"


def _repeat_row(count: int) -> str:
    return _fill_row("x").replace("<table:table-row>", f'<table:table-row table:number-rows-repeated="{count}">')


def damage(data: bytes, seed: int) -> Iterator[bytes]:
    """Yield *data* cut short, and with some bytes changed."""
    chance = random.Random(seed)  # noqa: S311  # the same damage each time
    for _ in range(40):
        yield data[: chance.randrange(len(data))]
        changed = bytearray(data)
        for _ in range(chance.randrange(1, 6)):
            changed[chance.randrange(len(data))] = chance.randrange(256)
        yield bytes(changed)


def read_peak() -> int:
    """Return the most memory that the process had, in kilobytes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0])


def measure() -> float:
    """Return the processor time of this process, and of those it has waited for."""
    return sum(os.times()[:4])


def main() -> None:
    """Open every file, and print what it costs and what it says."""
    settings.configure()
    from drf_commons.errors import UnreadableFileError  # noqa: PLC0415  # Django needs its settings first
    from drf_commons.services.importing import ReadLimits, ReadOptions, open_table  # noqa: PLC0415

    def read(name: str, data: bytes) -> str:
        options = ReadOptions(limits=ReadLimits(max_rows=100_000))
        try:
            with open_table(io.BytesIO(data), name=name, options=options) as table:
                rows = faults = 0
                for chunk in table.read_chunks(2_000):
                    rows += len(chunk.rows)
                    faults += len(chunk.faults)
        except UnreadableFileError as exc:
            return str(exc)
        return f"{rows} rows, {faults} faults"

    for name in ("staff.ods", "staff.xls"):
        for data in (TABLES / name).read_bytes(), build_workbook(HEADER):
            read(name, data)
    outcomes: dict[str, object] = {}
    chosen = sys.argv[1:]
    for what, (name, build) in build_probes().items():
        if chosen and what not in chosen:
            continue
        data = build()
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forget the peak so far
        before = read_peak()
        start = measure()
        said = read(name, data)
        seconds = measure() - start
        grown = read_peak() - before
        outcomes[what] = {"said": said, "seconds": seconds, "kilobytes": grown, "size": len(data)}
    damaged = {
        "x.xlsx": build_workbook(f'{HEADER}<row r="2"><c r="A2" t="s"><v>0</v></c></row>', shared="<si><t>x</t></si>"),
        "x.ods": (TABLES / "staff.ods").read_bytes(),
        "x.xls": (TABLES / "staff.xls").read_bytes(),
    }
    for name, whole in damaged.items():
        outcomes[name] = {"said": [read(name, data) for data in damage(whole, 7)]}
    print(json.dumps(outcomes))  # noqa: T201  # the answer


if __name__ == "__main__":
    main()
