"""The call that declares a field, and the shape that is read from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from mypy.nodes import CallExpr, Expression
from mypy.types import Instance, Type

from drf_commons.inference.scope import Scope
from drf_commons.inference.syntax import UnknownValueError, get_arguments, get_positional, read

__all__ = ["FORMATS", "WHOLE", "Declaration", "Exchange", "FieldShape", "Rule", "get_api_setting", "read_flag"]

#: The source of a field that is given the whole object.
WHOLE: Final = "*"
#: Fields that render text, and the setting that may have them render the value itself.
FORMATS: Final[Mapping[str, str]] = {
    "rest_framework.fields.DateField": "DATE_FORMAT",
    "rest_framework.fields.DateTimeField": "DATETIME_FORMAT",
    "rest_framework.fields.DurationField": "DURATION_FORMAT",
    "rest_framework.fields.TimeField": "TIME_FORMAT",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldShape:
    """A field of a serializer: its types, and when its key is there."""

    output: Type
    value: Type
    source: str | None
    """Where the value comes from; ``None`` when that is only known at runtime."""
    read_only: bool = False
    write_only: bool = False
    present: bool = True
    """Whether validated data always has the key: the field is required, or has a default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """The call that makes a declared field."""

    name: str
    call: CallExpr
    field: Instance
    source: str | None

    def get(self, keyword: str, position: int | None = None) -> Expression | None:
        """Return an argument of the call, by keyword or by position."""
        found = get_arguments(self.call).get(keyword)
        return get_positional(self.call, position) if found is None and position is not None else found


#: What a field gives, and the value it validates to.
Exchange: TypeAlias = tuple[Type, Type]
Rule: TypeAlias = Callable[[Scope, Declaration], Exchange]


def get_api_setting(name: str) -> Any:
    """Return a setting of DRF; the empty text where its version has none of this name."""
    from rest_framework.settings import api_settings  # noqa: PLC0415

    return getattr(api_settings, name, "")


def read_flag(expression: Expression | None, *, default: bool) -> bool:
    """Return what a flag is set to; the *default* where it is left out or unreadable."""
    try:
        return default if expression is None else bool(read(expression))
    except UnknownValueError:
        return default
