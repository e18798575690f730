"""What a declared field gives and takes."""

from __future__ import annotations

import decimal
from collections.abc import Mapping
from typing import Final

from mypy.nodes import CallExpr, Decorator, Expression, FuncDef, IndexExpr, NameExpr, RefExpr, StrExpr, TypeInfo
from mypy.nodes import TypeAlias as AliasNode
from mypy.types import CallableType, Instance, Type, UnionType, get_proper_type
from mypy.typevars import fill_typevars_with_any

from drf_commons.inference import names
from drf_commons.inference.choices import build_literal, read_choices
from drf_commons.inference.declarations import WHOLE, Declaration, Exchange, FieldShape, Rule, read_flag
from drf_commons.inference.relations import RELATION_RULES, exchange_arguments, is_read_only, is_write_only
from drf_commons.inference.scope import Scope
from drf_commons.inference.shapes import ANY
from drf_commons.inference.syntax import UnknownValueError, get_arguments, is_true, read

__all__ = ["read_declared"]


def read_declared(scope: Scope, name: str, call: CallExpr) -> FieldShape | None:
    """Return the shape of ``name = call``, or ``None`` where *call* makes no field."""
    field = _get_made(call)
    if field is None or not field.type.has_base(names.FIELD):
        return None
    arguments = get_arguments(call)
    bases = {base.fullname for base in field.type.mro}
    declaration = Declaration(name=name, call=call, field=field, source=_read_source(name, arguments, bases))
    output, value = _find_rule(field.type)(scope, declaration)
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
        present=read_flag(arguments.get("required"), default=True) or "default" in arguments,
    )


def _get_made(call: CallExpr) -> Instance | None:
    """Return the type of what *call* makes: a class is called, an alias of one, or a function that returns one."""
    callee = call.callee.base if isinstance(call.callee, IndexExpr) else call.callee
    node = callee.node if isinstance(callee, RefExpr) else None
    made: Type | None = None
    if isinstance(node, AliasNode):
        made = node.target
    elif isinstance(node, TypeInfo):
        made = fill_typevars_with_any(node)
    elif isinstance(node, FuncDef | Decorator) and isinstance(known := get_proper_type(node.type), CallableType):
        made = known.ret_type
    proper = None if made is None else get_proper_type(made)
    return proper if isinstance(proper, Instance) else None


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


def _exchange_float(scope: Scope, _declaration: Declaration) -> Exchange:
    return scope.build("builtins.float"), scope.build("builtins.float")  # the stubs say that it renders a str


def _exchange_decimal(scope: Scope, declaration: Declaration) -> Exchange:
    from rest_framework.settings import api_settings  # noqa: PLC0415

    as_text = read_flag(declaration.get("coerce_to_string"), default=bool(api_settings.COERCE_DECIMAL_TO_STRING))
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
    "rest_framework.fields.ChoiceField": _exchange_choice,
    "rest_framework.fields.DecimalField": _exchange_decimal,
    "rest_framework.fields.DictField": _exchange_dict,
    "rest_framework.fields.FloatField": _exchange_float,
    "rest_framework.fields.JSONField": _exchange_json,
    "rest_framework.fields.ListField": _exchange_list,
    "rest_framework.fields.MultipleChoiceField": _exchange_choices,
    "rest_framework.fields.ReadOnlyField": _exchange_attribute,
}
