"""Numbers of a sheet, as their format shows them: dates, times, durations, percentages, leading zeros."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Final, TypeAlias

__all__ = ["Converter", "build_converter", "read_number", "show_duration", "show_percentage"]

#: Takes the number as the file has it, and returns what was shown; a ``ValueError`` where nothing can be.
Converter: TypeAlias = Callable[[str], object]

_BUILT_IN: Final[Mapping[int, str]] = {
    **dict.fromkeys((9, 10), "0%"),
    **dict.fromkeys((14, 15, 16, 17, *range(27, 32), 36, *range(50, 55), 57, 58), "yyyy-mm-dd"),
    **dict.fromkeys((18, 19, 20, 21, 32, 33, 34, 35, 45, 47, 55, 56), "hh:mm:ss"),
    22: "yyyy-mm-dd hh:mm",
    46: "[h]:mm:ss",
}
# What is shown as it stands, colours and conditions.
_LITERAL: Final = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!(?:h+|m+|s+)\])[^\]]*\]', re.IGNORECASE)
_ELAPSED: Final = re.compile(r"\[(?:h+|m+|s+)\]", re.IGNORECASE)
_ZEROS: Final = re.compile(r"[0 /().-]*")
# Sheets know no time zones.
_EPOCH: Final = datetime(1899, 12, 30)  # noqa: DTZ001
_EPOCH_BEFORE_LEAP_BUG: Final = datetime(1899, 12, 31)  # noqa: DTZ001
_EPOCH_1904: Final = datetime(1904, 1, 1)  # noqa: DTZ001
_LAST: Final = 2_958_466
_LEAP_BUG: Final = 60
_FIVE_DIGITS: Final = 100_000
_DAY: Final = 86_400_000_000
_SECOND: Final = 1_000_000


def read_number(text: str) -> int | float:
    """Return a number; what is whole is an ``int``, exactly as it stands."""
    if "." not in text:
        try:
            return int(text)
        except ValueError:
            pass  # 1E5, or no number
    number = float(text)
    if number % 1 > 0:
        return number
    if number != number or number in {float("inf"), float("-inf")}:  # noqa: PLR0124  # only NaN differs from itself
        msg = f"{text!r} is not a number"
        raise ValueError(msg)
    return int(Decimal(text))  # all digits that are written, and none that the float would add


def build_converter(number: int, code: str | None, *, is_1904: bool) -> Converter | None:
    """Return what shows a number in the format *code*, or in the built-in format *number*; ``None`` for a plain one."""
    code = _BUILT_IN.get(number) if code is None else code
    if code is None or code.lower() == "general":
        return None
    return _read_code(code.partition(";")[0], is_1904=is_1904)


def _read_code(section: str, *, is_1904: bool) -> Converter | None:
    bare = _LITERAL.sub("", section).lower()
    if _ELAPSED.search(bare):
        return _show_duration
    if "general" in bare:
        return None
    if set(bare) & set("ydhs") or "m" in bare:
        return _build_date_converter(bare, is_1904=is_1904)
    if "%" in bare:
        return show_percentage
    mask = section.replace("\\", "").replace('"', "")
    if mask.count("0") > 1 and "." not in mask and _ZEROS.fullmatch(mask):
        return _build_zero_converter(mask)
    return None


def _build_date_converter(bare: str, *, is_1904: bool) -> Converter:
    has_time = bool(set(bare) & set("hs"))
    has_date = bool(set(bare) & set("yd")) or not has_time
    shows_fraction = re.search(r"s\.0", bare) is not None

    def convert(text: str) -> date | time:
        moment = _read_serial(text, is_1904=is_1904, exact=shows_fraction)
        if not has_date:
            return moment.time()
        if moment.year < 1900:  # noqa: PLR2004  # the day before the first
            msg = f"{text} is no date that a spreadsheet can show"
            raise ValueError(msg)
        return moment if has_time else moment.date()

    return convert


def _read_serial(text: str, *, is_1904: bool, exact: bool) -> datetime:
    """Return the moment of a serial number: days, and the day's fraction."""
    number = float(text)
    if not 0 <= number < _LAST:
        msg = f"{text} is no date that a spreadsheet can show"
        raise ValueError(msg)
    days = int(number)
    ticks = round((number - days) * _DAY)
    # A time that was computed, or written with fewer digits, is a little beside the one that is shown.
    slack = 5 if days < _FIVE_DIGITS else 100
    beside = (ticks + slack) % _SECOND - slack
    if not exact and beside <= slack:
        ticks -= beside
    if is_1904:
        epoch = _EPOCH_1904
    elif days == _LEAP_BUG:
        msg = f"{text} is 29 February 1900, a day that only spreadsheets know"
        raise ValueError(msg)
    else:
        epoch = _EPOCH_BEFORE_LEAP_BUG if days < _LEAP_BUG else _EPOCH
    return epoch + timedelta(days=days, microseconds=ticks)


def show_duration(span: timedelta) -> str:
    """Return a span of time as spreadsheets show it: ``36:00:00``."""
    ticks = span // timedelta(microseconds=1)
    sign, ticks = ("-", -ticks) if ticks < 0 else ("", ticks)
    seconds, rest = divmod(ticks, _SECOND)
    fraction = f".{rest:06}" if rest else ""
    return f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{fraction}"


def _show_duration(text: str) -> str:
    return show_duration(timedelta(days=float(text)))


def show_percentage(text: str) -> str:
    """Return a share as spreadsheets show it: ``12.5%``."""
    # The file has all binary digits of a number that was typed with a few.
    number = Decimal(repr(float(text))) * 100
    if not number.is_finite():
        msg = f"{text!r} is not a number"
        raise ValueError(msg)
    shown = f"{number:f}"
    return f"{shown.rstrip('0').rstrip('.') if '.' in shown else shown}%"


def _build_zero_converter(mask: str) -> Converter:
    count = mask.count("0")

    def convert(text: str) -> object:
        number = read_number(text)
        if not isinstance(number, int) or number < 0 or len(str(number)) > count:
            return number
        digits = iter(str(number).zfill(count))
        return "".join(next(digits) if sign == "0" else sign for sign in mask)

    return convert
