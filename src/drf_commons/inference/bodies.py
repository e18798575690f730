"""What methods of a serializer do to its fields, and to the data they are given."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mypy.nodes import Decorator, FuncDef, SymbolTableNode
from typing_extensions import override

from drf_commons.inference.scope import Scope
from drf_commons.inference.shapes import ANY, fill_hidden, find_hidden

__all__ = ["Doings", "find_doings"]

_VALIDATE: Final = "validate"
#: The hidden shapes of what a class does: keys of the data, and fields; those that are set are required.
_DATA: Final = "@doings_data"
_FIELDS: Final = "@doings_fields"
#: Stands for any key.
_ALL: Final = "*"
#: Methods of a dict that leave it as it is.
_READS: Final = frozenset({"get", "items", "keys", "values"})
#: Attributes of a field that decide on its types, or on whether its key is there.
_DECISIVE: Final = frozenset({"allow_null", "default", "read_only", "required", "source", "write_only"})


@dataclass(slots=True, kw_only=True)
class Doings:
    """The keys that methods set, and those they take away; ``is_open`` where it may be any."""

    changed: set[str] = field(default_factory=set[str])
    removed: set[str] = field(default_factory=set[str])
    is_open: bool = False


def find_doings(scope: Scope) -> tuple[Doings, Doings]:
    """Return what the serializer's methods do to its fields, and what ``validate()`` does to the data it is given."""
    _keep_own(scope)
    return _recall(scope, _FIELDS), _recall(scope, _DATA)


def _recall(scope: Scope, name: str) -> Doings:
    found = Doings()
    for base in scope.own_bases:
        kept = find_hidden(base, name)
        if kept is not None:
            scope.depend_on(f"{base.fullname}.{name}")
            found.changed |= kept.required_keys - {_ALL}
            found.removed |= kept.items.keys() - kept.required_keys
            found.is_open |= _ALL in kept.required_keys
    return found


def _keep_own(scope: Scope) -> None:
    """Read the class's own methods; a class from mypy's cache has what was read, and no body."""
    if not any(map(_may_do, scope.info.names.items())):
        return
    text = _read_source(scope)
    if text is not None and f"{_VALIDATE}(" not in text and ".fields" not in text:
        return  # as it is with most
    methods = {} if text is None else _parse(text)
    fields = _FieldReader([] if methods is None else methods.values())
    data = _DataReader(None if methods is None else methods.get(_VALIDATE))
    if _VALIDATE not in scope.info.names:
        data.doings = Doings()
    for name, doings in ((_FIELDS, fields.doings), (_DATA, data.doings)):
        changed = {_ALL} if doings.is_open else doings.changed
        kept = dict.fromkeys([*changed, *doings.removed], ANY)
        if kept:
            fill_hidden(scope.api, scope.info, name, kept, changed)


def _may_do(item: tuple[str, SymbolTableNode]) -> bool:
    """Tell whether a name of a class is a method that is worth reading; most of them get or check one value."""
    name, symbol = item
    return isinstance(symbol.node, FuncDef | Decorator) and not name.startswith(("get_", "validate_"))


