from __future__ import annotations

import os

from drf_commons.conf import CommonSettingsDict

ROWS = int(os.environ.get("ROWS", "1000"))

# settings.py takes its COMMON from here.
COMMON = {
    "BULK_MAX_ITEMS": 500,
    "BULK_MAX_ITEM": 500,  # E: COMMON has no setting "BULK_MAX_ITEM"; did you mean "BULK_MAX_ITEMS"?  # E: drf-settings
    "CACHE": True,  # E: COMMON has no setting "CACHE"
    "BULK_OPERATION_BATCH_SIZE": ROWS,
    "IMPORT_BATCH_SIZE": "2000",  # E: COMMON["IMPORT_BATCH_SIZE"] takes "int", and this is "str"  # E: drf-settings
    "UNPAGINATED_MAX_ROWS": True,  # E: COMMON["UNPAGINATED_MAX_ROWS"] takes "int", and this is "bool"
    "DEBUG_HIGH_QUERY_COUNT_THRESHOLD": [10],  # E: COMMON["DEBUG_HIGH_QUERY_COUNT_THRESHOLD"] takes "int", and this is "list[Any]"
    "DEBUG_SLOW_QUERY_THRESHOLD": 1,
    "DEBUG_SLOW_REQUEST_THRESHOLD": None,  # E: COMMON["DEBUG_SLOW_REQUEST_THRESHOLD"] takes "float", and this is "None"
}


# What is annotated, mypy checks itself.
UNKNOWN: CommonSettingsDict = {"BULK_MAX_ITEM": 500}  # E: Extra key "BULK_MAX_ITEM" for TypedDict "CommonSettingsDict"  # E: typeddict-unknown-key
WRONG: CommonSettingsDict = {"IMPORT_BATCH_SIZE": "2000"}  # E: (expression has type "str", TypedDict item "IMPORT_BATCH_SIZE" has type "int")  # E: typeddict-item


def unrelated() -> None:
    """A dict of the same name elsewhere is nobody's settings."""
    COMMON = {"RARE": 1}  # noqa: N806
    assert COMMON
