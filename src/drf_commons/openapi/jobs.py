"""The report of an import inside of its job."""

from __future__ import annotations

from typing_extensions import override

from drf_commons.openapi.reports import refer_to_import_report
from drf_commons.openapi.spectacular import (
    AutoSchema,
    Direction,
    OpenApiSerializerFieldExtension,
    Schema,
)
from drf_commons.views.jobs.reports import ReportField

__all__ = ["ReportFieldExtension"]


class ReportFieldExtension(OpenApiSerializerFieldExtension):
    """A report is described as what an import answers with."""

    target_class = ReportField
    priority = -1  # a project's own description comes first

    @override
    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Schema:
        return refer_to_import_report(auto_schema.registry)
