"""Model mixins: abstract, composable, and right under concurrency."""

from drf_commons.models.base import (
    BaseModelMixin,
    JsonModelMixin,
    SoftDeleteMixin,
    TimeStampMixin,
    UserActionMixin,
)
from drf_commons.models.fields import CurrentUserField, TimestampField
from drf_commons.models.querysets import (
    ActiveManager,
    AuditManager,
    AuditQuerySet,
    SoftDeleteManager,
    SoftDeleteQuerySet,
)

__all__ = [
    "ActiveManager",
    "AuditManager",
    "AuditQuerySet",
    "BaseModelMixin",
    "CurrentUserField",
    "JsonModelMixin",
    "SoftDeleteManager",
    "SoftDeleteMixin",
    "SoftDeleteQuerySet",
    "TimeStampMixin",
    "TimestampField",
    "UserActionMixin",
]
