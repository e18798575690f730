"""Filter backends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, TypeAlias, cast
from weakref import WeakKeyDictionary

from django.core.exceptions import FieldError
from django.db.models import Aggregate, F, Model, OrderBy, OuterRef, Q, QuerySet, Subquery, Window
from django.db.models.expressions import Expression
from django.db.models.sql.datastructures import Join
from django.utils.encoding import force_str
from rest_framework.filters import OrderingFilter
from rest_framework.request import Request
from rest_framework.views import APIView
from typing_extensions import TypeVar, override

from drf_commons.errors import ConfigurationError
from drf_commons.ordering import OrderTerm, order_totally

__all__ = ["ComputedOrdering", "ComputedOrderingFilter"]

#: What a computed key orders by: a name, an expression, or several of them.
ComputedOrdering: TypeAlias = OrderTerm | Sequence[OrderTerm]

_Expression: TypeAlias = "Expression | F | Subquery[Any]"
_Term: TypeAlias = str | OrderBy

M = TypeVar("M", bound=Model)
R = TypeVar("R", default=M)

# A field's name cannot end in an underscore: the alias never hides one.
_VALUE: Final = "ordering_"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compiled:
    """The computed keys of a view, checked against its model; valid as long as the view shows the same mapping."""

    declared: Mapping[str, ComputedOrdering]
    model: type[Model]
    terms: Mapping[str, tuple[_Term, ...]]


class ComputedOrderingFilter(OrderingFilter):
    """DRF's ``?ordering=``, with keys of the view's own that order by what the database computes.

    ::

        ordering_fields = ["title", "created_at"]
        computed_ordering_fields = {
            "comment_count": Count("comments"),
            "author": F("author__name").asc(nulls_last=True),
            "shelf": [F("shelf"), "-place"],
        }

    A value is an expression, a name, or a list of both. ``-key`` turns every direction round; where NULL stands
    (``nulls_first``, ``nulls_last``) stays. Each aggregate is computed by itself, for one row at a time: two of them
    never multiply each other, other filters do not change what they count, and ``count()`` does not compute them.
    The primary key is added, so that the order is total.

    A key that cannot work raises :class:`~drf_commons.errors.ConfigurationError` on the first request.
    """

    #: The keys, for every view that does not declare ``computed_ordering_fields`` of its own.
    computed_ordering_fields: ClassVar[Mapping[str, ComputedOrdering]] = {}

    _compiled: ClassVar[WeakKeyDictionary[type[APIView], _Compiled]] = WeakKeyDictionary()

    @override
    def filter_queryset(self, request: Request, queryset: QuerySet[M, R], view: APIView) -> QuerySet[M, R]:
        computed = self._get_computed_terms(queryset, view)
        ordering = self.get_ordering(request, queryset, view)  # pyright: ignore[reportUnknownMemberType]  # stubs leave it open
        if not ordering:
            return queryset
        terms = [term for key in ordering for term in _expand(key, computed)]
        return order_totally(queryset.order_by(*terms))

    @override
    def get_ordering(self, request: Request, queryset: QuerySet[Any, Any], view: APIView) -> Sequence[str]:
        """Return the keys asked for: in one parameter, or in several, as many a generated client sends a list."""
        asked = [key.strip() for keys in request.query_params.getlist(self.ordering_param) for key in keys.split(",")]
        valid = self.remove_invalid_fields(queryset, asked, view, request)  # pyright: ignore[reportUnknownMemberType]  # same
        return valid or self.get_default_ordering(view) or ()

    @override
    def get_valid_fields(
        self, queryset: QuerySet[Any], view: APIView, context: Mapping[str, Any] | None = None
    ) -> list[tuple[str, str]]:
        computed = [(key, key.replace("_", " ").capitalize()) for key in self.get_computed_fields(view)]
        keys = {key for key, _ in computed}
        fields = super().get_valid_fields(queryset, view, context)  # pyright: ignore[reportUnknownMemberType]  # same
        return [*(field for field in fields if field[0] not in keys), *computed]

    def get_computed_fields(self, view: APIView) -> Mapping[str, ComputedOrdering]:
        """Return the computed keys of *view*."""
        return getattr(view, "computed_ordering_fields", self.computed_ordering_fields)

    def _get_computed_terms(self, queryset: QuerySet[Any, Any], view: APIView) -> Mapping[str, tuple[_Term, ...]]:
        """Return what each computed key hands to ``order_by()``; raise where one cannot work."""
        declared = self.get_computed_fields(view)
        known = self._compiled.get(type(view))
        if known and known.declared is declared and known.model is queryset.model:
            return known.terms
        terms = {key: _compile(value, queryset, _name(view, key)) for key, value in declared.items()}
        self._compiled[type(view)] = _Compiled(declared=declared, model=queryset.model, terms=terms)
        return terms

    @override
    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        items: dict[str, object] = {"type": "string"}
        keys = self.find_keys(view)
        if keys:
            items["enum"] = [sign + key for key in keys for sign in ("", "-")]
        return [
            {
                "name": self.ordering_param,
                "required": False,
                "in": "query",
                "description": force_str(self.ordering_description),
                "schema": {"type": "array", "items": items},
                # One value, separated by commas.
                "style": "form",
                "explode": False,
            }
        ]

    def find_keys(self, view: APIView) -> list[str]:
        """Return every key of *view*, without a request; an empty list where only a request could tell."""
        fields: object = getattr(view, "ordering_fields", self.ordering_fields)
        queryset: QuerySet[Any] | None = getattr(view, "queryset", None)
        if queryset is None and (fields is None or fields == "__all__"):
            return []
        # A list of keys is returned without a look at the queryset.
        return [key for key, _ in self.get_valid_fields(cast("QuerySet[Any]", queryset), view)]


def _name(view: APIView, key: str) -> str:
    return f"{type(view).__name__}.computed_ordering_fields[{key!r}]"


def _expand(key: OrderTerm, computed: Mapping[str, Sequence[_Term]]) -> Iterable[OrderTerm]:
    """Return the terms behind *key*, which is itself a term where it is not computed."""
    if not isinstance(key, str):
        return (key,)
    if key in computed:
        return computed[key]
    if key.startswith("-") and key[1:] in computed:
        return [_reverse(term) for term in computed[key[1:]]]
    return (key,)


def _reverse(term: _Term) -> _Term:
    """Return *term* in the other direction, with NULL where it was."""
    if isinstance(term, str):
        return term[1:] if term.startswith("-") else f"-{term}"
    term = term.copy()
    term.descending = not term.descending
    return term


def _compile(value: object, queryset: QuerySet[Any, Any], where: str) -> tuple[_Term, ...]:
    """Return the terms of *value*, its aggregates isolated; raise where *queryset* cannot be ordered by them."""
    terms = cast("Sequence[object]", value) if isinstance(value, list | tuple) else [value]
    if not terms:
        msg = f"{where}: an empty list orders nothing"
        raise ConfigurationError(msg)
    try:
        return tuple(_compile_term(term, queryset) for term in terms)
    except (FieldError, _UnusableTermError) as exc:
        msg = f"{where}: {exc}"
        raise ConfigurationError(msg) from exc


def _compile_term(term: object, queryset: QuerySet[Any, Any]) -> _Term:
    if isinstance(term, str):
        _check_joins(F(term.removeprefix("-")), queryset)
        return term
    if not isinstance(term, Expression | F | Subquery):
        msg = f"{term!r} is neither a name nor an expression"
        raise _UnusableTermError(msg)
    # A subquery's parameter cannot be told at runtime.
    expression: _Expression = _isolate(term, queryset) if isinstance(term, Expression) else term  # pyright: ignore[reportUnknownVariableType]
    _check_joins(expression, queryset)
    return expression if isinstance(expression, OrderBy) else OrderBy(expression)


def _isolate(expression: Expression, queryset: QuerySet[Any, Any]) -> Expression | Subquery[Any]:
    """Return *expression* with each of its aggregates computed in a subquery of its own, by primary key."""
    if isinstance(expression, Window):
        return expression
    if isinstance(expression, Aggregate):
        if isinstance(queryset.query.group_by, tuple):
            msg = "the rows are grouped by values(): they have no primary key to compute an aggregate by"
            raise _UnusableTermError(msg)
        # A queryset of no manager: a row that the default one hides is ordered too.
        rows: QuerySet[Any] = QuerySet(queryset.model)
        rows = rows.filter(pk=OuterRef("pk")).order_by()
        return Subquery(rows.values("pk").annotate(**{_VALUE: expression}).values(_VALUE))
    sources = expression.get_source_expressions()  # expressions, Q or None
    for source in sources:
        if isinstance(source, Q) and any(isinstance(part, Aggregate) for part in source.flatten()):
            msg = f"{source} holds an aggregate; compare it outside of Q(), as in GreaterThan(Count(...), 3)"
            raise _UnusableTermError(msg)
    copy = expression.copy()
    copy.set_source_expressions(
        [_isolate(part, queryset) if isinstance(part, Expression) else part for part in sources]
    )
    return copy


def _check_joins(expression: _Expression, queryset: QuerySet[Any, Any]) -> None:
    """Raise where *expression* names what does not exist, or what would list a row several times."""
    probe = queryset.query.clone()
    # What the queryset joins already is its own affair, and differs from request to request.
    probe.alias_map, probe.table_map, probe.alias_refcount = {}, {}, {}
    expression.resolve_expression(probe)
    for table in probe.alias_map.values():
        if isinstance(table, Join) and table.filtered_relation is None and not _is_single(table.join_field):
            msg = f"{table.table_name} may hold several rows for one; use an aggregate such as Max()"
            raise _UnusableTermError(msg)


def _is_single(field: Any) -> bool:  # a field, or what stands for it on the other side
    return bool(field.many_to_one or field.one_to_one)


class _UnusableTermError(Exception):
    """Says what is wrong with a term; never leaves this module."""
