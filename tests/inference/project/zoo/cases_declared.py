from __future__ import annotations

import uuid
from typing import Any

from rest_framework import serializers
from typing_extensions import TypedDict

from zoo.models import Animal, Keeper, Level, Species


class SpeciesSerializer(serializers.ModelSerializer[Species]):
    class Meta:
        model = Species
        fields = ("id", "name")


class Complex(serializers.Field[complex, str, bytes, Any]):
    """A field of the project's own."""


def build_complex(_size: int) -> Complex:
    return Complex()


class Declared(serializers.Serializer[Animal]):
    own = Complex()
    built = build_complex(1)
    slug = serializers.SlugRelatedField(slug_field="name", queryset=Species.objects.all())
    text: Any = serializers.StringRelatedField()
    keys = serializers.PrimaryKeyRelatedField(queryset=Keeper.objects.all(), many=True)
    matrix = serializers.ListField(child=serializers.DictField(child=serializers.FloatField()))
    rows: Any = serializers.ListSerializer(child=SpeciesSerializer())
    letter = serializers.ChoiceField(choices=["x", "y"])
    number = serializers.ChoiceField(choices=[(1, "one"), (2, "two")], allow_null=True)
    grouped = serializers.ChoiceField(choices=[("Group", [("g", "G")]), ("h", "H")])
    enum = serializers.ChoiceField(choices=Level.choices)
    several = serializers.MultipleChoiceField(choices=["p", "q"])
    dotted = serializers.CharField(source="species.name")
    hidden = serializers.HiddenField(default="z")
    nested = SpeciesSerializer(required=False, allow_null=True)
    computed = serializers.SerializerMethodField(method_name="compute")
    untyped = serializers.SerializerMethodField()
    amount = serializers.DecimalField(max_digits=3, decimal_places=1)
    exact = serializers.DecimalField(max_digits=3, decimal_places=1, coerce_to_string=False)
    when = serializers.DateTimeField(required=False)
    day = serializers.DateField()
    blob = serializers.JSONField()
    ratio = serializers.FloatField(default=1.5)
    identity = serializers.UUIDField()
    secret = serializers.CharField(write_only=True)
    shown = serializers.IntegerField(read_only=True)
    link = serializers.HyperlinkedIdentityField(view_name="animal-detail")
    email = serializers.EmailField(allow_null=True)
    flag = serializers.BooleanField()
    names = serializers.ListField(child=serializers.CharField(), required=False)

    def compute(self, _animal: Animal) -> dict[str, int]:
        return {}

    def get_untyped(self, _animal):  # type: ignore[no-untyped-def]
        return 1


class Named(serializers.Serializer[Animal]):
    source = serializers.CharField()
    label = serializers.CharField()
    parent = serializers.IntegerField()


class Optional(serializers.Serializer[Animal]):
    absent = serializers.CharField(required=False)


def show_output(animal: Animal) -> None:
    data = Declared(animal).data
    reveal_type(data["own"])  # R: bytes
    reveal_type(data["built"])  # R: bytes
    reveal_type(data["slug"])  # R: str
    reveal_type(data["text"])  # R: str
    reveal_type(data["keys"])  # R: list[uuid.UUID]
    reveal_type(data["matrix"])  # R: list[dict[str, float]]
    reveal_type(data["rows"][0]["name"])  # R: str
    reveal_type(data["letter"])  # R: Literal['x'] | Literal['y']
    reveal_type(data["number"])  # R: Literal[1] | Literal[2] | None
    reveal_type(data["grouped"])  # R: Literal['g'] | Literal['h']
    reveal_type(data["enum"])  # R: int
    reveal_type(data["several"])  # R: set[Literal['p'] | Literal['q']]
    reveal_type(data["dotted"])  # R: str
    data["hidden"]  # E: has no key "hidden"
    data["secret"]  # E: has no key "secret"
    if data["nested"]:
        reveal_type(data["nested"]["name"])  # R: str
    reveal_type(data["computed"])  # R: dict[str, int]
    reveal_type(data["untyped"])  # R: Any
    reveal_type(data["amount"])  # R: str
    reveal_type(data["exact"])  # R: decimal.Decimal
    reveal_type(data["blob"])  # R: Any
    reveal_type(data["ratio"])  # R: float
    reveal_type(data["identity"])  # R: str
    reveal_type(data.get("shown"))  # R: int | None
    reveal_type(data["link"])  # R: rest_framework.relations.Hyperlink
    reveal_type(data["email"])  # R: str | None
    reveal_type(data["flag"])  # R: bool
    reveal_type(data["day"])  # R: str
    reveal_type(data.get("names"))  # R: list[str] | None
    reveal_type(Named(animal).data["source"])  # R: str
    reveal_type(Named(animal).data["label"])  # R: str
    reveal_type(Named(animal).data["parent"])  # R: int
    reveal_type(Optional(animal).data.get("absent"))  # R: str | None


def show_validated() -> None:
    valid = Declared(data={}).validated_data
    reveal_type(valid["own"])  # R: complex
    reveal_type(valid["slug"])  # R: zoo.models.Species
    reveal_type(valid["keys"])  # R: list[zoo.models.Keeper]
    reveal_type(valid["matrix"])  # R: list[dict[str, float]]
    reveal_type(valid["letter"])  # R: Literal['x'] | Literal['y']
    reveal_type(valid["several"])  # R: set[Literal['p'] | Literal['q']]
    reveal_type(valid["species"])  # R: dict[str, Any]
    reveal_type(valid["hidden"])  # R: Any
    reveal_type(valid["amount"])  # R: decimal.Decimal
    reveal_type(valid.get("when"))  # R: datetime.datetime | None
    reveal_type(valid["day"])  # R: datetime.date
    reveal_type(valid["ratio"])  # R: float
    reveal_type(valid["identity"])  # R: uuid.UUID
    reveal_type(valid["secret"])  # R: str
    valid["shown"]  # E: has no key "shown"
    valid["computed"]  # E: has no key "computed"
    valid["text"]  # E: has no key "text"
    valid["link"]  # E: has no key "link"
    partial = Declared(data={}, partial=True).validated_data
    reveal_type(partial.get("letter"))  # R: Literal['x'] | Literal['y'] | None


class Shape(TypedDict):
    id: int
    name: str


def use_shapes(species: Species, key: str) -> None:
    good: SpeciesSerializer.Data = {"id": 1, "name": "lion"}
    wrong: SpeciesSerializer.Data = {"id": 1, "name": 2}  # E: Incompatible types
    short: SpeciesSerializer.Data = {"id": 1}  # E: Missing key "name"
    built = SpeciesSerializer.Data(id=1, name="lion")
    reveal_type(built["id"])  # R: int
    same: Shape = SpeciesSerializer(species).data
    loose: dict[str, Any] = SpeciesSerializer(species).data
    more: dict[str, Any] = {**SpeciesSerializer(species).data, "more": 1}
    SpeciesSerializer(species).data[key]  # E: must be a string literal
    SpeciesSerializer(1)  # E: incompatible type "int"


def use_lists(species: list[Species]) -> None:
    serializer = SpeciesSerializer(species, many=True)
    reveal_type(serializer.data[0]["name"])  # R: str
    for row in serializer.data:
        row["bad"]  # E: has no key "bad"
    reveal_type(SpeciesSerializer(data=[], many=True).validated_data[0]["name"])  # R: str
    reveal_type(SpeciesSerializer(Species.objects.all(), many=True).data[0]["id"])  # R: int
