"""Set-based updates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, TypeAlias, TypeVar
from uuid import UUID

from asgiref.sync import sync_to_async
from django.core.exceptions import EmptyResultSet
from django.db import connections, models, transaction
from django.db.models import sql

from drf_commons.bulk.columns import FieldAny, UnsupportedError, build_column, read_columns, read_keys, read_values
from drf_commons.bulk.engines import Condition, Engine, get_engine
from drf_commons.bulk.querysets import build_condition, get_chunk_size, get_writer
from drf_commons.bulk.related import check_related
from drf_commons.bulk.stamps import fill_updated, remember_written, run_pre_saves
from drf_commons.bulk.versions import Versions, find_versions

__all__ = ["abulk_update", "bulk_update"]

M = TypeVar("M", bound=models.Model)

_QUERYSET: Final[type[models.QuerySet[Any]]] = models.QuerySet

#: For each field which rows name it, ``None`` for all of them.
Masks: TypeAlias = Mapping[FieldAny, Sequence[bool] | None]


def bulk_update(
    queryset: models.QuerySet[M],
    objs: Iterable[M],
    fields: Iterable[str],
    *,
    present: Sequence[Collection[str]] | None = None,
    chunk_size: int | None = None,
) -> int:
    """Write *fields* of *objs* with one statement for each chunk; return how many rows were found.

    It is ``queryset.bulk_update(objs, fields)`` at the speed of the database, and it writes what ``save()`` would:
    text that is too long is an error and never cut, files are stored, and the audit columns are filled in unless
    *fields* names them. Only rows of *queryset* are written. Signals are not sent.

    Rows with a version are written only if they all have the version that was read; otherwise nothing is written and
    :class:`~drf_commons.errors.BulkVersionConflictError` is raised.

    *present* names the fields of each object by itself, one collection for each: a column that an object does not name
    keeps what the database holds at that moment. *chunk_size* is ``COMMON["BULK_OPERATION_BATCH_SIZE"]`` by default.

    Where a statement could give another result (an expression among the values, a parent's table, a filter over a
    join, …) the rows go through Django's own method.
    """
    return _Update(queryset, objs, fields, present).run(chunk_size)


async def abulk_update(
    queryset: models.QuerySet[M],
    objs: Iterable[M],
    fields: Iterable[str],
    *,
    present: Sequence[Collection[str]] | None = None,
    chunk_size: int | None = None,
) -> int:
    """Await :func:`bulk_update`."""
    return await sync_to_async(bulk_update)(queryset, objs, fields, present=present, chunk_size=chunk_size)


class _Update:
    """One call: what is to be written, and where."""

    def __init__(
        self,
        queryset: models.QuerySet[Any],
        objs: Iterable[models.Model],
        names: Iterable[str],
        present: Sequence[Collection[str]] | None,
    ) -> None:
        self.queryset = get_writer(queryset)
        self.using = self.queryset.db
        self.opts = queryset.model._meta
        self.objs = tuple(objs)
        self.fields = self.resolve(names)
        self.sent = self.find_sent(present)
        self.pks = read_keys(self.objs)
        if None in self.pks:
            msg = "bulk_update(): every object needs a primary key"
            raise ValueError(msg)
        self.versions = find_versions(queryset.model, self.objs)

    def resolve(self, names: Iterable[str]) -> Sequence[FieldAny]:
        """Return the fields called *names*; refuse what cannot be updated."""
        columns: dict[str, FieldAny] = {
            field.name: field for name in names if isinstance(field := self.opts.get_field(name), models.Field)
        }
        refused = [
            name
            for name, field in columns.items()
            if not field.concrete or field.many_to_many or field.primary_key or field.generated
        ]
        if refused:
            msg = f"bulk_update(): {', '.join(refused)}: only columns that are neither key nor generated can be updated"
            raise ValueError(msg)
        if not columns:
            msg = "bulk_update(): name at least one column"
            raise ValueError(msg)
        return [*columns.values()]

    def find_sent(self, present: Sequence[Collection[str]] | None) -> dict[FieldAny, Sequence[bool] | None]:
        """Return for each field which objects name it, ``None`` for all of them."""
        if present is None:
            return dict.fromkeys(self.fields)
        if len(present) != len(self.objs):
            msg = f"bulk_update(): present has {len(present)} entries for {len(self.objs)} objects"
            raise ValueError(msg)
        sent: dict[FieldAny, Sequence[bool] | None] = {}
        if len({*map(tuple, present)}) == 1:  # as a rule every object names the same
            present = present[:1]
        for field in self.fields:
            mask = [field.name in names or field.attname in names for names in present]
            sent[field] = None if all(mask) else mask * (len(self.objs) // len(mask))
        return sent

    def run(self, chunk_size: int | None) -> int:
        """Write everything or nothing; return how many rows were found."""
        size = get_chunk_size(chunk_size)
        if not self.objs:
            return 0
        sent = fill_updated(self.opts.concrete_fields, self.objs, self.sent)
        run_pre_saves(self.objs, self.sent)
        check_related(self.objs, self.fields, operation="bulk_update")
        try:
            engine, where = self.find_engine(sent), build_condition(self.queryset)
        except EmptyResultSet:
            return 0
        except UnsupportedError:
            engine, where = None, Condition()
        if self.versions is None:
            matched = self.write_all(engine, where, sent, size)
        else:
            sent = {**sent, self.versions.field: None}
            with self.versions.counted():
                matched = self.write_versions(self.versions, engine, where, sent, size)
        remember_written(self.objs, [field.name for field in sent])
        return matched

    def write_versions(
        self, versions: Versions, engine: Engine | None, where: Condition, sent: Masks, size: int
    ) -> int:
        """Write everything if every row still has the version that was read."""
        with transaction.atomic(using=self.using):
            matched = self.write_all(engine, where, sent, size)
            is_short = matched < len(self.objs)
            if is_short:
                transaction.set_rollback(True, using=self.using)
        if is_short:
            with transaction.atomic(using=self.using):
                versions.check(self.queryset, self.objs)
                matched = self.write_all(engine, where, sent, size)  # the rest is gone, or hidden by the queryset
        return matched

    def write_all(self, engine: Engine | None, where: Condition, sent: Masks, size: int) -> int:
        """Write every chunk; return how many rows were found."""
        with transaction.atomic(using=self.using, savepoint=False):
            return sum(self.write(engine, where, objs, masks) for objs, masks in self.split(sent, engine, size))

    def split(self, sent: Masks, engine: Engine | None, size: int) -> Iterator[tuple[Sequence[models.Model], Masks]]:
        """Yield the objects in chunks, each with who names what, in the order in which rows are locked."""
        limit = engine and engine.get_max_rows(len(sent) + 1)
        size = min(size, limit) if limit else size
        # UUIDs are compared as numbers, but in Python's own time.
        ranks = [pk.int for pk in self.pks] if {*map(type, self.pks)} == {UUID} else self.pks
        order = sorted(range(len(ranks)), key=ranks.__getitem__)
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            masks = {field: mask and [mask[row] for row in rows] for field, mask in sent.items()}
            yield [self.objs[row] for row in rows], masks

    def write(self, engine: Engine | None, where: Condition, objs: Sequence[models.Model], sent: Masks) -> int:
        """Write one chunk; return how many rows were found."""
        if engine is not None:
            with suppress(UnsupportedError):
                return self.write_set(engine, where, objs, sent)
        return self.write_with_django(objs, sent)

    def write_set(self, engine: Engine, where: Condition, objs: Sequence[models.Model], sent: Masks) -> int:
        """Write one chunk with one statement."""
        compiler = sql.UpdateQuery(self.opts.concrete_model).get_compiler(self.using)
        keys = [build_column(self.opts.pk, read_values(self.opts.pk, objs), compiler)]
        if self.versions is not None:
            keys.append(build_column(self.versions.field, self.versions.get_expected(objs), compiler))
        parts = zip(sent.items(), read_columns([*sent], objs), strict=True)
        columns = [build_column(field, values, compiler, mask) for (field, mask), values in parts]
        with engine.connection.cursor() as cursor:
            return engine.update(cursor, keys, columns, where)

    def write_with_django(self, objs: Sequence[models.Model], sent: Masks) -> int:
        """Write one chunk with one ``bulk_update()`` for each set of names."""
        if self.versions is not None:
            self.versions.check(self.queryset, objs)
        groups = defaultdict[tuple[str, ...], list[models.Model]](list)
        for row, obj in enumerate(objs):
            names = tuple(field.name for field, mask in sent.items() if mask is None or mask[row])
            groups[names].append(obj)
        return sum(
            self.queryset.bulk_update(group, names) if names else self.count(group) for names, group in groups.items()
        )

    def count(self, objs: Sequence[models.Model]) -> int:
        """Return how many rows there are of objects that name nothing to write."""
        return self.queryset.filter(pk__in=[obj.pk for obj in objs]).count()

    def find_engine(self, sent: Masks) -> Engine:
        """Return the engine for the table; raise :class:`UnsupportedError` where only Django knows what to do."""
        opts = self.opts
        model = opts.concrete_model
        if (
            type(self.queryset).bulk_update is not _QUERYSET.bulk_update  # the project has one of its own
            or opts.is_composite_pk
            or len({*self.pks}) < len(self.pks)  # of equal keys Django's first one wins
            or any(field.model._meta.concrete_model is not model for field in (opts.pk, *sent))  # a parent's table
        ):
            raise UnsupportedError
        return get_engine(connections[self.using], model)
