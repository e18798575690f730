"""Pages: their bounds and bodies, and an order that neither repeats nor loses a row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from django.db import connection
from django.db.models import Avg, Count, F, Model, OrderBy, QuerySet
from django.db.models.functions import Lower
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.filters import OrderingFilter
from rest_framework.generics import ListAPIView
from rest_framework.pagination import BasePagination
from rest_framework.renderers import BrowsableAPIRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory

from drf_commons.errors import ConfigurationError
from drf_commons.ordering import OrderTerm, order_totally
from drf_commons.pagination import (
    CountlessPageNumberPagination,
    LimitOffsetPaginationWithFormat,
    StandardCursorPagination,
    StandardPageNumberPagination,
)
from drf_commons.serializers import BaseModelSerializer
from drf_commons.views import BaseViewSet
from tests.catalogue.models import Author, Book, Copy, Folio, Review, Seat

pytestmark = pytest.mark.django_db

PAGINATIONS = (
    CountlessPageNumberPagination,
    LimitOffsetPaginationWithFormat,
    StandardCursorPagination,
    StandardPageNumberPagination,
)
factory = APIRequestFactory()


class BookSerializer(BaseModelSerializer[Book]):
    class Meta:
        model = Book
        fields = ("id", "title", "shelf")


class Books(ListAPIView[Book]):
    queryset = Book.objects.all()
    serializer_class = BookSerializer
    pagination_class: type[BasePagination] | None = StandardPageNumberPagination


def make_books(count: int) -> list[Book]:
    """Return *count* books that stand on three shelves."""
    return Book.objects.bulk_create(
        Book(title=f"Book {number}", isbn=f"{number:013}", shelf=number % 3) for number in range(count)
    )


def get(view: type[ListAPIView[Any]], url: str = "/") -> Response:
    """Return what *view* answers."""
    return view.as_view()(factory.get(url))


def view_with(pagination: type[BasePagination], books: QuerySet[Book] | None = None) -> type[Books]:
    """Return a view of *books* with *pagination*."""
    attributes = {"pagination_class": pagination, "queryset": Book.objects.all() if books is None else books}
    return type("Books", (Books,), attributes)


def follow(view: type[ListAPIView[Any]], url: str = "/", link: str = "next") -> Iterator[tuple[str, list[Any]]]:
    """Yield the addresses and the pages that a client sees who follows the links."""
    for _ in range(100):
        body = get(view, url).data
        yield url, [row["id"] for row in body["results"]]
        if body[link] is None:
            return
        url = body[link]
    pytest.fail("the links go round in circles")


def walk(view: type[ListAPIView[Any]], url: str = "/", link: str = "next") -> list[list[Any]]:
    """Return the pages that a client sees who follows the links."""
    return [page for _, page in follow(view, url, link)]


def paginate(pagination: type[BasePagination], queryset: QuerySet[Any, Any], url: str = "/") -> list[Any]:
    """Return the rows of one page."""
    rows = pagination().paginate_queryset(queryset, Request(factory.get(url)))
    assert rows is not None
    return rows


@pytest.mark.parametrize(
    ("pagination", "query", "count"),
    [
        (StandardPageNumberPagination, "", 20),
        (StandardPageNumberPagination, "page_size=7", 7),
        (StandardPageNumberPagination, "page_size=1000", 100),
        (StandardPageNumberPagination, "page_size=0", 20),
        (StandardPageNumberPagination, "page_size=many", 20),
        (LimitOffsetPaginationWithFormat, "", 20),
        (LimitOffsetPaginationWithFormat, "limit=7&offset=3", 7),
        (LimitOffsetPaginationWithFormat, "limit=1000", 100),
        (LimitOffsetPaginationWithFormat, "limit=-1&offset=-1", 20),
        (CountlessPageNumberPagination, "page_size=1000", 100),
        (StandardCursorPagination, "", 20),
        (StandardCursorPagination, "page_size=1000", 100),
    ],
)
def test_pages_are_bounded(pagination: type[BasePagination], query: str, count: int) -> None:
    """20 rows unless the client asks for another number, and never more than 100; nonsense asks for nothing."""
    make_books(105)
    assert len(get(view_with(pagination), f"/?{query}").data["results"]) == count


@pytest.mark.parametrize("pagination", PAGINATIONS)
def test_bodies_are_those_of_drf(pagination: type[BasePagination]) -> None:
    """Every paginator answers with ``next``, ``previous`` and ``results``; the two that count say so."""
    make_books(1)
    body = get(view_with(pagination)).data
    counted = {"count": 1} if pagination in {LimitOffsetPaginationWithFormat, StandardPageNumberPagination} else {}
    rows = [{"id": Book.objects.get().pk, "title": "Book 0", "shelf": 0}]
    assert body == counted | {"next": None, "previous": None, "results": rows}


@pytest.mark.parametrize("pagination", PAGINATIONS)
def test_lists_of_the_viewsets_have_rows_and_pages_apart(pagination: type[BasePagination]) -> None:
    """In the envelope the rows are ``data``, and what else the paginator tells is ``pagination``."""
    make_books(21)

    class BookViewSet(BaseViewSet[Book]):
        queryset = Book.objects.all()
        serializer_class = BookSerializer
        pagination_class = pagination

    body = BookViewSet.as_view({"get": "list"})(factory.get("/")).data
    assert len(body["data"]) == 20
    assert set(body["pagination"]) - {"count"} == {"next", "previous"}


@pytest.mark.parametrize("pagination", PAGINATIONS)
def test_schemas_describe_the_bodies(pagination: type[BasePagination]) -> None:
    """What a schema requires is in the body, and what is in the body is in the schema."""
    body = get(view_with(pagination)).data
    schema = pagination().get_paginated_response_schema({"type": "array"})
    assert set(schema["properties"]) == set(body)
    assert set(schema["required"]) <= set(body)


@pytest.mark.parametrize(
    ("pagination", "names"),
    [
        (StandardPageNumberPagination, ["page", "page_size"]),
        (CountlessPageNumberPagination, ["page", "page_size"]),
        (LimitOffsetPaginationWithFormat, ["limit", "offset"]),
        (StandardCursorPagination, ["cursor", "page_size"]),
    ],
)
def test_schemas_name_the_parameters(pagination: type[BasePagination], names: list[str]) -> None:
    """Each parameter a client may send is in the schema."""
    assert [parameter["name"] for parameter in pagination().get_schema_operation_parameters(Books())] == names


@pytest.mark.parametrize(
    ("pagination", "query"),
    [
        (StandardPageNumberPagination, "page=0"),
        (StandardPageNumberPagination, "page=3"),
        (StandardPageNumberPagination, "page=x"),
        (CountlessPageNumberPagination, "page=0"),
        (CountlessPageNumberPagination, "page=3"),
        (CountlessPageNumberPagination, "page=x"),
        (CountlessPageNumberPagination, "page=last"),
        (CountlessPageNumberPagination, "page=99999999999999999999"),
        (StandardCursorPagination, "cursor=x"),
        (StandardCursorPagination, "cursor="),
        (StandardCursorPagination, "cursor=cD0xMA%3D%3D"),
        (StandardCursorPagination, "cursor=WzAsWyIxIl1d.ü"),
    ],
)
def test_a_page_that_does_not_exist_is_a_404(pagination: type[BasePagination], query: str) -> None:
    """As in DRF: a number beyond the last page, or what is no page at all."""
    make_books(40)
    assert get(view_with(pagination), f"/?{query}").status_code == 404


@pytest.mark.parametrize("pagination", PAGINATIONS)
def test_an_empty_list_has_one_empty_page(pagination: type[BasePagination]) -> None:
    """No rows are no error."""
    assert walk(view_with(pagination)) == [[]]


@pytest.mark.parametrize("pagination", PAGINATIONS)
@pytest.mark.parametrize("order", [(), ("shelf",), ("-shelf",), ("shelf", "-price"), ("author",), (Lower("title"),)])
def test_pages_neither_repeat_nor_lose_a_row(pagination: type[BasePagination], order: Sequence[OrderTerm]) -> None:
    """However many rows tie, each stands on exactly one page."""
    books = make_books(90)
    pages = walk(view_with(pagination, Book.objects.order_by(*order)))
    assert [len(page) for page in pages] == [20, 20, 20, 20, 10]
    assert sorted(pk for page in pages for pk in page) == [book.pk for book in books]


@pytest.mark.parametrize(
    ("queryset", "order"),
    [
        (Book.objects.all(), ("pk",)),
        (Book.objects.order_by("shelf"), ("shelf", "pk")),
        (Book.objects.order_by("shelf", "-title"), ("shelf", "-title", "-pk")),
        (Book.objects.order_by("author_id"), ("author_id", "pk")),
        (Book.objects.order_by("author"), ("author", "pk")),
        (Book.objects.order_by("author__id"), ("author__id", "pk")),
        (Book.objects.order_by(F("shelf").desc()), (F("shelf").desc(), "-pk")),
        (Book.objects.order_by(F("shelf")), (F("shelf"), "pk")),
        (Book.objects.order_by("shelf", "place"), ("shelf", "place", "pk")),
        (Book.objects.annotate(n=Count("reviews")).order_by("-n"), ("-n", "-pk")),
        (Book.objects.values("shelf").order_by("shelf"), ("shelf", "pk")),
        (Book.objects.values("pk", "shelf").distinct().order_by("shelf"), ("shelf", "pk")),
        (Book.objects.distinct().order_by("shelf"), ("shelf", "pk")),
        (Seat.objects.all(), ("-has_lamp", "-pk")),
        (Seat.objects.order_by("row"), ("row", "pk")),
        (Folio.objects.order_by("height"), ("height", "pk")),
    ],
)
def test_the_primary_key_is_added_to_an_order_with_ties(
    queryset: QuerySet[Model, Any], order: tuple[OrderTerm, ...]
) -> None:
    """It comes last and follows the direction of the term before it; the model's own ordering is kept."""
    assert order_totally(queryset).query.order_by == order


