"""What the serializers of aviation.serializers give and take; written by ``manage.py generate_types``."""

import aviation.models
from typing import NotRequired, TypedDict

__all__ = [
    "AirportSerializerData",
    "AirportSerializerPartialData",
    "AirportSerializerValidatedData",
    "CountrySerializerData",
    "CountrySerializerPartialData",
    "CountrySerializerValidatedData",
]


class AirportSerializerData(TypedDict):
    city: str
    country: "CountrySerializerData"
    created_at: str
    created_by: str | None
    elevation: float
    faa: str
    iata: str | None
    icao: str
    id: str
    latitude: float
    longitude: float
    name: str
    subdivision: str
    timezone: str
    updated_at: str
    updated_by: str | None


class AirportSerializerValidatedData(TypedDict):
    city: NotRequired[str]
    country: "aviation.models.Country"
    elevation: float
    faa: NotRequired[str]
    iata: NotRequired[str | None]
    icao: str
    latitude: float
    longitude: float
    name: str
    subdivision: NotRequired[str]
    timezone: str


class AirportSerializerPartialData(TypedDict):
    city: NotRequired[str]
    country: NotRequired["aviation.models.Country"]
    elevation: NotRequired[float]
    faa: NotRequired[str]
    iata: NotRequired[str | None]
    icao: NotRequired[str]
    latitude: NotRequired[float]
    longitude: NotRequired[float]
    name: NotRequired[str]
    subdivision: NotRequired[str]
    timezone: NotRequired[str]


class CountrySerializerData(TypedDict):
    alpha3: str
    code: str
    id: str
    name: str


class CountrySerializerValidatedData(TypedDict):
    alpha3: str
    code: str
    name: str


class CountrySerializerPartialData(TypedDict):
    alpha3: NotRequired[str]
    code: NotRequired[str]
    name: NotRequired[str]
