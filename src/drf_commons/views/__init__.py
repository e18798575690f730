"""Viewsets that answer with one envelope."""

from drf_commons.views.viewsets import (
    BaseViewSet,
    BulkDeleteViewSet,
    CreateListViewSet,
    ImportableViewSet,
    ReadOnlyViewSet,
)

__all__ = ["BaseViewSet", "BulkDeleteViewSet", "CreateListViewSet", "ImportableViewSet", "ReadOnlyViewSet"]
