"""Viewsets that answer with one envelope."""

from drf_commons.views.viewsets import BaseViewSet, CreateListViewSet, ReadOnlyViewSet

__all__ = ["BaseViewSet", "CreateListViewSet", "ReadOnlyViewSet"]
