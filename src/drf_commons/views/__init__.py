"""Viewsets that answer with one envelope."""

from drf_commons.views.viewsets import BaseViewSet, BulkDeleteViewSet, CreateListViewSet, ReadOnlyViewSet

__all__ = ["BaseViewSet", "BulkDeleteViewSet", "CreateListViewSet", "ReadOnlyViewSet"]
