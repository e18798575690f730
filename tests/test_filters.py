"""Ordering by what the database computes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, ClassVar

import django_filters
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.db.models import (
    Avg,
    Case,
    Count,
    Exists,
    F,
    IntegerField,
    Max,
    OrderBy,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    When,
    Window,
)
from django.db.models.functions import Coalesce, Length, Lower, RowNumber
from django.db.models.lookups import GreaterThan
from django.test.utils import CaptureQueriesContext
from django_filters.rest_framework import DjangoFilterBackend, FilterSet
from rest_framework.generics import ListAPIView
from rest_framework.pagination import BasePagination
from rest_framework.renderers import BrowsableAPIRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from typing_extensions import override

from drf_commons.filters import ComputedOrdering, ComputedOrderingFilter
from drf_commons.pagination import (
    CountlessPageNumberPagination,
    LimitOffsetPaginationWithFormat,
    StandardCursorPagination,
    StandardPageNumberPagination,
)
from drf_commons.serializers import BaseModelSerializer
from tests.catalogue.models import Author, Book, Copy, Loan, Review, Seat, Tag

pytestmark = pytest.mark.django_db

factory = APIRequestFactory()


class BookSerializer(BaseModelSerializer[Book]):
    class Meta:
        model = Book
        fields = ("title",)


class Books(ListAPIView[Book]):
    queryset = Book.objects.all()
    serializer_class = BookSerializer
    pagination_class = StandardPageNumberPagination
    filter_backends = (ComputedOrderingFilter,)
    ordering_fields: Sequence[Any] | str | None = ("title", "shelf")
    computed_ordering_fields: ClassVar[Mapping[str, ComputedOrdering]] = {
        "review_count": Count("reviews"),
        "loan_count": Count("loans"),
        "score": Coalesce(Sum("reviews__stars"), 0) - Count("loans") * 2,
        "good_reviews": Count("reviews", filter=Q(reviews__stars__gte=4)),
        "tag_count": Count("tags", distinct=True),
        "title_length": Length("title"),
        "author_name": F("author__name").asc(nulls_last=True),
        "youngest": F("author__born").desc(nulls_first=True),
        "title": Lower("title"),
        "place": ["shelf", F("place").desc(nulls_last=True), "-title"],
        "mood": Case(
            When(title="gamma", then=1),
            When(GreaterThan(Count("loans"), 1), then=2),
            default=3,
            output_field=IntegerField(),
        ),
        "last_loan": OrderBy(
            Subquery(Loan.objects.filter(book=OuterRef("pk")).order_by("-days").values("days")[:1]), nulls_last=True
        ),
        "is_loaned": OrderBy(Exists(Loan.objects.filter(book=OuterRef("pk"))), descending=True),
        "average": Avg("reviews__stars"),
        "rank": Window(RowNumber(), order_by=Lower("title").desc()),
        "newest": "-pk",
    }


@pytest.fixture
def library() -> None:
    """Four books: alpha and delta have no author; gamma is reviewed, delta is lent, alpha is both, beta is neither."""
    ada, bo = Author.objects.create(name="Ada", born=1815), Author.objects.create(name="Bo")
    alpha, beta, gamma, delta = Book.objects.bulk_create(
        [
            Book(title="Alpha", isbn="1", shelf=1, place=1),
            Book(title="beta", isbn="2", shelf=1, author=bo),
            Book(title="gamma", isbn="3", shelf=2, place=2, author=ada),
            Book(title="Delta 4", isbn="4", shelf=2),
        ]
    )
    tags = Tag.objects.bulk_create([Tag(word="red"), Tag(word="blue")])
    beta.tags.set(tags)
    Review.objects.bulk_create([Review(book=alpha, stars=stars) for stars in (1, 1, 1)])
    Review.objects.bulk_create([Review(book=gamma, stars=stars) for stars in (5, 4)])
    Loan.objects.bulk_create([Loan(book=alpha, days=days) for days in (7, 3)])
    Loan.objects.bulk_create([Loan(book=delta, days=days) for days in (1, 9, 2)])


def get(view: type[ListAPIView[Any]], query: str = "") -> Response:
    """Return what *view* answers."""
    return view.as_view()(factory.get(f"/?{query}"))


def get_titles(view: type[ListAPIView[Any]], query: str = "") -> str:
    """Return the first letters of the books in the order they are listed."""
    return "".join(row["title"][0].lower() for row in get(view, query).data["results"])


def derive(**attributes: object) -> type[Books]:
    """Return a view with other attributes."""
    return type("Derived", (Books,), attributes)


def declare(value: object, **attributes: object) -> type[Books]:
    """Return a view with one computed key, ``key``."""
    return derive(computed_ordering_fields={"key": value}, **attributes)


def order(queryset: QuerySet[Book, Any], query: str, view: type[Books] = Books) -> QuerySet[Book, Any]:
    """Return *queryset* as the filter orders it."""
    return ComputedOrderingFilter().filter_queryset(Request(factory.get(f"/?{query}")), queryset, view())


@pytest.mark.parametrize(
    ("key", "titles"),
    [
        ("review_count", "bdga"),
        ("-review_count", "agdb"),
        ("loan_count", "bgad"),
        ("score", "dabg"),
        ("-good_reviews", "gdba"),
        ("-tag_count", "bdga"),
        ("title_length", "bagd"),
        ("author_name", "gbad"),
        ("-author_name", "bgda"),
        ("youngest", "dbag"),
        ("title", "abdg"),
        ("-title", "gdba"),
        ("place", "abgd"),
        ("-place", "gdab"),
        ("mood", "gadb"),
        ("last_loan,-title", "adgb"),
        ("is_loaned", "dagb"),
        ("rank", "gdba"),
        ("newest", "dgba"),
        ("-newest", "abgd"),
    ],
)
def test_computed_keys_order(library: None, key: str, titles: str) -> None:
    """Each kind of expression orders both ways; what has no value stays where the key puts it."""
    assert get_titles(Books, f"ordering={key}") == titles


def test_several_keys_order_in_turn(library: None) -> None:
    """Computed keys and fields stand beside each other in one request."""
    assert get_titles(Books, "ordering=-shelf,-loan_count") == "dgab"
    assert get_titles(Books, "ordering=tag_count,review_count,-loan_count") == "dgab"


def test_aggregates_do_not_multiply_each_other() -> None:
    """Two counts over two relations are the counts one would make by hand."""
    random = Random(3)  # noqa: S311  # the same books every time
    books = Book.objects.bulk_create(Book(isbn=f"{number:02}", title=f"{number:02}") for number in range(20))
    reviews = {book.pk: random.randrange(4) for book in books}
    loans = {book.pk: random.randrange(4) for book in books}
    Review.objects.bulk_create(Review(book=book, stars=1) for book in books for _ in range(reviews[book.pk]))
    Loan.objects.bulk_create(Loan(book=book) for book in books for _ in range(loans[book.pk]))
    expected = sorted(books, key=lambda book: (-reviews[book.pk], loans[book.pk], book.pk))
    assert [*order(Book.objects.all(), "ordering=-review_count,loan_count")] == expected
    expected = sorted(books, key=lambda book: (reviews[book.pk] - loans[book.pk] * 2, book.pk))
    assert [*order(Book.objects.all(), "ordering=score")] == expected


def test_a_parameter_may_be_repeated(library: None) -> None:
    """Many a generated client sends a list so."""
    assert get_titles(Books, "ordering=review_count&ordering=-title") == get_titles(
        Books, "ordering=review_count,-title"
    )


@pytest.mark.parametrize("pagination", [LimitOffsetPaginationWithFormat, StandardPageNumberPagination])
@pytest.mark.parametrize("key", Books.computed_ordering_fields)
def test_counting_the_rows_computes_nothing(library: None, key: str, pagination: type[BasePagination]) -> None:
    """The COUNT of a list is the COUNT of its table, whatever the list is ordered by; the page is one query more."""
    view = derive(pagination_class=pagination)
    with CaptureQueriesContext(connection) as queries:
        get(view, f"ordering={key}")
    count, page = (query["sql"] for query in queries)
    assert "COUNT(*)" in count
    assert [
        word for word in ("JOIN", "GROUP BY", "ORDER BY", "catalogue_review", "catalogue_loan") if word in count
    ] == []
    assert "ORDER BY" in page


@pytest.mark.parametrize("key", Books.computed_ordering_fields)
@pytest.mark.parametrize(
    "pagination",
    [
        CountlessPageNumberPagination,
        LimitOffsetPaginationWithFormat,
        StandardCursorPagination,
        StandardPageNumberPagination,
    ],
)
def test_every_paginator_pages_through_computed_orders(
    library: None, key: str, pagination: type[BasePagination]
) -> None:
    """The pages follow each other in the order of the whole list, both ways."""
    view = derive(pagination_class=pagination)
    for sign in ("", "-"):
        whole = get_titles(Books, f"ordering={sign}{key}")
        body = get(view, f"ordering={sign}{key}&page_size=3&limit=3").data
        rest = view.as_view()(factory.get(body["next"])).data
        assert "".join(row["title"][0].lower() for row in body["results"] + rest["results"]) == whole


class BookFilter(FilterSet):
    stars = django_filters.NumberFilter(field_name="reviews__stars", lookup_expr="lte")

    class Meta:
        model = Book
        fields: ClassVar[Sequence[str]] = ()


class Filtered(ListAPIView[Book]):
    queryset = Book.objects.distinct()
    serializer_class = BookSerializer
    pagination_class = StandardPageNumberPagination
    filter_backends = (ComputedOrderingFilter, DjangoFilterBackend)
    filterset_class = BookFilter
    computed_ordering_fields: ClassVar[Mapping[str, ComputedOrdering]] = {"review_count": Count("reviews")}


def test_other_filters_do_not_change_what_is_computed(library: None) -> None:
    """A join of django-filter neither multiplies a count nor, under ``distinct()``, a row."""
    reviews = Review.objects.bulk_create(Review(book=Book.objects.get(title="gamma"), stars=1) for _ in range(2))
    assert len(reviews) == 2
    response = get(Filtered, "stars=1&ordering=-review_count")
    assert [row["title"] for row in response.data["results"]] == ["gamma", "Alpha"]
    assert response.data["count"] == 2


@pytest.mark.parametrize("key", Books.computed_ordering_fields)
def test_distinct_rows_and_dictionaries_are_ordered_like_any(library: None, key: str) -> None:
    """``distinct()``, ``values()`` and ``values_list()`` keep their rows, in the same order."""
    books = Book.objects.all()
    expected = [book.title for book in order(books, f"ordering={key}")]
    assert [book.title for book in order(books.distinct(), f"ordering={key}")] == expected
    assert [*order(books.values("title"), f"ordering={key}")] == [{"title": title} for title in expected]
    assert [*order(books.values_list("title", flat=True), f"ordering={key}")] == expected
    assert [row["title"] for row in order(books.values("pk", "title").distinct(), f"ordering={key}")] == expected


def test_rows_carry_nothing_but_their_columns(library: None) -> None:
    """No annotation hides a column or is left on a row, even where a key has the name of a column."""
    for key in Books.computed_ordering_fields:
        queryset = order(Book.objects.all(), f"ordering={key}")
        assert queryset.query.annotations == {}
    assert [book.title for book in order(Book.objects.all(), "ordering=title")] == ["Alpha", "beta", "Delta 4", "gamma"]


@pytest.mark.parametrize("key", ["review_count", "-review_count", "title_length", "is_loaned"])
def test_rows_that_tie_are_in_a_stable_order(key: str) -> None:
    """The primary key decides, in the direction of the key."""
    books = Book.objects.bulk_create(Book(isbn=str(number), title="same") for number in range(9))
    expected = books[::-1] if key in {"-review_count", "is_loaned"} else books
    assert [*order(Book.objects.all(), f"ordering={key}")] == expected


@pytest.mark.parametrize(
    ("ordering", "titles"),
    [
        ("-review_count", "agdb"),
        (("shelf", "-loan_count"), "abdg"),
        ((F("shelf").desc(), "author_name"), "gdba"),
        (None, "abgd"),
        ((), "abgd"),
    ],
)
def test_the_default_order_may_be_computed(library: None, ordering: object, titles: str) -> None:
    """``ordering`` of the view takes computed keys, alone or among others, where the client asks for none."""
    view = derive(ordering=ordering)
    assert get_titles(view) == titles
    assert get_titles(view, "ordering=newest") == "dgba"


def test_unknown_keys_are_ignored(library: None) -> None:
    """As in DRF: what is left orders, or the default; nothing reaches the database unasked."""
    view = derive(ordering="newest")
    assert get_titles(view, "ordering=price,--title,reviews__stars,ordering_,loan_count") == "bgad"
    assert get_titles(view, "ordering=price,isbn") == "dgba"


def test_keys_may_stand_on_the_filter(library: None) -> None:
    """A filter of one's own brings its keys to every view that declares none."""

    class ByLoans(ComputedOrderingFilter):
        computed_ordering_fields: ClassVar[Mapping[str, ComputedOrdering]] = {"loans": Count("loans")}

    class Plain(ListAPIView[Book]):
        queryset = Book.objects.all()
        serializer_class = BookSerializer
        pagination_class = StandardPageNumberPagination
        filter_backends = (ByLoans,)

    assert get_titles(Plain, "ordering=-loans") == "dagb"
    assert get_titles(Plain, "ordering=-title") in {"gdba", "gbda"}


