"""Reading nested input: which rows a client's data may reach, and what is wrong with it, by path."""

from __future__ import annotations

from collections.abc import Generator, Hashable, Iterable, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from itertools import chain
from typing import Any, ClassVar, NoReturn, TypeAlias, cast

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import router
from django.db.models import Model, prefetch_related_objects
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ValidationError
from rest_framework.fields import Field, empty
from rest_framework.relations import ManyRelatedField, RelatedField
from rest_framework.serializers import BaseSerializer, ListSerializer, ModelSerializer, as_serializer_error
from rest_framework.settings import api_settings
from rest_framework.utils import html
from typing_extensions import TypeVar, override

from drf_commons.errors import ConfigurationError, NestingDepthError
from drf_commons.serializers.identity import Identity, build_identity
from drf_commons.serializers.inputs import DataInput
from drf_commons.serializers.links import Kind, Link, find_link
from drf_commons.serializers.paths import build_list_error, format_message
from drf_commons.serializers.relations import Accept, ConfigurableRelatedFieldMixin, RelationWrite, SyncMode
from drf_commons.serializers.unique import UniqueRows, ValidRow
from drf_commons.types import StrOrPromise

__all__ = ["NestedRelation", "NestingSerializer"]

M = TypeVar("M", bound=Model, default=Any)

AnyField: TypeAlias = Field[Any, Any, Any, Any]


class DataRows(list[Any]):
    """The validated list of a field that takes data; an empty one does not say so otherwise."""


