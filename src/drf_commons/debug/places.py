"""Where in the project something came from: the nearest line of its own code, or the serializer's field."""

from __future__ import annotations

import inspect
import site
import sys
import sysconfig
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from types import FrameType
from typing import Any, Final, cast

import django
import rest_framework
from rest_framework.fields import Field
from typing_extensions import override

import drf_commons

__all__ = ["Place", "find_caller", "find_place"]

_OURS: Final = str(Path(drf_commons.__file__).parent)
#: The methods of fields inside which a query is the field's.
_FIELD_STEPS: Final = frozenset({"get_attribute", "to_representation"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A line of code: ``newsroom/views.py:41 in publish``."""

    path: str
    line: int
    #: The function, or ``ArticleSerializer.author`` for a field whose value was asked for.
    name: str

    @override
    def __str__(self) -> str:
        return f"{_shorten(self.path)}:{self.line} in {self.name}"


def find_place(frame: FrameType | None) -> Place | None:
    """Return the nearest place in the project's own code, going outwards from *frame*."""
    while frame is not None:
        code = frame.f_code
        if not _is_foreign(code.co_filename):
            return Place(path=code.co_filename, line=frame.f_lineno, name=code.co_qualname)
        if code.co_name in _FIELD_STEPS and (place := _find_field(frame.f_locals.get("self"))) is not None:
            return place
        frame = frame.f_back
    return None


def find_caller() -> FrameType | None:
    """Return the frame that called into the library."""
    frame: FrameType | None = inspect.currentframe()
    while frame is not None and frame.f_code.co_filename.startswith(_OURS):
        frame = frame.f_back
    return frame


def _find_field(field: object) -> Place | None:
    """Return where the serializer stands that has *field*."""
    owner: object = field
    name = ""
    # The child of a list has no name of its own.
    while isinstance(owner, Field) and not name:
        step = cast("Any", owner)  # its four type arguments are of no interest here
        owner, name = step.parent, step.field_name or ""
    return _find_serializer(type(owner), name) if name else None  # type: ignore[arg-type]  # a class is hashable


@lru_cache(maxsize=1024)
def _find_serializer(owner: type[object], name: str) -> Place | None:
    for kind in owner.__mro__:
        try:
            path = inspect.getfile(kind)
        except (OSError, TypeError):
            continue
        if not _is_foreign(path):
            return Place(path=path, line=_find_line(kind, name), name=f"{owner.__qualname__}.{name}")
    return None


def _find_line(kind: type, name: str) -> int:
    """Return the line that declares the field *name*, or that of the class."""
    try:
        lines, start = inspect.getsourcelines(kind)
    except (OSError, TypeError):
        return 1
    return next((start + index for index, line in enumerate(lines) if line.lstrip().startswith(f"{name} = ")), start)


@lru_cache(maxsize=4096)
def _is_foreign(path: str) -> bool:
    return path.startswith(_get_foreign_roots()) or "site-packages" in path or "dist-packages" in path


@cache
def _get_foreign_roots() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    return (
        "<frozen",
        *(str(Path(module.__file__).parent) for module in (django, rest_framework) if module.__file__),
        _OURS,
        *(path for key in ("stdlib", "platstdlib") if (path := paths.get(key))),
        *site.getsitepackages(),
    )


@lru_cache(maxsize=1024)
def _shorten(path: str) -> str:
    """Return *path* as seen from where the project is imported."""
    roots = [root.rstrip("/") + "/" for root in sys.path if root]
    longest = max((root for root in roots if path.startswith(root)), key=len, default="")
    return path.removeprefix(longest)
