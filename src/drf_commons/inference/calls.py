"""Calls and attributes: ``many=True``, ``partial=True``, ``.data`` and ``get_serializer()``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from mypy.checker import TypeChecker
from mypy.maptype import map_instance_to_supertype
from mypy.nodes import MDEF, ArgKind, CallExpr, Decorator, Expression, RefExpr, SymbolTableNode, TypeAlias, TypeInfo
from mypy.plugin import AttributeContext, ClassDefContext, FunctionSigContext, MethodContext
from mypy.plugins.default import TD_DELITEM_NAMES, TD_POP_NAMES, typed_dict_delitem_callback, typed_dict_pop_callback
from mypy.semanal import SemanticAnalyzer
from mypy.types import (
    CallableType,
    ExtraAttrs,
    FunctionLike,
    Instance,
    NoneType,
    Type,
    TypedDictType,
    UnionType,
    get_proper_type,
)
from mypy.typevars import fill_typevars_with_any

from drf_commons.inference import names
from drf_commons.inference.shapes import ANY, find_alias
from drf_commons.inference.syntax import get_arguments, get_assignments, is_true, read_meta

__all__ = ["TAKERS", "Calls", "remember_class"]

#: Marks, on a serializer's type, what it was made with; on a list, the shapes of its rows.
_IS_PARTIAL: Final = "@partial"
_ROW: Final = "@row"
_VALUE: Final = "@value"
#: What ``many=True`` adds to the arguments of a serializer.
_LIST_OPTIONS: Final = ("max_length", "min_length")
#: Before serializers are read, which may use what is remembered.
_PATCH_PRIORITY: Final = 4
#: How mypy types the methods of a TypedDict that take a key out of it.
TAKERS: Final[Mapping[str, Callable[[MethodContext], Type]]] = {
    **dict.fromkeys(TD_DELITEM_NAMES, typed_dict_delitem_callback),
    **dict.fromkeys(TD_POP_NAMES, typed_dict_pop_callback),
}


class Calls:
    """Types of expressions that use a serializer."""

    def __init__(self, find_info: Callable[[str], TypeInfo | None]) -> None:
        self._find_info = find_info

    def is_serializer(self, fullname: str) -> bool:
        """Tell whether *fullname* is a serializer of a project."""
        info = None if names.is_library(fullname) else self._find_info(fullname)
        return info is not None and info.has_base(names.SERIALIZER)

    def read_data(self, context: AttributeContext) -> Type:
        """Type ``serializer.data``."""
        return self._read(context, names.DATA, _ROW)

    def read_validated_data(self, context: AttributeContext) -> Type:
        """Type ``serializer.validated_data``."""
        owner = get_proper_type(context.type)
        partial = (
            isinstance(owner, Instance) and owner.extra_attrs is not None and _IS_PARTIAL in owner.extra_attrs.attrs
        )
        return self._read(context, names.PARTIAL if partial else names.VALIDATED, _VALUE)

    def call_serializer(self, context: FunctionSigContext) -> FunctionLike:
        """Type ``ArticleSerializer(..., many=True, partial=True)``."""
        signature = context.default_signature
        made = get_proper_type(signature.ret_type)
        if not isinstance(context.context, CallExpr) or not isinstance(made, Instance):
            return signature
        arguments = get_arguments(context.context)
        result = self._make(made, arguments) or made
        if not is_true(arguments.get("many")):
            # Where many= is not given, or not hidden in **options, there is one row.
            is_one = "many" not in arguments and ArgKind.ARG_STAR2 not in context.context.arg_kinds
            row = UnionType.make_union([self._get_row_type(made), NoneType()])
            return _change(signature, result, {"instance": row} if is_one else {}, {})
        many = context.api.named_generic_type("typing.Iterable", [self._get_row_type(made)])
        manager = self._find_info(names.MANAGER)
        rows = UnionType.make_union(
            [many, NoneType()] if manager is None else [many, Instance(manager, [self._get_row_type(made)]), NoneType()]
        )
        size = self._find_info("builtins.int")
        options: dict[str, Type] = {} if size is None else dict.fromkeys(_LIST_OPTIONS, Instance(size, []))
        return _change(signature, result, {"instance": rows}, options)

    def call_get_serializer(self, context: MethodContext) -> Type:
        """Type ``view.get_serializer(...)`` after the view's ``serializer_class``."""
        view = get_proper_type(context.type)
        if not isinstance(view, Instance):
            return context.default_return_type
        override = view.type.get("get_serializer_class")
        if override is None or override.node is None or not names.is_library(override.node.fullname):
            return context.default_return_type
        found = _find_serializer(context, view.type)
        made = None if found is None else get_proper_type(found)
        if not isinstance(made, Instance) or not self.is_serializer(made.type.fullname):
            return context.default_return_type
        arguments = {
            name: value
            for group, values in zip(context.arg_names, context.args, strict=True)
            for name, value in zip(group, values, strict=True)
            if name is not None
        }
        return self._make(made, arguments) or made

    @staticmethod
    def take_key(context: MethodContext, check: Callable[[MethodContext], Type]) -> Type:
        """Type ``serializer.validated_data.pop("key")``: the dict is the caller's own."""
        owner = context.type
        if isinstance(owner, TypedDictType) and owner.fallback.type.has_base("builtins.dict"):
            # Only a shape is a TypedDict and a dict.
            context = context._replace(type=owner.copy_modified(required_keys=set()))
        return check(context)

    def _read(self, context: AttributeContext, shape: str, row: str) -> Type:
        owner = get_proper_type(context.type)
        if not isinstance(owner, Instance):
            return context.default_attr_type
        if owner.extra_attrs is not None and row in owner.extra_attrs.attrs:
            return context.api.named_generic_type("builtins.list", [owner.extra_attrs.attrs[row]])
        if names.is_library(owner.type.fullname):
            return context.default_attr_type
        return find_alias(owner.type, shape) or context.default_attr_type

    def _make(self, made: Instance, arguments: Mapping[str, Expression]) -> Instance | None:
        """Return what a call with ``many`` or ``partial`` makes, or ``None`` where neither is literally true."""
        partial = is_true(arguments.get("partial"))
        if is_true(arguments.get("many")):
            return self._make_list(made, names.PARTIAL if partial else names.VALIDATED)
        if partial:
            return made.copy_with_extra_attr(_IS_PARTIAL, NoneType())
        return None

    def _make_list(self, made: Instance, values: str) -> Instance | None:
        row, value = find_alias(made.type, names.DATA) or ANY, find_alias(made.type, values) or ANY
        found = self._find_list(made.type)
        if found is None:
            return None
        known = [self._get_row_type(made), row, value]
        count = len(found.type_vars)
        if found.has_base(names.SHAPED_LIST) and count == len(known):
            return Instance(found, known)
        attributes = None if _renders(found) else ExtraAttrs({_ROW: row, _VALUE: value}, None, None)
        return Instance(found, known[:1] if count == 1 else [ANY] * count, extra_attrs=attributes)

    def _find_list(self, serializer: TypeInfo) -> TypeInfo | None:
        """Return the class that ``many=True`` makes of a serializer."""
        meta = serializer.get("Meta")
        stated = read_meta(meta.node).get("list_serializer_class") if meta and isinstance(meta.node, TypeInfo) else None
        found = self._find_info(stated) if isinstance(stated, str) else None
        if found is not None and found.has_base(names.LIST_SERIALIZER):
            return found
        shaped = any(base.fullname in names.SHAPED_SERIALIZERS for base in serializer.mro)
        return self._find_info(names.SHAPED_LIST if shaped else names.LIST_SERIALIZER)

    def _get_row_type(self, made: Instance) -> Type:
        base = self._find_info(names.BASE_SERIALIZER)
        return ANY if base is None else map_instance_to_supertype(made, base).args[0]