def _read_source(scope: Scope) -> str | None:
    """Return the lines of the class: mypy's own nodes cannot be visited from outside."""
    definition = scope.info.defn
    try:
        text = Path(scope.api.modules[scope.info.module_name].path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    return textwrap.dedent("\n".join(text.splitlines()[definition.line - 1 : definition.end_line]))


def _parse(text: str) -> dict[str, ast.FunctionDef] | None:
    try:
        body = ast.parse(text).body
    except SyntaxError:
        return None
    found = body[0] if body else None
    methods = found.body if isinstance(found, ast.ClassDef) else []
    return {method.name: method for method in methods if isinstance(method, ast.FunctionDef)}


class _FieldReader(ast.NodeVisitor):
    """Looks for what a method does to ``self.fields``."""

    def __init__(self, methods: Iterable[ast.FunctionDef]) -> None:
        self.doings = Doings()
        for method in methods:
            if any(map(_is_fields, ast.walk(method))):
                self.visit(method)

    @override
    def visit_Subscript(self, node: ast.Subscript) -> None:
        if _is_fields(node.value):
            self.doings.is_open |= isinstance(node.ctx, ast.Store)
            if isinstance(node.ctx, ast.Del):
                self.doings.removed.add(_ALL)
        self.generic_visit(node)

    @override
    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.doings.is_open |= isinstance(node.ctx, ast.Store) and node.attr in _DECISIVE
        self.generic_visit(node)

    @override
    def visit_Call(self, node: ast.Call) -> None:
        match node.func:
            case ast.Attribute(value=owner, attr="pop" | "popitem" | "clear") if _is_fields(owner):
                self.doings.removed.add(_ALL)
            case ast.Attribute(value=owner, attr="update" | "setdefault") if _is_fields(owner):
                self.doings.is_open = True
            case _:
                pass
        self.generic_visit(node)


def _is_override(decorator: ast.expr) -> bool:
    return ast.unparse(decorator).rpartition(".")[2] == "override"


def _is_fields(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "fields"


class _DataReader(ast.NodeVisitor):
    """Follows the dict through the body of ``validate(self, attrs)``."""

    def __init__(self, method: ast.FunctionDef | None) -> None:
        is_plain = method is not None and len(method.args.args) > 1 and all(map(_is_override, method.decorator_list))
        self.doings = Doings(is_open=not is_plain)
        if method is not None and is_plain:
            self._name = method.args.args[1].arg
            for statement in method.body:
                self.visit(statement)

    def _is_dict(self, node: ast.expr | None) -> bool:
        """Tell whether *node* is the dict: by its name, or as ``super().validate(attrs)`` returns it."""
        match node:
            case ast.Name(id=name):
                return name == self._name
            case ast.Call(func=ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr="validate"), args=[given]):
                return self._is_dict(given)
            case _:
                return False

    def _note(self, keys: set[str], key: ast.expr) -> None:
        match key:
            case ast.Constant(value=str(text)):
                keys.add(text)
            case _:
                self.doings.is_open = True

    @override
    def visit_Name(self, node: ast.Name) -> None:
        if self._is_dict(node):
            self.doings.is_open = True  # it goes where it is not followed

    @override
    def visit_Subscript(self, node: ast.Subscript) -> None:
        if not self._is_dict(node.value):
            self.generic_visit(node)
            return
        match node.ctx:
            case ast.Store():
                self._note(self.doings.changed, node.slice)
            case ast.Del():
                self._note(self.doings.removed, node.slice)
            case _:
                self.visit(node.slice)

    @override
    def visit_Compare(self, node: ast.Compare) -> None:
        for operand in [node.left, *node.comparators]:
            if not self._is_dict(operand):
                self.visit(operand)

    @override
    def visit_Call(self, node: ast.Call) -> None:
        match node:
            case _ if self._is_dict(node):
                return
            case ast.Call(func=ast.Attribute(value=owner, attr="pop" | "setdefault" as name), args=[key, *_]) if (
                self._is_dict(owner)
            ):
                self._note(self.doings.removed if name == "pop" else self.doings.changed, key)
            case ast.Call(func=ast.Attribute(value=owner, attr=name)) if self._is_dict(owner):
                self.doings.is_open |= name not in _READS
            case _:
                self.visit(node.func)
        handed_on = [keyword.value for keyword in node.keywords if keyword.arg is None and self._is_dict(keyword.value)]
        for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
            if argument not in handed_on:  # ** makes a copy
                self.visit(argument)

    @override
    def visit_Assign(self, node: ast.Assign) -> None:
        if all(map(self._is_dict, [*node.targets, node.value])):
            return  # attrs = super().validate(attrs)
        self.generic_visit(node)

    @override
    def visit_Return(self, node: ast.Return) -> None:
        if not self._is_dict(node.value):
            self.doings.is_open = True
