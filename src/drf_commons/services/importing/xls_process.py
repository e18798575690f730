"""The process that reads an XLS file: a script of its own, so that a hostile file can bring down nothing else.

It takes the file from its input, the sheet and the limits as its argument, and writes a line of JSON for each row.
"""

from __future__ import annotations

import json
import sys
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from python_calamine import CalamineWorkbook

__all__ = ["NO_SHEET", "READ", "main"]

#: Statuses of the process; where its reader fails or dies, it has another one.
READ: Final = 0
NO_SHEET: Final = 3

_MAX_COLUMNS: Final = 256


def main(arguments: str) -> int:
    """Write the rows of a sheet; return the process's status."""
    wanted, memory, seconds = json.loads(arguments)
    _limit(memory, seconds)
    from python_calamine import CalamineWorkbook  # noqa: PLC0415  # within the limits

    book = CalamineWorkbook.from_filelike(sys.stdin.buffer)
    name = _find_sheet(book, wanted)
    if name is None:
        return NO_SHEET
    sheet = book.get_sheet_by_name(name)
    first = (sheet.start or (0, 0))[1]
    if first + sheet.width > _MAX_COLUMNS:
        raise ValueError(sheet.width)
    left = [""] * first
    for row in sheet.iter_rows():
        sys.stdout.write(f"{json.dumps(left + row, default=_tag)}\n")
    return READ


def _limit(memory: int, seconds: int) -> None:
    """Bound what this process may take; where the system knows no limits, it is still a process of its own."""
    try:
        import resource  # noqa: PLC0415  # not on Windows
    except ImportError:
        return
    for kind, limit in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, memory),  # texts that cells share are written for each
        (resource.RLIMIT_CORE, 0),
    ):
        most = resource.getrlimit(kind)[1]
        lowered = limit if most == resource.RLIM_INFINITY else min(limit, most)
        resource.setrlimit(kind, (lowered, lowered))


def _find_sheet(book: CalamineWorkbook, wanted: str | int | None) -> str | None:
    """Return the name of a sheet, by its name or its place; those that can be seen come first."""
    visible = [sheet.name for sheet in book.sheets_metadata if str(sheet.visible).endswith(".Visible")]
    names = [*visible, *(name for name in book.sheet_names if name not in visible)]
    if isinstance(wanted, str):
        return wanted if wanted in names else None
    place = wanted or 0
    return names[place] if 0 <= place < len(names) else None


def _tag(value: object) -> dict[str, object]:
    """Return what JSON has no notion of, under its name."""
    if isinstance(value, timedelta):
        return {"timedelta": [value.days, value.seconds, value.microseconds]}
    if isinstance(value, date | time):
        kind = datetime if isinstance(value, datetime) else date if isinstance(value, date) else time
        return {kind.__name__: value.isoformat()}
    raise TypeError(value)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
