"""CSV as a stream of bytes; a text that a spreadsheet program would run is made one that it shows."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from types import NoneType
from typing import Final, cast

from drf_commons.services.exporting.rows import Columns
from drf_commons.services.formulas import guard, guard_all

__all__ = ["CsvOptions", "write_csv"]

_MARK: Final = "\ufeff"


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvOptions:
    """How a CSV file is written; it is UTF-8."""

    delimiter: str = ","
    #: Whether the file begins with a byte order mark, by which Excel knows UTF-8.
    has_mark: bool = False
    #: Whether texts that a spreadsheet program might run get an apostrophe; an import takes it off again.
    guards_formulas: bool = True


def write_csv(headers: Sequence[str], blocks: Iterable[Columns], options: CsvOptions) -> Iterator[bytes]:
    """Yield the header with the first block, then each further block."""
    buffer = StringIO(newline="")
    writer = csv.writer(buffer, delimiter=options.delimiter)
    buffer.write(_MARK if options.has_mark else "")
    writer.writerow([guard(header) for header in headers] if options.guards_formulas else headers)
    for columns in blocks:
        shown = [_guard_column(values) for values in columns] if options.guards_formulas else columns
        writer.writerows(zip(*shown, strict=True))
        yield _take(buffer)
    if buffer.tell():
        yield _take(buffer)


def _guard_column(values: Sequence[object]) -> Sequence[object]:
    """Return *values* with their texts guarded; no other value can be run."""
    kinds = {*map(type, values)}
    if str not in kinds:
        return values
    if kinds == {str}:
        return guard_all(cast("Sequence[str]", values))  # there is nothing else
    if kinds == {str, NoneType}:
        return guard_all([cast("str | None", value) or "" for value in values])
    return [guard(value) if isinstance(value, str) else value for value in values]


def _take(buffer: StringIO) -> bytes:
    data = buffer.getvalue().encode(errors="replace")  # half a character cannot be encoded
    buffer.seek(0)
    buffer.truncate()
    return data
