"""What a viewset says of its model: which rows, which serializer, and which fields its configuration names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from mypy.maptype import map_instance_to_supertype
from mypy.nodes import (
    CallExpr,
    Context,
    DictExpr,
    Expression,
    ListExpr,
    MemberExpr,
    RefExpr,
    StrExpr,
    TupleExpr,
    TypeInfo,
)
from mypy.semanal import SemanticAnalyzer
from mypy.types import Instance, get_proper_type
from mypy.typevars import fill_typevars_with_any

from drf_commons.inference import names
from drf_commons.inference.errors import Fault, suggest
from drf_commons.inference.registry import Registry
from drf_commons.inference.syntax import get_arguments, get_assignments, get_positional, read_meta

__all__ = ["check_view"]

_EXPRESSIONS: Final = ("django.db.models.expressions.F", "django.db.models.aggregates.Aggregate")
#: Methods that give a queryset names its model does not have.
_NAMING: Final = frozenset({"alias", "annotate", "extra"})


def check_view(
    api: SemanticAnalyzer, info: TypeInfo, registry: Registry, find_info: Callable[[str], TypeInfo | None]
) -> None:
    """Report what does not fit the view's model."""
    _ViewCheck(api, info, registry, find_info).run()


class _ViewCheck:
    def __init__(
        self,
        api: SemanticAnalyzer,
        info: TypeInfo,
        registry: Registry,
        find_info: Callable[[str], TypeInfo | None],
    ) -> None:
        self._api = api
        self._info = info
        self._registry = registry
        self._find_info = find_info
        self._body = get_assignments(info)

    def run(self) -> None:
        stated = self._get_argument(self._info, names.GENERIC_VIEW)
        queryset = self._body.get("queryset")
        serializer = self._body.get("serializer_class")
        rows = _find_leftmost_class(queryset)
        model = stated or rows
        if model is None:
            return
        if (
            rows is not None
            and not rows.has_base(model.fullname)
            and queryset is not None
            and rows.has_base(names.MODEL)
        ):
            self._fail_model(f'queryset has rows of "{rows.name}"', model, f"use {model.name}.objects", queryset)
        if isinstance(serializer, RefExpr) and isinstance(serializer.node, TypeInfo):
            written = self._get_serializer_model(serializer.node)
            if written is not None and not (written.has_base(model.fullname) or model.has_base(written.fullname)):
                fix = f'name a serializer of "{model.name}"'
                self._fail_model(f'"{serializer.node.name}" is of "{written.name}"', model, fix, serializer)
        self._check_configuration(model, queryset)

    # Models

    def _get_argument(self, info: TypeInfo, base: str) -> TypeInfo | None:
        """Return the model that *info* gives its base class as a type argument."""
        found, own = self._find_info(base), fill_typevars_with_any(info)
        if found is None or not isinstance(own, Instance):
            return None
        argument = get_proper_type(map_instance_to_supertype(own, found).args[0])
        return argument.type if isinstance(argument, Instance) and argument.type.has_base(names.MODEL) else None

    def _get_serializer_model(self, serializer: TypeInfo) -> TypeInfo | None:
        meta = serializer.get("Meta")
        if meta is not None and isinstance(meta.node, TypeInfo) and not names.is_library(meta.node.fullname):
            model = read_meta(meta.node).get("model")
            return self._find_info(model) if isinstance(model, str) else None
        return self._get_argument(serializer, names.BASE_SERIALIZER)

    def _fail_model(self, what: str, model: TypeInfo, fix: str, where: Context) -> None:
        self._api.fail(
            f'{what}, and "{self._info.name}" is of "{model.name}": {fix}', where, code=Fault.VIEW_MODEL.code
        )

    # Configuration

    def _check_configuration(self, model: TypeInfo, queryset: Expression | None) -> None:
        has_own_rows = _adds_names(queryset) or "get_queryset" in self._info.names
        computed = self._body.get("computed_ordering_fields")
        if isinstance(computed, DictExpr) and not has_own_rows:
            for _, value in computed.items:
                for path in _find_paths(value):
                    self._check_path(model, path)
        exported = self._body.get("export_field_config")
        if isinstance(exported, DictExpr) and not has_own_rows:
            known = self._get_attributes(model)
            for path in filter(None, (_get_exported(key, value) for key, value in exported.items)):
                self._check_name(model, path.value.replace(".", "__").partition("__")[0], known, path)
        imported = self._body.get("import_file_config")
        for option in ("models", "steps"):
            for step in _get_values(_get_item(imported, option)):
                self._check_step(step)

    def _check_step(self, step: Expression) -> None:
        """Check one model of an import: the columns it takes, by which it is found, and which lead to other rows."""
        model = self._find_named_model(_get_item(step, "model"))
        if model is None:
            return
        links = [
            (name, link)
            for option in ("foreign_keys", "many_to_many", "references")
            if isinstance(keys := _get_item(step, option), DictExpr)
            for name, link in keys.items
            if name is not None
        ]
        known = self._get_fields(model)
        sources = [_get_item(link, "source_field") for _, link in links]
        taken = known | {source.value for source in sources if isinstance(source, StrExpr)}
        for option, allowed in (("fields", taken), ("unique_fields", taken)):
            for column in _iterate(_get_item(step, option)):
                self._check_name(model, column.value, allowed, column)
        for name, link in links:
            if isinstance(name, StrExpr):
                self._check_name(model, name.value, known, name)
            target, found_by = self._find_named_model(_get_item(link, "model")), _get_item(link, "lookup_field")
            if target is not None and isinstance(found_by, StrExpr):
                self._check_name(target, found_by.value, self._get_fields(target), found_by)

    def _find_named_model(self, expression: Expression | None) -> TypeInfo | None:
        if isinstance(expression, RefExpr) and isinstance(expression.node, TypeInfo):
            return expression.node if expression.node.has_base(names.MODEL) else None
        running = self._registry.find_labelled(expression.value) if isinstance(expression, StrExpr) else None
        return None if running is None else self._find_info(f"{running.__module__}.{running.__qualname__}")

    def _get_fields(self, model: TypeInfo) -> set[str]:
        running = self._registry.find_model(model.fullname)
        if running is None:
            return set()
        return {name for field in running._meta.fields for name in (field.name, field.attname)} | {
            "pk",
            *(field.name for field in running._meta.many_to_many),
        }

    def _get_attributes(self, model: TypeInfo) -> set[str]:
        """Return what a row of *model* has, rows that refer to it included."""
        running = self._registry.find_model(model.fullname)
        related = () if running is None else running._meta.related_objects
        written = {name for base in model.mro[:-1] for name in base.names}
        return self._get_fields(model) | written | {relation.get_accessor_name() or "" for relation in related}

    def _check_path(self, model: TypeInfo, path: StrExpr) -> None:
        running = self._registry.find_model(model.fullname)
        unknown = None if running is None else self._registry.find_unknown_part(running, path.value.lstrip("-"))
        if unknown is not None:
            self._fail_name(*unknown, path)

    def _check_name(self, model: TypeInfo, name: str, known: set[str], where: Context) -> None:
        if known and name not in known:
            self._fail_name(model.name, name, known, where)

    def _fail_name(self, model: str, name: str, known: Iterable[str], where: Context) -> None:
        message = f'"{model}" has no field "{name}"{suggest(name, known)}'
        self._api.fail(message, where, code=Fault.VIEW_FIELDS.code)


