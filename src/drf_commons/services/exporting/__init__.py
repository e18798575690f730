"""Rows into files: CSV, XLSX and PDF, as a stream."""

from drf_commons.services.exporting.columns import ExportColumn, ExportFieldConfig, ExportOptions, read_columns
from drf_commons.services.exporting.delimited import CsvOptions
from drf_commons.services.exporting.formats import FileType
from drf_commons.services.exporting.service import CONTENT_TYPES, ExportResult, ExportService

__all__ = [
    "CONTENT_TYPES",
    "CsvOptions",
    "ExportColumn",
    "ExportFieldConfig",
    "ExportOptions",
    "ExportResult",
    "ExportService",
    "FileType",
    "read_columns",
]
