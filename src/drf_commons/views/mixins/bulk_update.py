"""Many rows changed by one request."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import Model
from django.http.response import HttpResponseBase
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from typing_extensions import TypeVar

from drf_commons.views.mixins.bulk import BulkMixin
from drf_commons.views.mixins.bulk_rows import BulkWrite

__all__ = ["BulkUpdateModelMixin"]

M = TypeVar("M", bound=Model, default=Any)


class BulkUpdateModelMixin(BulkMixin[M]):
    """``PUT`` and ``PATCH /articles/bulk-update/`` change rows, which the body names by their ids.

    The body is ``[{"id": 1, "title": "…"}, …]``; the answer has the rows in the same order. A row of a PATCH changes
    what it names and nothing else. What is wrong is reported by the position of the row.
    """

    #: Whether each row is saved by itself, with ``save()`` and its signals.
    use_save_on_bulk_update: ClassVar[bool] = False
    #: Whether the answer carries the changed rows.
    return_data_on_update: ClassVar[bool] = True

    @action(detail=False, methods=["put", "patch"], url_path="bulk-update")
    def bulk_update(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Change the rows of the body."""
        return self.answer_once(request, lambda: self._update(request))

    def perform_bulk_update(self, serializer: BaseSerializer[Any]) -> None:
        """Save the changed rows, of which *serializer* is a list: by ``perform_update()`` where the viewset has one."""
        perform = getattr(self, "perform_update", None)
        if perform is None:
            serializer.save()
        else:
            perform(serializer)

    def _update(self, request: Request) -> Response:
        write = BulkWrite(self, request, rows=self.get_bulk_queryset(), use_save=self.use_save_on_bulk_update)
        return write.run(self.perform_bulk_update, returns_data=self.return_data_on_update)
