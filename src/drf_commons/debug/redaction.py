"""Turns any value into one that can be logged: small, made of JSON's types, without secrets.

Nothing is consumed, loaded or asked for its ``repr``: a generator stays where it is, a queryset makes no query, a lazy
user is not fetched, and what an object thinks of itself cannot leak or raise.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, KeysView, Mapping, ValuesView
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from itertools import islice
from pathlib import PurePath
from types import BuiltinFunctionType, FunctionType, GeneratorType, MethodType
from typing import Any, Final, TypeVar, cast
from uuid import UUID

from django.db.models import Manager, Model, QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.datastructures import MultiValueDict
from django.utils.functional import LazyObject, Promise, empty
from pydantic import BaseModel
from rest_framework.request import Request

from drf_commons.debug.secrets import REDACTED, is_secret_name, scrub
from drf_commons.types import Json

__all__ = ["Redaction", "redact"]

_MAX_DEPTH: Final = 10
_MAX_ITEMS: Final = 100
_MAX_NODES: Final = 2_000
_MAX_BITS: Final = 256
_T = TypeVar("_T")
#: A shorter secret is found by its name alone: "1" stands in every number.
_MIN_SECRET: Final = 4
_MAX_SECRETS: Final = 200

_PLAIN: Final = (date, time, timedelta, Decimal, UUID, PurePath)
_SEQUENCES: Final = (list, tuple, deque, AbstractSet, KeysView, ValuesView)


def redact(value: object) -> Json:
    """Return what may be logged of *value*, at any depth: values with secret names are replaced.

    What :func:`~drf_commons.debug.secrets.is_secret_name` says of the keys of mappings, the fields of dataclasses,
    named tuples and Pydantic models, and the first of two in a pair, such as a header.
    """
    return Redaction().redact(value)


class Redaction:
    """All that is logged at once: a secret that was seen under its name is found again where it has none."""

    def __init__(self) -> None:
        self._nodes = 0
        self._secrets: set[str] = set()

    def redact(self, value: object) -> Json:
        """Return what may be logged of *value*."""
        clean = self._convert(value, _MAX_DEPTH)
        return self._hide_again(clean) if self._secrets else clean

    def hide(self, text: str) -> str:
        """Return *text* without the secrets that were seen so far."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, REDACTED)
        return text

    def _hide_again(self, value: Json) -> Json:
        match value:
            case str():
                return self.hide(value)
            case dict():
                return {self.hide(key): self._hide_again(item) for key, item in value.items()}
            case list():
                return [self._hide_again(item) for item in value]
            case int() | float() if not isinstance(value, bool) and str(value) in self._secrets:
                return REDACTED
            case _:
                return value

    def _convert(self, value: object, depth: int) -> Json:
        self._nodes += 1
        if self._nodes > _MAX_NODES:
            return "[too much to log]"
        try:
            return self._convert_known(value, depth)
        except Exception as exc:  # noqa: BLE001  # a value may do anything when it is looked at
            return f"[could not be logged: {_name(type(value))}, {type(exc).__name__}]"

    def _convert_known(self, value: object, depth: int) -> Json:
        kind: type[object] = type(value)
        # By their types: isinstance() would ask a lazy object, which would go and fetch what it stands for.
        if issubclass(kind, LazyObject):
            wrapped = cast("LazyObject[object]", value)._wrapped  # noqa: SLF001  # Django has no public way to tell
            return (
                f"[{_name(cast('type[object]', kind))}, not loaded]"
                if wrapped is empty
                else self._convert(wrapped, depth)
            )
        for kinds, convert in _SCALARS:
            if issubclass(kind, kinds):
                return convert(value)
        if depth == 0:
            return f"[{_name(kind)}, too deep to log]"
        if (pairs := _get_pairs(value)) is not None:
            return self._convert_pairs(pairs, depth)
        if issubclass(kind, _SEQUENCES):
            return self._convert_sequence(cast("Iterable[object]", value), depth)
        return self._label_row(value) if isinstance(value, Model) else _label(value)

    def _convert_pairs(self, pairs: Iterable[tuple[object, object]], depth: int) -> Json:
        clean: dict[str, Json] = {}
        iterator = iter(pairs)
        for key, value in self._take(iterator):
            name = _get_name(key)
            if is_secret_name(name):
                self._remember(value, depth)
                clean[scrub(name)] = REDACTED
            else:
                clean[scrub(name)] = self._convert(value, depth - 1)
        if next(iterator, None) is not None:
            clean["…"] = "[more than can be logged]"
        return clean

    def _convert_sequence(self, values: Iterable[object], depth: int) -> Json:
        match values:
            case [str() | bytes() as name, value] if is_secret_name(_get_name(name)):
                self._remember(value, depth)
                return [scrub(_get_name(name)), REDACTED]
            case _:
                pass
        iterator = iter(values)
        clean = [self._convert(value, depth - 1) for value in self._take(iterator)]
        if next(iterator, self) is not self:
            clean.append("[more than can be logged]")
        return clean

    def _take(self, iterator: Iterator[_T]) -> Iterator[_T]:
        """Yield as many as one container, and all of them together, may have."""
        for number, item in enumerate(iterator, start=1):
            yield item
            if number >= _MAX_ITEMS or self._nodes > _MAX_NODES:
                return

    def _remember(self, value: object, depth: int) -> None:
        """Learn what a secret looks like, since an error message may repeat it."""
        if depth == 0 or len(self._secrets) >= _MAX_SECRETS:
            return
        try:
            if isinstance(value, (str, int, float, *_PLAIN)) and not isinstance(value, bool):
                self._learn(str(value))
            elif isinstance(value, bytes | bytearray):
                self._learn(bytes(value).decode(errors="replace"))
            elif (pairs := _get_pairs(value)) is not None:
                for _, item in islice(pairs, _MAX_ITEMS):
                    self._remember(item, depth - 1)
            elif isinstance(value, _SEQUENCES):
                for item in islice(cast("Iterable[object]", value), _MAX_ITEMS):
                    self._remember(item, depth - 1)
        except Exception:  # noqa: BLE001, S110  # it is not shown either way
            pass

    def _learn(self, secret: str) -> None:
        for text in (secret, *secret.split()):
            if len(text) >= _MIN_SECRET:
                self._secrets |= {text, text.encode("unicode_escape").decode()}

    def _label_row(self, row: Model) -> str:
        meta = row._meta
        names = (meta.object_name or "", meta.pk.name)
        if any(map(is_secret_name, names)):
            # The key of a Token is the token.
            self._remember(row.pk, 1)
            return f"[{meta.label}]"
        return f"[{meta.label} pk={self._convert(row.pk, 1)}]"


