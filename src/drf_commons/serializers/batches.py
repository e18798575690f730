"""Reading many rows of one serializer: DRF's own validation, with what it does again for every row taken out.

Related rows and uniqueness are looked up for the whole payload, a query for each field and rule. Columns of plain
values are read at once. Everything else goes through the field's or the serializer's own methods, row by row, with
``instance`` and ``initial_data`` of the serializer set to those of the row.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain, repeat
from operator import itemgetter
from typing import Any, Final, TypeAlias, cast

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import Model
from rest_framework import relations
from rest_framework.exceptions import ValidationError
from rest_framework.fields import Field, SkipField, empty, get_error_detail
from rest_framework.serializers import Serializer, as_serializer_error
from rest_framework.validators import UniqueTogetherValidator, UniqueValidator

from drf_commons.serializers.known_rows import UNSAID, KnownRows, OfferedRows, Values, is_of_ours
from drf_commons.serializers.nested import NestedRelation, NestingSerializer
from drf_commons.serializers.plain_values import is_plain_field, read_plain
from drf_commons.serializers.relations import ConfigurableRelatedFieldMixin
from drf_commons.serializers.rows import needs_save
from drf_commons.serializers.rules import Outcome, Rule, find_condition
from drf_commons.serializers.writes import has_own_writes

__all__ = ["BatchReader"]

#: Reads a whole column of values, or says that it cannot.
_Read: TypeAlias = "Callable[[Sequence[Any]], Sequence[Any] | None]"

#: Stands in a column for a value that the field has to be asked for, row by row.
_ASK: Final = object()

#: The stubs leave the types of these methods open.
_DRF: Final[Any] = Serializer
_NESTING: Final[Any] = NestingSerializer
_FIELD: Final[Any] = Field
_RELATED: Final[Any] = relations.RelatedField
_BY_KEY: Final[Any] = relations.PrimaryKeyRelatedField
_BY_SLUG: Final[Any] = relations.SlugRelatedField
_OURS: Final[Any] = ConfigurableRelatedFieldMixin

#: What a serializer has to have of DRF's for its rows to be read by columns.
_METHODS: Final = (
    "run_validation",
    "run_validators",
    "set_value",
    "validate_empty_values",
)
_UNREADABLE: Final = (DjangoValidationError, OverflowError, SkipField, TypeError, ValidationError, ValueError)


@dataclass(slots=True, kw_only=True)
class Column:
    """What the rows have for one field."""

    field: Any
    name: str
    #: The key in validated data; ``None`` where it is more than a key.
    key: str | None
    validate: Callable[[Any], Any] | None
    #: What the input says, and what was made of it.
    raw: list[Any]
    cells: list[Any]
    #: Whether every row is known to have a valid value, so that none has to be looked at.
    is_complete: bool = False


class BatchReader:
    """Reads *items*, each about one of *instances* (``None``: a new row), through the serializer *child*."""

    def __init__(self, child: Any, items: Sequence[Any], instances: Sequence[Model | None]) -> None:
        self.child = child
        self.items = items
        self.instances = instances
        self.are_dicts: bool = {*map(type, items)} <= {dict}
        self.is_partial: bool = bool(getattr(child.root, "partial", False))
        self.fields: list[Any] = list(child._writable_fields)  # noqa: SLF001  # the fields that DRF would read
        self.rules: list[Rule] = []
        #: Whether the rows are what their columns say, so that nothing of them has to be read again.
        self.are_columns: bool = False

    def read(self) -> list[Outcome]:
        """Return what became of each row."""
        with self.restoring(), ExitStack() as stack:
            self.take_over_relations(stack)
            columns = [self.read_column(field) for field in self.fields]
            self.take_over_rules(stack, columns)
            outcomes = self.read_by_columns(columns) if self.reads_as_drf() else self.read_by_rows()
            self.report_repeated(outcomes)
        return outcomes

    def reads_as_drf(self) -> bool:
        """Tell whether the serializer validates as DRF's does, up to ``validate()`` and ``validate_<field>()``."""
        kind = _get_class(self.child)
        if not all(getattr(kind, name) is getattr(_DRF, name) for name in _METHODS):
            return False
        if kind.to_internal_value is _NESTING.to_internal_value:
            return not self.child.rivals  # without them it is DRF's
        return kind.to_internal_value is _DRF.to_internal_value

    # Row by row

    def read_by_rows(self) -> list[Outcome]:
        """Read each row by the serializer's ``run_validation()``."""
        return [self.catch(index, partial(self.child.run_validation, item)) for index, item in enumerate(self.items)]

    def catch(self, index: int, run: Callable[[], Any]) -> Outcome:
        """Return what *run* makes of a row, or the error it raises."""
        self.child.instance = self.instances[index]
        self.child.initial_data = self.items[index]
        try:
            return cast("dict[str, Any]", run())
        except ValidationError as exc:
            return exc

    # Column by column

    def read_by_columns(self, columns: Sequence[Column]) -> list[Outcome]:
        """Put the columns together, run what the serializer and its fields do by the row, and then its validators."""
        outcomes = self.zip_columns(columns)
        if outcomes is None:
            outcomes = [self.catch(index, partial(self.read_row, columns, index)) for index in range(len(self.items))]
        validate: Any = self.child.validate if _get_class(self.child).validate is not _DRF.validate else None
        rules = [rule for rule in self.rules if rule.field is None]
        is_known = len(rules) == len(self.child.validators)
        if is_known and not rules and validate is None:
            return outcomes
        free = [is_known] * len(outcomes)
        if is_known:
            for rule in rules:
                passed = rule.find_free(self.list_held(rule, outcomes), outcomes, self.instances)
                free = [a and b for a, b in zip(free, passed, strict=True)]
        if validate is None and all(free):
            return outcomes
        self.are_columns = False
        for index, outcome in enumerate(outcomes):
            if not isinstance(outcome, ValidationError) and (validate is not None or not free[index]):
                outcomes[index] = self.catch(index, partial(self.validate_row, outcome, validate, is_free=free[index]))
        return outcomes

    def zip_columns(self, columns: Sequence[Column]) -> list[Outcome] | None:
        """Return the rows, where nothing has to be done by the row."""
        if any(column.validate is not None or column.key is None for column in columns):
            return None
        if not all(column.is_complete for column in columns):
            return None
        keys = [column.key for column in columns]
        cells = [column.cells for column in columns]
        if not cells:
            return [{} for _item in self.items]
        self.are_columns = len({*keys}) == len(keys)  # else one column stands in for another
        return cast("list[Outcome]", [*map(dict, map(zip, repeat(keys), zip(*cells, strict=True)))])

    def read_row(self, columns: Sequence[Column], index: int) -> dict[str, Any]:
        """Return the attributes of one row: DRF's own loop, which finds most values read already."""
        attrs: dict[str, Any] = {}
        errors: dict[str, Any] = {}
        for column in columns:
            if column.cells[index] is UNSAID:
                continue
            try:
                cell = self.read_cell(column, index)
            except ValidationError as exc:
                errors[column.name] = exc.detail
            except DjangoValidationError as exc:
                errors[column.name] = get_error_detail(exc)
            except SkipField:
                pass
            else:
                if column.key is None:
                    self.child.set_value(attrs, column.field.source_attrs, cell)
                else:
                    attrs[column.key] = cell
        if errors:
            raise ValidationError(errors)
        return attrs

    def read_cell(self, column: Column, index: int) -> Any:
        """Return the value of one row, validated by the field and by the serializer's ``validate_<field>()``."""
        cell = column.cells[index]
        if cell is _ASK:
            field = column.field
            cell = field.run_validation(column.raw[index] if column.raw else field.get_value(self.items[index]))
        elif isinstance(cell, ValidationError):
            raise cell
        return cell if column.validate is None else column.validate(cell)

    def validate_row(self, attrs: dict[str, Any], validate: Any, *, is_free: bool) -> dict[str, Any]:
        """Run the validators of the serializer, where they could find something, and its ``validate()``."""
        try:
            if not is_free:
                self.child.run_validators(attrs)
            if validate is not None:
                attrs = validate(attrs)
                assert attrs is not None, ".validate() should return the validated data"  # noqa: S101  # DRF's own
        except (ValidationError, DjangoValidationError) as exc:
            raise ValidationError(as_serializer_error(exc)) from exc
        return attrs

    def read_column(self, field: Any) -> Column:
        """Return the column of *field*: what can be told of it without asking the field row by row."""
        column = Column(
            field=field,
            name=field.field_name,
            key=field.source_attrs[0] if len(field.source_attrs) == 1 else None,
            validate=getattr(self.child, f"validate_{field.field_name}", None),
            raw=[],
            cells=[_ASK] * len(self.items),
        )
        read = self.find_reader(field)
        if read is None or _get_class(field).get_value is not _FIELD.get_value:
            return column
        column.raw = self.list_raw(field)
        # What was not sent is a class, whose own class is ``type``.
        if {*map(type, column.raw)}.isdisjoint({type, type(None)}):
            cells = read(column.raw)
            if cells is not None:
                column.cells = [*cells]
                column.is_complete = is_plain_field(field) or _is_complete(column)
        else:
            self.read_sent(column, read)
            column.is_complete = _is_complete(column)
        return column

    def read_sent(self, column: Column, read: _Read) -> None:
        """Read what the rows of *column* have, where some have nothing."""
        sent: list[int] = []
        for index, raw in enumerate(column.raw):
            if raw is empty:
                if self.is_partial:
                    column.cells[index] = UNSAID
            elif raw is None:
                if column.field.allow_null and column.field.source != "*":
                    column.cells[index] = None
            else:
                sent.append(index)
        cells = read([column.raw[index] for index in sent])
        if cells is not None:
            for index, cell in zip(sent, cells, strict=True):
                column.cells[index] = cell

    def list_raw(self, field: Any) -> list[Any]:
        """Return what each of the items has for *field*."""
        if self.are_dicts:
            name = field.field_name
            try:
                return [*map(itemgetter(name), self.items)]
            except KeyError:  # somebody did not send it
                return [item.get(name, empty) for item in self.items]
        return [self.get_raw(field, item) for item in self.items]

    def get_raw(self, field: Any, item: Any) -> Any:
        """Return what *item* has for *field*."""
        return item.get(field.field_name, empty) if _get_class(item) is dict else field.get_value(item)

    def find_reader(self, field: Any) -> _Read | None:
        """Return what reads a whole column of values of *field*, if anything does."""
        if any(_get_class(rule) is UniqueValidator and not _is_answered(rule, field) for rule in field.validators):
            return None  # only the field itself asks it
        if is_plain_field(field):
            return lambda values: read_plain(field, values)
        kind = _get_class(field)
        if (
            _is_a(field, ConfigurableRelatedFieldMixin)
            and field.looks_up_together
            and kind.to_internal_value is _OURS.to_internal_value
            and kind.run_validation is _RELATED.run_validation
            and kind.validate_empty_values is _FIELD.validate_empty_values
            and all(_get_class(validator) is UniqueValidator for validator in field.validators)
        ):
            return lambda values: None if "" in values else field.find(values)
        return None

    # What stands in for the database

    def take_over_relations(self, stack: ExitStack) -> None:
        """Look up the related rows that the payload names, with one query for each field."""
        for field in self.fields:
            related = getattr(field, "child_relation", field)
            if _is_a(related, ConfigurableRelatedFieldMixin):
                if related.looks_up_together:
                    stack.enter_context(related.preloaded(self.list_values(field)))
            elif (path := _find_look_up(related)) is not None:
                related.get_queryset = OfferedRows(related, path, self.list_values(field))
                stack.callback(delattr, related, "get_queryset")
        if _is_a(self.child, NestingSerializer):
            for nesting in self.child.nestings.values():
                data = self.list_values(nesting) if nesting.takes_data else []
                nested: list[Any] = [value for value in data if isinstance(value, Mapping)]
                if nested and nesting.reachable_child is not None:
                    stack.enter_context(nesting.preloading(nested))
                    stack.enter_context(nesting.reaching(self.list_parents(nesting), nested))

    def list_values(self, field: Any) -> list[Any]:
        """Return what the payload has for *field*; of a list its items."""
        if _get_class(field).get_value is _FIELD.get_value:
            values = self.list_raw(field)
        else:
            values = [field.get_value(item) for item in self.items]
        if not any(issubclass(kind, list) for kind in {*map(type, values)}):
            return values
        lists: list[Any] = [value for value in values if isinstance(value, list)]
        return [*(value for value in values if not isinstance(value, list)), *chain.from_iterable(lists)]

    def list_parents(self, nesting: NestedRelation) -> list[Model]:
        """Return the stored rows for which the payload has nested data."""
        return [
            instance
            for item, instance in zip(self.items, self.instances, strict=True)
            if instance is not None and isinstance(nesting.get_value(item), Mapping | list)
        ]

    def take_over_rules(self, stack: ExitStack, columns: Sequence[Column]) -> None:
        """Find out what rules of uniqueness the rows could break, with one query for each rule."""
        by_name = {column.name: column for column in columns}
        for field in self.fields:
            replaced = [self.take_over_rule(validator, field, by_name) for validator in field.validators]
            if any(new is not old for new, old in zip(replaced, field.validators, strict=True)):
                stack.callback(setattr, field, "validators", field.validators)
                field.validators = replaced
        replaced = [self.take_over_rule(validator, None, by_name) for validator in self.child.validators]
        stack.callback(setattr, self.child, "validators", self.child.validators)
        self.child.validators = replaced

    def take_over_rule(self, validator: Any, field: Any, columns: Mapping[str, Column]) -> Any:
        """Return *validator* with a queryset that knows the answers, or as it is where only the database knows."""
        kind = _get_class(validator)
        if field is not None:
            if kind is not UniqueValidator or not _is_answered(validator, field):
                return validator
            fields, condition = [field], find_condition(validator, field)
            needed = (field.source,)
        else:
            if kind is not UniqueTogetherValidator:
                return validator
            fields = [self.child.fields[name] for name in validator.fields]
            condition = getattr(validator, "condition", None)
            names = getattr(validator, "condition_fields", ())
            needed = tuple(self.child.fields[name].source for name in names)
        if any(len(each.source_attrs) != 1 for each in fields):
            return validator
        # A field's condition is in the queryset already.
        known = KnownRows(validator.queryset, [each.source for each in fields], None if field else condition)
        guesses = [self.guess_cells(columns.get(each.field_name)) for each in fields]
        held = known.read_all(guesses, self.instances)
        known.ask(held)
        rule = Rule(
            rows=known,
            validator=validator,
            field=field,
            nulls_distinct=getattr(validator, "nulls_distinct", None) is not False,
            condition=condition,
            needed=needed,
            keeps_blanks=self.keeps_blanks(known),
            held=held if all(_is_certain(columns.get(each.field_name)) for each in fields) else None,
        )
        self.rules.append(rule)
        if field is not None:
            self.reopen_clashes(rule, columns[field.field_name])
        stand_in = _copy(validator)
        stand_in.queryset = known
        return stand_in

    def keeps_blanks(self, rows: KnownRows) -> bool:
        """Tell whether a blank text in the columns of *rows* reaches the database as it is, as far as can be told."""
        model: Any = getattr(getattr(self.child, "Meta", None), "model", rows.queryset.model)
        fills_slug = hasattr(model, "prepare_slugs") and "slug" in rows.paths
        return not (fills_slug or needs_save(model) or has_own_writes(self.child))

    def reopen_clashes(self, rule: Rule, column: Column) -> None:
        """Have the field asked for the values of a column that may be taken."""
        held = rule.rows.read_all([column.cells], [None] * len(column.cells)) if rule.held is None else rule.held
        if rule.rows.are_free(held):
            return
        for index, cell in enumerate(column.cells):
            if cell is None or cell is UNSAID or cell is _ASK or isinstance(cell, ValidationError):
                continue
            values = held[index]
            if values is None or not rule.rows.is_free(values, self.instances[index]):
                column.cells[index] = _ASK
                column.is_complete = False

    def guess_cells(self, column: Column | None) -> Sequence[Any]:
        """Return what the field will make of its values, as far as it can be told without running its validators."""
        if column is None:
            return [UNSAID] * len(self.items)
        if column.is_complete:
            return column.cells
        field = column.field
        # A field of the project's own may count its calls, or look at the row.
        is_known = is_of_ours(_get_class(field).to_internal_value) and is_of_ours(
            getattr(_get_class(getattr(field, "child_relation", field)), "get_queryset", _RELATED.get_queryset)
        )
        cells: list[Any] = []
        for index, cell in enumerate(column.cells):
            guess = UNSAID if isinstance(cell, ValidationError) else cell
            if cell is _ASK:
                guess = UNSAID
                raw = column.raw[index] if column.raw else self.get_raw(field, self.items[index])
                if is_known and raw is not empty and raw is not None:
                    try:
                        guess = field.to_internal_value(raw)
                    except _UNREADABLE:
                        guess = UNSAID
            cells.append(guess)
        return cells

    def report_repeated(self, outcomes: list[Outcome]) -> None:
        """Report rows that want what an earlier row of the payload gets, or what no validator was asked about."""
        for rule in self.rules:
            repeated = rule.find_repeated(self.list_held(rule, outcomes), outcomes, self.instances)
            for index in repeated:
                outcomes[index] = rule.build_error()
            self.are_columns = self.are_columns and not repeated
            taken = rule.find_taken_blanks(outcomes, self.instances)
            for index in taken:
                outcomes[index] = rule.build_error()
            self.are_columns = self.are_columns and not taken

    def list_held(self, rule: Rule, outcomes: Sequence[Outcome]) -> Sequence[Values | None]:
        """Return what each row will hold in the columns of *rule*."""
        return rule.held if self.are_columns and rule.held is not None else rule.read(outcomes, self.instances)

    @contextmanager
    def restoring(self) -> Generator[None]:
        """Leave the serializer as it was."""
        child = self.child
        own: dict[str, Any] = child.__dict__
        before: dict[str, Any] = {name: own[name] for name in ("instance", "initial_data") if name in own}
        try:
            yield
        finally:
            own.pop("initial_data", None)
            own.update(before)