def test_keys_may_differ_by_request(library: None) -> None:
    """A view may compute its keys; each set is checked and used as it comes."""

    class Changing(Books):
        value: ComputedOrdering = Count("loans")

        @property
        @override
        def computed_ordering_fields(self) -> Mapping[str, ComputedOrdering]:  # type: ignore[override]
            return {"key": self.value}

    assert get_titles(Changing, "ordering=-key") == "dagb"
    Changing.value = Count("reviews")
    assert get_titles(Changing, "ordering=-key") == "agdb"


def test_keys_reach_through_inheritance_and_composite_keys(library: None) -> None:
    """What is counted is counted for the row, whatever its primary key is made of."""
    gamma, delta = Book.objects.get(title="gamma"), Book.objects.get(title="Delta 4")
    copies = Copy.objects.bulk_create(
        [Copy(book=gamma, number=1), Copy(book=delta, number=1), Copy(book=gamma, number=2)]
    )
    view = derive(computed_ordering_fields={"loans": Count("book__loans")})
    ordered = ComputedOrderingFilter().filter_queryset(
        Request(factory.get("/?ordering=-loans")), Copy.objects.all(), view()
    )
    assert [*ordered] == [copies[1], copies[2], copies[0]]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (3, "3 is neither a name nor an expression"),
        (None, "None is neither a name nor an expression"),
        ([F("title"), Book], "<class 'tests.catalogue.models.Book'> is neither a name nor an expression"),
        ([], "an empty list orders nothing"),
        ("missing", "Cannot resolve keyword 'missing' into field"),
        (F("author__missing"), "Unsupported lookup 'missing'|Cannot resolve keyword 'missing'"),
        (Count("missing"), "Cannot resolve keyword 'missing' into field"),
        (Count("reviews", filter=Q(missing=1)), "Cannot resolve keyword 'missing' into field"),
        ("reviews__stars", "catalogue_review may hold several rows for one; use an aggregate such as Max()"),
        (F("reviews__stars"), "catalogue_review may hold several rows for one"),
        (Length("tags__word"), "catalogue_book_tags may hold several rows for one"),
        (Case(When(Q(title=Max("reviews__stars")), then=1)), "holds an aggregate; compare it outside of Q()"),
        ("?", "Cannot resolve keyword"),
    ],
)
def test_a_key_that_cannot_work_is_an_error_that_names_it(value: object, message: str) -> None:
    """It is found on the first request, and on every one after it, whether or not the client asks for the key."""
    view = declare(value)
    for query in ("", "ordering=key", "ordering=title"):
        with pytest.raises(ImproperlyConfigured) as caught:
            get(view, query)
        assert str(caught.value).startswith("Derived.computed_ordering_fields['key']: ")
        assert re.search(message.replace("(", r"\(").replace(")", r"\)"), str(caught.value))


