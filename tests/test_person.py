"""People: their names, their age, and where they are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from tests.archive.models import Person

pytestmark = pytest.mark.django_db


@pytest.fixture
def set_today(monkeypatch: pytest.MonkeyPatch) -> Callable[[date], None]:
    """Return a function that sets the clock."""

    def set_today(today: date) -> None:
        now = datetime(today.year, today.month, today.day, 12, tzinfo=UTC)
        monkeypatch.setattr(timezone, "now", lambda: now)

    return set_today


@pytest.mark.parametrize(
    ("first", "middle", "last", "full_name", "initials"),
    [
        ("Augusta", "Ada", "Lovelace", "Augusta Ada Lovelace", "AAL"),
        ("Ada", "", "Lovelace", "Ada Lovelace", "AL"),
        (" ada ", "  ", "king  lovelace", "ada king lovelace", "AK"),
        ("Élodie", "", "Öztürk", "Élodie Öztürk", "ÉÖ"),
        ("", "", "", "", ""),
    ],
)
def test_names(first: str, middle: str, last: str, full_name: str, initials: str) -> None:
    """The full name and the initials hold the names that there are, without spare spaces."""
    person = Person(first_name=first, middle_name=middle, last_name=last)
    assert (person.full_name, person.initials) == (full_name, initials)
    assert str(person) == full_name


@pytest.mark.parametrize(
    ("born", "today", "age"),
    [
        (date(2000, 6, 15), date(2024, 6, 14), 23),
        (date(2000, 6, 15), date(2024, 6, 15), 24),
        (date(2000, 2, 29), date(2023, 2, 28), 22),
        (date(2000, 2, 29), date(2023, 3, 1), 23),
        (date(2000, 2, 29), date(2024, 2, 28), 23),
        (date(2000, 2, 29), date(2024, 2, 29), 24),
        (date(2001, 2, 28), date(2024, 2, 28), 23),
        (date(2024, 2, 29), date(2024, 2, 29), 0),
        (date(2024, 3, 1), date(2024, 2, 29), None),
        (None, date(2024, 2, 29), None),
    ],
)
def test_age(born: date | None, today: date, age: int | None, set_today: Callable[[date], None]) -> None:
    """The age is in completed years; a leap day's child has aged on the first of March."""
    set_today(today)
    assert Person(birth_date=born).age == age


days = st.dates(date(1900, 1, 1), date(2100, 12, 31))


@given(days)
def test_age_grows_by_one_a_year(born: date) -> None:
    """Between a birth date and today lie as many birthdays as the age says."""
    age = Person(birth_date=born).age
    today = timezone.localdate()
    birthdays = [year for year in range(born.year + 1, today.year + 1) if (today >= _get_birthday(born, year))]
    assert age == (None if born > today else len(birthdays))


def _get_birthday(born: date, year: int) -> date:
    try:
        return born.replace(year=year)
    except ValueError:
        return date(year, 3, 1)


def test_a_birth_date_in_the_future_is_refused() -> None:
    """Nobody is born tomorrow."""
    with pytest.raises(ValidationError) as caught:
        Person(first_name="A", last_name="B", birth_date=date(9999, 1, 1)).full_clean()
    assert [*caught.value.message_dict] == ["birth_date"]


def test_gender_is_a_choice() -> None:
    """A gender is one of the choices, or not told."""
    Person(first_name="A", last_name="B", gender="undisclosed").full_clean()
    Person(first_name="A", last_name="B").full_clean()
    with pytest.raises(ValidationError):
        Person(first_name="A", last_name="B", gender="unknown").full_clean()


def test_addresses_hold_the_parts_that_there_are() -> None:
    """The long form is a line of post, the short one says roughly where."""
    person = Person(
        address_line_1="12 St James's Square", city="London", postal_code="SW1Y 4JH", country="United Kingdom"
    )
    assert person.full_address == "12 St James's Square, London SW1Y 4JH, United Kingdom"
    assert person.short_address == "London, United Kingdom"
    assert Person(state="Texas", address_line_2=" ").full_address == "Texas"
    assert (Person().full_address, Person().short_address) == ("", "")


def test_coordinates_are_both_or_none() -> None:
    """One without the other is no place; zero is one."""
    nowhere = Person(latitude=Decimal(1))
    assert (nowhere.has_coordinates, nowhere.get_coordinates()) == (False, None)
    Person.objects.create(first_name="A", last_name="B", latitude=Decimal(0), longitude=Decimal("-122.419416"))
    person = Person.objects.get()
    assert person.has_coordinates
    assert person.get_coordinates() == (Decimal(0), Decimal("-122.419416"))


@pytest.mark.parametrize(("latitude", "longitude"), [("90.000001", "0"), ("-90.1", "0"), ("0", "180.1"), ("0", "-181")])
def test_coordinates_beyond_the_earth_are_refused(latitude: str, longitude: str) -> None:
    """Latitude ends at 90 degrees and longitude at 180, both included."""
    person = Person(first_name="A", last_name="B", latitude=Decimal(90), longitude=Decimal(-180))
    person.full_clean()
    person.latitude, person.longitude = Decimal(latitude), Decimal(longitude)
    with pytest.raises(ValidationError) as caught:
        person.full_clean()
    assert len(caught.value.message_dict) == 1
