"""Columns of moments: aware or not, and as text.

``datetime.isoformat()`` and ``datetime.replace()`` take longer than all else that a bulk request does with a moment.
A column has few dates and fewer offsets, so their texts are made once for each of them.
"""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Sequence
from typing import Any, Final

__all__ = ["are_aware", "localize_utc", "write_moments"]

#: Time zones that have an offset at every moment.
_WHOLE: Final = frozenset({dt.timezone, zoneinfo.ZoneInfo})

_DIGITS: Final = [f"{number:02}" for number in range(60)]
_NAIVE: Final = dt.datetime(1970, 1, 1)  # noqa: DTZ001  # a naive one is what is meant
_UTC: Final = _NAIVE.replace(tzinfo=dt.UTC)


def are_aware(moments: Sequence[dt.datetime | None]) -> bool:
    """Tell whether each of *moments* has an offset, ``None`` aside."""
    zones = {moment.tzinfo for moment in moments if moment is not None}
    if {*map(type, zones)} <= _WHOLE:
        return True
    return all(moment is None or moment.utcoffset() is not None for moment in moments)


def localize_utc(moments: Sequence[Any]) -> Sequence[dt.datetime | None] | None:
    """Return *moments*, naive ones of UTC, as aware ones; ``None`` where they are anything else."""
    if not {*map(type, moments)} <= {dt.datetime, type(None)}:
        return None
    if any(moment is not None and (moment.tzinfo is not None or moment.fold) for moment in moments):
        return None
    return [moment and _UTC + (moment - _NAIVE) for moment in moments]


def write_moments(moments: Sequence[dt.datetime | None], separator: str, *, utc: str = "+00:00") -> list[str | None]:
    """Return ``moment.isoformat(separator)`` of each, with *utc* in place of an offset of nothing."""
    dates: dict[dt.date, str] = {}
    offsets: dict[dt.timedelta | None, str] = {None: "", dt.timedelta(): utc}
    texts: list[str | None] = []
    for moment in moments:
        if moment is None:
            texts.append(None)
            continue
        date, offset = moment.date(), moment.utcoffset()
        if date not in dates:
            dates[date] = f"{date.isoformat()}{separator}"
        if offset not in offsets:
            offsets[offset] = moment.isoformat(timespec="seconds")[len("2000-01-01T00:00:00") :]
        fraction = f".{moment.microsecond:06}" if moment.microsecond else ""
        hour, minute, second = _DIGITS[moment.hour], _DIGITS[moment.minute], _DIGITS[moment.second]
        texts.append(f"{dates[date]}{hour}:{minute}:{second}{fraction}{offsets[offset]}")
    return texts
