from __future__ import annotations

from rest_framework import serializers

from drf_commons.serializers import BaseModelSerializer
from drf_commons.serializers import fields as relation
from drf_commons.serializers.fields import (
    CustomOutputField,
    DataToDataField,
    DataToIdField,
    DataToStrField,
    FlexibleField,
    IdOnlyField,
    IdToDataField,
    IdToStrField,
    ManyCustomOutputField,
    ManyDataToDataField,
    ManyDataToIdField,
    ManyFlexibleField,
    ManyIdOnlyField,
    ManyIdToDataField,
    ManyReadOnlyDataField,
    ManyReadOnlyStrField,
    ManyStrOnlyField,
    ManyStrToIdField,
    ManyWriteOnlyRelatedField,
    ReadOnlyCustomField,
    ReadOnlyDataField,
    ReadOnlyIdField,
    ReadOnlyStrField,
    StrOnlyField,
    StrToDataField,
    StrToIdField,
    WriteOnlyRelatedField,
)
from zoo.circle_one import OneSerializer
from zoo.fields import AnythingField, InitialsField, ManyInitialsField, ShownOnlyField, build_field
from zoo.models import Animal, Keeper, Species

KEEPERS = Keeper.objects.all()


class KeeperSerializer(BaseModelSerializer[Keeper]):
    class Meta:
        model = Keeper
        fields = ("id", "name")


def show_keeper(keeper: Keeper) -> tuple[str, int]:
    return keeper.name, 1


def show_species(species: Species) -> str:
    return species.name


def get_serializer() -> type[KeeperSerializer]:
    return KeeperSerializer


class Singles(BaseModelSerializer[Animal]):
    id_only = IdOnlyField(queryset=Keeper.objects.all())
    id_str = IdToStrField(queryset=KEEPERS, source="keeper")
    id_data = IdToDataField(queryset=Keeper.objects.all(), serializer=KeeperSerializer)
    keeper = IdToDataField(queryset=KEEPERS, serializer_class="zoo.cases_relations.KeeperSerializer", allow_null=True)
    called = IdToDataField(queryset=Keeper.objects.all(), serializer=get_serializer)
    inlined = IdToDataField(queryset=Keeper.objects.all(), serializer=lambda: KeeperSerializer)
    custom = CustomOutputField(queryset=Keeper.objects.all(), output=show_keeper)
    method = CustomOutputField(queryset=Keeper.objects.all(), output=Keeper.get_badge)
    unknown = CustomOutputField(queryset=Keeper.objects.all(), output=lambda keeper: keeper.age)
    written = WriteOnlyRelatedField(queryset=Keeper.objects.all())
    str_id = StrToIdField(queryset=Keeper.objects.all(), slug_field="name")
    str_only = StrOnlyField(queryset=Keeper.objects.all(), slug_field="name")
    str_data = StrToDataField(queryset=Keeper.objects.all(), slug_field="name", serializer=KeeperSerializer)
    data_id = DataToIdField(serializer=KeeperSerializer, source="keeper", allow_null=True)
    data_str = DataToStrField(serializer=KeeperSerializer)
    data_data = DataToDataField(serializer=KeeperSerializer)
    flexible = FlexibleField(queryset=Keeper.objects.all(), slug_field="name", serializer=KeeperSerializer)
    anything = AnythingField(queryset=Keeper.objects.all(), serializer=KeeperSerializer)
    by_name = IdOnlyField(queryset=Keeper.objects.all(), lookup_field="name")
    scoped = IdOnlyField(queryset=lambda context: Species.objects.all(), source="species")
    initials = InitialsField(queryset=Keeper.objects.all())
    built = build_field(queryset=Keeper.objects.all())
    aliased = relation.IdToStrField(queryset=Keeper.objects.all())

    class Meta:
        model = Animal
        fields = "__all__"


class ReadOnly(BaseModelSerializer[Animal]):
    an_id = ReadOnlyIdField(source="species")
    a_text = ReadOnlyStrField(source="species")
    some_data = ReadOnlyDataField(source="keeper", serializer=KeeperSerializer)
    shown = ReadOnlyCustomField(source="species.parent", output=show_species)
    own = ShownOnlyField(source="species")
    plain = IdOnlyField(read_only=True, source="species")

    class Meta:
        model = Animal
        fields = ("an_id", "a_text", "some_data", "shown", "own", "plain")


class Lists(BaseModelSerializer[Species]):
    ids = ManyIdOnlyField(queryset=Keeper.objects.all())
    rows = ManyIdToDataField(queryset=Keeper.objects.all(), serializer=KeeperSerializer)
    customs = ManyCustomOutputField(queryset=Keeper.objects.all(), output=show_keeper)
    written = ManyWriteOnlyRelatedField(queryset=Keeper.objects.all())
    keys = ManyStrToIdField(queryset=Keeper.objects.all(), slug_field="name")
    texts = ManyStrOnlyField(queryset=Keeper.objects.all(), slug_field="name")
    made = ManyDataToDataField(serializer=KeeperSerializer)
    made_ids = ManyDataToIdField(serializer=KeeperSerializer, source="animals")
    either = ManyFlexibleField(queryset=Keeper.objects.all(), serializer=KeeperSerializer)
    animals = ManyReadOnlyStrField()
    shown = ManyReadOnlyDataField(serializer=KeeperSerializer)
    own = ManyInitialsField(queryset=Keeper.objects.all())
    several = IdToDataField(queryset=Keeper.objects.all(), serializer=KeeperSerializer, many=True)

    class Meta:
        model = Species
        fields = "__all__"


