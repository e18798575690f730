"""Ready-made viewsets: combinations of the mixins, without logic of their own."""

from __future__ import annotations

from typing import Any

from django.db.models import Model
from typing_extensions import TypeVar

from drf_commons.views.mixins import (
    BulkDeleteModelMixin,
    CreateModelMixin,
    DestroyModelMixin,
    FileImportMixin,
    ListModelMixin,
    RetrieveModelMixin,
    UpdateModelMixin,
)

__all__ = ["BaseViewSet", "BulkDeleteViewSet", "CreateListViewSet", "ImportableViewSet", "ReadOnlyViewSet"]

M = TypeVar("M", bound=Model, default=Any)


class BaseViewSet(
    CreateModelMixin[M],
    ListModelMixin[M],
    RetrieveModelMixin[M],
    UpdateModelMixin[M],
    DestroyModelMixin[M],
):
    """Create, list, retrieve, update and destroy: ``class ArticleViewSet(BaseViewSet[Article])``."""


class ReadOnlyViewSet(ListModelMixin[M], RetrieveModelMixin[M]):
    """List and retrieve."""


class CreateListViewSet(CreateModelMixin[M], ListModelMixin[M]):
    """Create and list."""


class BulkDeleteViewSet(BulkDeleteModelMixin[M]):
    """Delete and soft-delete many rows."""


class ImportableViewSet(FileImportMixin[M], BaseViewSet[M]):
    """All of ``BaseViewSet``, and rows out of files."""
