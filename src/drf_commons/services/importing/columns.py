"""The columns of an import: what a file may have, what it must have, and where each goes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from django.db import models

from drf_commons.services.importing.config import ForeignKeyLookup, ImportConfig, ManyToManyLookup, ModelStep
from drf_commons.services.importing.faults import find_column, get_sources, must_be_given

__all__ = ["FieldAny", "ImportColumn", "list_columns", "list_step_columns"]

FieldAny: TypeAlias = "models.Field[Any, Any]"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportColumn:
    """One column of the file, and the field of one step that it feeds."""

    #: The name of the field, or the ``source_field`` of a look-up.
    source: str
    #: The headers it may have, the one to show first.
    headers: tuple[str, ...]
    step: str
    field: FieldAny
    #: How its cells find rows of another model; ``None`` for a plain value.
    lookup: ForeignKeyLookup | None
    #: Whether the file must have it, and none of its cells may be blank.
    is_required: bool

    @property
    def header(self) -> str:
        """The header to write into a template."""
        return self.headers[0]

    @property
    def related_model(self) -> type[models.Model] | None:
        """The model that the cells name rows of; ``None`` for a plain value."""
        return self.field.related_model


def list_columns(config: ImportConfig) -> Sequence[ImportColumn]:
    """Return every column of every step; one that feeds two steps is there twice."""
    return [column for step in config.steps for column in list_step_columns(config, step)]


def list_step_columns(config: ImportConfig, step: ModelStep) -> Sequence[ImportColumn]:
    """Return the columns of one step, in the order of ``fields``."""
    lookups: dict[str, list[tuple[str, ForeignKeyLookup]]] = {}
    for name, lookup in (*step.foreign_keys.items(), *step.many_to_many.items()):
        lookups.setdefault(lookup.source_field or name, []).append((name, lookup))
    return [
        ImportColumn(
            source=source,
            headers=(*_find_headers(config, step, source),),
            step=step.step_name,
            field=field,
            lookup=lookup,
            is_required=source in step.required or must_be_given(field),
        )
        for source in get_sources(step)
        for field, lookup in _find_targets(step, source, lookups.get(source, []))
    ]


def _find_targets(
    step: ModelStep, source: str, lookups: Sequence[tuple[str, ForeignKeyLookup]]
) -> Iterator[tuple[FieldAny, ForeignKeyLookup | None]]:
    """Yield the fields that a column feeds; a relation without a look-up of its own is found by what it holds."""
    for name, lookup in lookups:
        yield cast("FieldAny", find_column(step.model_class, name)), lookup  # the configuration is checked
    if not lookups:
        field = cast("FieldAny", find_column(step.model_class, source))
        if field.many_to_many:
            yield field, ManyToManyLookup()
        elif isinstance(field, models.ForeignKey) and not field.target_field.primary_key:
            yield field, ForeignKeyLookup(lookup_field=field.target_field.name)
        else:
            yield field, ForeignKeyLookup() if field.is_relation else None


def _find_headers(config: ImportConfig, step: ModelStep, source: str) -> Iterator[str]:
    """Yield the headers of a column; its own name is one of them, and comes last."""
    for columns in (step.columns, config.columns):
        yield from (header for header, target in columns.items() if target == source)
    yield source
