"""What can be told of a request without touching it: no body that is long, no user that is not loaded."""

from __future__ import annotations

import json
from typing import TypeAlias, cast

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, QueryDict
from django.utils.functional import LazyObject, empty
from rest_framework.request import Request

from drf_commons.conf import get_settings
from drf_commons.debug.secrets import REDACTED, is_secret_name

__all__ = ["AnyRequest", "describe_request", "find_request", "get_user_id", "read_body"]

AnyRequest: TypeAlias = HttpRequest | Request


def find_request(arguments: tuple[object, ...], named: dict[str, object]) -> AnyRequest | None:
    """Return the request among the arguments of a view, whether it is a function or a method."""
    candidates = (*arguments[:2], named.get("request"))
    return next((value for value in candidates if isinstance(value, Request | HttpRequest)), None)


def describe_request(request: AnyRequest) -> dict[str, object]:
    """Return the method, the path, the route and the query parameters."""
    plain = _unwrap(request)
    match = plain.resolver_match
    return {
        "method": plain.method,
        "path": _hide_captured(plain),
        "route": match.route if match else None,
        "view": match._func_path if match else None,  # noqa: SLF001  # as Django's own repr and its admin docs show it
        "query": _read_query(plain),
    }


def get_user_id(request: AnyRequest) -> object:
    """Return the primary key of the request's user if somebody has asked who that is; to ask would take a query."""
    user: object = getattr(_unwrap(request), "user", None)
    while issubclass(type(user), LazyObject):
        user = cast("LazyObject[object]", user)._wrapped  # noqa: SLF001  # Django has no public way to tell
    return None if user is empty else getattr(user, "pk", None)


def read_body(request: AnyRequest) -> object:
    """Return the body of *request*, parsed, or a note that says why it is not there.

    It leaves a view all it may want: a body that is long, of unknown length or a file stays unread, and one that
    somebody has begun to read stays theirs. What does not parse is not shown, since nobody can tell secrets in it.
    """
    plain = _unwrap(request)
    kind = plain.content_type or "no content type"
    length = _get_length(plain)
    if length is None:
        return "[not logged: a body of unknown length]"
    if length == 0:
        return None
    limit = get_settings().DEBUG_BODY_MAX_BYTES
    if length > limit:
        return f"[not logged: {length} bytes, more than {limit}]"
    is_form = kind == "application/x-www-form-urlencoded"
    if not is_form and kind != "application/json" and not kind.endswith("+json"):
        return f"[not logged: {length} bytes of {kind}]"
    try:
        body = plain.body
        return QueryDict(body, encoding=plain.encoding) if is_form else json.loads(body)
    except Exception as exc:  # noqa: BLE001  # clients send anything; the view finds out for itself
        return f"[not logged: {length} bytes of {kind}, {type(exc).__name__}]"


def _read_query(request: HttpRequest) -> object:
    try:
        return request.GET
    except SuspiciousOperation as exc:
        return f"[not logged: {type(exc).__name__}]"


def _get_length(request: HttpRequest) -> int | None:
    if "chunked" in request.headers.get("Transfer-Encoding", "").lower():
        return None
    text = request.META.get("CONTENT_LENGTH") or "0"
    return int(text) if str(text).isdecimal() else None


def _hide_captured(request: HttpRequest) -> str:
    """Return the path; a secret that is part of it, as in a link to reset a password, is replaced."""
    path = request.path
    match = request.resolver_match
    for name, value in match.kwargs.items() if match else ():
        if is_secret_name(name) and value:
            path = path.replace(str(value), REDACTED)
    return path


def _unwrap(request: AnyRequest) -> HttpRequest:
    return request._request if isinstance(request, Request) else request  # noqa: SLF001  # documented by DRF
