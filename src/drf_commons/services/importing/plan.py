"""A configuration bound to the header of one file: which cell goes where, ready to run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from django.db import models, router

from drf_commons.errors import InvalidHeaderError
from drf_commons.services.importing.columns import FieldAny, ImportColumn, list_step_columns
from drf_commons.services.importing.config import ImportConfig, ModelStep, suggest
from drf_commons.services.importing.faults import find_column
from drf_commons.services.importing.headers import REASON_COLUMN
from drf_commons.services.importing.lookups import Lookup
from drf_commons.services.importing.rows import ForeignKeyColumn, ManyColumn, ValueColumn
from drf_commons.services.importing.scope import FindForbidden, ImportScope
from drf_commons.services.importing.seen import SeenKeys
from drf_commons.services.importing.tables import Table

__all__ = ["Plan", "StepPlan", "build_plan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPlan:
    """What one step does with each row."""

    step: ModelStep
    name: str
    model: type[models.Model]
    #: Whether the import is about this step's rows.
    is_main: bool
    using: str
    #: The rows that may be changed.
    queryset: models.QuerySet[Any]
    find_forbidden: FindForbidden | None
    values: Sequence[ValueColumn]
    foreign_keys: Sequence[ForeignKeyColumn]
    many_to_many: Sequence[ManyColumn]
    references: Mapping[str, str]
    constants: Mapping[str, Any]
    #: The columns of the table that are filled, in the order of a record.
    fields: Sequence[FieldAny]
    #: Places in a record.
    key: Sequence[int]
    #: Other columns, or groups of them, that no two rows may share.
    unique_sets: Sequence[Sequence[int]]
    seen: SeenKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All steps, bound to one header."""

    config: ImportConfig
    header: Sequence[str]
    steps: Sequence[StepPlan]
    using: str

    @property
    def lookups(self) -> Sequence[Lookup]:
        """Every look-up of every step."""
        return [column.lookup for step in self.steps for column in (*step.foreign_keys, *step.many_to_many)]

    @property
    def may_leave_orphans(self) -> bool:
        """Whether something may have been written for a row that fails later on."""
        return len(self.steps) > 1 or any(lookup.create_missing for lookup in self.lookups)


def build_plan(
    config: ImportConfig,
    table: Table,
    *,
    scope: ImportScope | None = None,
    ignored: Sequence[str] = (),
) -> Plan:
    """Bind *config*, which has been checked, to the header of *table*.

    Raises :class:`~drf_commons.errors.InvalidHeaderError` for columns that are missing, unknown, or there twice.
    """
    columns = {step.step_name: list_step_columns(config, step) for step in config.steps}
    places = _place_columns(config, table, [column for step in columns.values() for column in step], ignored)
    main = config.steps[-1].model_class
    using = router.db_for_write(main)
    scope = scope or ImportScope()
    return Plan(
        config=config,
        header=table.header,
        using=using,
        steps=[
            _bind_step(
                step,
                [(column, places[column.headers]) for column in columns[step.step_name] if column.headers in places],
                is_main=step is config.steps[-1],
                queryset=scope.querysets.get(step.step_name, step.model_class._default_manager.all()).using(using),
                scope=scope,
            )
            for step in config.steps
        ],
    )


def _place_columns(
    config: ImportConfig, table: Table, columns: Sequence[ImportColumn], ignored: Sequence[str]
) -> Mapping[tuple[str, ...], int]:
    """Return the place of each column that is there, by the headers it may have."""
    header = table.header
    known: dict[str, ImportColumn] = {}
    for column in columns:
        known.update((_normalise(name), column) for name in column.headers)
    skipped = {*map(_normalise, (*config.ignored_columns, *ignored, REASON_COLUMN))}
    places: dict[tuple[str, ...], int] = {}
    faults: list[str] = []
    names = [name for column in columns for name in column.headers]
    for index, name in enumerate(header):
        found = known.get(_normalise(name))
        if found is None:
            if _normalise(name) not in skipped:
                faults.append(f"unknown column {name!r}{suggest(name, names)}")
        elif found.headers in places:
            faults.append(f"the columns {header[places[found.headers]]!r} and {name!r} are the same one")
        else:
            places[found.headers] = index
    faults += [
        f"missing column {name!r}"
        for name in dict.fromkeys(
            column.header for column in columns if column.is_required and column.headers not in places
        )
    ]
    if faults:
        raise InvalidHeaderError(table.name, faults, row=table.header_number)
    return places


def _normalise(name: str) -> str:
    return " ".join(name.split()).casefold()


def _bind_step(
    step: ModelStep,
    placed: Sequence[tuple[ImportColumn, int]],
    *,
    is_main: bool,
    queryset: models.QuerySet[Any],
    scope: ImportScope,
) -> StepPlan:
    model = step.model_class
    name = step.step_name
    values: list[ValueColumn] = []
    foreign_keys: list[ForeignKeyColumn] = []
    many_to_many: list[ManyColumn] = []
    for column, index in placed:
        if column.lookup is None:
            values.append(ValueColumn(column, index, step))
            continue
        rows = _list_targets(column, queryset.db)
        if scope.find_related is not None:
            rows = scope.find_related(name, column.field.name, rows)
        lookup = Lookup(column.field, column.lookup, rows)
        if column.field.many_to_many:
            many_to_many.append(ManyColumn(column, index, step, lookup))
        else:
            foreign_keys.append(ForeignKeyColumn(column, index, step, lookup))
    named = [*step.references, *step.constants, *step.computed]
    fields = [column.field for column in (*values, *foreign_keys)]
    fields += [cast("FieldAny", find_column(model, other)) for other in named]  # the configuration is checked
    order = {field.name: place for place, field in enumerate(fields)}
    key = [order[found.name] for found in (cast("FieldAny", find_column(model, part)) for part in step.unique_fields)]
    return StepPlan(
        step=step,
        name=name,
        model=model,
        is_main=is_main,
        using=queryset.db,
        queryset=queryset,
        find_forbidden=scope.find_forbidden,
        values=values,
        foreign_keys=foreign_keys,
        many_to_many=many_to_many,
        references=step.references,
        constants={other: _read_constant(model, other, value) for other, value in step.constants.items()},
        fields=fields,
        key=key,
        unique_sets=[places for places in _list_unique_sets(model, order) if {*places} != {*key}],
        seen=SeenKeys(),
    )


def _list_targets(column: ImportColumn, using: str) -> models.QuerySet[Any]:
    """Return the rows that a relation may point to, as its own ``limit_choices_to`` has it."""
    related = cast("type[models.Model]", column.related_model)
    rows = related._default_manager.using(using)
    limit = cast("Any", column.field).get_limit_choices_to()
    return rows.complex_filter(limit) if limit else rows.all()


def _list_unique_sets(model: type[models.Model], order: Mapping[str, int]) -> Sequence[Sequence[int]]:
    """Return what no two rows may share, as far as a record has all of it."""
    opts = model._meta
    named: list[Sequence[str]] = [(field.name,) for field in opts.concrete_fields if field.unique]
    named += [constraint.fields for constraint in opts.total_unique_constraints]
    named += [*opts.unique_together]
    sets = [tuple(order[name] for name in names) for names in named if all(name in order for name in names)]
    return [*dict.fromkeys(sets)]


def _read_constant(model: type[models.Model], name: str, value: Any) -> Any:
    column = cast("FieldAny", find_column(model, name))
    if isinstance(value, models.Model) and isinstance(column, models.ForeignKey):
        return getattr(value, column.target_field.attname)
    return value
