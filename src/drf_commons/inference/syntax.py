"""Values that can be read from expressions without running them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeAlias, cast

from mypy.nodes import (
    AssignmentStmt,
    Block,
    CallExpr,
    DictExpr,
    Expression,
    ExpressionStmt,
    ForStmt,
    IfStmt,
    IndexExpr,
    IntExpr,
    ListExpr,
    MatchStmt,
    MemberExpr,
    NameExpr,
    OperatorAssignmentStmt,
    OpExpr,
    RefExpr,
    SetExpr,
    StarExpr,
    Statement,
    StrExpr,
    TempNode,
    TryStmt,
    TupleExpr,
    TypeInfo,
    WhileStmt,
    WithStmt,
)

__all__ = [
    "UNKNOWN",
    "Unknown",
    "UnknownValueError",
    "count_arguments",
    "get_arguments",
    "get_assignments",
    "get_changed",
    "is_true",
    "read",
    "read_meta",
]

_METADATA: Final = "drf_commons"
_META_CLASSES: Final = frozenset({"list_serializer_class", "model"})
_META_KEYS: Final = _META_CLASSES | {"fields", "exclude", "read_only_fields", "extra_kwargs", "depth"}
_CONSTANTS: Final = {"builtins.True": True, "builtins.False": False, "builtins.None": None}

#: Stands, in JSON, where a value was found that cannot be read.
UNKNOWN: Final = {"unknown": True}
Unknown: TypeAlias = dict[str, bool]


class UnknownValueError(Exception):
    """The value of an expression is only known at runtime."""


def get_arguments(call: CallExpr) -> dict[str, Expression]:
    """Return the keyword arguments of *call* by name."""
    return {name: value for name, value in zip(call.arg_names, call.args, strict=True) if name is not None}


def get_positional(call: CallExpr, index: int) -> Expression | None:
    """Return the positional argument of *call* at *index*."""
    positional = [value for name, value in zip(call.arg_names, call.args, strict=True) if name is None]
    return positional[index] if index < len(positional) else None


def get_assignments(info: TypeInfo) -> dict[str, Expression]:
    """Return what the body of a class assigns to simple names; the last assignment counts."""
    return {
        target.name: statement.rvalue
        for statement in info.defn.defs.body
        if isinstance(statement, AssignmentStmt)
        for target in statement.lvalues
        if isinstance(target, NameExpr)
    }


def get_changed(info: TypeInfo) -> set[str]:
    """Return the names whose value in the body of a class depends on what runs: ``if``, ``+=``, ``fields.append()``."""
    body = info.defn.defs.body
    return {
        name for statement in body if not isinstance(statement, AssignmentStmt) for name in _find_changed(statement)
    }


def _find_changed(statement: Statement) -> Iterator[str]:
    match statement:
        case AssignmentStmt(lvalues=targets, rvalue=value) if not isinstance(value, TempNode):
            yield from (target.name for target in targets if isinstance(target, NameExpr))
        case OperatorAssignmentStmt(lvalue=NameExpr(name=name)):
            yield name
        case ExpressionStmt(expr=CallExpr(callee=MemberExpr(expr=NameExpr(name=name)))):
            yield name
        case _:
            for block in _get_blocks(statement):
                for inner in block.body:
                    yield from _find_changed(inner)


def _get_blocks(statement: Statement) -> list[Block]:
    blocks: list[Block | None]
    match statement:
        case IfStmt() | ForStmt() | WhileStmt():
            blocks = [*(statement.body if isinstance(statement, IfStmt) else [statement.body]), statement.else_body]
        case TryStmt():
            blocks = [statement.body, *statement.handlers, statement.else_body, statement.finally_body]
        case WithStmt():
            blocks = [statement.body]
        case MatchStmt():
            blocks = [*statement.bodies]
        case _:
            blocks = []
    return [block for block in blocks if block is not None]


def count_arguments(base: Expression) -> int:
    """Return how many type arguments a base class is written with."""
    if not isinstance(base, IndexExpr):
        return 0
    return len(base.index.items) if isinstance(base.index, TupleExpr) else 1


def is_true(expression: Expression | None) -> bool:
    """Tell whether *expression* is literally ``True``."""
    return isinstance(expression, NameExpr) and expression.fullname == "builtins.True"


def read(expression: Expression | None) -> Any:  # noqa: PLR0911  # one return for each kind of literal
    """Return the value of a literal; raise :class:`UnknownValueError` for anything that has to run."""
    match expression:
        case StrExpr() | IntExpr():
            return expression.value
        case NameExpr() if expression.fullname in _CONSTANTS:
            return _CONSTANTS[expression.fullname]
        case ListExpr() | TupleExpr() | SetExpr():
            return [value for item in expression.items for value in _read_item(item)]
        case DictExpr():
            return _read_dict(expression)
        case OpExpr(op="+" | "|"):
            return _add(read(expression.left), read(expression.right))
        case CallExpr() if isinstance(expression.callee, NameExpr) and expression.callee.name in {"list", "tuple"}:
            return read(expression.args[0]) if expression.args else []
        case MemberExpr() if isinstance(expression.expr, RefExpr) and isinstance(expression.expr.node, TypeInfo):
            meta = read_meta(expression.expr.node)
            if meta.get(expression.name, UNKNOWN) != UNKNOWN:
                return meta[expression.name]
        case _:
            pass
    raise UnknownValueError


def read_meta(meta: TypeInfo) -> dict[str, Any]:
    """Return what a ``Meta`` class says of its serializer, inheritance included, as JSON values.

    What cannot be read is :data:`UNKNOWN`. A class that comes from mypy's cache has no body any more, so what was read
    from it stands in its metadata.
    """
    merged: dict[str, Any] = {}
    for base in reversed(meta.bases):
        if base.type.fullname != "builtins.object":
            merged.update(read_meta(base.type))
    own = _read_own_meta(meta)
    if own.keys() & {"fields", "exclude"}:
        merged.pop("fields", None)
        merged.pop("exclude", None)
    return merged | own


def _read_own_meta(meta: TypeInfo) -> dict[str, Any]:
    stored: dict[str, Any] = meta.metadata.setdefault(_METADATA, {})
    if "meta" not in stored:
        # A base that mypy knows nothing of may say anything.
        is_open = len(meta.defn.base_type_exprs) > len(meta.bases)
        stored["meta"] = (
            dict.fromkeys(_META_KEYS if is_open else (), UNKNOWN)
            | {
                name: _read_class(value) if name in _META_CLASSES else _read_or_unknown(value)
                for name, value in get_assignments(meta).items()
                if name in _META_KEYS
            }
            | dict.fromkeys(_META_KEYS & get_changed(meta), UNKNOWN)
        )
    return cast("dict[str, Any]", stored["meta"])


def _read_class(expression: Expression) -> object:
    node = expression.node if isinstance(expression, RefExpr) else None
    return node.fullname if isinstance(node, TypeInfo) else UNKNOWN


def _read_or_unknown(expression: Expression) -> Any:
    try:
        return read(expression)
    except UnknownValueError:
        return UNKNOWN


def _read_item(item: Expression) -> list[Any]:
    if isinstance(item, StarExpr):
        value = read(item.expr)
        return [*value] if isinstance(value, list) else [value]
    return [read(item)]


def _read_dict(expression: DictExpr) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for key, value in expression.items:
        found |= read(value) if key is None else {read(key): _read_or_unknown(value)}
    return found


def _add(left: Any, right: Any) -> Any:
    if type(left) is not type(right) or not isinstance(left, str | list | dict):
        raise UnknownValueError
    return left | right if isinstance(left, dict) else left + right
