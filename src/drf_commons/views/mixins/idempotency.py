"""Requests that may be sent twice: the second one is answered as the first, and changes nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Final, TypeAlias, cast

from django.core.cache import BaseCache, caches
from django.db.models import Model
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import SimpleTemplateResponse
from rest_framework import status
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from typing_extensions import TypeVar, override

from drf_commons.conf import get_settings
from drf_commons.types import StrOrPromise
from drf_commons.views.mixins.envelope import EnvelopeMixin

__all__ = ["IdempotencyMixin"]

M = TypeVar("M", bound=Model, default=Any)

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotency-Replayed"

_LONGEST_KEY: Final = 255
#: Seconds after which a request that never came to an end no longer keeps its key: more than any server lets one run.
_LONGEST_REQUEST: Final = 600


class RequestInFlightError(APIException):
    """The same request is being answered at this moment."""

    status_code = status.HTTP_409_CONFLICT
    default_detail: StrOrPromise = (  # pyright: ignore[reportIncompatibleVariableOverride]  # the stubs' own type is private
        "A request with this Idempotency-Key is being answered; wait for it, then send it again."
    )
    default_code = "request_in_flight"


class KeyReusedError(APIException):
    """The key was sent before, with another request."""

    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_detail: StrOrPromise = "This Idempotency-Key was used for another request; take a new one."  # pyright: ignore[reportIncompatibleVariableOverride]  # the stubs' own type is private
    default_code = "idempotency_key_reused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A key that this request holds until it is answered."""

    cache: BaseCache
    name: str
    fingerprint: str

    def store(self, response: HttpResponse) -> None:
        """Keep *response* for those who ask again."""
        headers = {name: value for name, value in response.items() if name.lower() != "content-length"}
        answer = (response.status_code, headers, response.content)
        self.cache.set(self.name, (self.fingerprint, answer), get_settings().IDEMPOTENCY_TTL)

    def release(self) -> None:
        """Let the next request with the key do the work."""
        self.cache.delete(self.name)


#: What the cache holds: which request it was and, once that is answered, the answer.
_Stored: TypeAlias = "tuple[str, tuple[int, dict[str, str], bytes] | None]"


class IdempotencyMixin(EnvelopeMixin[M]):
    """Honours the header ``Idempotency-Key`` where the viewset says so.

    The first request with a key does the work. Whoever sends it again gets the same answer; while the first one is
    still being answered 409, and with another body 422. A key belongs to its client and to the viewset; one of a client
    whom nobody knows is refused with 400. Answers are kept in Django's cache, which every process of the server has to
    share. An answer of the server's own failure (5xx) is not kept.
    """

    #: Whether the bulk actions honour the header.
    use_idempotency_keys: ClassVar[bool] = False
    #: The alias in ``CACHES`` of the cache that keeps the answers.
    idempotency_cache: ClassVar[str] = "default"

    _claim: Claim | None = None

    def answer_once(self, request: Request, answer: Callable[[], Response]) -> HttpResponseBase:
        """Return what *answer* returns, or what it returned when this request was sent before."""
        key = request.headers.get(HEADER) if self.use_idempotency_keys else None
        if key is None:
            return answer()
        claim = self._build_claim(request, key)
        if claim.cache.add(claim.name, (claim.fingerprint, None), _LONGEST_REQUEST):
            self._claim = claim
            return answer()
        # None when the first request gave the key back in between.
        fingerprint, stored = cast("_Stored", claim.cache.get(claim.name) or (claim.fingerprint, None))
        if fingerprint != claim.fingerprint:
            raise KeyReusedError
        if stored is None:
            raise RequestInFlightError
        status_code, headers, content = stored
        return HttpResponse(content, status=status_code, headers={**headers, REPLAYED: "true"})

    def get_idempotency_owner(self, request: Request) -> str | None:
        """Return who the client is: the user's key. Override it where clients are known by something else.

        ``None`` refuses the header: keys of clients that cannot be told apart would be answered to one another.
        """
        key: object = getattr(request.user, "pk", None)
        return None if key is None else str(key)

    @override
    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Keep the answer when it is one to be given again."""
        # DRF lets any response through, a plain one of Django's too.
        final = cast("HttpResponse", super().finalize_response(request, response, *args, **kwargs))
        claim = self._claim
        if claim is None:
            return final
        self._claim = None
        if final.status_code >= status.HTTP_500_INTERNAL_SERVER_ERROR:
            claim.release()
        elif isinstance(final, SimpleTemplateResponse):
            final.add_post_render_callback(claim.store)
        else:
            claim.store(final)
        return final

    @override
    def handle_exception(self, exc: Exception) -> Response:
        """Give the key back when the request fails in a way that nobody answers for."""
        try:
            return super().handle_exception(exc)
        except BaseException:
            if self._claim is not None:
                self._claim.release()
            raise

    def _build_claim(self, request: Request, key: str) -> Claim:
        if not key.strip() or len(key) > _LONGEST_KEY:
            raise ValidationError({HEADER: [f"Send 1 to {_LONGEST_KEY} characters."]})
        owner = self.get_idempotency_owner(request)
        if owner is None:
            raise ValidationError({HEADER: ["Sign in to send one, or leave it out: a key belongs to a user."]})
        scope = (f"{type(self).__module__}.{type(self).__qualname__}", owner, key)
        return Claim(
            cache=caches[self.idempotency_cache],
            name=f"drf_commons:idempotency:{_digest(scope)}",
            fingerprint=_digest((request.method, request.get_full_path(), cast("object", request.data))),
        )


def _digest(value: object) -> str:
    """Return what tells *value* from others, however its body was laid out."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()
