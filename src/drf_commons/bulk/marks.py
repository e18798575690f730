"""A mark for methods of the library that the bulk paths may leave uncalled, as they do the same themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

__all__ = ["is_known", "known"]

F = TypeVar("F", bound=Callable[..., object])


def known(method: F) -> F:
    """Mark *method*, of which it is known here what it does to a row.

    Whoever overrides or wraps it has another one, which has to be called: a decorator copies the mark, not the method.
    """
    vars(method)["known_as"] = method
    return method


def is_known(method: object) -> bool:
    """Tell whether *method*, bound or not, is the very one that was marked."""
    function = getattr(method, "__func__", method)
    return getattr(function, "known_as", None) is function
