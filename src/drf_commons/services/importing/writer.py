"""The rows of a chunk into one table: told apart, written at once, and only those that fail taken out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from operator import attrgetter
from typing import Any, Final, TypeAlias, cast

from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, models, transaction

from drf_commons.bulk import bulk_create, bulk_update
from drf_commons.bulk.columnar import insert_columns
from drf_commons.bulk.instances import build_factory, build_loader
from drf_commons.errors import VersionConflictError
from drf_commons.services.importing.cells import describe_error
from drf_commons.services.importing.existing import (
    Existing,
    Record,
    StoredRow,
    build_getter,
    find_changes,
    find_existing,
)
from drf_commons.services.importing.links import Links
from drf_commons.services.importing.lookups import Fault
from drf_commons.services.importing.plan import StepPlan
from drf_commons.services.importing.result import Action
from drf_commons.services.importing.seen import Place

__all__ = ["StepOutcome", "StepWriter"]

#: What a database, or its driver, raises over one row of many.
_ROW_ERRORS: Final = (IntegrityError, DataError, VersionConflictError, ValueError, OverflowError)

#: Told the index of a row, the name of a field, its value and what is wrong.
Fail: TypeAlias = Callable[[int, str, Any, Fault], None]

#: Columns that must be unique besides the key: their places, what reads them from a record, and who holds what.
_Unique: TypeAlias = "tuple[Sequence[int], Callable[[Record], Any], Mapping[Any, StoredRow]]"


@dataclass(slots=True)
class StepOutcome:
    """What a step did with the rows of a chunk, by their index."""

    actions: dict[int, Action]
    #: The row that each row of the file stands for.
    pks: dict[int, Any]
    #: What differed, of the rows that were there, where that is asked for: field by field, old and new.
    changes: dict[int, dict[str, tuple[Any, Any]]]
    #: The keys that were new to the file, by row.
    seen: dict[int, tuple[Any, Place]]
    #: Rows that wait until what they clash with is deleted.
    deferred: list[int]
    #: Whether somebody stored a row of the file between the look at the table and the write.
    is_overtaken: bool = False


class StepWriter:
    """Writes the rows of one chunk into the table of one step."""

    def __init__(
        self,
        plan: StepPlan,
        numbers: Sequence[int],
        fail: Fail,
        *,
        replaces: bool,
        defers: bool,
        needs_keys: bool,
        shows_changes: bool,
        twins: Mapping[int, int],
    ) -> None:
        self.plan = plan
        self.twins = twins
        self.numbers = numbers
        self.fail = fail
        self.updates: bool = plan.step.update_if_exists or (replaces and plan.is_main)
        self.defers: bool = defers and plan.is_main
        self.shows_changes: bool = shows_changes and plan.is_main
        # Later steps refer to what an earlier one made, and so do relations to many.
        self.needs_keys: bool = needs_keys or not plan.is_main or bool(plan.many_to_many)
        #: Rows that are refused since they share what must be unique with another one of the chunk, and that row.
        self.blamed: dict[int, int] = {}
        self.outcome: StepOutcome = StepOutcome(actions={}, pks={}, changes={}, seen={}, deferred=[])

    def write(self, records: Mapping[int, Record], links: Sequence[Mapping[int, frozenset[Any]]]) -> StepOutcome:
        """Write *records*, by row, and set the many-to-many relations to *links*."""
        first_rows, twins = self.find_twins(records)
        existing = find_existing(self.plan, [records[row] for row in first_rows])
        relations = Links(self.plan, existing, [{row: link[row] for row in first_rows} for link in links])
        new, changed = self.classify(first_rows, records, existing, relations)
        changed = self.leave_out_forbidden(changed)
        self.insert(new, records)
        self.update(changed)
        if self.plan.many_to_many:
            written = [row for row in first_rows if self.outcome.actions.get(row, "unchanged") != "unchanged"]
            relations.write({row: self.outcome.pks[row] for row in written})
        # Where the first one failed, the chunk is written again, and one of its twins comes first.
        self.outcome.pks |= {row: self.outcome.pks[first] for row, first in twins.items() if first in self.outcome.pks}
        return self.outcome

    def find_twins(self, records: Mapping[int, Record]) -> tuple[Sequence[int], Mapping[int, int]]:
        """Return the rows that are the first with their key, and for each of the others which one that is."""
        if not self.plan.key:
            return [*records], {}
        get_key = build_getter(self.plan.key)
        keys = dict(zip(records, map(get_key, records.values()), strict=True))
        counts = self.plan.is_main or self.updates
        shared: Mapping[Any, Place] = self.plan.seen.find([*keys.values()]) if counts else {}
        if (
            self.plan.is_main
            and not shared
            and not self.twins
            and len({*keys.values()}) == len(keys)
            and not any(map(_is_null, keys.values()))
        ):
            numbers = map(self.numbers.__getitem__, keys)
            self.outcome.seen |= dict(zip(keys, zip(keys.values(), zip(numbers, repeat(0)), strict=False), strict=True))
            return [*keys], {}
        rows: dict[Any, int] = {}
        twins: dict[int, int] = {}
        for row, key in keys.items():
            if _is_null(key):
                rows[row, key] = row
            elif (known := self.twins.get(self.numbers[row])) is not None:
                self.fail_twin(row, records[row], known)
            elif (place := shared.get(key)) is not None and self.is_refused_twin(records[row], place):
                self.fail_twin(row, records[row], place[0])
            elif (first := rows.setdefault(key, row)) != row:
                place = self.numbers[first], self.build_fingerprint(records[first])
                if self.is_refused_twin(records[row], place):
                    self.blamed[row] = first
                    self.fail_twin(row, records[row], place[0])
                else:
                    twins[row] = first
            else:
                self.outcome.seen[row] = key, (self.numbers[row], self.build_fingerprint(records[row]))
        return [*rows.values()], twins

    def is_refused_twin(self, record: Record, place: Place) -> bool:
        """Tell whether a row must not share its key: on the main step, or where it says something else."""
        return self.plan.is_main or (self.updates and place[1] != self.build_fingerprint(record))

    def build_fingerprint(self, record: Record) -> int:
        """Return what tells rows with the same key apart, where that matters."""
        return 0 if self.plan.is_main else hash(repr(record))

    def fail_twin(self, row: int, record: Record, number: int) -> None:
        """Refuse a row whose key another row of the file has."""
        place = self.plan.key[0]
        name = self.plan.fields[place].name
        if self.plan.is_main:
            self.fail(row, name, record[place], Fault(f"Row {number} of the file is the same one.", "duplicate"))
        else:
            self.fail(
                row, name, record[place], Fault(f"Row {number} of the file says something else.", "contradiction")
            )

    def classify(
        self, rows: Sequence[int], records: Mapping[int, Record], existing: Existing, relations: Links
    ) -> tuple[Sequence[int], Mapping[int, tuple[StoredRow, Mapping[int, Any]]]]:
        """Return the rows that are new, and those that differ from what is stored, with what differs."""
        plan = self.plan
        get_key = build_getter(plan.key) if plan.key else None
        getters = map(build_getter, plan.unique_sets)
        others = [
            (places, get_value, owners)
            for places, get_value, owners in zip(plan.unique_sets, getters, existing.owners, strict=True)
            if owners or _has_equals(get_value, rows, records)
        ]
        holders: list[dict[Any, int]] = [{} for _ in others]
        has_links = bool(plan.many_to_many)
        new: list[int] = []
        changed: dict[int, tuple[StoredRow, Mapping[int, Any]]] = {}
        for row in rows:
            record = records[row]
            key = None if get_key is None else get_key(record)
            stored = None if key is None else existing.by_key.get(key)
            if others and self.clashes(row, record, stored, others, holders):
                self.release(row, record, others, holders)
                continue
            if stored is None:
                new.append(row)
            elif (
                stored.in_scope
                and stored.record == record
                and plan.step.skip_unchanged
                and not (has_links and relations.differ(row, stored.pk))
            ):
                self.settle(row, "unchanged", stored.pk)
            else:
                self.compare(row, record, stored, changed, relations)
                if others and row not in changed and row not in self.outcome.actions:
                    self.release(row, record, others, holders)
        return new, changed

    def leave_out_forbidden(
        self, changed: Mapping[int, tuple[StoredRow, Mapping[int, Any]]]
    ) -> Mapping[int, tuple[StoredRow, Mapping[int, Any]]]:
        """Refuse the rows that may not be changed; return the others."""
        if self.plan.find_forbidden is None or not changed:
            return changed
        forbidden = self.plan.find_forbidden(self.plan.name, [stored.pk for stored, _ in changed.values()])
        for row, (stored, _) in changed.items():
            if stored.pk in forbidden:
                self.fail(row, "", None, Fault(forbidden[stored.pk], "permission_denied"))
        return {row: change for row, change in changed.items() if change[0].pk not in forbidden}

    def compare(
        self,
        row: int,
        record: Record,
        stored: StoredRow,
        changed: dict[int, tuple[StoredRow, Mapping[int, Any]]],
        relations: Links,
    ) -> None:
        """Decide on a row that is stored, and may differ."""
        plan = self.plan
        changes = find_changes(plan, stored.record, record)
        links = relations.differ(row, stored.pk) if plan.many_to_many else {}
        is_same = not changes and not links and plan.step.skip_unchanged
        # Of a row out of reach nobody is told whether it holds just that.
        if (is_same and stored.in_scope) or (not self.updates and not plan.is_main):
            self.settle(row, "unchanged", stored.pk)
        elif not self.updates or not stored.in_scope:
            self.fail_taken(row, record, plan.key)
        else:
            if self.shows_changes:
                self.outcome.changes[row] = {
                    **{plan.fields[place].name: (stored.record[place], value) for place, value in changes.items()},
                    **links,
                }
            if links:
                relations.accept(row, stored.pk)
            changed[row] = stored, changes

    def clashes(
        self,
        row: int,
        record: Record,
        stored: StoredRow | None,
        others: Sequence[_Unique],
        holders: Sequence[dict[Any, int]],
    ) -> bool:
        """Refuse a row that shares what must be unique with another row, stored or in the file."""
        for (places, get_value, owners), held in zip(others, holders, strict=True):
            value = get_value(record)
            if value is None or (len(places) > 1 and None in value):
                continue
            owner = owners.get(value)
            if owner is not None and (stored is None or owner.pk != stored.pk):
                if self.defers:
                    self.outcome.deferred.append(row)
                    if stored is not None:
                        self.outcome.pks[row] = stored.pk
                else:
                    self.fail_taken(row, record, places)
                return True
            first = held.setdefault(value, row)
            if first != row:
                names = " and ".join(str(self.plan.fields[place].verbose_name) for place in places)
                reason = f"Row {self.numbers[first]} of the file has the same {names}."
                self.blamed[row] = first
                self.fail(row, self.plan.fields[places[0]].name, record[places[0]], Fault(reason, "duplicate"))
                return True
        return False

    def release(self, row: int, record: Record, others: Sequence[_Unique], holders: Sequence[dict[Any, int]]) -> None:
        """Forget what a row that fails would have held, so that it takes nothing from the others."""
        for (_, get_value, _), held in zip(others, holders, strict=True):
            value = get_value(record)
            if held.get(value) == row:
                del held[value]

    def fail_taken(self, row: int, record: Record, places: Sequence[int]) -> None:
        """Refuse a row whose values at *places* another row has, in Django's words."""
        names = tuple(self.plan.fields[place].name for place in places)
        error = self.plan.model().unique_error_message(self.plan.model, names)
        self.fail(row, names[0], record[places[0]], Fault(*describe_error(error)))

    def settle(self, row: int, action: Action, pk: Any) -> None:
        """Note what became of a row."""
        self.outcome.actions[row] = action
        self.outcome.pks[row] = pk

    def insert(self, rows: Sequence[int], records: Mapping[int, Record]) -> None:
        """Insert *rows*."""
        if rows and not self.needs_keys and self.insert_columns(rows, records):
            self.outcome.actions.update(dict.fromkeys(rows, "created"))
            return
        build = build_factory(self.plan.model)
        names = [column.attname for column in self.plan.fields]
        objs = [(row, build(dict(zip(names, records[row], strict=True)))) for row in rows]

        def write(part: Sequence[tuple[int, models.Model]]) -> None:
            rows = [obj for _, obj in part]
            bulk_create(self.plan.queryset, rows, chunk_size=len(part), needs_keys=self.needs_keys)

        get_pk = attrgetter(cast("Any", self.plan.model._meta.pk).attname)
        written = [*self.write_parts(objs, write)]
        self.outcome.actions.update(dict.fromkeys((row for row, _ in written), "created"))
        self.outcome.pks.update((row, get_pk(obj)) for row, obj in written)

    def insert_columns(self, rows: Sequence[int], records: Mapping[int, Record]) -> bool:
        """Insert all *rows* without an instance of any, and tell whether that was done."""
        columns = zip(*map(records.__getitem__, rows), strict=True)
        try:
            with transaction.atomic(using=self.plan.using):
                return insert_columns(self.plan.queryset, dict(zip(self.plan.fields, columns, strict=True)))
        except _ROW_ERRORS:
            return False  # instances tell which row it is

    def update(self, rows: Mapping[int, tuple[StoredRow, Mapping[int, Any]]]) -> None:
        """Write what differs into *rows*."""
        fields = self.plan.fields
        places = sorted({place for _, changes in rows.values() for place in changes})
        if self.plan.step.skip_unchanged is False and not places:
            places = [place for place in range(len(fields)) if place not in self.plan.key]
        names = [fields[place].name for place in places]
        load = self.build_loader()
        objs = [(row, self.apply(load(stored), changes)) for row, (stored, changes) in rows.items()]

        def write(part: Sequence[tuple[int, models.Model]]) -> None:
            bulk_update(self.plan.queryset, [obj for _, obj in part], names, chunk_size=len(part))

        for row, obj in self.write_parts(objs, write) if names else objs:
            self.settle(row, "updated", obj.pk)

    def build_loader(self) -> Callable[[StoredRow], models.Model]:
        """Return what makes the instance of a row that is there."""
        model = self.plan.model
        key: str = cast("Any", model._meta.pk).attname
        names = [column.attname for column in self.plan.fields]
        has_key, has_version = key in names, hasattr(model, "expected_version")
        names += [*([] if has_key else [key]), *(["version"] if has_version else [])]
        load = build_loader(model, self.plan.using, names)

        def build(stored: StoredRow) -> models.Model:
            rest = (*(() if has_key else (stored.pk,)), *((stored.version,) if has_version else ()))
            return load((*stored.record, *rest))

        return build

    def apply(self, obj: models.Model, changes: Mapping[int, Any]) -> models.Model:
        """Give *obj* what the file changes, and return it."""
        fields = self.plan.fields
        for place, value in changes.items():
            setattr(obj, fields[place].attname, value)
        return obj

    def write_parts(
        self,
        objs: Sequence[tuple[int, models.Model]],
        write: Callable[[Sequence[tuple[int, models.Model]]], None],
    ) -> Iterable[tuple[int, models.Model]]:
        """Write *objs* at once; where the database refuses, find the rows it refuses, and write the others."""
        if not objs:
            return []
        try:
            with transaction.atomic(using=self.plan.using):
                write(objs)
        except _ROW_ERRORS as exc:
            if len(objs) == 1:
                self.explain(*objs[0], exc)
                return []
            half = len(objs) // 2
            return [*self.write_parts(objs[:half], write), *self.write_parts(objs[half:], write)]
        return objs

    def explain(self, row: int, obj: models.Model, error: Exception) -> None:
        """Refuse a row that the database refuses: in the words of its constraints, where they say it."""
        if isinstance(error, VersionConflictError):
            self.fail(row, "", None, Fault("The row was changed meanwhile.", "conflict"))
            return
        exclude = {column.name for column in self.plan.model._meta.concrete_fields if column.attname not in vars(obj)}
        found = _find_violation(obj, exclude, self.plan.using)
        if found is None:
            text = str(error).strip().splitlines()
            self.fail(row, "", None, Fault(text[0] if text else type(error).__name__, "database"))
            return
        names, violation = found
        key = {self.plan.fields[place].name for place in self.plan.key}
        self.outcome.is_overtaken |= bool(key) and key == {*names}
        fed = [column for column in self.plan.fields if column.name in names]
        # One column can be blamed; of several, the first that must be unique together with the rest.
        blamed = fed[0] if fed and (len(names) == 1 or violation.code == "unique_together") else None
        name, value = ("", None) if blamed is None else (blamed.name, getattr(obj, blamed.attname))
        self.fail(row, name, value, Fault(*describe_error(violation)))


def _find_violation(obj: models.Model, exclude: set[str], using: str) -> tuple[Collection[str], ValidationError] | None:
    """Return the names of the fields, and the error, of the first constraint that *obj* does not keep."""
    try:
        obj.validate_unique(exclude)
    except ValidationError as exc:
        name, errors = next(iter(exc.error_dict.items()))
        return [name], errors[0]
    for model, constraints in obj.get_constraints():
        for constraint in constraints:
            try:
                constraint.validate(model, obj, exclude=exclude, using=using)
            except ValidationError as exc:
                condition = getattr(constraint, "condition", None)
                named: Collection[str] = getattr(constraint, "fields", ()) or getattr(
                    condition, "referenced_base_fields", ()
                )
                return named, exc.error_list[0] if hasattr(exc, "error_list") else exc
    return None


def _has_equals(get_value: Callable[[Record], Any], rows: Sequence[int], records: Mapping[int, Record]) -> bool:
    """Tell whether two rows may have the same value."""
    return len({*map(get_value, map(records.__getitem__, rows))}) < len(rows)


def _is_null(key: Any) -> bool:
    """Tell whether no other row can have *key*, as none has NULL."""
    return key is None or (isinstance(key, tuple) and None in key)
