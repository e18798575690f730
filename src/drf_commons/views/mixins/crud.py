"""Create, list, retrieve, update and destroy, each answering with the envelope."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final, cast

from django.core.paginator import Page
from django.db.models import Model, QuerySet
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import LimitOffsetPagination, PageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.settings import api_settings
from typing_extensions import TypeVar

from drf_commons.conf import get_settings
from drf_commons.errors import ConfigurationError
from drf_commons.response import build_success, success_response
from drf_commons.views.mixins.envelope import EnvelopeMixin
from drf_commons.views.mixins.preconditions import PreconditionMixin

__all__ = ["CreateModelMixin", "DestroyModelMixin", "ListModelMixin", "RetrieveModelMixin", "UpdateModelMixin"]

M = TypeVar("M", bound=Model, default=Any)

_TRUE: Final = frozenset({"true", "1", "yes", "on"})
_FALSE: Final = frozenset({"false", "0", "no", "off"})


class CreateModelMixin(EnvelopeMixin[M]):
    """``POST /articles/`` creates a row: 201."""

    #: Whether the answer carries the new row.
    return_data_on_create: ClassVar[bool] = True

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Validate the body and save it."""
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        self.perform_create(serializer)
        data = serializer.data if self.return_data_on_create else None
        return success_response(
            data,
            self.get_success_message(),
            status_code=status.HTTP_201_CREATED,
            headers=self.get_success_headers(data),
        )

    def perform_create(self, serializer: BaseSerializer[M]) -> None:
        """Save the new row; override to pass values of your own to ``save()``."""
        serializer.save()

    def get_success_headers(self, data: object) -> dict[str, str]:
        """Return ``Location`` when the serializer has a hyperlink to the row itself."""
        row: Mapping[str, object] = cast("Mapping[str, object]", data) if isinstance(data, Mapping) else {}
        url = row.get(api_settings.URL_FIELD_NAME)
        return {} if url is None else {"Location": str(url)}


class RetrieveModelMixin(PreconditionMixin[M]):
    """``GET /articles/{id}/`` returns a row."""

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:  # DRF's signature
        """Return the row."""
        instance = self.get_object()
        data = self.get_serializer(instance).data
        return success_response(data, self.get_success_message(), headers=self.get_etag_headers(instance))


