"""Every failure of a viewset leaves in the error envelope, with DRF's status and headers, and writes nothing."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import SuspiciousOperation
from django.db import IntegrityError, transaction
from django.test import override_settings
from rest_framework.authentication import BasicAuthentication
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.pagination import PageNumberPagination
from rest_framework.parsers import JSONParser
from rest_framework.permissions import IsAdminUser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient, APIRequestFactory
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import exception_handler
from rest_framework.viewsets import ModelViewSet
from typing_extensions import override

from drf_commons.views import BaseViewSet
from tests.newsroom.models import Article, Author
from tests.newsroom.serializers import ArticleSerializer

pytestmark = pytest.mark.django_db

factory = APIRequestFactory()


@pytest.fixture
def client() -> APIClient:
    client = APIClient(raise_request_exception=False)
    client.force_authenticate(User.objects.create_user("ada"))
    return client


class Articles(BaseViewSet[Article]):
    queryset = Article.objects.all()
    serializer_class = ArticleSerializer
    renderer_classes = (JSONRenderer,)
    parser_classes = (JSONParser,)


def assert_error(response: Any, status: int, errors: dict[str, object], message: str) -> None:
    """Hold *response* against the whole documented body."""
    response.render()
    assert response.status_code == status, response.data
    assert response["Content-Type"].startswith("application/json")
    assert response.data == {
        "success": False,
        "timestamp": response.data["timestamp"],
        "message": message,
        "errors": errors,
        "data": None,
    }


def post(view: type[BaseViewSet[Article]], data: object = None, **extra: Any) -> Any:
    """Send *data* as JSON to the view's ``create``."""
    return view.as_view({"post": "create"})(factory.post("/", data, format="json", **extra))


def test_validation_errors_stand_under_their_fields() -> None:
    """The tree is DRF's own."""
    response = post(Articles, {"words": "many"})
    assert_error(
        response,
        400,
        {"title": ["This field is required."], "words": ["A valid integer is required."]},
        "Validation failed.",
    )
    assert not Article.objects.exists()


def test_a_body_that_is_no_object_is_a_validation_error() -> None:
    """A list where a row belongs is named as such."""
    response = post(Articles, [1])
    assert_error(
        response,
        400,
        {"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]},
        "Validation failed.",
    )


@pytest.mark.parametrize("detail", ["Broken.", ["Broken."]])
def test_errors_without_a_field_stand_under_non_field_errors(detail: str | list[str]) -> None:
    """A text or a list raised by hand is an object for the client all the same."""

    class Broken(Articles):
        @override
        def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
            raise ValidationError(detail)

    assert_error(post(Broken), 400, {"non_field_errors": ["Broken."]}, "Validation failed.")


def test_malformed_json_is_a_400() -> None:
    """The parser's reason is the message."""
    request = factory.post("/", "{broken", content_type="application/json")
    response: Any = Articles.as_view({"post": "create"})(request)
    message = "JSON parse error - Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"
    assert_error(response, 400, {"detail": message}, message)


def test_a_body_that_is_not_utf8_is_a_400() -> None:
    """Bytes that are no text are refused, not a crash."""
    response: Any = Articles.as_view({"post": "create"})(
        factory.post("/", b"\xff\xfe", content_type="application/json")
    )
    assert response.status_code == 400
    assert response.data["success"] is False


def test_a_wrong_content_type_is_a_415() -> None:
    """What the view does not parse is named."""
    response: Any = Articles.as_view({"post": "create"})(factory.post("/", "a;b", content_type="text/csv"))
    message = 'Unsupported media type "text/csv" in request.'
    assert_error(response, 415, {"detail": message}, message)


def test_an_accept_header_nobody_can_meet_is_a_406() -> None:
    """It is answered in the view's first format."""
    response: Any = Articles.as_view({"get": "list"})(factory.get("/", HTTP_ACCEPT="application/pdf"))
    message = "Could not satisfy the request Accept header."
    assert_error(response, 406, {"detail": message}, message)


@pytest.mark.parametrize("pk", [0, 999, "abc", "9" * 40, "\x00", "1.5", "-1", "٣"])
def test_an_unknown_or_malformed_pk_is_a_404(pk: object) -> None:
    """However odd the key is, the row does not exist."""
    response: Any = Articles.as_view({"get": "retrieve"})(factory.get("/"), pk=pk)
    assert_error(response, 404, {"detail": response.data["errors"]["detail"]}, str(response.data["errors"]["detail"]))


def test_an_unknown_page_is_a_404() -> None:
    """The paginator's word is the message."""

    class Paged(Articles):
        pagination_class = type("P", (PageNumberPagination,), {"page_size": 2})

    response: Any = Paged.as_view({"get": "list"})(factory.get("/?page=7"))
    assert_error(response, 404, {"detail": "Invalid page."}, "Invalid page.")


def test_a_wrong_method_is_a_405_that_names_the_right_ones() -> None:
    """``Allow`` is kept."""
    response: Any = Articles.as_view({"get": "list"})(factory.delete("/"))
    assert_error(response, 405, {"detail": 'Method "DELETE" not allowed.'}, 'Method "DELETE" not allowed.')
    assert response["Allow"] == "GET, HEAD, OPTIONS"


def test_a_missing_login_is_a_401_that_names_the_scheme() -> None:
    """``WWW-Authenticate`` is kept."""

    class Private(Articles):
        authentication_classes = (BasicAuthentication,)
        permission_classes = (IsAdminUser,)

    response = post(Private, {"title": "Hello"})
    message = "Authentication credentials were not provided."
    assert_error(response, 401, {"detail": message}, message)
    assert response["WWW-Authenticate"] == 'Basic realm="api"'
    assert not Article.objects.exists()


def test_a_missing_permission_is_a_403(client: APIClient) -> None:
    """Nothing is written."""

    class Private(Articles):
        permission_classes = (IsAdminUser,)

    response = post(Private, {"title": "Hello"})
    message = "Authentication credentials were not provided."
    assert response.status_code == 403
    assert_error(response, 403, {"detail": message}, message)
    assert not Article.objects.exists()


def test_a_throttled_request_is_a_429_that_says_when_to_come_back() -> None:
    """``Retry-After`` is kept."""

    class Never(SimpleRateThrottle):
        rate = "1/day"

        @override
        def get_cache_key(self, request: Request, view: object) -> str:
            return "never"

        @override
        def allow_request(self, request: Request, view: object) -> bool:
            return False

        @override
        def wait(self) -> float:
            return 30

    class Throttled(Articles):
        throttle_classes = (Never,)

    response = post(Throttled, {"title": "Hello"})
    assert response.status_code == 429
    assert response["Retry-After"] == "30"
    assert response.data["message"].startswith("Request was throttled.")
    assert not Article.objects.exists()


class Gone(APIException):
    status_code = 410
    default_detail = "Moved away."


@pytest.mark.parametrize(
    ("exc", "status", "message"),
    [
        (Gone(), 410, "Moved away."),
        (Gone({"detail": "Moved.", "to": "/b/"}), 410, "Moved."),
        (Gone({"to": "/b/"}), 410, "The request failed."),
    ],
)
def test_any_api_exception_is_enveloped(exc: APIException, status: int, message: str) -> None:
    """Exceptions of the project, with texts or with objects."""

    class Raising(Articles):
        @override
        def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
            raise exc

    response = post(Raising)
    assert response.status_code == status
    assert response.data["message"] == message
    assert response.data["data"] is None


def test_deleting_a_row_others_need_is_a_409(client: APIClient) -> None:
    """Django protects the row; the client learns what refers to it."""
    author = Author.objects.create(name="Ada")
    Article.objects.create(title="Hello", author=author)
    response = client.delete(f"/authors/{author.pk}/")
    assert response.status_code == 409
    assert response.json()["errors"] == {"detail": "Cannot delete: articles still refer to it."}
    assert Author.objects.exists()


@override_settings(DATA_UPLOAD_MAX_NUMBER_FIELDS=2)
def test_a_form_with_too_many_fields_is_a_400(client: APIClient, caplog: pytest.LogCaptureFixture) -> None:
    """Django's guards are answered in the envelope, and still logged for whoever watches."""
    body = "title=a&words=1&x=2&y=3"
    response = client.post("/articles/", body, content_type="application/x-www-form-urlencoded")
    assert response.status_code == 400
    assert response.json()["errors"] == {"detail": "The request cannot be accepted."}
    assert "django.security.TooManyFieldsSent" in {record.name for record in caplog.records}


@override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=10)
def test_a_form_that_is_too_large_is_a_413(client: APIClient) -> None:
    """The size Django allows for forms holds."""
    response = client.post("/articles/", {"title": "x" * 50}, format="multipart")
    assert response.status_code == 413
    assert response.json()["success"] is False
    assert not Article.objects.exists()


