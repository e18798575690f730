"""``POST …/export/`` as clients meet it: what leaves, for whom, and how it is refused."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from io import BytesIO, StringIO
from typing import Any, ClassVar

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection, transaction
from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.test import AsyncClient, override_settings
from django.test.utils import CaptureQueriesContext
from openpyxl import load_workbook
from pypdf import PdfReader
from rest_framework.permissions import DjangoModelPermissions
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory, force_authenticate
from typing_extensions import override

from drf_commons.current_user import get_current_user
from drf_commons.services import CsvOptions, ExportFieldConfig
from drf_commons.views import BaseViewSet, ReadOnlyViewSet
from tests.newsroom.models import Article, Author
from tests.newsroom.serializers import ArticleSerializer

pytestmark = pytest.mark.django_db


class ReadPermissions(DjangoModelPermissions):
    def __init__(self) -> None:
        self.perms_map = {**self.perms_map, "GET": ["%(app_label)s.view_%(model_name)s"]}


class ScopedViewSet(BaseViewSet[Article]):
    queryset = Article.objects.all()
    serializer_class = ArticleSerializer
    permission_classes = (ReadPermissions,)
    export_field_config: ClassVar[ExportFieldConfig] = {"title": "Title", "words": "Words"}
    export_title = "Artikel über Öl"
    export_csv = CsvOptions(delimiter=";")

    @override
    def get_queryset(self) -> QuerySet[Article]:
        return super().get_queryset().filter(author__name=self.request.user.get_username())


class OpenViewSet(ReadOnlyViewSet[Article]):
    queryset = Article.objects.all()
    serializer_class = ArticleSerializer
    export_allow_client_data = True
    export_field_config: ClassVar[ExportFieldConfig] = {"title": "Title", "words": "Words"}


@pytest.fixture
def articles() -> list[Article]:
    """Return articles of two authors."""
    authors = [Author.objects.create(name=name) for name in ("ada", "bob")]
    return [
        Article.objects.create(title=f"by {author.name} {number}", words=number, author=author)
        for author in authors
        for number in (1, 2)
    ]


def post(view: type[Any], body: object, user: User | None = None, **headers: str) -> Any:
    """Return what *view* answers, rendered."""
    request = APIRequestFactory().post("/export/", body, format="json", headers=headers)
    if user is not None:
        force_authenticate(request, user)
    response = view.as_view({"post": "export"})(request)
    return response.render() if isinstance(response, Response) else response


def read(response: StreamingHttpResponse, delimiter: str = ",") -> list[list[str]]:
    """Return the rows of a CSV answer."""
    return [*csv.reader(StringIO(response.getvalue().decode(), newline=""), delimiter=delimiter)]


def get_errors(response: Any, status: int) -> Mapping[str, Any]:
    """Return the errors of an answer in the envelope."""
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/json"
    body: dict[str, Any] = json.loads(response.content)
    assert body["success"] is False
    errors: dict[str, Any] = body["errors"]
    return errors


def test_a_file_is_sent(client: Any, articles: list[Article]) -> None:
    """With its type, its name, and the rows of the list as the query narrows it down."""
    response = client.post("/articles/export/?words=1", {"file_type": "csv"}, content_type="application/json")
    assert isinstance(response, StreamingHttpResponse)
    assert response.headers["Content-Type"] == "text/csv"
    assert response.headers["Content-Disposition"].startswith('attachment; filename="articles-20')
    assert read(response) == [
        ["Title", "Words", "Author"],
        *([article.title, str(article.words), article.author and article.author.name] for article in articles),
    ]


def test_columns_are_chosen(client: Any, articles: list[Article]) -> None:
    """``includes`` names columns; a form may send it as well as JSON."""
    chosen = [["Title"], *([article.title] for article in articles)]
    body = {"file_type": "csv", "includes": ["title"]}
    assert read(client.post("/articles/export/", body, content_type="application/json")) == chosen
    assert read(client.post("/articles/export/", body)) == chosen


def test_accept_names_the_type(client: Any, articles: list[Article]) -> None:
    """A media type in ``Accept`` is enough; one in the body is stronger; other types are refused as ever."""
    response = client.post("/articles/export/", headers={"accept": "text/csv"})
    assert read(response)[0] == ["Title", "Words", "Author"]
    response = client.post("/articles/export/", {"file_type": "xlsx"}, headers={"accept": "text/csv"})
    assert load_workbook(BytesIO(response.getvalue())).sheetnames == ["Articles"]
    errors = get_errors(client.post("/articles/export/", {"includes": "x"}, headers={"accept": "text/csv"}), 400)
    assert errors == {"includes": ['"x" cannot be exported; choose from title, words, author.']}
    assert client.post("/articles/export/", headers={"accept": "image/png"}).status_code == 406
    assert client.get("/articles/", headers={"accept": "text/csv"}).status_code == 406


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"file_type": ["This field is required; choose one of csv, xlsx, pdf."]}),
        ({"file_type": "doc"}, {"file_type": ['"doc" is not a type of file; choose one of csv, xlsx, pdf.']}),
        ({"file_type": ["csv"]}, {"file_type": ["\"['csv']\" is not a type of file; choose one of csv, xlsx, pdf."]}),
        (
            {"file_type": "csv", "includes": ["title", "author__password"]},
            {"includes": ['"author__password" cannot be exported; choose from title, words.']},
        ),
        ({"file_type": "csv", "includes": []}, {"includes": ["Name at least one column; choose from title, words."]}),
        ({"file_type": "csv", "includes": "title"}, {"includes": ["Expected a list of names."]}),
        ({"file_type": "csv", "includes": [{}]}, {"includes": ["Expected a list of names."]}),
        ({"file_type": "csv", "data": {}}, {"data": ["Expected a list of objects."]}),
        (
            {"file_type": "csv", "data": [{"titel": 1}]},
            {"data": ['"titel" cannot be exported; choose from title, words.']},
        ),
        ([], {"non_field_errors": ["Expected an object with data, file_type, includes."]}),
    ],
)
def test_what_is_wrong_is_named(body: object, errors: object) -> None:
    """In the envelope, before the first byte of a file."""
    assert get_errors(post(OpenViewSet, body), 400) == errors


def test_data_of_clients_needs_permission(client: Any, articles: list[Article]) -> None:
    """A view opts in; the columns stay those that are configured, and so does the guard."""
    data = [{"title": "=1+1", "words": 5}, {"title": None}]
    assert read(post(OpenViewSet, {"file_type": "csv", "data": data}))[1:] == [["'=1+1", "5"], ["", ""]]
    errors = get_errors(
        client.post("/articles/export/", {"file_type": "csv", "data": data}, content_type="application/json"), 400
    )
    assert errors == {"data": ["Rows are exported as they are stored; they cannot be sent."]}
    with override_settings(COMMON={"BULK_MAX_ITEMS": 1}):
        assert get_errors(post(OpenViewSet, {"file_type": "csv", "data": data}), 413)


def test_nothing_leaves_without_a_list() -> None:
    """A viewset that names no fields has no export."""

    class BareViewSet(BaseViewSet[Article]):
        queryset = Article.objects.all()
        serializer_class = ArticleSerializer

    errors = get_errors(post(BareViewSet, {"file_type": "csv"}), 404)
    assert errors == {"detail": "Nothing may be exported here: export_field_config names no fields."}


def test_whoever_may_view_may_export(articles: list[Article]) -> None:
    """The permission to add rows is neither needed nor enough, and the rows are those the user may see."""
    ada = User.objects.create_user("ada")
    assert get_errors(post(ScopedViewSet, {"file_type": "csv"}), 403)
    ada.user_permissions.add(Permission.objects.get(codename="add_article", content_type__app_label="newsroom"))
    assert get_errors(post(ScopedViewSet, {"file_type": "csv"}, User.objects.get(pk=ada.pk)), 403)
    ada.user_permissions.set([Permission.objects.get(codename="view_article", content_type__app_label="newsroom")])
    response = post(ScopedViewSet, {"file_type": "csv"}, User.objects.get(pk=ada.pk))
    assert read(response, ";") == [["Title", "Words"], ["by ada 1", "1"], ["by ada 2", "2"]]
    assert "filename*=utf-8''artikel-%C3%BCber-%C3%B6l-" in response.headers["Content-Disposition"]


def test_the_permissions_of_other_actions_stay(client: Any, articles: list[Article]) -> None:
    """Only the export is asked as a reading."""
    assert client.post("/articles/", {"title": "x"}).status_code == 403
    assert client.get("/articles/export/").status_code == 405


def test_a_workbook_is_streamed(client: Any, articles: list[Article]) -> None:
    """Its cells have their types."""
    response = client.post("/articles/export/", {"file_type": "xlsx"})
    rows = [*load_workbook(BytesIO(response.getvalue())).worksheets[0].iter_rows(values_only=True)]
    assert rows[:2] == [("Title", "Words", "Author"), ("by ada 1", 1, "ada")]


def test_a_pdf_is_sent(client: Any, articles: list[Article]) -> None:
    """With the title, the labels and the rows."""
    response = client.post("/articles/export/", {"file_type": "pdf"})
    [page] = PdfReader(BytesIO(response.getvalue())).pages
    text = page.extract_text()
    assert [word for word in ("Articles", "Title", "by bob 2", "page 1 of 1") if word not in text] == []


@override_settings(COMMON={"EXPORT_PDF_MAX_ROWS": 3})
def test_too_many_rows_for_a_pdf(client: Any, articles: list[Article]) -> None:
    """413, and what to do."""
    errors = get_errors(client.post("/articles/export/", {"file_type": "pdf"}), 413)
    assert errors == {"detail": "A PDF has at most 3 rows; filter them, or export CSV or XLSX."}


def test_an_error_of_the_first_block_is_answered(articles: list[Article]) -> None:
    """A text that no cell holds is a 400, as long as nothing was sent."""
    data = [{"title": "x" * 40_000}]
    with transaction.atomic():
        response = post(OpenViewSet, {"file_type": "xlsx", "data": data})
    assert "row 2, column 'Title'" in get_errors(response, 400)["file_type"][0]


def test_one_query(client: Any, articles: list[Article]) -> None:
    """However many rows and joins."""
    with CaptureQueriesContext(connection) as queries:
        read(client.post("/articles/export/", {"file_type": "csv"}))
    assert len(queries) == 1


@pytest.mark.django_db(transaction=True)
def test_a_transaction_of_the_request_does_not_end_the_stream(client: Any) -> None:
    """With ``ATOMIC_REQUESTS`` the rows are read after the view, and are all there."""
    Article.objects.bulk_create(Article(title=f"article {number}") for number in range(2_500))
    connection.settings_dict["ATOMIC_REQUESTS"] = True
    try:
        response = client.post("/articles/export/", {"file_type": "csv"})
        assert len(read(response)) == 2_501
    finally:
        connection.settings_dict["ATOMIC_REQUESTS"] = False


@pytest.mark.django_db(transaction=True)
async def test_an_event_loop_is_not_blocked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under ASGI the stream is asynchronous, and still knows the user."""
    ada = await User.objects.acreate_user("ada")
    await Article.objects.abulk_create(Article(title=f"article {number}") for number in range(2_500))
    client = AsyncClient()
    await client.aforce_login(ada)
    seen: set[object] = set()

    def note(value: object) -> object:
        seen.add(get_current_user())
        return value

    from tests.newsroom.views import ArticleViewSet  # noqa: PLC0415  # patched below

    monkeypatch.setattr(ArticleViewSet, "export_field_config", {"title": {"label": "Title", "format": note}})
    response: Any = await client.post("/articles/export/", {"file_type": "csv"})
    assert response.is_async
    pieces = [piece async for piece in response]
    assert len(pieces) == 3
    assert len(b"".join(pieces).splitlines()) == 2_501
    assert seen == {ada}
