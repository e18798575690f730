"""What the serializers of aviation.serializers give and take; written by ``manage.py generate_types``."""

import aviation.models
from typing import NotRequired, TypedDict

__all__ = [
    "AirlineRouteSerializerData",
    "AirlineRouteSerializerPartialData",
    "AirlineRouteSerializerValidatedData",
    "AirlineSerializerData",
    "AirlineSerializerPartialData",
    "AirlineSerializerValidatedData",
    "AirportSerializerData",
    "AirportSerializerPartialData",
    "AirportSerializerValidatedData",
    "AirportSummarySerializerData",
    "AirportSummarySerializerPartialData",
    "AirportSummarySerializerValidatedData",
    "CountrySerializerData",
    "CountrySerializerPartialData",
    "CountrySerializerValidatedData",
    "RouteSerializerData",
    "RouteSerializerPartialData",
    "RouteSerializerValidatedData",
]


class AirlineRouteSerializerData(TypedDict):
    destination: "AirportSummarySerializerData"
    id: str
    origin: "AirportSummarySerializerData"
    weekly_flights: int


class AirlineRouteSerializerValidatedData(TypedDict):
    destination: "aviation.models.Airport"
    origin: "aviation.models.Airport"
    weekly_flights: NotRequired[int]


class AirlineRouteSerializerPartialData(TypedDict):
    destination: NotRequired["aviation.models.Airport"]
    origin: NotRequired["aviation.models.Airport"]
    weekly_flights: NotRequired[int]


class AirlineSerializerData(TypedDict):
    code: str
    country: "CountrySerializerData"
    hub: "AirportSummarySerializerData"
    id: str
    name: str
    routes: "list[AirlineRouteSerializerData]"
    version: int


class AirlineSerializerValidatedData(TypedDict):
    code: str
    country: "aviation.models.Country"
    hub: "aviation.models.Airport"
    name: str
    routes: NotRequired["list[AirlineRouteSerializerValidatedData]"]


class AirlineSerializerPartialData(TypedDict):
    code: NotRequired[str]
    country: NotRequired["aviation.models.Country"]
    hub: NotRequired["aviation.models.Airport"]
    name: NotRequired[str]
    routes: NotRequired["list[AirlineRouteSerializerValidatedData]"]


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


class AirportSummarySerializerData(TypedDict):
    city: str
    iata: str | None
    icao: str
    name: str


class AirportSummarySerializerValidatedData(TypedDict):
    city: NotRequired[str]
    iata: NotRequired[str | None]
    icao: str
    name: str


class AirportSummarySerializerPartialData(TypedDict):
    city: NotRequired[str]
    iata: NotRequired[str | None]
    icao: NotRequired[str]
    name: NotRequired[str]


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


class RouteSerializerData(TypedDict):
    airline: str
    destination: "AirportSummarySerializerData"
    id: str
    origin: "AirportSummarySerializerData"
    weekly_flights: int


class RouteSerializerValidatedData(TypedDict):
    airline: "aviation.models.Airline"
    destination: "aviation.models.Airport"
    origin: "aviation.models.Airport"
    weekly_flights: NotRequired[int]


class RouteSerializerPartialData(TypedDict):
    airline: NotRequired["aviation.models.Airline"]
    destination: NotRequired["aviation.models.Airport"]
    origin: NotRequired["aviation.models.Airport"]
    weekly_flights: NotRequired[int]
