from __future__ import annotations

from rest_framework import serializers

from drf_commons.serializers import BaseModelSerializer
from zoo.models import Animal, Keeper, Species


class KeeperSerializer(BaseModelSerializer[Keeper]):
    class Meta:
        model = Keeper
        fields = ("id", "name", "age", "initials")


class AnimalSerializer(BaseModelSerializer[Animal]):
    keeper = KeeperSerializer(read_only=True)

    class Meta:
        model = Animal
        fields = "__all__"


class PlainSpecies(serializers.ModelSerializer[Species]):
    class Meta:
        model = Species
        fields = ("id", "name", "diet", "parent", "animals")


def show(animal: Animal, keeper: Keeper, species: Species) -> None:
    data = AnimalSerializer(animal).data
    reveal_type(data["code"])  # R: str
    reveal_type(data["species"])  # R: int
    if data["keeper"]:
        reveal_type(data["keeper"]["name"])  # R: str
    reveal_type(data["friends"])  # R: list[str]
    reveal_type(data["weight"])  # R: float
    reveal_type(data["price"])  # R: str | None
    reveal_type(data["born"])  # R: str | None
    reveal_type(data["seen"])  # R: str
    reveal_type(data["fed_at"])  # R: str
    reveal_type(data["naps"])  # R: str
    reveal_type(data["chip"])  # R: str
    reveal_type(data["photo"])  # R: str | None
    reveal_type(data["notes"])  # R: Any
    reveal_type(data["tame"])  # R: bool | None
    reveal_type(data["level"])  # R: Literal[1] | Literal[2]
    reveal_type(data["coat"])  # R: Literal['a'] | Literal['b'] | Literal['']
    reveal_type(data["website"])  # R: str
    reveal_type(data["created"])  # R: str
    data["nope"]  # E: has no key "nope"
    reveal_type(KeeperSerializer(keeper).data["initials"])  # R: tuple[str, str]
    reveal_type(KeeperSerializer(keeper).data["id"])  # R: str
    reveal_type(KeeperSerializer(keeper, many=True).data[0]["name"])  # R: str  # E: incompatible type "Keeper"
    reveal_type(PlainSpecies(species).data["diet"])  # R: Literal['meat'] | Literal['plants']
    reveal_type(PlainSpecies(species).data["animals"])  # R: list[str]
    reveal_type(PlainSpecies(species).data["parent"])  # R: int | None
    reveal_type(PlainSpecies([species], many=True).data[0]["name"])  # R: str
    raw: dict[str, object] = PlainSpecies(species).data
