"""Writing a tree of rows: dependencies first, then the row, then what hangs on it; level by level, not row by row."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from django.db.models import Model, QuerySet, prefetch_related_objects
from rest_framework.serializers import ModelSerializer

from drf_commons.serializers.linked import LinkedRows, Wanted, set_links
from drf_commons.serializers.links import Kind
from drf_commons.serializers.nested import NestedRelation, NestingSerializer
from drf_commons.serializers.paths import Path
from drf_commons.serializers.rows import Row, delete_rows, fail_at, write_rows

__all__ = ["TreeWriter", "has_own_writes"]

#: The modules whose create() and update() this one stands in for.
_OWN: Final = frozenset({"rest_framework.serializers", "drf_commons.serializers.base"})

#: What the input says of one relation, for every row of a level that says something of it.
Entries: TypeAlias = list[tuple[Row, Any]]


class TreeWriter:
    """Writes rows and everything nested in them to the database *using*, inside the caller's transaction.

    Within one relation rows are unlinked or deleted first, then updated, then created, so that what one row gives up
    another may take.
    """

    def __init__(self, using: str, *, chunk_size: int | None = None) -> None:
        self.using = using
        self.chunk_size = chunk_size

    def write(self, serializer: ModelSerializer[Any], rows: Sequence[Row]) -> None:
        """Write *rows* through *serializer*; by a ``create()`` and ``update()`` of its own where it has them."""
        if not has_own_writes(serializer):
            self.write_tree(serializer, rows)
            return
        for row in rows:
            row.save_with(serializer)

    def write_tree(self, serializer: ModelSerializer[Any], rows: Sequence[Row]) -> None:
        """Write *rows* and what is nested in them."""
        relations = _take_relations(serializer, rows)
        replaced: list[tuple[Path, Model]] = []
        for nesting, entries in relations:
            if not nesting.is_dependency:
                continue
            if nesting.link.is_forward:
                replaced += self.write_near(nesting, entries)
            else:
                self.write_ahead(nesting, entries)
        write_rows(serializer, rows, self.using, chunk_size=self.chunk_size)
        for nesting, entries in relations:
            if not nesting.link.is_forward:
                self.write_behind(nesting, entries)
            elif not nesting.is_dependency:
                replaced += self.write_near(nesting, entries)
                for row, _value in entries:
                    self.catch_up(row, nesting.link.name)
        for path, instance in replaced:
            delete_rows(_select(instance, self.using), path)

    # Rows whose key the near row holds

    def write_near(self, nesting: NestedRelation, entries: Entries) -> list[tuple[Path, Model]]:
        """Write the far rows of *entries* and put them among the near rows' columns; return those to delete."""
        name = nesting.link.name
        prefetch_related_objects([row.instance for row, _value in entries if row.instance is not None], name)
        current = [getattr(row.instance, name, None) for row, _value in entries]
        children: list[Row] = []
        for (row, value), stored in zip(entries, current, strict=True):
            row.attrs[name] = value
            if value is not None and not isinstance(value, Model):
                known = {} if stored is None else {nesting.identity.key.read(stored): stored}
                child = _build_row(nesting, value, (*row.path, nesting.name), known)
                row.attrs[name] = child
                children.append(child)
        self.write_all(nesting, children)
        replaced: list[tuple[Path, Model]] = []
        for (row, _value), stored in zip(entries, current, strict=True):
            target = row.attrs[name]
            row.attrs[name] = target.written if isinstance(target, Row) else target
            if nesting.sync_mode == "sync" and stored is not None and stored != row.attrs[name]:
                replaced.append(((*row.path, nesting.name), stored))
        return replaced

    def catch_up(self, row: Row, name: str) -> None:
        """Set the column *name* of *row*, which had to be written before there was a value for it."""
        setattr(row.written, name, row.attrs[name])
        row.written.save(update_fields=[name])

    # Rows that hang on the near row

    def write_ahead(self, nesting: NestedRelation, entries: Entries) -> None:
        """Write the new far rows of *entries* before the near rows; they are linked afterwards, as rows that exist."""
        children: list[Row] = []
        ahead: list[list[Any]] = []
        for row, value in entries:
            items: list[Any] = []
            for path, item in _iterate(nesting, row, value):
                replaces = nesting.link.is_exclusive and row.instance is not None
                if isinstance(item, Model) or replaces or nesting.identity.attribute in item:
                    items.append(item)
                else:
                    items.append(_build_row(nesting, item, path, {}))
                    children.append(items[-1])
            ahead.append(items)
        self.write_all(nesting, children)
        for index, items in enumerate(ahead):
            written = [item.written if isinstance(item, Row) else item for item in items]
            entries[index] = (entries[index][0], written if nesting.link.is_to_many else next(iter(written), None))

    def write_behind(self, nesting: NestedRelation, entries: Entries) -> None:
        """Bring the far rows of *entries* in line with the input."""
        if nesting.link.kind is Kind.MANY_TO_MANY:
            self.write_linked(nesting, entries)
        else:
            self.write_far(nesting, entries)
        for row, _value in entries:
            nesting.link.forget(row.written)

    def write_far(self, nesting: NestedRelation, entries: Entries) -> None:
        """Unlink or delete, link, update and create rows that hold the key themselves."""
        link = nesting.link
        stored = self.find_far(nesting, entries)
        moved: list[tuple[Model, Model]] = []
        children: list[Row] = []
        kept: set[object] = set()
        for row, value in entries:
            parent = row.written
            for path, item in _iterate(nesting, row, value):
                if isinstance(item, Model):
                    moved.append((item, parent))
                    kept.add(item.pk)
                    continue
                child = _build_row(nesting, item, path, stored.get(link.get_owner_key(parent), {}))
                if child.instance is None:
                    child.attrs.update(link.attach(parent))
                else:
                    kept.add(child.instance.pk)
                children.append(child)
        self.remove_far(nesting, [row for row, _value in entries if not row.is_new], kept)
        for instance, parent in moved:
            self.move(nesting, instance, parent)
        self.write_all(nesting, children)

    def find_far(self, nesting: NestedRelation, entries: Entries) -> dict[object, dict[Hashable, Model]]:
        """Return the stored rows that *entries* may be about, by their owner and their identity; one query."""
        parents = [row.written for row, _value in entries if not row.is_new]
        items = [item for row, value in entries for _path, item in _iterate(nesting, row, value)]
        data = [item for item in items if not isinstance(item, Model)]
        if not parents or not data:
            return {}
        rows = nesting.link.find_rows(parents, self.using)
        if nesting.link.is_to_many:
            rows = nesting.identity.select(rows, data)
        stored: dict[object, dict[Hashable, Model]] = {}
        for row in rows:
            stored.setdefault(nesting.link.read_owner(row), {})[nesting.identity.key.read(row)] = row
        return stored

    def remove_far(self, nesting: NestedRelation, rows: Sequence[Row], kept: set[object]) -> None:
        """Unlink or delete what the input for *rows* does not name."""
        link = nesting.link
        mode = nesting.sync_mode if link.is_to_many or nesting.sync_mode == "sync" else "replace"
        if not rows or mode == "append":
            return
        surplus = link.find_rows([row.written for row in rows], self.using).exclude(pk__in=kept)
        if mode == "sync":
            delete_rows(surplus, (*rows[0].path, nesting.name))
        elif link.can_unlink:
            surplus.update(**link.detach())
        else:
            owners = {link.get_owner_key(row.written): row for row in rows}
            for instance in surplus[:1]:
                row = owners[link.read_owner(instance)]
                pks = surplus.filter(**link.attach(row.written)).values_list("pk", flat=True)
                fail_at((*row.path, nesting.name), "cannot_unlink", pks=", ".join(str(pk) for pk in pks[:10]))

    def move(self, nesting: NestedRelation, instance: Model, parent: Model) -> None:
        """Link *instance*, which exists, to *parent*."""
        if nesting.link.read_owner(instance) == nesting.link.get_owner_key(parent):
            return
        columns = nesting.link.attach(parent)
        _select(instance, self.using).update(**columns)
        for name, value in columns.items():
            setattr(instance, name, value)

    # Rows linked by a row between

    def write_linked(self, nesting: NestedRelation, entries: Entries) -> None:
        """Unlink, update, create and link rows that may belong to several near rows."""
        if set_links(nesting, entries, self.using):
            return
        children: list[Row] = []
        planned: list[tuple[LinkedRows, list[Wanted]]] = []
        for row, value in entries:
            linked = LinkedRows(nesting, row, self.using)
            items = list(_iterate(nesting, row, value))
            known = linked.find_stored([item for _path, item in items if not isinstance(item, Model)])
            wanted: list[Wanted] = []
            for path, item in items:
                if isinstance(item, Model):
                    wanted.append(Wanted(path=path, row=Row(attrs={}, path=path, instance=item), columns={}))
                    continue
                child = _build_row(nesting, item, path, known)
                columns = {name: child.attrs.pop(name) for name in linked.list_own_columns(child.attrs)}
                wanted.append(Wanted(path=path, row=child, columns=columns))
                children.append(child)
            linked.unlink({want.row.instance.pk for want in wanted if want.row.instance is not None})
            planned.append((linked, wanted))
        self.write_all(nesting, children)
        for linked, wanted in planned:
            linked.link(wanted)

    def write_all(self, nesting: NestedRelation, rows: Sequence[Row]) -> None:
        """Write the far *rows* of a relation, those that are stored first."""
        if rows:
            self.write(nesting.child, sorted(rows, key=lambda row: row.instance is None))


