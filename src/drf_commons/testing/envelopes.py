"""What an answer has to look like."""

from __future__ import annotations

import json
from typing import Any, Final, NoReturn, cast

from django.http.response import HttpResponseBase, StreamingHttpResponse
from rest_framework import status

from drf_commons.types import Envelope, ErrorEnvelope

__all__ = ["assert_error", "assert_success"]

_SHOWN: Final = 2_000
_KEYS: Final = {"success", "timestamp", "message", "data"}


def assert_success(response: HttpResponseBase, status_code: int | None = None) -> Envelope[Any]:
    """Return the envelope of *response*; fail unless it is one of a success, with *status_code* or any from 200 on."""
    body = _check_status(response, status_code, is_expected=status.is_success(response.status_code))
    envelope = _check_envelope(response, body, _KEYS)
    _check(response, envelope["success"] is True, "success is not true")
    return cast("Envelope[Any]", envelope)  # checked above


def assert_error(response: HttpResponseBase, status_code: int | None = None, field: str | None = None) -> ErrorEnvelope:
    """Return the envelope of *response*; fail unless it is one of an error, with *status_code* or any from 400 on.

    *field* is a key that ``errors`` must have.
    """
    is_error = status.is_client_error(response.status_code) or status.is_server_error(response.status_code)
    body = _check_status(response, status_code, is_expected=is_error)
    envelope = _check_envelope(response, body, _KEYS | {"errors"})
    _check(response, envelope["success"] is False, "success is not false")
    _check(response, envelope["data"] is None, "data is not null")
    errors = envelope["errors"]
    _check(response, isinstance(errors, dict), "errors is not an object")
    if field is not None:
        _check(response, field in cast("dict[str, object]", errors), f"errors has no {field!r}")
    return cast("ErrorEnvelope", envelope)  # checked above


def _check_status(response: HttpResponseBase, wanted: int | None, *, is_expected: bool) -> object:
    if wanted is None:
        _check(response, is_expected, "this is another kind of answer")
    else:
        _check(response, response.status_code == wanted, f"the status is not {wanted}")
    try:
        return json.loads(_get_text(response))
    except ValueError:
        _fail(response, "the body is not JSON")


def _check_envelope(response: HttpResponseBase, body: object, keys: set[str]) -> dict[str, object]:
    if not isinstance(body, dict):
        _fail(response, "the body is no envelope")
    envelope = cast("dict[str, object]", body)
    missing = sorted(keys - envelope.keys())
    _check(response, not missing, f"the envelope lacks {', '.join(missing)}")
    return envelope


def _check(response: HttpResponseBase, is_right: bool, complaint: str) -> None:
    if not is_right:
        _fail(response, complaint)


def _fail(response: HttpResponseBase, complaint: str) -> NoReturn:
    text = _get_text(response)
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    msg = f"{complaint}: {response.status_code} {response.reason_phrase}\n{shown}"
    raise AssertionError(msg)


def _get_text(response: HttpResponseBase) -> str:
    if isinstance(response, StreamingHttpResponse):
        return "(a stream)"
    content: bytes = getattr(response, "content", b"")
    return content.decode(response.charset or "utf-8", errors="replace")
