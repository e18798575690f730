"""Paginators."""

from __future__ import annotations

from rest_framework.pagination import PageNumberPagination

__all__ = ["StandardPageNumberPagination"]


class StandardPageNumberPagination(PageNumberPagination):
    """Pages of 20 rows; ``?page_size=`` asks for up to 100."""

    page_size = 20
    page_size_query_param = "page_size"
    max_page_size = 100
