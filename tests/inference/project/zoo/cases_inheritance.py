from __future__ import annotations

from typing import Any, Generic, TypeVar

from django.db.models import Model
from rest_framework import serializers

from drf_commons.serializers import BaseModelSerializer
from zoo.models import Animal, Keeper, Species

M = TypeVar("M", bound=Model)


class CommonMeta:
    model = Animal
    fields = ["code", "coat"]


class Stamped(BaseModelSerializer[Animal]):
    stamp = serializers.SerializerMethodField()
    token = serializers.CharField(write_only=True)

    def get_stamp(self, _animal: Animal) -> tuple[int, str]:
        return (1, "")

    class Meta(CommonMeta):
        fields = ["code", "stamp", "token"]


class Longer(Stamped):
    more = serializers.IntegerField()

    class Meta(Stamped.Meta):
        fields = [*Stamped.Meta.fields, "more", "level"]


class Added(Stamped):
    class Meta(Stamped.Meta):
        fields = Stamped.Meta.fields + ["weight"]


class Removed(Stamped):
    token = None  # type: ignore[assignment]

    class Meta(Stamped.Meta):
        fields = ["code", "stamp"]


class Excluding(BaseModelSerializer[Animal]):
    class Meta:
        model = Animal
        exclude = ["photo"]


class Tuned(BaseModelSerializer[Animal]):
    class Meta:
        model = Animal
        fields = ["code", "price", "weight", "coat"]
        read_only_fields = ["price"]
        extra_kwargs = {"weight": {"write_only": True}, "coat": {"required": True}}


class Attributes(BaseModelSerializer[Animal]):
    class Meta:
        model = Animal
        fields = ("score", "nicknames", "pk")


def compute_fields() -> list[str]:
    return ["code"]


class Dynamic(BaseModelSerializer[Animal]):
    class Meta:
        model = Animal
        fields = compute_fields()


class Rendering(BaseModelSerializer[Animal]):
    class Meta:
        model = Animal
        fields = ("code",)

    def to_representation(self, instance: Animal) -> dict[str, Any]:
        return {"code": instance.code}


class Deep(BaseModelSerializer[Animal]):
    class Meta:
        model = Animal
        fields = ("code", "species")
        depth = 1


class Misspelt(BaseModelSerializer[Animal]):
    class Meta:
        model = Animal
        fields = (
            "weight",
            "cod",  # E: Field name `cod` is not valid for model `Animal`  # E: did you mean "code"?  # E: drf-meta
        )


class Forgotten(BaseModelSerializer[Animal]):
    extra = serializers.CharField()

    class Meta:  # E: The field 'extra' was declared on serializer Forgotten, but has not been included
        model = Animal
        fields = ("code",)


class Abstract(BaseModelSerializer[M], Generic[M]):
    kind = serializers.CharField(read_only=True)


class Concrete(Abstract[Keeper]):
    class Meta:
        model = Keeper
        fields = ("kind", "name")


class One(serializers.Serializer[Any]):
    first = serializers.CharField()


class Two(serializers.Serializer[Any]):
    second = serializers.IntegerField()


class Both(One, Two):
    third = serializers.BooleanField()


class Tree(BaseModelSerializer[Species]):
    parent = serializers.SerializerMethodField()

    def get_parent(self, species: Species) -> Tree.Data | None:
        return None if species.parent is None else Tree(species.parent).data

    class Meta:
        model = Species
        fields = ("name", "parent")


def show(animal: Animal, keeper: Keeper, species: Species) -> None:
    longer = Longer(animal)
    reveal_type(longer.data["stamp"])  # R: tuple[int, str]
    reveal_type(longer.data["more"])  # R: int
    reveal_type(longer.data["level"])  # R: Literal[1] | Literal[2]
    longer.data["token"]  # E: has no key "token"
    reveal_type(Longer(data={}).validated_data["token"])  # R: str
    reveal_type(longer.instance)  # R: zoo.models.Animal | None
    reveal_type(Added(animal).data["weight"])  # R: float
    Removed(data={}).validated_data["token"]  # E: has no key "token"
    reveal_type(Removed(animal).data["stamp"])  # R: tuple[int, str]
    Excluding(animal).data["photo"]  # E: has no key "photo"
    reveal_type(Excluding(animal).data["weight"])  # R: float
    Tuned(data={}).validated_data["price"]  # E: has no key "price"
    Tuned(animal).data["weight"]  # E: has no key "weight"
    reveal_type(Tuned(data={}).validated_data["weight"])  # R: float
    reveal_type(Tuned(data={}).validated_data["coat"])  # R: Literal['a'] | Literal['b'] | Literal['']
    reveal_type(Attributes(animal).data["score"])  # R: float
    reveal_type(Attributes(animal).data["nicknames"])  # R: list[str]
    reveal_type(Attributes(animal).data["pk"])  # R: str
    reveal_type(Dynamic(animal).data)  # R: dict[str, Any]
    reveal_type(Dynamic(data={}).validated_data)  # R: dict[str, Any]
    reveal_type(Rendering(animal).data)  # R: dict[str, Any]
    reveal_type(Deep(animal).data)  # R: dict[str, Any]
    reveal_type(Misspelt(animal).data)  # R: dict[str, Any]
    reveal_type(Concrete(keeper).data["name"])  # R: str
    reveal_type(Concrete(keeper).data.get("kind"))  # R: str | None
    reveal_type(Both(keeper).data["first"])  # R: str
    reveal_type(Both(keeper).data["second"])  # R: int
    reveal_type(Both(keeper).data["third"])  # R: bool
    tree = Tree(species).data
    if tree["parent"] and tree["parent"]["parent"]:
        reveal_type(tree["parent"]["parent"]["name"])  # R: str


def show_local(animal: Animal) -> None:
    class Local(BaseModelSerializer[Animal]):
        class Meta:
            model = Animal
            fields = ("code",)

    reveal_type(Local(animal).data["code"])  # R: str
