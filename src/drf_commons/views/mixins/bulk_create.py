"""Many rows made by one request."""

from __future__ import annotations

from collections.abc import Sequence
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

__all__ = ["BulkCreateModelMixin"]

M = TypeVar("M", bound=Model, default=Any)


class BulkCreateModelMixin(BulkMixin[M]):
    """``POST /articles/bulk-create/`` makes a row of each item of the body: 201, with the rows in the same order."""

    #: Whether each row is saved by itself, with ``save()`` and its signals.
    use_save_on_bulk_create: ClassVar[bool] = False
    #: Names of fields that tell rows apart: an item about a row that is there changes it. None by default.
    bulk_upsert_fields: ClassVar[Sequence[str]] = ()
    #: Whether the answer carries the new rows.
    return_data_on_create: ClassVar[bool] = True

    @action(detail=False, methods=["post"], url_path="bulk-create")
    def bulk_create(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Make the rows of the body."""
        return self.answer_once(request, lambda: self._create(request))

    def perform_bulk_create(self, serializer: BaseSerializer[Any]) -> None:
        """Save the new rows, of which *serializer* is a list: by ``perform_create()`` where the viewset has one."""
        perform = getattr(self, "perform_create", None)
        if perform is None:
            serializer.save()
        else:
            perform(serializer)

    def _create(self, request: Request) -> Response:
        write = BulkWrite(
            self,
            request,
            rows=self.get_bulk_queryset() if self.bulk_upsert_fields else None,
            use_save=self.use_save_on_bulk_create,
            upsert_fields=self.bulk_upsert_fields,
        )
        return write.run(self.perform_bulk_create, returns_data=self.return_data_on_create)
