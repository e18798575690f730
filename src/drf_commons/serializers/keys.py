"""What clients name rows by: a column, the values it can hold, and how a client's value becomes one of them."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import cache
from operator import attrgetter
from typing import Any, Final, Generic, TypeAlias, cast

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import connections
from django.db.models import AutoField, CharField, Field, ForeignObject, IntegerField, Model, TextField, UUIDField
from typing_extensions import TypeVar

from drf_commons.errors import ConfigurationError

__all__ = ["Key", "build_key", "get_max_values", "is_storable"]

M = TypeVar("M", bound=Model, default=Any)

ModelField: TypeAlias = "Field[Any, Any]"


class Key(Generic[M]):
    """A column that names the rows of *model*: its primary key, or what ``lookup_field`` and ``slug_field`` say.

    ``path`` may cross relations (``author__email``), as a look-up does.
    """

    def __init__(self, model: type[M], path: str) -> None:
        self.model = model
        self.path = path
        self.is_pk: bool = path in {"pk", model._meta.pk.name}
        self.field: ModelField = _find_column(model, path)
        self.is_text: bool = isinstance(self.field, CharField | TextField)
        attribute = model._meta.pk.attname if self.is_pk else path.replace("__", ".")
        self.read: Callable[[M], Hashable] = attrgetter(attribute)
        self._parse = _find_parser(self.field)

    def parse(self, value: object) -> Hashable | None:
        """Return *value* as the column would hold it; ``None`` when it is not of the column's type.

        A boolean is never a key, though Python counts it among the integers.
        """
        if value is None or isinstance(value, bool):
            return None
        return self._parse(self.field, value)

    def parse_all(self, values: Sequence[object]) -> list[Hashable | None]:
        """Return :meth:`parse` of each of *values*, at once where they are plain integers for a column of integers."""
        is_plain = self._parse is _parse_integer and {*map(type, values)} <= {int}
        return [*cast("Sequence[int]", values)] if is_plain else [*map(self.parse, values)]

    def list_holdable(self, values: Iterable[Hashable], using: str) -> list[Hashable]:
        """Return those of *values* that the column can be compared with; a range is asked for once."""
        listed = [*values]
        if self.can_hold_all(listed, using):
            return listed
        return [value for value in listed if self.can_hold(value, using)]

    def can_hold_all(self, values: Sequence[Hashable], using: str) -> bool:
        """Tell whether the database *using* can compare the column with each of *values*."""
        kinds = {*map(type, values)}
        if kinds == {int} and isinstance(self.field, IntegerField):
            low, high = self._get_range(using)
            numbers = cast("Sequence[int]", values)
            return low <= min(numbers) and max(numbers) <= high and (0 not in numbers or self._takes_zero(using))
        if kinds == {str}:
            return is_storable("".join(cast("Sequence[str]", values)))
        return all(self.can_hold(value, using) for value in values)

    def can_hold(self, value: Hashable, using: str) -> bool:
        """Tell whether the database *using* can compare the column with *value* at all.

        An integer beyond the column's range, a NUL or half a surrogate pair names no row, and asking for it would fail;
        so would the zero as an automatic key of MySQL, for which it stands for the next number.
        """
        match value:
            case int() if isinstance(self.field, IntegerField):
                low, high = self._get_range(using)
                return low <= value <= high and (value != 0 or self._takes_zero(using))
            case str():
                return is_storable(value)
            case _:
                return True

    def _takes_zero(self, using: str) -> bool:
        return connections[using].features.allows_auto_pk_0 or not isinstance(self.field, AutoField)

    def _get_range(self, using: str) -> tuple[int, int]:
        return connections[using].ops.integer_field_range(self.field.get_internal_type())


@cache
def build_key(model: type[M], path: str) -> Key[M]:
    """Return the key of *model* at *path*; the same object each time.

    Raises :class:`~drf_commons.errors.ConfigurationError` when there is no such field.
    """
    return Key(model, path)


def is_storable(text: str) -> bool:
    """Tell whether a database can hold *text*: one without a NUL and halves of surrogate pairs."""
    return "\x00" not in text and (text.isascii() or not any("\ud800" <= sign <= "\udfff" for sign in {*text}))


def get_max_values(using: str) -> int | None:
    """Return how many values one query may ask for: half of what it can carry, the rest is for the rows' own filter."""
    connection = connections[using]
    limit = connection.features.max_query_params
    if connection.vendor == "sqlite":
        connection.ensure_connection()
        limit = connection.connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)  # Django before 6.0 says 999
    return limit and limit // 2


def _find_column(model: type[Model], path: str) -> ModelField:
    """Return the field that holds the values of *path*."""
    field: Any = None
    current = model
    for name in path.split("__"):
        try:
            field = current._meta.pk if name == "pk" else current._meta.get_field(name)
        except FieldDoesNotExist as exc:
            msg = f'{current.__name__} has no field "{name}" to look rows up by'
            raise ConfigurationError(msg) from exc
        current = field.related_model or current
    while isinstance(field, ForeignObject):
        field = field.target_field
    return field  # type: ignore[no-any-return]  # the stubs leave get_field() open


def _parse_integer(_field: ModelField, value: object) -> int | None:
    match value:
        case int():
            return value
        case str() if (text := value.strip()).removeprefix("-").isdecimal() and text.isascii():
            try:
                return int(text)
            except ValueError:  # more digits than Python is willing to read
                return None
        case _:
            return None


def _parse_uuid(_field: ModelField, value: object) -> uuid.UUID | None:
    match value:
        case uuid.UUID():
            return value
        case str():
            try:
                return uuid.UUID(value)
            except ValueError:
                return None
        case _:
            return None


def _parse_text(_field: ModelField, value: object) -> str | None:
    match value:
        case str():
            return value
        case int() | uuid.UUID():  # a number names a row as its digits do
            return str(value)
        case _:
            return None


def _parse_other(field: ModelField, value: object) -> Hashable | None:
    """Leave the types the table does not know to the field itself."""
    if not isinstance(value, str | int | uuid.UUID):
        return None
    try:
        parsed = field.to_python(value)
    except (ValidationError, TypeError, ValueError, OverflowError):
        return None
    return parsed if isinstance(parsed, Hashable) else None


_PARSERS: Final[tuple[tuple[type[ModelField], Callable[[ModelField, object], Hashable | None]], ...]] = (
    (IntegerField, _parse_integer),
    (UUIDField, _parse_uuid),
    (CharField, _parse_text),
    (TextField, _parse_text),
)


def _find_parser(field: ModelField) -> Callable[[ModelField, object], Hashable | None]:
    for known, parser in _PARSERS:
        # A subclass that converts differently holds something else than its base does.
        if isinstance(field, known) and _converts_like(field, known):
            return parser
    return _parse_other


def _converts_like(field: ModelField, known: type[ModelField]) -> bool:
    own: object = type(field).to_python  # pyright: ignore[reportUnknownMemberType]  # the stubs leave its types open
    return own is known.to_python
