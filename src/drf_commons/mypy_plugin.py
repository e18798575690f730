"""The mypy plugin: serializers whose data has a known shape.

::

    [mypy]
    plugins = mypy_django_plugin.main, mypy_drf_plugin.main, drf_commons.mypy_plugin

The order of the list does not matter. Every serializer gets ``Data``, ``ValidatedData`` and ``PartialData``, to be
named in annotations; ``serializer.data`` and ``serializer.validated_data`` have these types. What cannot be known from
the source is ``dict[str, Any]``.

How it works: when mypy meets a serializer class, its shapes are reserved as aliases in the class, and a patch is
scheduled that mypy runs when all names and signatures of the import cycle are known, before it checks any code. The
patch reads the class body, asks DRF for the automatic fields, and fills the shapes in.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from mypy.nodes import MypyFile, TypeInfo
from mypy.options import Options
from mypy.plugin import (
    AttributeContext,
    ClassDefContext,
    FunctionSigContext,
    MethodContext,
    MethodSigContext,
    Plugin,
    ReportConfigContext,
)
from mypy.semanal import SemanticAnalyzer
from mypy.types import FunctionLike, Type
from typing_extensions import override

from drf_commons import __version__
from drf_commons.inference import names
from drf_commons.inference.calls import TAKERS, Calls, remember_class
from drf_commons.inference.registry import Registry
from drf_commons.inference.scope import Scope
from drf_commons.inference.serializers import infer_shapes
from drf_commons.inference.settings import SettingsCheck
from drf_commons.inference.shapes import find_alias, reserve
from drf_commons.inference.stated import Inferred, check_stated, keep_stated
from drf_commons.inference.syntax import count_arguments
from drf_commons.inference.views import check_view

__all__ = ["SerializerPlugin", "plugin"]

#: Before mypy's own patches at the end of semantic analysis.
_PATCH_PRIORITY: Final = 5
#: When every shape of the import cycle is there.
_CHECK_PRIORITY: Final = 6
_REFERENCE: Final = re.compile(r"""serializer(?:_class)?\s*=\s*["']([\w.]+)\.\w+["']""")
_COMMON: Final = re.compile(r"^COMMON\s*=", re.MULTILINE)
_VALUE_MODULES: Final = ("datetime", "decimal", "uuid")
_DEPENDENCY_PRIORITY: Final = 10


class SerializerPlugin(Plugin):
    """Reserves shapes when a serializer is met, and types the expressions that use them."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._registry = Registry(options)
        self._calls = Calls(self.find_info)
        self._settings = SettingsCheck(self._registry, self.find_info)
        self._attributes: dict[str, Callable[[AttributeContext], Type]] = {
            "data": self._calls.read_data,
            "validated_data": self._calls.read_validated_data,
        }

    def find_info(self, fullname: str) -> TypeInfo | None:
        """Return the class *fullname*, or ``None``."""
        symbol = self.lookup_fully_qualified(fullname)
        return symbol.node if symbol is not None and isinstance(symbol.node, TypeInfo) else None

    @override
    def report_config_data(self, ctx: ReportConfigContext) -> Any:
        # Another version may infer other types from the same source.
        return [__version__, self._registry.describe(ctx.id)]

    @override
    def get_additional_deps(self, file: MypyFile) -> list[tuple[int, str, int]]:
        """Make mypy load the modules that dotted paths and inferred values refer to."""
        path = Path(file.path)
        if file.is_stub or "site-packages" in path.parts or not path.is_file():
            return []
        text = path.read_text(encoding="utf-8", errors="replace")
        modules: set[str] = {names.SETTINGS.rpartition(".")[0]} if _COMMON.search(text) else set()
        if "erializer" in text:
            modules.update(_VALUE_MODULES)
            modules |= {module for module in _REFERENCE.findall(text) if module != file.fullname and _is_there(module)}
        return [(_DEPENDENCY_PRIORITY, module, -1) for module in sorted(modules)]

    @override
    def get_customize_class_mro_hook(self, fullname: str) -> Callable[[ClassDefContext], None] | None:
        info = None if names.is_library(fullname) else self.find_info(fullname)
        if info is None or not info.mro:
            return None
        if info.has_base(names.SERIALIZER):
            return self._reserve_shapes
        if info.has_base(names.GENERIC_VIEW):
            return self._read_view
        if info.has_base(names.MANY_RELATION):
            return partial(remember_class, attribute="one", name=names.ONE)
        return None

    @override
    def get_attribute_hook(self, fullname: str) -> Callable[[AttributeContext], Type] | None:
        owner, _, attribute = fullname.rpartition(".")
        hook = self._attributes.get(attribute)
        info = None if hook is None else self.find_info(owner)
        return hook if info is not None and info.has_base(names.BASE_SERIALIZER) else None

    @override
    def get_function_signature_hook(self, fullname: str) -> Callable[[FunctionSigContext], FunctionLike] | None:
        if fullname in names.SETTINGS_CALLS:
            return self._settings.run
        return self._calls.call_serializer if self._calls.is_serializer(fullname) else None

    @override
    def get_method_signature_hook(self, fullname: str) -> Callable[[MethodSigContext], FunctionLike] | None:
        return self._settings.run if fullname in names.SETTINGS_METHODS else None

    @override
    def get_method_hook(self, fullname: str) -> Callable[[MethodContext], Type] | None:
        if fullname in TAKERS:
            return partial(self._calls.take_key, check=TAKERS[fullname])
        owner, _, method = fullname.rpartition(".")
        info = self.find_info(owner) if method == "get_serializer" else None
        return self._calls.call_get_serializer if info is not None and info.has_base(names.GENERIC_VIEW) else None

    def _read_view(self, context: ClassDefContext) -> None:
        remember_class(context, "serializer_class", names.SERIALIZER_CLASS)
        api, info = context.api, context.cls.info
        if not isinstance(api, SemanticAnalyzer):
            return
        tree, options = api.modules[info.module_name], api.options

        def check() -> None:
            with api.file_context(tree, options, info):
                check_view(api, info, self._registry, self.find_info)

        api.schedule_patch(_CHECK_PRIORITY, check)

    def _reserve_shapes(self, context: ClassDefContext) -> None:
        api, info = context.api, context.cls.info
        if not isinstance(api, SemanticAnalyzer):
            return
        for shape in names.SHAPES:
            reserve(api, info, shape)
        _fill_arguments(context)
        scope = Scope(api, info, self._registry, self.find_info)
        tree, options = api.modules[info.module_name], api.options
        inferred: dict[str, Inferred] = {}

        def infer() -> None:
            # A patch runs outside of any file; without one, an error could not be reported.
            with api.file_context(tree, options, info):
                inferred.update(infer_shapes(scope))
                keep_stated(scope)

        def check() -> None:
            with api.file_context(tree, options, info):
                check_stated(scope, inferred)

        api.schedule_patch(_PATCH_PRIORITY, infer)
        api.schedule_patch(_CHECK_PRIORITY, check)


def _is_there(module: str) -> bool:
    """Tell whether *module* can be loaded; mypy would report one that cannot, wherever its name was found."""
    path = module.replace(".", "/")
    return any(Path(root, f"{path}.py").is_file() or Path(root, path, "__init__.py").is_file() for root in sys.path)


def _fill_arguments(context: ClassDefContext) -> None:
    """Give ``BaseModelSerializer[Article]`` the two arguments it was left without: the class's own shapes."""
    info = context.cls.info
    for base, expression in zip(info.bases, context.cls.base_type_exprs, strict=False):
        if base.type.fullname in names.SHAPED_SERIALIZERS and count_arguments(expression) <= 1:
            data, validated = find_alias(info, names.DATA), find_alias(info, names.VALIDATED)
            if data is not None and validated is not None:
                base.args = (base.args[0], data, validated)


def plugin(version: str) -> type[SerializerPlugin]:  # noqa: ARG001  # mypy's entry point
    """Return the plugin for mypy *version*."""
    return SerializerPlugin
