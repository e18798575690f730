"""The keys that a file has had so far, however many, in little memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from itertools import chain
from typing import Any, Final, TypeAlias

__all__ = ["Place", "SeenKeys"]

#: The number of a row, and a fingerprint of its values.
Place: TypeAlias = tuple[int, int]

#: How many keys are held in memory; more go to a temporary file that is gone with the import.
_IN_MEMORY: Final = 10_000

#: Keys of one statement: with their places, 990 parameters, which every SQLite takes.
_AT_ONCE: Final = 330


class SeenKeys:
    """Which row had a key first.

    The rows of a chunk are added when the chunk is committed, so that what is taken back was never seen.
    """

    def __init__(self) -> None:
        self._places: dict[Any, Place] = {}
        self._disk: sqlite3.Connection | None = None

    def find(self, keys: Sequence[Any]) -> Mapping[Any, Place]:
        """Return the places of those of *keys* that were seen."""
        found = {key: self._places[key] for key in keys if key in self._places}
        if self._disk is not None:
            names = {_encode(key): key for key in keys if key not in found}
            stored = [*names]
            for start in range(0, len(stored), _AT_ONCE):
                part = stored[start : start + _AT_ONCE]
                marks = ",".join("?" * len(part))
                rows = self._disk.execute(f"SELECT key, row, print FROM seen WHERE key IN ({marks})", part)  # noqa: S608
                found.update((names[key], (row, fingerprint)) for key, row, fingerprint in rows)
        return found

    def add(self, places: Mapping[Any, Place]) -> None:
        """Remember *places*."""
        self._places.update(places)
        if len(self._places) > _IN_MEMORY:
            self._spill()

    def close(self) -> None:
        """Give the memory and the file back."""
        self._places.clear()
        if self._disk is not None:
            self._disk.close()
            self._disk = None

    def _spill(self) -> None:
        if self._disk is None:
            self._disk = sqlite3.connect("", isolation_level=None, check_same_thread=False)  # a file of its own
            self._disk.execute("PRAGMA journal_mode = OFF")
            self._disk.execute("PRAGMA cache_size = -1024")
            self._disk.execute("CREATE TABLE seen (key BLOB PRIMARY KEY, row INTEGER, print INTEGER) WITHOUT ROWID")
        # In the order of the tree, and many in a statement: half the time of one after the other.
        rows = sorted((_encode(key), *place) for key, place in self._places.items())
        with closing(self._disk.cursor()) as cursor:
            cursor.execute("BEGIN")
            for start in range(0, len(rows), _AT_ONCE):
                part = rows[start : start + _AT_ONCE]
                marks = ",".join(["(?,?,?)"] * len(part))
                cursor.execute(f"INSERT OR IGNORE INTO seen VALUES {marks}", [*chain.from_iterable(part)])  # noqa: S608
            cursor.execute("COMMIT")
        self._places.clear()


def _encode(key: object) -> bytes:
    """Return what stands for *key* on the disk: a text as it is, anything else behind a byte that no text has."""
    # A text of a class of its own, such as a choice, may have another repr().
    return str.encode(key, "utf-8", "surrogatepass") if isinstance(key, str) else b"\xff" + repr(key).encode()
