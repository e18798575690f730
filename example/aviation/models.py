"""Countries, their airports, and the airlines that fly between them."""

from __future__ import annotations

from typing import Final
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from typing_extensions import override

from drf_commons.models import BaseModelMixin, VersionMixin

__all__ = ["Airline", "Airport", "Country", "Route", "validate_timezone"]

_COUNTRY_CODE: Final = RegexValidator(r"\A[A-Z]{2}\Z", "Two capital letters, such as IS.")
_COUNTRY_ALPHA3: Final = RegexValidator(r"\A[A-Z]{3}\Z", "Three capital letters, such as ISL.")
_ICAO: Final = RegexValidator(r"\A[A-Z0-9_]{4}\Z", "Four capital letters or digits, such as BIRK.")
_AIRLINE: Final = RegexValidator(r"\A[A-Z0-9]{2}\Z", "Two capital letters or digits, such as FI.")
_IATA: Final = RegexValidator(r"\A[A-Z]{3}\Z", "Three capital letters, such as RKV.")


def validate_timezone(name: str) -> None:
    """Refuse a name that the time zone database does not know."""
    try:
        ZoneInfo(name)
    except (OSError, ValueError, LookupError) as exc:  # a folder of the database, a path, an unknown name
        msg = f'"{name}" is not a time zone, such as Atlantic/Reykjavik.'
        raise ValidationError(msg, code="timezone") from exc


class Country(BaseModelMixin):
    """A country of ISO 3166-1, or Kosovo under the code that is in use for it."""

    code = models.CharField(max_length=2, unique=True, validators=[_COUNTRY_CODE])
    alpha3 = models.CharField(max_length=3, unique=True, validators=[_COUNTRY_ALPHA3])
    name = models.CharField(max_length=100)

    class Meta:
        ordering = ("name",)
        verbose_name_plural = "countries"

    @override
    def __str__(self) -> str:
        return self.name


class Airport(BaseModelMixin):
    """An airport or landing strip, by its ICAO code; where none is assigned, the data set has one of its own."""

    icao = models.CharField(max_length=4, unique=True, validators=[_ICAO])
    iata = models.CharField(max_length=3, unique=True, null=True, blank=True, validators=[_IATA])
    faa = models.CharField(max_length=7, blank=True, help_text="Location identifier of the United States' FAA.")
    name = models.CharField(max_length=100)
    city = models.CharField(max_length=100, blank=True)
    subdivision = models.CharField(max_length=100, blank=True, help_text="State, province or region.")
    country = models.ForeignKey(Country, on_delete=models.PROTECT, related_name="airports")
    latitude = models.FloatField(validators=[MinValueValidator(-90), MaxValueValidator(90)])
    longitude = models.FloatField(validators=[MinValueValidator(-180), MaxValueValidator(180)])
    elevation = models.FloatField(help_text="Feet above mean sea level.")
    timezone = models.CharField(max_length=40, validators=[validate_timezone])

    class Meta:
        ordering = ("icao",)

    @override
    def __str__(self) -> str:
        return f"{self.icao} {self.name}"


class Airline(BaseModelMixin, VersionMixin):
    """An airline, by its IATA code, with the airport it calls home; nobody undoes a change they have not seen."""

    code = models.CharField(max_length=2, unique=True, validators=[_AIRLINE])
    name = models.CharField(max_length=100)
    country = models.ForeignKey(Country, on_delete=models.PROTECT, related_name="airlines")
    hub = models.ForeignKey(Airport, on_delete=models.PROTECT, related_name="based_airlines")

    class Meta:
        ordering = ("code",)

    @override
    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class Route(BaseModelMixin):
    """A connection that an airline flies, one way."""

    airline = models.ForeignKey(Airline, on_delete=models.CASCADE, related_name="routes")
    origin = models.ForeignKey(Airport, on_delete=models.PROTECT, related_name="departures")
    destination = models.ForeignKey(Airport, on_delete=models.PROTECT, related_name="arrivals")
    weekly_flights = models.PositiveSmallIntegerField(default=7, validators=[MinValueValidator(1)])

    class Meta:
        ordering = ("airline", "origin", "destination")
        constraints = (
            models.UniqueConstraint(fields=("airline", "origin", "destination"), name="aviation_route_once"),
        )

    @override
    def __str__(self) -> str:
        return f"{self.airline.code} {self.origin.icao}-{self.destination.icao}"
