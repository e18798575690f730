"""Serializers that write relations, and the fields that read and show them."""

from drf_commons.serializers.base import BaseModelSerializer
from drf_commons.serializers.relations import RelationWrite

__all__ = ["BaseModelSerializer", "RelationWrite"]
