"""Related rows, read along with the rows of a view."""

from __future__ import annotations

from typing import Any, Generic

from django.db.models import Model, QuerySet
from rest_framework.viewsets import GenericViewSet
from typing_extensions import TypeVar, override

from drf_commons.serializers.prefetch import find_related_paths
from drf_commons.types import RuntimeGeneric

__all__ = ["AutoPrefetchMixin"]

M = TypeVar("M", bound=Model, default=Any)


class AutoPrefetchMixin(RuntimeGeneric, GenericViewSet[M], Generic[M]):
    """Reads what the serializer shows of related rows with a fixed number of queries, however long the list is.

    ``select_related`` and ``prefetch_related`` follow from the serializer: its relation fields, nested serializers and
    dotted sources. What methods of the serializer read is added to ``queryset`` by hand. Stands to the left of the
    other mixins::

        class InvoiceViewSet(AutoPrefetchMixin[Invoice], BaseViewSet[Invoice]): ...
    """

    @override
    def get_queryset(self) -> QuerySet[M]:
        """Return the rows of the view, with the related rows that its serializer shows."""
        rows = super().get_queryset()
        if self.request.method == "DELETE":
            return rows  # nothing is shown
        return find_related_paths(self.get_serializer()).apply(rows)
