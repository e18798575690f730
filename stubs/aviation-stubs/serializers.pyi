# What checkers see of aviation.serializers; written by `manage.py generate_types --stubs`.
from __future__ import annotations
import aviation.serializers_types
from typing import ClassVar
from django.contrib.auth.models import User
from aviation.models import Airport, Country
from drf_commons.serializers import BaseModelSerializer
from drf_commons.serializers.fields import ReadOnlyStrField, StrToDataField

class CountrySerializer(BaseModelSerializer[Country, aviation.serializers_types.CountrySerializerData, aviation.serializers_types.CountrySerializerValidatedData]):
    ...

class AirportSerializer(BaseModelSerializer[Airport, aviation.serializers_types.AirportSerializerData, aviation.serializers_types.AirportSerializerValidatedData]):
    ...
