"""Total orders: an order in which no two rows tie, so that pages neither repeat nor lose a row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from django.core.exceptions import FieldDoesNotExist
from django.db.models import F, Field, Model, OrderBy, QuerySet
from django.db.models.expressions import Combinable
from django.db.models.options import Options
from typing_extensions import TypeVar

__all__ = ["OrderTerm", "can_order_totally", "get_order", "is_descending", "order_totally"]

#: What ``order_by()`` takes: a name, perhaps with a ``-``, or an expression.
OrderTerm: TypeAlias = str | Combinable

M = TypeVar("M", bound=Model)
R = TypeVar("R", default=M)


def order_totally(queryset: QuerySet[M, R]) -> QuerySet[M, R]:
    """Return *queryset* with its primary key as the last term of its order, unless no two rows tie without it.

    The primary key follows the direction of the term before it, so that one index serves both directions. A queryset
    that cannot take another term without changing its rows is returned as it is: sliced, combined by ``union()``,
    or grouped or made distinct by columns without the primary key.
    """
    if not can_order_totally(queryset):
        return queryset
    order = get_order(queryset)
    if _is_total(order, queryset.model._meta):
        return queryset
    return queryset.order_by(*order, "-pk" if order and is_descending(order[-1]) else "pk")


def get_order(queryset: QuerySet[Any, Any]) -> Sequence[OrderTerm]:
    """Return the terms of ``order_by()``, or those of the model's ``Meta.ordering``."""
    query = queryset.query
    if query.order_by or not query.default_ordering:
        return query.order_by
    return queryset.model._meta.ordering or ()


def is_descending(term: OrderTerm) -> bool:
    """Tell the direction of *term*."""
    return term.startswith("-") if isinstance(term, str) else isinstance(term, OrderBy) and term.descending


def can_order_totally(queryset: QuerySet[Any, Any]) -> bool:
    """Tell whether the primary key can be added to the order of *queryset* without a change to its rows."""
    query = queryset.query
    if query.is_sliced or query.combinator or query.distinct_fields or query.extra_order_by:
        return False
    if not query.distinct and not isinstance(query.group_by, tuple):
        return True
    # The primary key would be added to what is distinct, or to what is grouped by.
    primary_key = queryset.model._meta.pk
    selects_instances = vars(queryset)["_fields"] is None  # None until values() or values_list() names some
    return selects_instances or "pk" in query.values_select or primary_key.name in query.values_select


def _is_total(order: Iterable[OrderTerm], options: Options[Any]) -> bool:
    """Tell whether the terms hold the primary key or other columns that are unique together and never null."""
    columns = {column for term in order if (column := _find_column(term, options))}
    return any(columns.issuperset(key) for key in _find_keys(options))


def _find_column(term: OrderTerm, options: Options[Any]) -> str | None:
    """Return the model's own column that *term* orders by, if it is one."""
    if isinstance(term, OrderBy):
        term = term.expression
    name: str = term.removeprefix("-") if isinstance(term, str) else getattr(term, "name", "")
    if name == "pk":
        return name
    if not isinstance(term, str | F):
        return None
    try:
        field = options.get_field(name)
    except FieldDoesNotExist:
        return None
    # The name of a relation orders by the ordering of the model it leads to.
    return field.attname if isinstance(field, Field) and (not field.is_relation or name == field.attname) else None


def _find_keys(options: Options[Any]) -> Iterable[Sequence[str]]:
    """Yield the columns, or sets of columns, that no two rows have in common."""
    yield ("pk",)
    for field in options.fields:
        if field.unique and not field.null:
            yield (field.attname,)
    together = [*options.unique_together, *(constraint.fields for constraint in options.total_unique_constraints)]
    for names in together:
        fields = [field for field in options.fields if field.name in names]
        # NULL is never equal to NULL: rows may tie there.
        if not any(field.null for field in fields):
            yield [field.attname for field in fields]
