"""Serializers as projects have them: what cannot be told stays open, and nothing that runs is an error."""

from __future__ import annotations

import decimal
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Generic, TypeVar, cast

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db.models import Model
from rest_framework import serializers
from rest_framework.relations import Hyperlink
from typing_extensions import TypedDict, override

from drf_commons.serializers import BaseModelSerializer
from zoo.models import Animal, Keeper, Species

M = TypeVar("M", bound=Model)
T = TypeVar("T")
UserModel = get_user_model()
SHORT = False


# What is written


class Login(serializers.Serializer[Any]):
    name = serializers.CharField()
    code = serializers.CharField()
    password = serializers.CharField(write_only=True)
    repeated = serializers.CharField(write_only=True)
    age = serializers.IntegerField(required=False)

    def validate_code(self, value: str) -> decimal.Decimal:
        return decimal.Decimal(value)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        if attrs["password"] != attrs.pop("repeated") or "name" not in attrs:
            raise serializers.ValidationError("no")
        attrs["user"] = User(username=attrs["name"])
        del attrs["password"]
        return attrs


class LateLogin(Login):
    later = serializers.BooleanField()


class Reading(serializers.Serializer[Any]):
    name = serializers.CharField()

    @override
    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        Keeper(**attrs).full_clean()
        for key, value in attrs.items():
            assert key, value
        return attrs


class Replacing(serializers.Serializer[Any]):
    name = serializers.CharField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return {**attrs, "owner": 1}


class Handing(serializers.Serializer[Any]):
    name = serializers.CharField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        complete(attrs)
        return attrs


class Parsing(serializers.Serializer[Any]):
    name = serializers.CharField()

    def to_internal_value(self, data: Any) -> Any:
        return {**super().to_internal_value(data), "extra": 1}


class Unchecked(serializers.Serializer[Any]):
    name = serializers.CharField()

    def validate_name(self, value):  # type: ignore[no-untyped-def]
        return value


def complete(attrs: dict[str, Any]) -> None:
    attrs["owner"] = 1


def show_validated() -> None:
    valid = Login(data={}).validated_data
    reveal_type(valid["code"])  # R: decimal.Decimal
    reveal_type(valid["user"])  # R: Any
    reveal_type(valid.get("password"))  # R: str | None
    reveal_type(valid.get("age"))  # R: int | None
    reveal_type(valid.pop("name"))  # R: str
    reveal_type(valid.pop("age", None))  # R: int | None
    del valid["code"]
    valid.pop("nane")  # E: has no key "nane"
    reveal_type(LateLogin(data={}).validated_data["user"])  # R: Any
    reveal_type(LateLogin(data={}).validated_data["later"])  # R: bool
    Reading(data={}).validated_data["owner"]  # E: has no key "owner"
    reveal_type(Replacing(data={}).validated_data)  # R: dict[str, Any]
    reveal_type(Replacing({}).data["name"])  # R: str
    reveal_type(Handing(data={}).validated_data)  # R: dict[str, Any]
    reveal_type(Parsing(data={}).validated_data)  # R: dict[str, Any]
    reveal_type(Parsing(data={}, partial=True).validated_data)  # R: dict[str, Any]
    reveal_type(Unchecked(data={}).validated_data["name"])  # R: Any


# What is rendered


class Money(serializers.DecimalField):
    @override
    def to_representation(self, value: decimal.Decimal) -> dict[str, str]:  # type: ignore[override]
        return {"amount": str(value)}


class Kind(serializers.ChoiceField):
    def to_representation(self, value: Any) -> tuple[str, str]:  # type: ignore[override]
        return (str(value), "")

    def to_internal_value(self, data):  # type: ignore[no-untyped-def]
        return data


class Wrapped(serializers.Field[T, Any, dict[str, T], Any], Generic[T]):
    def to_representation(self, value: T) -> dict[str, T]:
        return {"value": value}


class Payload(TypedDict):
    code: str
    extra: int


class Fields(serializers.Serializer[Animal]):
    price = Money(max_digits=3, decimal_places=1)
    kind = Kind(choices=["a", "b"])
    wrapped = Wrapped[int]()
    chosen = serializers.IntegerField() if SHORT else serializers.CharField()


class Plain(serializers.Serializer[Animal]):
    price = Money(max_digits=3, decimal_places=1)
    kind = Kind(choices=["a", "b"])
    wrapped = Wrapped[int]()
    told = cast("Any", serializers.CharField())
    day = serializers.DateTimeField(format=None)
    year = serializers.DateField(format="%Y")
    number = serializers.UUIDField(format="int")
    path = serializers.FilePathField("/tmp")
    data = serializers.JSONField()
    big = serializers.BigIntegerField(coerce_to_string=True)
    if SHORT:
        short = serializers.CharField()


