"""Where a serializer stands: names, types and models as they are seen from its class body."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from mypy.maptype import map_instance_to_supertype
from mypy.nodes import (
    Context,
    Decorator,
    Expression,
    FuncDef,
    MemberExpr,
    OverloadedFuncDef,
    RefExpr,
    SymbolNode,
    TypeInfo,
    Var,
)
from mypy.semanal import SemanticAnalyzer
from mypy.types import AnyType, CallableType, Instance, NoneType, Type, UnionType, get_proper_type
from mypy.typevars import fill_typevars_with_any

from drf_commons.inference import names
from drf_commons.inference.errors import Fault
from drf_commons.inference.registry import Registry
from drf_commons.inference.shapes import ANY, build_dict_of_any, find_alias
from drf_commons.inference.syntax import UNKNOWN, read_meta

if TYPE_CHECKING:
    from django.db.models import Field, ForeignObjectRel, Model

__all__ = ["Scope", "is_optional"]

_MODEL_FIELD = "django.db.models.fields.Field"


class Scope:
    """One serializer class, and what its body may refer to."""

    def __init__(
        self,
        api: SemanticAnalyzer,
        info: TypeInfo,
        registry: Registry,
        find_info: Callable[[str], TypeInfo | None],
    ) -> None:
        self.api = api
        self.info = info
        self.registry = registry
        self.find_info = find_info
        #: The class and those of its bases that are no library's, in the order of inheritance.
        self.own_bases: list[TypeInfo] = [base for base in info.mro if not names.is_library(base.fullname)]

    # Types

    def build(self, fullname: str, *args: Type) -> Type:
        """Return the type *fullname*, or ``Any`` where it is not installed."""
        return self.api.named_type_or_none(fullname, [*args]) or ANY

    def build_list(self, item: Type) -> Type:
        """Return ``list[item]``."""
        return self.build("builtins.list", item)

    def build_python(self, cls: type) -> Type:
        """Return the type of a runtime class."""
        return NoneType() if cls is type(None) else self.build(f"{cls.__module__}.{cls.__qualname__}")

    def build_dict(self) -> Type:
        """Return ``dict[str, Any]``, for what cannot be known."""
        return build_dict_of_any(self.api)

    @staticmethod
    def build_optional(item: Type) -> Type:
        """Return ``item | None``."""
        return item if isinstance(get_proper_type(item), AnyType) else UnionType.make_union([item, NoneType()])

    # Dependencies of the daemon

    def depend_on(self, fullname: str) -> None:
        """Look at this class again when the definition *fullname* changes."""
        self.api.add_plugin_dependency(f"<{fullname}>", self.info.fullname)

    def relay(self, trigger: str, target: str) -> None:
        """Look at everything that uses *target* again when *trigger* changes."""
        self.api.add_plugin_dependency(f"<{trigger}>", f"<{target}>")

    def fail(self, fault: Fault, message: str, where: Context) -> None:
        """Report *message* under the code of *fault*."""
        self.api.fail(message, where, code=fault.code)

    # Definitions

    def get_shape(self, info: TypeInfo, name: str) -> Type:
        """Return the shape *name* of another serializer."""
        for shape in names.SHAPES:
            self.relay(f"{info.fullname}.{shape}", f"{self.info.fullname}.{shape}")
        self.depend_on(info.fullname)
        return find_alias(info, name) or self.build_dict()

    def get_returned(self, node: SymbolNode | None) -> Type:
        """Return what calling or reading *node* gives."""
        if node is None:
            return ANY
        self.depend_on(node.fullname)
        if isinstance(node, Decorator):
            is_plain = node.func.is_property or not node.decorators  # @override leaves the function as it is
            node = node.func if is_plain else node.var
        if isinstance(node, TypeInfo):
            return fill_typevars_with_any(node)
        if isinstance(node, FuncDef | OverloadedFuncDef | Var):
            known = get_proper_type(node.type)
            if isinstance(known, CallableType):
                return known.ret_type
            if isinstance(node, Var) and known is not None:
                return known
        return ANY

    def get_callable_result(self, expression: Expression | None) -> Type:
        """Return what calling *expression* gives, where it is the name of something."""
        match expression:
            case MemberExpr(expr=RefExpr(node=TypeInfo() as owner), name=name) if owner.get(name) is not None:
                return self.get_returned(owner[name].node)
            case RefExpr():
                return self.get_returned(expression.node)
            case _:
                return ANY

    def get_method_result(self, name: str) -> Type:
        """Return what a method of the serializer returns."""
        symbol = self.info.get(name)
        return ANY if symbol is None else self.get_returned(symbol.node)

    # The model

    @cached_property
    def meta(self) -> dict[str, Any]:
        """What the serializer's ``Meta`` says; empty where there is none."""
        node = self._meta_node
        return read_meta(node) if isinstance(node, TypeInfo) else {}

    @property
    def has_foreign_meta(self) -> bool:
        """Whether ``Meta`` is no class that can be read, but the name of one that was made elsewhere."""
        return not isinstance(self._meta_node, TypeInfo | None)

    @cached_property
    def _meta_node(self) -> SymbolNode | None:
        symbol = self.info.get("Meta")
        node = None if symbol is None else symbol.node
        return None if node is None or names.is_library(node.fullname) else node

    @cached_property
    def model_info(self) -> TypeInfo | None:
        """The serializer's model, as mypy sees it."""
        if self.names_model:
            return self.find_info(self.meta["model"])
        return self._get_stated_model() if self.meta.get("model") == UNKNOWN else None

    @property
    def names_model(self) -> bool:
        """Whether ``Meta`` names the model itself, rather than calling ``get_user_model()``."""
        return isinstance(self.meta.get("model"), str)

    def _get_stated_model(self) -> TypeInfo | None:
        """Return the model that the class states as its type argument."""
        base, own = self.find_info(names.BASE_SERIALIZER), fill_typevars_with_any(self.info)
        if base is None or not isinstance(own, Instance):
            return None
        stated = get_proper_type(map_instance_to_supertype(own, base).args[0])
        return stated.type if isinstance(stated, Instance) else None

    @cached_property
    def model(self) -> type[Model] | None:
        """The serializer's model, as it runs."""
        return None if self.model_info is None else self.registry.find_model(self.model_info.fullname)

    def get_model_field(self, source: str) -> Field[Any, Any] | ForeignObjectRel | None:
        """Return the column or relation that a *source*, dotted or not, leads to."""
        path = self._get_path(source)
        return path[-1] if path else None

    def get_attribute_names(self) -> set[str]:
        """Return what the serializer's model has: its fields, and what else its class says."""
        info, model = self.model_info, self.model
        known: set[str] = set()
        if info is not None:
            known.update(name for base in info.mro[:-1] for name in base.names)
        if model is not None:
            known.update(field.name for field in model._meta.get_fields())
        return {name for name in known if not name.startswith("_")}

    def may_be_none(self, source: str) -> bool:
        """Tell whether what a *source* leads to can be null: DRF then renders ``None`` as it is."""
        field = self.get_model_field(source)
        if field is None:
            return is_optional(self.get_attribute(source))
        return field.concrete and field.null and not field.many_to_many

    def may_be_blank(self, source: str) -> bool:
        """Tell whether the column a *source* leads to can hold the empty text."""
        from django.db.models import CharField, TextField  # noqa: PLC0415

        field = self.get_model_field(source)
        return isinstance(field, CharField | TextField) and field.blank

    def may_break_off(self, source: str) -> bool:
        """Tell whether there may be no way to the end of *source*: a row on it is not there."""
        path = self._get_path(source)
        absent = [not field.concrete and field.one_to_one for field in path]
        return any(absent) or any(field.null for field in path[:-1])

    def _get_path(self, source: str) -> list[Field[Any, Any] | ForeignObjectRel]:
        """Return the columns and relations along *source*; none where something else stands on it."""
        path: list[Field[Any, Any] | ForeignObjectRel] = []
        model: Any = self.model
        for part in source.split("."):
            field = None if model is None else _find_field(model, part)
            if field is None:
                return []
            path.append(field)
            model = field.related_model if field.is_relation else None
        return path

    def get_attribute(self, source: str) -> Type:
        """Return the type of the attribute a dotted *source* leads to."""
        info = self.model_info
        found: Type = ANY
        for part in source.split("."):
            symbol = None if info is None else info.get(part)
            if symbol is None:
                return ANY
            proper = get_proper_type(self.get_returned(symbol.node))
            if isinstance(proper, Instance) and proper.type.has_base(_MODEL_FIELD) and len(proper.args) > 1:
                proper = get_proper_type(proper.args[1])
            found = proper
            info = proper.type if isinstance(proper, Instance) else None
        return found

    def get_related_model(self, source: str) -> TypeInfo | None:
        """Return the model a relation of the serializer's model leads to."""
        related = getattr(self.get_model_field(source), "related_model", None)
        return None if related is None else self.find_info(f"{related.__module__}.{related.__qualname__}")

    def get_pk_type(self, model: TypeInfo | None) -> Type:
        """Return the type of a model's primary key as it stands on an instance."""
        return self.get_column_type(model, "pk")

    def get_column_type(self, model: TypeInfo | None, column: str) -> Type:
        """Return the type of a column, by its name or as ``pk``, as it stands on an instance."""
        running = None if model is None else self.registry.find_model(model.fullname)
        if running is None:
            return ANY
        field = running._meta.pk if column == "pk" else _find_field(running, column)
        return ANY if field is None else self.build_raw(field)

    def build_raw(self, field: Any) -> Type:
        """Return the type of a column's value, before a serializer field renders it."""
        import uuid  # noqa: PLC0415

        from django.db import models  # noqa: PLC0415

        while field.is_relation:
            field = field.target_field
        table: tuple[tuple[tuple[type, ...], type], ...] = (
            ((models.AutoField, models.IntegerField), int),
            ((models.UUIDField,), uuid.UUID),
            ((models.CharField, models.TextField), str),
        )
        return next((self.build_python(value) for fields, value in table if isinstance(field, fields)), ANY)


def is_optional(kind: Type) -> bool:
    """Tell whether *kind* is a union with ``None``."""
    proper = get_proper_type(kind)
    return isinstance(proper, UnionType) and any(isinstance(get_proper_type(item), NoneType) for item in proper.items)


def _find_field(model: type[Model], source: str) -> Field[Any, Any] | ForeignObjectRel | None:
    """Return a column or relation by its name or, for a reverse relation, by the name it has on instances."""
    return _get_fields(model).get(source)


@cache
def _get_fields(model: type[Model]) -> dict[str, Field[Any, Any] | ForeignObjectRel]:
    found: dict[str, Field[Any, Any] | ForeignObjectRel] = {}
    for field in model._meta.get_fields():
        accessor = getattr(field, "get_accessor_name", None)
        found.setdefault(str(field.name if accessor is None else accessor()), field)
    return found
