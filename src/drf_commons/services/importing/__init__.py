"""Files into rows: typed configuration, readers, and a report that is honest about every row."""

from drf_commons.services.importing.columns import ImportColumn, list_columns
from drf_commons.services.importing.config import (
    ForeignKeyLookup,
    ImportConfig,
    ManyToManyLookup,
    ModelStep,
)
from drf_commons.services.importing.faults import read_config
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

__all__ = [
    "Chunk",
    "Cursor",
    "FileFormat",
    "ForeignKeyLookup",
    "ImportColumn",
    "ImportConfig",
    "ManyToManyLookup",
    "ModelStep",
    "ReadLimits",
    "ReadOptions",
    "RowFault",
    "Table",
    "TableFormat",
    "TableSource",
    "list_columns",
    "open_table",
    "read_config",
]