class Formats(serializers.Serializer[Animal]):
    price = Money(max_digits=3, decimal_places=1)
    kind = Kind(choices=["a", "b"])
    wrapped = Wrapped[int]()
    told = cast("Any", serializers.CharField())
    day = serializers.DateTimeField(format=None)
    year = serializers.DateField(format="%Y")
    number = serializers.UUIDField(format="int")
    path = serializers.FilePathField("/tmp")
    data = serializers.JSONField()
    big = serializers.BigIntegerField(coerce_to_string=True)


class Annotated(serializers.Serializer[Animal]):
    code = serializers.CharField()

    @override
    def to_representation(self, instance: Animal) -> Payload:  # type: ignore[override]
        return {"code": instance.code, "extra": 1}


class Named(serializers.Serializer[Species]):
    name = serializers.CharField()

    def to_representation(self, instance: Species) -> str:  # type: ignore[override]
        return instance.name


class Untold(serializers.Serializer[Species]):
    name = serializers.CharField()

    def to_representation(self, instance):  # type: ignore[no-untyped-def]
        return instance.name


class Ordered(serializers.Serializer[Species]):
    name = serializers.CharField()

    def to_representation(self, instance: Species) -> OrderedDict[str, Any]:
        return OrderedDict()


class Itself(serializers.Serializer[Species]):
    name = serializers.CharField()

    def to_representation(self, instance: Species) -> Itself.Data:
        return {"name": instance.name}


class Bare(serializers.BaseSerializer[Keeper]):
    def to_representation(self, instance: Keeper) -> list[int]:
        return [1]


class Nesting(BaseModelSerializer[Animal]):
    species = Named(read_only=True)
    untold = Untold(source="species")
    keeper = Bare(read_only=True)

    class Meta:
        model = Animal
        fields = ("species", "untold", "keeper")


def show_rendered(animal: Animal, species: Species) -> None:
    reveal_type(Fields(animal).data)  # R: dict[str, Any]
    reveal_type(Plain(animal).data)  # R: dict[str, Any]
    data = Formats(animal).data
    reveal_type(data["price"])  # R: dict[str, str]
    reveal_type(data["kind"])  # R: tuple[str, str]
    reveal_type(data["wrapped"])  # R: dict[str, int]
    reveal_type(data["told"])  # R: str
    reveal_type(data["day"])  # R: datetime.datetime
    reveal_type(data["year"])  # R: str
    reveal_type(data["number"])  # R: int
    reveal_type(data["path"])  # R: str
    reveal_type(data["data"])  # R: Any
    reveal_type(data["big"])  # R: str
    valid = Formats(data={}).validated_data
    reveal_type(valid["price"])  # R: decimal.Decimal
    reveal_type(valid["kind"])  # R: Any
    reveal_type(valid["big"])  # R: int
    reveal_type(Annotated(animal).data["extra"])  # R: int
    reveal_type(Annotated(data={}).validated_data["code"])  # R: str
    reveal_type(Ordered(species).data)  # R: dict[str, Any]
    reveal_type(Itself(species).data["name"])  # R: str
    nesting = Nesting(animal).data
    reveal_type(nesting["species"])  # R: str
    reveal_type(nesting["untold"])  # R: Any
    reveal_type(nesting["keeper"])  # R: list[int] | None


# What Meta says


class ByCall(serializers.ModelSerializer[User]):
    class Meta:
        model = get_user_model()
        fields = ("id", "username")


class ByVariable(serializers.ModelSerializer[User]):
    class Meta:
        model = UserModel
        fields = ("id", "username", "no_field_of_this_model")


class Base(BaseModelSerializer[M], Generic[M]):
    stamp = serializers.SerializerMethodField()

    def get_stamp(self, _row: M) -> int:
        return 1

    class Meta:
        fields = ["stamp"]
        extra_kwargs: Mapping[str, Any] = {"name": {"read_only": True}}


class OfKeeper(Base[Keeper]):
    class Meta(Base.Meta):
        model = Keeper
        fields = [*Base.Meta.fields, "name", "age"]
        extra_kwargs = {**Base.Meta.extra_kwargs, "age": {"help_text": str(1)}}


class WithoutFields(BaseModelSerializer[Keeper]):
    class Meta:
        model = Keeper


class WithFields(WithoutFields):
    class Meta(WithoutFields.Meta):
        fields = ("name",)


