"""What the ready-made viewsets answer when all goes well."""

from __future__ import annotations

import re
from typing import Any, ClassVar, TypeVar, assert_type, get_args

import pytest
from django.contrib.auth.models import User
from django.db.models import Model, QuerySet
from django.test import override_settings
from pytest_django import DjangoAssertNumQueries
from rest_framework.filters import SearchFilter
from rest_framework.pagination import BasePagination, CursorPagination, LimitOffsetPagination
from rest_framework.renderers import BrowsableAPIRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer, HyperlinkedIdentityField, Serializer
from rest_framework.test import APIClient, APIRequestFactory
from typing_extensions import get_original_bases, override

from drf_commons.errors import ConfigurationError
from drf_commons.pagination import (
    LimitOffsetPaginationWithFormat,
    StandardCursorPagination,
    StandardPageNumberPagination,
)
from drf_commons.serializers import BaseModelSerializer
from drf_commons.views import BaseViewSet, CreateListViewSet, ReadOnlyViewSet
from tests.newsroom.models import Article, Author
from tests.newsroom.serializers import ArticleSerializer, AuthorSerializer

pytestmark = pytest.mark.django_db

M = TypeVar("M", bound=Model)

factory = APIRequestFactory()


@pytest.fixture
def client() -> APIClient:
    client = APIClient()
    client.force_authenticate(User.objects.create_user("ada"))
    return client


@pytest.fixture
def articles() -> list[Article]:
    return [Article.objects.create(title=f"Article {number}", words=number) for number in range(1, 26)]


def get_list(view: type[BaseViewSet[Article]], query: str = "") -> Response:
    """Return what ``GET /?query`` answers."""
    return view.as_view({"get": "list"})(factory.get(f"/?{query}"))


class Titles(BaseViewSet[Article]):
    queryset = Article.objects.all()
    serializer_class = ArticleSerializer
    pagination_class: type[BasePagination] | None = StandardPageNumberPagination


def test_create_answers_201_with_the_row(client: APIClient) -> None:
    """The new row stands in ``data`` and in the database."""
    response = client.post("/articles/", {"title": "Hello", "words": 3}, format="json")
    assert response.status_code == 201
    article = Article.objects.get()
    assert response.json() == {
        "success": True,
        "timestamp": response.json()["timestamp"],
        "message": "Operation completed successfully.",
        "data": {"id": article.pk, "title": "Hello", "words": 3, "author": None},
    }


def test_retrieve_answers_with_the_row(client: APIClient, articles: list[Article]) -> None:
    """One row, in the envelope."""
    response = client.get(f"/articles/{articles[0].pk}/")
    assert response.status_code == 200
    assert response.json()["data"]["title"] == "Article 1"


def test_put_and_patch_answer_with_the_changed_row(client: APIClient, articles: list[Article]) -> None:
    """PUT needs the whole row, PATCH only what changes."""
    url = f"/articles/{articles[0].pk}/"
    assert client.put(url, {"title": "New", "words": 7}, format="json").json()["data"]["words"] == 7
    assert client.patch(url, {"words": 8}, format="json").json()["data"] == {
        "id": articles[0].pk,
        "title": "New",
        "words": 8,
        "author": None,
    }


def test_delete_answers_200_with_the_envelope(client: APIClient, articles: list[Article]) -> None:
    """A 204 could not carry one."""
    response = client.delete(f"/articles/{articles[0].pk}/")
    assert response.status_code == 200
    assert response.json()["success"] is True
    assert response.json()["data"] is None
    assert not Article.objects.filter(pk=articles[0].pk).exists()


def test_a_list_without_pagination_is_a_list(client: APIClient) -> None:
    """``data`` is the rows, and nothing speaks of pages."""
    Author.objects.create(name="Ada")
    body = client.get("/authors/").json()
    assert [row["name"] for row in body["data"]] == ["Ada"]
    assert "pagination" not in body


def test_a_page_keeps_the_rows_apart_from_what_the_paginator_says(client: APIClient, articles: list[Article]) -> None:
    """``data`` is still the list; ``pagination`` stands beside it."""
    body = client.get("/articles/?page=2").json()
    assert [row["title"] for row in body["data"]] == [article.title for article in articles[20:]]
    assert body["pagination"] == {"count": 25, "next": None, "previous": "http://testserver/articles/"}


