from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ModelViewSet

from drf_commons.response import success_response
from drf_commons.serializers import BaseModelSerializer
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
    queryset = Animal.objects.all()  # E: Incompatible types in assignment


class WrongSerializer(BaseViewSet[Species]):
    serializer_class = AnimalSerializer  # E: Incompatible types in assignment
