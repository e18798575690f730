"""The file of a job in a worker: as it was sent, or an error; as a whole, or only the rows of a chunk.

A storage raises what its client likes: here that becomes the message of a job.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from io import BytesIO
from pathlib import PurePosixPath
from typing import IO, Any, Final, cast

from drf_commons.errors import ChangedSourceError, DrfCommonsError
from drf_commons.jobs.models import ExportJob, ImportChunk, ImportJob, TransferJob, build_path, get_storage
from drf_commons.services.importing import Chunk, Cursor, ReadOptions, Table, open_table
from drf_commons.services.importing.csv_tables import CsvFacts, CsvTable
from drf_commons.services.importing.sources import Source

__all__ = ["delete_files", "describe_table", "hash_ranges", "open_chunk", "open_file", "read_batches", "storing"]

_BLOCK: Final = 1 << 20


class FailedStorageError(DrfCommonsError):
    """The storage of the files did not do its work."""


@contextmanager
def storing() -> Generator[None]:
    """Raise :class:`FailedStorageError` where a storage raises something else."""
    try:
        yield
    except Exception as exc:
        # The text of an error of the machine has a path of it, which is nobody's business.
        text = exc.strerror if isinstance(exc, OSError) and exc.strerror else f"{type(exc).__name__}: {exc}"
        msg = f"The storage for the files of jobs failed: {text}. The job can be resumed."
        raise FailedStorageError(msg) from exc


@contextmanager
def open_file(job: ImportJob, options: ReadOptions | None = None) -> Generator[Table]:
    """Open the file of *job* as a table, with *options* in place of those that it keeps."""
    with _open_stored(job) as file:
        options = options or ReadOptions(**job.options)
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
    with storing():
        try:
            size, file = storage.size(name), storage.open(name, "rb")
        except FileNotFoundError:
            size, file = None, None
    if file is None:
        msg = f"The file {job.file_name} is no longer there: it was deleted after it was sent. Send it again."
        raise ChangedSourceError(msg)
    with file:
        if size != job.file_size:
            raise _tell_changed(job)
        yield cast("IO[bytes]", file)


def delete_files(job: TransferJob) -> None:
    """Delete the files of *job*, and whatever a worker that was lost has left beside them."""
    storage, folder = get_storage(), str(PurePosixPath(build_path(job, "file")).parent)
    fields = (job.file, job.failed_file) if isinstance(job, ImportJob) else (cast("ExportJob", job).file,)
    names = {str(field.name) for field in fields if field.name}
    # Not every storage has folders, or tells what is in them.
    with suppress(FileNotFoundError, NotImplementedError):
        names |= {f"{folder}/{name}" for name in storage.listdir(folder)[1]}
    for name in [*names, folder]:
        storage.delete(name)


def _tell_changed(job: ImportJob) -> ChangedSourceError:
    return ChangedSourceError(f"The file {job.file_name} is not the one that was sent: it was changed. Send it again.")
