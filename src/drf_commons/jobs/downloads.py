"""The file that whoever has a job may take away."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final

from drf_commons.jobs.models import ImportJob, TransferJob

__all__ = ["Download", "find_download"]

_BLOCK: Final = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A file of the storage, and what to save it as."""

    file: Any  # the storage's own
    name: str

    def read(self) -> Generator[bytes]:
        """Yield the file, block by block; raise what the storage raises."""
        with self.file.open("rb") as opened:
            yield from opened.chunks(_BLOCK)


def find_download(job: TransferJob) -> Download | None:
    """Return the rows of an import that failed, or what an export has written; ``None`` where there is no such file."""
    if isinstance(job, ImportJob):
        name = f"{PurePath(job.file_name).stem}-failed{PurePath(str(job.failed_file.name)).suffix}"
        return Download(file=job.failed_file, name=name) if job.failed_file else None
    export: Any = job
    return Download(file=export.file, name=export.file_name) if export.file else None
