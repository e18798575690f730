"""The rows of a bulk request: how they are read and written together, and what is said of each in the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NotRequired, TypedDict, cast

from django.db import transaction
from django.db.models import Model, QuerySet
from rest_framework import status
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from drf_commons.bulk.querysets import get_writer
from drf_commons.errors import BulkVersionConflictError
from drf_commons.models.content import VersionMixin
from drf_commons.response import success_response
from drf_commons.serializers import BulkListSerializer, RowOutcome
from drf_commons.types import ErrorTree
from drf_commons.views.mixins.bulk import BulkMixin, as_row_error, raise_row_errors, show_error
from drf_commons.views.mixins.preconditions import PreconditionRequiredError

__all__ = ["BulkReport", "BulkWrite", "RowReport"]

_NO_VERSION: Final = "Say which version was read: send it as version."


class RowReport(TypedDict):
    """What became of one row in partial mode."""

    #: The position of the row in the request.
    index: int
    #: The status that the row alone would have been answered with.
    status: int
    #: The row as it is now, where the viewset returns data.
    data: NotRequired[Any]
    errors: NotRequired[ErrorTree]


class BulkReport(TypedDict):
    """What became of a bulk request in partial mode."""

    requested_count: int
    #: How many rows were written.
    count: int
    failed_count: int
    #: One entry for each row of the request, in its order.
    rows: Sequence[RowReport]


class BulkWrite:
    """One request's work: the rows that its items are about, read, checked and written."""

    def __init__(
        self,
        view: BulkMixin[Any],
        request: Request,
        *,
        rows: QuerySet[Any] | None,
        use_save: bool,
        upsert_fields: Sequence[str] = (),
    ) -> None:
        self.view = view
        self.request = request
        self.items: list[object] = view.read_bulk_items(request.data)
        self.outcomes: Sequence[RowOutcome] = ()
        model = view.get_queryset().model
        writer: QuerySet[Any] = get_writer(model._default_manager.all() if rows is None else rows)
        self.using: str = writer.db
        self.serializer: BulkListSerializer[Any] = self.build_serializer(None if rows is None else writer)
        self.serializer.chunk_size = view.get_bulk_batch_size()
        self.serializer.lock = view.bulk_select_for_update
        self.serializer.savepoint = False  # run() has one around it all
        self.serializer.upsert_fields = upsert_fields
        self.serializer.use_save = use_save

    def build_serializer(self, rows: QuerySet[Any] | None) -> BulkListSerializer[Any]:
        """Return the viewset's serializer of a list; one that cannot write rows together is put into one that can."""
        is_partial = self.request.method == "PATCH"
        serializer: object = self.view.get_serializer(rows, data=self.items, many=True, partial=is_partial)
        if isinstance(serializer, BulkListSerializer):
            return cast("BulkListSerializer[Any]", serializer)
        return BulkListSerializer(
            rows,
            data=self.items,
            child=self.view.get_serializer(partial=is_partial),
            partial=is_partial,
            context=self.view.get_serializer_context(),
        )

    def run(self, perform: Callable[[Any], object], *, returns_data: bool) -> Response:
        """Read, check and write the rows, *perform* doing the last; return the answer.

        In atomic mode whatever is wrong is raised, and nothing is written.
        """
        with transaction.atomic(self.using):
            if self.view.bulk_mode == "partial":
                errors = self.write_valid(perform)
            else:
                self.write_all(perform)
                errors = None
        data: Sequence[object] | None = self.serializer.data if returns_data else None
        message = self.view.get_success_message()
        if errors is None:
            is_new = any(row is None for row in self.serializer.find_instances())
            code = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
            return success_response(data, message, status_code=code)
        return success_response(self.report(errors, data), message, status_code=status.HTTP_207_MULTI_STATUS)

    def write_all(self, perform: Callable[[Any], object]) -> None:
        """Write every row, or raise what keeps one of them from being written."""
        rows = self.find_stored()
        raise_row_errors(self.find_forbidden(rows))
        if not self.serializer.is_valid():
            raise ValidationError({str(index): detail for index, detail in self.serializer.row_errors.items()})
        try:
            perform(self.serializer)
        except BulkVersionConflictError as exc:
            positions = {row.pk: index for index, row in rows.items()}
            raise_row_errors({positions[conflict.pk]: as_row_error(conflict) for conflict in exc.conflicts})

    def write_valid(self, perform: Callable[[Any], object]) -> dict[int, APIException]:
        """Write the rows that can be written; return what is wrong with the others."""
        forbidden = self.find_forbidden(self.find_stored())
        for index, error in forbidden.items():
            self.serializer.refuse(index, ValidationError(show_error(error)))
        self.serializer.is_valid()
        saving = _SavingValid(self.serializer)
        perform(saving)
        self.outcomes = saving.outcomes
        errors = {row.index: as_row_error(row.error) for row in self.outcomes if row.error is not None}
        return {**errors, **forbidden}

    def find_stored(self) -> dict[int, Model]:
        """Return the rows that are there already, by the position of their items."""
        return {index: row for index, row in enumerate(self.serializer.find_instances()) if row is not None}

    def find_forbidden(self, rows: Mapping[int, Model]) -> dict[int, APIException]:
        """Return which of *rows* the user may not change, or may not without saying which version was read."""
        if not rows:
            return {}
        request = self.request
        if request.method == "POST":
            request = self.view.check_action_permissions(request, "PUT")
        forbidden = self.view.find_forbidden(request, rows)
        if getattr(self.view, "require_if_match", False):
            for index, row in rows.items():
                item = cast("Mapping[str, object]", self.items[index])  # an item that is none has no row
                if isinstance(row, VersionMixin) and item.get("version") is None:
                    forbidden.setdefault(index, PreconditionRequiredError(_NO_VERSION))
        return forbidden

    def report(self, errors: Mapping[int, APIException], data: Sequence[object] | None) -> BulkReport:
        """Return what became of each row."""
        shown = iter(data or ())
        rows: list[RowReport] = []
        for outcome in self.outcomes:
            error = errors.get(outcome.index)
            if error is not None:
                rows.append(RowReport(index=outcome.index, status=error.status_code, errors=show_error(error)))
                continue
            code = status.HTTP_201_CREATED if outcome.is_new else status.HTTP_200_OK
            row = RowReport(index=outcome.index, status=code)
            if data is not None:
                row["data"] = next(shown)
            rows.append(row)
        return BulkReport(requested_count=len(rows), count=len(rows) - len(errors), failed_count=len(errors), rows=rows)


class _SavingValid:
    """What a hook of the viewset is given in partial mode: a serializer whose ``save()`` writes the valid rows."""

    def __init__(self, serializer: BulkListSerializer[Any]) -> None:
        self.serializer = serializer
        self.outcomes: Sequence[RowOutcome] = ()

    def save(self, **kwargs: Any) -> list[Any]:
        """Write what is valid, with *kwargs* on top of each row; return the rows written."""
        self.outcomes = self.serializer.save_valid(**kwargs)
        return [outcome.instance for outcome in self.outcomes if outcome.instance is not None]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.serializer, name)
