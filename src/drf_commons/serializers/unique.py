"""Uniqueness of a whole list of nested rows: against one another, then against the database, one query for each rule.

DRF's validators look at one row: asked row by row they cost a query each, and cannot see that two rows of one list want
the same value, or that a rule includes the row the list belongs to.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db.models import Model, QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.serializers import ModelSerializer
from rest_framework.settings import api_settings
from rest_framework.validators import UniqueTogetherValidator, UniqueValidator

from drf_commons.serializers.known_rows import UNSAID, KnownRows, Values, is_hashable
from drf_commons.serializers.links import Link
from drf_commons.serializers.relations import SyncMode
from drf_commons.types import StrOrPromise

__all__ = ["UniqueRows", "ValidRow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidRow:
    """A row of the list whose columns are valid, and the stored row it changes."""

    index: int
    attrs: Mapping[str, Any]
    instance: Model | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UniqueRule:
    """Columns that no two rows may share."""

    rows: KnownRows
    #: Where the error belongs, and what it says.
    field_name: str
    message: StrOrPromise
    nulls_distinct: bool = True

    def find_clashes(self, rows: Sequence[ValidRow]) -> dict[int, ValidationError]:
        """Return the error of every row that wants what another one has."""
        wanted: dict[Values, int] = {}
        clashes: set[int] = set()
        columns = [[row.attrs.get(path, UNSAID) for row in rows] for path in self.rows.paths]
        held = self.rows.read_all(columns, [row.instance for row in rows])
        for row, values in zip(rows, held, strict=True):
            if values is None or not is_hashable(values) or (self.nulls_distinct and None in values):
                continue
            if wanted.setdefault(values, row.index) != row.index:
                clashes.add(row.index)
        own = {row.instance.pk for row in rows if row.instance is not None}
        holders = self.rows.find_holders(wanted)
        clashes.update(wanted[values] for pk, values in holders if pk not in own and values in wanted)
        error = ValidationError({self.field_name: [self.message]}, code="unique")
        return dict.fromkeys(sorted(clashes), error)


class UniqueRows:
    """The rules for the rows of one list; while they are in force DRF's own validators stand aside.

    *sync_mode* says what becomes of the rows of *parent* that the list does not name.
    """

    def __init__(
        self, child: ModelSerializer[Any], link: Link, parent: Model | None, sync_mode: SyncMode, using: str
    ) -> None:
        self.child = child
        self.link = link
        self.parent = parent
        self.sync_mode = sync_mode
        self.using = using
        self._rules: list[UniqueRule] = []

    @contextmanager
    def taking_over(self) -> Generator[None]:
        """Within the block, take the rules that hold for the whole list out of the serializer."""
        serializer: Any = self.child
        replaced: list[tuple[Any, list[Any]]] = []
        self._rules = list(self._build_link_rules())
        for holder in (*serializer.fields.values(), serializer):
            kept: list[Any] = []
            for validator in holder.validators:
                rule = self._build_rule(holder, validator)
                if rule is None:
                    kept.append(validator)
                else:
                    self._rules.append(rule)
            if len(kept) < len(holder.validators):
                replaced.append((holder, holder.validators))
                holder.validators = kept
        try:
            yield
        finally:
            for holder, validators in replaced:
                holder.validators = validators

    def find_clashes(self, rows: Sequence[ValidRow]) -> dict[int, ValidationError]:
        """Return the errors of *rows* by position; the first rule that a row breaks is reported."""
        clashes: dict[int, ValidationError] = {}
        for rule in self._rules:
            clashes = {**rule.find_clashes(rows), **clashes}
        return clashes

    def _build_rule(self, holder: Any, validator: Any) -> UniqueRule | None:
        """Return the rule that *validator* stands for; ``None`` when it is more than equality of columns."""
        if type(validator) is UniqueValidator and validator.lookup == "exact":
            return UniqueRule(
                rows=KnownRows(self._leave_out_deleted(validator), [holder.source_attrs[-1]]),
                field_name=holder.field_name,
                message=validator.message,
            )
        if type(validator) is UniqueTogetherValidator and getattr(validator, "condition", None) is None:
            return UniqueRule(
                rows=KnownRows(
                    self._leave_out_deleted(validator), [holder.fields[name].source for name in validator.fields]
                ),
                field_name=api_settings.NON_FIELD_ERRORS_KEY,
                message=str(validator.message).format(field_names=", ".join(validator.fields)),
                nulls_distinct=getattr(validator, "nulls_distinct", None) is not False,
            )
        return None

    def _build_link_rules(self) -> Iterable[UniqueRule]:
        """Return the rules of the model that count rows of one parent only; no serializer of the child knows them."""
        link_columns = {column.name for column in self.link.far_columns}
        if not link_columns:
            return
        options = self.link.far._meta
        rules = [(tuple(columns), True) for columns in options.unique_together]
        rules += [(tuple(rule.fields), rule.nulls_distinct is not False) for rule in options.total_unique_constraints]
        fields: dict[str, Any] = {**self.child.fields}
        names = {serializer_field.source: name for name, serializer_field in fields.items()}
        stored = self.link.far._default_manager.none()  # a list that names all rows has none to clash with
        if self.parent and self.sync_mode == "append":
            stored = self.link.find_rows([self.parent], self.using)
        for columns, nulls_distinct in rules:
            own = tuple(column for column in columns if column not in link_columns)
            if not own or not link_columns.issubset(columns):
                continue
            alone = len(own) == 1
            shown = ", ".join(names.get(column, column) for column in own)
            yield UniqueRule(
                rows=KnownRows(stored, own),
                field_name=names.get(own[0], own[0]) if alone else api_settings.NON_FIELD_ERRORS_KEY,
                message=UniqueValidator.message if alone else UniqueTogetherValidator.message.format(field_names=shown),
                nulls_distinct=nulls_distinct,
            )

    def _leave_out_deleted(self, validator: Any) -> QuerySet[Any]:
        """Return the rows that *validator* looks at but those this list is about to delete."""
        rows: QuerySet[Any] = validator.queryset.all()
        if self.parent is None or self.sync_mode != "sync" or not self.link.far_columns:
            return rows
        return rows.exclude(**self.link.attach(self.parent))
