"""Records the queries a piece of code makes: on every database, with ``DEBUG`` on or off, in threads and coroutines.

What is recorded are shapes, not values, and the memory a recorder takes does not grow with the number of queries.
"""

from __future__ import annotations

import inspect
import threading
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from time import perf_counter
from types import TracebackType
from typing import Any, Final, Self

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.dispatch import receiver

from drf_commons.conf import get_settings
from drf_commons.debug.places import Place, find_place
from drf_commons.debug.shapes import abbreviate, find_shape

__all__ = ["QueryRecorder", "QueryShape", "SlowQuery"]

# More is of no use to a reader, and a request that makes a million queries must not fill the memory.
_MAX_SHAPES: Final = 1_000
_MAX_PLACES: Final = 20
_MAX_SLOW: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryShape:
    """All queries that differ in their values only."""

    #: The statement without its values.
    sql: str
    #: The database, by its alias.
    alias: str
    count: int
    #: What all of them took together, and the slowest alone.
    seconds: float
    slowest: float
    #: How many of them the database refused.
    failed: int
    #: Where in the project they come from, the most frequent first.
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowQuery:
    """One query that took longer than the threshold."""

    sql: str
    alias: str
    seconds: float
    place: Place | None


@dataclass(slots=True)
class _Tally:
    count: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    failed: int = 0
    places: Counter[Place] = field(default_factory=Counter["Place"])


#: The recorders of the code that runs; it travels into tasks and into the threads of ``sync_to_async``.
_recorders: Final[ContextVar[tuple[QueryRecorder, ...]]] = ContextVar("drf_commons_query_recorders", default=())


