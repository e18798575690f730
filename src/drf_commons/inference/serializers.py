"""What one serializer gives and takes, as the TypedDicts ``Data``, ``ValidatedData`` and ``PartialData``."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any, Final, cast

from mypy.nodes import (
    AssignmentExpr,
    CallExpr,
    CastExpr,
    ConditionalExpr,
    Context,
    Expression,
    IndexExpr,
    ListExpr,
    NameExpr,
    RefExpr,
    StrExpr,
    TupleExpr,
    TypeInfo,
    Var,
)
from mypy.types import Instance, LiteralType, NoneType, Type, TypedDictType, get_proper_type

from drf_commons.inference import names
from drf_commons.inference.automatic import read_automatic
from drf_commons.inference.bodies import Doings, find_doings
from drf_commons.inference.declarations import WHOLE, FieldShape
from drf_commons.inference.errors import Fault, suggest
from drf_commons.inference.fields import read_declared
from drf_commons.inference.scope import Scope, is_optional
from drf_commons.inference.shapes import ANY, fill, fill_hidden, find_hidden, give_up, keep
from drf_commons.inference.stated import Inferred
from drf_commons.inference.syntax import UNKNOWN, UnknownValueError, get_assignments, get_changed

__all__ = ["infer_shapes"]

_OUTPUTS: Final = "@outputs"
_VALUES: Final = "@values"
_SOURCES: Final = "@sources"
#: What a serializer may override to make its fields its own affair.
_FIELD_METHODS: Final = frozenset(
    {
        *("get_fields", "fields", "get_field_names", "get_default_field_names", "get_declared_fields", "build_field"),
        *("get_extra_kwargs", "get_uniqueness_extra_kwargs", "include_extra_kwargs", "build_standard_field"),
        *("build_relational_field", "build_nested_field", "build_property_field", "build_url_field"),
        *("serializer_field_mapping", "serializer_related_field", "serializer_related_to_field", "url_field_name"),
        *("serializer_url_field", "serializer_choice_field"),
    }
)
_OUTPUT_METHODS: Final = frozenset({"data", "to_representation"})
_INPUT_METHODS: Final = frozenset({"validated_data", "run_validation", "to_internal_value"})
#: What a field may be called as well.
_FIELD_NAMES: Final = frozenset({"fields", "data", "validated_data"})
#: What ``Meta`` says that DRF needs to make the automatic fields.
_FIELD_OPTIONS: Final = ("fields", "exclude", "read_only_fields")
#: Further arguments of a field that decide on its types, or on whether its key is there.
_DECISIVE: Final = frozenset(
    {
        "read_only",
        "write_only",
        "required",
        "allow_null",
        "allow_blank",
        "source",
        "choices",
        "coerce_to_string",
        "format",
    }
)


class _UnknowableError(Exception):
    """The shape of a serializer is only known at runtime."""


def infer_shapes(scope: Scope) -> dict[str, Inferred]:
    """Fill in the shapes of the serializer *scope* stands for, or fall back to ``dict[str, Any]``.

    Returns the shapes that could be inferred.
    """
    _declare_dependencies(scope)
    on_fields, on_data = find_doings(scope)
    try:
        fields = _get_fields(scope, on_fields)
    except _UnknowableError:
        for shape in names.SHAPES:
            give_up(scope.api, scope.info, shape)
        return {}
    inferred = _infer_output(scope, fields) | _infer_input(scope, fields, on_data)
    if on_fields.removed:
        inferred = {shape: replace(found, required=()) for shape, found in inferred.items()}
    for shape in names.SHAPES:
        if shape in inferred:
            fill(scope.api, scope.info, shape, inferred[shape].items, inferred[shape].required)
        elif shape == names.DATA and (rendered := _get_rendered(scope)) is not None:
            keep(scope.api, scope.info, shape, rendered)
        else:
            give_up(scope.api, scope.info, shape)
    return inferred


def _infer_output(scope: Scope, fields: dict[str, FieldShape]) -> dict[str, Inferred]:
    if not _renders_fields(scope):
        return {}
    outputs = {name: field.output for name, field in fields.items() if not field.write_only}
    always = {name for name in outputs if not _may_be_left_out(scope, fields[name])}
    return {names.DATA: Inferred(items=outputs, required=always)}


def _get_rendered(scope: Scope) -> Type | None:
    """Return what the serializer's own ``to_representation()`` returns; ``None`` where that is a dict of anything."""
    if not _overrides(scope, {"to_representation"}):
        return None
    returned = scope.get_method_result("to_representation")
    proper = get_proper_type(returned)
    # DRF makes a dict of its own of whatever mapping there is.
    is_mapping = isinstance(proper, Instance) and proper.type.has_base("typing.Mapping")
    return None if is_mapping else returned


def _renders_fields(scope: Scope) -> bool:
    """Tell whether the output is made of the fields: by DRF, or by a method that says it returns the same."""
    if not _overrides(scope, _OUTPUT_METHODS):
        return True
    proper = None if (rendered := _get_rendered(scope)) is None else get_proper_type(rendered)
    return isinstance(proper, TypedDictType) and proper.fallback.type.fullname == f"{scope.info.fullname}._{names.DATA}"


