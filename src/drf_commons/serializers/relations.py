"""The engine of the relation fields: how a client's input finds a row, and how a row is shown.

A field is made of an input, said by ``accepts``, and an output, said by ``represent``. :mod:`.fields` is the catalogue.
"""

from __future__ import annotations

import enum
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Hashable, Iterable, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, Literal, Self, TypeAlias, TypedDict, cast

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Manager, Model, Q, QuerySet
from django.db.models.manager import BaseManager
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ValidationError
from rest_framework.fields import empty, get_attribute
from rest_framework.relations import ManyRelatedField, PKOnlyObject, RelatedField
from rest_framework.utils import html
from typing_extensions import TypeIs, TypeVar, Unpack, override

from drf_commons.bulk.instances import fetch_instances
from drf_commons.bulk.membership import select_holders
from drf_commons.errors import ConfigurationError
from drf_commons.serializers.keys import Key, build_key, get_max_values
from drf_commons.serializers.paths import build_list_error, format_message
from drf_commons.types import RuntimeGeneric, StrOrPromise

__all__ = [
    "Accept",
    "ConfigurableRelatedFieldMixin",
    "ManyRelation",
    "RelationClass",
    "RelationOptions",
    "RelationWrite",
    "RowOptions",
    "RowSource",
    "SyncMode",
    "WriteOrder",
]

M = TypeVar("M", bound=Model, default=Any)
In = TypeVar("In", default=Any)
Out = TypeVar("Out", default=Any)

#: Where rows are looked up: a queryset, a manager, or a callable that takes the serializer's context and returns
#: either, for rows that depend on who is asking.
RowSource: TypeAlias = "QuerySet[M] | Manager[M] | Callable[[Mapping[str, Any]], QuerySet[M] | Manager[M]]"


class Accept(enum.Flag):
    """What a client may send for one related row."""

    NOTHING = 0
    PK = enum.auto()
    SLUG = enum.auto()
    DATA = enum.auto()


class RelationOptions(TypedDict, total=False):
    """DRF's own field options, which every relation field takes and forwards."""

    allow_null: bool
    default: Any
    error_messages: dict[str, StrOrPromise]
    help_text: StrOrPromise
    html_cutoff: int
    html_cutoff_text: str
    initial: Any
    label: StrOrPromise
    read_only: bool
    required: bool
    source: str
    style: dict[str, Any]
    validators: Sequence[Any]
    write_only: bool
    # For one row they are given to become many; the named Many… fields say it in their name.
    allow_empty: bool
    many: bool


#: What happens to related rows that the input does not name: nothing, they are unlinked, or they are deleted.
SyncMode: TypeAlias = Literal["append", "replace", "sync"]

#: Whether related rows are written before the row they belong to or after it; ``auto`` reads it off the model.
WriteOrder: TypeAlias = Literal["auto", "dependency_first", "root_first"]


class RelationWrite(TypedDict, total=False):
    """How a relation is written, where the model does not say it all."""

    sync_mode: SyncMode
    write_order: WriteOrder
    #: Columns of the rows between two models, for links that are made here.
    through_defaults: Mapping[str, Any]


class RowOptions(RelationOptions, Generic[M], total=False):
    """The options of a field that looks rows up."""

    lookup_field: str
    queryset: RowSource[M]
    relation_write: RelationWrite
    slug_field: str


#: What a field of many rows keeps for the list itself; everything else goes to the field of one row inside it.
_LIST_ONLY: Final = frozenset(
    {
        "allow_empty",
        "allow_null",
        "default",
        "help_text",
        "initial",
        "label",
        "required",
        "source",
        "style",
        "validators",
    }
)
#: What both need to know.
_SHARED: Final = frozenset({"error_messages", "html_cutoff", "html_cutoff_text", "read_only", "write_only"})

#: What a value has to be to name a row.
_NAMES: Final = (int, str, uuid.UUID)

_EXPECTED: Final = {Accept.PK: _("pk value"), Accept.SLUG: _("text"), Accept.DATA: _("data")}


