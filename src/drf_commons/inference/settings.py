"""``COMMON``, the settings of the library: keys that exist, with values of the right types.

mypy lets a plugin look at classes and calls, and a dict in a module is neither. What a settings module always calls,
``Path(__file__)`` or the environment, is where this check gets in. Where nothing is called, or to be independent of it,
``COMMON: CommonSettingsDict = {...}`` has mypy itself check the dict.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from mypy.checker import TypeChecker
from mypy.messages import format_type
from mypy.nodes import (
    AssignmentStmt,
    DictExpr,
    Expression,
    FloatExpr,
    IntExpr,
    ListExpr,
    MypyFile,
    NameExpr,
    StrExpr,
    TypeInfo,
    UnaryExpr,
)
from mypy.plugin import CheckerPluginInterface, FunctionSigContext, MethodSigContext
from mypy.subtypes import is_subtype
from mypy.types import FunctionLike, Instance, NoneType, Type, TypedDictType, get_proper_type

from drf_commons.inference import names
from drf_commons.inference.errors import Fault, suggest
from drf_commons.inference.registry import Registry
from drf_commons.inference.shapes import ANY

__all__ = ["SettingsCheck"]

#: The class of a literal's value, and how many type arguments it has.
_LITERALS: Final[tuple[tuple[type[Expression], str, int], ...]] = (
    (IntExpr, "builtins.int", 0),
    (FloatExpr, "builtins.float", 0),
    (StrExpr, "builtins.str", 0),
    (ListExpr, "builtins.list", 1),
    (DictExpr, "builtins.dict", 2),
)
_BOOLEANS: Final = ("builtins.False", "builtins.True")


class SettingsCheck:
    """Checks ``COMMON`` in the settings module of the project."""

    def __init__(self, registry: Registry, find_info: Callable[[str], TypeInfo | None]) -> None:
        self._registry = registry
        self._find_info = find_info

    def run(self, context: FunctionSigContext | MethodSigContext) -> FunctionLike:
        """Report the faults of the module that makes this call, and leave the call as it is."""
        api = context.api
        if isinstance(api, TypeChecker) and self._registry.holds_settings(api.tree.fullname):
            known = self._find_info(names.SETTINGS)
            if known is not None and known.typeddict_type is not None:
                for settings in _find_dicts(api.tree):
                    self._check(api, settings, known.typeddict_type)
        return context.default_signature

    @staticmethod
    def _check(api: TypeChecker, settings: DictExpr, known: TypedDictType) -> None:
        for key, value in settings.items:
            if not isinstance(key, StrExpr):
                continue
            if key.value not in known.items:
                message = f'COMMON has no setting "{key.value}"{suggest(key.value, known.items)}'
                api.fail(message, key, code=Fault.SETTINGS.code)
                continue
            given, wanted = _get_literal_type(api, value), known.items[key.value]
            if given is not None and not _fits(given, wanted):
                takes, found = format_type(wanted, api.options), format_type(given, api.options)
                message = f'COMMON["{key.value}"] takes {takes}, and this is {found}'
                api.fail(message, value, code=Fault.SETTINGS.code)


def _find_dicts(tree: MypyFile) -> Iterator[DictExpr]:
    """Yield what a module assigns to ``COMMON``, where no annotation has mypy check it."""
    for statement in tree.defs:
        if isinstance(statement, AssignmentStmt) and statement.unanalyzed_type is None:
            named = [target for target in statement.lvalues if isinstance(target, NameExpr) and target.name == "COMMON"]
            if named and isinstance(statement.rvalue, DictExpr):
                yield statement.rvalue


def _get_literal_type(api: CheckerPluginInterface, value: Expression) -> Type | None:
    """Return the type of a literal; what has to be computed is not judged."""
    if isinstance(value, UnaryExpr) and value.op in {"-", "+"}:
        return _get_literal_type(api, value.expr)
    if isinstance(value, NameExpr):
        return NoneType() if value.fullname == "builtins.None" else _get_boolean_type(api, value)
    found = next(((name, args) for kind, name, args in _LITERALS if isinstance(value, kind)), None)
    return None if found is None else api.named_generic_type(found[0], [ANY] * found[1])


def _get_boolean_type(api: CheckerPluginInterface, value: NameExpr) -> Type | None:
    return api.named_generic_type("builtins.bool", []) if value.fullname in _BOOLEANS else None


def _fits(given: Type, wanted: Type) -> bool:
    """Tell whether a value may be set: a ``bool`` is no number here, though Python says it is."""
    proper, expected = get_proper_type(given), get_proper_type(wanted)
    if isinstance(proper, Instance) and proper.type.fullname == "builtins.bool":
        return isinstance(expected, Instance) and expected.type.fullname in {"builtins.bool", "builtins.object"}
    return is_subtype(given, wanted)
