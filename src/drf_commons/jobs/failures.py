"""Rows that failed: kept batch by batch, in the transaction of the batch, and put together in the order of the file."""

from __future__ import annotations

import datetime as dt
import heapq
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, cast

from django.core.files import File

from drf_commons.jobs.files import storing
from drf_commons.jobs.models import FailedRows, ImportChunk, ImportJob
from drf_commons.jobs.rows import find_failed, get_database
from drf_commons.services.importing import CellError, FailedRow, FailedRowsFile
from drf_commons.services.importing.cells import write_cell
from drf_commons.services.importing.tables import UNSTORABLE

__all__ = ["keep_failed", "make_storable", "read_failed", "save_failed_file"]

#: What a cell of a sheet may be beside what JSON has.
_TYPES: Final[Mapping[str, Any]] = {
    "date": dt.date.fromisoformat,
    "datetime": dt.datetime.fromisoformat,
    "time": dt.time.fromisoformat,
}


def make_storable(value: Any) -> Any:
    """Return *value*, which is as JSON has it, with a sign of its own for every character that no database takes."""
    match value:
        case str():
            return UNSTORABLE.sub("\ufffd", value)
        case list() | tuple():
            return [make_storable(item) for item in cast("Sequence[Any]", value)]
        case dict():
            return {make_storable(key): make_storable(item) for key, item in cast("Mapping[Any, Any]", value).items()}
        case _:
            return value


def keep_failed(chunk: ImportChunk, rows: Sequence[FailedRow]) -> None:
    """Keep *rows*, which failed in one batch of *chunk*."""
    FailedRows._default_manager.using(get_database()).create(
        chunk=chunk,
        first_number=rows[0].number,
        numbers=[row.number for row in rows],
        rows=make_storable(
            [
                [
                    [_pack(cell) for cell in row.cells],
                    [[e.column, _pack(e.value), e.reason, e.code] for e in row.errors],
                ]
                for row in rows
            ]
        ),
    )


def read_failed(job: ImportJob) -> Iterator[FailedRow]:
    """Yield the rows of *job* that failed in the order of the file, with no more than a few batches in memory."""
    # Within the first level, and within all later ones together, batches are in the order of the file.
    streams = [_read(find_failed(job).filter(**level)) for level in ({"chunk__level": 0}, {"chunk__level__gt": 0})]
    return heapq.merge(*streams, key=lambda row: row.number)


def save_failed_file(job: ImportJob, failed: FailedRowsFile) -> str:
    """Write the rows that *failed* into the storage; return the name of the file, empty where there are none."""
    if not failed.count:
        return ""
    with tempfile.TemporaryFile() as file:
        file.writelines(failed.write())
        file.seek(0)
        with storing():
            job.failed_file.save(failed.name, File(file), save=False)
    return cast("str", job.failed_file.name)


def _read(batches: Any) -> Iterator[FailedRow]:
    for numbers, rows in batches.order_by("first_number").values_list("numbers", "rows").iterator(chunk_size=4):
        for number, (cells, errors) in zip(numbers, rows, strict=True):
            yield FailedRow(
                number=number,
                cells=[_unpack(cell) for cell in cells],
                errors=[
                    CellError(row=number, column=column, value=_unpack(value), reason=reason, code=code)
                    for column, value, reason, code in errors
                ],
            )


def _pack(cell: object) -> object:
    """Return *cell* as JSON has it."""
    match cell:
        case None | bool() | str() | int() | float():
            return cell
        case dt.datetime() | dt.date() | dt.time():
            return {"type": type(cell).__name__, "text": cell.isoformat()}
        case Decimal():
            return str(cell)
        case _:
            return write_cell(cell)


def _unpack(value: Any) -> object:
    return _TYPES[value["type"]](value["text"]) if isinstance(value, dict) else value
