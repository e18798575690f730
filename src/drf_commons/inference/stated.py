"""Shapes that a class states itself, in type arguments: they are kept, and compared with what its fields give."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from mypy.messages import format_type
from mypy.nodes import Expression
from mypy.subtypes import is_subtype
from mypy.types import Type, TypedDictType, get_proper_type

from drf_commons.inference import names
from drf_commons.inference.errors import Fault
from drf_commons.inference.scope import Scope
from drf_commons.inference.shapes import keep
from drf_commons.inference.syntax import count_arguments

__all__ = ["Inferred", "check_stated", "keep_stated"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inferred:
    """A shape as the fields of a serializer give it."""

    items: Mapping[str, Type]
    required: Collection[str] = ()


def keep_stated(scope: Scope) -> None:
    """Make the shapes that the class states its own."""
    for shape, (stated, _) in _find_stated(scope).items():
        keep(scope.api, scope.info, shape, stated)


def check_stated(scope: Scope, inferred: Mapping[str, Inferred]) -> None:
    """Report where a stated shape is not what the fields give."""
    for shape, (stated, where) in _find_stated(scope).items():
        proper = get_proper_type(stated)
        if shape in inferred and isinstance(proper, TypedDictType):
            for fault in _compare(scope, shape, proper, inferred[shape]):
                scope.fail(Fault.SERIALIZER_SHAPE, fault, where)


def _find_stated(scope: Scope) -> dict[str, tuple[Type, Expression]]:
    """Return the stated shapes by name, with the base class they stand in."""
    for base, expression in zip(scope.info.bases, scope.info.defn.base_type_exprs, strict=False):
        if base.type.fullname in names.SHAPED_SERIALIZERS and count_arguments(expression) > 1:
            _, data, validated = base.args
            return {names.DATA: (data, expression), names.VALIDATED: (validated, expression)}
    return {}


def _compare(scope: Scope, shape: str, stated: TypedDictType, inferred: Inferred) -> list[str]:
    name, owner = stated.fallback.type.name, f"{scope.info.name}.{shape}"
    faults: list[str] = []
    for key, kind in inferred.items.items():
        shown = format_type(kind, scope.api.options)
        if key not in stated.items:
            faults.append(f'"{name}" has no key "{key}", which "{owner}" has: add {key}: {shown.strip(chr(34))}')
        elif not is_subtype(kind, stated.items[key]):
            declared = format_type(stated.items[key], scope.api.options)
            faults.append(f'Key "{key}" of "{name}" is {declared}, and in "{owner}" it is {shown}')
        elif key in stated.required_keys and key not in inferred.required:
            faults.append(f'Key "{key}" of "{name}" is not always there in "{owner}": make it NotRequired')
    faults += [
        f'"{name}" has the key "{key}", which "{owner}" has not: remove it'
        for key in stated.items
        if key not in inferred.items
    ]
    return faults