def _find_serializer(context: MethodContext, view: TypeInfo) -> Type | None:
    """Return the serializer of a view, or of the action that asks for it, ``@action(serializer_class=...)``."""
    api = context.api
    asking = api.scope.top_level_function() if isinstance(api, TypeChecker) else None
    action = None if asking is None else view.names.get(asking.name)
    for decorator in action.node.original_decorators if action and isinstance(action.node, Decorator) else []:
        stated = get_arguments(decorator).get("serializer_class") if isinstance(decorator, CallExpr) else None
        if stated is not None:
            node = stated.node if isinstance(stated, RefExpr) else None
            return fill_typevars_with_any(node) if isinstance(node, TypeInfo) else ANY
    symbol = view.get(names.SERIALIZER_CLASS)
    return symbol.node.target if symbol is not None and isinstance(symbol.node, TypeAlias) else None


def _renders(found: TypeInfo) -> bool:
    """Tell whether a list serializer of the project makes data of its own."""
    symbols = [found.get(name) for name in ("data", "to_representation")]
    return any(symbol and symbol.node and not names.is_library(symbol.node.fullname) for symbol in symbols)


def _change(
    signature: CallableType, result: Type, arguments: Mapping[str, Type], options: Mapping[str, Type]
) -> CallableType:
    """Return *signature* with another result, other types of *arguments* and further *options*."""
    signature = signature.with_unpacked_kwargs()  # options a TypedDict stands for are arguments by name
    types = [
        kind if name is None else arguments.get(name, kind)
        for name, kind in zip(signature.arg_names, signature.arg_types, strict=True)
    ]
    added = {name: kind for name, kind in options.items() if name not in signature.arg_names}
    # mypy's source leaves the parameters of its own method open.
    return signature.copy_modified(  # pyright: ignore[reportUnknownMemberType]
        ret_type=result,
        arg_types=[*types, *added.values()],
        arg_names=[*signature.arg_names, *added],
        arg_kinds=[*signature.arg_kinds, *(ArgKind.ARG_NAMED_OPT for _ in added)],
    )


def remember_class(context: ClassDefContext, attribute: str, name: str) -> None:
    """Keep under *name* which class a body assigns to *attribute*; mypy itself keeps only the declared type."""
    info, api = context.cls.info, context.api
    if not isinstance(api, SemanticAnalyzer):
        return

    def remember() -> None:
        assigned = get_assignments(info).get(attribute)
        if isinstance(assigned, RefExpr) and isinstance(assigned.node, TypeInfo):
            target = fill_typevars_with_any(assigned.node)
            alias = TypeAlias(target, f"{info.fullname}.{name}", info.module_name, info.line, 0)
            info.names[name] = SymbolTableNode(MDEF, alias, plugin_generated=True)

    api.schedule_patch(_PATCH_PRIORITY, remember)