class Wrong(serializers.Serializer[Animal]):
    nowhere = IdToDataField(queryset=Keeper.objects.all(), serializer="zoo.cases_relations.NoSerializer")  # E: names no serializer  # E: drf-reference
    bare = IdToDataField(queryset=Keeper.objects.all(), serializer="KeeperSerializer")  # E: did you mean "zoo.cases_relations.KeeperSerializer"?
    model = IdToDataField(queryset=Keeper.objects.all(), serializer="zoo.models.Keeper")  # E: "zoo.models.Keeper" names no serializer


def show_singles(animal: Animal) -> None:
    data = Singles(animal).data
    reveal_type(data["id_only"])  # R: uuid.UUID
    reveal_type(data["id_str"])  # R: str | None
    reveal_type(data["id_data"]["name"])  # R: str
    if data["keeper"]:
        reveal_type(data["keeper"]["name"])  # R: str
        data["keeper"]["age"]  # E: has no key "age"
    data["keeper"]["name"]  # E: Value of type
    reveal_type(data["called"]["name"])  # R: str
    reveal_type(data["inlined"]["name"])  # R: str
    reveal_type(data["custom"])  # R: tuple[str, int]
    reveal_type(data["method"])  # R: bytes
    reveal_type(data["unknown"])  # R: Any
    data["written"]  # E: has no key "written"
    reveal_type(data["str_id"])  # R: uuid.UUID
    reveal_type(data["str_only"])  # R: str
    reveal_type(data["str_data"]["name"])  # R: str
    reveal_type(data["data_id"])  # R: uuid.UUID | None
    reveal_type(data["data_str"])  # R: str
    reveal_type(data["data_data"]["name"])  # R: str
    reveal_type(data["flexible"]["name"])  # R: str
    reveal_type(data["anything"]["name"])  # R: str
    reveal_type(data["by_name"])  # R: str
    reveal_type(data["scoped"])  # R: int
    reveal_type(data["initials"])  # R: tuple[str, str]
    reveal_type(data["built"])  # R: tuple[str, str]
    reveal_type(data["aliased"])  # R: str


def show_values() -> None:
    valid = Singles(data={}).validated_data
    reveal_type(valid["id_only"])  # R: zoo.models.Keeper
    reveal_type(valid["id_data"])  # R: zoo.models.Keeper
    reveal_type(valid["custom"])  # R: zoo.models.Keeper
    reveal_type(valid["written"])  # R: zoo.models.Keeper
    reveal_type(valid["str_only"])  # R: zoo.models.Keeper
    reveal_type(valid["data_data"])  # R: dict[str, Any]
    reveal_type(valid["flexible"])  # R: zoo.models.Keeper
    reveal_type(valid["anything"])  # R: zoo.models.Keeper | dict[str, Any]
    reveal_type(valid["initials"])  # R: zoo.models.Keeper
    reveal_type(valid["species"])  # R: zoo.models.Species
    ReadOnly(data={}).validated_data["species"]  # E: has no key "species"
    ReadOnly(data={}).validated_data["keeper"]  # E: has no key "keeper"


def show_read_only(animal: Animal) -> None:
    data = ReadOnly(animal).data
    reveal_type(data["an_id"])  # R: int
    reveal_type(data["a_text"])  # R: str
    if data["some_data"]:
        reveal_type(data["some_data"]["name"])  # R: str
    reveal_type(data["shown"])  # R: str | None
    reveal_type(data["own"])  # R: bytes
    reveal_type(data["plain"])  # R: int


def show_lists(species: Species) -> None:
    data = Lists(species).data
    reveal_type(data["ids"])  # R: list[uuid.UUID]
    reveal_type(data["rows"][0]["name"])  # R: str
    reveal_type(data["customs"])  # R: list[tuple[str, int]]
    data["written"]  # E: has no key "written"
    reveal_type(data["keys"])  # R: list[uuid.UUID]
    reveal_type(data["texts"])  # R: list[str]
    reveal_type(data["made"][0]["name"])  # R: str
    reveal_type(data["made_ids"])  # R: list[str]
    reveal_type(data["either"][0]["name"])  # R: str
    reveal_type(data["animals"])  # R: list[str]
    if "shown" in data:
        reveal_type(data["shown"][0]["name"])  # R: str
    reveal_type(data["own"])  # R: list[tuple[str, str]]
    reveal_type(data["several"][0]["name"])  # R: str
    valid = Lists(data={}).validated_data
    reveal_type(valid["ids"])  # R: list[zoo.models.Keeper]
    reveal_type(valid["written"])  # R: list[zoo.models.Keeper]
    reveal_type(valid["made"])  # R: list[dict[str, Any]]
    reveal_type(valid["either"])  # R: list[zoo.models.Keeper]
    reveal_type(valid["own"])  # R: list[zoo.models.Keeper]
    reveal_type(valid["several"])  # R: list[zoo.models.Keeper]
    valid["shown"]  # E: has no key "shown"


def show_circle(animal: Animal) -> None:
    data = OneSerializer(animal).data
    reveal_type(data["species"]["name"])  # R: str
    reveal_type(data["species"]["animals"][0]["species"]["name"])  # R: str
    if data["species"]["parent"]:
        reveal_type(data["species"]["parent"]["animals"][0]["code"])  # R: str
