"""Writing TypeScript: what clients receive, in the envelopes they receive it in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Final

from mypy.nodes import TypeInfo
from mypy.types import (
    Instance,
    LiteralType,
    NoneType,
    TupleType,
    Type,
    TypedDictType,
    UnionType,
    get_proper_type,
)

from drf_commons.codegen.reading import Module
from drf_commons.inference import names

__all__ = ["render_typescript"]

_HEAD: Final = """\
// What the API answers; written by `manage.py generate_types --typescript`.

export interface Envelope<T> {
  success: true;
  timestamp: string;
  message: string;
  data: T;
}

export interface Pagination {
  count?: number;
  next: string | null;
  previous: string | null;
}

export interface Page<T> extends Envelope<T[]> {
  pagination: Pagination;
}

export type ErrorTree = string | ErrorTree[] | { [key: string]: ErrorTree };

export interface ErrorEnvelope {
  success: false;
  timestamp: string;
  message: string;
  errors: { [key: string]: ErrorTree };
  data: null;
}
"""

#: How Python's types are written in JSON; what is not here is ``unknown``.
_SCALARS: Final = {
    "builtins.bool": "boolean",
    "builtins.bytes": "string",
    "builtins.float": "number",
    "builtins.int": "number",
    "builtins.str": "string",
    "datetime.date": "string",
    "datetime.datetime": "string",
    "datetime.time": "string",
    "datetime.timedelta": "string",
    "decimal.Decimal": "string",
    "rest_framework.relations.Hyperlink": "string",
    "uuid.UUID": "string",
}
_LISTS: Final = ("builtins.frozenset", "builtins.list", "builtins.set", "builtins.tuple")


def render_typescript(modules: Iterable[Module]) -> str:
    """Return the interfaces of all serializers of *modules*, whose names are told apart where they clash."""
    serializers = [
        (module.name, serializer.name, serializer.shapes[names.DATA])
        for module in modules
        for serializer in module.serializers
    ]
    taken = [name for _, name, _ in serializers]
    spelled = {
        f"{module}.{name}": _build_name(name if taken.count(name) == 1 else f"{module}.{name}")
        for module, name, _ in serializers
    }
    blocks = [_render_interface(spelled[f"{module}.{name}"], shape, spelled) for module, name, shape in serializers]
    return "\n".join([_HEAD, *blocks])


def _build_name(name: str) -> str:
    """Return a name for what a serializer gives: ``blog.serializers.ArticleSerializer`` is ``BlogArticle``."""
    words = re.split(r"[._]", name.removesuffix("Serializer").replace(".serializers", "") or name)
    return "".join(word[:1].upper() + word[1:] for word in words)


def _render_interface(name: str, shape: Type, spelled: dict[str, str]) -> str:
    proper = get_proper_type(shape)
    if not isinstance(proper, TypedDictType):
        return f"export type {name} = {{ [key: string]: unknown }};\n"
    return f"export interface {name} {_render_object(proper, spelled)}\n"


def _render_object(shape: TypedDictType, spelled: dict[str, str]) -> str:
    lines = [
        f"  {key}{'' if key in shape.required_keys else '?'}: {_spell(item, spelled)};"
        for key, item in sorted(shape.items.items())
    ]
    return "\n".join(["{", *lines, "}"])


def _spell(kind: Type, spelled: dict[str, str]) -> str:  # noqa: PLR0911  # one return for each kind of type
    match get_proper_type(kind):
        case NoneType():
            return "null"
        case UnionType(items=items):
            return " | ".join(dict.fromkeys(_spell(item, spelled) for item in items))
        case LiteralType(value=value):
            return json.dumps(value)
        case TupleType(items=items):
            return f"[{', '.join(_spell(item, spelled) for item in items)}]"
        case TypedDictType(fallback=Instance(type=info)) as shape:
            owner = info.fullname.rpartition(".")[0]
            return spelled.get(owner) or " ".join(_render_object(shape, spelled).split())
        case Instance(type=info, args=args):
            return _spell_instance(info, [_spell(item, spelled) for item in args])
        case _:
            return "unknown"


def _spell_instance(info: TypeInfo, args: list[str]) -> str:
    if info.fullname in _LISTS:
        item = args[0] if args else "unknown"
        return f"({item})[]" if " " in item else f"{item}[]"
    if info.fullname == "builtins.dict":
        return f"{{ [key: string]: {args[1] if args else 'unknown'} }}"
    return next((_SCALARS[base.fullname] for base in info.mro if base.fullname in _SCALARS), "unknown")
