"""Viewsets of the personnel department."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from rest_framework.filters import SearchFilter
from rest_framework.permissions import BasePermission, DjangoModelPermissions, IsAdminUser
from rest_framework.request import Request
from rest_framework.views import APIView
from typing_extensions import override

from drf_commons.services import ExportFieldConfig, ForeignKeyLookup, ImportConfig, ModelStep
from drf_commons.views import ImportableViewSet
from drf_commons.views.mixins import SoftDestroyModelMixin
from tests.personnel.files import CONFIG
from tests.personnel.models import Department, Employee
from tests.personnel.serializers import DepartmentSerializer, EmployeeSerializer


class EmployeeViewSet(ImportableViewSet[Employee]):
    """Open to everybody, configured by a dict."""

    queryset = Employee.objects.all()
    serializer_class = EmployeeSerializer
    import_file_config = CONFIG


class SoftEmployeeViewSet(SoftDestroyModelMixin[Employee], EmployeeViewSet):
    """A replacement hides what is not in the file."""


class NotTheBoss(BasePermission):
    """Nobody changes the boss."""

    @override
    def has_object_permission(self, request: Request, view: APIView, obj: Any) -> bool:
        return bool(obj.last_name != "Boss")


class GuardedEmployeeViewSet(EmployeeViewSet):
    """Some rows may not be changed, and some departments not be referred to."""

    permission_classes = (NotTheBoss,)

    @override
    def get_import_related_queryset(self, step: str, field: str, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.exclude(code="001") if field == "department" else queryset


class DepartmentViewSet(ImportableViewSet[Department]):
    """Goes by the permissions of the model, configured in the typed way; no updates."""

    queryset = Department.objects.all()
    serializer_class = DepartmentSerializer
    permission_classes = (DjangoModelPermissions,)
    import_file_config = ImportConfig(
        steps=[ModelStep(model=Department, fields=["code", "name"], unique_fields=["code"])],
    )
    export_field_config: ClassVar[ExportFieldConfig] = {"code": "code", "name": "name"}
    filter_backends = (SearchFilter,)
    search_fields = ("code",)


class VaultViewSet(DepartmentViewSet):
    """Even reading needs somebody of the staff."""

    permission_classes: Any = (IsAdminUser,)


class StaffViewSet(ImportableViewSet[Employee]):
    """Goes by the permissions of the models, and creates departments beside employees."""

    queryset = Employee.objects.all()
    serializer_class = EmployeeSerializer
    permission_classes = (DjangoModelPermissions,)
    import_file_config: ClassVar = ImportConfig(
        steps=[
            ModelStep(
                model="personnel.Employee",
                fields=["email", "first_name", "last_name", "salary", "hired", "department"],
                unique_fields=["email"],
                foreign_keys={"department": ForeignKeyLookup(lookup_field="code", create_missing=True)},
            )
        ],
        file_format="csv",
    )


class UnconfiguredViewSet(ImportableViewSet[Employee]):
    """Forgot to say what to import."""

    queryset = Employee.objects.all()
    serializer_class = EmployeeSerializer
