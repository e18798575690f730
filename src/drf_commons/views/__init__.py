"""Viewsets that answer with one envelope."""

from drf_commons.views.viewsets import (
    BaseViewSet,
    BulkCreateViewSet,
    BulkDeleteViewSet,
    BulkImportableViewSet,
    BulkOnlyViewSet,
    BulkUpdateViewSet,
    BulkViewSet,
    CreateListViewSet,
    ImportableViewSet,
    ReadOnlyViewSet,
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
