"""Mixins for people: who they are, and where."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.expressions import Combinable
from django.utils import timezone

from drf_commons.models.stored import overridable

__all__ = ["AddressMixin", "Gender", "IdentityMixin", "validate_not_in_future"]


def validate_not_in_future(value: date) -> None:
    """Raise a validation error for a day that has not come yet."""
    if value > timezone.localdate():
        msg = "This day has not come yet."
        raise ValidationError(msg, code="in_future")


class Gender(models.TextChoices):
    """What a person says of their gender; blank when they say nothing."""

    FEMALE = "female", "Female"
    MALE = "male", "Male"
    OTHER = "other", "Other"
    UNDISCLOSED = "undisclosed", "Prefers not to say"


class IdentityMixin(models.Model):
    """A person: names, birth date and gender, of which only the first and the last name are required."""

    first_name: models.CharField[str | Combinable, str] = models.CharField(max_length=150)
    middle_name: models.CharField[str | Combinable, str] = models.CharField(max_length=150, blank=True)
    last_name: models.CharField[str | Combinable, str] = models.CharField(max_length=150)
    birth_date: models.DateField[date | str | Combinable | None, date | None] = models.DateField(
        null=True, blank=True, validators=[validate_not_in_future]
    )
    gender: models.CharField[str | Combinable, str] = models.CharField(
        max_length=20, choices=Gender.choices, blank=True
    )

    @overridable
    class Meta:
        abstract = True

    @property
    def full_name(self) -> str:
        """The names that there are, in order."""
        return " ".join(self._get_names())

    @property
    def initials(self) -> str:
        """The first letter of each name, in upper case: ``ABL`` for Augusta Byron Lovelace."""
        return "".join(name[0] for name in self._get_names()).upper()

    @property
    def age(self) -> int | None:
        """The years that the person has completed today; who was born on a 29 February has aged on 1 March."""
        born, today = self.birth_date, timezone.localdate()
        if born is None or born > today:
            return None
        return today.year - born.year - ((today.month, today.day) < (born.month, born.day))

    def _get_names(self) -> list[str]:
        names = (self.first_name, self.middle_name, self.last_name)
        return [" ".join(name.split()) for name in names if name.strip()]


class AddressMixin(models.Model):
    """A postal address, and where on earth it is, in degrees."""

    address_line_1: models.CharField[str | Combinable, str] = models.CharField(max_length=255, blank=True)
    address_line_2: models.CharField[str | Combinable, str] = models.CharField(max_length=255, blank=True)
    city: models.CharField[str | Combinable, str] = models.CharField(max_length=100, blank=True)
    state: models.CharField[str | Combinable, str] = models.CharField(max_length=100, blank=True)
    postal_code: models.CharField[str | Combinable, str] = models.CharField(max_length=20, blank=True)
    country: models.CharField[str | Combinable, str] = models.CharField(max_length=100, blank=True)
    latitude: models.DecimalField[Decimal | float | str | Combinable | None, Decimal | None] = models.DecimalField(
        max_digits=8,
        decimal_places=6,
        null=True,
        blank=True,
        validators=[MinValueValidator(-90), MaxValueValidator(90)],
    )
    longitude: models.DecimalField[Decimal | float | str | Combinable | None, Decimal | None] = models.DecimalField(
        max_digits=9,
        decimal_places=6,
        null=True,
        blank=True,
        validators=[MinValueValidator(-180), MaxValueValidator(180)],
    )

    @overridable
    class Meta:
        abstract = True

    @property
    def full_address(self) -> str:
        """The parts that there are, on one line: ``12 St James's Square, London SW1Y 4JH, United Kingdom``."""
        town = _join(" ", self.city, self.postal_code)
        return _join(", ", self.address_line_1, self.address_line_2, town, self.state, self.country)

    @property
    def short_address(self) -> str:
        """The town, the state and the country, as far as there are any."""
        return _join(", ", self.city, self.state, self.country)

    @property
    def has_coordinates(self) -> bool:
        """Whether both latitude and longitude are known; zero is a place too."""
        return self.latitude is not None and self.longitude is not None

    def get_coordinates(self) -> tuple[Decimal, Decimal] | None:
        """Return latitude and longitude in degrees, or ``None`` unless both are known."""
        if self.latitude is None or self.longitude is None:
            return None
        return self.latitude, self.longitude


def _join(separator: str, *parts: str) -> str:
    return separator.join(text for part in parts if (text := part.strip()))