@pytest.mark.parametrize(
    "queryset",
    [
        Book.objects.order_by("pk"),
        Book.objects.order_by("shelf", "-id"),
        Book.objects.order_by("-isbn"),
        Book.objects.order_by(F("isbn").desc()),
        Book.objects.order_by(OrderBy(F("pk"))),
        Seat.objects.order_by("number", "-row"),
        Folio.objects.order_by("isbn"),
        Folio.objects.order_by("book_ptr_id"),
        Book.objects.all()[:3],
        Book.objects.filter(shelf=1).union(Book.objects.filter(shelf=2)),
        Book.objects.values("shelf").annotate(n=Count("pk")),
        Book.objects.values("shelf").distinct(),
        Book.objects.order_by("shelf").distinct("shelf"),
    ],
)
def test_the_primary_key_is_not_added_where_it_does_not_belong(queryset: QuerySet[Model, Any]) -> None:
    """An order without ties needs none; rows that are sliced, combined or grouped would not be the same with it."""
    assert order_totally(queryset) is queryset


@pytest.mark.parametrize("pagination", [StandardPageNumberPagination, LimitOffsetPaginationWithFormat])
def test_grouped_rows_stay_grouped(pagination: type[BasePagination]) -> None:
    """Paginating ``values().annotate()`` does not take the groups apart."""
    make_books(6)
    groups = Book.objects.values("shelf").annotate(n=Count("pk")).order_by("shelf")
    assert paginate(pagination, groups) == [{"shelf": shelf, "n": 2} for shelf in range(3)]


