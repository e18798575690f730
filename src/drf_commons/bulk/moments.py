"""Columns of moments: aware or not, and as text.

``datetime.isoformat()`` and ``datetime.replace()`` take longer than all else that a bulk request does with a moment.
A column has few dates and fewer offsets, so their texts are made once for each of them.
"""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Final

__all__ = ["are_aware", "localize_utc", "write_moments"]

#: Time zones that have an offset at every moment.
_WHOLE: Final = frozenset({dt.timezone, zoneinfo.ZoneInfo})

#: What has the same offset at every moment.
_FIXED: Final = frozenset({dt.timezone, type(None)})

_DIGITS: Final = [f"{number:02}" for number in range(60)]
_NAIVE: Final = dt.datetime(1970, 1, 1)  # noqa: DTZ001  # a naive one is what is meant
_UTC: Final = _NAIVE.replace(tzinfo=dt.UTC)


def are_aware(moments: Sequence[dt.datetime | None]) -> bool:
    """Tell whether each of *moments* has an offset, ``None`` aside."""
    # Not a set of the zones themselves: those of dateutil cannot be in one.
    if {type(moment.tzinfo) for moment in moments if moment is not None} <= _WHOLE:
        return True
    return all(moment is None or moment.utcoffset() is not None for moment in moments)


def localize_utc(moments: Sequence[Any]) -> Sequence[dt.datetime | None] | None:
    """Return *moments*, naive ones of UTC, as aware ones; ``None`` where they are anything else."""
    if not {*map(type, moments)} <= {dt.datetime, type(None)}:
        return None
    known = [moment for moment in moments if moment is not None]
    if {*map(type, map(attrgetter("tzinfo"), known))} - {type(None)} or any(map(attrgetter("fold"), known)):
        return None
    return [moment and _UTC + (moment - _NAIVE) for moment in moments]


def write_moments(moments: Sequence[dt.datetime | None], separator: str, *, utc: str = "+00:00") -> list[str | None]:
    """Return ``moment.isoformat(separator)`` of each, with *utc* in place of an offset of nothing."""
    known = [moment for moment in moments if moment is not None]
    days = [moment.date() for moment in known]
    dates = {day: f"{day.isoformat()}{separator}" for day in {*days}}
    digits = _DIGITS
    texts = [
        f"{dates[day]}{digits[moment.hour]}:{digits[moment.minute]}:{digits[moment.second]}{tail}"
        for moment, day, tail in zip(known, days, _write_tails(known, utc), strict=True)
    ]
    if len(texts) == len(moments):
        return [*texts]
    written = iter(texts)
    return [None if moment is None else next(written) for moment in moments]


def _write_tails(moments: Sequence[dt.datetime], utc: str) -> Sequence[str]:
    """Return what stands behind the seconds of each of *moments*."""
    zones = [moment.tzinfo for moment in moments]
    if {*map(type, zones)} <= _FIXED and len({*zones}) == 1:
        tails = [_write_offset(moments[0], utc)] * len(moments)
    else:
        offsets = [moment.utcoffset() for moment in moments]
        samples = dict(zip(offsets, moments, strict=True))
        written = {offset: _write_offset(moment, utc) for offset, moment in samples.items()}
        tails = [written[offset] for offset in offsets]
    if not any(map(attrgetter("microsecond"), moments)):
        return tails
    return [
        f".{moment.microsecond:06}{tail}" if moment.microsecond else tail
        for moment, tail in zip(moments, tails, strict=True)
    ]


def _write_offset(moment: dt.datetime, utc: str) -> str:
    text = moment.isoformat(timespec="seconds")[len("2000-01-01T00:00:00") :]
    return utc if text == "+00:00" else text
