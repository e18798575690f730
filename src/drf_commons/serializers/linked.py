"""Rows of a many-to-many relation: links made and undone, with the columns that a link may have of its own."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import router
from django.db.models import Model, QuerySet
from django.db.models.signals import m2m_changed

from drf_commons.serializers.keys import get_max_values
from drf_commons.serializers.nested import NestedRelation
from drf_commons.serializers.paths import Path
from drf_commons.serializers.rows import Row, delete_rows, fail_at, reporting_at

__all__ = ["LinkedRows", "Wanted", "set_links"]


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


def set_links(nesting: NestedRelation, entries: Sequence[tuple[Row, Any]], using: str) -> bool:
    """Link each row to the rows it names, all of which exist: a query to read, one to undo and one to make.

    Returns ``False``, with nothing done, where there is more to a link than its two ends, or somebody hears of it.
    """
    manager: Any = getattr(entries[0][0].written, nesting.link.name)
    through: type[Model] = manager.through
    if (
        nesting.sync_mode == "sync"
        or nesting.relation_write.get("through_defaults")
        or not through._meta.auto_created
        or manager.symmetrical
        or m2m_changed.has_listeners(through)
        or router.db_for_write(through, instance=entries[0][0].written) != using
        or not all(isinstance(item, Model) for _row, items in entries for item in items or ())
    ):
        return False
    source: Any = through._meta.get_field(manager.source_field_name)
    target: Any = through._meta.get_field(manager.target_field_name)
    near, far = source.target_field.attname, target.target_field.attname
    wanted = {(getattr(row.written, near), getattr(item, far)): None for row, items in entries for item in items or ()}
    held: dict[object, object] = {}
    links = through._default_manager.using(using)
    shown = nesting.link.far._default_manager.using(using).all()
    if shown.query.where:  # a link to a row that the manager at the far end hides is not touched, as in Django
        links = links.filter(**{f"{target.name}__in": shown})
    owners = [getattr(row.written, near) for row, _items in entries if not row.is_new]
    for part in _split(owners, using):
        found = links.filter(**{f"{source.name}__in": part}).values_list(source.attname, target.attname, "pk")
        held |= {(owner, other): pk for owner, other, pk in found}
    if nesting.sync_mode == "replace":
        gone = [pk for ends, pk in held.items() if ends not in wanted]
        for part in _split(gone, using):
            through._default_manager.using(using).filter(pk__in=part).delete()
    new = [
        through(**{source.attname: owner, target.attname: other})
        for owner, other in wanted
        if (owner, other) not in held
    ]
    with reporting_at(entries[0][0].path[:-1]):
        through._default_manager.using(using).bulk_create(new, ignore_conflicts=True)  # another request may be first
    return True


def _split(values: Sequence[Any], using: str) -> Iterator[Sequence[Any]]:
    """Yield *values* in parts that one query can carry."""
    size = get_max_values(using) or len(values) or 1
    for start in range(0, len(values), size):
        yield values[start : start + size]


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