def test_a_join_of_another_filter_does_not_excuse_a_key(library: None) -> None:
    """Whether a key is sound does not depend on what the first request happened to filter by."""
    view = declare(
        F("reviews__stars"), filter_backends=(DjangoFilterBackend, ComputedOrderingFilter), filterset_class=BookFilter
    )
    with pytest.raises(ImproperlyConfigured, match="several rows for one"):
        get(view, "stars=1&ordering=key")


def test_groups_have_no_aggregates_of_their_own() -> None:
    """Rows grouped by ``values()`` have no primary key to count by: an error, not another grouping."""
    groups = Book.objects.values("shelf").annotate(n=Count("pk"))
    with pytest.raises(ImproperlyConfigured, match="the rows are grouped by values"):
        order(groups, "ordering=key", declare(Count("reviews")))
    assert [*order(groups, "ordering=key", declare(F("n").desc()))] == []


def test_the_schema_lists_every_key() -> None:
    """A generated client offers the keys, both ways, and sends them separated by commas."""
    (parameter,) = ComputedOrderingFilter().get_schema_operation_parameters(declare(Count("loans"))())
    assert parameter == {
        "name": "ordering",
        "required": False,
        "in": "query",
        "description": "Which field to use when ordering the results.",
        "schema": {
            "type": "array",
            "items": {"type": "string", "enum": ["title", "-title", "shelf", "-shelf", "key", "-key"]},
        },
        "style": "form",
        "explode": False,
    }


