from __future__ import annotations

from typing import Any

from django.db.models import Count, F, Max, QuerySet
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ModelViewSet

from drf_commons.response import success_response
from drf_commons.serializers import BaseModelSerializer
from drf_commons.services import ExportColumn, ForeignKeyLookup, ImportConfig, ManyToManyLookup, ModelStep
from drf_commons.views import BaseViewSet
from zoo.models import Animal, Species


class SpeciesSerializer(BaseModelSerializer[Species]):
    class Meta:
        model = Species
        fields = ("id", "name")


class AnimalSerializer(BaseModelSerializer[Animal]):
    class Meta:
        model = Animal
        fields = ("code", "species")


class SpeciesViewSet(BaseViewSet[Species]):
    queryset = Species.objects.all()
    serializer_class = SpeciesSerializer

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        serializer = self.get_serializer(data=request.data)
        reveal_type(serializer.validated_data["name"])  # R: str
        many = self.get_serializer(self.get_queryset(), many=True)
        reveal_type(many.data[0]["name"])  # R: str
        partial = self.get_serializer(data=request.data, partial=True)
        reveal_type(partial.validated_data.get("name"))  # R: str | None
        reveal_type(self.get_object())  # R: zoo.models.Species
        reveal_type(self.get_queryset())  # R: django.db.models.query.QuerySet[zoo.models.Species, zoo.models.Species]
        response = success_response(serializer.data)
        reveal_type(response.data["data"]["name"])  # R: str
        return response

    def perform_create(self, serializer: serializers.BaseSerializer[Species]) -> None:
        reveal_type(serializer.save())  # R: zoo.models.Species


class Inherited(SpeciesViewSet):
    def ping(self) -> None:
        reveal_type(self.get_serializer().data["name"])  # R: str


class Choosing(BaseViewSet[Species]):
    queryset = Species.objects.all()
    serializer_class = SpeciesSerializer

    def get_serializer_class(self) -> type[serializers.BaseSerializer[Species]]:
        return SpeciesSerializer

    def ping(self) -> None:
        reveal_type(self.get_serializer())  # R: rest_framework.serializers.BaseSerializer[zoo.models.Species]


class Plain(ModelViewSet[Species]):
    queryset = Species.objects.all()
    serializer_class = SpeciesSerializer

    def ping(self) -> None:
        reveal_type(self.get_serializer().data["name"])  # R: str


class WrongQuerySet(BaseViewSet[Species]):
    queryset = Animal.objects.all()  # E: Incompatible types in assignment  # E: queryset has rows of "Animal", and "WrongQuerySet" is of "Species": use Species.objects  # E: drf-view-model


class WrongSerializer(BaseViewSet[Species]):
    serializer_class = AnimalSerializer  # E: Incompatible types in assignment  # E: "AnimalSerializer" is of "Animal", and "WrongSerializer" is of "Species": name a serializer of "Species"


class Unparameterised(BaseViewSet):
    queryset = Species.objects.filter(name="lion")
    serializer_class = AnimalSerializer  # E: "AnimalSerializer" is of "Animal", and "Unparameterised" is of "Species"


class PlainMismatch(ModelViewSet[Any]):
    queryset = Animal.objects.all()
    serializer_class = SpeciesSerializer  # E: "SpeciesSerializer" is of "Species", and "PlainMismatch" is of "Animal"


class Configured(BaseViewSet[Animal]):
    queryset = Animal.objects.all()
    serializer_class = AnimalSerializer
    computed_ordering_fields = {
        "friend_count": Count("friends"),
        "kind": F("species__nam"),  # E: "Species" has no field "nam"; did you mean "name"?  # E: drf-view-fields
        "keeper": F("keeper__name").asc(nulls_last=True),
        "several": ["species__name", "-weigth"],  # E: "Animal" has no field "weigth"; did you mean "weight"?
        "year": "born__year",
        "deep": F("notes__anything"),
        "total": Max("animals"),  # E: "Animal" has no field "animals"
    }
    export_field_config = {
        "code": "Code",
        "score": "Score",
        "species": "Species",
        "wieght": "Weight",  # E: "Animal" has no field "wieght"; did you mean "weight"?
        "label": {"label": "Label"},  # E: "Animal" has no field "label"
        "kind": {"label": "Kind", "path": "species__name"},
        "eats": ExportColumn(label="Eats", path="specie__diet"),  # E: "Animal" has no field "specie"; did you mean "species"?  # E: drf-view-fields
        "price": ExportColumn(label="Price", width=8),
    }
    import_file_config = {
        "file_format": "csv",
        "order": ["species", "animal"],
        "models": {
            "species": {"model": Species, "fields": ["nane"], "unique_fields": ["name"]},  # E: "Species" has no field "nane"; did you mean "name"?
            "animal": {
                "model": "zoo.Animal",
                "fields": ["code", "weight", "species_name", "nickname"],  # E: "Animal" has no field "nickname"
                "unique_fields": ["cod"],  # E: "Animal" has no field "cod"; did you mean "code"?
                "foreign_keys": {
                    "species": {"model": Species, "lookup_field": "nam", "source_field": "species_name"},  # E: "Species" has no field "nam"
                    "kepper": {"model": "zoo.Keeper", "lookup_field": "name"},  # E: "Animal" has no field "kepper"; did you mean "keeper"?
                },
            },
        },
    }


class Stepwise(BaseViewSet[Animal]):
    import_file_config = ImportConfig(
        steps=[
            ModelStep(
                model=Animal,
                fields=["code", "wait"],  # E: "Animal" has no field "wait"; did you mean "weight"?  # E: drf-view-fields
                foreign_keys={"species": ForeignKeyLookup(lookup_field="title")},
                many_to_many={"freinds": ManyToManyLookup()},  # E: "Animal" has no field "freinds"; did you mean "friends"?
            )
        ]
    )


class Annotated(BaseViewSet[Animal]):
    export_field_config = {"friend_count": "Friends"}
    queryset = Animal.objects.annotate(friend_count=Count("friends"))
    serializer_class = AnimalSerializer
    computed_ordering_fields = {"friends": F("friend_count")}


class MadeLater(BaseViewSet[Animal]):
    serializer_class = AnimalSerializer
    computed_ordering_fields = {"friends": F("friend_count")}

    def get_queryset(self) -> QuerySet[Animal]:
        return Animal.objects.annotate(friend_count=Count("friends"))


class FunctionView(GenericAPIView[Species]):
    serializer_class = SpeciesSerializer

    def post(self, request: Request) -> Response:
        serializer = self.get_serializer(data=request.data)
        reveal_type(serializer.save())  # R: zoo.models.Species
        row: SpeciesSerializer.Data = serializer.data
        return Response(row)


class WithActions(BaseViewSet[Species]):
    queryset = Species.objects.all()
    serializer_class = SpeciesSerializer

    @action(detail=True, methods=["post"], serializer_class=AnimalSerializer)
    def add(self, request: Request, pk: str) -> Response:
        reveal_type(self.get_serializer(data=request.data).validated_data["code"])  # R: str
        return success_response(data=self.get_serializer(self.get_object()).data)

    @action(detail=True)
    def show(self, request: Request, pk: str) -> Response:
        rows = [self.get_serializer(row).data for row in self.get_queryset()]
        reveal_type(rows[0]["name"])  # R: str
        return success_response(data={"rows": rows, "count": 1})
