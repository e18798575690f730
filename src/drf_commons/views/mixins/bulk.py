"""What the bulk actions have in common: their limits, their rows, and who may touch them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, ClassVar, Final, Literal, TypeAlias, cast

from django.core.exceptions import PermissionDenied
from django.db.models import Model, ProtectedError, QuerySet, RestrictedError
from django.http import Http404
from rest_framework import exceptions, status
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.permissions import BasePermission
from rest_framework.request import Request, clone_request
from rest_framework.serializers import BaseSerializer
from rest_framework.settings import api_settings
from rest_framework.views import APIView
from typing_extensions import TypeVar, override

from drf_commons.bulk.querysets import lock_rows
from drf_commons.conf import get_settings
from drf_commons.errors import VersionConflictError
from drf_commons.response import EnvelopeError, translate_exception
from drf_commons.serializers.keys import build_key
from drf_commons.views.mixins.idempotency import IdempotencyMixin

__all__ = [
    "FORM_ROWS",
    "ROW_EXCEPTIONS",
    "BulkMixin",
    "BulkMode",
    "RowErrors",
    "as_row_error",
    "index_errors",
    "raise_row_errors",
    "show_error",
    "show_row_errors",
]

M = TypeVar("M", bound=Model, default=Any)

#: Whether one bad row keeps the others from being written.
BulkMode: TypeAlias = Literal["atomic", "partial"]

#: What is wrong with rows of a request, by their position in it.
RowErrors: TypeAlias = Mapping[int, APIException]

#: What a single row may raise without being the server's fault.
ROW_EXCEPTIONS: Final = (
    APIException,
    Http404,
    PermissionDenied,
    ProtectedError,
    RestrictedError,
    VersionConflictError,
)

#: How many rows the form of a change shows.
FORM_ROWS: Final = 3

_NOT_A_LIST: Final = 'Expected a list of items but got type "{kind}".'
_EMPTY: Final = "This list may not be empty."


class TooManyItemsError(EnvelopeError):
    """A bulk request carries more items than the viewset takes."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_many_items"


