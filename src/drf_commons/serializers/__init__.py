"""Serializers that write relations, and the fields that read and show them."""

from drf_commons.serializers.base import BaseModelSerializer, BaseSerializer
from drf_commons.serializers.bulk import BulkListSerializer, BulkUpdateListSerializer, RowOutcome
from drf_commons.serializers.relations import RelationWrite
from drf_commons.serializers.shaped import BaseListSerializer

__all__ = [
    "BaseListSerializer",
    "BaseModelSerializer",
    "BaseSerializer",
    "BulkListSerializer",
    "BulkUpdateListSerializer",
    "RelationWrite",
    "RowOutcome",
]