class ConfigurableRelatedFieldMixin(RuntimeGeneric, RelatedField[M, In, Out], ABC, Generic[M, In, Out]):
    """A related row, in by what ``accepts`` says and out by what ``represent`` returns.

    A new kind of field is a subclass::

        class InitialsField(ConfigurableRelatedFieldMixin[Person, Pk, str]):
            accepts = Accept.PK

            def represent(self, instance: Person) -> str:
                return "".join(word[0] for word in instance.name.split())

    ``queryset`` limits which rows a client may name. ``lookup_field`` is the column that counts as the id,
    ``slug_field`` the column that counts as the text. Where both are accepted the type of the id decides: with a UUID
    for a primary key every UUID is an id, and every other text is looked up in ``slug_field``. Where ids are texts
    themselves a row whose id it is comes before a row whose slug it is.
    """

    #: What a client may send; a field that accepts nothing is read-only.
    accepts: ClassVar[Accept] = Accept.NOTHING
    #: Whether the field is never shown.
    is_write_only: ClassVar[bool] = False

    default_error_messages: ClassVar[dict[str, StrOrPromise]] = {
        "does_not_exist": _('Invalid pk "{pk_value}" - object does not exist.'),
        "slug_does_not_exist": _("Object with {slug_name}={value} does not exist."),
        "ambiguous": _("More than one object has {slug_name}={value}."),
        "incorrect_type": _("Incorrect type. Expected {expected}, received {data_type}."),
    }

    if TYPE_CHECKING:
        parent: Any  # the stubs know no parent but a serializer; it may be a list, or another field

        def __new__(cls, *args: Any, **kwargs: Any) -> Self: ...  # noqa: D102  # many=True builds a list, as in DRF

    def __init__(
        self,
        *,
        queryset: RowSource[M] | None = None,
        lookup_field: str = "pk",
        slug_field: str = "slug",
        relation_write: RelationWrite | None = None,
        **options: Unpack[RelationOptions],
    ) -> None:
        self.relation_write: RelationWrite = relation_write or RelationWrite()
        rows = queryset if queryset is None or _is_rows(queryset) else None
        self._scope = None if queryset is None or _is_rows(queryset) else queryset
        self.lookup_field = lookup_field
        self.slug_field = slug_field
        self._preloaded: dict[tuple[type, Hashable], M | ValidationError] = {}
        options.update(self.get_direction())
        if queryset is None and self.looks_up_rows and not options.get("read_only"):
            msg = f"{type(self).__name__} looks rows up: pass queryset=, or read_only=True"
            raise TypeError(msg)
        # DRF's own look-ups and third parties read ``queryset``; a callable is resolved in get_queryset().
        super().__init__(queryset=rows, **options)

    @classmethod
    @override
    def many_init(cls, *args: Any, **kwargs: Any) -> ManyRelation[M, In, Out]:
        """Build the list field that ``many=True`` asks for."""
        child_options = {name: value for name, value in kwargs.items() if name not in _LIST_ONLY}
        list_options = {name: value for name, value in kwargs.items() if name in _LIST_ONLY | _SHARED}
        return ManyRelation(cls(*args, **child_options), **list_options)

    @classmethod
    def get_direction(cls) -> RelationOptions:
        """Return the options that follow from what the field accepts, for the field or a list of it."""
        direction = RelationOptions()
        if cls.accepts is Accept.NOTHING:
            direction["read_only"] = True
        if cls.is_write_only:
            direction["write_only"] = True
        return direction

    @abstractmethod
    def represent(self, instance: M) -> Out:
        """Return *instance* as the client sees it."""

    @property
    def looks_up_rows(self) -> bool:
        """Tell whether a client may name a row that exists."""
        return bool(self.accepts & (Accept.PK | Accept.SLUG))

    @property
    def looks_up_together(self) -> bool:
        """Tell whether many rows may be asked for at once: a ``get_queryset()`` of its own may look at each."""
        return self.looks_up_rows and str(type(self).get_queryset.__module__).startswith("drf_commons.")

    @override
    def get_queryset(self) -> QuerySet[M] | None:
        """Return the rows a client may name, as of now."""
        rows = super().get_queryset()
        return self._scope(self.context).all() if rows is None and self._scope is not None else rows

    # Input

    @override
    def to_internal_value(self, data: In) -> M:
        """Return the row that *data* names."""
        found = self.find([data])[0]
        if isinstance(found, ValidationError):
            raise found
        return found

    def read_many(self, items: Sequence[In]) -> list[M | ValidationError]:
        """Return, for each of *items*, the row it names or the error to report there."""
        return self.find(items)

    def find(self, values: Sequence[object]) -> list[M | ValidationError]:
        """Return, for each of *values*, the row it names or the error to report there; one query for all of them."""
        if {*map(type, values)} <= {*_NAMES}:
            known = [*map(self._preloaded.get, zip(map(type, values), values, strict=True))]
        else:
            known = [self._get_preloaded(value) for value in values]
        if all(row is not None for row in known):
            return cast("list[M | ValidationError]", known)  # nothing is missing
        missing = iter(self._find([value for value, row in zip(values, known, strict=True) if row is None]))
        return [next(missing) if row is None else row for row in known]

    def _find(self, values: Sequence[object]) -> list[M | ValidationError]:
        queryset = self.get_queryset()
        if queryset is None:
            return [self._build_type_error(value) for value in values]
        keys = self.get_keys(queryset.model)
        names = [self._name_row(keys, value) for value in values]
        asked: dict[Key[M], dict[Hashable, None]] = {key: {} for key in keys}
        for named in names:
            for key, name in named:
                asked[key][name] = None
        wanted = [(key, name) for key, known in asked.items() for name in key.list_holdable(known, queryset.db)]
        rows = self._fetch(queryset, wanted)
        return [self._pick(value, named, rows) for value, named in zip(values, names, strict=True)]

    @contextmanager
    def preloaded(self, values: Iterable[object]) -> Generator[None]:
        """Within the block, answer for each of *values* from one query made here."""
        named = [value for value in values if isinstance(value, _NAMES)]
        known = dict(zip(zip(map(type, named), named, strict=True), named, strict=True))
        before = self._preloaded
        self._preloaded = {**before, **dict(zip(known, self.find(list(known.values())), strict=True))}
        try:
            yield
        finally:
            self._preloaded = before

    def get_keys(self, model: type[M]) -> list[Key[M]]:
        """Return the columns that rows of *model* are looked up by, the first to be asked first."""
        options = ((Accept.PK, "lookup_field"), (Accept.SLUG, "slug_field"))
        return [self._build_key(model, option) for accept, option in options if accept in self.accepts]

    def _build_key(self, model: type[M], option: str) -> Key[M]:
        try:
            return build_key(model, cast("str", getattr(self, option)))
        except ConfigurationError as exc:
            msg = f"{exc}; name one as {option}"
            raise ConfigurationError(msg) from exc

    def _get_preloaded(self, data: object) -> M | ValidationError | None:
        if not self._preloaded or not isinstance(data, _NAMES):
            return None
        return self._preloaded.get((type(data), data))

    def _name_row(self, keys: Sequence[Key[M]], value: object) -> list[tuple[Key[M], Hashable]]:
        """Return which of *keys* may have *value*, and as which; none when it is no key at all."""
        names: list[tuple[Key[M], Hashable]] = []
        for key in keys:
            name = key.parse(value)
            if name is not None:
                names.append((key, name))
                if not key.is_text:  # its type says that it is this kind of key and no other
                    break
        return names

    def _fetch(
        self, queryset: QuerySet[M], names: Sequence[tuple[Key[M], Hashable]]
    ) -> dict[tuple[Key[M], Hashable], M | None]:
        """Return the rows by key and value; ``None`` where a value names more than one."""
        size = get_max_values(queryset.db) or len(names)
        found: dict[tuple[Key[M], Hashable], M | None] = {}
        for start in range(0, len(names), size or 1):
            batch = names[start : start + size]
            keys = dict.fromkeys(key for key, _name in batch)
            crossed = [key.path.rpartition("__")[0] for key in keys if "__" in key.path]
            rows = self._select(queryset, {key: [name for other, name in batch if other is key] for key in keys})
            for row in fetch_instances(rows.select_related(*crossed) if crossed else rows):
                for key in keys:
                    at = (key, key.read(row))
                    found[at] = None if at in found and found[at] != row else row
        return found

    def _select(self, queryset: QuerySet[M], wanted: Mapping[Key[M], Sequence[Hashable]]) -> QuerySet[M]:
        """Return the rows that hold one of the values that are *wanted* of a key."""
        if len(wanted) == 1:
            ((key, names),) = wanted.items()
            return select_holders(queryset, key.path, names)
        condition = Q()
        for key, names in wanted.items():
            condition |= Q((f"{key.path}__in", names))
        return queryset.filter(condition)

    def _pick(
        self,
        value: object,
        names: Sequence[tuple[Key[M], Hashable]],
        rows: Mapping[tuple[Key[M], Hashable], M | None],
    ) -> M | ValidationError:
        """Return the row that *value* names, or what is wrong with it."""
        if not names:
            return self._build_type_error(value)
        for name in names:
            if name in rows:
                return rows[name] or self._build_error("ambiguous", "ambiguous", slug_name=name[0].path, value=value)
        key = names[0][0]
        if Accept.PK in self.accepts and len(names) == 1 and key.path == self.lookup_field:
            return self._build_error("does_not_exist", "does_not_exist", pk_value=value)
        return self._build_error("slug_does_not_exist", "does_not_exist", slug_name=names[-1][0].path, value=value)

    def _build_type_error(self, value: object) -> ValidationError:
        expected = [str(text) for accept, text in _EXPECTED.items() if accept in self.accepts]
        return self._build_error(
            "incorrect_type", "incorrect_type", expected=" / ".join(expected), data_type=type(value).__name__
        )

    def _build_error(self, message: str, code: str, **values: object) -> ValidationError:
        return ValidationError(format_message(self.error_messages[message], values), code=code)

    # Output

    @override
    def to_representation(self, value: M | PKOnlyObject) -> Out:
        """Return what :meth:`represent` makes of *value*."""
        return self.represent(cast("M", value))  # a bare pk arrives only where use_pk_only_optimization() asks for it

    @override
    def get_choices(self, cutoff: int | None = None) -> dict[Any, str]:
        """Return what an HTML form may choose from, by the value it has to send; at most ``html_cutoff`` rows.

        What is stored is always among them, or a form that nobody has changed would send something else.
        """
        queryset = self.get_queryset()
        if queryset is None or not self.looks_up_rows:
            return {}
        key = self.get_keys(queryset.model)[0]
        cutoff = self.html_cutoff if cutoff is None else cutoff
        choices = {key.read(row): self.display_value(row) for row in queryset[:cutoff]}
        is_cut = cutoff is not None and len(choices) >= cutoff
        stored = {key.read(row): self.display_value(row) for row in self._get_stored()} if is_cut else {}
        return {**stored, **choices}

    def has_more_choices(self) -> bool:
        """Tell whether there are more rows than ``html_cutoff``, so that not every one is among the choices."""
        cutoff: int | None = self.html_cutoff
        queryset = self.get_queryset() if self.looks_up_rows else None
        return queryset is not None and cutoff is not None and queryset[cutoff : cutoff + 1].exists()

    def _get_stored(self) -> list[M]:
        """Return the related rows of the row that the serializer is about."""
        in_list = isinstance(self.parent, ManyRelation)
        field: Any = self.parent if in_list else self
        instance = getattr(field.parent, "instance", None)
        if not isinstance(instance, Model):
            return []
        with suppress(ObjectDoesNotExist):  # a new row may have none yet
            value: Any = get_attribute(instance, field.source_attrs)
            rows: list[Any] = [*value.all()] if hasattr(value, "all") else [value]
            return [row for row in rows if row is not None]
        return []

    def get_choice(self, row: M | PKOnlyObject | None) -> Hashable:
        """Return the one of the choices that stands for *row*."""
        if row is None or isinstance(row, PKOnlyObject):
            return getattr(row, "pk", None)
        keys = self.get_keys(type(row))
        return keys[0].read(row) if keys else row.pk