class UpdateModelMixin(PreconditionMixin[M]):
    """``PUT`` and ``PATCH /articles/{id}/`` change a row."""

    #: Whether the answer carries the changed row.
    return_data_on_update: ClassVar[bool] = True

    def update(self, request: Request, *args: Any, partial: bool = False, **kwargs: Any) -> Response:
        """Validate the body against the row and save it."""
        instance = self.get_object()
        with self.preconditioned(request, instance):
            serializer = self.get_serializer(instance, data=request.data, partial=partial)
            serializer.is_valid(raise_exception=True)
            self.perform_update(serializer)
        if hasattr(instance, "_prefetched_objects_cache"):
            # What was prefetched for the look-up may have been changed by the update.
            vars(instance)["_prefetched_objects_cache"] = {}
        data = serializer.data if self.return_data_on_update else None
        return success_response(data, self.get_success_message(), headers=self.get_etag_headers(instance))

    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change only what the body names."""
        return self.update(request, *args, **{**kwargs, "partial": True})

    def perform_update(self, serializer: BaseSerializer[M]) -> None:
        """Save the changed row; override to pass values of your own to ``save()``."""
        serializer.save()


class DestroyModelMixin(PreconditionMixin[M]):
    """``DELETE /articles/{id}/`` deletes a row: 200, since a 204 could not carry the envelope."""

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:  # DRF's signature
        """Delete the row."""
        instance = self.get_object()
        with self.preconditioned(request, instance):
            self.perform_destroy(instance)
        return success_response(message=self.get_success_message(), headers=self.get_destroy_headers(instance))

    def perform_destroy(self, instance: M) -> None:
        """Delete the row; override for a soft delete."""
        instance.delete()

    def get_destroy_headers(self, instance: M) -> dict[str, str]:
        """Return the headers that tell what has become of *instance*: none when it is gone."""
        return {}


class ListModelMixin(EnvelopeMixin[M]):
    """``GET /articles/`` returns the rows; ``pagination`` stands beside them when there are pages."""

    #: Whether each row carries its number in the list as ``index``, counting from 1 and on over pages.
    append_indexes: ClassVar[bool] = False
    #: Whether ``?paginated=false`` returns every row, up to ``COMMON["UNPAGINATED_MAX_ROWS"]``.
    allow_unpaginated: ClassVar[bool] = False

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return a page of rows, or every row where there is no pagination."""
        queryset = self.filter_queryset(self.get_queryset())
        if self.is_unpaginated(request):
            return self.build_list_response(self.get_unpaginated_rows(queryset))
        page = self.paginate_queryset(queryset)
        if page is None:
            return self.build_list_response(queryset)
        return self.build_page_response(page)

    def is_unpaginated(self, request: Request) -> bool:
        """Tell whether the client asks for every row at once; refuse with a 400 where the view does not allow it."""
        text = request.query_params.get("paginated")
        if text is None or text.lower() in _TRUE or self.paginator is None:
            return False
        if text.lower() not in _FALSE:
            raise ValidationError({"paginated": [f'"{text}" is not a boolean.']})
        if not self.allow_unpaginated:
            raise ValidationError({"paginated": ["This list is only available in pages."]})
        return True

    def get_unpaginated_rows(self, queryset: QuerySet[M]) -> Sequence[M]:
        """Return every row; refuse with a 400 when there are more than ``UNPAGINATED_MAX_ROWS``."""
        limit = get_settings().UNPAGINATED_MAX_ROWS
        rows = [*queryset[: limit + 1]]
        if len(rows) > limit:
            message = f"The list has more than {limit} rows; filter it or ask for pages."
            raise ValidationError({"paginated": [message]})
        return rows

    def build_list_response(self, rows: Iterable[M]) -> Response:
        """Return *rows* without pagination."""
        return success_response(self.serialize_rows(rows, start=1), self.get_success_message())

    def build_page_response(self, page: Sequence[M]) -> Response:
        """Return *page*; what else the paginator tells stands beside the rows in ``pagination``."""
        start = self.get_start_index() if self.append_indexes else 1
        rows = self.serialize_rows(page, start=start)
        response = self.get_paginated_response(rows)
        pagination = _get_pagination(response.data, rows)
        response.data = build_success(rows, self.get_success_message(), pagination=pagination)
        return response

    def serialize_rows(self, rows: Iterable[M], *, start: int) -> Sequence[object]:
        """Return *rows* as the serializer renders them, numbered from *start* when indexes are on."""
        data = cast("Sequence[object]", self.get_serializer(rows, many=True).data)  # a ListSerializer renders a list
        if self.append_indexes:
            for index, row in enumerate(data, start):
                if not isinstance(row, dict) or "index" in row:
                    msg = f'{type(self).__name__}.append_indexes: rows must be objects without an "index" of their own'
                    raise ConfigurationError(msg)
                row["index"] = index
        return data

    def get_start_index(self) -> int:
        """Return the number of the page's first row in the whole list, counting from 1."""
        paginator = self.paginator
        if isinstance(paginator, PageNumberPagination):
            page = cast("Page[M] | None", paginator.page)  # pyright: ignore[reportUnknownMemberType]  # the stubs leave M open
            if page is not None:
                return page.start_index()
        if isinstance(paginator, LimitOffsetPagination) and paginator.offset is not None:
            return paginator.offset + 1
        msg = (
            f"{type(self).__name__}.append_indexes: {type(paginator).__name__} does not tell where a page starts; "
            "override get_start_index()"
        )
        raise ConfigurationError(msg)


def _get_pagination(body: object, rows: Sequence[object]) -> dict[str, object]:
    """Return all a paginator says of a page but the rows."""
    if not isinstance(body, Mapping):
        return {}
    page = cast("Mapping[str, object]", body)  # JSON objects have text keys
    return {key: value for key, value in page.items() if key != "results" and value is not rows}
