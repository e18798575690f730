"""The envelope as plain functions."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import assert_type

import pytest
from django.http import HttpRequest
from django.test import AsyncClient, Client, override_settings
from django.urls import path
from django.utils.translation import gettext_lazy
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response

from drf_commons.response import EnvelopeResponse, build_timestamp, enveloped, error_response, success_response
from drf_commons.types import Envelope, ErrorEnvelope, ErrorTree


def plain_view(request: HttpRequest) -> EnvelopeResponse[Envelope[dict[str, str]]]:
    return success_response(data={"key": "value"}, message="Done.")


async def plain_async_view(request: HttpRequest) -> EnvelopeResponse[ErrorEnvelope]:
    return error_response(message="Not found.", status_code=404)


urlpatterns = [path("plain/", plain_view), path("plain-async/", plain_async_view)]


def test_success_passes_the_data_through_untouched() -> None:
    """The caller's object itself stands in the envelope."""
    data = {"key": ["value"]}
    response = success_response(data, "Done.", 202, {"X-Trace": "7"})
    assert response.data["data"] is data
    assert response.data["success"] is True
    assert response.data["message"] == "Done."
    assert response.status_code == 202
    assert response["X-Trace"] == "7"


def test_success_without_arguments_says_that_it_worked() -> None:
    """The default message is the documented one, and there is no data."""
    response = success_response()
    assert response.data["message"] == "Operation completed successfully."
    assert response.data["data"] is None
    assert response.status_code == 200


def test_the_type_of_the_data_is_known() -> None:
    """Checkers see what was passed in."""
    assert_type(success_response({"a": 1}).data["data"], dict[str, int])
    assert_type(success_response(data=[1]).data, Envelope[list[int]])
    assert_type(success_response(message="Done.").data["data"], None)
    assert_type(error_response("No.").data, ErrorEnvelope)


def test_extra_values_stand_beside_the_data() -> None:
    """Extra keyword arguments are siblings of ``data``."""
    response = success_response([1, 2], total=2)
    assert dict(response.data)["total"] == 2
    assert response.data["data"] == [1, 2]


@pytest.mark.parametrize("key", ["success", "timestamp", "errors"])
def test_a_key_of_the_envelope_cannot_be_an_extra_of_a_success(key: str) -> None:
    """A reserved key is a programming error that names itself."""
    extra: dict[str, object] = {key: 1}
    with pytest.raises(TypeError, match=key):
        success_response([], "Done.", 200, None, **extra)


@pytest.mark.parametrize("key", ["success", "timestamp", "data"])
def test_a_key_of_the_envelope_cannot_be_an_extra_of_an_error(key: str) -> None:
    """A reserved key is a programming error that names itself."""
    extra: dict[str, object] = {key: 1}
    with pytest.raises(TypeError, match=key):
        error_response("No.", None, 400, None, **extra)


def test_the_body_can_be_extended_in_place() -> None:
    """``response.data`` is a plain mutable dict, as projects that add their own meta data expect."""
    response = success_response(data=1)
    response.data["_meta"] = {"page": 1}  # type: ignore[typeddict-unknown-key]
    assert json.loads(response.rendered_content)["_meta"] == {"page": 1}


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        (None, {}),
        ("Broken.", {"non_field_errors": ["Broken."]}),
        (["Broken."], {"non_field_errors": ["Broken."]}),
        ({"title": ["Too long."]}, {"title": ["Too long."]}),
    ],
)
def test_errors_are_always_an_object(errors: ErrorTree | None, expected: dict[str, object]) -> None:
    """Texts and lists stand under ``non_field_errors``."""
    body = error_response("Validation failed.", errors).data
    assert body["errors"] == expected
    assert body["success"] is False
    assert body["data"] is None


def test_a_lazy_message_is_translated_when_the_response_is_built() -> None:
    """What stands in the body is a text."""
    assert type(success_response(message=gettext_lazy("Done.")).data["message"]) is str
    assert type(error_response(gettext_lazy("Done.")).data["message"]) is str


@pytest.mark.parametrize("use_tz", [True, False])
@pytest.mark.parametrize("time_zone", ["Asia/Kathmandu", "America/Los_Angeles"])
def test_timestamps_are_utc_whatever_the_project_is_set_to(use_tz: bool, time_zone: str) -> None:
    """ISO 8601 in UTC, six digits, a final Z."""
    with override_settings(USE_TZ=use_tz, TIME_ZONE=time_zone):
        before = datetime.now(UTC)
        stamp = build_timestamp()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", stamp)
    assert abs((datetime.fromisoformat(stamp) - before).total_seconds()) < 60


@pytest.mark.urls(__name__)
def test_a_plain_django_view_answers_with_json() -> None:
    """No DRF view is needed around the functions."""
    response = Client().get("/plain/")
    assert response["Content-Type"] == "application/json"
    assert response.json()["data"] == {"key": "value"}
    assert response.json()["message"] == "Done."


@pytest.mark.urls(__name__)
async def test_a_plain_async_view_answers_with_json() -> None:
    """The same holds under ASGI, and for errors."""
    response = await AsyncClient().get("/plain-async/")
    assert response.status_code == 404
    assert response.json() == {
        "success": False,
        "timestamp": response.json()["timestamp"],
        "message": "Not found.",
        "errors": {},
        "data": None,
    }


def test_an_exception_handler_keeps_status_headers_and_its_own_envelope() -> None:
    """Only the body of what the project's handler returns is wrapped, and not twice."""
    handled = Response({"title": ["Taken."]}, status=409, headers={"Retry-After": "3"})
    response = enveloped(lambda _exc, _context: handled)(ValidationError("x"), {})
    assert response is handled
    assert handled["Retry-After"] == "3"
    assert handled.data["errors"] == {"title": ["Taken."]}
    body = handled.data
    again = enveloped(lambda _exc, _context: handled)(ValidationError("x"), {})
    assert again is not None
    assert again.data is body


def test_an_exception_nobody_handles_stays_unhandled() -> None:
    """A bug is not hidden behind an envelope."""
    assert enveloped(lambda _exc, _context: None)(ValueError("bug"), {}) is None
