"""Files into rows: typed configuration, readers, and a report that is honest about every row."""

from drf_commons.services.importing.chunks import ChunkOutcome, OnChunk, import_chunk
from drf_commons.services.importing.columns import ImportColumn, list_columns
from drf_commons.services.importing.config import (
    ForeignKeyLookup,
    ImportConfig,
    ManyToManyLookup,
    ModelStep,
)
from drf_commons.services.importing.failures import FailedRowsFile
from drf_commons.services.importing.faults import read_config
from drf_commons.services.importing.plan import Plan, build_plan
from drf_commons.services.importing.result import (
    Action,
    CellError,
    FailedRow,
    ImportMode,
    ImportProgress,
    ImportResult,
    ImportState,
    PreviewRow,
    StepCounts,
)
from drf_commons.services.importing.scope import DeleteRows, FindForbidden, FindRelated, ImportScope
from drf_commons.services.importing.service import FileImportService
from drf_commons.services.importing.tables import (
    Chunk,
    Cursor,
    FileFormat,
    ReadLimits,
    ReadOptions,
    RowFault,
    Table,
    TableFormat,
    TableSource,
    open_table,
)
from drf_commons.services.importing.template import build_template

__all__ = [
    "Action",
    "CellError",
    "Chunk",
    "ChunkOutcome",
    "Cursor",
    "DeleteRows",
    "FailedRow",
    "FailedRowsFile",
    "FileFormat",
    "FileImportService",
    "FindForbidden",
    "FindRelated",
    "ForeignKeyLookup",
    "ImportColumn",
    "ImportConfig",
    "ImportMode",
    "ImportProgress",
    "ImportResult",
    "ImportScope",
    "ImportState",
    "ManyToManyLookup",
    "ModelStep",
    "OnChunk",
    "Plan",
    "PreviewRow",
    "ReadLimits",
    "ReadOptions",
    "RowFault",
    "StepCounts",
    "Table",
    "TableFormat",
    "TableSource",
    "build_plan",
    "build_template",
    "import_chunk",
    "list_columns",
    "open_table",
    "read_config",
]
