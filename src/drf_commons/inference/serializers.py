"""What one serializer gives and takes, as the TypedDicts ``Data``, ``ValidatedData`` and ``PartialData``."""

from __future__ import annotations

from typing import Any, Final, cast

from mypy.nodes import (
    CallExpr,
    Context,
    Expression,
    FuncDef,
    ListExpr,
    NameExpr,
    RefExpr,
    StrExpr,
    TupleExpr,
    TypeInfo,
    Var,
)
from mypy.types import AnyType, Instance, LiteralType, NoneType, Type, get_proper_type

from drf_commons.inference import names
from drf_commons.inference.automatic import read_automatic
from drf_commons.inference.declarations import WHOLE, FieldShape
from drf_commons.inference.errors import Fault, suggest
from drf_commons.inference.fields import read_declared
from drf_commons.inference.scope import Scope, is_optional
from drf_commons.inference.shapes import fill, fill_hidden, find_hidden, give_up
from drf_commons.inference.stated import Inferred
from drf_commons.inference.syntax import UNKNOWN, get_assignments

__all__ = ["infer_shapes"]

_OUTPUTS: Final = "@outputs"
_VALUES: Final = "@values"
_SOURCES: Final = "@sources"
#: What a serializer may override to make its shape its own affair.
_DYNAMIC: Final = ("to_representation", "get_fields", "fields", "data", "get_field_names", "build_field")
#: What ``Meta`` says that DRF needs to make the automatic fields.
_FIELD_OPTIONS: Final = ("fields", "exclude", "read_only_fields")


class _UnknowableError(Exception):
    """The shape of a serializer is only known at runtime."""


def infer_shapes(scope: Scope) -> dict[str, Inferred]:
    """Fill in the shapes of the serializer *scope* stands for, or fall back to ``dict[str, Any]``.

    Returns the shapes that could be inferred.
    """
    _declare_dependencies(scope)
    try:
        fields = _get_fields(scope)
    except _UnknowableError:
        for shape in names.SHAPES:
            give_up(scope.api, scope.info, shape)
        return {}
    outputs = {name: field.output for name, field in fields.items() if not field.write_only}
    always = {name for name in outputs if not _may_be_left_out(scope, fields[name])}
    values, required = _get_values(scope, fields)
    inferred = {
        names.DATA: Inferred(items=outputs, required=always),
        names.VALIDATED: Inferred(items=values, required=required),
        names.PARTIAL: Inferred(items=values),
    }
    for shape, found in inferred.items():
        fill(scope.api, scope.info, shape, found.items, found.required)
    return inferred


def _declare_dependencies(scope: Scope) -> None:
    own = scope.info.fullname
    for shape, attribute in (
        (names.DATA, "data"),
        (names.VALIDATED, "validated_data"),
        (names.PARTIAL, "validated_data"),
    ):
        scope.relay(f"{own}.{shape}", f"{own}.{attribute}")
        scope.relay(f"{own}.{shape}", f"{own}.__init__")
        for base in scope.info.mro[1:]:
            if base.has_base(names.SERIALIZER) and not names.is_library(base.fullname):
                scope.depend_on(f"{base.fullname}.{shape}")


def _get_fields(scope: Scope) -> dict[str, FieldShape]:
    """Return the fields in the order DRF has them; raise when only the running program knows them."""
    for base in scope.info.mro:
        if names.is_library(base.fullname):
            break
        if any(name in base.names for name in _DYNAMIC):
            raise _UnknowableError
    declared = _get_declared(scope)
    if not scope.info.has_base(names.MODEL_SERIALIZER) or not scope.meta:
        return declared
    if scope.model is None or scope.meta.get("depth") or UNKNOWN in [scope.meta.get(key) for key in _FIELD_OPTIONS]:
        raise _UnknowableError
    return _add_automatic(scope, scope.model, declared)


def _add_automatic(scope: Scope, model: Any, declared: dict[str, FieldShape]) -> dict[str, FieldShape]:
    options: dict[str, Any] = {key: scope.meta[key] for key in _FIELD_OPTIONS if scope.meta.get(key) is not None}
    kwargs: Any = scope.meta.get("extra_kwargs", UNKNOWN)
    if kwargs != UNKNOWN:
        options["extra_kwargs"] = {
            field: {name: value for name, value in extra.items() if value != UNKNOWN}
            for field, extra in kwargs.items()
            if extra != UNKNOWN
        }
    try:
        fields = scope.registry.build_fields(scope.info.fullname, model, options, declared)
    except Exception as exc:  # DRF's own words on what is wrong with Meta are the best there are
        if not _is_newer_than_runtime(scope, options):
            _report_meta(scope, str(exc))
        raise _UnknowableError from exc
    return {
        name: declared[name] if name in declared else read_automatic(scope, name, field)
        for name, field in fields.items()
    }


def _report_meta(scope: Scope, message: str) -> None:
    """Report DRF's *message* on ``Meta`` at the entry it quotes, with the name that was probably meant."""
    where: Context = scope.info
    symbol = scope.info.names.get("Meta")
    if symbol is not None and isinstance(symbol.node, TypeInfo):
        where = symbol.node
        for name, expression in get_assignments(symbol.node).items():
            if name in _FIELD_OPTIONS and isinstance(expression, ListExpr | TupleExpr):
                quoted = [
                    item for item in expression.items if isinstance(item, StrExpr) and f"`{item.value}`" in message
                ]
                where = quoted[0] if quoted else where
    if isinstance(where, StrExpr):
        message += suggest(where.value, scope.get_attribute_names())
    scope.fail(Fault.SERIALIZER_META, message, where)


