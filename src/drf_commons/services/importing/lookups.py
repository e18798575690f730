"""Related rows by their natural keys: each key is asked for once, all keys of a chunk in one query."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import DatabaseError, models, transaction

from drf_commons.bulk import bulk_create
from drf_commons.services.importing.cells import Converter, build_converter, describe_error, write_cell
from drf_commons.services.importing.columns import FieldAny
from drf_commons.services.importing.config import ForeignKeyLookup

__all__ = ["MAX_PARAMETERS", "Fault", "Lookup", "find_key_field", "split_cell"]

#: How many keys are remembered from one chunk to the next.
_REMEMBERED: Final = 20_000

#: What PostgreSQL, MariaDB and SQLite all take in one statement.
MAX_PARAMETERS: Final = 30_000


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a cell has no value."""

    reason: str
    code: str


class Lookup:
    """The rows that one relation may point to."""

    def __init__(self, field: FieldAny, lookup: ForeignKeyLookup, queryset: models.QuerySet[Any]) -> None:
        self.field = field
        self.name: str = lookup.lookup_field
        self.create_missing: bool = lookup.create_missing
        self.queryset = queryset
        self.target: str = "pk" if field.many_to_many else cast("Any", field).target_field.attname
        self.key_field: FieldAny = find_key_field(queryset.model, self.name)
        # What is only looked for need not be a valid value: it is not there, and that is what there is to say.
        self._convert = build_converter(self.key_field) if lookup.create_missing else _read_with(self.key_field)
        #: What is known of each key: the value of the target, or why there is none.
        self._known: dict[Any, Any] = {}

    def read_key(self, cell: object) -> Any:
        """Return the key that *cell* names, or a :class:`Fault`."""
        try:
            return self._convert(cell)
        except ValidationError as exc:
            return Fault(*describe_error(exc))

    def find(self, keys: Iterable[Any]) -> Mapping[Any, Any]:
        """Return the target of each key, or a :class:`Fault`; keys found before are not asked for again."""
        wanted = {*keys}
        known = self._known
        new = wanted.difference(known)
        if not new:
            return known
        if len(known) + len(new) > _REMEMBERED:
            known.clear()
            new = wanted
        found = self._query(new)
        if self.create_missing:
            found |= self._create(key for key, target in found.items() if isinstance(target, Fault))
        known.update((key, target) for key, target in found.items() if not isinstance(target, Fault))
        # What is not there now may be created by a later row.
        return {**known, **found}

    def lacks(self, keys: Iterable[Any]) -> bool:
        """Tell whether one of *keys* has no target yet; what has one is not asked for again."""
        new = {*keys}.difference(self._known)
        found = {key: target for key, target in self._query(new).items() if not isinstance(target, Fault)}
        self._known.update(found)
        return len(found) < len(new)

    def forget(self) -> None:
        """Ask for every key anew: rows may have been taken back."""
        self._known.clear()

    def name_targets(self, targets: Iterable[Any]) -> Mapping[Any, Any]:
        """Return the natural key of each of *targets*."""
        return dict(self.queryset.filter(**{f"{self.target}__in": {*targets}}).values_list(self.target, self.name))

    def _create(self, keys: Iterable[Any]) -> dict[Any, Any]:
        """Create a row for each key, one by one where one of them keeps the others; return their targets."""
        missing = [*keys]
        model = self.queryset.model
        try:
            with transaction.atomic(using=self.queryset.db):
                bulk_create(self.queryset, [model(**{self.name: key}) for key in missing])
        except DatabaseError as exc:
            if len(missing) > 1:
                return {key: target for each in missing for key, target in self._create([each]).items()}
            return {key: Fault(f"It is missing, and cannot be created: {exc}", "does_not_exist") for key in missing}
        return self._query(missing)

    def _query(self, keys: Iterable[Any]) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        wanted = [*keys]
        for start in range(0, len(wanted), MAX_PARAMETERS):
            part = wanted[start : start + MAX_PARAMETERS]
            for key, target in self.queryset.filter(**{f"{self.name}__in": part}).values_list(self.name, self.target):
                found[key] = self._tell_ambiguous(key) if found.get(key, target) != target else target
        return {key: found[key] if key in found else self._tell_missing(key) for key in wanted}

    def _tell_missing(self, key: object) -> Fault:
        params = {"model": self.queryset.model._meta.verbose_name, "pk": key, "field": self.name, "value": key}
        message = self.field.error_messages.get("invalid") or models.ForeignKey.default_error_messages["invalid"]
        return Fault(str(message) % params, "does_not_exist")

    def _tell_ambiguous(self, key: object) -> Fault:
        plural = self.queryset.model._meta.verbose_name_plural
        return Fault(f"Several {plural} have {self.name} {key!r}.", "ambiguous")


def _read_with(field: FieldAny) -> Converter:
    def read(cell: object) -> Any:
        return field.to_python(write_cell(cell).strip())

    return read


def find_key_field(model: type[models.Model], name: str) -> FieldAny:
    """Return the field at the end of a look-up such as ``code`` or ``company__code``."""
    *path, last = name.split("__")
    for part in path:
        model = cast("type[models.Model]", model._meta.get_field(part).related_model)
    field = model._meta.pk if last == "pk" else model._meta.get_field(last)
    if not isinstance(field, models.Field):
        msg = f"{model._meta.label}.{last} is not a column"
        raise FieldDoesNotExist(msg)
    while isinstance(field, models.ForeignKey):
        field = field.target_field
    return field


def split_cell(cell: str, delimiter: str) -> Sequence[str]:
    """Return the parts of a cell that names many rows, each once, without those that are blank."""
    return [*dict.fromkeys(part for part in map(str.strip, cell.split(delimiter)) if part)]
