"""Files into rows: typed configuration, readers, and a report that is honest about every row."""

from drf_commons.services.importing.columns import ImportColumn, list_columns
from drf_commons.services.importing.config import (
    FileFormat,
    ForeignKeyLookup,
    ImportConfig,
    ManyToManyLookup,
    ModelStep,
)
from drf_commons.services.importing.faults import read_config

__all__ = [
    "FileFormat",
    "ForeignKeyLookup",
    "ImportColumn",
    "ImportConfig",
    "ManyToManyLookup",
    "ModelStep",
    "list_columns",
    "read_config",
]
