"""Rows of a many-to-many relation: links made and undone, with the columns that a link may have of its own."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Model, QuerySet

from drf_commons.serializers.nested import NestedRelation
from drf_commons.serializers.paths import Path
from drf_commons.serializers.rows import Row, delete_rows, fail_at, reporting_at

__all__ = ["LinkedRows", "Wanted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A row that the input wants linked, where it says so, and the columns of the link."""

    path: Path
    row: Row
    columns: Mapping[str, Any]


class LinkedRows:
    """The rows that one relation links to the row *near*."""

    def __init__(self, nesting: NestedRelation, near: Row, using: str) -> None:
        self.nesting = nesting
        self.near = near
        self.using = using
        self.manager: Any = getattr(near.written, nesting.link.name)

    def find_stored(self, items: Sequence[Mapping[str, Any]]) -> dict[Hashable, Model]:
        """Return the linked rows that *items* are about, by their identity."""
        if self.near.is_new or not items:
            return {}
        identity = self.nesting.identity
        return {identity.key.read(row): row for row in identity.select(self.manager.using(self.using), items)}

    def list_own_columns(self, names: Iterable[str]) -> list[str]:
        """Return which of *names* are columns of the link, rather than of the row at its far end."""
        far = {field.name for field in self.nesting.link.far._meta.get_fields()}
        return [name for name in names if name in self.nesting.link.through_columns and name not in far]

    def unlink(self, kept: set[object]) -> None:
        """Undo the links to rows that are not *kept*; ``sync`` deletes rows that nothing is linked to any more."""
        mode = self.nesting.sync_mode
        if self.near.is_new or mode == "append":
            return
        surplus = self._list_linked() - kept
        if not surplus:
            return
        self.manager.remove(*surplus)
        if mode == "sync":
            column = self.manager.target_field_name
            links = self.manager.through._default_manager.using(self.using).filter(**{f"{column}__in": surplus})
            rows = self.nesting.link.far._default_manager.using(self.using).filter(pk__in=surplus)
            delete_rows(rows.exclude(pk__in=links.values(column)), (*self.near.path, self.nesting.name))

    def link(self, wanted: Sequence[Wanted]) -> None:
        """Link the rows that are *wanted* and not linked yet, and set the columns of the links."""
        linked = self._list_linked()
        for columns, group in _group_by_columns(wanted):
            new = [want for want in group if want.row.written.pk not in linked]
            old = [want.row.written.pk for want in group if want.row.written.pk in linked]
            for want in new:
                for name in self.nesting.find_missing_columns(columns):
                    fail_at((*want.path, name), "required")
            if new:
                defaults = {**self.nesting.relation_write.get("through_defaults", {}), **columns}
                with reporting_at(group[0].path[:-1]):
                    self.manager.add(*(want.row.written for want in new), through_defaults=defaults)
            if old and columns:
                self._find_links(old).update(**columns)
            linked.update(want.row.written.pk for want in new)

    def _list_linked(self) -> set[object]:
        return set() if self.near.is_new else set(self.manager.using(self.using).values_list("pk", flat=True))

    def _find_links(self, pks: Sequence[object]) -> QuerySet[Model]:
        """Return the rows between the near row and the rows *pks*."""
        manager = self.manager
        links: QuerySet[Model] = manager.through._default_manager.using(self.using)
        ends = {manager.source_field_name: self.near.written, f"{manager.target_field_name}__in": pks}
        return links.filter(**ends)


def _group_by_columns(wanted: Sequence[Wanted]) -> list[tuple[Mapping[str, Any], list[Wanted]]]:
    """Return the rows that share the columns of their links together, so that they are linked at once."""
    groups: list[tuple[Mapping[str, Any], list[Wanted]]] = []
    for want in wanted:
        group = next((group for columns, group in groups if columns == want.columns), None)
        if group is None:
            groups.append((want.columns, [want]))
        else:
            group.append(want)
    return groups
