"""The canonical base model and the parts it is made of."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, ClassVar, Self

from django.conf import settings
from django.core import checks
from django.db import models
from django.db.models.expressions import Combinable
from django.utils import timezone
from typing_extensions import override

from drf_commons.models.fields import CurrentUserField, TimestampField
from drf_commons.models.json_values import JsonModelMixin
from drf_commons.models.querysets import SoftDeleteManager
from drf_commons.models.stored import StoredValuesMixin, alters_data, overridable
from drf_commons.types import Pk

__all__ = ["BaseModelMixin", "JsonModelMixin", "SoftDeleteMixin", "TimeStampMixin", "UserActionMixin"]


class TimeStampMixin(StoredValuesMixin):
    """Knows when it was created and when it was last saved."""

    created_at: TimestampField = TimestampField()
    updated_at: TimestampField = TimestampField(on_update=True)

    @overridable
    class Meta:
        abstract = True


class UserActionMixin(StoredValuesMixin):
    """Knows who created it and who saved it last, as far as there was a user; see :class:`CurrentUserField`."""

    created_by: CurrentUserField[Any, Any] = CurrentUserField(null=True, related_name="+")
    updated_by: CurrentUserField[Any, Any] = CurrentUserField(null=True, related_name="+", on_update=True)

    created_by_id: Pk | None
    updated_by_id: Pk | None

    @overridable
    class Meta:
        abstract = True


class SoftDeleteMixin(StoredValuesMixin):
    """Can be deleted without leaving the table, and restored.

    Nothing is hidden: ``objects`` returns deleted rows too. Write ``objects.active()``, or choose
    :class:`~drf_commons.models.querysets.ActiveManager` for a model.
    """

    is_active: models.BooleanField[bool | Combinable, bool] = models.BooleanField(default=True, editable=False)
    deleted_at: models.DateTimeField[datetime | Combinable | None, datetime | None] = models.DateTimeField(
        null=True, blank=True, editable=False
    )

    objects: ClassVar[SoftDeleteManager[Self]] = SoftDeleteManager()

    @overridable
    class Meta:
        abstract = True

    @classmethod
    @override
    def check(cls, **kwargs: Any) -> list[checks.CheckMessage]:
        errors = super().check(**kwargs)
        if cls._meta.label == settings.AUTH_USER_MODEL:
            text = f"{cls._meta.label} is the user model, whose is_active says who may log in, not who is deleted."
            hint = "Take SoftDeleteMixin or BaseModelMixin from its bases; use the other mixins one by one."
            errors.append(checks.Error(text, hint=hint, obj=cls, id="drf_commons.E004"))
        return errors

    @property
    def is_deleted(self) -> bool:
        """Whether the row is soft-deleted."""
        return not self.is_active

    @alters_data
    def soft_delete(self, using: str | None = None) -> bool:
        """Mark the row as deleted and save that; return whether it was not yet deleted.

        A row that is already deleted keeps its time of deletion, and nothing is written.
        """
        return self.is_active and self._save_state(using, is_active=False)

    @alters_data
    def restore(self, using: str | None = None) -> bool:
        """Take the deletion back and save that; return whether the row was deleted."""
        return self.is_deleted and self._save_state(using, is_active=True)

    def _save_state(self, using: str | None, *, is_active: bool) -> bool:
        if self._state.adding:
            msg = f"{self._meta.object_name} has not been saved yet: there is no row to delete or to restore"
            raise ValueError(msg)
        before = self.is_active, self.deleted_at
        self.is_active, self.deleted_at = is_active, None if is_active else timezone.now()
        try:
            self.save(using=using, update_fields=("is_active", "deleted_at"))
        except BaseException:
            self.is_active, self.deleted_at = before
            raise
        return True


class BaseModelMixin(TimeStampMixin, UserActionMixin, SoftDeleteMixin, JsonModelMixin):
    """A UUID primary key, timestamps, audit columns, soft deletion and :meth:`get_json`."""

    id: models.UUIDField[uuid.UUID | str, uuid.UUID] = models.UUIDField(
        primary_key=True, default=uuid.uuid4, editable=False
    )

    @overridable
    class Meta:
        abstract = True
