"""Writes over many rows at the speed of the database, with the values ``save()`` would write."""

from drf_commons.bulk.create import abulk_create, bulk_create
from drf_commons.bulk.delete import abulk_delete, abulk_soft_delete, bulk_delete, bulk_soft_delete
from drf_commons.bulk.update import abulk_update, bulk_update

__all__ = [
    "abulk_create",
    "abulk_delete",
    "abulk_soft_delete",
    "abulk_update",
    "bulk_create",
    "bulk_delete",
    "bulk_soft_delete",
    "bulk_update",
]