def test_lists_can_be_paginated() -> None:
    """What is no queryset is paginated as it stands."""
    rows = [*"cab"]
    page = StandardPageNumberPagination().paginate_queryset(rows, Request(factory.get("/?page_size=2")))
    assert page == ["c", "a"]


def test_the_countless_pages_do_not_count() -> None:
    """One query fetches a page and tells whether there is another."""
    make_books(41)
    view = view_with(CountlessPageNumberPagination)
    with CaptureQueriesContext(connection) as queries:
        pages = walk(view)
    assert [len(page) for page in pages] == [20, 20, 1]
    assert len(queries) == 3
    assert not any("COUNT" in query["sql"] for query in queries)


def test_the_last_full_page_of_the_countless_has_no_next() -> None:
    """Where the rows fill their pages exactly, no empty page follows."""
    make_books(40)
    assert [len(page) for page in walk(view_with(CountlessPageNumberPagination))] == [20, 20]


def test_indexes_go_on_over_countless_pages() -> None:
    """A page tells where it starts without knowing where the list ends."""
    make_books(25)

    class BookViewSet(BaseViewSet[Book]):
        queryset = Book.objects.all()
        serializer_class = BookSerializer
        pagination_class = CountlessPageNumberPagination
        append_indexes = True

    body = BookViewSet.as_view({"get": "list"})(factory.get("/?page=2")).data
    assert [row["index"] for row in body["data"]] == [21, 22, 23, 24, 25]


@pytest.mark.parametrize("pagination", PAGINATIONS)
def test_the_browsable_api_shows_page_controls(pagination: type[BasePagination]) -> None:
    """The page after this one is a link on the HTML page."""
    make_books(30)
    view = view_with(pagination)
    view.renderer_classes = (BrowsableAPIRenderer,)
    response = get(view, "/?format=api")
    next_link = get(view_with(pagination)).data["next"].partition("?")[2]
    assert next_link.replace("&", "&amp;").encode() in response.render().content


