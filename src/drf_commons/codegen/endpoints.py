"""Finding endpoints: what each address of the project takes and gives, as far as its view leaves that to a library."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from django.conf import settings
from rest_framework import mixins
from rest_framework.schemas.generators import EndpointEnumerator
from rest_framework.views import APIView

from drf_commons.views.mixins import EnvelopeMixin

__all__ = ["Endpoint", "Kind", "find_endpoints", "is_from_library"]

_LIBRARIES: Final = ("rest_framework.", "drf_commons.")
_WRITES: Final = ("POST", "PUT", "PATCH")


class Kind(enum.Enum):
    """What an endpoint answers with."""

    ROW = enum.auto()
    LIST = enum.auto()
    NOTHING = enum.auto()
    UNKNOWN = enum.auto()


#: What the actions of the libraries answer with.
_KINDS: Final = {
    "create": Kind.ROW,
    "destroy": Kind.NOTHING,
    "list": Kind.LIST,
    "partial_update": Kind.ROW,
    "restore": Kind.ROW,
    "retrieve": Kind.ROW,
    "update": Kind.ROW,
}
#: The methods an action stands on; where a view has its own, what it answers is not known.
_STEPS: Final = {
    "list": ("build_list_response", "build_page_response", "get_paginated_response", "serialize_rows"),
    "partial_update": ("update",),
}
#: Which attribute of a view says that an action answers without the row.
_ANSWERS: Final = {
    "create": "return_data_on_create",
    "partial_update": "return_data_on_update",
    "update": "return_data_on_update",
}
#: The actions behind the methods of DRF's generic views; those of ``get`` depend on what else the view is.
_GENERIC: Final = {"post": "create", "put": "update", "patch": "partial_update", "delete": "destroy"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A method at an address."""

    method: str
    path: str
    view: type[APIView]
    kind: Kind
    #: The full name of the serializer of rows, where the view leaves the choice to ``serializer_class``.
    serializer: str | None
    #: Whether the body of the request is a row, rather than something of the view's own.
    takes_row: bool
    is_enveloped: bool
    is_paged: bool

    @property
    def is_write(self) -> bool:
        """Whether the request has a body."""
        return self.method in _WRITES


def find_endpoints() -> list[Endpoint]:
    """Return the endpoints of the project's URLconf, in the order DRF gives them."""
    if getattr(settings, "ROOT_URLCONF", None) is None:
        return []
    enumerator: Any = EndpointEnumerator
    return [_read(path, method, callback) for path, method, callback in enumerator().get_api_endpoints()]


def is_from_library(function: object) -> bool:
    """Tell whether a method is DRF's or ours, so that what it does is known."""
    return str(getattr(function, "__module__", "")).startswith(_LIBRARIES)


def _read(path: str, method: str, callback: Callable[..., Any]) -> Endpoint:
    view = cast("type[APIView]", getattr(callback, "cls"))  # noqa: B009  # DRF puts it there
    options: Mapping[str, Any] = getattr(callback, "initkwargs", {})
    action = _get_action(view, method.lower(), getattr(callback, "actions", None))
    steps = (action, "get_serializer", *_STEPS.get(action, ()))
    known = action in _KINDS and all(is_from_library(getattr(view, step)) for step in steps if hasattr(view, step))
    kind = _KINDS[action] if known else Kind.UNKNOWN
    if known and not getattr(view, _ANSWERS.get(action, ""), True):
        kind = Kind.NOTHING
    return Endpoint(
        method=method,
        path=path,
        view=view,
        kind=kind,
        serializer=_get_serializer(view, options) if known else None,
        takes_row=known and action != "restore",
        is_enveloped=issubclass(view, EnvelopeMixin),
        is_paged=getattr(view, "pagination_class", None) is not None,
    )


def _get_action(view: type[APIView], method: str, actions: Mapping[str, str] | None) -> str:
    """Return the action behind a method, empty where a view answers by itself."""
    if actions is not None:
        return actions.get(method, "")
    if getattr(getattr(view, method, None), "__module__", None) != "rest_framework.generics":
        return ""
    if method == "get":
        return "list" if issubclass(view, mixins.ListModelMixin) else "retrieve"
    return _GENERIC.get(method, "")


def _get_serializer(view: Any, options: Mapping[str, Any]) -> str | None:
    if not is_from_library(getattr(view, "get_serializer_class", None)):
        return None
    found = options.get("serializer_class", view.serializer_class)
    return None if found is None else f"{found.__module__}.{found.__qualname__}"