class QueryRecorder:
    """Counts the queries made inside a ``with`` block, and groups them by shape.

    It holds for what the block awaits and for what ``sync_to_async`` runs, whichever thread that is. A thread of your
    own takes part when it enters the recorder too, or runs in a copy of the context. Recorders nest: each counts all
    that is made inside its own block.

    *using* limits it to some databases, by alias.
    """

    def __init__(self, *, using: Collection[str] | None = None, slow_threshold: float | None = None) -> None:
        self.count: int = 0
        self.seconds: float = 0.0
        #: Queries of which nothing but their number is known.
        self.unrecorded: int = 0
        self.slow_count: int = 0
        self._using = using
        self._slow_threshold = get_settings().DEBUG_SLOW_QUERY_THRESHOLD if slow_threshold is None else slow_threshold
        self._tallies: dict[tuple[str, str], _Tally] = {}
        self._slow: list[SlowQuery] = []
        self._open = 0
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        # Connections that were open before this module was there, if they are of this thread.
        for connection in connections.all(initialized_only=True):
            _watch(connection)
        with self._lock:
            self._open += 1
        _recorders.set((*_recorders.get(), self))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # Without a token: a stream may be closed in another context than it was opened in.
        recorders = [*_recorders.get()]
        if self in recorders:
            recorders.remove(self)
            _recorders.set(tuple(recorders))
        with self._lock:
            self._open -= 1

    @property
    def shapes(self) -> tuple[QueryShape, ...]:
        """The queries by shape, the most frequent first."""
        with self._lock:
            shapes = [
                QueryShape(
                    sql=sql,
                    alias=alias,
                    count=tally.count,
                    seconds=tally.seconds,
                    slowest=tally.slowest,
                    failed=tally.failed,
                    places=tuple(place for place, _ in tally.places.most_common()),
                )
                for (alias, sql), tally in self._tallies.items()
            ]
        return tuple(sorted(shapes, key=lambda shape: -shape.count))

    @property
    def slow(self) -> tuple[SlowQuery, ...]:
        """The first of the queries that took longer than the threshold; ``slow_count`` is how many there were."""
        return tuple(self._slow)

    def find_repeated(self, more_often_than: int | None = None) -> tuple[QueryShape, ...]:
        """Return the shapes that were asked for again and again; mostly one query could have had all the rows."""
        limit = get_settings().DEBUG_REPEATED_QUERY_THRESHOLD if more_often_than is None else more_often_than
        return tuple(shape for shape in self.shapes if shape.count > limit and _reads_or_writes(shape.sql))

    def describe(self) -> str:
        """Return all queries for a reader, by shape, each with the lines that made it."""
        if not self.count:
            return "no queries"
        lines = [f"{_count(self.count, 'query', 'queries')} in {self.seconds * 1000:.1f} ms"]
        aliases = {shape.alias for shape in self.shapes}
        for shape in self.shapes:
            alias = f" [{shape.alias}]" if len(aliases) > 1 else ""
            failed = f" ({shape.failed} failed)" if shape.failed else ""
            lines.append(f"{shape.count:>4} x {abbreviate(shape.sql)}{alias}{failed}")
            lines += [f"       {place}" for place in shape.places[:3]]
        if self.unrecorded:
            lines.append(f"{self.unrecorded:>4} x (could not be recorded, or too many different ones)")
        return "\n".join(lines)

    def note(self, connection: BaseDatabaseWrapper, sql: object, seconds: float, *, has_failed: bool) -> None:
        """Record one query; the connection's wrapper calls it."""
        if not self._open or (self._using is not None and connection.alias not in self._using):
            return
        shape, place = None, None
        try:
            shape = find_shape(sql, connection.vendor)
            place = find_place(inspect.currentframe())
        finally:
            with self._lock:
                self._add(connection.alias, shape, place, seconds, has_failed=has_failed)

    def _add(self, alias: str, sql: str | None, place: Place | None, seconds: float, *, has_failed: bool) -> None:
        self.count += 1
        self.seconds += seconds
        key = (alias, sql or "")
        if sql is None or (key not in self._tallies and len(self._tallies) >= _MAX_SHAPES):
            self.unrecorded += 1
            return
        tally = self._tallies.setdefault(key, _Tally())
        tally.count += 1
        tally.seconds += seconds
        tally.slowest = max(tally.slowest, seconds)
        tally.failed += has_failed
        if place is not None and (place in tally.places or len(tally.places) < _MAX_PLACES):
            tally.places[place] += 1
        if seconds > self._slow_threshold:
            self.slow_count += 1
            if len(self._slow) < _MAX_SLOW:
                self._slow.append(SlowQuery(sql=sql, alias=alias, seconds=seconds, place=place))


def _observe(
    execute: Any,  # Django's own signature, which it does not spell out
    sql: str,
    params: Sequence[object] | None,
    many: bool,
    context: dict[str, Any],
) -> object:
    """Run a statement, and tell the recorders; without one this is a look at a variable."""
    recorders = _recorders.get()
    if not recorders:
        return execute(sql, params, many, context)
    has_failed = True
    start = perf_counter()
    try:
        result = execute(sql, params, many, context)
        has_failed = False
        return result
    finally:
        seconds = perf_counter() - start
        for recorder in dict.fromkeys(recorders):
            # What fails is counted as unrecorded; a query must not fail for being watched.
            with suppress(Exception):
                recorder.note(context["connection"], sql, seconds, has_failed=has_failed)


@receiver(connection_created, dispatch_uid="drf_commons.debug.queries")
def _watch_created(*, connection: BaseDatabaseWrapper, **_: object) -> None:
    _watch(connection)


def _watch(connection: BaseDatabaseWrapper) -> None:
    if _observe not in connection.execute_wrappers:
        # At the far end: Django takes its own from the near one, which is not always the one it has put there.
        connection.execute_wrappers.insert(0, _observe)


def _reads_or_writes(sql: str) -> bool:
    """Tell a statement that moves rows from one that opens or closes a savepoint."""
    return not sql.startswith(("SAVEPOINT", "RELEASE SAVEPOINT", "ROLLBACK"))


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