def test_a_bug_is_not_hidden() -> None:
    """What nobody handles reaches Django, its logs and its error reporters."""

    class Buggy(Articles):
        @override
        def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
            msg = "bug"
            raise RuntimeError(msg)

    with pytest.raises(RuntimeError, match="bug"):
        post(Buggy)


def shouting_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Stand for the handler of a project that has one already."""
    response = exception_handler(exc, context)
    if response is not None:
        response["X-Handled-By"] = "project"
    elif isinstance(exc, IntegrityError):
        response = Response({"detail": "Taken."}, status=409)
    return response


def test_the_projects_own_handler_is_asked_first() -> None:
    """Its headers stay, and what it alone handles is enveloped too."""

    class Clashing(Articles):
        @override
        def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
            raise IntegrityError

    with override_settings(REST_FRAMEWORK={"EXCEPTION_HANDLER": "tests.test_error_envelope.shouting_handler"}):
        assert post(Articles, {})["X-Handled-By"] == "project"
        assert_error(post(Clashing), 409, {"detail": "Taken."}, "Taken.")


def test_the_handler_of_other_views_is_untouched(client: APIClient) -> None:
    """Nothing global changes: a view without our mixins answers as DRF does."""

    class Plain(ModelViewSet[Article]):
        queryset = Article.objects.all()
        serializer_class = ArticleSerializer

    response: Any = Plain.as_view({"post": "create"})(factory.post("/", {}, format="json"))
    assert response.data == {"title": ["This field is required."]}


@pytest.mark.django_db(transaction=True)
def test_a_failing_request_is_rolled_back_under_atomic_requests(client: APIClient) -> None:
    """An enveloped error still counts as an error for the transaction around the view."""

    class Late(Articles):
        @override
        def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
            Article.objects.create(title="Half")
            raise ValidationError

    connection = transaction.get_connection()
    connection.settings_dict["ATOMIC_REQUESTS"] = True
    try:
        with transaction.atomic():
            post(Late)
    finally:
        connection.settings_dict["ATOMIC_REQUESTS"] = False
    assert not Article.objects.exists()


def test_a_suspicious_operation_of_the_project_is_a_400(caplog: pytest.LogCaptureFixture) -> None:
    """No HTML page for an API client."""

    class Suspicious(Articles):
        @override
        def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
            raise SuspiciousOperation

    assert_error(
        post(Suspicious), 400, {"detail": "The request cannot be accepted."}, "The request cannot be accepted."
    )
