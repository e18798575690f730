"""What a declared field gives and takes."""

from __future__ import annotations

import decimal
import uuid
from collections.abc import Mapping
from typing import Final

from mypy.expandtype import expand_type_by_instance
from mypy.maptype import map_instance_to_supertype
from mypy.nodes import (
    CallExpr,
    Decorator,
    Expression,
    FuncDef,
    IndexExpr,
    NameExpr,
    OverloadedFuncDef,
    RefExpr,
    StrExpr,
    SymbolNode,
    TypeApplication,
    TypeInfo,
)
from mypy.nodes import TypeAlias as AliasNode
from mypy.types import AnyType, CallableType, Instance, TupleType, Type, UnionType, get_proper_type
from mypy.typevars import fill_typevars_with_any

from drf_commons.inference import names
from drf_commons.inference.choices import build_literal, read_choices
from drf_commons.inference.declarations import (
    FORMATS,
    WHOLE,
    Declaration,
    Exchange,
    FieldShape,
    Rule,
    get_api_setting,
    read_flag,
)
from drf_commons.inference.relations import RELATION_RULES, exchange_arguments, is_read_only, is_write_only
from drf_commons.inference.scope import Scope
from drf_commons.inference.shapes import ANY
from drf_commons.inference.syntax import UnknownValueError, get_arguments, is_true, read

__all__ = ["read_declared"]


def read_declared(scope: Scope, name: str, call: CallExpr) -> FieldShape | None:
    """Return the shape of ``name = call``, or ``None`` where *call* makes no field.

    Raises :class:`UnknownValueError` where that is only known at runtime.
    """
    field = _get_made(call)
    if not field.type.has_base(names.FIELD):
        return None
    arguments = get_arguments(call)
    bases = {base.fullname for base in field.type.mro}
    declaration = Declaration(name=name, call=call, field=field, source=_read_source(name, arguments, bases))
    output, value = _exchange(scope, declaration)
    if is_true(arguments.get("many")):
        output, value = scope.build_list(output), scope.build_list(value)
    if is_true(arguments.get("allow_null")) or _is_none(arguments.get("default")):
        output, value = scope.build_optional(output), scope.build_optional(value)
    elif declaration.source is not None and scope.may_be_none(declaration.source):
        output = scope.build_optional(output)
    return FieldShape(
        output=output,
        value=value,
        source=declaration.source,
        read_only=is_true(arguments.get("read_only")) or bool(bases & _READ_ONLY) or is_read_only(scope, field.type),
        write_only=is_true(arguments.get("write_only")) or _HIDDEN in bases or is_write_only(scope, field.type),
        # What a function makes may have been told more than is to be seen here.
        present=_is_class(call) and (read_flag(arguments.get("required"), default=True) or "default" in arguments),
    )


def _get_made(call: CallExpr) -> Instance:
    """Return the type of what *call* makes: a class is called, an alias of one, or a function that returns one."""
    node = _get_called(call)
    made: Type | None = None
    match node, call.callee:
        case TypeInfo(), IndexExpr(analyzed=TypeApplication(types=given)) if len(given) == len(node.type_vars):
            made = Instance(node, given)
        case TypeInfo(), _:
            made = fill_typevars_with_any(node)
        case AliasNode(), _:
            made = node.target
        case FuncDef() | Decorator(), _ if isinstance(known := get_proper_type(node.type), CallableType):
            made = known.ret_type
        case OverloadedFuncDef(), _ if node.fullname.startswith("builtins."):
            made = fill_typevars_with_any(node.info)
        case _:
            pass
    proper = None if made is None else get_proper_type(made)
    if isinstance(proper, TupleType):
        return proper.partial_fallback
    if not isinstance(proper, Instance):
        raise UnknownValueError
    return proper


def _get_called(call: CallExpr) -> SymbolNode | None:
    callee = call.callee.base if isinstance(call.callee, IndexExpr) else call.callee
    return callee.node if isinstance(callee, RefExpr) else None


def _is_class(call: CallExpr) -> bool:
    return isinstance(_get_called(call), AliasNode | TypeInfo)


def _exchange(scope: Scope, declaration: Declaration) -> Exchange:
    """Return what a field gives and takes: as its class is known to, unless it has methods of its own for that."""
    field = declaration.field
    rule = _find_rule(field.type)
    output, value = rule(scope, declaration)
    if field.type.has_base(names.SERIALIZER):
        return output, value
    given, taken = (_get_own(scope, field, method) for method in ("to_representation", "to_internal_value"))
    # A field of DRF's base class says in its type arguments what its methods may leave open.
    is_stated = rule is exchange_arguments
    if given is not None and not (is_stated and isinstance(get_proper_type(given), AnyType)):
        output = given
    if taken is not None and not (is_stated and isinstance(get_proper_type(taken), AnyType)):
        value = taken
    return output, value


def _get_own(scope: Scope, field: Instance, method: str) -> Type | None:
    """Return what a method of the project returns; ``None`` where it has left the method to the library."""
    node = None if (symbol := field.type.get(method)) is None else symbol.node
    if node is None or names.is_library(node.fullname):
        return None
    returned = scope.get_returned(node)
    owner = node.info if isinstance(node, FuncDef | Decorator) else None
    return returned if owner is None else expand_type_by_instance(returned, map_instance_to_supertype(field, owner))


def _read_source(name: str, arguments: Mapping[str, Expression], bases: set[str]) -> str | None:
    if _METHOD_FIELD in bases:
        return WHOLE
    if "source" not in arguments:
        return name
    try:
        return str(read(arguments["source"]))
    except UnknownValueError:
        return None


