"""Ready-made viewsets: combinations of the mixins, without logic of their own."""

from __future__ import annotations

from typing import Any

from django.db.models import Model
from typing_extensions import TypeVar

from drf_commons.views.mixins import (
    BulkCreateModelMixin,
    BulkDeleteModelMixin,
    BulkUpdateModelMixin,
    CreateModelMixin,
    DestroyModelMixin,
    FileExportMixin,
    FileImportMixin,
    ListModelMixin,
    RetrieveModelMixin,
    UpdateModelMixin,
)

__all__ = [
    "BaseViewSet",
    "BulkCreateViewSet",
    "BulkDeleteViewSet",
    "BulkImportableViewSet",
    "BulkOnlyViewSet",
    "BulkUpdateViewSet",
    "BulkViewSet",
    "CreateListViewSet",
    "ImportableViewSet",
    "ReadOnlyViewSet",
]

M = TypeVar("M", bound=Model, default=Any)


class BaseViewSet(
    CreateModelMixin[M],
    ListModelMixin[M],
    RetrieveModelMixin[M],
    UpdateModelMixin[M],
    DestroyModelMixin[M],
    FileExportMixin[M],
):
    """Create, list, retrieve, update, destroy and export: ``class ArticleViewSet(BaseViewSet[Article])``."""


class ReadOnlyViewSet(ListModelMixin[M], RetrieveModelMixin[M], FileExportMixin[M]):
    """List, retrieve and export."""


class CreateListViewSet(CreateModelMixin[M], ListModelMixin[M], FileExportMixin[M]):
    """Create, list and export."""


class BulkCreateViewSet(BulkCreateModelMixin[M]):
    """Create many rows at once."""


class BulkUpdateViewSet(BulkUpdateModelMixin[M]):
    """Change many rows at once."""


class BulkDeleteViewSet(BulkDeleteModelMixin[M]):
    """Delete and soft-delete many rows at once."""


class BulkOnlyViewSet(BulkCreateModelMixin[M], BulkUpdateModelMixin[M], BulkDeleteModelMixin[M]):
    """Create, change, delete and soft-delete many rows at once, and nothing else."""


class BulkViewSet(BulkOnlyViewSet[M], BaseViewSet[M]):
    """All that :class:`BaseViewSet` does with one row, and the same with many at once."""


class ImportableViewSet(FileImportMixin[M], BaseViewSet[M]):
    """All of ``BaseViewSet``, and rows out of files."""


class BulkImportableViewSet(FileImportMixin[M], BulkViewSet[M]):
    """All of ``BulkViewSet``, and rows out of files."""
