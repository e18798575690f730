"""Where an error belongs: DRF's nested error shape, built from positions and paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from django.core.exceptions import ValidationError as DjangoValidationError
from rest_framework.exceptions import ValidationError
from rest_framework.serializers import as_serializer_error

from drf_commons.types import StrOrPromise

__all__ = ["Path", "build_error_at", "build_list_error", "format_message"]

#: The way from the root to a field: names of relations and positions in their lists, ``("line_items", 3)``.
Path: TypeAlias = tuple[str | int, ...]


def format_message(message: StrOrPromise, values: Mapping[str, object]) -> str:
    """Return *message* with *values* in it; half a surrogate pair, which no answer could carry, is spelt out."""
    shown = {name: str(value).encode(errors="backslashreplace").decode() for name, value in values.items()}
    return str(message).format(**shown)


def build_list_error(errors: Mapping[int, ValidationError]) -> ValidationError:
    """Return one error that holds *errors* by their position in the list; what is right has no entry."""
    detail: dict[Any, Any] = {index: error.detail for index, error in errors.items()}
    return ValidationError(detail)


def build_error_at(path: Sequence[str | int], error: ValidationError | DjangoValidationError) -> ValidationError:
    """Return *error* as the root reports it when it was raised for the row at *path*."""
    detail: Any = as_serializer_error(error)
    for step in reversed(path):
        detail = {step: detail}
    return ValidationError(detail)
