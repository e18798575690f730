"""Optimistic locking over HTTP: what a client has seen decides whether it may write."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Final, cast

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Model
from django.utils.http import parse_etags
from rest_framework import status
from rest_framework.exceptions import APIException, NotFound, ValidationError
from rest_framework.request import Request
from typing_extensions import TypeVar

from drf_commons.errors import ConfigurationError, VersionConflictError
from drf_commons.models.content import VersionMixin
from drf_commons.response import EnvelopeError
from drf_commons.types import StrOrPromise
from drf_commons.views.mixins.envelope import EnvelopeMixin

__all__ = ["PreconditionMixin", "PreconditionRequiredError", "read_version"]

M = TypeVar("M", bound=Model, default=Any)

_WEAK: Final = "W/"  # what compression on the way makes of a tag


class PreconditionFailedError(EnvelopeError):
    """The row has another version than ``If-Match`` asks for."""

    status_code = status.HTTP_412_PRECONDITION_FAILED
    default_detail: StrOrPromise = "The row was changed since it was read."  # pyright: ignore[reportIncompatibleVariableOverride]  # the stubs' own type is private
    default_code = "precondition_failed"


class PreconditionRequiredError(APIException):
    """The viewset writes only for clients that say which version they have seen."""

    status_code = status.HTTP_428_PRECONDITION_REQUIRED
    default_detail: StrOrPromise = "Say which version was read: send its ETag as If-Match."  # pyright: ignore[reportIncompatibleVariableOverride]  # the stubs' own type is private
    default_code = "precondition_required"


class PreconditionMixin(EnvelopeMixin[M]):
    """Rows with a :class:`~drf_commons.models.content.VersionMixin` are read with an ``ETag``, and written with care.

    A write that names an older version changes nothing: ``If-Match`` is answered with 412, a ``version`` in the body
    with 409. It makes no difference whether the row was changed before the request or while it was being answered.
    Rows without a version are left alone.
    """

    #: Whether a write has to say which version it is about; one that does not is answered with 428.
    require_if_match: ClassVar[bool] = False

    def get_etag(self, instance: M) -> str | None:
        """Return the tag of the row's version, or ``None`` for a model without versions."""
        return f'"{instance.version}"' if isinstance(instance, VersionMixin) else None

    def get_etag_headers(self, instance: M) -> dict[str, str]:
        """Return the headers that tell which version an answer shows."""
        etag = self.get_etag(instance)
        return {} if etag is None else {"ETag": etag}

    @contextmanager
    def preconditioned(self, request: Request, instance: M) -> Generator[None]:
        """Check what the client has seen of *instance*, which is written within the block.

        The write finds out if the row is changed after the check; that is answered as if the check had found it.
        """
        self.check_preconditions(request, instance)
        model, pk = type(instance), instance.pk
        try:
            yield
        except VersionConflictError as exc:
            header = request.headers.get("If-Match")
            if header is not None and not _matches_any(header) and (exc.model, exc.pk) == (model, pk):
                raise PreconditionFailedError(current_version=exc.current) from exc
            raise
        except ObjectDoesNotExist as exc:
            if isinstance(instance, VersionMixin) and not model._base_manager.filter(pk=pk).exists():
                raise NotFound from exc
            raise

    def check_preconditions(self, request: Request, instance: M) -> None:
        """Raise where the client has not seen the version that *instance* has."""
        etag = self.get_etag(instance)
        if etag is None or not isinstance(instance, VersionMixin):
            if self.require_if_match:
                msg = f"{type(self).__name__}.require_if_match: {type(instance).__name__} has no version"
                raise ConfigurationError(msg)
            return
        header = request.headers.get("If-Match")
        expected = read_version(cast("object", request.data))
        if header is None and expected is None and self.require_if_match:
            raise PreconditionRequiredError
        if header is not None and not _matches(header, etag):
            raise PreconditionFailedError(current_version=instance.version)
        if expected is not None:
            instance.check_version(expected)


def _matches(header: str, etag: str) -> bool:
    return _matches_any(header) or etag in {tag.removeprefix(_WEAK) for tag in parse_etags(header)}


def _matches_any(header: str) -> bool:
    return "*" in parse_etags(header)


def read_version(body: object) -> int | None:
    """Return the version that *body* names, if it is an object that names one."""
    if not isinstance(body, Mapping):
        return None
    version = cast("Mapping[str, object]", body).get("version")
    if version is None:
        return None
    if isinstance(version, bool) or not str(version).isdecimal():
        raise ValidationError({"version": ["A valid integer is required."]})
    return int(str(version))