def test_a_page_costs_as_many_queries_as_in_drf(
    client: APIClient, articles: list[Article], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """One count, one page."""
    with django_assert_num_queries(2):
        client.get("/articles/")


class LinkPagination(StandardPageNumberPagination):
    """Tells where the other pages are in a header, as some APIs do."""

    @override
    def get_paginated_response(self, data: object) -> Response:
        return Response(data, headers={"Link": "<http://testserver/?page=2>; rel=next"})


class NestedPagination(StandardPageNumberPagination):
    """Names its keys differently."""

    @override
    def get_paginated_response(self, data: object) -> Response:
        return Response({"items": data, "total": 25})


@pytest.mark.usefixtures("articles")
def test_a_paginator_of_the_projects_own_keeps_its_headers_and_names() -> None:
    """Whatever is not the rows is pagination."""

    class Linked(Titles):
        pagination_class = LinkPagination

    class Nested(Titles):
        pagination_class = NestedPagination

    linked = get_list(Linked)
    assert linked["Link"] == "<http://testserver/?page=2>; rel=next"
    assert linked.data["pagination"] == {}
    assert len(linked.data["data"]) == 20
    assert get_list(Nested).data["pagination"] == {"total": 25}


@pytest.mark.usefixtures("articles")
def test_indexes_are_off_by_default_and_count_on_over_pages() -> None:
    """The number of a row in the whole list does not depend on the page it is read from."""

    class Numbered(Titles):
        append_indexes = True

    class Window(Numbered):
        pagination_class = LimitOffsetPagination

    class Whole(Numbered):
        pagination_class = None

    assert "index" not in get_list(Titles).data["data"][0]
    assert [row["index"] for row in get_list(Numbered, "page=2").data["data"]] == [21, 22, 23, 24, 25]
    assert [row["index"] for row in get_list(Window, "limit=2&offset=7").data["data"]] == [8, 9]
    assert [row["index"] for row in get_list(Whole).data["data"]] == [*range(1, 26)]


@pytest.mark.usefixtures("articles")
def test_indexes_that_cannot_be_told_are_a_configuration_error() -> None:
    """A cursor does not know how many rows stand before it; a column named index would be overwritten."""

    class ByCursor(Titles):
        append_indexes = True
        pagination_class = type("ByPk", (CursorPagination,), {"ordering": "pk", "page_size": 5})

    class Rows(Serializer[Article]):
        @override
        def to_representation(self, instance: Article) -> dict[str, Any]:
            return {"index": 3}

    class Clashing(Titles):
        append_indexes = True
        serializer_class = Rows  # type: ignore[assignment]

    with pytest.raises(ConfigurationError, match=r"ByCursor\.append_indexes: ByPk"):
        get_list(ByCursor)
    with pytest.raises(ConfigurationError, match=r"Clashing\.append_indexes"):
        get_list(Clashing)


@pytest.mark.usefixtures("articles")
def test_unpaginated_is_refused_unless_the_viewset_allows_it() -> None:
    """By default no client can make the server render a whole table."""
    response = get_list(Titles, "paginated=false")
    assert response.status_code == 400
    assert response.data["errors"] == {"paginated": ["This list is only available in pages."]}
    assert get_list(Titles, "paginated=true").data["pagination"]["count"] == 25
    assert get_list(Titles, "paginated=perhaps").data["errors"] == {"paginated": ['"perhaps" is not a boolean.']}


class Unpaginated(Titles):
    allow_unpaginated = True


@pytest.mark.usefixtures("articles")
def test_unpaginated_is_bounded_where_it_is_allowed() -> None:
    """Above the limit the client is told, instead of getting some of the rows."""
    whole = get_list(Unpaginated, "paginated=false").data
    assert len(whole["data"]) == 25
    assert "pagination" not in whole
    with override_settings(COMMON={"UNPAGINATED_MAX_ROWS": 24}):
        refused = get_list(Unpaginated, "paginated=False")
    assert refused.status_code == 400
    assert refused.data["errors"] == {"paginated": ["The list has more than 24 rows; filter it or ask for pages."]}


def test_data_is_left_out_where_the_viewset_says_so(articles: list[Article]) -> None:
    """``return_data_on_create`` and ``return_data_on_update`` save rendering what nobody reads."""

    class Silent(Titles):
        return_data_on_create = False
        return_data_on_update = False

    created = Silent.as_view({"post": "create"})(factory.post("/", {"title": "Hello"}))
    updated = Silent.as_view({"patch": "partial_update"})(factory.patch("/", {"words": 99}), pk=articles[0].pk)
    assert isinstance(created, Response)
    assert isinstance(updated, Response)
    assert (created.status_code, created.data["data"]) == (201, None)
    assert (updated.status_code, updated.data["data"]) == (200, None)
    articles[0].refresh_from_db()
    assert articles[0].words == 99


def test_messages_are_named_by_action_or_computed(articles: list[Article]) -> None:
    """A mapping for fixed texts, a method for the rest."""

    class Speaking(Titles):
        success_messages: ClassVar = {"create": "Article published."}

    class Computing(Titles):
        @override
        def get_success_message(self) -> str:
            return f"{self.action} of {len(articles)}"

    created = Speaking.as_view({"post": "create"})(factory.post("/", {"title": "Hello"}))
    assert isinstance(created, Response)
    assert created.data["message"] == "Article published."
    assert get_list(Speaking).data["message"] == "Operation completed successfully."
    assert get_list(Computing).data["message"] == "list of 25"


def test_location_is_sent_when_the_serializer_links_to_the_row(rf: object) -> None:
    """As in DRF, from the hyperlink field."""

    class Linked(BaseModelSerializer[Author]):
        url = HyperlinkedIdentityField(view_name="author-detail")

        class Meta:
            model = Author
            fields = ("url", "name")

    class Authors(BaseViewSet[Author]):
        queryset = Author.objects.all()
        serializer_class = Linked

    response = Authors.as_view({"post": "create"})(factory.post("/", {"name": "Ada"}))
    assert response["Location"] == f"http://testserver/authors/{Author.objects.get().pk}/"


def test_perform_hooks_get_the_typed_serializer_and_instance() -> None:
    """Saving with values of one's own works as in DRF."""

    class Prefixing(Titles):
        @override
        def perform_create(self, serializer: BaseSerializer[Article]) -> None:
            assert_type(serializer.save(words=7), Article)

        @override
        def perform_destroy(self, instance: Article) -> None:
            assert_type(instance, Article)
            assert_type(self.get_object(), Article)
            assert_type(self.get_queryset(), QuerySet[Article])
            instance.words = 0
            instance.save()

    Prefixing.as_view({"post": "create"})(factory.post("/", {"title": "Hello"}))
    article = Article.objects.get()
    assert article.words == 7
    Prefixing.as_view({"delete": "destroy"})(factory.delete("/"), pk=article.pk)
    article.refresh_from_db()
    assert article.words == 0


def test_an_update_drops_what_was_prefetched_before_it() -> None:
    """The answer shows the relations as they are now."""
    author = Author.objects.create(name="Ada")

    class WithArticles(AuthorSerializer):
        class Meta(AuthorSerializer.Meta):
            fields = ("id", "name", "article_set")  # type: ignore[assignment]

        @override
        def update(self, instance: Author, validated_data: Any) -> Author:
            Article.objects.create(title="Written meanwhile", author=instance)
            return instance

    class Authors(BaseViewSet[Author]):
        queryset = Author.objects.prefetch_related("article_set")
        serializer_class = WithArticles

    view = Authors.as_view({"patch": "partial_update"})
    response = view(factory.patch("/", {"article_set": []}, format="json"), pk=author.pk)
    assert isinstance(response, Response)
    assert response.data["data"]["article_set"] == [Article.objects.get().pk]


@pytest.mark.parametrize(
    ("view", "actions"),
    [
        (BaseViewSet, {"create", "list", "retrieve", "update", "partial_update", "destroy"}),
        (ReadOnlyViewSet, {"list", "retrieve"}),
        (CreateListViewSet, {"create", "list"}),
    ],
)
def test_a_viewset_has_the_actions_it_is_named_after(view: type, actions: set[str]) -> None:
    """No more, no less."""
    every = {"create", "list", "retrieve", "update", "partial_update", "destroy"}
    assert {action for action in every if hasattr(view, action)} == actions


def test_mixins_can_be_composed_by_hand(client: APIClient, articles: list[Article]) -> None:
    """Any set of mixins, to the left of DRF's own base, has exactly those actions and the envelope."""
    assert client.get("/hand-composed/").json()["data"][0]["title"] == "Article 1"
    assert client.get(f"/hand-composed/{articles[0].pk}/").json()["success"] is True
    refused = client.post("/hand-composed/", {}, format="json")
    assert refused.status_code == 405
    assert refused.json()["success"] is False


def test_the_model_of_a_subscripted_viewset_is_known_at_runtime() -> None:
    """``BaseViewSet[Article]`` keeps its argument, also through a subclass that passes it on."""

    class Middle(BaseViewSet[M]):
        """Stands between the library's viewset and the project's."""

    class Last(Middle[Article]):
        queryset = Article.objects.all()

    assert get_args(get_original_bases(Titles)[0]) == (Article,)
    assert get_args(get_original_bases(Last)[0]) == (Article,)


def test_an_untyped_viewset_works_too(articles: list[Article]) -> None:
    """Subscripting is for checkers; nobody has to."""

    class Untyped(BaseViewSet):
        queryset = Article.objects.all()
        serializer_class = ArticleSerializer

    assert len(get_list(Untyped).data["data"]) == len(articles)


def test_the_browsable_api_shows_the_envelope(client: APIClient, articles: list[Article]) -> None:
    """A person with a browser sees the same body, and the forms."""
    page = client.get("/articles/", HTTP_ACCEPT="text/html")
    assert page.status_code == 200
    assert b"Article 1" in page.content
    assert b"pagination" in page.content
    assert client.get(f"/articles/{articles[0].pk}/", HTTP_ACCEPT="text/html").status_code == 200


def test_the_forms_of_the_browsable_api_are_filled_in(client: APIClient, articles: list[Article]) -> None:
    """A row is there to be changed, and input that is wrong to be mended, with what is wrong beside it."""
    url = f"/articles/{articles[0].pk}/"
    page = client.get(url, HTTP_ACCEPT="text/html").content.decode()
    assert '<input name="title" class="form-control" type="text" value="Article 1"' in " ".join(page.split())

    refused = client.post("/articles/", {"title": "x" * 300}, format="multipart", HTTP_ACCEPT="text/html")
    page = refused.content.decode()
    assert refused.status_code == 400
    assert f'value="{"x" * 300}"' in page
    assert re.search(r'<span class="help-block">\s*Ensure this field has no more than', page)


def test_the_browsable_api_offers_the_filters_of_a_list(articles: list[Article]) -> None:
    """The rows are in ``data``, and the paginator knows; a single row has no filters."""
    for pagination in (StandardPageNumberPagination, LimitOffsetPaginationWithFormat, StandardCursorPagination):

        class Searchable(Titles):
            queryset = Article.objects.order_by("pk")
            pagination_class = pagination
            filter_backends = (SearchFilter,)
            search_fields = ("title",)
            renderer_classes = (BrowsableAPIRenderer,)

        page = Searchable.as_view({"get": "list"})(factory.get("/")).render()
        assert b'id="filtersModal"' in page.content
        page = Searchable.as_view({"get": "retrieve"})(factory.get("/"), pk=articles[0].pk).render()
        assert b'id="filtersModal"' not in page.content


def test_an_extra_action_may_answer_as_it_likes() -> None:
    """The envelope is chosen by calling it; a plain response stays what it is."""

    class Extra(Titles):
        def ping(self, request: Request) -> Response:
            return Response(request.query_params.dict())

    response = Extra.as_view({"get": "ping"})(factory.get("/?a=1"))
    assert isinstance(response, Response)
    assert response.data == {"a": "1"}
