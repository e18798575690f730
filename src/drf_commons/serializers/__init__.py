"""Serializers that write relations, and the fields that read and render them."""

from drf_commons.serializers.base import BaseModelSerializer

__all__ = ["BaseModelSerializer"]
