"""Relation fields of the project's own."""

from __future__ import annotations

from typing import Any

from drf_commons.serializers.fields import Accept, ConfigurableRelatedFieldMixin, FlexibleField, ManyRelation
from drf_commons.types import Pk
from zoo.models import Keeper


class InitialsField(ConfigurableRelatedFieldMixin[Keeper, Pk, tuple[str, str]]):
    accepts = Accept.PK

    def represent(self, instance: Keeper) -> tuple[str, str]:
        return instance.initials


class ShownOnlyField(ConfigurableRelatedFieldMixin[Keeper, Pk, bytes]):
    def represent(self, instance: Keeper) -> bytes:
        return b""


class ManyInitialsField(ManyRelation[Keeper, Pk, tuple[str, str]]):
    one = InitialsField


class AnythingField(FlexibleField[Keeper]):
    accepts = Accept.PK | Accept.DATA


def build_field(**options: Any) -> InitialsField:
    return InitialsField(**options)
