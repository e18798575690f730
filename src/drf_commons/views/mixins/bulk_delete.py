"""Many rows deleted by one request."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final, NotRequired, TypeAlias, TypedDict, cast

from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import QueryDict
from django.http.response import HttpResponseBase
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.exceptions import APIException, MethodNotAllowed, ValidationError
from rest_framework.relations import PrimaryKeyRelatedField
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer, Serializer
from typing_extensions import TypeVar, override

from drf_commons.bulk import bulk_delete, bulk_soft_delete
from drf_commons.bulk.querysets import get_writer
from drf_commons.response import success_response
from drf_commons.serializers.keys import build_key
from drf_commons.types import ErrorTree
from drf_commons.views.mixins.bulk import ROW_EXCEPTIONS, BulkMixin, as_row_error, raise_row_errors, show_row_errors
from drf_commons.views.mixins.crud import DestroyModelMixin
from drf_commons.views.mixins.soft_delete import SoftDestroyModelMixin

__all__ = ["BulkDeleteModelMixin", "DeleteReport"]

M = TypeVar("M", bound=Model, default=Any)

#: How many rows the form of a deletion offers.
_FORM_ROWS: Final = 100

#: Deletes the rows of a queryset that have some keys; returns the keys of those that were there.
_Delete: TypeAlias = Callable[[QuerySet[Any], Sequence[Any]], Iterable[Any]]
_Destroy: TypeAlias = Callable[[Any], object]

#: What destroys a single row without a say of the viewset's own.
_PLAIN: Final[Sequence[object]] = (
    DestroyModelMixin.perform_destroy,
    SoftDestroyModelMixin.perform_destroy,  # perform_bulk_destroy() knows what it does
    vars(mixins.DestroyModelMixin)["perform_destroy"],
)


class DeleteReport(TypedDict):
    """What became of a bulk deletion."""

    #: How many ids the request named.
    requested_count: int
    #: How many rows were there and are deleted.
    count: int
    #: The ids without a row, as texts, in the order of the request.
    missing_ids: list[str]
    missing_count: int
    #: In partial mode only: why rows are still there, by their position in the request.
    errors: NotRequired[Mapping[str, ErrorTree]]


class BulkDeleteModelMixin(BulkMixin[M]):
    """``DELETE`` or ``POST /articles/bulk-delete/`` and ``/articles/bulk-soft-delete/`` delete rows by their ids.

    The body is ``[1, 2]`` or ``{"ids": [1, 2]}``, and the answer a :class:`DeleteReport`: an id without a row, or one
    that the user cannot see, is missing and keeps nothing from being deleted. A viewset with a ``perform_destroy()`` of
    its own has it called for each row; otherwise rows go together, in one statement where nothing watches them.
    """

    @action(detail=False, methods=["delete", "post"], url_path="bulk-delete")
    def bulk_delete(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Delete the rows whose ids the body names."""
        return self.answer_once(request, lambda: self._delete(request, self.perform_bulk_destroy, self._get_destroy()))

    @action(detail=False, methods=["delete", "post"], url_path="bulk-soft-delete")
    def bulk_soft_delete(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Soft-delete the rows whose ids the body names."""
        if not self.offers_bulk_soft_delete():
            raise MethodNotAllowed(str(request.method))
        return self.answer_once(request, lambda: self._delete(request, self.perform_bulk_soft_destroy, None))

    def perform_bulk_destroy(self, queryset: QuerySet[M], pks: Sequence[Any]) -> list[Any]:
        """Delete the rows of *queryset* with these keys, and return the keys of those that were there.

        It is called where ``perform_destroy()`` is not the viewset's own.
        """
        if isinstance(self, SoftDestroyModelMixin):
            return self.perform_bulk_soft_destroy(queryset, pks)
        return bulk_delete(queryset, pks, chunk_size=self.get_bulk_batch_size())

    def perform_bulk_soft_destroy(self, queryset: QuerySet[M], pks: Sequence[Any]) -> list[Any]:
        """Soft-delete the rows of *queryset* with these keys, and return the keys of those that were there."""
        return bulk_soft_delete(queryset, pks, chunk_size=self.get_bulk_batch_size())

    def offers_bulk_soft_delete(self) -> bool:
        """Tell whether rows can be soft-deleted: as their model says, or in a way of the viewset's own."""
        own = type(self).perform_bulk_soft_destroy is not BulkDeleteModelMixin.perform_bulk_soft_destroy
        rows: Any = cast("Any", self).queryset  # its stubs allow a manager as well
        return own or hasattr((self.get_queryset() if rows is None else rows).model, "soft_delete")

    @property
    @override
    def allowed_methods(self) -> list[str]:
        """The methods that ``Allow`` names, and that forms are shown for."""
        methods = super().allowed_methods
        if self.action != "bulk_soft_delete" or self.offers_bulk_soft_delete():
            return methods
        return [method for method in methods if method == "OPTIONS"]

    @override
    def get_extra_action_url_map(self) -> dict[str, str]:
        """Return where the menu of the browsable API leads: to what is offered."""
        urls = super().get_extra_action_url_map()
        if urls and not self.offers_bulk_soft_delete():
            soft: Any = type(self).bulk_soft_delete
            urls.pop(type(self)(**soft.kwargs).get_view_name(), None)
        return urls

    def read_bulk_ids(self, data: object) -> list[Hashable | None]:
        """Return the keys that *data* names, ``None`` for one that no row can have; refuse what is no id at all."""
        items = self.read_bulk_items(_get_ids(data))
        queryset = self.get_queryset()
        key = build_key(queryset.model, "pk")
        keys = [key.parse(item) for item in items]
        message = PrimaryKeyRelatedField.default_error_messages["incorrect_type"]
        raise_row_errors(
            {
                index: ValidationError([message.format(data_type=type(item).__name__)], code="incorrect_type")
                for index, item in enumerate(items)
                if keys[index] is None
            }
        )
        return [pk if pk is not None and key.can_hold(pk, queryset.db) else None for pk in keys]

    @override
    def get_form_serializer(self, **kwargs: Any) -> BaseSerializer[Any] | None:
        """Return a form in which the rows to delete are chosen."""
        if self.action not in {"bulk_delete", "bulk_soft_delete"}:
            return super().get_form_serializer(**kwargs)
        return _ChosenRows(self.get_bulk_queryset(), **kwargs)

    def _get_destroy(self) -> _Destroy | None:
        """Return the viewset's own way to destroy a row; ``None`` when it has none."""
        own = getattr(type(self), "perform_destroy", None)
        return None if own is None or own in _PLAIN else cast("Any", self).perform_destroy

    def _delete(self, request: Request, delete: _Delete, destroy: _Destroy | None) -> Response:
        asked = self.check_action_permissions(request, "DELETE")
        body = cast("object", request.data)
        pks = self.read_bulk_ids(body)
        deletion = _Deletion(self, self.get_bulk_queryset(), delete, destroy)
        found = deletion.run(asked, {pk: index for index, pk in reversed([*enumerate(pks)]) if pk is not None})
        known = found | {pks[index] for index in deletion.errors}
        ids = cast("list[object]", _get_ids(body))  # read_bulk_ids() has seen to it
        missing = [*dict.fromkeys(str(item) for item, pk in zip(ids, pks, strict=True) if pk not in known)]
        report = DeleteReport(
            requested_count=len(pks), count=len(found), missing_ids=missing, missing_count=len(missing)
        )
        if self.bulk_mode == "atomic":
            return success_response(report, self.get_success_message())
        report["errors"] = show_row_errors(deletion.errors)
        return success_response(report, self.get_success_message(), status_code=status.HTTP_207_MULTI_STATUS)


class _ChosenRows(Serializer[Any]):
    """The form of a deletion; the actions read what it sends by themselves."""

    def __init__(self, rows: QuerySet[Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fields["ids"] = PrimaryKeyRelatedField(many=True, queryset=rows, html_cutoff=_FORM_ROWS)


class _Deletion:
    """One request's work on the rows."""

    def __init__(
        self, view: BulkDeleteModelMixin[Any], queryset: QuerySet[Any], delete: _Delete, destroy: _Destroy | None
    ) -> None:
        self.view = view
        self.queryset = get_writer(queryset)
        self.using = self.queryset.db
        self.delete = delete
        self.destroy = destroy
        #: In partial mode: why rows are still there, by their position in the request.
        self.errors: dict[int, APIException] = {}

    def run(self, request: Request, positions: Mapping[Any, int]) -> set[Any]:
        """Delete the rows with the keys of *positions*; return the keys of those that were there."""
        with transaction.atomic(self.using):
            if self.destroy is None and not self.view.has_object_permissions():
                return self.delete_keys(positions)
            found = self.view.find_bulk_rows(self.queryset, [*positions])
            rows = dict(sorted((positions[row.pk], row) for row in found))
            self.errors = self.view.find_forbidden(request, rows)
            if self.view.bulk_mode == "atomic":
                raise_row_errors(self.errors)
            allowed = {row.pk: (index, row) for index, row in rows.items() if index not in self.errors}
            if self.destroy is None:
                return self.delete_keys({pk: index for pk, (index, _) in allowed.items()})
            destroy = self.destroy
            return {pk for pk, (index, row) in allowed.items() if self.attempt(index, partial(destroy, row))}

    def delete_keys(self, positions: Mapping[Any, int]) -> set[Any]:
        """Delete rows together; in partial mode one by one where one of them keeps the others."""
        if self.view.bulk_mode == "atomic":
            return {*self.delete(self.queryset, [*positions])}
        try:
            with transaction.atomic(self.using):
                return {*self.delete(self.queryset, [*positions])}
        except ROW_EXCEPTIONS:
            found: set[Any] = set()
            for pk, index in positions.items():
                self.attempt(index, partial(self.delete_key, pk, found))
            return found

    def delete_key(self, pk: Any, found: set[Any]) -> None:
        """Delete one row by itself; add its key to *found* when it was there."""
        found.update(self.delete(self.queryset, [pk]))

    def attempt(self, index: int, job: Callable[[], object]) -> bool:
        """Do *job*, which is about one row; in partial mode undo what fails, and note why."""
        if self.view.bulk_mode == "atomic":
            job()
            return True
        try:
            with transaction.atomic(self.using):
                job()
        except ROW_EXCEPTIONS as exc:
            self.errors[index] = as_row_error(exc)
            return False
        return True


def _get_ids(body: object) -> object:
    """Return what the body names as ids, whatever it is."""
    if not isinstance(body, Mapping):
        return body
    data = cast("Mapping[str, object]", body)  # JSON objects have text keys
    if "ids" not in data:
        raise ValidationError({"ids": [PrimaryKeyRelatedField.default_error_messages["required"]]}, code="required")
    return data.getlist("ids") if isinstance(data, QueryDict) else data["ids"]