def _is_rows(source: RowSource[M]) -> TypeIs[QuerySet[M] | Manager[M]]:
    """Tell rows from a callable that returns them; the manager of a relation is both."""
    return isinstance(source, QuerySet | BaseManager)


#: A field of one row.
RelationClass: TypeAlias = "type[ConfigurableRelatedFieldMixin[Any, Any, Any]]"


class ManyRelation(RuntimeGeneric, ManyRelatedField, Generic[M, In, Out]):
    """A list of related rows, each read and shown by the field of one row that ``one`` names.

    The whole list is looked up with one query. Duplicates stay, in the client's order; what cannot be found is reported
    by its position: ``{"tags": {"3": ["Invalid pk …"]}}``.
    """

    one: ClassVar[RelationClass]
    child_relation: ConfigurableRelatedFieldMixin[M, In, Out]  # pyright: ignore[reportIncompatibleVariableOverride]  # never assigned anew

    def __init__(self, child_relation: ConfigurableRelatedFieldMixin[M, In, Out] | None = None, **options: Any) -> None:
        options.update((child_relation or self.one).get_direction())
        if child_relation is None:
            child_relation = self.one(**{name: value for name, value in options.items() if name not in _LIST_ONLY})
            options = {name: value for name, value in options.items() if name in _LIST_ONLY | _SHARED}
        super().__init__(child_relation, **options)  # pyright: ignore[reportUnknownMemberType]  # the stubs leave the child's types open

    @override
    def to_internal_value(self, data: object) -> list[M]:
        """Return the rows that the items of *data* name, in their order."""
        items = self.get_items(data)
        if not items and not self.allow_empty:
            self.fail("empty")
        found = self.child_relation.read_many(items)
        errors = {index: error for index, error in enumerate(found) if isinstance(error, ValidationError)}
        if errors:
            raise build_list_error(errors)
        return cast("list[M]", found)  # no error among them

    def get_items(self, data: object) -> list[Any]:
        """Return the items of *data*, which has to be a list, or come close to one."""
        kind = type(data).__name__
        if isinstance(data, str | bytes | Mapping) or not isinstance(data, Iterable):
            self.fail("not_a_list", input_type=kind)
        return list(data)  # pyright: ignore[reportUnknownArgumentType]  # whatever the client sent

    def get_choice(self, rows: Iterable[M]) -> list[Hashable]:
        """Return those of the choices that stand for *rows*."""
        return [self.child_relation.get_choice(row) for row in rows]

    @override
    def get_value(self, dictionary: Mapping[Any, Any]) -> Any:
        """Return the list's part of *dictionary*; in a form, ``tags[0]name`` is a key of nested data.

        Inputs of a form that were left empty name nothing.
        """
        items = cast("Any", super().get_value(dictionary))  # a list of a form, or whatever else was sent
        if not html.is_html_input(dictionary):
            return items
        if Accept.DATA in self.child_relation.accepts:
            nested = html.parse_html_list(dictionary, prefix=self.field_name or "")
            if nested:
                return nested
        if items is empty or not self.child_relation.looks_up_rows:
            return items
        return [item for item in items if item != ""]

    @override
    def to_representation(self, iterable: Iterable[M]) -> list[Out]:
        """Return every row of *iterable* as the field of one row shows it."""
        return [self.child_relation.to_representation(row) for row in iterable]
