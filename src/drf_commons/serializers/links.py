"""How a model's rows hang together: for each relation who holds the key, and how rows are linked and unlinked."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, cast

from django.db.models import (
    Field,
    ForeignKey,
    ForeignObjectRel,
    ManyToManyField,
    ManyToManyRel,
    ManyToOneRel,
    Model,
    OneToOneField,
    OneToOneRel,
    QuerySet,
)
from django.db.models.fields import NOT_PROVIDED

__all__ = ["Kind", "Link", "find_link"]


class Kind(enum.Enum):
    """Who holds the key that links two rows."""

    FOREIGN_KEY = "the near row; the far one may be shared"
    ONE_TO_ONE = "the near row; the far one is its own"
    REVERSE_ONE_TO_ONE = "the one far row"
    REVERSE_FOREIGN_KEY = "each far row"
    GENERIC = "each far row, together with the near row's model"
    MANY_TO_MANY = "a row between the two"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One relation of a model, from the row at the near end to the rows at the far end."""

    name: str
    kind: Kind
    near: type[Model]
    far: type[Model]
    #: What holds the key: the field at the near or the far end, the generic relation, or the many-to-many field.
    field: Any

    @property
    def is_forward(self) -> bool:
        """Tell whether the near row holds the key, so that the far row has to be there first."""
        return self.kind in {Kind.FOREIGN_KEY, Kind.ONE_TO_ONE}

    @property
    def is_to_many(self) -> bool:
        """Tell whether the far end is a list."""
        return self.kind in {Kind.REVERSE_FOREIGN_KEY, Kind.GENERIC, Kind.MANY_TO_MANY}

    @property
    def is_exclusive(self) -> bool:
        """Tell whether the far end is one row that belongs to the near row alone."""
        return self.kind in {Kind.ONE_TO_ONE, Kind.REVERSE_ONE_TO_ONE}

    @property
    def far_columns(self) -> tuple[Field[Any, Any], ...]:
        """The columns at the far end that hold the key."""
        match self.kind:
            case Kind.REVERSE_FOREIGN_KEY | Kind.REVERSE_ONE_TO_ONE:
                return (self.field,)
            case Kind.GENERIC:
                names = (self.field.content_type_field_name, self.field.object_id_field_name)
                return tuple(cast("Field[Any, Any]", self.far._meta.get_field(name)) for name in names)
            case _:
                return ()

    @property
    def can_unlink(self) -> bool:
        """Tell whether a far row may stay without the near one."""
        return all(column.null for column in self.far_columns)

    @property
    def through_columns(self) -> dict[str, bool]:
        """The columns that the row between has of its own, and whether they have to be given."""
        if self.kind is not Kind.MANY_TO_MANY:
            return {}
        ends = {self.field.m2m_field_name(), self.field.m2m_reverse_field_name()}
        return {
            column.name: not (column.null or column.blank or column.has_default() or _has_db_default(column))
            for column in self.field.remote_field.through._meta.concrete_fields
            if column.name not in ends and not column.primary_key
        }

    def attach(self, parent: Model) -> dict[str, object]:
        """Return the columns of a far row that link it to *parent*."""
        if self.kind is not Kind.GENERIC:
            return {self.field.name: parent}
        content_type, object_id = self.far_columns
        return {content_type.name: self._get_content_type(parent), object_id.name: parent.pk}

    def detach(self) -> dict[str, object]:
        """Return the columns of a far row that belongs to nobody."""
        return {column.name: None for column in self.far_columns}

    def find_rows(self, owners: Sequence[Model], using: str) -> QuerySet[Model]:
        """Return the far rows of *owners*, one at least, for relations whose key the far row holds."""
        rows = self.far._default_manager.using(using)
        if self.kind is not Kind.GENERIC:
            return rows.filter(**{f"{self.field.name}__in": owners})
        content_type, object_id = self.far_columns
        pks = [owner.pk for owner in owners]
        return rows.filter(
            **{content_type.name: self._get_content_type(owners[0]), f"{object_id.name}__in": pks},
        )

    def read_owner(self, row: Model) -> object:
        """Return the key of the near row that the far *row* belongs to."""
        column = self.far_columns[-1]
        value: object = column.to_python(getattr(row, column.attname))
        return value

    def get_owner_key(self, parent: Model) -> object:
        """Return the key by which the far rows of *parent* know it."""
        column = self.far_columns[-1]
        if self.kind is Kind.GENERIC:
            return column.to_python(parent.pk)
        return getattr(parent, self.field.target_field.attname)

    def forget(self, parent: Model) -> None:
        """Drop what *parent* remembers of its far rows, so that it reads them anew."""
        vars(parent).get("_prefetched_objects_cache", {}).pop(self.name, None)
        if self.kind is Kind.REVERSE_ONE_TO_ONE and self.field.remote_field.is_cached(parent):
            self.field.remote_field.delete_cached_value(parent)

    def _get_content_type(self, parent: Model) -> Model:
        # The model is taken from the key: a project without generic relations need not install its app.
        content_types: Any = self.far_columns[0].related_model
        content_type: Model = content_types.objects.get_for_model(
            parent, for_concrete_model=self.field.for_concrete_model
        )
        return content_type


@cache
def find_link(model: type[Model], name: str) -> Link | None:
    """Return the relation that rows of *model* know as *name*; ``None`` when it is a column or no field at all."""
    for field in model._meta.get_fields():
        known_as = field.get_accessor_name() if isinstance(field, ForeignObjectRel) else field.name
        kind = _find_kind(field)
        if kind is not None and known_as == name:
            key = field.field if isinstance(field, ForeignObjectRel) else field
            return Link(name=name, kind=kind, near=model, far=cast("type[Model]", field.related_model), field=key)
    return None


def _has_db_default(column: Field[Any, Any]) -> bool:
    return column.db_default is not NOT_PROVIDED


#: The first that fits counts: each one-to-one is a foreign key too.
_KINDS: Final[tuple[tuple[type[object], Kind], ...]] = (
    (ManyToManyField, Kind.MANY_TO_MANY),
    (ManyToManyRel, Kind.MANY_TO_MANY),
    (OneToOneField, Kind.ONE_TO_ONE),
    (ForeignKey, Kind.FOREIGN_KEY),
    (OneToOneRel, Kind.REVERSE_ONE_TO_ONE),
    (ManyToOneRel, Kind.REVERSE_FOREIGN_KEY),
)


def _find_kind(field: object) -> Kind | None:
    if hasattr(field, "content_type_field_name"):
        return Kind.GENERIC
    return next((kind for known, kind in _KINDS if isinstance(field, known)), None)
