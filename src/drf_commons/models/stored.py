"""The ground of the model mixins: a model that remembers what its row holds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cache
from typing import Any, Self, TypeVar

from django.db import models, router
from django.db.models.base import ModelBase
from typing_extensions import override

from drf_commons.bulk.marks import known
from drf_commons.models.fields import STORED_VALUES, StampMixin

__all__ = ["StoredValuesMixin", "alters_data", "overridable"]

F = TypeVar("F", bound=Callable[..., object])


def alters_data(method: F) -> F:
    """Mark *method* as one that writes, so that a template cannot call it."""
    vars(method)["alters_data"] = True
    return method


def overridable(meta: type) -> Any:
    """Return *meta*, the ``Meta`` of a mixin, as what a subclass may replace without inheriting from it.

    That is how Django treats it; a checker that sees a plain nested class would object.
    """
    return meta


class StoredValuesMixin(models.Model):
    """Remembers the stored value of some columns, and lets columns that fill themselves in travel with every save.

    ``save(update_fields=["title"])`` and the save of an instance with deferred columns write ``updated_at``,
    ``updated_by`` and ``version`` too. Every mixin with such columns inherits this; it adds no column of its own.
    """

    @overridable
    class Meta:
        abstract = True

    @override
    def save(
        self,
        *,
        force_insert: bool | tuple[ModelBase, ...] = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Iterable[str] | None = None,
    ) -> None:
        if update_fields is not None:
            names: frozenset[str] | None = frozenset(update_fields)
        else:
            names = None if force_insert else self._get_loaded_names(using)
        if names:  # an empty collection means "save nothing"
            names |= self.get_travelling_names()
        super().save(force_insert=force_insert, force_update=force_update, using=using, update_fields=names)

    @override
    def save_base(
        self,
        raw: bool = False,
        force_insert: bool | tuple[ModelBase, ...] = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Iterable[str] | None = None,
    ) -> None:
        names = None if update_fields is None else frozenset(update_fields)
        super().save_base(raw, force_insert, force_update, using, names)
        self.remember_stored(names)

    @classmethod
    def get_remembered_names(cls) -> frozenset[str]:
        """Return the names of the fields whose stored value is remembered."""
        return frozenset(field.name for field in cls._meta.concrete_fields if isinstance(field, StampMixin))

    @classmethod
    def build_update_stamps(cls) -> dict[str, Any]:
        """Return what an update made now writes beside its own columns, by attribute name.

        A value may be an expression. This is for updates that do not go through ``save()``:
        ``queryset.update(title="x", **Article.build_update_stamps())``.
        """
        return {field.attname: value for field in _get_stamps(cls) if (value := field.get_stamp()) is not None}

    @classmethod
    @known
    def prepare_bulk_create(cls, objs: Sequence[StoredValuesMixin], using: str | None = None) -> None:
        """Fill in what ``save()`` does before an insert and ``bulk_create()`` does not; a mixin adds what it needs."""

    def get_travelling_names(self) -> frozenset[str]:
        """Return the attribute names of the columns that every update of this instance writes too."""
        stamps = _get_stamps(type(self))
        return frozenset(
            stamp.attname for stamp in stamps if stamp.is_set_by_hand(self) or stamp.get_stamp() is not None
        )

    @known
    def remember_stored(self, names: Collection[str] | None = None) -> None:
        """Take the present values of the columns *names*, all by default, for those that the row holds.

        This happens at every read and save; call it yourself after writing an instance by other means. A name is that
        of a field or of its attribute.
        """
        values = vars(self)
        stored = values.setdefault(STORED_VALUES, {})
        for name, attname in _get_remembered(type(self)):
            if attname in values and (names is None or name in names or attname in names):
                stored[attname] = values[attname]

    @classmethod
    @known
    @override
    def from_db(cls, db: str | None, field_names: Collection[str], values: Collection[Any], **kwargs: Any) -> Self:
        instance = super().from_db(db, field_names, values, **kwargs)
        instance.remember_stored()
        return instance

    @override
    def refresh_from_db(
        self,
        using: str | None = None,
        fields: Iterable[str] | None = None,
        from_queryset: models.QuerySet[Any] | None = None,
    ) -> None:
        names = None if fields is None else frozenset(fields)
        super().refresh_from_db(using=using, fields=names, from_queryset=from_queryset)
        self.remember_stored(names)

    def _get_loaded_names(self, using: str | None) -> frozenset[str] | None:
        """Return what Django would save of an instance with deferred columns; ``None`` for one without."""
        deferred = self.get_deferred_fields()
        if not deferred or (using or router.db_for_write(type(self), instance=self)) != self._state.db:
            return None
        fields = self._meta.concrete_fields
        loaded = (field.attname for field in fields if not field.primary_key and not field.generated)
        return frozenset(loaded) - deferred or None


@cache
def _get_stamps(model: type[models.Model]) -> tuple[StampMixin, ...]:
    """Return the fields of *model* that are stamped at every update."""
    fields = model._meta.concrete_fields  # documented Model API
    return tuple(field for field in fields if isinstance(field, StampMixin) and field.on_update)


@cache
def _get_remembered(model: type[StoredValuesMixin]) -> tuple[tuple[str, str], ...]:
    """Return the names and attribute names of the fields whose stored value *model* remembers."""
    names = model.get_remembered_names()
    fields = model._meta.concrete_fields  # documented Model API
    return tuple((field.name, field.attname) for field in fields if field.name in names)
