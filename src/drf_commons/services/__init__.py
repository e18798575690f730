"""Work on many rows that a view, a command or a task can ask for: plain data in, a frozen result out."""

from drf_commons.services.exporting import (
    CsvOptions,
    ExportColumn,
    ExportFieldConfig,
    ExportOptions,
    ExportResult,
    ExportService,
)
from drf_commons.services.importing import (
    CellError,
    ChunkOutcome,
    FailedRow,
    FileImportService,
    ForeignKeyLookup,
    ImportConfig,
    ImportProgress,
    ImportResult,
    ImportScope,
    ManyToManyLookup,
    ModelStep,
    PreviewRow,
    StepCounts,
)

__all__ = [
    "CellError",
    "ChunkOutcome",
    "CsvOptions",
    "ExportColumn",
    "ExportFieldConfig",
    "ExportOptions",
    "ExportResult",
    "ExportService",
    "FailedRow",
    "FileImportService",
    "ForeignKeyLookup",
    "ImportConfig",
    "ImportProgress",
    "ImportResult",
    "ImportScope",
    "ManyToManyLookup",
    "ModelStep",
    "PreviewRow",
    "StepCounts",
]
