"""Choices as literal types."""

from __future__ import annotations

from typing import Any, cast

from mypy.nodes import Expression, MemberExpr, RefExpr, TypeInfo
from mypy.types import Instance, LiteralType, Type, UnionType, get_proper_type

from drf_commons.inference.scope import Scope
from drf_commons.inference.shapes import ANY
from drf_commons.inference.syntax import UnknownValueError, read

__all__ = ["build_literal", "build_literals", "read_choices"]


def read_choices(scope: Scope, expression: Expression | None) -> Type:
    """Return the type of one of the choices that *expression* lists."""
    try:
        choices = read(expression)
    except UnknownValueError:
        match expression:
            case MemberExpr(name="choices", expr=RefExpr(node=TypeInfo() as enum)):
                return scope.build("builtins.int" if enum.has_base("builtins.int") else "builtins.str")
            case _:
                return ANY
    return build_literals(scope, [value for choice in choices for value in _flatten(choice)])


def _flatten(choice: Any) -> list[Any]:
    """Return the values of one choice: of a value, of a value and its label, or of a named group."""
    if not isinstance(choice, list):
        return [choice]
    value, label = cast("tuple[Any, Any]", choice)  # what Django takes for a choice
    if isinstance(label, list):
        return [value for item in cast("Any", label) for value in _flatten(item)]
    return [value]


def build_literals(scope: Scope, values: list[Any]) -> Type:
    """Return the type of one of *values*."""
    if not values or not all(type(value) in {str, int, bool} for value in values):
        return ANY
    return UnionType.make_union([build_literal(scope, value) for value in values])


def build_literal(scope: Scope, value: Any) -> Type:
    """Return the type of *value* alone."""
    fallback = get_proper_type(scope.build(f"builtins.{value.__class__.__name__}"))
    return LiteralType(value, fallback) if isinstance(fallback, Instance) else ANY
