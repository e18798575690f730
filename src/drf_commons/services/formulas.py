"""The guard of text cells that a spreadsheet program would run as a formula, put on and taken off without a loss.

A CSV file has no types: whatever starts with ``=`` is a formula to the program that opens it. A leading apostrophe
makes it text. For every text, ``unguard(guard(text)) == text``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

__all__ = ["guard", "guard_all", "is_formula_like", "unguard"]

# The full-width twins are folded to the plain ones by some programs; a tab or a line break is skipped by others.
_FORMULA: Final = re.compile(r"'*\s*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")

#: Stands between texts that are looked through in one go; one inside a text only costs time.
_SEPARATOR: Final = "\0"
_ANY_FORMULA: Final = re.compile(f"{_SEPARATOR}{_FORMULA.pattern}")

# A number with a sign is what it looks like; nothing in it can be run.
_NUMBER: Final = re.compile(r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d{1,3})?%?")


def is_formula_like(text: str) -> bool:
    """Tell whether a spreadsheet program might run *text*, or take it for a guarded one."""
    return _FORMULA.match(text) is not None and _NUMBER.fullmatch(text) is None


def guard(text: str) -> str:
    """Return *text* with an apostrophe before it if it might be run."""
    return f"'{text}" if is_formula_like(text) else text


def guard_all(texts: Sequence[str]) -> Sequence[str]:
    """Return *texts* guarded, themselves where none of them might be run."""
    if _ANY_FORMULA.search(f"{_SEPARATOR}{_SEPARATOR.join(texts)}") is None:
        return texts
    return [guard(text) for text in texts]


def unguard(text: str) -> str:
    """Return *text* as it was before :func:`guard`."""
    return text[1:] if text.startswith("'") and is_formula_like(text[1:]) else text