def _infer_input(scope: Scope, fields: dict[str, FieldShape], doings: Doings) -> dict[str, Inferred]:
    if doings.is_open or _overrides(scope, _INPUT_METHODS):
        return {}
    values, required = _get_values(scope, fields)
    values |= dict.fromkeys(doings.changed, ANY)
    return {
        names.VALIDATED: Inferred(items=values, required=required - doings.removed),
        names.PARTIAL: Inferred(items=values),
    }


def _overrides(scope: Scope, methods: AbstractSet[str]) -> bool:
    """Tell whether the project has a method or property of its own by one of these names; a field is none."""
    return any(
        name not in _FIELD_NAMES or not isinstance(base.names[name].node, Var)
        for base in scope.own_bases
        for name in base.names.keys() & methods
    )


def _declare_dependencies(scope: Scope) -> None:
    own = scope.info.fullname
    for shape, attribute in (
        (names.DATA, "data"),
        (names.VALIDATED, "validated_data"),
        (names.PARTIAL, "validated_data"),
    ):
        scope.relay(f"{own}.{shape}", f"{own}.{attribute}")
        scope.relay(f"{own}.{shape}", f"{own}.__init__")
    for base in scope.own_bases[1:]:
        if base.has_base(names.SERIALIZER):
            for shape in names.SHAPES:
                scope.depend_on(f"{base.fullname}.{shape}")


def _get_fields(scope: Scope, doings: Doings) -> dict[str, FieldShape]:
    """Return the fields in the order DRF has them; raise when only the running program knows them."""
    if doings.is_open or _overrides(scope, _FIELD_METHODS):
        raise _UnknowableError
    declared = _get_declared(scope)
    if not scope.info.has_base(names.MODEL_SERIALIZER) or not (scope.meta or scope.has_foreign_meta):
        return declared
    unread = UNKNOWN in [scope.meta.get(key) for key in (*_FIELD_OPTIONS, "extra_kwargs")]
    # A base class may leave the fields to the classes below.
    has_fields = not {"fields", "exclude"}.isdisjoint(scope.meta)
    if scope.has_foreign_meta or scope.model is None or scope.meta.get("depth") or unread or not has_fields:
        raise _UnknowableError
    return _add_automatic(scope, scope.model, declared)


def _add_automatic(scope: Scope, model: Any, declared: dict[str, FieldShape]) -> dict[str, FieldShape]:
    options: dict[str, Any] = {key: scope.meta[key] for key in _FIELD_OPTIONS if scope.meta.get(key) is not None}
    if scope.meta.get("extra_kwargs"):
        options["extra_kwargs"] = _read_extra_kwargs(scope.meta["extra_kwargs"])
    try:
        fields = scope.registry.build_fields(
            scope.info.fullname, model, options, declared, linked=scope.info.has_base(names.LINKED_SERIALIZER)
        )
    except Exception as exc:  # DRF's own words on what is wrong with Meta are the best there are
        if scope.names_model and not _is_newer_than_runtime(scope, options):
            _report_meta(scope, str(exc))
        raise _UnknowableError from exc
    return {
        name: declared[name] if name in declared else read_automatic(scope, name, field)
        for name, field in fields.items()
    }


def _read_extra_kwargs(kwargs: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the further arguments of fields that can be read; raise where one decides on types and cannot be."""
    known: dict[str, dict[str, Any]] = {}
    for field, extra in kwargs.items():
        if extra == UNKNOWN or any(extra[name] == UNKNOWN for name in _DECISIVE & extra.keys()):
            raise _UnknowableError
        known[field] = {name: value for name, value in extra.items() if value != UNKNOWN}
    return known


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
    for base in reversed(scope.own_bases[1:]):
        inherited |= _recall(scope, base)
    own: dict[str, FieldShape] = {}
    if get_changed(scope.info):
        raise _UnknowableError
    for name, expression in get_assignments(scope.info).items():
        if isinstance(expression, NameExpr) and expression.fullname == "builtins.None":
            inherited.pop(name, None)  # removes an inherited field
        elif (shape := _read_field(scope, name, expression)) is not None:
            own[name] = shape
            _allow_any_name(scope.info, name)
    _keep(scope, own)
    return inherited | own


def _read_field(scope: Scope, name: str, expression: Expression) -> FieldShape | None:
    """Return the shape of a declared field, or ``None`` where *expression* is no field."""
    while isinstance(expression, CallExpr) and isinstance(expression.analyzed, CastExpr):
        expression = expression.analyzed.expr
    if isinstance(expression, CallExpr):
        try:
            return read_declared(scope, name, expression)
        except UnknownValueError as exc:
            raise _UnknowableError from exc
    if isinstance(expression, ConditionalExpr | IndexExpr | AssignmentExpr) or _is_field(expression):
        raise _UnknowableError  # made elsewhere, with options that are not to be seen here
    return None


def _is_field(expression: Expression) -> bool:
    """Tell whether *expression* is the name of a variable that may hold a field."""
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
    for name, field in fields.items():
        if field.read_only or field.source in {WHOLE, None}:
            continue
        attribute, dotted, _ = str(field.source).partition(".")
        check = f"validate_{name}"
        value = scope.get_method_result(check) if _overrides(scope, {check}) else field.value
        values[attribute] = scope.build_dict() if dotted else value
        if field.present:
            required.add(attribute)
    return values, required
