"""Deleting without losing: ``DELETE`` hides the row, and an action brings it back."""

from __future__ import annotations

from typing import Any

from django.db.models import Model, QuerySet
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer, Serializer
from typing_extensions import TypeVar, override

from drf_commons.errors import ConfigurationError
from drf_commons.models import SoftDeleteMixin
from drf_commons.response import success_response
from drf_commons.views.mixins.crud import DestroyModelMixin

__all__ = ["SoftDestroyModelMixin"]

M = TypeVar("M", bound=Model, default=Any)


class SoftDestroyModelMixin(DestroyModelMixin[M]):
    """``DELETE /articles/{id}/`` soft-deletes, ``POST /articles/{id}/restore/`` restores; neither minds a second call.

    Both heed ``If-Match``, and answer with the ``ETag`` of the version that a row with versions has afterwards.

    Deleted rows are hidden from every action but ``restore``, so ``queryset`` has to hold them:
    ``queryset = Article.objects.all()``. Stands to the left of the viewset::

        class ArticleViewSet(SoftDestroyModelMixin[Article], BaseViewSet[Article]): ...
    """

    @override
    def get_queryset(self) -> QuerySet[M]:
        """Return the rows that are not deleted; to restore, all of them."""
        rows = super().get_queryset()
        return rows if getattr(self, "action", None) == "restore" else rows.filter(is_active=True)

    @override
    def perform_destroy(self, instance: M) -> None:
        """Soft-delete the row."""
        self._get_soft(instance).soft_delete()

    @override
    def get_destroy_headers(self, instance: M) -> dict[str, str]:
        """Return the tag of the deleted row, which a client needs to restore it with ``If-Match``."""
        return self.get_etag_headers(instance)

    @action(detail=True, methods=["post"])
    def restore(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Take the deletion of a row back; return the row."""
        instance = self.get_object()
        with self.preconditioned(request, instance):
            self.perform_restore(instance)
        data = self.get_serializer(instance).data
        return success_response(data, self.get_success_message(), headers=self.get_etag_headers(instance))

    @override
    def get_form_serializer(self, **kwargs: Any) -> BaseSerializer[Any] | None:
        """Return a form without inputs for what takes no data."""
        return Serializer[Any](**kwargs) if self.action == "restore" else super().get_form_serializer(**kwargs)

    def perform_restore(self, instance: M) -> None:
        """Restore the row; override to do more."""
        self._get_soft(instance).restore()

    def _get_soft(self, instance: M) -> SoftDeleteMixin:
        if not isinstance(instance, SoftDeleteMixin):
            msg = f"{type(self).__name__}: {type(instance).__name__} has no SoftDeleteMixin"
            raise ConfigurationError(msg)
        return instance
