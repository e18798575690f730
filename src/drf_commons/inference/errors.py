"""The faults the plugin reports, each with an error code of its own."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from difflib import get_close_matches

from mypy.errorcodes import ErrorCode

__all__ = ["Fault", "suggest"]


class Fault(enum.Enum):
    """A fault; its code can be named in ``# type: ignore[...]`` and ``disable_error_code``."""

    SERIALIZER_META = ("drf-meta", "Check that Meta of a serializer names fields that exist")
    SERIALIZER_REFERENCE = ("drf-reference", "Check that a dotted path names a serializer")
    SERIALIZER_SHAPE = ("drf-shape", "Check that type arguments of a serializer match its fields")
    SETTINGS = ("drf-settings", "Check that COMMON has only settings that exist, with values of their types")
    VIEW_MODEL = ("drf-view-model", "Check that queryset and serializer_class are of the viewset's model")
    VIEW_FIELDS = ("drf-view-fields", "Check that fields named in a viewset's configuration exist")

    def __init__(self, code: str, description: str) -> None:
        self.code: ErrorCode = ErrorCode(code, description, "Django REST framework")


def suggest(name: str, known: Iterable[str]) -> str:
    """Return the end of a message: which of the *known* names was probably meant."""
    close = get_close_matches(name, sorted(known), n=1)
    return f'; did you mean "{close[0]}"?' if close else ""