def _is_newer_than_runtime(scope: Scope, options: dict[str, Any]) -> bool:
    """Tell whether ``Meta`` names something the model has in its source and not in the running daemon."""
    wanted: Any = options.get("fields")
    info, model = scope.model_info, scope.model
    if info is None or model is None or not isinstance(wanted, list):
        return False
    return any(info.get(name) is not None and not hasattr(model, name) for name in cast("list[str]", wanted))


# Declared fields


def _get_declared(scope: Scope) -> dict[str, FieldShape]:
    """Return all declared fields, those of base classes first, and keep the own ones for subclasses."""
    inherited: dict[str, FieldShape] = {}
    for base in reversed(scope.info.mro[1:]):
        inherited |= _recall(scope, base)
    own: dict[str, FieldShape] = {}
    for name, expression in get_assignments(scope.info).items():
        if isinstance(expression, CallExpr):
            shape = read_declared(scope, name, expression)
            if shape is not None:
                own[name] = shape
                _allow_any_name(scope.info, name)
            elif _makes_anything(expression):
                raise _UnknowableError
        elif isinstance(expression, NameExpr) and expression.fullname == "builtins.None":
            inherited.pop(name, None)  # removes an inherited field
        elif _is_field(expression):
            raise _UnknowableError  # made elsewhere, with options that are not to be seen here
    _keep(scope, own)
    return inherited | own


def _makes_anything(call: CallExpr) -> bool:
    """Tell whether *call* calls a variable or a function of unknown type: it may make a field."""
    node = call.callee.node if isinstance(call.callee, RefExpr) else None
    if isinstance(node, FuncDef):
        return node.type is None
    return isinstance(node, Var) and (node.type is None or isinstance(get_proper_type(node.type), AnyType))


def _is_field(expression: Expression) -> bool:
    """Tell whether *expression* is the name of a variable that holds a field."""
    node = expression.node if isinstance(expression, RefExpr) else None
    known = get_proper_type(node.type) if isinstance(node, Var) else None
    return isinstance(known, Instance) and known.type.has_base(names.FIELD)


def _allow_any_name(info: TypeInfo, name: str) -> None:
    """Let a field be called ``label`` or ``source``: DRF takes declared fields out of the class."""
    symbol = info.names.get(name)
    if symbol is not None and isinstance(symbol.node, Var):
        symbol.node.allow_incompatible_override = True


def _keep(scope: Scope, fields: dict[str, FieldShape]) -> None:
    """Keep declared fields as types; flags stand in the sets of required and read-only keys."""
    api, info = scope.api, scope.info
    outputs = {name: field.output for name, field in fields.items()}
    fill_hidden(api, info, _OUTPUTS, outputs, {name for name, field in fields.items() if not field.write_only})
    fill_hidden(
        api,
        info,
        _VALUES,
        {name: field.value for name, field in fields.items()},
        {name for name, field in fields.items() if field.present},
        {name for name, field in fields.items() if field.read_only},
    )
    text = api.named_type("builtins.str")
    sources: dict[str, Type] = {
        name: NoneType() if field.source is None else LiteralType(field.source, text) for name, field in fields.items()
    }
    fill_hidden(api, info, _SOURCES, sources)


def _recall(scope: Scope, base: TypeInfo) -> dict[str, FieldShape]:
    outputs, values, sources = (find_hidden(base, name) for name in (_OUTPUTS, _VALUES, _SOURCES))
    if outputs is None or values is None or sources is None:
        return {}
    for name in (_OUTPUTS, _VALUES, _SOURCES):
        scope.depend_on(f"{base.fullname}.{name}")
    return {
        name: FieldShape(
            output=output,
            value=values.items[name],
            source=_get_source(sources.items[name]),
            read_only=name in values.readonly_keys,
            write_only=name not in outputs.required_keys,
            present=name in values.required_keys,
        )
        for name, output in outputs.items.items()
    }


def _get_source(kept: Type) -> str | None:
    proper = get_proper_type(kept)
    return str(proper.value) if isinstance(proper, LiteralType) else None


# Which keys are there


def _may_be_left_out(scope: Scope, field: FieldShape) -> bool:
    """Tell whether DRF leaves the key out of the data: the attribute is missing, and the field is not required."""
    if field.source in {WHOLE, None} or (field.present and not field.read_only) or is_optional(field.output):
        return False
    if scope.model_info is None:
        return True
    source = str(field.source)
    first = source.partition(".")[0]
    return (first != "pk" and scope.model_info.get(first) is None) or scope.may_break_off(source)


def _get_values(scope: Scope, fields: dict[str, FieldShape]) -> tuple[dict[str, Type], set[str]]:
    """Return the validated values by attribute, and which of them are always there."""
    values: dict[str, Type] = {}
    required: set[str] = set()
    for field in fields.values():
        if field.read_only or field.source in {WHOLE, None}:
            continue
        attribute, dotted, _ = str(field.source).partition(".")
        values[attribute] = scope.build_dict() if dotted else field.value
        if field.present:
            required.add(attribute)
    return values, required
