"""The settings object."""

from __future__ import annotations

from functools import cache

from pydantic import PositiveInt
from pydantic_settings import BaseSettings

__all__ = ["CommonSettings", "get_settings"]


class CommonSettings(BaseSettings):
    """Every setting of the library."""

    UNPAGINATED_MAX_ROWS: PositiveInt = 1_000
    BULK_OPERATION_BATCH_SIZE: PositiveInt = 1_000
    BULK_MAX_ITEMS: PositiveInt = 10_000


@cache
def get_settings() -> CommonSettings:
    """Return the validated settings."""
    return CommonSettings()
