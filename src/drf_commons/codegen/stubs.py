"""Writing stubs: modules of serializers as checkers without the plugin should see them."""

from __future__ import annotations

import ast
from typing import Final

from typing_extensions import override

from drf_commons.codegen.reading import Module
from drf_commons.codegen.typed_dicts import SUFFIX
from drf_commons.inference import names

__all__ = ["render_stub"]

_HEADER: Final = """\
# What checkers see of {module}; written by `manage.py generate_types --stubs`.
# The data of a serializer that extends another one has another shape.
# mypy: disable-error-code="override"
"""
_SHAPED: Final = frozenset(name.rpartition(".")[2] for name in names.SHAPED_SERIALIZERS)
_PROPERTIES: Final = """\
@property
def data(self) -> {types}.{name}Data: ...
@property
def validated_data(self) -> {types}.{name}ValidatedData: ...
"""


def render_stub(module: Module) -> str:
    """Return the stub of *module*: its definitions without bodies, and the shapes of its serializers."""
    tree = ast.parse(module.path.read_text(encoding="utf-8"))
    tree = _Stubber(module).visit(tree)
    return _HEADER.format(module=module.name) + ast.unparse(ast.fix_missing_locations(tree)) + "\n"


class _Stubber(ast.NodeTransformer):
    """Takes bodies away and gives serializers their shapes."""

    def __init__(self, module: Module) -> None:
        self._types = f"{module.name}{SUFFIX}"
        self._serializers = {serializer.name for serializer in module.serializers}

    @override
    def visit_Module(self, node: ast.Module) -> ast.Module:
        self.generic_visit(node)
        docstring = ast.get_docstring(node) is not None
        future = [item for item in node.body if isinstance(item, ast.ImportFrom) and item.module == "__future__"]
        rest = [item for item in node.body[docstring:] if item not in future]
        node.body = [*future, *ast.parse(f"import {self._types}").body, *rest]
        return node

    @override
    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.body = ast.parse("...").body
        return node

    @override
    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AsyncFunctionDef:
        node.body = ast.parse("...").body
        return node

    @override
    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        is_serializer = node.name in self._serializers
        self.generic_visit(node)
        kept = node.body[ast.get_docstring(node) is not None :]
        if is_serializer:
            # DRF takes declared fields out of the class, and Meta is nobody else's business.
            kept = [item for item in kept if not isinstance(item, ast.Assign | ast.ClassDef)]
            bases = [self._give_shapes(node.name, base) for base in node.bases]
            if bases == node.bases:
                kept += ast.parse(_PROPERTIES.format(types=self._types, name=node.name)).body
            node.bases = bases
        node.body = kept or ast.parse("...").body
        return node

    def _give_shapes(self, name: str, base: ast.expr) -> ast.expr:
        """Return ``BaseModelSerializer[Article]`` with the shapes as its two further arguments."""
        if not isinstance(base, ast.Subscript) or isinstance(base.slice, ast.Tuple):
            return base
        if ast.unparse(base.value).rpartition(".")[2] not in _SHAPED:
            return base
        shapes = [ast.parse(f"{self._types}.{name}{shape}", mode="eval").body for shape in names.SHAPES[:2]]
        return ast.Subscript(
            value=base.value, slice=ast.Tuple(elts=[base.slice, *shapes], ctx=ast.Load()), ctx=ast.Load()
        )
