"""Writes an exception down as Python does, with the messages redacted: a message may repeat what was sent."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from typing import Final, cast

from drf_commons.debug.redaction import Redaction
from drf_commons.debug.secrets import scrub

__all__ = ["describe_error", "format_error"]

_MAX_CHAIN: Final = 10
_MAX_FRAMES: Final = 100
_CAUSE: Final = "\nThe above exception was the direct cause of the following exception:\n\n"
_CONTEXT: Final = "\nDuring handling of the above exception, another exception occurred:\n\n"


def describe_error(error: BaseException, redaction: Redaction) -> str:
    """Return the type and the message of *error* in one text; a message that cannot be had is no reason to fail."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    try:
        message = redaction.hide(scrub(str(error)))
    except Exception as exc:  # noqa: BLE001  # the message of an exception may do anything
        message = f"[could not be logged: {type(exc).__name__}]"
    return f"{name}: {message}" if message else name


def format_error(error: BaseException, redaction: Redaction) -> str:
    """Return the traceback of *error*, with those of what it came from."""
    return "".join(_format(error, redaction, _MAX_CHAIN)).rstrip("\n")


def _format(error: BaseException, redaction: Redaction, depth: int) -> Iterator[str]:
    origin = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if origin is not None and depth:
        yield from _format(origin, redaction, depth - 1)
        yield _CAUSE if error.__cause__ else _CONTEXT
    yield "Traceback (most recent call last):\n"
    yield from traceback.format_tb(error.__traceback__, limit=-_MAX_FRAMES)
    yield f"{describe_error(error, redaction)}\n"
    for note in getattr(error, "__notes__", ()):
        yield f"{redaction.hide(scrub(str(note)))}\n"
    if isinstance(error, BaseExceptionGroup) and depth:
        parts: tuple[BaseException, ...] = cast("BaseExceptionGroup[BaseException]", error).exceptions
        for number, part in enumerate(parts[:_MAX_CHAIN], start=1):
            yield f"---------------- {number} ----------------\n"
            yield from _format(part, redaction, depth - 1)