def _find_leftmost_class(expression: Expression | None) -> TypeInfo | None:
    while isinstance(expression, CallExpr | MemberExpr):
        expression = expression.callee if isinstance(expression, CallExpr) else expression.expr
        if isinstance(expression, RefExpr) and isinstance(expression.node, TypeInfo):
            return expression.node if expression.node.has_base(names.MODEL) else None
    return None


def _adds_names(queryset: Expression | None) -> bool:
    """Tell whether a queryset may know more names than its model."""
    expression = queryset
    while isinstance(expression, CallExpr | MemberExpr):
        if isinstance(expression, MemberExpr) and expression.name in _NAMING:
            return True
        expression = expression.callee if isinstance(expression, CallExpr) else expression.expr
    return not isinstance(expression, RefExpr) or not isinstance(expression.node, TypeInfo)


def _find_paths(value: Expression) -> Iterator[StrExpr]:
    """Yield the names of fields in the value of a computed key."""
    match value:
        case StrExpr():
            yield value
        case ListExpr() | TupleExpr():
            for item in value.items:
                yield from _find_paths(item)
        case CallExpr(callee=MemberExpr(name="asc" | "desc", expr=inner)):
            yield from _find_paths(inner)
        case CallExpr(callee=RefExpr(node=TypeInfo() as made)) if any(map(made.has_base, _EXPRESSIONS)):
            first = get_positional(value, 0)
            if isinstance(first, StrExpr) and first.value != "*":
                yield first
        case _:
            return


def _get_exported(name: Expression | None, value: Expression) -> StrExpr | None:
    """Return where the values of a column come from; nothing for options that are not ours."""
    path = _get_item(value, "path")
    if path is None and isinstance(value, DictExpr | CallExpr) and _get_item(value, "label") is None:
        return None
    found = name if path is None else path
    return found if isinstance(found, StrExpr) else None


def _get_values(expression: Expression | None) -> list[Expression]:
    """Return the steps of an import, which stand in a list or under their names."""
    match expression:
        case DictExpr():
            return [value for _, value in expression.items]
        case ListExpr() | TupleExpr():
            return list(expression.items)
        case _:
            return []


def _get_item(expression: Expression | None, key: str) -> Expression | None:
    """Return an option, of a dict or of a call like ``ModelStep(model=...)``."""
    if isinstance(expression, CallExpr):
        return get_arguments(expression).get(key)
    if not isinstance(expression, DictExpr):
        return None
    return next((value for name, value in expression.items if isinstance(name, StrExpr) and name.value == key), None)


def _iterate(expression: Expression | None) -> list[StrExpr]:
    items: list[Any] = expression.items if isinstance(expression, ListExpr | TupleExpr) else []
    return [item for item in items if isinstance(item, StrExpr)]
