"""The other half of the circle."""

from __future__ import annotations

from drf_commons.serializers import BaseModelSerializer
from drf_commons.serializers.fields import ManyReadOnlyDataField, ReadOnlyDataField
from zoo.circle_one import OneSerializer
from zoo.models import Species


class TwoSerializer(BaseModelSerializer[Species]):
    animals = ManyReadOnlyDataField(serializer=OneSerializer)
    parent = ReadOnlyDataField(serializer="zoo.circle_two.TwoSerializer")

    class Meta:
        model = Species
        fields = ("name", "animals", "parent")
