"""One envelope for every answer.

:func:`success_response` and :func:`error_response` build it; :func:`enveloped` wraps a DRF exception handler, so that
the errors a view raises leave in the same shape.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeAlias, cast, overload

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db.models import Model, ProtectedError, RestrictedError
from django.http import UnreadablePostError
from rest_framework import exceptions, status
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.response import Response
from rest_framework.utils.serializer_helpers import ReturnDict
from typing_extensions import TypeVar, override

from drf_commons.errors import (
    BulkVersionConflictError,
    FileTooLargeError,
    JobStateError,
    UnreadableFileError,
    VersionConflictError,
)
from drf_commons.types import Envelope, ErrorEnvelope, ErrorTree, StrOrPromise

__all__ = [
    "DEFAULT_ERROR_MESSAGE",
    "DEFAULT_SUCCESS_MESSAGE",
    "EnvelopeError",
    "EnvelopeResponse",
    "ExceptionHandler",
    "build_success",
    "build_timestamp",
    "enveloped",
    "error_response",
    "success_response",
    "translate_exception",
]

DEFAULT_SUCCESS_MESSAGE: Final = "Operation completed successfully."
DEFAULT_ERROR_MESSAGE: Final = "The request failed."
VALIDATION_MESSAGE: Final = "Validation failed."

#: A DRF exception handler: the exception and the view's context in, a response or ``None`` (not handled) out.
ExceptionHandler: TypeAlias = Callable[[Exception, dict[str, Any]], Response | None]

_security_logger: Final = logging.getLogger("django.security")

T = TypeVar("T")
E = TypeVar("E", default=Envelope[Any])

_CUT_OFF: Final = "The request body ended before it was complete."
_UNACCEPTABLE: Final = "The request cannot be accepted."
_RESERVED: Final = frozenset({"success", "timestamp", "message", "data", "errors"})


class EnvelopeResponse(Response, Generic[E]):
    """A DRF response whose ``data`` has a known type, and which renders as JSON in a plain Django view too."""

    data: E

    @property
    @override
    def rendered_content(self) -> Any:
        if not hasattr(self, "accepted_renderer"):
            # No DRF view negotiated a renderer: this is the answer of a plain Django view.
            self.accepted_renderer: BaseRenderer = JSONRenderer()
            self.accepted_media_type: str = JSONRenderer.media_type
            self.renderer_context: dict[str, Any] = {}
        return super().rendered_content


@overload
def success_response(
    data: T,
    message: StrOrPromise = ...,
    status_code: int = ...,
    headers: Mapping[str, str] | None = ...,
    **extra: object,
) -> EnvelopeResponse[Envelope[T]]: ...
@overload
def success_response(
    data: None = None,
    message: StrOrPromise = ...,
    status_code: int = ...,
    headers: Mapping[str, str] | None = ...,
    **extra: object,
) -> EnvelopeResponse[Envelope[None]]: ...
def success_response(
    data: object = None,
    message: StrOrPromise = DEFAULT_SUCCESS_MESSAGE,
    status_code: int = status.HTTP_200_OK,
    headers: Mapping[str, str] | None = None,
    **extra: object,
) -> EnvelopeResponse[Any]:
    """Return *data*, untouched, in the success envelope.

    *extra* becomes sibling keys of ``data``; a key of the envelope itself raises :class:`TypeError`.
    """
    return EnvelopeResponse(build_success(data, message, **extra), status=status_code, headers=headers)


def error_response(
    message: StrOrPromise = DEFAULT_ERROR_MESSAGE,
    errors: ErrorTree | None = None,
    status_code: int = status.HTTP_400_BAD_REQUEST,
    headers: Mapping[str, str] | None = None,
    **extra: object,
) -> EnvelopeResponse[ErrorEnvelope]:
    """Return *errors* in the error envelope; a list or a text stands under ``non_field_errors``.

    *extra* becomes sibling keys of ``errors``; a key of the envelope itself raises :class:`TypeError`.
    """
    return EnvelopeResponse(
        cast("ErrorEnvelope", _with_extra(_build_error(message, errors), extra)),  # extra keys are the caller's
        status=status_code,
        headers=headers,
    )


def enveloped(handler: ExceptionHandler) -> ExceptionHandler:
    """Return *handler* with what it answers put into the error envelope.

    What *handler* does not handle stays unhandled. Status, headers and cookies are its own. Wrap the handler of a
    single view, in ``get_exception_handler()``: nothing global is touched.
    """

    def handle(exc: Exception, context: dict[str, Any]) -> Response | None:
        exc = translate_exception(exc)
        response = handler(exc, context)
        # A handler of the project's own may answer with an envelope, or with something that is no DRF response.
        if isinstance(response, Response) and not _is_envelope(response.data):
            body = _build_error(_get_message(exc, response.data), response.data)
            response.data = _with_extra(body, exc.extra if isinstance(exc, EnvelopeError) else {})
        return response

    return handle


def build_success(data: object, message: StrOrPromise = DEFAULT_SUCCESS_MESSAGE, **extra: object) -> dict[str, object]:
    """Return the body of :func:`success_response`, for a response that exists already."""
    body = {"success": True, "timestamp": build_timestamp(), "message": str(message), "data": data}
    return _with_extra(_linked(body, data), extra)


def build_timestamp() -> str:
    """Return the current time in UTC, as ISO 8601 with six digits and a ``Z``, whatever ``TIME_ZONE`` says."""
    return f"{datetime.now(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def _build_error(message: StrOrPromise, errors: ErrorTree | None) -> dict[str, object]:
    body: dict[str, object] = {
        "success": False,
        "timestamp": build_timestamp(),
        "message": str(message),
        "errors": _as_mapping(errors),
        "data": None,
    }
    return _linked(body, errors)


def _linked(body: dict[str, object], content: object) -> dict[str, object]:
    """Return *body* with the serializer that *content*, a row or its errors, came from.

    The browsable API makes its forms of that, filled in with the row, or with what was sent and what is wrong with it.
    """
    if not isinstance(content, ReturnDict):
        return body
    return ReturnDict(body, serializer=cast("Any", content).serializer)  # the stubs leave its row open


def _with_extra(body: dict[str, object], extra: Mapping[str, object]) -> dict[str, object]:
    if not _RESERVED.isdisjoint(extra):
        reserved = _RESERVED.intersection(extra)
        msg = f"{', '.join(sorted(reserved))}: reserved by the envelope; pass extra values under other names"
        raise TypeError(msg)
    body.update(extra)
    return body


def _as_mapping(errors: ErrorTree | None) -> dict[str, ErrorTree]:
    match errors:
        case None:
            return {}
        case str():
            return {"non_field_errors": [errors]}
        case Mapping():
            return dict(errors)
        case _:
            return {"non_field_errors": errors}


def _is_envelope(data: object) -> bool:
    return isinstance(data, Mapping) and {"success", "timestamp", "message"} <= data.keys()


def _get_message(exc: Exception, data: object) -> StrOrPromise:
    if isinstance(exc, exceptions.ValidationError):
        return VALIDATION_MESSAGE
    match data:
        case {"detail": str(detail)}:
            return detail
        case Mapping() if data:
            row: object = next(iter(cast("Mapping[str, object]", data).values()))  # errors of many rows, by position
            return _get_message(exc, cast("object", row)) if isinstance(row, Mapping) else DEFAULT_ERROR_MESSAGE
        case _:
            return DEFAULT_ERROR_MESSAGE


class EnvelopeError(exceptions.APIException):
    """An error whose envelope has keys of its own beside ``errors``: ``EnvelopeError("Sold.", left=0)``."""

    def __init__(self, detail: str | None = None, **extra: object) -> None:
        super().__init__(detail)
        self.extra = extra


class _ConflictError(EnvelopeError):
    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"


class _ContentTooLargeError(exceptions.APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = "The request body is too large."
    default_code = "content_too_large"


def translate_exception(exc: Exception) -> Exception:
    """Return the DRF exception for what Django raises and DRF leaves to a 500; any other exception as it is."""
    match exc:
        case ProtectedError() | RestrictedError() | VersionConflictError() | JobStateError():
            return _build_conflict(exc)
        case SuspiciousOperation():
            # Django's own handler would have logged it; monitoring relies on that.
            _security_logger.getChild(type(exc).__name__).error(str(exc), exc_info=exc)
            too_big = isinstance(exc, RequestDataTooBig)
            return _ContentTooLargeError() if too_big else exceptions.ParseError(_UNACCEPTABLE)
        case UnreadableFileError():
            is_too_large = isinstance(exc, FileTooLargeError)
            return _ContentTooLargeError(str(exc)) if is_too_large else exceptions.ValidationError({"file": [str(exc)]})
        case UnreadablePostError():
            return exceptions.ParseError(_CUT_OFF)
        case _:
            return exc


def _build_conflict(exc: ProtectedError | RestrictedError | VersionConflictError | JobStateError) -> _ConflictError:
    match exc:
        case ProtectedError() | RestrictedError():
            return _ConflictError(_describe_blockers(_get_blockers(exc)))
        case BulkVersionConflictError():
            message = f"{len(exc.conflicts)} rows were changed since they were read."
            return _ConflictError(message, conflicts=[_describe_conflict(conflict) for conflict in exc.conflicts])
        case VersionConflictError():
            return _ConflictError(str(exc), current_version=exc.current)
        case JobStateError():
            return _ConflictError(str(exc))


def _describe_conflict(conflict: VersionConflictError) -> dict[str, object]:
    return {"pk": conflict.pk, "expected_version": conflict.expected, "current_version": conflict.current}


def _get_blockers(exc: ProtectedError | RestrictedError) -> Iterable[Model]:
    return exc.protected_objects if isinstance(exc, ProtectedError) else exc.restricted_objects


def _describe_blockers(objects: Iterable[Model]) -> str:
    names = sorted({str(obj._meta.verbose_name_plural) for obj in objects})  # documented Model API
    return f"Cannot delete: {', '.join(names)} still refer to it."
