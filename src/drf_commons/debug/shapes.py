"""The shape of a statement: its text without the values, so that a query that is made a hundred times is one shape.

Values never get from here into a log: what stands in the text of a statement is taken out as well.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

__all__ = ["abbreviate", "find_shape"]

#: Enough to tell statements apart; the rest of a long one is values.
_LENGTH: Final = 4_000

_COMMENT: Final = re.compile(r"/\*.*?\*/|--[^\n]*", re.DOTALL)
_TEXT: Final = r"'(?:[^'\\]|\\.|'')*'?|\$(\w*)\$.*?(?:\$\1\$|\Z)"
_LITERAL: Final = re.compile(_TEXT, re.DOTALL)
_LITERAL_MYSQL: Final = re.compile(rf'{_TEXT}|"(?:[^"\\]|\\.|"")*"?', re.DOTALL)
_NUMBER: Final = re.compile(r"(?<![\w\"`.%$:])-?\d[\d.]*(?:e[+-]?\d+)?\b|\b0x[0-9a-f]+\b", re.IGNORECASE)
_PLACEHOLDER: Final = re.compile(r"%s|%\(\w+\)s|:arg\d+\b")
_SAVEPOINT: Final = re.compile(r"(SAVEPOINT\s+[\"`]?)\w+")
_SPACE: Final = re.compile(r"\s+")
_VALUE: Final = r"\?(?:::[\w\[\]]+)?"
_VALUES: Final = re.compile(rf"{_VALUE}(?:, ?{_VALUE})+")
_COLUMNS: Final = re.compile(r"(?<=SELECT )((?:DISTINCT )?[\w\"`.]+), [\w\"`., ]+(?= FROM )")
_ROWS: Final = re.compile(r"(\(\?(?:, …)?\))(?:, ?\(\?(?:, …)?\))+")


def find_shape(sql: object, vendor: str) -> str:
    """Return the shape of *sql*, which a backend of *vendor* ran.

    Lists of values, however long, look the same: ``IN (?, …)``.
    """
    return _normalise(str(sql)[:_LENGTH], vendor == "mysql")


def abbreviate(shape: str) -> str:
    """Return *shape* for a reader, who wants to see the tables and not every column of them."""
    return _COLUMNS.sub(r"\1, …", shape)


@lru_cache(maxsize=1024)
def _normalise(sql: str, is_mysql: bool) -> str:
    shape = (_LITERAL_MYSQL if is_mysql else _LITERAL).sub("?", sql)
    shape = _COMMENT.sub(" ", shape)
    shape = _PLACEHOLDER.sub("?", shape)
    shape = _NUMBER.sub("?", shape)
    shape = _SAVEPOINT.sub(r"\1…", shape)
    shape = _SPACE.sub(" ", shape).strip()
    shape = _VALUES.sub("?, …", shape)
    shape = _ROWS.sub(r"\1, …", shape)
    return f"{shape} …" if len(sql) == _LENGTH else shape
