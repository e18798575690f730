"""Columns of moments: what Python and Django make of them one by one."""

from __future__ import annotations

import datetime as dt
import zoneinfo

from django.utils.timezone import make_aware
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from drf_commons.bulk.moments import are_aware, localize_utc, write_moments

#: Offsets that change, one with seconds in it before 1883, and one that is fixed.
ZONES = (dt.UTC, zoneinfo.ZoneInfo("America/Chicago"), dt.timezone(dt.timedelta(hours=-3, minutes=-30)))

NAIVE = st.datetimes()
AWARE = st.builds(lambda moment, zone: moment.replace(tzinfo=zone), NAIVE, st.sampled_from(ZONES))


@given(st.lists(st.none() | NAIVE | AWARE))
def test_moments_are_written_as_python_writes_them(moments: list[dt.datetime | None]) -> None:
    """With and without fractions of a second and offsets, in any year."""
    assert write_moments(moments, " ") == [moment and moment.isoformat(" ") for moment in moments]


@given(st.lists(st.none() | AWARE))
def test_an_offset_of_nothing_is_written_as_it_is_asked_for(moments: list[dt.datetime | None]) -> None:
    """It is Z in an answer; other offsets stay."""
    texts = [moment and moment.isoformat("T") for moment in moments]
    expected = [text and (f"{text[:-6]}Z" if text.endswith("+00:00") else text) for text in texts]
    assert write_moments(moments, "T", utc="Z") == expected


class Nowhere(dt.tzinfo):
    """A zone without an offset."""

    @override
    def utcoffset(self, _moment: dt.datetime | None, /) -> None:
        """Return nothing."""

    @override
    def dst(self, _moment: dt.datetime | None, /) -> None:
        """Return nothing."""

    @override
    def tzname(self, _moment: dt.datetime | None, /) -> None:
        """Return nothing."""


@given(st.lists(st.none() | NAIVE | AWARE | NAIVE.map(lambda moment: moment.replace(tzinfo=Nowhere()))))
def test_moments_are_aware_when_each_has_an_offset(moments: list[dt.datetime | None]) -> None:
    """A zone alone is not enough."""
    assert are_aware(moments) == all(moment is None or moment.utcoffset() is not None for moment in moments)


class Unhashable(dt.tzinfo):
    """A zone as dateutil has them: equal to others, and therefore in no set."""

    __hash__ = None  # type: ignore[assignment]  # what the test is about

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unhashable)

    @override
    def utcoffset(self, _moment: dt.datetime | None, /) -> dt.timedelta:
        """Return that of Nepal."""
        return dt.timedelta(hours=5, minutes=45)

    @override
    def dst(self, _moment: dt.datetime | None, /) -> None:
        """Return nothing."""

    @override
    def tzname(self, _moment: dt.datetime | None, /) -> None:
        """Return nothing."""


def test_zones_that_cannot_be_in_a_set_are_zones_all_the_same() -> None:
    """A moment of theirs is aware, and is written with its offset."""
    moments = [dt.datetime(2026, 1, 1, tzinfo=Unhashable())]
    assert are_aware(moments)
    assert write_moments(moments, " ") == ["2026-01-01 00:00:00+05:45"]


@given(st.lists(st.none() | NAIVE.map(lambda moment: moment.replace(fold=0))))
def test_naive_moments_become_moments_of_utc(moments: list[dt.datetime | None]) -> None:
    """As Django makes them of what a database without time zones has."""
    assert localize_utc(moments) == [moment and make_aware(moment, dt.UTC) for moment in moments]


def test_only_naive_moments_are_taken_to_utc() -> None:
    """Texts, dates and aware moments are left to Django."""
    assert localize_utc([dt.datetime(2026, 1, 1, tzinfo=dt.UTC)]) is None
    assert localize_utc(["2026-01-01"]) is None
    assert localize_utc([dt.date(2026, 1, 1)]) is None
    assert localize_utc([dt.datetime(2026, 1, 1, fold=1)]) is None  # noqa: DTZ001  # a naive one
