"""Reading: which serializers an app has, and what the plugin infers of them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mypy import build
from mypy.errors import CompileError
from mypy.main import process_options
from mypy.nodes import SymbolTableNode, TypeAlias, TypeInfo
from mypy.types import Type

from drf_commons.errors import ConfigurationError
from drf_commons.inference import names

__all__ = ["Module", "Serializer", "find_modules", "read_modules"]

_PLUGIN: Final = "drf_commons.mypy_plugin"
_DJANGO_PLUGIN: Final = "mypy_django_plugin.main"


@dataclass(frozen=True, slots=True, kw_only=True)
class Serializer:
    """A serializer, and its shapes by name."""

    name: str
    shapes: dict[str, Type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """A module with serializers, in the order of their names."""

    name: str
    path: Path
    serializers: Sequence[Serializer]


def find_modules(package: str, folder: Path) -> dict[str, Path]:
    """Return the modules of a package that may have serializers, with their files."""
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        # What was generated names serializers too.
        if path.stem.endswith("_types") or "erializer" not in path.read_text(encoding="utf-8"):
            continue
        found[".".join([package, *(part for part in parts if part != "__init__")])] = path
    return found


def read_modules(paths: dict[str, Path]) -> list[Module]:
    """Return the serializers of the modules at *paths*, as mypy and the plugin see them.

    mypy's own configuration is used. Raises :class:`~drf_commons.errors.ConfigurationError` when mypy cannot run.
    """
    if not paths:
        return []
    _, options = process_options([str(path) for path in paths.values()], stdout=sys.stdout, stderr=sys.stderr)
    options.plugins += [plugin for plugin in (_DJANGO_PLUGIN, _PLUGIN) if plugin not in options.plugins]
    # mypy loads from its cache only what a module that was not cached imports.
    reader = build.BuildSource(None, "__generate_types__", "\n".join(f"import {name}" for name in paths))
    sources = [build.BuildSource(str(path), name) for name, path in paths.items()]
    try:
        files = build.build([*sources, reader], options).files
    except CompileError as exc:
        msg = "mypy cannot read the serializers:\n" + "\n".join(exc.messages)
        raise ConfigurationError(msg) from exc
    modules = [
        Module(name=name, path=path, serializers=_read(name, files[name].names.values()))
        for name, path in paths.items()
    ]
    return [module for module in modules if module.serializers]


def _read(module: str, symbols: Iterable[SymbolTableNode]) -> list[Serializer]:
    """Return the serializers that a module defines itself, by name."""
    found: list[Serializer] = []
    for symbol in symbols:
        info = symbol.node
        if isinstance(info, TypeInfo) and info.module_name == module:
            shapes = {
                name: alias.node.target
                for name in names.SHAPES
                if (alias := info.names.get(name)) is not None and isinstance(alias.node, TypeAlias)
            }
            if shapes:
                found.append(Serializer(name=info.name, shapes=shapes))
    return sorted(found, key=lambda serializer: serializer.name)
