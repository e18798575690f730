"""Paginators: DRF's own, with bounds, and with an order in which no two rows tie.

Each answers with the body DRF documents, ``next``, ``previous`` and ``results``, and ``count`` where it counts. The
viewsets of the library put the rows into ``data`` and all the rest into ``pagination``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from django.core.paginator import EmptyPage, Page, PageNotAnInteger, Paginator
from django.core.signing import BadSignature, Signer
from django.db.models import Model, QuerySet
from rest_framework.exceptions import NotFound
from rest_framework.pagination import BasePagination, CursorPagination, LimitOffsetPagination, PageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView
from typing_extensions import TypeVar, override

from drf_commons.errors import ConfigurationError
from drf_commons.keyset import Keyset, Position
from drf_commons.ordering import OrderTerm, get_order, order_totally

__all__ = [
    "CountlessPageNumberPagination",
    "LimitOffsetPaginationWithFormat",
    "StandardCursorPagination",
    "StandardPageNumberPagination",
]

M = TypeVar("M", bound=Model)
R = TypeVar("R", default=M)


#: Databases count in 64 bits.
_LARGEST_OFFSET: Final = 2**63 - 1

if TYPE_CHECKING:
    _Paginator = Paginator[Any]
else:
    # Django's class has a parameter for type checkers alone.
    _Paginator = Paginator


class _EnvelopedMixin(BasePagination):
    """Finds the rows of its answer where our viewsets have put them, for the filter form of the browsable API."""

    @override
    def get_results(self, data: dict[str, Any]) -> list[Any]:
        rows: list[Any] = data["data" if "pagination" in data else "results"]
        return rows


class _TotalOrderMixin(_EnvelopedMixin):
    """Adds the primary key to the order of what is paginated, so that pages neither repeat nor lose a row."""

    @override
    def paginate_queryset(
        self, queryset: QuerySet[M, R] | Sequence[R], request: Request, view: APIView | None = None
    ) -> list[R] | None:
        if isinstance(queryset, QuerySet):
            queryset = order_totally(queryset)
        return super().paginate_queryset(queryset, request, view)


class StandardPageNumberPagination(_TotalOrderMixin, PageNumberPagination):
    """Pages of 20 rows by number, ``?page=3``; ``?page_size=`` asks for up to 100."""

    page_size: int | None = 20
    page_size_query_param: str | None = "page_size"
    max_page_size: int | None = 100


class LimitOffsetPaginationWithFormat(_TotalOrderMixin, LimitOffsetPagination):
    """Any stretch of rows, ``?limit=50&offset=200``, in the same format as numbered pages; 20 rows, at most 100."""

    default_limit: int | None = 20
    max_limit: int | None = 100


class _KnownPaginator(_Paginator):
    """Counts no further than the row after the page it was asked for."""

    @override
    def validate_number(self, number: float | str) -> int:
        try:
            number = int(number)
        except (TypeError, ValueError):
            raise PageNotAnInteger(self.error_messages["invalid_page"]) from None
        if number < 1:
            raise EmptyPage(self.error_messages["min_page"])
        if number * self.per_page > _LARGEST_OFFSET:
            raise EmptyPage(self.error_messages["no_results"])
        return number

    @override
    def page(self, number: int | str) -> Page[Any]:
        number = self.validate_number(number)
        start = (number - 1) * self.per_page
        rows = [*self.object_list[start : start + self.per_page + 1]]
        if not rows and number > 1:
            raise EmptyPage(self.error_messages["no_results"])
        self.__dict__["count"] = start + len(rows)
        return Page(rows[: self.per_page], number, self)


class CountlessPageNumberPagination(StandardPageNumberPagination):
    """Pages by number that never count the rows: there is no ``count``, and no ``?page=last``.

    One row more than the page tells whether there is a next one. Use it where ``COUNT(*)`` costs more than the page.
    """

    django_paginator_class: type[Paginator[Any]] = _KnownPaginator
    last_page_strings: Sequence[str] = ()

    @override
    def get_paginated_response(self, data: Any) -> Response:
        return Response({"next": self.get_next_link(), "previous": self.get_previous_link(), "results": data})

    @override
    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        page = super().get_paginated_response_schema(schema)
        page["required"] = ["results"]
        del page["properties"]["count"]
        return page


class StandardCursorPagination(_EnvelopedMixin, CursorPagination):
    """Pages by cursor, 20 rows, up to 100 for ``?page_size=``: as quick at the end of a long list as at its start.

    A page starts after a *row*, so that rows that come and go meanwhile are neither repeated nor skipped. The order is
    the one of the view's ordering filter, or ``ordering``, or the queryset's own; any number of terms, names and
    expressions, ties and NULL included. The cursor is signed, and belongs to one order: any other text is a 404.

    What it cannot do: count, jump to a page, page through rows that are grouped, sliced or combined. What rows are
    ordered by can be read from the cursor. A row whose place in the order changes meanwhile may be met twice or never.
    """

    page_size: int | None = 20
    page_size_query_param: str | None = "page_size"
    max_page_size: int | None = 100
    #: The order of a list that no filter orders: names or, unlike DRF's, nothing, for the queryset's own order.
    ordering: str | list[str] | tuple[str, ...] = ()

    _next_link: str | None = None
    _previous_link: str | None = None

    @override
    def paginate_queryset(
        self, queryset: QuerySet[M, R] | Sequence[R], request: Request, view: APIView | None = None
    ) -> list[R] | None:
        self.request = request
        page_size = self.get_page_size(request)
        if not page_size:
            return None
        if not isinstance(queryset, QuerySet):
            msg = f"{type(self).__name__} pages through querysets, not through {type(queryset).__name__}"
            raise ConfigurationError(msg)
        names: Sequence[OrderTerm] = _find_filter_ordering(request, queryset, view)
        if not names and self.ordering:
            names = [self.ordering] if isinstance(self.ordering, str) else self.ordering
            queryset = queryset.order_by(*names)
        signer = _build_signer(queryset, names or get_order(queryset))
        keyset = Keyset(queryset)
        backwards, after = self._read_cursor(request, signer, keyset)
        rows = keyset.get_rows(after=after, limit=page_size + 1, backwards=backwards)
        page, rest = rows[:page_size], rows[page_size:]
        # There is a page to go back to where this one was reached from it.
        links = (bool(rest), after is not None)
        if backwards:
            page.reverse()
        has_previous, has_next = links if backwards else links[::-1]
        # From an empty page, the way back is to the other end.
        first, last = (page[0][1], page[-1][1]) if page else (None, None)
        if has_previous:
            self._previous_link = self._build_link(request, signer, backwards=True, after=first)
        if has_next:
            self._next_link = self._build_link(request, signer, backwards=False, after=last)
        self.display_page_controls: bool = self.template is not None and (has_previous or has_next)
        return [row for row, _ in page]

    @override
    def get_next_link(self) -> str | None:
        return self._next_link

    @override
    def get_previous_link(self) -> str | None:
        return self._previous_link

    def _read_cursor(
        self, request: Request, signer: Signer, keyset: Keyset[M, R]
    ) -> tuple[bool, Sequence[object] | None]:
        """Return the direction, and what the row holds after which the page starts."""
        cursor = request.query_params.get(self.cursor_query_param)
        if cursor is None:
            return False, None
        try:
            backwards, after = signer.unsign_object(cursor)
            return backwards, after and keyset.parse(after)
        except (BadSignature, ValueError) as exc:
            raise NotFound(self.invalid_cursor_message) from exc

    def _build_link(self, request: Request, signer: Signer, *, backwards: bool, after: Position | None) -> str:
        cursor = signer.sign_object([backwards, after])
        return replace_query_param(request.build_absolute_uri(), self.cursor_query_param, cursor)


def _find_filter_ordering(request: Request, queryset: QuerySet[Any, Any], view: APIView | None) -> Sequence[OrderTerm]:
    """Return the names by which the first filter of *view* that orders has ordered *queryset*, if there is one."""
    for backend in getattr(view, "filter_backends", ()):
        if hasattr(backend, "get_ordering"):
            return backend().get_ordering(request, queryset, view) or ()
    return ()


def _build_signer(queryset: QuerySet[Any, Any], names: Iterable[OrderTerm]) -> Signer:
    """Return what signs cursors for this order of this model, and for no other."""
    order = ",".join(name if isinstance(name, str) else type(name).__name__ for name in names)
    return Signer(sep=".", salt=f"{__name__}:{queryset.model._meta.label}:{order}")