@pytest.mark.parametrize(
    ("attributes", "keys"),
    [
        ({"ordering_fields": [("shelf", "Shelf mark")], "queryset": None}, ["shelf", "-shelf", "key", "-key"]),
        ({"ordering_fields": None}, ["title", "-title", "key", "-key"]),
        ({"ordering_fields": None, "queryset": None}, None),
        ({"ordering_fields": "__all__", "queryset": None}, None),
        ({"ordering_fields": "__all__", "queryset": Seat.objects.all()}, 10),
    ],
)
def test_the_schema_needs_no_request(attributes: dict[str, Any], keys: list[str] | int | None) -> None:
    """Keys come from the view's attributes; where only a request could tell them, none are listed."""
    (parameter,) = ComputedOrderingFilter().get_schema_operation_parameters(declare("pk", **attributes)())
    listed = parameter["schema"]["items"].get("enum")
    assert (len(listed) if isinstance(keys, int) else listed) == keys


def test_the_browsable_api_offers_every_key(library: None) -> None:
    """The filter's panel names computed keys as a person would, and marks the one in use."""
    view = derive(renderer_classes=(BrowsableAPIRenderer,))
    html = get(view, "ordering=-review_count").render().content.decode()
    assert "Review count - ascending" in html
    assert "Last loan - descending" in html
    assert html.count("Title - ascending") == 1
    (active,) = re.findall(r'<a href="([^"]*)" class="list-group-item active">', html)
    assert "ordering=-review_count" in active