class BulkMixin(IdempotencyMixin[M]):
    """The options of the bulk actions."""

    #: How many rows one statement takes; ``COMMON["BULK_OPERATION_BATCH_SIZE"]`` when it is ``None``.
    bulk_batch_size: ClassVar[int | None] = None
    #: How many items one request may carry, else it is a 413; ``COMMON["BULK_MAX_ITEMS"]`` when it is ``None``.
    bulk_max_items: ClassVar[int | None] = None
    #: ``"atomic"`` writes all rows or none, ``"partial"`` writes the good ones and answers 207 with a report on each.
    bulk_mode: ClassVar[BulkMode] = "atomic"
    #: Whether rows are locked from when they are read until they are written.
    bulk_select_for_update: ClassVar[bool] = False

    @override
    def get_object(self) -> M:
        """Return the row of the address; where there is none, OPTIONS gets a new one to describe a PUT with."""
        if self.action == "metadata" and (self.lookup_url_kwarg or self.lookup_field) not in self.kwargs:
            return self.get_queryset().model()
        return super().get_object()

    def get_bulk_batch_size(self) -> int:
        """Return how many rows one statement takes."""
        return get_settings().BULK_OPERATION_BATCH_SIZE if self.bulk_batch_size is None else self.bulk_batch_size

    def get_bulk_max_items(self) -> int:
        """Return how many items one request may carry."""
        return get_settings().BULK_MAX_ITEMS if self.bulk_max_items is None else self.bulk_max_items

    def get_bulk_queryset(self) -> QuerySet[M]:
        """Return the rows that a bulk action may reach: those that the list shows, whatever the page."""
        return self.filter_queryset(self.get_queryset())

    def read_bulk_items(self, data: object) -> list[object]:
        """Return the items of *data*; refuse what is no list, an empty list, and one that is too long."""
        if not isinstance(data, list):
            raise _refuse_list(_NOT_A_LIST.format(kind=type(data).__name__), "not_a_list")
        items = cast("list[object]", data)
        if not items:
            raise _refuse_list(_EMPTY, "empty")
        limit = self.get_bulk_max_items()
        if len(items) > limit:
            msg = f"The request has {len(items)} items; at most {limit} may be sent at once."
            raise TooManyItemsError(msg, max_items=limit)
        return items

    def has_object_permissions(self) -> bool:
        """Tell whether anybody has a say in who may touch which row."""
        return _overrides_check(self) or any(map(_asks_for_objects, self.get_permissions()))

    def find_forbidden(self, request: Request, rows: Mapping[int, M]) -> dict[int, APIException]:
        """Return what keeps the user from touching some of *rows*, by their keys.

        The permissions are made once, and those that do not look at rows are left out: a thousand rows cost no more
        than the calls themselves.
        """
        forbidden: dict[int, APIException] = {}
        for check in self._build_object_checks(request):
            for index, row in rows.items():
                if index not in forbidden:
                    try:
                        check(row)
                    except ROW_EXCEPTIONS as exc:
                        forbidden[index] = as_row_error(exc)
        return forbidden

    def _build_object_checks(self, request: Request) -> list[Callable[[M], None]]:
        """Return what raises for rows that the user may not touch."""
        if _overrides_check(self):
            return [partial(self.check_object_permissions, request)]
        return [
            partial(self._check_permission, permission, request)
            for permission in self.get_permissions()
            if _asks_for_objects(permission)
        ]

    def _check_permission(self, permission: Any, request: Request, row: M) -> None:
        if not permission.has_object_permission(request, self, row):
            message, code = getattr(permission, "message", None), getattr(permission, "code", None)
            self.permission_denied(request, message=message, code=code)

    @override
    def get_form_serializer(self, **kwargs: Any) -> BaseSerializer[Any] | None:
        """Return a list as the form: an empty item to create, and the first rows of the list to change."""
        match self.action:
            case "bulk_create":
                return self.get_serializer(many=True)
            case "bulk_update":
                return self.get_serializer(self.find_form_rows() or None, many=True)
            case _:
                return super().get_form_serializer(**kwargs)

    def find_form_rows(self) -> list[M]:
        """Return the rows that the form of a change starts with: none for who may not read or change them."""
        try:
            self.check_action_permissions(self.request, "GET")
        except APIException:
            return []
        rows = dict(enumerate(self.get_bulk_queryset()[:FORM_ROWS]))
        forbidden = self.find_forbidden(self.request, rows) if self.has_object_permissions() else {}
        return [row for index, row in rows.items() if index not in forbidden]

    def find_bulk_rows(self, queryset: QuerySet[M], keys: Iterable[Any], *, path: str = "pk") -> list[M]:
        """Return the rows of *queryset* that hold one of *keys* at *path*, locked where the viewset says so."""
        column = build_key(queryset.model, path)
        known = [key for key in keys if column.can_hold(key, queryset.db)]
        size = self.get_bulk_batch_size()
        chunks = [known[start : start + size] for start in range(0, len(known), size)]
        parts = (queryset.filter(**{f"{path}__in": chunk}) for chunk in chunks)
        return [row for part in parts for row in (lock_rows(part) if self.bulk_select_for_update else part)]

    def check_action_permissions(self, request: Request, method: str) -> Request:
        """Check that the user may do what *method* stands for, whatever the request was sent with; return it as such.

        Permissions that go by the method, as ``DjangoModelPermissions`` do, take a POST for an addition.
        """
        if request.method == method:
            return request
        asked = clone_request(request, method)
        self.check_permissions(asked)
        return asked


def as_row_error(exc: Exception) -> APIException:
    """Return what DRF would answer *exc* with."""
    match translate_exception(exc):
        case Http404():
            return exceptions.NotFound()
        case PermissionDenied():
            return exceptions.PermissionDenied()
        case APIException() as error:
            return error
        case _:  # an exception of a view's own, which is not about one row
            raise exc


def raise_row_errors(errors: RowErrors) -> None:
    """Raise *errors* as one of the first one's kind, with the positions of their rows; none raise nothing."""
    if errors:
        first = errors[min(errors)]
        detail: Any = show_row_errors(errors)
        first.detail = detail
        raise first


def show_error(error: APIException) -> Any:
    """Return what is wrong with a row, as DRF shows it of a single one."""
    detail: object = error.detail
    return detail if isinstance(detail, dict | list) else {"detail": detail}


def show_row_errors(errors: RowErrors) -> dict[str, Any]:
    """Return what is wrong with each row, by position."""
    return {str(index): show_error(error) for index, error in sorted(errors.items())}


def index_errors(errors: object) -> dict[int, Any]:
    """Return the *errors* of a list serializer by position, whichever way DRF is set to shape them."""
    match errors:
        case Mapping():
            items = cast("Mapping[object, object]", errors).items()
            return {int(str(index)): error for index, error in items if error}
        case list():
            return {index: error for index, error in enumerate(cast("list[object]", errors)) if error}
        case _:
            return {}


def _refuse_list(message: str, code: str) -> ValidationError:
    return ValidationError({api_settings.NON_FIELD_ERRORS_KEY: [message]}, code=code)


def _overrides_check(view: APIView) -> bool:
    return type(view).check_object_permissions is not APIView.check_object_permissions


def _asks_for_objects(permission: Any) -> bool:
    """Tell whether *permission* looks at rows; DRF's own base class says yes to all."""
    method = getattr(permission.has_object_permission, "__func__", None)
    return method is not BasePermission.has_object_permission