class NestedRelation(Field[Any, Any, Any, Any]):
    """One writable relation of a serializer; stands in for its field while input is read.

    Rows are reached inside the relation of the row at hand and nowhere else: nested data that says which row it is
    must belong there already.
    """

    default_error_messages: ClassVar[dict[str, StrOrPromise]] = {
        "contradictory": _('Send data or a key, not both: "{other}" does not name the same.'),
        "max_depth": _("The data is nested too deeply."),
        "not_creatable": _("A new row cannot be made here."),
        "not_updatable": _("This row cannot be changed here."),
    }

    def __init__(self, owner: ModelSerializer[Any], field: AnyField, link: Link) -> None:
        super().__init__()
        self.owner = owner
        self.field: Any = field
        self.is_list: bool = isinstance(field, ListSerializer)
        self.is_serializer: bool = isinstance(field, ModelSerializer)
        self.takes_one_key: bool = isinstance(field, RelatedField)
        self.link = link
        # What DRF reads of a field while it validates; bind() would label it anew.
        self.parent: BaseSerializer[Any] = owner
        self.field_name: str | None = field.field_name
        self.source: str | None = field.source
        self.source_attrs: list[str] = field.source_attrs
        # The rows within reach of each near row, where those of many were looked up together.
        self._reached: dict[object, list[Model]] | None = None

    @property
    def name(self) -> str:
        """The name of the field."""
        return str(self.field_name)

    # What the field says

    @cached_property
    def row_field(self) -> Any:
        """The field of one row: the field itself, or the one inside a list."""
        inside = "child" if self.is_list else "child_relation"
        return getattr(self.field, inside, self.field)

    @property
    def takes_data(self) -> bool:
        """Tell whether rows may come as nested data."""
        field = self.row_field
        return isinstance(field, ModelSerializer) or (isinstance(field, DataInput) and Accept.DATA in field.accepts)

    @cached_property
    def child(self) -> ModelSerializer[Any]:
        """The serializer that reads and writes nested data."""
        child: Any = getattr(self.row_field, "bound_serializer", self.row_field)
        link_columns = {column.name for column in self.link.far_columns}
        for child_field in child.fields.values():
            # The place in the tree says which row it belongs to; the client need not, and cannot.
            if child_field.source in link_columns:
                child_field.read_only = True
                child_field.required = False
        return cast("ModelSerializer[Any]", child)  # takes_data asked

    @property
    def reachable_child(self) -> ModelSerializer[Any] | None:
        """The same, or ``None`` where serializers that nest themselves have come to their limit."""
        try:
            return self.child
        except NestingDepthError:
            return None

    @property
    def may_create(self) -> bool:
        """Tell whether nested data may make a row."""
        return bool(getattr(self.row_field, "may_create", True))

    @property
    def may_update(self) -> bool:
        """Tell whether nested data may change a row."""
        return bool(getattr(self.row_field, "may_update", True))

    @property
    def relation_write(self) -> RelationWrite:
        """How the field wants the relation to be written."""
        return cast("RelationWrite", getattr(self.row_field, "relation_write", {}))  # a serializer may have none

    @property
    def sync_mode(self) -> SyncMode:
        """What becomes of rows that the input does not name.

        Where the field does not say it: nothing in a PATCH, which changes what it names. A PUT unlinks them, since what
        was put is what there should be. A list of nothing but keys names the whole list each time, as it does in DRF.
        """
        partial = self.takes_data and cast("Any", self.owner).root.partial
        mode = self.relation_write.get("sync_mode", "append" if partial else "replace")
        if mode == "sync" and self.link.kind is Kind.FOREIGN_KEY:
            self._refuse("sync_mode", "a row that others may share is not deleted for one of them")
        return mode

    @property
    def is_dependency(self) -> bool:
        """Tell whether the far rows are written first: the near row holds their key, or the field says so."""
        order = self.relation_write.get("write_order", "auto")
        column = self.link.field
        if order == "root_first" and self.link.is_forward and not column.null:
            self._refuse("write_order", f"a row cannot be written before its {self.link.name}, which it has to have")
        if order == "dependency_first" and not self.link.can_unlink:
            self._refuse("write_order", "the related rows cannot be written before the row that they have to have")
        return self.link.is_forward if order == "auto" else order == "dependency_first"

    @cached_property
    def has_rival(self) -> bool:
        """Tell whether the rows can be named by their keys in one field and described in another."""
        nestings: Iterable[NestedRelation] = cast("Any", self.owner).nestings.values()
        return any(one.link.name == self.link.name and one.takes_data is not self.takes_data for one in nestings)

    def is_for(self, value: Any) -> bool:
        """Tell whether the validated *value* of the relation is this field's to write."""
        if not self.has_rival:
            return True
        rows = (value or ()) if self.link.is_to_many else [value]
        has_data = isinstance(value, DataRows) or not all(row is None or isinstance(row, Model) for row in rows)
        return has_data is self.takes_data

    def find_missing_columns(self, columns: Iterable[str]) -> list[str]:
        """Return the columns that a new link has to have and that neither *columns* nor the field says."""
        given = {*columns, *self.relation_write.get("through_defaults", {})}
        return [name for name, is_needed in self.link.through_columns.items() if is_needed and name not in given]

    @cached_property
    def identity(self) -> Identity:
        """What tells which stored row nested data is about."""
        return build_identity(self.child, getattr(self.row_field, "lookup_field", "pk"))

    # Reading the input

    @override
    def get_value(self, dictionary: Mapping[str, Any]) -> Any:
        """Return the field's part of the input."""
        return self.field.get_value(dictionary)

    @override
    def run_validation(self, data: Any = empty) -> Any:
        """Return the rows that *data* names, and the validated data of those to be written."""
        if data == "" and self.takes_one_key:
            data = None  # as DRF has it, for forms
        is_final, data = self.field.validate_empty_values(data)
        if is_final:
            return data
        value = self.read_list(data) if self.link.is_to_many else self.read_one(data)
        if self.is_serializer:
            return value  # its validators have run with the row
        try:
            self.field.run_validators(value)
            return self.field.validate(value) if self.is_list else value
        except (ValidationError, DjangoValidationError) as exc:
            if self.is_list:
                raise ValidationError(as_serializer_error(exc)) from exc
            raise

    def read_one(self, data: Any) -> Any:
        """Return the row that *data* names, or its validated data."""
        if not isinstance(data, Mapping):
            # A key, for fields that take one; anything else is refused in the field's own words.
            return self.field.run_validation(data)
        if self.reachable_child is None:
            self.fail("max_depth")
        item = cast("Mapping[str, Any]", data)  # JSON objects have text keys
        return self.read_row(item, self.match(item, self.find_stored([item])))

    def read_list(self, data: Any) -> list[Any]:
        """Return the items of *data*; whatever is wrong is reported by its position."""
        items = self.get_items(data)
        rows: dict[int, Any] = {index: item for index, item in enumerate(items) if isinstance(item, Mapping)}
        keys = {index: item for index, item in enumerate(items) if index not in rows}
        read = {**self.read_keys(keys), **(self.read_rows(rows) if rows else {})}
        errors = {index: value for index, value in sorted(read.items()) if isinstance(value, ValidationError)}
        if errors:
            raise build_list_error(errors)
        return DataRows(read[index] for index in range(len(items)))

    def read_keys(self, keys: Mapping[int, Any]) -> dict[int, Any]:
        """Return the rows that the items that are no nested data name, or their errors."""
        if not self.is_list:
            return dict(zip(keys, self.row_field.find(list(keys.values())), strict=True))
        read: dict[int, Any] = {}
        for index, item in keys.items():
            try:
                self.child.run_validation(item)
                self.child.fail("null")  # DRF lets null pass where the list may be null; a row of it may not
            except ValidationError as exc:
                read[index] = exc
        return read

    def read_rows(self, rows: Mapping[int, Mapping[str, Any]]) -> dict[int, Any]:
        """Return the validated data of nested *rows*, or their errors; the queries do not grow with the rows."""
        if self.reachable_child is None:
            return dict.fromkeys(rows, ValidationError([self.error_messages["max_depth"]], code="max_depth"))
        items = list(rows.values())
        stored = self.find_stored(items)
        read: dict[int, Any] = {}
        valid: list[ValidRow] = []
        named: set[object] = set()
        unique = UniqueRows(self.child, self.link, self.stored_parent, self.sync_mode, self.database)
        with unique.taking_over(), self.preloading(items):
            for index, item in rows.items():
                try:
                    instance = self.match(item, stored)
                    if instance is not None and instance.pk in named:
                        self.identity.fail("repeated", pk_value=self.identity.get_name(item))
                    read[index] = self.read_row(item, instance)
                except ValidationError as exc:
                    read[index] = exc
                else:
                    valid.append(ValidRow(index=index, attrs=read[index], instance=instance))
                    named.add(None if instance is None else instance.pk)
        return {**read, **unique.find_clashes(valid)}

    def read_row(self, item: Mapping[str, Any], instance: Model | None) -> dict[str, Any]:
        """Return the validated data of *item*; that of a stored *instance* carries its id."""
        known = {} if instance is None else {self.identity.attribute: self.identity.key.read(instance)}
        if instance is None and not self.may_create:
            self.fail("not_creatable")
        if instance is not None and not self.may_update:
            if set(item) <= {self.identity.field_name}:
                return known
            self.fail("not_updatable")
        self.child.instance = instance
        try:
            # A new row has to be complete, also when it comes with a PATCH of the row it belongs to.
            with ExitStack() if instance is not None else _in_full(cast("Any", self.owner).root):
                attrs: dict[str, Any] = {**self.child.run_validation(item), **known}
        finally:
            self.child.instance = None
        missing = self.find_missing_columns(attrs) if instance is None else []
        if missing:
            message = self.error_messages["required"]
            raise ValidationError({name: [message] for name in missing}, code="required")
        return attrs

    def get_items(self, data: Any) -> list[Any]:
        """Return the items of the list *data*, refused in the field's own words when it is none."""
        field = self.field
        if self.is_list:
            return _get_list_items(field, data)
        items: list[Any] = field.get_items(data)
        if not items and not field.allow_empty:
            field.fail("empty")
        return items

    def list_keys(self, value: Any) -> set[object]:
        """Return the keys of the rows that the validated *value* is about; ``None`` stands for new ones."""
        rows = value if self.link.is_to_many else [value]
        identity = self.identity
        return {
            identity.key.read(row) if isinstance(row, Model) else row.get(identity.attribute)
            for row in rows or ()
            if row is not None
        }

    # The rows within reach

    @property
    def stored_parent(self) -> Model | None:
        """The row the nested rows belong to; ``None`` while it is new, and has no rows yet."""
        parent: object = self.owner.instance
        return parent if isinstance(parent, Model) and not parent._state.adding else None  # noqa: SLF001  # documented

    @property
    def database(self) -> str:
        """The alias of the database the nested rows are stored in."""
        parent = self.stored_parent
        return router.db_for_write(self.link.far, **({} if parent is None else {"instance": parent}))

    def match(self, item: Mapping[str, Any], stored: Mapping[Hashable, Model]) -> Model | None:
        """Return which of the *stored* rows *item* is about; ``None`` when it is about a new one."""
        name = self.identity.get_name(item)
        if name is None:
            return next(iter(stored.values()), None) if self.link.is_exclusive else None
        return self.identity.match(name, stored)

    def find_stored(self, items: Sequence[Mapping[str, Any]]) -> dict[Hashable, Model]:
        """Return the rows of the relation that *items* may be about, by their identity."""
        parent = self.stored_parent
        if parent is None:
            return {}
        rows = self._fetch(parent, items) if self.link.is_to_many else [getattr(parent, self.link.name, None)]
        stored = {self.identity.named_by.read(row): row for row in rows if row is not None}
        prefetch_related_objects(list(stored.values()), *self.list_deeper(items))
        return stored

    def list_deeper(self, items: Sequence[Mapping[str, Any]]) -> list[str]:
        """Return the paths of the relations that *items* have nested data for, all the way down."""
        return [
            path
            for nesting, deeper in self.find_deeper(items)
            for path in (nesting.link.name, *(f"{nesting.link.name}__{rest}" for rest in nesting.list_deeper(deeper)))
        ]

    def find_deeper(self, items: Sequence[Mapping[str, Any]]) -> list[tuple[NestedRelation, list[Any]]]:
        """Return the relations of the nested rows that *items* have nested data for, with that data."""
        if not isinstance(self.child, NestingSerializer):
            return []
        found: list[tuple[NestedRelation, list[Any]]] = []
        for nesting in self.child.nestings.values():
            values: list[Any] = [nesting.get_value(item) for item in items] if nesting.takes_data else []
            rows: list[Any] = []
            for value in values:
                rows += value if isinstance(value, list) else [value]
            rows = [row for row in rows if isinstance(row, Mapping)]
            if rows and nesting.reachable_child is not None:
                found.append((nesting, rows))
        return found

    @contextmanager
    def reaching(self, parents: Sequence[Model], items: Sequence[Mapping[str, Any]]) -> Generator[None]:
        """Within the block, have the rows that *items* name looked up for all *parents*: a query for each relation.

        Many-to-many relations are left to each of the parents: their rows may belong to several.
        """
        link, stored = self.link, list[Model]()
        deeper = self.list_deeper(items)
        if not link.is_to_many:
            prefetch_related_objects(parents, link.name, *(f"{link.name}__{path}" for path in deeper))
        elif link.far_columns and parents:
            using = router.db_for_write(link.far, instance=parents[0])
            stored = [*(self.identity.select_named(link.find_rows(parents, using), items) or ())]
            owners = {link.get_owner_key(parent): parent for parent in parents}
            self._reached = {}
            for row in stored:
                key = link.read_owner(row)
                self._reached.setdefault(key, []).append(row)
                if link.kind is not Kind.GENERIC and key in owners:
                    link.field.set_cached_value(row, owners[key])  # as the relation itself does
            prefetch_related_objects(stored, *deeper)
        try:
            yield
        finally:
            self._reached = None

    def _fetch(self, parent: Model, items: Sequence[Mapping[str, Any]]) -> list[Any]:
        rows = getattr(parent, self.link.name)
        if self.link.name in getattr(parent, "_prefetched_objects_cache", {}):
            return [*rows.all()]
        if self._reached is not None:
            return self._reached.get(self.link.get_owner_key(parent), [])
        return [*(self.identity.select_named(rows.using(self.database), items) or ())]

    @contextmanager
    def preloading(self, items: Sequence[Mapping[str, Any]]) -> Generator[None]:
        """Within the block, have the related rows that *items* name looked up: one query for each field."""
        with ExitStack() as stack:
            fields: dict[str, Any] = {**self.child.fields}
            for field in fields.values():
                one: object = getattr(field, "child_relation", field)
                if isinstance(one, ConfigurableRelatedFieldMixin) and one.looks_up_together and not field.read_only:
                    values: list[Any] = [field.get_value(item) for item in items]
                    listed: list[Any] = [value for value in values if isinstance(value, list)]
                    stack.enter_context(one.preloaded([*values, *chain.from_iterable(listed)]))
            for nesting, deeper in self.find_deeper(items):
                stack.enter_context(nesting.preloading(deeper))
            yield

    def _refuse(self, option: str, reason: str) -> NoReturn:
        """Refuse a way of writing that cannot work for this relation."""
        where = f"{type(self.owner).__name__}.{self.name}"
        msg = f"{where}: relation_write[{option!r}] = {self.relation_write.get(option)!r}: {reason}"
        raise ConfigurationError(msg)


