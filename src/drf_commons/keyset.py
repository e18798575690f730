"""Keysets: a queryset continued after a row, by what the row holds and not by how many rows stand before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, cast

from django.core.exceptions import FieldError, ValidationError
from django.db import connections
from django.db.models import Expression, F, Field, FloatField, Model, OrderBy, Q, QuerySet, Value
from django.db.models.constants import LOOKUP_SEP
from django.db.models.expressions import Col
from django.db.models.functions import Cast
from typing_extensions import TypeVar

from drf_commons.errors import ConfigurationError
from drf_commons.ordering import can_order_totally, get_order, order_totally

__all__ = ["Keyset", "Position"]

#: What a row holds in each term of the order, as text; ``None`` is NULL.
Position: TypeAlias = Sequence[str | None]

M = TypeVar("M", bound=Model)
R = TypeVar("R", default=M)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Term:
    """One term of the order, under the name the query selects it by."""

    name: str
    field: Field[Any, Any]
    is_descending: bool
    is_nullable: bool
    has_nulls_first: bool

    def parse(self, text: str | None) -> object:
        """Return the value that *text* was made of."""
        return None if text is None else self.field.to_python(text)

    def build_equal(self, value: object) -> Q:
        """Return the condition of the rows that tie with *value*."""
        return Q((f"{self.name}__isnull", True)) if value is None else Q((self.name, value))

    def build_after(self, value: object, *, backwards: bool) -> Q | None:
        """Return the condition of the rows that come after *value*, or ``None`` where no row can."""
        has_nulls_after = self.has_nulls_first == backwards
        if value is None:
            return None if has_nulls_after else Q((f"{self.name}__isnull", False))
        lookup = "lt" if self.is_descending != backwards else "gt"
        condition = Q((f"{self.name}__{lookup}", value))
        if self.is_nullable and has_nulls_after:
            condition |= Q((f"{self.name}__isnull", True))
        return condition


class Keyset(Generic[M, R]):
    """The rows of *queryset* in a total order, to be read in pieces from either end, or from a row on.

    The rows are model instances or the dictionaries of ``values()``. A queryset that has no primary key to order by,
    or that is ordered by what cannot be compared, raises :class:`~drf_commons.errors.ConfigurationError`.
    """

    def __init__(self, queryset: QuerySet[M, R]) -> None:
        if not can_order_totally(queryset):
            msg = f"{_label(queryset)}: rows that are sliced, combined or grouped cannot be continued after one of them"
            raise ConfigurationError(msg)
        queryset = order_totally(queryset)
        orders = _find_orders(queryset)
        if not queryset.query.standard_ordering:
            # reverse() is said once, in the terms.
            queryset = queryset.reverse()
            for order in orders:
                order.reverse_ordering()
        self._terms: list[_Term] = []
        for number, order in enumerate(orders):
            name = f"_keyset_{number}"
            queryset = _select(queryset, name, order)
            self._terms.append(_describe(queryset, name, order))
            order.expression = F(name)
        self._queryset = queryset.order_by(*orders)

    def get_rows(
        self, *, after: Sequence[object] | None, limit: int, backwards: bool = False
    ) -> list[tuple[R, Position]]:
        """Return up to *limit* rows that come after the values *after*, or the first ones, each with its position.

        Backwards, "after" and "first" are as seen from the end, and so is the order of the rows.
        """
        queryset = self._queryset.reverse() if backwards else self._queryset
        if after is not None:
            condition = self._build_condition(after, backwards=backwards)
            queryset = queryset.none() if condition is None else queryset.filter(condition)
        return [(row, self._take_position(row)) for row in queryset[:limit]]

    def parse(self, position: Position) -> Sequence[object]:
        """Return the values of *position*; raise :class:`ValueError` where it is none of this order."""
        try:
            return [term.parse(text) for term, text in zip(self._terms, position, strict=True)]
        except ValidationError as exc:
            msg = f"{position} is no position of this order"
            raise ValueError(msg) from exc

    def _build_condition(self, values: Sequence[object], *, backwards: bool) -> Q | None:
        """Return ``a > 1 OR (a = 1 AND (b > 2 OR (b = 2 AND ...)))``, or ``None`` where nothing can come after."""
        condition: Q | None = None
        for term, value in reversed([*zip(self._terms, values, strict=True)]):
            tie = condition and term.build_equal(value) & condition
            after = term.build_after(value, backwards=backwards)
            condition = after | tie if after and tie else after or tie
        return condition

    def _take_position(self, row: R) -> Position:
        """Return where *row* stands, and leave the row as its queryset promised it."""
        match row:
            case dict():
                values = cast("dict[str, object]", row)
            case Model():
                values = vars(row)
            case _:
                msg = (
                    f"{_label(self._queryset)}: rows must be model instances or dictionaries, not {type(row).__name__}"
                )
                raise ConfigurationError(msg)
        taken = [values.pop(term.name) for term in self._terms]
        return [None if value is None else str(value) for value in taken]


def _find_orders(queryset: QuerySet[Any, Any]) -> list[OrderBy]:
    """Return the terms of the order as expressions, a name of the primary key as its columns."""
    orders: list[OrderBy] = []
    for term in get_order(queryset):
        if isinstance(term, OrderBy):
            orders.append(term.copy())
        elif not isinstance(term, str):
            orders.append(OrderBy(cast("Expression", term)))  # order_by() takes nothing else
        else:
            names = _find_columns(term.removeprefix("-"), queryset)
            orders += [OrderBy(F(name), descending=term.startswith("-")) for name in names]
    return orders


def _find_columns(name: str, queryset: QuerySet[Any, Any]) -> list[str]:
    options = queryset.model._meta
    if name == "pk":
        return [field.attname for field in options.pk_fields]
    if name == "?":
        msg = f"{_label(queryset)} cannot be continued after a row when ordered at random"
        raise ConfigurationError(msg)
    if name in queryset.query.annotations:
        return [name]
    *_, last = parts = name.split(LOOKUP_SEP)
    path, field, _, _ = queryset.query.names_to_path(parts, options)
    if path and path[-1].to_opts.ordering and last not in {getattr(field, "attname", ""), "pk"}:
        # order_by() would follow the ordering of the model it leads to.
        msg = f"{_label(queryset)} cannot be continued after a row when ordered by the relation {name}: name a column"
        raise ConfigurationError(msg)
    return [name]


def _select(queryset: QuerySet[M, R], name: str, order: OrderBy) -> QuerySet[M, R]:
    """Return *queryset* with the expression of *order* selected as *name*."""
    try:
        selected: QuerySet[M, R] = queryset.annotate(**{name: order.expression})
        resolved = selected.query.annotations[name]
        if isinstance(resolved.output_field, FloatField) and not isinstance(resolved, Col):
            # An average may be an exact decimal in the database, which its float would not find again. The cast makes
            # it a double on PostgreSQL, the sum does on MariaDB.
            double = Cast(order.expression + Value(0.0, FloatField()), FloatField())
            selected = queryset.annotate(**{name: double})
    except FieldError as exc:
        msg = f"{_label(queryset)} cannot be continued after a row when ordered by {order.expression}: {exc}"
        raise ConfigurationError(msg) from exc
    return selected


def _describe(queryset: QuerySet[Any, Any], name: str, order: OrderBy) -> _Term:
    resolved = queryset.query.annotations[name]
    table = queryset.query.get_initial_alias()
    nulls_are_largest: bool = connections[queryset.db].features.nulls_order_largest
    return _Term(
        name=name,
        field=resolved.output_field,
        is_descending=order.descending,
        is_nullable=not isinstance(resolved, Col) or resolved.alias != table or resolved.target.null,
        has_nulls_first=bool(order.nulls_first) or (not order.nulls_last and nulls_are_largest == order.descending),
    )


def _label(queryset: QuerySet[Any, Any]) -> str:
    label: str = queryset.model._meta.label
    return label
