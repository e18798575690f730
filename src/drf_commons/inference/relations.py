"""What fields of related rows give and take: DRF's own, and those of this library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from mypy.maptype import map_instance_to_supertype
from mypy.nodes import CallExpr, Expression, LambdaExpr, MemberExpr, RefExpr, ReturnStmt, StrExpr, TypeAlias, TypeInfo
from mypy.types import Instance, Type, TypeType, UnionType, get_proper_type
from mypy.typevars import fill_typevars_with_any

from drf_commons.inference import names
from drf_commons.inference.declarations import Declaration, Exchange, Rule
from drf_commons.inference.errors import Fault
from drf_commons.inference.scope import Scope
from drf_commons.inference.shapes import ANY
from drf_commons.inference.syntax import UnknownValueError, read

__all__ = ["RELATION_RULES", "exchange_arguments", "is_read_only", "is_write_only"]


def is_read_only(scope: Scope, field: TypeInfo) -> bool:
    """Tell whether *field* is a relation field that takes nothing: none of its classes says what it accepts."""
    one = _find_one(scope, field)
    return one is not None and one.has_base(names.RELATION) and not _states(one, "accepts")


def is_write_only(scope: Scope, field: TypeInfo) -> bool:
    """Tell whether *field* is a relation field that is never shown."""
    one = _find_one(scope, field)
    return one is not None and one.has_base(names.RELATION) and _states(one, "is_write_only")


def _states(field: TypeInfo, attribute: str) -> bool:
    return any(attribute in base.names for base in field.mro if base.fullname != names.RELATION)


def _find_one(scope: Scope, field: TypeInfo) -> TypeInfo | None:
    """Return the field of one row inside a field of many; any other field is its own."""
    if not field.has_base(names.MANY_RELATION):
        return field
    for base in field.mro:
        stated = base.names.get(names.ONE)
        if stated is not None and isinstance(stated.node, TypeAlias):
            target = get_proper_type(stated.node.target)
            return target.type if isinstance(target, Instance) else None
        if names.is_library(base.fullname) and base.name.startswith("Many"):
            # A class of the library comes from mypy's cache, without its body; its name says the same.
            return scope.find_info(f"{base.module_name}.{base.name.removeprefix('Many')}")
    return None


# Rules


def exchange_arguments(scope: Scope, declaration: Declaration) -> Exchange:
    """Read any ``Field[value, input, representation, instance]`` from its own type arguments."""
    field = scope.find_info(names.FIELD)
    if field is None:
        return ANY, ANY
    arguments = map_instance_to_supertype(declaration.field, field).args
    return arguments[2], arguments[0]


def _exchange_related(scope: Scope, declaration: Declaration) -> Exchange:
    output, _ = exchange_arguments(scope, declaration)
    return output, _get_row(scope, declaration)


def _exchange_pk(scope: Scope, declaration: Declaration) -> Exchange:
    if declaration.get("pk_field") is not None:
        return ANY, _get_row(scope, declaration)
    return scope.get_pk_type(_find_model(scope, declaration)), _get_row(scope, declaration)


def _exchange_many(scope: Scope, declaration: Declaration) -> Exchange:
    one = _find_one(scope, declaration.field.type)
    if one is None or one.has_base(names.MANY_RELATION):
        return scope.build_list(ANY), scope.build_list(ANY)
    rule = next(RELATION_RULES[base.fullname] for base in one.mro if base.fullname in RELATION_RULES)
    made = fill_typevars_with_any(one)
    output, value = rule(scope, replace(declaration, field=made)) if isinstance(made, Instance) else (ANY, ANY)
    return scope.build_list(output), scope.build_list(value)


def _exchange_row_for_pk(scope: Scope, declaration: Declaration) -> Exchange:
    model = _find_model(scope, declaration)
    try:
        column = read(declaration.get("lookup_field")) if declaration.get("lookup_field") is not None else "pk"
    except UnknownValueError:
        column = None
    return ANY if column is None else scope.get_column_type(model, str(column)), _get_value(scope, declaration)


def _exchange_row_for_str(scope: Scope, declaration: Declaration) -> Exchange:
    return scope.build("builtins.str"), _get_value(scope, declaration)


def _exchange_row_for_data(scope: Scope, declaration: Declaration) -> Exchange:
    given = declaration.get("serializer")
    serializer = _find_serializer(scope, declaration.get("serializer_class") if given is None else given)
    output = scope.build_dict() if serializer is None else scope.get_shape(serializer, names.DATA)
    return output, _get_value(scope, declaration)


def _exchange_row_for_custom(scope: Scope, declaration: Declaration) -> Exchange:
    return scope.get_callable_result(declaration.get("output")), _get_value(scope, declaration)


def _exchange_row(scope: Scope, declaration: Declaration) -> Exchange:
    output, _ = exchange_arguments(scope, declaration)
    return output, _get_value(scope, declaration)


# Values


def _get_value(scope: Scope, declaration: Declaration) -> Type:
    """Return what a relation field of the library validates to: a row, or the data of one to be written."""
    field = declaration.field.type
    row = _get_row(scope, declaration)
    if not field.has_base(names.DATA_INPUT):
        return row
    stated = next((base for base in field.mro if "accepts" in base.names), None)
    if stated is None or stated.fullname == names.DATA_INPUT:
        return scope.build_dict()
    return row if names.is_library(stated.fullname) else UnionType.make_union([row, scope.build_dict()])


def _get_row(scope: Scope, declaration: Declaration) -> Type:
    model = _find_model(scope, declaration)
    return ANY if model is None else fill_typevars_with_any(model)


def _find_model(scope: Scope, declaration: Declaration) -> TypeInfo | None:
    """Return the model of ``queryset=``, whose leftmost name is one, or else the model the relation leads to."""
    expression = declaration.get("queryset")
    while isinstance(expression, CallExpr | MemberExpr):
        expression = expression.callee if isinstance(expression, CallExpr) else expression.expr
        if isinstance(expression, RefExpr) and isinstance(expression.node, TypeInfo):
            return expression.node
    return None if declaration.source is None else scope.get_related_model(declaration.source)


def _find_serializer(scope: Scope, expression: Expression | None) -> TypeInfo | None:
    """Return the serializer that a class, a dotted path or a callable without arguments stands for."""
    match expression:
        case StrExpr(value=path):
            return _find_named(scope, path, expression)
        case RefExpr(node=TypeInfo() as info):
            return info
        case LambdaExpr():
            returned = expression.body.body[-1]
            return _find_serializer(scope, returned.expr) if isinstance(returned, ReturnStmt) else None
        case RefExpr():
            result = get_proper_type(scope.get_callable_result(expression))
            item = get_proper_type(result.item) if isinstance(result, TypeType) else None
            return item.type if isinstance(item, Instance) else None
        case _:
            return None


def _find_named(scope: Scope, path: str, where: Expression) -> TypeInfo | None:
    found = scope.find_info(path) if "." in path else None
    if found is not None and found.has_base(names.BASE_SERIALIZER):
        return found
    near = f"{scope.info.module_name}.{path.rpartition('.')[2]}"
    hint = f'; did you mean "{near}"?' if scope.find_info(near) else '; write it as "package.module.ClassName"'
    scope.fail(Fault.SERIALIZER_REFERENCE, f'"{path}" names no serializer{hint}', where)
    return None


#: How the classes of relation fields give and take; the first one in the order of inheritance counts.
RELATION_RULES: Final[Mapping[str, Rule]] = {
    names.RELATED_FIELD: _exchange_related,
    "rest_framework.relations.PrimaryKeyRelatedField": _exchange_pk,
    names.RELATION: _exchange_row,
    names.MANY_RELATION: _exchange_many,
    f"{names.OUTPUTS}.CustomOutput": _exchange_row_for_custom,
    f"{names.OUTPUTS}.DataOutput": _exchange_row_for_data,
    f"{names.OUTPUTS}.PkOutput": _exchange_row_for_pk,
    f"{names.OUTPUTS}.SlugOutput": _exchange_row_for_str,
    f"{names.OUTPUTS}.StrOutput": _exchange_row_for_str,
}
