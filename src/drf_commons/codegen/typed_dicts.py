"""Writing Python: a module of TypedDicts beside each module of serializers."""

from __future__ import annotations

import keyword
from typing import Final

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

__all__ = ["SUFFIX", "render_module"]

#: What the name of a generated module ends in.
SUFFIX: Final = "_types"
_HEADER: Final = '"""What the serializers of {module} give and take; written by ``manage.py generate_types``."""'


def render_module(module: Module) -> str:
    """Return the source of the TypedDicts of *module*."""
    writer = _Writer(module.name)
    blocks = [
        writer.render_class(f"{serializer.name}{shape}", serializer.shapes[shape])
        for serializer in module.serializers
        for shape in names.SHAPES
    ]
    imports = [f"import {name}" for name in sorted(writer.imports)]
    typing = [f"from typing import {', '.join(sorted(writer.typing))}"] if writer.typing else []
    exports = ["__all__ = [", *(f'    "{name}",' for name in sorted(writer.written)), "]"]
    head = [_HEADER.format(module=module.name), "", *imports, *typing, "", *exports]
    return "\n".join([*head, "", "", "\n\n\n".join(blocks), ""])


class _Writer:
    """Writes classes, and keeps what they need to import."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._quoted = False
        self.imports: set[str] = set()
        self.typing: set[str] = set()
        self.written: list[str] = []

    def render_class(self, name: str, shape: Type) -> str:
        """Return the definition of the shape *name*."""
        self.written.append(name)
        proper = get_proper_type(shape)
        if not isinstance(proper, TypedDictType) or any(map(keyword.iskeyword, proper.items)):
            self.typing |= {"Any", "TypeAlias"}
            return f"{name}: TypeAlias = dict[str, Any]"
        self.typing.add("TypedDict")
        lines = [f"class {name}(TypedDict):"]
        # mypy's cache sorts the keys; so does this, or a warm run would write another file than a cold one.
        for key, item in sorted(proper.items.items()):
            kind = self._annotate(item)
            if key not in proper.required_keys:
                self.typing.add("NotRequired")
                kind = f"NotRequired[{kind}]"
            lines.append(f"    {key}: {kind}")
        return "\n".join(lines if proper.items else [*lines, "    pass"])

    def _annotate(self, item: Type) -> str:
        """Return the annotation of a key, quoted where it names something that may be defined, or imported, later."""
        self._quoted = False
        text = self._spell(item)
        return '"{}"'.format(text.replace('"', r"\"")) if self._quoted else text

    def _spell(self, kind: Type) -> str:  # noqa: PLR0911  # one return for each kind of type
        match get_proper_type(kind):
            case NoneType():
                return "None"
            case UnionType(items=items):
                return " | ".join(dict.fromkeys(self._spell(item) for item in items))
            case LiteralType(value=value):
                self.typing.add("Literal")
                return f"Literal[{value!r}]"
            case TupleType(items=items, partial_fallback=fallback) if fallback.type.fullname == "builtins.tuple":
                return f"tuple[{', '.join(map(self._spell, items)) or '()'}]"
            case TypedDictType(fallback=Instance(type=info)):
                return self._spell_shape(info.fullname)
            case Instance(type=info, args=args):
                given = f"[{', '.join(map(self._spell, args))}]" if args else ""
                return f"{self._spell_name(info.module_name, info.fullname)}{given}"
            case _:
                self.typing.add("Any")
                return "Any"

    def _spell_shape(self, fullname: str) -> str:
        """Return the name of a TypedDict: a serializer's shape, where it was written, or one of the project."""
        owner, _, last = fullname.rpartition(".")
        module, _, serializer = owner.rpartition(".")
        if last.removeprefix("_") not in names.SHAPES:
            return self._spell_name(owner, fullname)
        name = f"{serializer}{last.removeprefix('_')}"
        self._quoted = True
        if module == self._module:
            return name
        self.imports.add(f"{module}{SUFFIX}")
        return f"{module}{SUFFIX}.{name}"

    def _spell_name(self, module: str, fullname: str) -> str:
        if module == "builtins":
            return fullname.removeprefix("builtins.")
        self._quoted = True
        self.imports.add(module)
        return fullname
