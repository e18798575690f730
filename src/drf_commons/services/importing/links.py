"""Many-to-many relations of a chunk: read with one query, changed with two."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from django.db import models

from drf_commons.bulk import bulk_create
from drf_commons.services.importing.existing import Existing
from drf_commons.services.importing.plan import StepPlan

__all__ = ["Links"]


@dataclass(slots=True)
class _Relation:
    """One relation: what the rows of the file have, and what is stored."""

    name: str
    through: type[models.Model]
    source: str
    target: str
    wanted: Mapping[int, frozenset[Any]]
    #: By the row that has it: the targets, each with the key of the row between the two.
    stored: Mapping[Any, Mapping[Any, Any]] = field(default_factory=dict[Any, Mapping[Any, Any]])


class Links:
    """The many-to-many relations of a chunk; a cell has all targets of its row, not some to be added."""

    def __init__(self, plan: StepPlan, existing: Existing, wanted: Sequence[Mapping[int, frozenset[Any]]]) -> None:
        self.using: str = plan.using
        self.relations: list[_Relation] = [
            _build_relation(column.field, targets) for column, targets in zip(plan.many_to_many, wanted, strict=True)
        ]
        self._removed: list[tuple[_Relation, int, Any]] = []
        pks = [row.pk for row in existing.by_key.values()]
        if pks:
            for relation in self.relations:
                relation.stored = self._read(relation, pks)

    def differ(self, row: int, pk: Any) -> dict[str, tuple[Any, Any]]:
        """Return the relations of a stored row that the file has otherwise: old and new, by name."""
        return {
            relation.name: (sorted(old, key=str), sorted(new, key=str))
            for relation in self.relations
            if (old := frozenset(relation.stored.get(pk, ()))) != (new := relation.wanted[row])
        }

    def accept(self, row: int, pk: Any) -> None:
        """Note that a stored row gets what the file has."""
        for relation in self.relations:
            stored = relation.stored.get(pk, {})
            gone = [key for target, key in stored.items() if target not in relation.wanted[row]]
            self._removed += [(relation, row, key) for key in gone]

    def write(self, pks: Mapping[int, Any]) -> None:
        """Write the relations of the rows that were created or changed: of each, its primary key."""
        for relation in self.relations:
            keys = [key for owner, row, key in self._removed if owner is relation and row in pks]
            if keys:
                relation.through._base_manager.using(self.using).filter(pk__in=keys).delete()
            new = [
                relation.through(**{relation.source: pks[row], relation.target: target})
                for row, targets in relation.wanted.items()
                if row in pks
                for target in targets.difference(relation.stored.get(pks[row], {}))
            ]
            if new:
                bulk_create(relation.through._base_manager.using(self.using).all(), new)

    def _read(self, relation: _Relation, pks: Sequence[Any]) -> Mapping[Any, Mapping[Any, Any]]:
        found: dict[Any, dict[Any, Any]] = defaultdict(dict)
        rows = relation.through._base_manager.using(self.using).filter(**{f"{relation.source}__in": pks})
        for source, target, key in rows.values_list(relation.source, relation.target, "pk"):
            found[source][target] = key
        return found


def _build_relation(column: models.Field[Any, Any], wanted: Mapping[int, frozenset[Any]]) -> _Relation:
    many = cast("Any", column)
    through = many.remote_field.through
    return _Relation(
        name=column.name,
        through=through,
        source=through._meta.get_field(many.m2m_field_name()).attname,
        target=through._meta.get_field(many.m2m_reverse_field_name()).attname,
        wanted=wanted,
    )