class ByCursor(Books):
    pagination_class = StandardCursorPagination


@pytest.fixture
def library() -> None:
    """Books that tie, and miss a value, in every column one may order by."""
    random = Random(7)  # noqa: S311  # the same books every time
    authors = [Author.objects.create(name=name, born=born) for name, born in [("Ada", 1815), ("ada", None), ("Bo", 9)]]
    moment = datetime(2024, 3, 31, 0, 59, 59, 999999, UTC)
    books = Book.objects.bulk_create(
        Book(
            title=random.choice(["", "a", "A", "é", "e", 'q"\\,%', "z" * 80]),
            isbn=f"{number:013}",
            shelf=random.randrange(2),
            place=random.choice([None, number]),
            price=random.choice([None, Decimal("0.10"), Decimal("0.3"), Decimal("-1.00"), Decimal("999999.99")]),
            rating=random.choice([None, 0.1, 0.1 + 0.2, -0.0, 1e300]),
            published=random.choice([None, date(1, 1, 1), date(2024, 2, 29)]),
            catalogued=random.choice([None, moment, moment + timedelta(microseconds=1)]),
            author=random.choice([None, *authors]),
        )
        for number in range(24)
    )
    Review.objects.bulk_create(Review(book=book, stars=random.randrange(6)) for book in books[4:] for _ in range(3))


def annotate(books: QuerySet[Book]) -> QuerySet[Book]:
    """Return *books* with something computed to order by."""
    return books.annotate(average=Avg("reviews__stars"), lower=Lower("title"))


NAMES = [
    *("pk", "title", "shelf", "place", "price", "rating", "published", "catalogued", "author", "author_id"),
    *("author__name", "author__born", "average", "lower", "published__year"),
]
PLACES_OF_NULL: list[dict[str, bool]] = [{}, {"nulls_first": True}, {"nulls_last": True}]
TERMS: st.SearchStrategy[OrderTerm] = st.one_of(
    st.sampled_from([sign + name for name in NAMES for sign in ("", "-")]),
    st.builds(
        lambda name, descending, nulls: OrderBy(F(name), descending, **nulls),
        st.sampled_from(NAMES),
        st.booleans(),
        st.sampled_from(PLACES_OF_NULL),
    ),
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.lists(TERMS, max_size=3), page_size=st.integers(2, 20), is_reversed=st.booleans())
def test_cursors_lead_through_every_row_in_order(
    library: None, order: list[OrderTerm], page_size: int, is_reversed: bool
) -> None:
    """Forwards and backwards, whatever rows are ordered by, the pages are the rows in the database's own order."""
    books = annotate(Book.objects.all()).order_by(*order)
    books = books.reverse() if is_reversed else books
    view = view_with(StandardCursorPagination, books.all())
    expected = [book.pk for book in order_totally(books.all())]
    urls, forwards = zip(*follow(view, f"/?page_size={page_size}"), strict=True)
    assert [pk for page in forwards for pk in page] == expected
    assert {len(page) for page in forwards[:-1]} <= {page_size}
    assert walk(view, urls[-1], link="previous") == [*reversed(forwards)]


def test_the_pages_of_a_cursor_do_not_move_with_the_rows_before_them() -> None:
    """What is added or deleted before the next page neither repeats nor hides a row of it."""
    books = make_books(4)
    view = view_with(StandardCursorPagination, Book.objects.order_by("-pk"))
    url = get(view, "/?page_size=2").data["next"]
    Book.objects.create(isbn="new")
    books[2].delete()
    books[3].delete()
    assert walk(view, url) == [[books[1].pk, books[0].pk]]


def test_the_way_back_from_a_page_that_was_emptied_is_to_the_rows_that_are_left() -> None:
    """A cursor whose rows are gone leads to an empty page, and from there to the end of the list."""
    books = make_books(4)
    view = view_with(StandardCursorPagination)
    second = get(view, "/?page_size=2").data["next"]
    first = get(view, second).data["previous"]
    Book.objects.filter(pk__gt=books[1].pk).delete()
    empty = get(view, second).data
    assert (empty["results"], empty["next"]) == ([], None)
    assert walk(view, empty["previous"]) == [[books[0].pk, books[1].pk]]
    Book.objects.all().delete()
    make_books(1)
    assert get(view, get(view, first).data["next"] or "/").data["previous"] is None