class Growing(BaseModelSerializer[Keeper]):
    class Meta:
        model = Keeper
        fields = ["name"]
        fields += ["age"]


class Varying(BaseModelSerializer[Keeper]):
    class Meta:
        model = Keeper
        if SHORT:
            fields = ["name"]
        else:
            fields = ["name", "age"]


class Flagged(BaseModelSerializer[Keeper]):
    class Meta:
        model = Keeper
        fields = ["name"]
        extra_kwargs = {"name": {"read_only": SHORT}}


class Foreign(BaseModelSerializer[Keeper]):
    Meta = OfKeeper.Meta


class Links(serializers.HyperlinkedModelSerializer[Animal]):
    class Meta:
        model = Animal
        fields = ["url", "species", "friends", "keeper"]


class OwnRelations(serializers.ModelSerializer[Animal]):
    serializer_related_field = serializers.StringRelatedField

    class Meta:
        model = Animal
        fields = ["species"]


class Rows(serializers.ListSerializer[Keeper]):
    def count(self) -> int:
        return 1


class WithRows(BaseModelSerializer[Keeper]):
    class Meta:
        model = Keeper
        fields = ("name",)
        list_serializer_class = Rows


def show_meta(user: User, keeper: Keeper, animal: Animal) -> None:
    reveal_type(ByCall(user).data["username"])  # R: str
    reveal_type(ByVariable(user).data)  # R: dict[str, Any]
    reveal_type(OfKeeper(keeper).data["stamp"])  # R: int
    reveal_type(OfKeeper(keeper).data["name"])  # R: str
    OfKeeper(data={}).validated_data["name"]  # E: has no key "name"
    reveal_type(OfKeeper(data={}).validated_data.get("age"))  # R: int | None
    reveal_type(WithoutFields(keeper).data)  # R: dict[str, Any]
    reveal_type(WithFields(keeper).data["name"])  # R: str
    reveal_type(Growing(keeper).data)  # R: dict[str, Any]
    reveal_type(Varying(keeper).data)  # R: dict[str, Any]
    reveal_type(Flagged(keeper).data)  # R: dict[str, Any]
    reveal_type(Foreign(keeper).data)  # R: dict[str, Any]
    link: Hyperlink = Links(animal).data["species"]
    reveal_type(Links(animal).data["url"])  # R: rest_framework.relations.Hyperlink
    reveal_type(Links(animal).data["friends"])  # R: list[rest_framework.relations.Hyperlink]
    reveal_type(Links(animal).data["keeper"])  # R: rest_framework.relations.Hyperlink | None
    reveal_type(Links(data={}).validated_data["species"])  # R: zoo.models.Species
    reveal_type(OwnRelations(animal).data)  # R: dict[str, Any]
    reveal_type(WithRows([keeper], many=True).count())  # R: int
    reveal_type(WithRows([keeper], many=True).data[0]["name"])  # R: str


# What methods do to fields


class Adding(BaseModelSerializer[Keeper]):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["extra"] = serializers.CharField()

    class Meta:
        model = Keeper
        fields = ("name",)


class AddingMore(Adding):
    more = serializers.CharField()

    class Meta(Adding.Meta):
        fields = (*Adding.Meta.fields, "more")  # type: ignore[assignment]


class Chosen(BaseModelSerializer[Keeper]):
    def __init__(self, *args: Any, only: list[str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in set(self.fields) - set(only or ()):
            self.fields.pop(name)

    class Meta:
        model = Keeper
        fields = ("name", "age")


class Loosened(BaseModelSerializer[Keeper]):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.read_only = True

    class Meta:
        model = Keeper
        fields = ("name",)


class Scoped(BaseModelSerializer[Animal]):
    keeper = serializers.PrimaryKeyRelatedField(queryset=Keeper.objects.all())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["keeper"].queryset = Keeper.objects.filter(age=1)  # type: ignore[attr-defined]

    class Meta:
        model = Animal
        fields = ("keeper",)


def show_methods(keeper: Keeper) -> None:
    reveal_type(Adding(keeper).data)  # R: dict[str, Any]
    reveal_type(AddingMore(keeper).data)  # R: dict[str, Any]
    reveal_type(Chosen(keeper, only=["name"]).data.get("name"))  # R: str | None
    Chosen(keeper).data["nane"]  # E: has no key "nane"
    reveal_type(Loosened(data={}).validated_data)  # R: dict[str, Any]
    reveal_type(Scoped(data={}).validated_data["keeper"])  # R: zoo.models.Keeper
