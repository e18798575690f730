"""The shapes of a serializer: TypedDicts that stand in the symbol table under the serializer's own name.

``ArticleSerializer.Data`` is an *alias* of a TypedDict that is filled in later. References to an alias are resolved
when they are used, so serializers may refer to each other in any order and in circles, within a module and across
modules, and giving up on a shape is no more than another target.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from mypy.nodes import MDEF, Block, ClassDef, SymbolTable, SymbolTableNode, TypeAlias, TypeInfo
from mypy.semanal import SemanticAnalyzer
from mypy.types import AnyType, Instance, Type, TypeAliasType, TypedDictType, TypeOfAny

__all__ = ["ANY", "build_dict_of_any", "fill", "fill_hidden", "find_alias", "find_hidden", "give_up", "keep", "reserve"]

ANY: Final = AnyType(TypeOfAny.explicit)


def reserve(api: SemanticAnalyzer, owner: TypeInfo, name: str) -> TypeAlias:
    """Return the alias ``owner.name``, made now and filled in by :func:`fill`."""
    symbol = owner.names.get(name)
    if symbol is not None and isinstance(symbol.node, TypeAlias):
        return symbol.node
    shape = _build_class(api, owner, f"_{name}")
    alias = TypeAlias(_name(shape), f"{owner.fullname}.{name}", owner.module_name, owner.line, owner.column)
    owner.names[name] = SymbolTableNode(MDEF, alias, plugin_generated=True)
    return alias


def fill(
    api: SemanticAnalyzer, owner: TypeInfo, name: str, items: Mapping[str, Type], required: Collection[str]
) -> None:
    """Make ``owner.name`` the TypedDict of *items*."""
    alias = reserve(api, owner, name)
    shape = _build_class(api, owner, f"_{name}")
    _set_items(shape, items, required, ())
    alias.target = _name(shape)
    alias._is_recursive = None  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # a cached answer about the old target


def keep(api: SemanticAnalyzer, owner: TypeInfo, name: str, stated: Type) -> None:
    """Make ``owner.name`` what the class itself states."""
    reserve(api, owner, name).target = stated


def give_up(api: SemanticAnalyzer, owner: TypeInfo, name: str) -> None:
    """Make ``owner.name`` a ``dict[str, Any]``: nothing is known, and nothing is claimed."""
    reserve(api, owner, name).target = build_dict_of_any(api)


def find_alias(info: TypeInfo, name: str) -> TypeAliasType | None:
    """Return a reference to the shape *name* of *info*, its own or inherited."""
    for base in info.mro:
        symbol = base.names.get(name)
        if symbol is not None and isinstance(symbol.node, TypeAlias):
            return TypeAliasType(symbol.node, [])
    return None


def fill_hidden(
    api: SemanticAnalyzer,
    owner: TypeInfo,
    name: str,
    items: Mapping[str, Type],
    required: Collection[str] = (),
    read_only: Collection[str] = (),
) -> None:
    """Keep *items* for subclasses under a name no program can write.

    They are kept as types, because types are what mypy's cache and daemon compare.
    """
    _set_items(_build_class(api, owner, name), items, required, read_only)


def find_hidden(owner: TypeInfo, name: str) -> TypedDictType | None:
    """Return what :func:`fill_hidden` kept."""
    symbol = owner.names.get(name)
    return symbol.node.typeddict_type if symbol is not None and isinstance(symbol.node, TypeInfo) else None


def build_dict_of_any(api: SemanticAnalyzer) -> Instance:
    """Return ``dict[str, Any]``."""
    return api.named_type("builtins.dict", [api.named_type("builtins.str"), ANY])


def _build_class(api: SemanticAnalyzer, owner: TypeInfo, name: str) -> TypeInfo:
    symbol = owner.names.get(name)
    if symbol is not None and isinstance(symbol.node, TypeInfo):
        return symbol.node
    fallback = api.named_type("typing._TypedDict", [])
    defn = ClassDef(f"{owner.name}.{name.removeprefix('_')}", Block([]))  # messages show this name
    defn.fullname = f"{owner.fullname}.{name}"
    info = TypeInfo(SymbolTable(), defn, owner.module_name)
    info.set_line(owner.line)
    defn.info = info
    # DRF returns a dict, so a function that takes one may be called with the data.
    as_dict = build_dict_of_any(api)
    info.bases = [fallback, as_dict]
    info.mro = [info, *fallback.type.mro[:-1]]
    info.mro += [base for base in as_dict.type.mro if base not in info.mro]
    info.update_typeddict_type(TypedDictType({}, set(), set(), fallback, line=owner.line))
    owner.names[name] = SymbolTableNode(MDEF, info, plugin_generated=True)
    return info


def _set_items(
    info: TypeInfo, items: Mapping[str, Type], required: Collection[str], read_only: Collection[str]
) -> None:
    fallback = info.bases[0]
    info.update_typeddict_type(TypedDictType({**items}, {*required}, {*read_only}, fallback, line=info.line))


def _name(info: TypeInfo) -> TypedDictType:
    """Return the TypedDict of *info* under its name, which messages show."""
    typed_dict = info.typeddict_type
    if typed_dict is None:
        msg = f"{info.fullname} is no TypedDict"
        raise TypeError(msg)
    return typed_dict.copy_modified(fallback=Instance(info, []))
