from __future__ import annotations

from typing import Any, NotRequired

from rest_framework import serializers
from typing_extensions import TypedDict

from drf_commons.conf import CommonSettingsDict
from drf_commons.serializers import BaseListSerializer, BaseModelSerializer, BaseSerializer
from zoo.circle_one import OneSerializer
from zoo.models import Keeper, Species


class KeeperData(TypedDict):
    id: str
    name: str


class KeeperValidated(TypedDict):
    id: NotRequired[Any]
    name: str


class Outdated(TypedDict):
    id: int
    nickname: str


class Exact(BaseModelSerializer[Keeper, KeeperData, KeeperValidated]):
    class Meta:
        model = Keeper
        fields = ("id", "name")


class Stale(BaseModelSerializer[Keeper, Outdated, dict[str, Any]]):  # E: "Outdated" has no key "name", which "Stale.Data" has: add name: str  # E: Key "id" of "Outdated" is "int", and in "Stale.Data" it is "str"  # E: "Outdated" has the key "nickname", which "Stale.Data" has not: remove it  # E: drf-shape
    class Meta:
        model = Keeper
        fields = ("id", "name")


class SometimesThere(TypedDict):
    absent: str


class Sometimes(BaseSerializer[Keeper, SometimesThere]):  # E: Key "absent" of "SometimesThere" is not always there in "Sometimes.Data": make it NotRequired
    absent = serializers.CharField(required=False)


class Loose(BaseModelSerializer[Keeper, dict[str, Any], dict[str, Any]]):
    class Meta:
        model = Keeper
        fields = ("id", "name")


class Quote(BaseSerializer[dict[str, str]]):
    text = serializers.CharField()
    length = serializers.SerializerMethodField()

    def get_length(self, quote: dict[str, str]) -> int:
        return len(quote["text"])


class Book(BaseSerializer[Any]):
    quotes = Quote(many=True)
    first = Quote(required=False)


class SpeciesSerializer(BaseModelSerializer[Species]):
    class Meta:
        model = Species
        fields = ("id", "name")


class Extended(OneSerializer.Data):
    more: bool


COMMON: CommonSettingsDict = {
    "BULK_MAX_ITEMS": "many",  # E: Incompatible types
    "IMPORT_BATCH_SIZE": 10,
}
UNKNOWN: CommonSettingsDict = {"BULK_MAX_ITEM": 1}  # E: Extra key "BULK_MAX_ITEM"


def show(keeper: Keeper, species: Species) -> None:
    reveal_type(Exact(keeper).data["name"])  # R: str
    Exact(keeper).data["age"]  # E: "KeeperData" has no key "age"
    reveal_type(Exact(data={}).validated_data["name"])  # R: str
    reveal_type(Exact([keeper], many=True).data[0]["id"])  # R: str
    reveal_type(Stale(keeper).data["nickname"])  # R: str
    reveal_type(Loose(keeper).data)  # R: dict[str, Any]
    reveal_type(Quote({"text": ""}).data["text"])  # R: str
    reveal_type(Quote({"text": ""}).data["length"])  # R: int
    reveal_type(Quote({"text": ""}).instance)  # R: dict[str, str] | None
    reveal_type(Quote(data={}).validated_data["text"])  # R: str
    reveal_type(Quote(data={}).save())  # R: dict[str, str]
    reveal_type(Book(1).data["quotes"][0]["length"])  # R: int
    reveal_type(Book(data={}).validated_data["quotes"][0]["text"])  # R: str
    many = SpeciesSerializer([species], many=True, max_length=3, allow_empty=False)
    reveal_type(many.data[0]["name"])  # R: str
    reveal_type(many.save()[0])  # R: zoo.models.Species
    reveal_type(SpeciesSerializer.for_many([species]).data[0]["id"])  # R: int
    rows: BaseListSerializer[Species, SpeciesSerializer.Data, SpeciesSerializer.ValidatedData] = many
    SpeciesSerializer(species, many=True)  # E: incompatible type "Species"
    SpeciesSerializer([species])  # E: incompatible type "list[Species]"
    extended: Extended = {**OneSerializer(1).data, "more": True}  # E: incompatible type "int"
    reveal_type(extended["code"])  # R: str
    for row in many.data:
        reveal_type(row["id"])  # R: int
