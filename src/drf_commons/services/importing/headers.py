"""The header of a table: stripped, and refused by name where two columns could not be told apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from drf_commons.errors import UnreadableFileError

__all__ = ["REASON_COLUMN", "UNREAD_MARK", "name_column", "place_column", "read_header"]

#: The column of a file of failed rows that says why; an import leaves it out.
REASON_COLUMN: Final = "Import errors"
#: How the reason of a row begins that could not be read: it is not imported before somebody has looked at it.
UNREAD_MARK: Final = "Mend this row, then clear this cell."

_SHOWN: Final = 5
_LETTERS: Final = re.compile("[A-Z]{1,3}")


def read_header(file: str, number: int, cells: Sequence[object]) -> Sequence[str]:
    """Return the names of the columns; blank cells after the last one are no columns."""
    names = ["" if cell is None else str(cell).strip("\ufeff \t\r\n\u00a0") for cell in cells]
    while names and not names[-1]:
        names.pop()
    blank = [name_column(place) for place, name in enumerate(names) if not name]
    if blank:
        more = ", …" if len(blank) > _SHOWN else ""
        columns = f"column {blank[0]} has" if len(blank) == 1 else f"columns {', '.join(blank[:_SHOWN])}{more} have"
        raise UnreadableFileError(file, f"{columns} no header; name each column, or remove it", row=number)
    seen: dict[str, int] = {}
    for place, name in enumerate(names):
        if name in seen:
            first, second = name_column(seen[name]), name_column(place)
            reason = f"the columns {first} and {second} have the same header {name!r}; rename or remove one"
            raise UnreadableFileError(file, reason, row=number, column=name)
        seen[name] = place
    return names


@lru_cache(20_000)
def place_column(name: str) -> int:
    """Return the place of the column that a spreadsheet calls *name*, from 1: A is 1, AA is 27; 0 for no such name."""
    if not _LETTERS.fullmatch(name):
        return 0
    place = 0
    for letter in name:
        place = place * 26 + ord(letter) - 64
    return place


def name_column(place: int) -> str:
    """Return what a spreadsheet calls the column at *place*: 0 is A, 26 is AA."""
    letters = ""
    place += 1
    while place:
        place, letter = divmod(place - 1, 26)
        letters = chr(65 + letter) + letters
    return letters