def _take_relations(serializer: ModelSerializer[Any], rows: Sequence[Row]) -> list[tuple[NestedRelation, Entries]]:
    """Take what is written apart from the rows' own columns out of *rows*."""
    if not isinstance(serializer, NestingSerializer):
        return []
    relations: list[tuple[NestedRelation, Entries]] = []
    for nesting in serializer.nestings.values():
        name = nesting.link.name
        entries = [(row, row.attrs.pop(name)) for row in rows if name in row.attrs and nesting.is_for(row.attrs[name])]
        if entries:
            relations.append((nesting, entries))
    return relations


def _iterate(nesting: NestedRelation, row: Row, value: Any) -> Iterator[tuple[Path, Any]]:
    """Yield what the input has at the far end of the relation, and where it stands."""
    path = (*row.path, nesting.name)
    if value is None:
        return
    if not nesting.link.is_to_many:
        yield path, value
        return
    for index, item in enumerate(value):
        yield (*path, index), item


def _build_row(nesting: NestedRelation, item: Mapping[str, Any], path: Path, stored: Mapping[Hashable, Model]) -> Row:
    """Return the row that *item* describes: one of the *stored* rows, or a new one."""
    identity = nesting.identity
    attrs = {**item}
    name = attrs.get(identity.attribute)
    if name is None:
        attrs.pop(identity.attribute, None)
        instance = next(iter(stored.values()), None) if nesting.link.is_exclusive else None
    else:
        instance = stored.get(identity.key.parse(name))
        if instance is not None:
            del attrs[identity.attribute]
        elif not identity.is_writable:
            fail_at((*path, identity.field_name or identity.attribute), "does_not_exist", pk_value=name)
    return Row(attrs=attrs, path=path, instance=instance)


def _select(instance: Model, using: str) -> QuerySet[Model]:
    return type(instance)._default_manager.using(using).filter(pk=instance.pk)


def has_own_writes(serializer: ModelSerializer[Any]) -> bool:
    """Tell whether *serializer* has a ``create()`` or ``update()`` of its own."""
    return any(
        next(base for base in type(serializer).__mro__ if method in vars(base)).__module__ not in _OWN
        for method in ("create", "update")
    )
