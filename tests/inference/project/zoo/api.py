"""The project's API, and its addresses."""

from __future__ import annotations

from typing import Any

from django.urls import include, path
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.generics import ListCreateAPIView
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import DefaultRouter
from rest_framework.viewsets import ModelViewSet

from drf_commons.pagination import StandardPageNumberPagination
from drf_commons.serializers import BaseModelSerializer
from drf_commons.serializers.fields import FlexibleField, IdToDataField, ManyIdOnlyField
from drf_commons.serializers.relations import Accept
from drf_commons.views import BaseViewSet
from zoo.models import Animal, Keeper, Species


class ApiKeeperSerializer(BaseModelSerializer[Keeper]):
    class Meta:
        model = Keeper
        fields = ("id", "name", "age", "initials")


class ApiSpeciesSerializer(BaseModelSerializer[Species]):
    class Meta:
        model = Species
        fields = ("id", "name", "diet", "parent")


class FullField(FlexibleField[Any, Any]):
    accepts = Accept.PK | Accept.SLUG | Accept.DATA


class ShoutedField(serializers.CharField):
    def to_internal_value(self, data: object) -> str:
        return str(data).upper()


class ApiAnimalSerializer(BaseModelSerializer[Animal]):
    species = FullField(queryset=Species.objects.all(), serializer=ApiSpeciesSerializer, slug_field="name")
    keeper = IdToDataField(queryset=Keeper.objects.all(), serializer=ApiKeeperSerializer, allow_null=True)
    friends = ManyIdOnlyField(queryset=Animal.objects.all(), required=False)
    shout = ShoutedField(write_only=True)
    tags = serializers.ListField(child=serializers.CharField(), write_only=True)

    class Meta:
        model = Animal
        fields = (
            "code", "species", "keeper", "friends", "shout", "tags", "weight", "price", "born", "photo", "notes", "tame",
            "level", "coat", "created",
        )


class ApiKeeperViewSet(BaseViewSet[Keeper]):
    queryset = Keeper.objects.all()
    serializer_class = ApiKeeperSerializer
    allow_unpaginated = True
    append_indexes = True
    pagination_class = StandardPageNumberPagination
    return_data_on_create = False

    @action(detail=False, methods=["post"])
    def count(self, request: Request) -> Response:
        return Response(3)


class ApiAnimalViewSet(BaseViewSet[Animal]):
    queryset = Animal.objects.all()
    serializer_class = ApiAnimalSerializer
    pagination_class = None

    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response("of its own")


class ApiSpeciesViewSet(ModelViewSet[Species]):
    pagination_class = PageNumberPagination
    queryset = Species.objects.all()
    serializer_class = ApiSpeciesSerializer


class ApiSpeciesList(ListCreateAPIView[Species]):
    queryset = Species.objects.all()
    serializer_class = ApiSpeciesSerializer


class ApiChoosing(ListCreateAPIView[Species]):
    queryset = Species.objects.all()

    def get_serializer_class(self) -> type[serializers.BaseSerializer[Species]]:
        return ApiSpeciesSerializer


router = DefaultRouter()
router.register("animals", ApiAnimalViewSet)
router.register("keepers", ApiKeeperViewSet)
router.register("species", ApiSpeciesViewSet)

urlpatterns = [
    path("api/", include(router.urls)),
    path("plain/species/", ApiSpeciesList.as_view()),
    path("plain/choosing/", ApiChoosing.as_view()),
]
