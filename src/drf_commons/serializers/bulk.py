"""``many=True`` that writes: many rows read, matched and saved with a fixed number of queries."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Generic, cast

from django.core.exceptions import ObjectDoesNotExist
from django.db import DataError, IntegrityError, router, transaction
from django.db.models import Model
from django.db.models.manager import BaseManager
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ValidationError
from rest_framework.serializers import ModelSerializer, Serializer
from rest_framework.settings import api_settings
from rest_framework.utils import html
from rest_framework.utils.serializer_helpers import ReturnList
from typing_extensions import TypeVar, override

from drf_commons.errors import BulkVersionConflictError, VersionConflictError
from drf_commons.serializers.batches import BatchReader
from drf_commons.serializers.matching import Matched, match_by_columns, match_by_key
from drf_commons.serializers.nested import NestingSerializer
from drf_commons.serializers.plain_output import represent_rows
from drf_commons.serializers.prefetch import find_related_paths
from drf_commons.serializers.rows import Row, fail_at
from drf_commons.serializers.rules import Outcome
from drf_commons.serializers.shaped import BaseListSerializer
from drf_commons.serializers.writes import TreeWriter, has_own_writes
from drf_commons.types import StrOrPromise

__all__ = ["BulkListSerializer", "BulkUpdateListSerializer", "RowOutcome"]

T = TypeVar("T", default=Any)
Data_co = TypeVar("Data_co", covariant=True, default=dict[str, Any])
ValidatedData_co = TypeVar("ValidatedData_co", covariant=True, default=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class RowOutcome:
    """What became of one row of the payload."""

    index: int
    #: The row as it was written; ``None`` where it was not.
    instance: Model | None = None
    #: Whether it was made.
    is_new: bool = False
    #: What kept it from being written: a ``ValidationError``, or a version conflict.
    error: ValidationError | VersionConflictError | None = None


class BulkListSerializer(BaseListSerializer[T, Data_co, ValidatedData_co], Generic[T, Data_co, ValidatedData_co]):
    """Creates or updates many rows: ``S(data=[…], many=True)`` or ``S(queryset, data=[…], many=True)``.

    An update finds its rows in *queryset* (or a list of rows) by their primary key, never by position; a key that is
    missing, unknown or named twice is an error of its row, and is never assigned. Each row writes what it sent. What
    ``save()`` returns is in the order of the payload.

    Validation gives what DRF's own gives row by row, with ``instance`` and ``initial_data`` of the child set to those
    of the row; related rows and uniqueness are looked up once for the payload. Rows are written with
    :func:`drf_commons.bulk.bulk_create` and ``bulk_update`` unless something has to be called for each of them: a
    ``create()``, ``update()`` or ``Model.save()`` of your own, or receivers of its signals.

    The options are attributes, to be set before ``is_valid()``, or in a subclass for ``Meta.list_serializer_class``.
    """

    default_error_messages: ClassVar[dict[str, StrOrPromise]] = {
        "conflict": _("This contradicts rows that are stored already, or does not fit its column."),
        "version": _("A valid integer is required."),
    }

    #: Whether the rows of an update are locked from when they are read; needs a transaction around it all.
    lock: bool = False
    #: Whether each row is saved by the serializer's ``create()`` or ``update()``, with ``save()`` and its signals.
    use_save: bool = False
    #: Whether ``save()`` can be taken back by itself inside a transaction of yours. Without it a failed save leaves
    #: nothing to do but to roll back the whole transaction, which spares two queries.
    savepoint: bool = True
    #: How many rows one statement takes; ``COMMON["BULK_OPERATION_BATCH_SIZE"]`` when it is ``None``.
    chunk_size: int | None = None
    #: Names of fields that tell rows apart instead of the primary key: a row that is not found is created.
    upsert_fields: Sequence[str] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # pyright: ignore[reportUnknownMemberType]  # the stubs leave the child's types open
        self._payload: list[Any] | None = None
        self._matched: Matched | None = None
        self._refused: dict[int, ValidationError] = {}
        self._conflicts: dict[int, VersionConflictError] = {}
        self._outcomes: list[Outcome] | None = None
        self._next = 0
        self._written: list[Model] | None = None

    # Which rows the payload is about

    def find_instances(self) -> list[Any]:
        """Return the row that each item of the payload is about, ``None`` for a new one and for one with an error.

        They are read with one query, and may be asked for before ``is_valid()``: to see who may touch them.
        """
        return self._find().instances

    def refuse(self, index: int, error: ValidationError) -> None:
        """Have the row at *index* reported with *error*; to be called before ``is_valid()``."""
        self._refused[index] = error

    def _find(self) -> Matched:
        if self._matched is None:
            items = self._get_items()
            child = self._row_serializer
            if self.instance is None:
                self._matched = Matched(instances=[None] * len(items))
            elif self.upsert_fields:
                self._matched = match_by_columns(child, self.instance, items, self.upsert_fields, lock=self.lock)
            else:
                self._matched = match_by_key(child, self.instance, items, lock=self.lock)
        return self._matched

    @property
    def _row_serializer(self) -> Any:
        """The serializer of one row; the stubs leave its type open."""
        return cast("Any", self).child

    def _get_items(self) -> list[Any]:
        if self._payload is not None:
            return self._payload
        data: Any = getattr(self, "initial_data", None)
        if html.is_html_input(data):
            data = html.parse_html_list(data, default=[])
        self._payload = data if isinstance(data, list) else []
        return self._payload

    # Reading

    @override
    def to_internal_value(self, data: Any) -> Any:
        """Return the validated data of every row, or raise what is wrong by position, as DRF does."""
        if html.is_html_input(data):
            data = html.parse_html_list(data, default=[])
        self._payload = data if isinstance(data, list) else []
        self._outcomes = None
        self._next = 0
        own: Any = self  # the stubs do not know its limits
        if self._payload and self._reads_together() and own.max_length is None and own.min_length is None:
            self._outcomes = self._read(self._payload)
            if not any(issubclass(kind, ValidationError) for kind in {*map(type, self._outcomes)}):
                return [*self._outcomes]  # DRF would ask for them one by one
        return super().to_internal_value(data)

    @override
    def run_child_validation(self, data: Any) -> Any:
        """Return the validated data of the next row; all of them are read with the first one."""
        if self._outcomes is None:
            if self._payload is None or not self._reads_together():
                return super().run_child_validation(data)
            self._outcomes = self._read(self._payload)
        outcome = self._outcomes[self._next]
        self._next += 1
        if isinstance(outcome, ValidationError):
            raise outcome
        return outcome

    def _reads_together(self) -> bool:
        """Tell whether all rows are read at once, which takes a serializer, and no way of a subclass's own."""
        own = type(self).run_child_validation is not BulkListSerializer.run_child_validation
        return not own and isinstance(self._row_serializer, Serializer)

    @property
    def row_errors(self) -> dict[int, Any]:
        """What is wrong with the rows, by position; of the list as such see ``errors``."""
        outcomes = self._outcomes or []
        return {index: row.detail for index, row in enumerate(outcomes) if isinstance(row, ValidationError)}

    def _read(self, items: list[Any]) -> list[Outcome]:
        instances = self._find().instances
        failed = {**self._find().errors, **self._refused}
        outcomes: list[Any] = [failed.get(index) for index in range(len(items))]
        rows = [index for index in range(len(items)) if index not in failed]
        if not {*map(type, items)} <= {dict}:
            for index in rows:
                if not isinstance(items[index], Mapping):
                    try:
                        outcomes[index] = self._row_serializer.run_validation(items[index])
                    except ValidationError as exc:
                        outcomes[index] = exc
            rows = [index for index in rows if isinstance(items[index], Mapping)]
        for group in self._split(rows, instances):
            with self._in_full(all(instances[index] is None for index in group)):
                reader = BatchReader(self._row_serializer, [items[i] for i in group], [instances[i] for i in group])
                for index, outcome in zip(group, reader.read(), strict=True):
                    outcomes[index] = outcome
        self._check_versions(items, instances, outcomes)
        return outcomes

    def _split(self, rows: list[int], instances: Sequence[Model | None]) -> list[list[int]]:
        """Return *rows*, new ones apart from stored ones where there may be both."""
        if not self.upsert_fields:
            return [rows] if rows else []
        stored = [index for index in rows if instances[index] is not None]
        new = [index for index in rows if instances[index] is None]
        return [group for group in (stored, new) if group]

    @contextmanager
    def _in_full(self, is_new: bool) -> Generator[None]:
        """Require of new rows what is required, whatever an update of others may leave out."""
        root: Any = self._row_serializer.root
        before = root.partial
        root.partial = before and not (is_new and self.upsert_fields)
        try:
            yield
        finally:
            root.partial = before

    def _check_versions(self, items: Sequence[Any], instances: Sequence[Any], outcomes: list[Any]) -> None:
        """Note which rows have another version than their item says, as ``version``, that they were read with."""
        if not any(hasattr(kind, "check_version") for kind in {*map(type, instances)}):
            return
        for index, instance in enumerate(instances):
            if instance is None or isinstance(outcomes[index], ValidationError):
                continue
            version = items[index].get("version")
            if version is None:
                continue
            if isinstance(version, bool) or not str(version).isdecimal():
                outcomes[index] = ValidationError({"version": [self.error_messages["version"]]}, code="invalid")
                continue
            try:
                instance.check_version(int(str(version)))
            except VersionConflictError as exc:
                self._conflicts[index] = exc

    # Writing

    @override
    def save(self, **kwargs: Any) -> list[T]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]  # a list has rows where the stubs have one of them
        """Write all rows, with *kwargs* on top of each, or none; return them in the order of the payload.

        Raises :class:`~drf_commons.errors.BulkVersionConflictError` when some have another version than was read.
        """
        assert hasattr(self, "_errors"), "You must call `.is_valid()` before calling `.save()`."  # noqa: S101  # as DRF
        assert self.is_valid(), "You cannot call `.save()` on a serializer with invalid data."  # noqa: S101  # as DRF
        if self._conflicts:
            raise BulkVersionConflictError([*self._conflicts.values()])
        with transaction.atomic(self._get_database(), savepoint=self.savepoint):
            written = super().save(**kwargs)
        self._written = cast("list[Model]", written)
        return written

    @override
    def create(self, validated_data: Any) -> Any:
        """Write a new row for each of *validated_data*."""
        rows = [Row(attrs={**attrs}, path=(index,), is_root=True) for index, attrs in enumerate(validated_data)]
        return self._write(rows)

    @override
    def update(self, instance: Any, validated_data: Any) -> Any:
        """Write each of *validated_data* over the row it is about."""
        instances = self.find_instances()
        rows = [
            Row(attrs=self._leave_key_out(attrs, row), path=(index,), instance=row, is_root=True)
            for index, (attrs, row) in enumerate(zip(validated_data, instances, strict=True))
        ]
        return self._write(rows)

    def save_valid(self, **kwargs: Any) -> list[RowOutcome]:
        """Write the rows that are valid, with *kwargs* on top of each; tell what became of every one.

        What only the database can refuse is found by halves, inside savepoints, and takes no other row with it.
        """
        outcomes = self._outcomes or []
        report = {
            index: RowOutcome(index=index, error=outcome)
            for index, outcome in enumerate(outcomes)
            if isinstance(outcome, ValidationError)
        }
        report |= {index: RowOutcome(index=index, error=exc) for index, exc in self._conflicts.items()}
        instances = self.find_instances()
        rows = [
            Row(
                attrs=self._leave_key_out({**cast("dict[str, Any]", outcome), **kwargs}, instances[index]),
                path=(index,),
                instance=instances[index],
                is_root=True,
            )
            for index, outcome in enumerate(outcomes)
            if index not in report
        ]
        if rows:
            with transaction.atomic(self._get_database()):
                self._write_halves(rows, report)
        shown = [report[index] for index in range(len(outcomes))]
        self._written = [row.instance for row in shown if row.instance is not None]
        self.instance: Any = self._written
        return shown

    def _write_halves(self, rows: list[Row], report: dict[int, RowOutcome]) -> None:
        copies = [replace(row, attrs={**row.attrs}) for row in rows]
        try:
            with transaction.atomic(self._get_database()):
                self._write(copies)
        except (ValidationError, VersionConflictError) as exc:
            if len(rows) > 1:
                middle = len(rows) // 2
                self._write_halves(rows[:middle], report)
                self._write_halves(rows[middle:], report)
            else:
                index = cast("int", rows[0].path[0])
                report[index] = RowOutcome(index=index, error=_unwrap(exc, index))
        else:
            for row in copies:
                index = cast("int", row.path[0])
                report[index] = RowOutcome(index=index, instance=row.written, is_new=row.is_new)

    def _write(self, rows: Sequence[Row]) -> list[Model]:
        """Write *rows*: in sets, or each by itself where something wants to be called for each."""
        child = self._row_serializer
        with self._reporting():
            if self.use_save or not issubclass(type(child), NestingSerializer) or has_own_writes(child):
                before = child.instance
                for row in rows:
                    child.instance = row.instance
                    try:
                        row.save_with(child)
                    except ObjectDoesNotExist:  # a row with a version that is gone
                        fail_at((*row.path, "id"), "does_not_exist", pk_value=row.written.pk)
                child.instance = before
            else:
                TreeWriter(self._get_database(), chunk_size=self.chunk_size).write_tree(child, rows)
        return [row.written for row in rows]

    @contextmanager
    def _reporting(self) -> Generator[None]:
        """Report as bad input what the database will not store."""
        try:
            yield
        except (DataError, IntegrityError) as exc:
            detail = {api_settings.NON_FIELD_ERRORS_KEY: [self.error_messages["conflict"]]}
            raise ValidationError(detail, code="conflict") from exc

    def _leave_key_out(self, attrs: Mapping[str, Any], instance: Model | None) -> dict[str, Any]:
        """Return *attrs* without the key of a stored row: it names the row, and is never assigned."""
        if instance is not None:
            pk = instance._meta.pk
            if "pk" in attrs or pk.name in attrs or pk.attname in attrs:
                return {name: value for name, value in attrs.items() if name not in {"pk", pk.name, pk.attname}}
        return {**attrs}

    def _get_database(self) -> str:
        child = self._row_serializer
        model: Any = getattr(getattr(child, "Meta", None), "model", None)
        if not isinstance(child, ModelSerializer) or model is None:
            return router.db_for_write(Model)
        first = next((row for row in self.find_instances() if row is not None), None)
        return router.db_for_write(model, **({} if first is None else {"instance": first}))

    # Output

    @override
    def to_representation(self, data: Any) -> Any:
        """Return the rows as the child shows each of them."""
        child = cast("Any", self).child
        if not isinstance(child, Serializer):
            return super().to_representation(data)
        return represent_rows(cast("Any", child), [*(data.all() if isinstance(data, BaseManager) else data)])

    @property
    @override
    def data(self) -> list[Data_co]:  # type: ignore[override]  # the stubs have a list of anything
        """The rows as the client sees them; after a save those that were written, with one query for each relation."""
        if self._written is None:
            return super().data
        if not hasattr(self, "_shown"):
            find_related_paths(self).fetch(self._written)
            self._shown = ReturnList(self.to_representation(self._written), serializer=self)
        return self._shown


class BulkUpdateListSerializer(BulkListSerializer[T, Data_co, ValidatedData_co], Generic[T, Data_co, ValidatedData_co]):
    """The same under its older name, for ``Meta.list_serializer_class``."""


def _unwrap(error: ValidationError | VersionConflictError, index: int) -> ValidationError | VersionConflictError:
    """Return *error* as the row itself would report it."""
    detail: Any = error.detail if isinstance(error, ValidationError) else ()
    return ValidationError(detail[index]) if index in detail else error
