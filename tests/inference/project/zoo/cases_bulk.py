"""Bulk viewsets and their serializers, files in and out, and rows that are brought back."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from drf_commons.response import error_response, success_response
from drf_commons.serializers import BaseModelSerializer, BulkListSerializer
from drf_commons.services import (
    ExportColumn,
    ForeignKeyLookup,
    ImportConfig,
    ManyToManyLookup,
    ModelStep,
)
from drf_commons.views import (
    BulkCreateViewSet,
    BulkDeleteViewSet,
    BulkImportableViewSet,
    BulkOnlyViewSet,
    BulkUpdateViewSet,
    BulkViewSet,
    CreateListViewSet,
    ImportableViewSet,
    ReadOnlyViewSet,
)
from drf_commons.views.mixins import SoftDestroyModelMixin
from zoo.models import Animal, Keeper, Species


class SpeciesSerializer(BaseModelSerializer[Species]):
    class Meta:
        model = Species
        fields = ("id", "name")
        list_serializer_class = BulkListSerializer


class AnimalSerializer(BaseModelSerializer[Animal]):
    class Meta:
        model = Animal
        fields = ("code", "species")


class SpeciesList(BulkListSerializer[Species]):
    def total(self) -> int:
        return len(self.data)


class ListedSerializer(SpeciesSerializer):
    class Meta(SpeciesSerializer.Meta):
        list_serializer_class = SpeciesList  # type: ignore[assignment]


class BulkSpecies(BulkViewSet[Species]):
    queryset = Species.objects.all()
    serializer_class = SpeciesSerializer
    bulk_batch_size = 10
    bulk_max_items = 100
    use_save_on_bulk_create = True

    def answer(self, request: Request) -> Response:
        many = self.get_serializer(data=request.data, many=True)
        many.is_valid(raise_exception=True)
        reveal_type(many.validated_data[0]["name"])  # R: str
        reveal_type(many.save()[0])  # R: zoo.models.Species
        many.data[0]["nane"]  # E: has no key "nane"
        return success_response(data=many.data)

    def ping(self) -> None:
        partial = self.get_serializer(self.get_queryset(), data=[], many=True, partial=True)
        reveal_type(partial.validated_data[0].get("name"))  # R: str | None
        reveal_type(self.get_object())  # R: zoo.models.Species


class WrongBulk(BulkUpdateViewSet[Species]):
    queryset = Species.objects.all()
    serializer_class = AnimalSerializer  # E: Incompatible types in assignment  # E: "AnimalSerializer" is of "Animal", and "WrongBulk" is of "Species"


class WrongRows(BulkDeleteViewSet):
    queryset = Animal.objects.filter(code="a")
    serializer_class = SpeciesSerializer  # E: "SpeciesSerializer" is of "Species", and "WrongRows" is of "Animal"


class OnlyBulk(BulkOnlyViewSet[Animal]):
    queryset = Animal.objects.all()
    serializer_class = AnimalSerializer
    export_field_config = {"code": "Code", "cod": "Code"}  # E: "Animal" has no field "cod"; did you mean "code"?


class Creating(BulkCreateViewSet[Animal]):
    queryset = Animal.objects.all()
    serializer_class = AnimalSerializer

    def ping(self) -> None:
        reveal_type(self.get_serializer(data={}).validated_data["species"])  # R: zoo.models.Species


class Listing(CreateListViewSet[Animal]):
    queryset = Animal.objects.all()
    serializer_class = AnimalSerializer
    computed_ordering_fields = {"weigth": "weigth"}  # E: "Animal" has no field "weigth"; did you mean "weight"?


class Reading(ReadOnlyViewSet[Animal]):
    queryset = Animal.objects.all()
    serializer_class = AnimalSerializer
    export_field_config = {
        "species.name": "Species",
        "keeper__name": {"label": "Keeper"},
        "score": ExportColumn(label="Score"),
        "spicies.name": "Species",  # E: "Animal" has no field "spicies"; did you mean "species"?
    }


class Restoring(SoftDestroyModelMixin[Animal], BulkViewSet[Animal]):
    queryset = Animal.objects.all()
    serializer_class = AnimalSerializer

    def bring_back(self) -> Response:
        animal = self.get_object()
        reveal_type(animal)  # R: zoo.models.Animal
        reveal_type(self.get_serializer(animal).data["code"])  # R: str
        return success_response(data=self.get_serializer(animal).data)

    def perform_destroy(self, instance: Animal) -> None:
        reveal_type(self.get_queryset().first())  # R: zoo.models.Animal | None
        super().perform_destroy(instance)


class Importing(ImportableViewSet[Animal]):
    queryset = Animal.objects.all()
    serializer_class = AnimalSerializer
    import_file_config = ImportConfig(
        file_format="csv",
        steps=[
            ModelStep(model=Species, fields=["name"], unique_fields=["nam"]),  # E: "Species" has no field "nam"; did you mean "name"?
            ModelStep(
                model="zoo.Animal",
                fields=["code", "weight", "friend_codes", "keepr"],  # E: "Animal" has no field "keepr"; did you mean "keeper"?
                foreign_keys={
                    "keeper": ForeignKeyLookup(model=Keeper, lookup_field="nmae"),  # E: "Keeper" has no field "nmae"; did you mean "name"?
                },
                many_to_many={"friends": ManyToManyLookup(lookup_field="code", source_field="friend_codes")},
            ),
        ],
    )


class BulkImporting(BulkImportableViewSet[Animal]):
    queryset = Animal.objects.all()
    serializer_class = AnimalSerializer
    import_file_config = {
        "models": [
            {"model": "zoo.Species", "fields": ["name", "diets"]},  # E: "Species" has no field "diets"; did you mean "diet"?
            {"model": Animal, "fields": ["code"], "references": {"specie": "species"}},  # E: "Animal" has no field "specie"; did you mean "species"?
        ]
    }


def show(species: Species) -> None:
    rows = SpeciesSerializer([species], many=True)
    reveal_type(rows.data[0]["name"])  # R: str
    reveal_type(rows.validated_data[0]["name"])  # R: str
    reveal_type(rows.save())  # R: list[zoo.models.Species]
    reveal_type(rows.save_valid()[0].is_new)  # R: bool
    reveal_type(ListedSerializer([species], many=True).total())  # R: int
    reveal_type(ListedSerializer([species], many=True).data[0]["name"])  # R: str
    reveal_type(SpeciesSerializer.for_many([species]).data[0]["name"])  # R: str
    answer = success_response(rows.data, message="read", total=1)
    reveal_type(answer.data["data"][0]["name"])  # R: str
    reveal_type(error_response(message="no", errors={"name": ["no"]}).data["success"])  # R: Literal[False]
