"""What is wrong with a configuration: unknown keys, and what its models know nothing of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from django.core.exceptions import FieldDoesNotExist
from django.db import models
from pydantic import ValidationError

from drf_commons.errors import InvalidImportConfigError
from drf_commons.services.importing.config import (
    ForeignKeyLookup,
    ImportConfig,
    ManyToManyLookup,
    ModelStep,
    resolve_model,
    suggest,
)

if TYPE_CHECKING:
    from django.db.models.options import Options

__all__ = ["find_column", "find_faults", "get_sources", "must_be_given", "read_config"]

FieldAny: TypeAlias = "models.Field[Any, Any]"


def read_config(config: ImportConfig | Mapping[str, Any], owner: str = "import configuration") -> ImportConfig:
    """Return *config*, typed and checked against its models.

    Raises :class:`~drf_commons.errors.InvalidImportConfigError`, which names *owner* and lists every fault.
    """
    try:
        typed = config if isinstance(config, ImportConfig) else ImportConfig.model_validate(config)
    except ValidationError as exc:
        raise InvalidImportConfigError(owner, _describe(exc, config)) from None
    faults = find_faults(typed)
    if faults:
        raise InvalidImportConfigError(owner, faults)
    return typed


def find_faults(config: ImportConfig) -> Sequence[str]:
    """Return a line for everything that cannot work."""
    names = [step.step_name for step in config.steps]
    faults = [f"steps: {name!r} is the name of two steps" for name in {*names} if names.count(name) > 1]
    earlier: dict[str, type[models.Model]] = {}
    for step in config.steps:
        faults += [f"{step.step_name}.{fault}" for fault in _StepFaults(step, earlier).find()]
        earlier[step.step_name] = step.model_class
    sources = [*chain.from_iterable(get_sources(step) for step in config.steps)]
    faults += [
        f"columns: {header!r} stands for {source!r}, which no step takes{suggest(source, sources)}"
        for header, source in config.columns.items()
        if source not in sources
    ]
    return faults


def get_sources(step: ModelStep) -> Sequence[str]:
    """Return the columns that *step* reads, each once."""
    lookups = {**step.foreign_keys, **step.many_to_many}
    fed = [lookup.source_field or name for name, lookup in lookups.items()]
    return [*dict.fromkeys([*step.fields, *fed])]


def find_column(model: type[models.Model], name: str) -> FieldAny | None:
    """Return the field called *name*, as far as an import can fill it."""
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    if not isinstance(field, models.Field) or not (field.concrete or field.many_to_many) or field.generated:
        return None
    return field


def must_be_given(field: FieldAny) -> bool:
    """Tell whether a new row cannot do without a value for *field*."""
    fills_itself = (field.primary_key and (field.has_default() or field.db_returning)) or (
        getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)
    )
    can_be_blank = field.blank and (field.empty_strings_allowed or bool(field.many_to_many))
    return not (field.null or can_be_blank or field.has_default() or field.has_db_default() or fills_itself)


@dataclass(frozen=True, slots=True)
class _StepFaults:
    """The faults of one step."""

    step: ModelStep
    earlier: Mapping[str, type[models.Model]]

    def find(self) -> Iterator[str]:
        """Yield them all."""
        yield from self.find_unknown_fields()
        yield from self.find_bad_lookups()
        yield from self.find_bad_references()
        yield from self.find_unknown_sources()
        yield from self.find_doubly_fed()
        yield from self.find_unfed_keys()

    @property
    def opts(self) -> Options[Any]:
        return self.step.model_class._meta

    def find_unknown_fields(self) -> Iterator[str]:
        """Yield names that are no fields of the model."""
        step = self.step
        fed = {lookup.source_field for lookup in (*step.foreign_keys.values(), *step.many_to_many.values())}
        named = {
            "fields": [name for name in step.fields if name not in fed],
            "constants": step.constants,
            "computed": step.computed,
            "unique_fields": step.unique_fields,
            "foreign_keys": step.foreign_keys,
            "many_to_many": step.many_to_many,
            "references": step.references,
        }
        known = _list_fields(step.model_class)
        for option, names in named.items():
            for name in names:
                if find_column(step.model_class, name) is None:
                    text = f"{self.opts.label} has no field {name!r} that can be imported"
                    yield f"{option}: {text}{suggest(name, [*known, *filter(None, fed)])}"

    def find_bad_lookups(self) -> Iterator[str]:
        """Yield look-ups that are not those of a relation, or whose field is not one of the related model."""
        step = self.step
        for name, lookup in step.foreign_keys.items():
            yield from self.check_lookup("foreign_keys", name, lookup, many=False)
        for name, lookup in step.many_to_many.items():
            yield from self.check_lookup("many_to_many", name, lookup, many=True)

    def check_lookup(self, option: str, name: str, lookup: ForeignKeyLookup, *, many: bool) -> Iterator[str]:
        """Yield what is wrong with one look-up."""
        field = find_column(self.step.model_class, name)
        if field is None:
            return
        related = field.related_model
        if related is None or bool(field.many_to_many) is not many:
            kind = "many-to-many relation" if many else "foreign key"
            yield f"{option}: {name!r} is not a {kind}"
            return
        stated = None if lookup.model is None else resolve_model(lookup.model)
        if stated is not None and not issubclass(stated, related):
            yield f"{option}[{name!r}].model: the field points to {related._meta.label}, not to {stated._meta.label}"
        first = lookup.lookup_field.split("__")[0]
        if first != "pk" and find_column(related, first) is None:
            text = f"{related._meta.label} has no field {first!r}{suggest(first, _list_fields(related))}"
            yield f"{option}[{name!r}].lookup_field: {text}"
        if lookup.create_missing and (first != lookup.lookup_field or first == "pk"):
            yield f"{option}[{name!r}].create_missing: it needs a lookup_field that is a column of its own"
        elif lookup.create_missing and (lacking := [*_find_lacking(related, first)]):
            text = f"{related._meta.label} cannot do without {', '.join(map(repr, lacking))}"
            yield f"{option}[{name!r}].create_missing: {text}; make its rows in an earlier step"
        if many and not cast("Any", field.remote_field).through._meta.auto_created:
            yield f"{option}: {name!r} goes through a model of its own; import that model in a step"

    def find_bad_references(self) -> Iterator[str]:
        """Yield references to steps that do not come before, or that make rows of another model."""
        for name, target in self.step.references.items():
            field = find_column(self.step.model_class, name)
            if target not in self.earlier:
                yield f"references[{name!r}]: no earlier step is called {target!r}{suggest(target, self.earlier)}"
            elif field is not None and not (
                isinstance(field, models.ForeignKey) and issubclass(self.earlier[target], field.related_model)
            ):
                yield f"references: {name!r} is not a foreign key to {self.earlier[target]._meta.label}"

    def find_unknown_sources(self) -> Iterator[str]:
        """Yield names that stand for columns and are none."""
        sources = get_sources(self.step)
        named: Mapping[str, Sequence[str]] = {
            "columns": [*self.step.columns.values()],
            "transforms": [*self.step.transforms],
            "required": self.step.required,
        }
        for option, names in named.items():
            for name in names:
                if name not in sources:
                    yield f"{option}: {name!r} is no column of this step{suggest(name, sources)}"

    def find_doubly_fed(self) -> Iterator[str]:
        """Yield fields that get their value from two places."""
        fed = get_fed_fields(self.step)
        for name in dict.fromkeys(name for name in fed if fed.count(name) > 1):
            options = "fields, foreign_keys, references, constants, computed"
            yield f"{name!r} gets its value from two places: keep one of {options}"

    def find_unfed_keys(self) -> Iterator[str]:
        """Yield unique fields that get no value, or that are no columns."""
        fed = get_fed_fields(self.step)
        for name in self.step.unique_fields:
            field = find_column(self.step.model_class, name)
            if field is not None and (field.many_to_many or name not in fed):
                yield f"unique_fields: {name!r} gets no value from this step"
        if self.step.update_if_exists and not self.step.unique_fields:
            yield "update_if_exists: it needs unique_fields, by which a row is found again"


def _list_fields(model: type[models.Model]) -> Sequence[str]:
    """Return the names that may be meant: a column that the database generates is no way out."""
    fields = (*model._meta.concrete_fields, *model._meta.many_to_many)
    return [field.name for field in fields if find_column(model, field.name) is not None]


def _find_lacking(model: type[models.Model], name: str) -> Iterator[str]:
    """Yield the fields that a new row of *model* must be given besides *name*."""
    for field in model._meta.concrete_fields:
        # A field of a project's own may fill itself when it is saved.
        is_known = type(field).pre_save.__module__.startswith("django.db.models.")
        is_link = bool(getattr(field.remote_field, "parent_link", False))
        if field.name != name and is_known and not (is_link or field.generated) and must_be_given(field):
            yield field.name


def get_fed_fields(step: ModelStep) -> Sequence[str]:
    """Return the names of the fields that *step* gives a value, as often as it does."""
    lookups = {**step.foreign_keys, **step.many_to_many}
    sources = {lookup.source_field or name for name, lookup in lookups.items()}
    plain = [name for name in step.fields if name not in sources]
    return [*plain, *lookups, *step.references, *step.constants, *step.computed]


def _describe(error: ValidationError, config: object) -> Sequence[str]:
    """Return a line for each fault, spelt as the user wrote it."""
    names = _list_names(cast("Mapping[str, object]", config)) if isinstance(config, Mapping) else ()
    return [
        f"{_spell(fault['loc'], names)}{_explain(fault['type'], fault['loc'], fault['msg'])}"
        for fault in error.errors()
    ]


def _list_names(config: Mapping[str, object]) -> Sequence[str]:
    """Return the names of the steps in a dict, in their order."""
    names = config.get("order") or config.get("models")
    return [*cast("Iterable[str]", names)] if isinstance(names, Iterable) else ()


def _spell(path: tuple[int | str, ...], names: Sequence[str]) -> str:
    """Return where a fault is; a step of a dict goes by its name."""
    match path:
        case ("steps", int(index), *rest) if index < len(names):
            parts: Sequence[object] = ["models", names[index], *rest]
        case _:
            parts = path
    text = "".join(f"[{part!r}]" for part in parts)
    return f"{text}: " if text else ""


def _explain(kind: str, path: tuple[int | str, ...], message: str) -> str:
    if kind == "extra_forbidden":
        return f"unknown key{suggest(str(path[-1]), _list_keys(path))}"
    message = message.removeprefix("Value error, ").removeprefix("Input ")
    return f"{message[:1].lower()}{message[1:]}"


def _list_keys(path: tuple[int | str, ...]) -> Sequence[str]:
    """Return the keys there are beside an unknown one."""
    if "many_to_many" in path[:-1]:
        return [*ManyToManyLookup.model_fields]
    if "foreign_keys" in path[:-1]:
        return [*ForeignKeyLookup.model_fields]
    if len(path) > 1:
        return [*ModelStep.model_fields]
    return [*ImportConfig.model_fields, "models", "order"]
