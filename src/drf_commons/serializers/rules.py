"""Rules of uniqueness, held to by all rows of a payload: against the rows that are stored, and against one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from django.db.models import Model, Q, UniqueConstraint
from rest_framework.exceptions import ValidationError
from rest_framework.settings import api_settings

from drf_commons.serializers.conditions import find_met
from drf_commons.serializers.known_rows import UNSAID, KnownRows, Values, is_hashable

__all__ = ["Outcome", "Rule", "find_condition"]

#: What became of the input of one row: its validated data, or what is wrong with it.
Outcome: TypeAlias = "dict[str, Any] | ValidationError"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Columns that no two rows may share, and which rows hold what in them."""

    rows: KnownRows
    validator: Any
    #: The field the rule belongs to; ``None`` for one of the serializer's.
    field: Any = None
    #: Whether rows with a null never clash.
    nulls_distinct: bool = True
    #: Which rows the rule is about; ``None`` for all of them.
    condition: Q | None = None
    #: The columns that the condition looks at: a new row has to have them.
    needed: tuple[str, ...] = ()
    #: Whether a blank text is stored as it is, and not replaced by a save, as an empty slug is.
    keeps_blanks: bool = True
    #: What each row will hold, where that was certain before the rows were put together.
    held: Sequence[Values | None] | None = None

    def read(self, outcomes: Sequence[Outcome], instances: Sequence[Model | None]) -> Sequence[Values | None]:
        """Return what each row will hold; ``None`` where that is not known, or the row has an error."""
        # A field's own validator is asked only where the row says something.
        stored: Sequence[Model | None] = instances if self.field is None else [None] * len(outcomes)
        rows: list[dict[str, Any]] = [{} if isinstance(row, ValidationError) else row for row in outcomes]
        known = [
            None if isinstance(row, ValidationError) else instance
            for row, instance in zip(outcomes, stored, strict=True)
        ]
        return self.rows.read_all([[row.get(path, UNSAID) for row in rows] for path in self.rows.paths], known)

    def find_free(
        self, held: Sequence[Values | None], outcomes: Sequence[Outcome], instances: Sequence[Model | None]
    ) -> list[bool]:
        """Tell for each row, which will hold *held*, whether the validator would certainly pass it."""
        if not self.needed and self.rows.are_free(held):
            return [True] * len(outcomes)
        free = [False] * len(outcomes)
        taken: list[int] = []
        for index, values in enumerate(held):
            if values is None or not self._knows(outcomes[index], instances[index]):
                continue
            if self._never_clashes(values) or self.rows.is_free(values, instances[index]):
                free[index] = True
            else:
                taken.append(index)
        for index, is_met in zip(taken, self._find_met(taken, outcomes, instances, as_drf=True), strict=True):
            free[index] = not is_met
        return free

    def find_repeated(
        self, held: Sequence[Values | None], outcomes: Sequence[Outcome], instances: Sequence[Model | None]
    ) -> list[int]:
        """Return which rows, which will hold *held*, want what an earlier row of the payload gets."""
        if _are_distinct(held):
            return []
        wanted: dict[Values, list[int]] = {}
        for index, values in enumerate(held):
            if (
                values is not None
                and is_hashable(values)
                and not self._never_clashes(values)
                and not self._is_replaced(values)
            ):
                wanted.setdefault(values, []).append(index)
        shared = {
            index: values
            for values, indexes in wanted.items()
            if len(indexes) > 1
            for index in indexes
            if not self.rows.is_own(values, instances[index])
        }
        met = self._find_met([*shared], outcomes, instances, as_drf=False)
        seen: set[Values] = set()
        repeated: list[int] = []
        for (index, values), is_met in zip(shared.items(), met, strict=True):
            if is_met and values in seen:
                repeated.append(index)
            elif is_met:
                seen.add(values)
        return repeated

    def find_taken_blanks(self, outcomes: Sequence[Outcome], instances: Sequence[Model | None]) -> list[int]:
        """Return which rows want a blank text that another row has: a field of DRF's asks no validator about one."""
        if not getattr(self.field, "allow_blank", False) or not self.keeps_blanks:
            return []
        (path,) = self.rows.paths
        blank = [
            index
            for index, row in enumerate(outcomes)
            if not isinstance(row, ValidationError) and row.get(path, UNSAID) == ""
        ]
        return [index for index in blank if self._is_taken(path, "", instances[index])]

    def build_error(self) -> ValidationError:
        """Return the error of a row that wants what an earlier row of the payload has."""
        validator = self.validator
        if self.field is not None:
            return ValidationError({self.field.field_name: [validator.message]}, code="unique")
        message = validator.message.format(field_names=", ".join(validator.fields))
        code = getattr(validator, "code", "unique")
        return ValidationError({api_settings.NON_FIELD_ERRORS_KEY: [message]}, code=code)

    def _knows(self, outcome: Outcome, instance: Model | None) -> bool:
        """Tell whether the row has all that the condition looks at."""
        return instance is not None or not self.needed or cast("dict[str, Any]", outcome).keys() >= {*self.needed}

    def _is_taken(self, path: str, value: object, instance: Model | None) -> bool:
        rows = self.rows.filter(**{path: value})
        return bool((rows if instance is None else rows.exclude(pk=instance.pk)).exists())

    def _never_clashes(self, held: Values) -> bool:
        return self.nulls_distinct and None in held

    def _is_replaced(self, held: Values) -> bool:
        return not self.keeps_blanks and "" in held

    def _find_met(
        self, indexes: Sequence[int], outcomes: Sequence[Outcome], instances: Sequence[Model | None], *, as_drf: bool
    ) -> Sequence[bool]:
        """Tell which of the rows at *indexes* the rule is about: to DRF's validator, or to the database's index."""
        if self.condition is None:
            return [True] * len(indexes)
        rows: list[Mapping[str, Any]] = []
        for index in indexes:
            attrs, instance = cast("dict[str, Any]", outcomes[index]), instances[index]
            rows.append({name: attrs[name] if name in attrs else getattr(instance, name, None) for name in self.needed})
        if as_drf:
            return find_met(self.condition, rows, self.rows.queryset.db)
        columns = {name: self.rows.queryset.model._meta.get_field(name) for name in self.needed}
        keys = [
            {
                name: getattr(value, columns[name].target_field.attname) if isinstance(value, Model) else value
                for name, value in row.items()
            }
            for row in rows
        ]
        return find_met(self.condition, keys, self.rows.queryset.db, columns)


def _are_distinct(held: Sequence[Values | None]) -> bool:
    """Tell whether it is plain that no two rows hold the same."""
    try:
        return len({*held}) == len(held)
    except TypeError:  # what cannot be looked up in memory
        return False


def find_condition(validator: Any, field: Any) -> Q | None:
    """Return the condition of the constraint behind *validator*, one that *field* has; ``None`` without one.

    DRF puts it into the queryset of the validator, and nothing else with it.
    """
    rows = validator.queryset.all()
    model: Any = rows.model
    conditions: list[Q] = [
        constraint.condition
        for constraint in model._meta.constraints
        if isinstance(constraint, UniqueConstraint)
        and constraint.fields == (field.source,)
        and constraint.condition is not None
    ]
    if not conditions:
        return None
    text = str(rows.query)
    everything: Any = model._default_manager.all()
    if text == str(everything.query):
        return None
    return next((each for each in conditions if text == str(everything.filter(each).query)), None)
