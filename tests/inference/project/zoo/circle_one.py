"""One half of a circle of imports; the other half is only imported for checking."""

from __future__ import annotations

from drf_commons.serializers import BaseModelSerializer
from drf_commons.serializers.fields import IdToDataField
from zoo.models import Animal, Species


class OneSerializer(BaseModelSerializer[Animal]):
    species = IdToDataField(queryset=Species.objects.all(), serializer="zoo.circle_two.TwoSerializer")

    class Meta:
        model = Animal
        fields = ("code", "species")
