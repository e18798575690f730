"""Fields that fill themselves in: when a row was written, and by whom."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final, cast

from django.conf import settings
from django.db import models
from django.db.models.expressions import Combinable
from django.db.models.fields.related_descriptors import ForwardManyToOneDescriptor
from django.utils import timezone
from typing_extensions import TypeVar, override

from drf_commons.bulk.marks import known
from drf_commons.current_user import get_audit_user

__all__ = ["STORED_VALUES", "CurrentUserField", "StampMixin", "TimestampField"]

Set_contra = TypeVar("Set_contra", contravariant=True, default=Any)
Get_co = TypeVar("Get_co", covariant=True, default=Any)

#: Where an instance keeps what its row is known to hold, by attribute name.
STORED_VALUES: Final = "_stored_values"

# Only the checkers read the parameters of Django's classes; at runtime these cannot be subscripted.
if TYPE_CHECKING:
    _DateTimeField = models.DateTimeField[str | datetime | date | Combinable | None, datetime]
    _UserAccessor = ForwardManyToOneDescriptor[models.ForeignKey[Any, Any]]
else:
    _DateTimeField = models.DateTimeField
    _UserAccessor = ForwardManyToOneDescriptor


class StampMixin:
    """What fields that fill themselves in share; stands to the left of a field that calls :meth:`stamp` before a save.

    The column is stamped when the row is created and, with ``on_update=True``, at every later save. A value set by hand
    wins: on an insert any value but ``None``, on an update a value the row does not hold yet. Telling the latter takes
    a model that remembers what its row holds, as every mixin of the library does; on any other model ``on_update=True``
    always stamps, as ``auto_now`` does. While there is nothing to stamp, the column stays as it is.
    """

    attname: str
    on_update: bool = False

    def get_stamp(self) -> object:
        """Return the value to write now, or ``None`` when there is nothing to stamp."""
        raise NotImplementedError

    def stamp(self, instance: models.Model, *, add: bool) -> None:
        """Give *instance*, about to be inserted (*add*) or updated, the value to write."""
        if (add or self.on_update) and not self.is_set_by_hand(instance):
            value = self.get_stamp()
            if value is not None:
                setattr(instance, self.attname, value)
                if STORED_VALUES in vars(instance):
                    # Should the save fail, the value is not taken for one set by hand when it is tried again.
                    vars(instance)[STORED_VALUES][self.attname] = value

    @known
    def is_set_by_hand(self, instance: models.Model) -> bool:
        """Tell whether someone gave *instance* a value that its row does not hold."""
        values = vars(instance)
        if self.attname not in values:
            return False
        stored = cast("Mapping[str, object]", values.get(STORED_VALUES, {}))  # nobody else writes this key
        if self.attname in stored:
            return bool(values[self.attname] != stored[self.attname])
        if instance._state.adding:  # noqa: SLF001  # documented Model API
            return values[self.attname] is not None
        return STORED_VALUES in values


class TimestampField(StampMixin, _DateTimeField):
    """The time a row was created or, with ``on_update=True``, last saved."""

    non_db_attrs: tuple[str, ...] = (*models.Field.non_db_attrs, "on_update")

    def __init__(
        self,
        verbose_name: Any = None,
        name: str | None = None,
        *,
        on_update: bool = False,
        blank: bool = True,
        editable: bool = False,
        **kwargs: Any,
    ) -> None:
        self.on_update = on_update
        super().__init__(verbose_name, name, blank=blank, editable=editable, **kwargs)

    @override
    def get_stamp(self) -> datetime:
        return timezone.now()

    @override
    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        self.stamp(model_instance, add=add)
        return super().pre_save(model_instance, add)

    @override
    def deconstruct(self) -> tuple[str, str, list[Any], dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        kwargs.update(on_update=self.on_update, blank=self.blank, editable=self.editable)
        return name, path, [*args], _without_defaults(kwargs, on_update=False, blank=True, editable=False)


class CurrentUserAccessor(_UserAccessor):
    """Assigning a user is setting the column by hand, even when it is the user that the row already names."""

    @override
    def __set__(self, instance: models.Model, value: models.Model | None) -> None:
        super().__set__(instance, value)
        vars(instance).get(STORED_VALUES, {}).pop(self.field.attname, None)


class CurrentUserField(StampMixin, models.ForeignKey[Set_contra, Get_co]):
    """The user who created a row or, with ``on_update=True``, the one who saved it last.

    The user is that of the current request or of an :func:`~drf_commons.current_user.as_user` block; without one the
    column keeps what it holds. It refers to ``AUTH_USER_MODEL`` unless *to* says otherwise, and is emptied when the
    user is deleted.
    """

    forward_related_accessor_class: type[ForwardManyToOneDescriptor[Any]] = CurrentUserAccessor

    def __init__(
        self,
        to: type[models.Model] | str | None = None,
        on_delete: Callable[..., None] = models.SET_NULL,
        *,
        on_update: bool = False,
        null: bool = True,
        blank: bool = True,
        editable: bool = False,
        **kwargs: Any,
    ) -> None:
        self.on_update = on_update
        super().__init__(
            settings.AUTH_USER_MODEL if to is None else to,
            on_delete,
            null=null,
            blank=blank,
            editable=editable,
            **kwargs,
        )

    # A property, as in the foreign key above it, where the stubs of the plain field have a variable.
    @property
    @override
    def non_db_attrs(self) -> tuple[str, ...]:  # type: ignore[override]
        return (*super().non_db_attrs, "on_update")

    @override
    def get_stamp(self) -> object:
        user = get_audit_user()
        return None if user is None else getattr(user, self.target_field.attname)

    @override
    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        self.stamp(model_instance, add=add)
        return super().pre_save(model_instance, add)

    @override
    def deconstruct(self) -> tuple[str, str, list[Any], dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        kwargs.update(on_update=self.on_update, null=self.null, blank=self.blank, editable=self.editable)
        return name, path, [*args], _without_defaults(kwargs, on_update=False, null=True, blank=True, editable=False)


def _without_defaults(kwargs: Mapping[str, Any], **defaults: bool) -> dict[str, Any]:
    """Return *kwargs* without those that say what a field of ours does anyway, as migrations spell them."""
    return {key: value for key, value in kwargs.items() if key not in defaults or defaults[key] != value}
