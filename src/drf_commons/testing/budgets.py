"""A number of queries that must be enough."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from drf_commons.debug.queries import QueryRecorder

__all__ = ["max_queries"]


@contextmanager
def max_queries(limit: int, *, using: str | None = None) -> Generator[QueryRecorder]:
    """Fail unless the block makes at most *limit* queries, on the database *using* or on all of them together.

    The failure lists the queries by shape, each with the lines of code that made it. The block gets the recorder.
    """
    if limit < 0:
        msg = f"max_queries({limit}): the limit is a number of queries, 0 or more"
        raise ValueError(msg)
    with QueryRecorder(using=None if using is None else {using}) as recorder:
        yield recorder
    if recorder.count > limit:
        msg = f"more than {limit} {'query' if limit == 1 else 'queries'}: {recorder.describe()}"
        raise AssertionError(msg)
