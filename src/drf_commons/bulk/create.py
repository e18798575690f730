"""Set-based inserts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final, TypeVar, cast

from asgiref.sync import sync_to_async
from django.db import connections, models, transaction
from django.db.models import sql
from django.db.models.expressions import DatabaseDefault
from django.db.models.options import Options

from drf_commons.bulk.columns import FieldAny, UnsupportedError, Values, build_column
from drf_commons.bulk.engines import Engine, get_engine
from drf_commons.bulk.marks import is_known
from drf_commons.bulk.querysets import get_chunk_size, get_writer
from drf_commons.bulk.related import check_related
from drf_commons.bulk.stamps import prepare_inserted, read_inserted, remember_written

__all__ = ["Inserter", "abulk_create", "bulk_create", "may_have_default"]

M = TypeVar("M", bound=models.Model)

_QUERYSET: Final[type[models.QuerySet[Any]]] = models.QuerySet


def bulk_create(
    queryset: models.QuerySet[M], objs: Iterable[M], *, chunk_size: int | None = None, needs_keys: bool = True
) -> list[M]:
    """Insert *objs* with one statement for each chunk; return them with their primary keys.

    It is ``queryset.bulk_create(objs)`` at the speed of the database: the audit columns and slugs are filled in, files
    are stored, signals are not sent. *chunk_size* is ``COMMON["BULK_OPERATION_BATCH_SIZE"]`` by default. Without
    *needs_keys* the keys that the database gives need not come back, which saves SQLite a third of the time.

    Where a statement could give another result (an expression or a default of the database among the values, generated
    columns, …) the rows go through Django's own method. Rows that stand in more than one table, which Django refuses,
    and rows of an ``order_with_respect_to`` that have no place in it yet, are saved one by one.
    """
    rows = [*objs]
    if rows:
        size = get_chunk_size(chunk_size)
        _Insert(get_writer(queryset), rows, needs_keys=needs_keys).run(size)
    return rows


async def abulk_create(
    queryset: models.QuerySet[M], objs: Iterable[M], *, chunk_size: int | None = None, needs_keys: bool = True
) -> list[M]:
    """Await :func:`bulk_create`."""
    return await sync_to_async(bulk_create)(queryset, objs, chunk_size=chunk_size, needs_keys=needs_keys)


class Inserter:
    """The table that rows are inserted into."""

    def __init__(self, writer: models.QuerySet[Any]) -> None:
        self.queryset: models.QuerySet[Any] = writer
        self.using: str = writer.db
        self.model: type[models.Model] = writer.model
        self.opts: Options[Any] = writer.model._meta

    def spans_tables(self) -> bool:
        """Tell whether a row stands in the table of a parent, too."""
        return any(parent._meta.concrete_model is not self.opts.concrete_model for parent in self.opts.all_parents)

    def find_engine(self) -> Engine:
        """Return the engine for the table; raise :class:`UnsupportedError` where only Django knows what to do."""
        opts = self.opts
        if (
            _has_own_bulk_create(type(self.queryset))
            or opts.is_composite_pk
            or opts.order_with_respect_to
            or any(field.generated for field in opts.concrete_fields)
            or any(field is not opts.pk for field in opts.db_returning_fields)
        ):
            raise UnsupportedError
        return get_engine(connections[self.using], self.model)

    def insert_columns(
        self, engine: Engine, columns: Mapping[FieldAny, Values], returning: FieldAny | None, chunk_size: int
    ) -> list[Any]:
        """Insert one chunk with each statement; return the keys of all rows, where *returning* is what to return."""
        compiler = sql.InsertQuery(self.model).get_compiler(self.using)
        size = min(chunk_size, engine.get_max_rows(len(columns)) or chunk_size)
        count = len(next(iter(columns.values())))
        keys: list[Any] = []
        with engine.connection.cursor() as cursor:
            for start in range(0, count, size):
                rows = slice(start, start + size)
                parts = [build_column(field, values[rows], compiler) for field, values in columns.items()]
                keys += engine.insert(cursor, parts, returning)
        return keys


class _Insert(Inserter):
    """One call: what is to be inserted, and where."""

    def __init__(self, writer: models.QuerySet[Any], objs: Sequence[models.Model], *, needs_keys: bool) -> None:
        super().__init__(writer)
        self.objs = objs
        self.needs_keys = needs_keys

    def run(self, chunk_size: int) -> None:
        """Insert everything or nothing."""
        prepare_inserted(self.model, self.objs, self.using)
        generic = [field for field in self.opts.private_fields if hasattr(field, "fk_field")]
        check_related(self.objs, [*self.opts.concrete_fields, *cast("Any", generic)], operation="bulk_create")
        with transaction.atomic(using=self.using, savepoint=False):
            if self.spans_tables() or self.lacks_places():
                for obj in self.objs:
                    obj.save(force_insert=True, using=self.using)
            else:
                self.insert(chunk_size)
        remember_written(self.objs)

    def lacks_places(self) -> bool:
        """Tell whether there is a row whose place among those of its owner only ``save()`` finds."""
        return bool(self.opts.order_with_respect_to) and any(
            obj._order is None for obj in cast("Sequence[Any]", self.objs)
        )

    def insert(self, chunk_size: int) -> None:
        """Insert with statements of our own where they give what Django's would."""
        try:
            engine = self.find_engine()
            given = self.set_keys(engine)
            fields = [field for field in self.opts.concrete_fields if field is not given]
            if not fields:
                raise UnsupportedError  # noqa: TRY301  # a row that is nothing but its key
            columns = read_inserted(fields, self.objs)
        except UnsupportedError:
            self.queryset.bulk_create(self.objs, batch_size=chunk_size)
        else:
            self.insert_sets(engine, columns, given if self.needs_keys else None, chunk_size)

    def insert_sets(
        self, engine: Engine, columns: Mapping[FieldAny, Values], returning: FieldAny | None, chunk_size: int
    ) -> None:
        """Insert one chunk with each statement."""
        keys = self.insert_columns(engine, columns, returning, chunk_size)
        if returning is not None:
            name = returning.attname
            for obj, key in zip(self.objs, keys, strict=True):
                setattr(obj, name, key)
        for obj in self.objs:
            obj._state.adding = False
            obj._state.db = self.using

    def set_keys(self, engine: Engine) -> FieldAny | None:
        """Give every row its key, or return the field whose keys the database gives."""
        pk = self.opts.pk
        get_key = attrgetter(pk.attname)
        keys = [*map(get_key, self.objs)]
        if None in keys and may_have_default(pk):
            for obj in self.objs:
                if obj.pk is None:
                    obj.pk = pk.get_pk_value_on_save(obj)
            keys = [*map(get_key, self.objs)]
        missing = sum(key is None or isinstance(key, DatabaseDefault) for key in keys)
        if not missing:
            return None
        features = engine.connection.features
        if missing < len(self.objs) or pk != self.opts.auto_field or not features.can_return_rows_from_bulk_insert:
            raise UnsupportedError
        return pk


def may_have_default(pk: FieldAny) -> bool:
    """Tell whether rows may get a key before the database gives them one."""
    plain: type[FieldAny] = models.Field
    has_own = type(pk).get_pk_value_on_save is not plain.get_pk_value_on_save
    return has_own or pk.has_default() or pk.has_db_default()


def _has_own_bulk_create(queryset: type[models.QuerySet[Any]]) -> bool:
    """Tell whether the project has a ``bulk_create()`` of its own, which then is the one to call.

    That of the library does no more than what is done here too.
    """
    method = queryset.bulk_create
    return method is not _QUERYSET.bulk_create and not is_known(method)
