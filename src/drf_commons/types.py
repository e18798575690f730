"""Types that travel through the public API and that users may import into their own annotations."""

from __future__ import annotations

import types
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, Literal, NotRequired, TypeAlias, TypedDict

from django.utils.functional import Promise
from typing_extensions import TypeVar

__all__ = [
    "Envelope",
    "ErrorEnvelope",
    "ErrorTree",
    "Json",
    "JsonObject",
    "Page",
    "Pagination",
    "Pk",
    "RuntimeGeneric",
    "StrOrPromise",
]

T = TypeVar("T", default=Any)

#: What a JSON document may hold.
Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"

#: A JSON object.
JsonObject: TypeAlias = Mapping[str, Json]

#: A primary key as clients send and receive it.
Pk: TypeAlias = int | str | uuid.UUID

if TYPE_CHECKING:
    # The stubs tell promises of a text from other promises; at runtime there is one class.
    from django_stubs_ext import StrOrPromise
else:
    #: A text, or one that is translated when it is read.
    StrOrPromise: TypeAlias = str | Promise

#: One branch of DRF's error structure: a message, a list of branches, or branches by field name.
ErrorTree: TypeAlias = "str | Sequence[ErrorTree] | Mapping[str, ErrorTree]"


class Envelope(TypedDict, Generic[T]):
    """The body of every successful answer."""

    success: Literal[True]
    timestamp: str
    message: str
    data: T


class Pagination(TypedDict):
    """What a paginator says of a page; a paginator of your own may add keys."""

    count: NotRequired[int]
    next: str | None
    previous: str | None


class Page(TypedDict, Generic[T]):
    """The body of a paginated list: an envelope whose sibling ``pagination`` tells where the page stands."""

    success: Literal[True]
    timestamp: str
    message: str
    data: list[T]
    pagination: Pagination


class ErrorEnvelope(TypedDict):
    """The body of every failed answer."""

    success: Literal[False]
    timestamp: str
    message: str
    errors: dict[str, ErrorTree]
    data: None


class RuntimeGeneric:
    """First base of a class that is subscripted at runtime: ``BaseViewSet[Article]`` keeps its argument.

    DRF's own classes answer a subscript with the bare class, so the argument is lost. Standing before them, this base
    returns a real alias: ``__orig_bases__`` names the model. It counts no arguments, so type parameters with defaults
    may be left out on Python 3.11 and 3.12 too.
    """

    if not TYPE_CHECKING:

        def __class_getitem__(cls, item: object) -> types.GenericAlias:
            return types.GenericAlias(cls, item)
