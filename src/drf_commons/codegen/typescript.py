"""Writing TypeScript: what clients send and receive, and a table of the addresses they do it at."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
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

from drf_commons.codegen.endpoints import Endpoint, Kind
from drf_commons.codegen.reading import Module
from drf_commons.codegen.requests import ANY_OBJECT, SUFFIX, render_request
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

#: What DRF's own views answer with, for projects that have some beside ours.
_PLAIN: Final = """\
export interface PlainPage<T> {
  count?: number;
  next: string | null;
  previous: string | null;
  results: T[];
}
"""
_TABLE: Final = """\
// Every endpoint: what stands in its address, what is sent, and what is answered.
export interface Endpoints {{
{lines}
}}
"""
#: Names that no serializer may take.
_RESERVED: Final = (
    "Endpoints", "Envelope", "ErrorEnvelope", "ErrorTree", "File", "Page", "Pagination", "Partial", "PlainPage",
    "Record",
)  # fmt: skip

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


def render_typescript(modules: Sequence[Module], endpoints: Sequence[Endpoint]) -> str:
    """Return the interfaces of the serializers of *modules*, and the table of the *endpoints* that use them.

    Endpoints of other serializers belong to another file.
    """
    spelled = _name_serializers(modules)
    blocks = [_HEAD]
    for module in modules:
        for serializer in module.serializers:
            name = spelled[f"{module.name}.{serializer.name}"]
            blocks.append(_render_interface(name, serializer.shapes[names.DATA], spelled))
            body = render_request(module, serializer.name, spelled)
            if body is not None:
                blocks.append(_define(f"{name}{SUFFIX}", body))
    used = [endpoint for endpoint in endpoints if endpoint.serializer in spelled or _is_near(endpoint, modules)]
    if any(not endpoint.is_enveloped and endpoint.is_paged for endpoint in used):
        blocks.append(_PLAIN)
    if used:
        blocks.append(_TABLE.format(lines="\n".join(_render_endpoint(endpoint, spelled) for endpoint in used)))
    return "\n".join(blocks)


def _name_serializers(modules: Iterable[Module]) -> dict[str, str]:
    """Return a name for each serializer; where names clash, that of its module is part of it."""
    full = [(module.name, serializer.name) for module in modules for serializer in module.serializers]
    short = {f"{module}.{name}": _build_name(name) for module, name in full}
    taken = [*_RESERVED, *short.values(), *(f"{name}{SUFFIX}" for name in short.values())]
    return {
        f"{module}.{name}": short[f"{module}.{name}"]
        if all(taken.count(found) == 1 for found in (short[f"{module}.{name}"], f"{short[f'{module}.{name}']}{SUFFIX}"))
        else _build_name(f"{module}.{name}")
        for module, name in full
    }


def _is_near(endpoint: Endpoint, modules: Iterable[Module]) -> bool:
    """Tell whether a view stands in the package of one of *modules*."""
    package = endpoint.view.__module__.rpartition(".")[0]
    return any(module.name.rpartition(".")[0] == package for module in modules)


def _render_endpoint(endpoint: Endpoint, spelled: Mapping[str, str]) -> str:
    row = spelled.get(endpoint.serializer or "")
    parameters = [f"{name}: string" for name in re.findall(r"{(\w+)}", endpoint.path)]
    parts = {
        "params": f"{{ {'; '.join(parameters)} }}" if parameters else "Record<string, never>",
        "request": _spell_body(endpoint, row),
        "response": _spell_answer(endpoint, row or "unknown"),
        "error": "ErrorEnvelope" if endpoint.is_enveloped else "ErrorTree",
    }
    lines = [f"    {name}: {text};" for name, text in parts.items()]
    return "\n".join([f"  {json.dumps(f'{endpoint.method} {endpoint.path}')}: {{", *lines, "  };"])


def _spell_body(endpoint: Endpoint, row: str | None) -> str:
    if not endpoint.is_write:
        return "unknown" if endpoint.kind is Kind.UNKNOWN and endpoint.method == "DELETE" else "undefined"
    if endpoint.kind is not Kind.UNKNOWN and not endpoint.takes_row:
        return "undefined"
    if row is None or not endpoint.takes_row:
        return "unknown"
    return f"Partial<{row}{SUFFIX}>" if endpoint.method == "PATCH" else f"{row}{SUFFIX}"


def _spell_answer(endpoint: Endpoint, row: str) -> str:
    if endpoint.kind is Kind.UNKNOWN:
        return "unknown"
    if endpoint.kind is Kind.LIST:
        return _spell_rows(endpoint, row)
    data = row if endpoint.kind is Kind.ROW else "null" if endpoint.is_enveloped else "undefined"
    return f"Envelope<{data}>" if endpoint.is_enveloped else data


def _spell_rows(endpoint: Endpoint, row: str) -> str:
    if getattr(endpoint.view, "append_indexes", False):
        row = f"({row} & {{ index: number }})"
    if not endpoint.is_enveloped:
        return f"PlainPage<{row}>" if endpoint.is_paged else f"{row}[]"
    if not endpoint.is_paged:
        return f"Envelope<{row}[]>"
    return f"Page<{row}> | Envelope<{row}[]>" if getattr(endpoint.view, "allow_unpaginated", False) else f"Page<{row}>"


def _build_name(name: str) -> str:
    """Return a name for what a serializer gives: ``blog.serializers.ArticleSerializer`` is ``BlogArticle``."""
    words = re.split(r"[._]", name.removesuffix("Serializer").replace(".serializers", "") or name)
    return "".join(word[:1].upper() + word[1:] for word in words)


def _render_interface(name: str, shape: Type, spelled: dict[str, str]) -> str:
    proper = get_proper_type(shape)
    if not isinstance(proper, TypedDictType):
        return _define(name, ANY_OBJECT)
    return _define(name, _render_object(proper, spelled))


def _define(name: str, body: str) -> str:
    return f"export type {name} = {body};\n" if body == ANY_OBJECT else f"export interface {name} {body}\n"


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