def _get_pairs(value: object) -> Iterable[tuple[object, object]] | None:
    """Return the names and values that *value* is made of, or ``None``."""
    if isinstance(value, type):
        return None
    return next((get(value) for is_one, get in _COMPOUNDS if is_one(value)), None)


def _get_attributes(value: object, names: Iterable[str]) -> Iterator[tuple[str, object]]:
    return ((name, getattr(value, name, None)) for name in names)


def _get_model_values(value: BaseModel) -> Iterable[tuple[str, object]]:
    return [*vars(value).items(), *(value.model_extra or {}).items()]


def _label(value: object) -> str:
    """Return what *value* is, where what is in it may be anything."""
    name = _name(type(value))
    return next((label(value) for kinds, label in _LABELS if isinstance(value, kinds)), f"[{name}]")


def _label_class(value: type[object]) -> str:
    return f"[class {_name(value)}]"


def _label_error(value: BaseException) -> str:
    return f"{_name(type(value))}: {scrub(str(value))}"


def _convert_integer(value: Any) -> Json:
    number = int(value)
    return number if number.bit_length() <= _MAX_BITS else f"[a number of {number.bit_length()} bits]"


def _get_name(key: object) -> str:
    if isinstance(key, bytes):
        return key.decode(errors="replace")
    return key if isinstance(key, str) else str(key)


def _name(kind: type[object]) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


# Tables, the first line that fits is taken. The values are Any: each line knows its own.

_SCALARS: Final[tuple[tuple[type | tuple[type, ...], Callable[[Any], Json]], ...]] = (
    ((type(None), bool), lambda value: value),
    (Enum, lambda value: f"{type(value).__name__}.{value.name}"),
    (Promise, lambda value: scrub(str(value))),
    (str, lambda value: scrub(str.__str__(value))),
    (int, _convert_integer),
    (float, lambda value: float(value) if math.isfinite(value) else str(float(value))),
    (_PLAIN, lambda value: scrub(str(value))),
    ((bytes, bytearray, memoryview), lambda value: f"[{memoryview(value).nbytes} bytes]"),
)
_COMPOUNDS: Final[tuple[tuple[Callable[[object], bool], Callable[[Any], Iterable[tuple[object, object]]]], ...]] = (
    (lambda value: isinstance(value, MultiValueDict), lambda value: value.lists()),
    (lambda value: isinstance(value, Mapping), lambda value: value.items()),
    (lambda value: isinstance(value, BaseModel), _get_model_values),
    (is_dataclass, lambda value: _get_attributes(value, [field.name for field in fields(value)])),
    (
        lambda value: issubclass(type(value), tuple) and hasattr(type(value), "_fields"),
        lambda value: zip(value._fields, value, strict=False),  # documented of named tuples
    ),
    (
        lambda value: hasattr(type(value), "__attrs_attrs__"),
        lambda value: _get_attributes(value, [attribute.name for attribute in value.__attrs_attrs__]),
    ),
)
_LABELS: Final[tuple[tuple[type | tuple[type, ...], Callable[[Any], str]], ...]] = (
    ((QuerySet, Manager), lambda value: f"[{type(value).__name__} of {value.model._meta.label}]"),
    ((Request, HttpRequest), lambda value: f"[{type(value).__name__} {value.method}]"),
    (HttpResponseBase, lambda value: f"[{type(value).__name__} {value.status_code}]"),
    (BaseException, _label_error),
    (type, _label_class),
    (
        (FunctionType, BuiltinFunctionType, MethodType),
        lambda value: f"[function {value.__module__}.{value.__qualname__}]",
    ),
    (GeneratorType, lambda value: f"[generator {value.__qualname__}]"),
)
