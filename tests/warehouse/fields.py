"""Fields with a mind of their own, as projects write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models
from typing_extensions import override

from drf_commons.models import TimestampField

if TYPE_CHECKING:
    _CharField = models.CharField[str | None, str | None]
    _IntegerField = models.IntegerField[int, int]
else:
    _CharField = models.CharField
    _IntegerField = models.IntegerField


class MirroredField(_CharField):
    """Stored backwards: what reads or writes the column without asking the field is found out."""

    @override
    def get_prep_value(self, value: Any) -> Any:
        text = super().get_prep_value(value)
        return text if text is None else text[::-1]

    def from_db_value(self, value: str | None, *_: object) -> str | None:
        """Return the text as it was given."""
        return value if value is None else value[::-1]


class CountingField(_IntegerField):
    """Adds one before every write, in ``pre_save()``."""

    @override
    def pre_save(self, model_instance: models.Model, add: bool) -> int:
        value = (getattr(model_instance, self.attname) or 0) + 1
        setattr(model_instance, self.attname, value)
        return value


class PublishedField(TimestampField):
    """Stamps only rows that are no drafts, which it has to see for that."""

    @override
    def is_set_by_hand(self, instance: models.Model) -> bool:
        return getattr(instance, "text", "") == "draft" or super().is_set_by_hand(instance)


class NamesakeField(_CharField):
    """Has an attribute that is called as that of a clock, and is none."""

    auto_now = True
