# What checkers see of aviation.serializers; written by `manage.py generate_types --stubs`.
# The data of a serializer that extends another one has another shape.
# mypy: disable-error-code="override"
from __future__ import annotations
import aviation.serializers_types
from typing import Any, ClassVar
from django.contrib.auth.models import User
from rest_framework.exceptions import ValidationError
from typing_extensions import override
from aviation.models import Airline, Airport, Country, Route
from drf_commons.serializers import BaseModelSerializer
from drf_commons.serializers.fields import FlexibleField, ReadOnlyStrField, StrOnlyField, StrToDataField

class CountrySerializer(BaseModelSerializer[Country, aviation.serializers_types.CountrySerializerData, aviation.serializers_types.CountrySerializerValidatedData]):
    ...

class AirportSerializer(BaseModelSerializer[Airport, aviation.serializers_types.AirportSerializerData, aviation.serializers_types.AirportSerializerValidatedData]):
    ...

class AirportSummarySerializer(BaseModelSerializer[Airport, aviation.serializers_types.AirportSummarySerializerData, aviation.serializers_types.AirportSummarySerializerValidatedData]):
    ...

class AirlineRouteSerializer(BaseModelSerializer[Route, aviation.serializers_types.AirlineRouteSerializerData, aviation.serializers_types.AirlineRouteSerializerValidatedData]):

    @override
    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        ...

class RouteSerializer(AirlineRouteSerializer):

    @property
    def data(self) -> aviation.serializers_types.RouteSerializerData:
        ...

    @property
    def validated_data(self) -> aviation.serializers_types.RouteSerializerValidatedData:
        ...

class AirlineSerializer(BaseModelSerializer[Airline, aviation.serializers_types.AirlineSerializerData, aviation.serializers_types.AirlineSerializerValidatedData]):
    ...
