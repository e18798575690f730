"""The file of a job in a worker: as it was sent, or an error; as a whole, or only the rows of a chunk."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from io import BytesIO
from typing import IO, Any, Final, cast

from drf_commons.errors import ChangedSourceError
from drf_commons.jobs.models import ImportChunk, ImportJob
from drf_commons.services.importing import Chunk, Cursor, ReadOptions, Table, open_table
from drf_commons.services.importing.csv_tables import CsvFacts, CsvTable
from drf_commons.services.importing.sources import Source

__all__ = ["describe_table", "hash_ranges", "open_chunk", "open_file", "read_batches"]

_BLOCK: Final = 1 << 20


@contextmanager
def open_file(job: ImportJob) -> Generator[Table]:
    """Open the file of *job* as a table."""
    with _open_stored(job) as file:
        options = ReadOptions(**job.options)
        with open_table(file, name=job.file_name, options=options) as table:
            yield table


@contextmanager
def open_chunk(job: ImportJob, chunk: ImportChunk) -> Generator[Table]:
    """Open what the rows of *chunk* are read from: of a CSV file its own bytes alone, which have to be the same."""
    if job.facts["csv"] is None:
        with open_file(job) as table:
            yield table
        return
    with _open_stored(job) as file:
        file.seek(chunk.first_offset)
        data = file.read(chunk.end_offset - chunk.first_offset)
    if hashlib.sha256(data).hexdigest() != chunk.sha256:
        raise _tell_changed(job)
    source = Source(file=BytesIO(data), name=job.file_name, size=len(data))
    yield CsvTable(source, ReadOptions(), CsvFacts(**job.facts["csv"]))


def read_batches(job: ImportJob, chunk: ImportChunk, table: Table) -> Iterator[Chunk]:
    """Yield the batches of *chunk* that are not committed yet, with cursors that count from the start of the file."""
    base = chunk.first_offset
    start = Cursor(number=chunk.next_number, offset=chunk.next_offset - base)
    for batch in table.read_chunks(job.facts["batch_size"], start):
        cursor = Cursor(number=batch.cursor.number, offset=batch.cursor.offset + base if base else batch.cursor.offset)
        yield Chunk(numbers=batch.numbers, rows=batch.rows, faults=batch.faults, cursor=cursor)
        if cursor.number > chunk.last_number:
            return


def describe_table(table: Table) -> dict[str, Any] | None:
    """Return what a chunk of a CSV file has to know to be read alone; ``None`` for other formats."""
    if not isinstance(table, CsvTable):
        return None
    facts = CsvFacts(
        encoding=table.encoding, delimiter=table.delimiter, header=[*table.header], header_number=table.header_number
    )
    return asdict(facts)


def hash_ranges(job: ImportJob, ends: list[int]) -> list[str]:
    """Return the hash of each range that ends at one of *ends* and starts where the one before ends.

    Raises :class:`~drf_commons.errors.ChangedSourceError` where the file is not the one that was sent.
    """
    whole, hashes, place = hashlib.sha256(), list[str](), 0
    with _open_stored(job) as file:
        for end in [*ends, None]:
            part = hashlib.sha256()
            while block := file.read(_BLOCK if end is None else min(_BLOCK, end - place)):
                part.update(block)
                whole.update(block)
                place += len(block)
            if end is not None:
                hashes.append(part.hexdigest())
    if whole.hexdigest() != job.file_sha256:
        raise _tell_changed(job)
    return hashes


@contextmanager
def _open_stored(job: ImportJob) -> Generator[IO[bytes]]:
    """Open the file in its storage; one that is gone, or has another size, is not the one that was sent."""
    storage = job.file.storage
    name = cast("str", job.file.name)  # a job has its file from the start
    try:
        size = storage.size(name)
    except FileNotFoundError as exc:
        msg = f"The file {job.file_name} is no longer there: it was deleted after it was sent. Send it again."
        raise ChangedSourceError(msg) from exc
    if size != job.file_size:
        raise _tell_changed(job)
    with storage.open(name, "rb") as file:
        yield cast("IO[bytes]", file)


def _tell_changed(job: ImportJob) -> ChangedSourceError:
    return ChangedSourceError(f"The file {job.file_name} is not the one that was sent: it was changed. Send it again.")