def _is_none(expression: Expression | None) -> bool:
    return isinstance(expression, NameExpr) and expression.fullname == "builtins.None"


def _find_rule(info: TypeInfo) -> Rule:
    return next((_RULES[base.fullname] for base in info.mro if base.fullname in _RULES), exchange_arguments)


def _exchange_nested(scope: Scope, declaration: Declaration) -> Exchange:
    info = declaration.field.type
    return scope.get_shape(info, names.DATA), scope.get_shape(info, names.VALIDATED)


def _exchange_method(scope: Scope, declaration: Declaration) -> Exchange:
    named = declaration.get("method_name", 0)
    method = named.value if isinstance(named, StrExpr) else f"get_{declaration.name}"
    return scope.get_method_result(method), ANY


def _exchange_child(scope: Scope, declaration: Declaration) -> Exchange:
    child = declaration.get("child")
    shape = read_declared(scope, declaration.name, child) if isinstance(child, CallExpr) else None
    return (ANY, ANY) if shape is None else (shape.output, shape.value)


def _exchange_list(scope: Scope, declaration: Declaration) -> Exchange:
    output, value = _exchange_child(scope, declaration)
    return scope.build_list(output), scope.build_list(value)


def _exchange_dict(scope: Scope, declaration: Declaration) -> Exchange:
    output, value = _exchange_child(scope, declaration)
    text = scope.build("builtins.str")
    return scope.build("builtins.dict", text, output), scope.build("builtins.dict", text, value)


def _exchange_choice(scope: Scope, declaration: Declaration) -> Exchange:
    choice = read_choices(scope, declaration.get("choices", 0))
    with_blank = UnionType.make_union([choice, build_literal(scope, "")])
    taken = with_blank if is_true(declaration.get("allow_blank")) else choice
    # DRF renders the empty text as it is, whether the field takes it or not.
    may_be_blank = declaration.source is not None and scope.may_be_blank(declaration.source)
    return with_blank if may_be_blank else taken, taken


def _exchange_choices(scope: Scope, declaration: Declaration) -> Exchange:
    choices = scope.build("builtins.set", read_choices(scope, declaration.get("choices", 0)))
    return choices, choices


def _exchange_attribute(scope: Scope, declaration: Declaration) -> Exchange:
    return ANY if declaration.source is None else scope.get_attribute(declaration.source), ANY


def _exchange_json(_scope: Scope, _declaration: Declaration) -> Exchange:
    return ANY, ANY


def _exchange_text(scope: Scope, _declaration: Declaration) -> Exchange:
    return scope.build("builtins.str"), scope.build("builtins.str")


def _exchange_formatted(scope: Scope, declaration: Declaration) -> Exchange:
    output, value = exchange_arguments(scope, declaration)
    setting = next(FORMATS[base.fullname] for base in declaration.field.type.mro if base.fullname in FORMATS)
    stated = declaration.get("format", 0)
    is_raw = get_api_setting(setting) is None if stated is None else _is_none(stated)
    return (value if is_raw else output), value


def _exchange_integer(scope: Scope, declaration: Declaration) -> Exchange:
    as_text = read_flag(
        declaration.get("coerce_to_string", 0), default=bool(get_api_setting("COERCE_BIGINT_TO_STRING"))
    )
    return scope.build("builtins.str" if as_text else "builtins.int"), scope.build("builtins.int")


def _exchange_uuid(scope: Scope, declaration: Declaration) -> Exchange:
    stated = declaration.get("format")
    is_number = isinstance(stated, StrExpr) and stated.value == "int"
    return scope.build("builtins.int" if is_number else "builtins.str"), scope.build_python(uuid.UUID)


def _exchange_float(scope: Scope, _declaration: Declaration) -> Exchange:
    return scope.build("builtins.float"), scope.build("builtins.float")  # the stubs say that it renders a str


def _exchange_decimal(scope: Scope, declaration: Declaration) -> Exchange:
    as_text = read_flag(declaration.get("coerce_to_string"), default=bool(get_api_setting("COERCE_DECIMAL_TO_STRING")))
    value = scope.build_python(decimal.Decimal)
    return scope.build("builtins.str") if as_text else value, value


_METHOD_FIELD: Final = "rest_framework.fields.SerializerMethodField"
_HIDDEN: Final = "rest_framework.fields.HiddenField"
_READ_ONLY: Final = frozenset(
    {
        _METHOD_FIELD,
        "rest_framework.fields.ReadOnlyField",
        "rest_framework.relations.HyperlinkedIdentityField",
        "rest_framework.relations.StringRelatedField",
    }
)

#: How the classes of fields give and take; the first one in the order of inheritance counts.
_RULES: Final[Mapping[str, Rule]] = {
    **RELATION_RULES,
    names.LIST_SERIALIZER: _exchange_list,
    names.BASE_SERIALIZER: _exchange_nested,
    _METHOD_FIELD: _exchange_method,
    **dict.fromkeys(FORMATS, _exchange_formatted),
    "rest_framework.fields.BigIntegerField": _exchange_integer,
    "rest_framework.fields.ChoiceField": _exchange_choice,
    "rest_framework.fields.DecimalField": _exchange_decimal,
    "rest_framework.fields.DictField": _exchange_dict,
    "rest_framework.fields.FilePathField": _exchange_text,
    "rest_framework.fields.FloatField": _exchange_float,
    "rest_framework.fields.JSONField": _exchange_json,
    "rest_framework.fields.ListField": _exchange_list,
    "rest_framework.fields.MultipleChoiceField": _exchange_choices,
    "rest_framework.fields.ReadOnlyField": _exchange_attribute,
    "rest_framework.fields.UUIDField": _exchange_uuid,
}