def test_a_cursor_is_for_one_order_alone() -> None:
    """Under another order it would lead to any page; it is a 404."""
    make_books(3)
    url = get(view_with(StandardCursorPagination, Book.objects.order_by("title")), "/?page_size=1").data["next"]
    assert get(view_with(StandardCursorPagination, Book.objects.order_by("title")), url).status_code == 200
    assert get(view_with(StandardCursorPagination, Book.objects.order_by("isbn")), url).status_code == 404
    assert get(view_with(StandardCursorPagination, Book.objects.order_by("-title")), url).status_code == 404


def test_a_cursor_cannot_be_forged() -> None:
    """A cursor that was changed on the way is a 404; nothing in it reaches the database."""
    make_books(3)
    url = get(view_with(StandardCursorPagination), "/?page_size=1").data["next"]
    head, _, rest = url.partition("cursor=")
    assert get(view_with(StandardCursorPagination), f"{head}cursor=x{rest}").status_code == 404


def test_a_cursor_whose_column_has_changed_its_type_is_a_404() -> None:
    """A cursor from before a deployment may hold what the column no longer does."""
    make_books(3)
    view = view_with(StandardCursorPagination, Book.objects.annotate(key=F("title")).order_by("key"))
    url = get(view, "/?page_size=1").data["next"]
    view.queryset = Book.objects.annotate(key=F("shelf")).order_by("key")
    assert get(view, url).status_code == 404


def test_a_cursor_follows_the_ordering_filter() -> None:
    """What the client orders by wins over the paginator's ``ordering``, which wins over the queryset's own."""
    books = make_books(4)

    class ByTitle(StandardCursorPagination):
        ordering = "-title"

    class Ordered(Books):
        queryset = Book.objects.order_by("shelf")
        pagination_class = ByTitle
        filter_backends = (OrderingFilter,)
        ordering_fields = ("title",)

    ascending = [book.pk for book in books]
    assert walk(Ordered) == [ascending[::-1]]
    assert walk(Ordered, "/?ordering=title&page_size=2") == [ascending[:2], ascending[2:]]
    assert walk(view_with(ByTitle)) == [ascending[::-1]]


def test_cursors_leave_rows_as_their_queryset_promised_them() -> None:
    """Nothing the paginator needs for itself is left on a row, be it an instance or a dictionary."""
    book = make_books(1)[0]
    (instance,) = paginate(StandardCursorPagination, Book.objects.order_by("title"))
    assert [name for name in vars(instance) if "keyset" in name] == []
    assert paginate(StandardCursorPagination, Book.objects.values("title")) == [{"title": book.title}]


def test_cursors_read_no_column_twice_from_the_database() -> None:
    """A deferred column that rows are ordered by costs no query per row."""
    make_books(3)
    with CaptureQueriesContext(connection) as queries:
        paginate(StandardCursorPagination, Book.objects.only("title").order_by("shelf"), "/?page_size=1")
    assert len(queries) == 1


@pytest.mark.parametrize(
    "queryset",
    [
        Folio.objects.order_by("-height"),
        Seat.objects.order_by("row"),
        Seat.objects.all(),
        Copy.objects.order_by("-number"),
        Copy.objects.all(),
    ],
)
def test_cursors_lead_through_keys_of_every_kind(queryset: QuerySet[Any]) -> None:
    """A primary key may be no number, a relation to the parent's row, or several columns."""
    for number in range(5):
        folio = Folio.objects.create(isbn=str(number), height=number % 2)
        Seat.objects.create(row=number % 2, number=number)
        Copy.objects.create(book=folio, number=number % 2)
    rows = [*order_totally(queryset)]
    url = "/?page_size=3"
    paginator = StandardCursorPagination()
    assert paginator.paginate_queryset(queryset, Request(factory.get(url))) == rows[:3]
    url = paginator.get_next_link() or ""
    assert paginator.paginate_queryset(queryset, Request(factory.get(url))) == rows[3:]


@pytest.mark.parametrize(
    ("queryset", "message"),
    [
        (Book.objects.all()[:5], "catalogue.Book: rows that are sliced, combined or grouped"),
        (Book.objects.values("shelf").annotate(n=Count("pk")), "sliced, combined or grouped"),
        (Book.objects.values_list("title"), "rows must be model instances or dictionaries, not tuple"),
        (Book.objects.order_by(F("missing")), "Cannot resolve"),
        (Book.objects.order_by("?"), "at random"),
    ],
)
def test_what_a_cursor_cannot_page_through_is_named(queryset: QuerySet[Any, Any], message: str) -> None:
    """The error says which rows, and why."""
    make_books(1)
    with pytest.raises(ConfigurationError, match=message):
        paginate(StandardCursorPagination, queryset)
