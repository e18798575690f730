"""Runs a test that is a coroutine inside the transaction of the test."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import ParamSpec

from asgiref.sync import async_to_sync

__all__ = ["in_transaction"]

_P = ParamSpec("_P")


def in_transaction(test: Callable[_P, Coroutine[object, object, None]]) -> Callable[_P, None]:
    """Return *test* as a function whose database work is done in the main thread, so that it can be rolled back.

    Otherwise it is done in a thread of its own, with its own connection, and emptying all tables after such a test
    takes a server a second.
    """

    @wraps(test)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> None:
        async_to_sync(test)(*args, **kwargs)

    return run
