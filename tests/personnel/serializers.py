"""Serializers of the personnel department."""

from __future__ import annotations

from typing import ClassVar

from drf_commons.serializers import BaseModelSerializer
from tests.personnel.models import Department, Employee


class DepartmentSerializer(BaseModelSerializer[Department]):
    class Meta:
        model = Department
        fields: ClassVar = ["id", "code", "name"]


class EmployeeSerializer(BaseModelSerializer[Employee]):
    class Meta:
        model = Employee
        fields: ClassVar = ["id", "email", "first_name", "last_name", "salary", "hired", "department"]
