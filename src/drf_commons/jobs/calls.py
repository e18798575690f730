"""What is sent to workers: the name of a piece of work, and the keys of its rows. Files and rows are never sent."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["Call", "Task"]

#: ``plan`` reads the file and divides it, ``chunk`` imports a part of it, ``advance`` does what is next when parts are
#: done, and ``export`` writes a file.
Task: TypeAlias = Literal["plan", "chunk", "advance", "export"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A message to a worker. It may be delivered late, twice, or in any order: what it asks for is done once."""

    task: Task
    job: uuid.UUID
    chunk: int | None = None