class NestingSerializer(ModelSerializer[M]):
    """Knows its relations, and reads nested input for them."""

    @cached_property
    def nestings(self) -> dict[str, NestedRelation]:
        """The writable relations that are written apart from the row's own columns, by field name."""
        nestings: dict[str, NestedRelation] = {}
        fields: dict[str, AnyField] = {**self.fields}
        model = cast("type[Model]", self.Meta.model)
        for name, field in fields.items():
            link = find_link(model, str(field.source))
            if (
                link is None
                or field.read_only
                or not isinstance(field, RelatedField | ManyRelatedField | BaseSerializer)
            ):
                continue
            nesting = NestedRelation(self, field, link)
            if nesting.takes_data or not link.is_forward:
                nestings[name] = nesting
        return nestings

    @property
    @override
    def _writable_fields(self) -> list[AnyField]:
        nestings: dict[str, Any] = {name: nesting for name, nesting in self.nestings.items() if nesting.takes_data}
        fields: list[Any] = list(super()._writable_fields)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]  # the stubs leave their types open
        # Data comes last: of two fields that say the same, it is the one that says more.
        fields.sort(key=lambda field: field.field_name in nestings)
        return [nestings.get(field.field_name, field) for field in fields]

    @cached_property
    def rivals(self) -> list[tuple[NestedRelation, AnyField]]:
        """The relations that take data, each with a field beside it that names the same rows by their keys."""
        fields = self._writable_fields
        nestings = [field for field in fields if isinstance(field, NestedRelation)]
        return [
            (nesting, field)
            for nesting in nestings
            for field in fields
            if field not in nestings and field.source == nesting.source
        ]

    @override
    def to_internal_value(self, data: Any) -> Any:
        """Return the validated data; a row that is named by its key and described as another one is refused."""
        attrs: dict[str, Any] = super().to_internal_value(data)
        errors: dict[str, list[str]] = {}
        for nesting, field in self.rivals:
            value, key = nesting.get_value(data), field.get_value(data)
            if value is not empty and key is not empty:
                named = nesting.list_keys(field.run_validation(key))
                if named != nesting.list_keys(attrs[nesting.link.name]):
                    message = nesting.error_messages["contradictory"]
                    errors[nesting.name] = [format_message(message, {"other": field.field_name})]
        if errors:
            raise ValidationError(errors, code="contradictory")
        return attrs


@contextmanager
def _in_full(root: Any) -> Generator[None]:
    """Within the block, require what is required, partial update or not."""
    partial, root.partial = root.partial, False
    try:
        yield
    finally:
        root.partial = partial


def _get_list_items(field: Any, data: Any) -> list[Any]:
    """Return the items of *data* after the checks a ``ListSerializer`` makes of the list as such."""
    items: list[Any] | None = html.parse_html_list(data, default=[]) if html.is_html_input(data) else data
    kind = type(items).__name__
    limits: dict[str, Any] = {"max_length": field.max_length, "min_length": field.min_length}
    if not isinstance(items, list):
        code, values = "not_a_list", {"input_type": kind}
    elif not field.allow_empty and not items:
        code, values = "empty", {}
    elif limits["max_length"] is not None and len(items) > limits["max_length"]:
        code, values = "max_length", limits
    elif limits["min_length"] is not None and len(items) < limits["min_length"]:
        code, values = "min_length", limits
    else:
        return items
    message = str(field.error_messages[code]).format(**values)
    raise ValidationError({api_settings.NON_FIELD_ERRORS_KEY: [message]}, code=code)