def _get_class(value: object) -> Any:
    """Return the class of *value*, whose attributes the stubs may not know."""
    return type(value)


def _is_a(value: object, kind: type[Any]) -> bool:
    """Tell whether *value* is a *kind*, whose type arguments nobody knows."""
    return isinstance(value, kind)


def _find_look_up(field: Any) -> str | None:
    """Return the column that *field*, one of DRF's own, looks rows up by; ``None`` for every other field."""
    kind = _get_class(field)
    if _is_a(field, relations.PrimaryKeyRelatedField):
        return "pk" if kind.to_internal_value is _BY_KEY.to_internal_value and field.pk_field is None else None
    if _is_a(field, relations.SlugRelatedField):
        return str(field.slug_field) if kind.to_internal_value is _BY_SLUG.to_internal_value else None
    return None


def _is_complete(column: Column) -> bool:
    """Tell whether every row has a valid value."""
    return not any(kind is object or issubclass(kind, ValidationError) for kind in {*map(type, column.cells)})


def _is_certain(column: Column | None) -> bool:
    return column is not None and column.is_complete


def _is_answered(validator: Any, field: Any) -> bool:
    """Tell whether one query for the payload answers what *validator*, which is about *field* alone, asks of a row."""
    return validator.lookup == "exact" and len(field.source_attrs) == 1


def _copy(validator: Any) -> Any:
    """Return a second *validator* with the same options; its ``__init__()`` may take others."""
    stand_in: Any = object.__new__(_get_class(validator))
    stand_in.__dict__.update(validator.__dict__)
    return stand_in
