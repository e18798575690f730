"""Model mixins: abstract, composable, and right under concurrency."""

from drf_commons.models.base import (
    BaseModelMixin,
    JsonModelMixin,
    SoftDeleteMixin,
    TimeStampMixin,
    UserActionMixin,
)
from drf_commons.models.constraints import LiveUniqueConstraint
from drf_commons.models.content import MetaMixin, SlugMixin, VersionMixin
from drf_commons.models.fields import CurrentUserField, TimestampField
from drf_commons.models.person import AddressMixin, IdentityMixin
from drf_commons.models.querysets import (
    ActiveManager,
    AuditManager,
    AuditQuerySet,
    SoftDeleteManager,
    SoftDeleteQuerySet,
)

__all__ = [
    "ActiveManager",
    "AddressMixin",
    "AuditManager",
    "AuditQuerySet",
    "BaseModelMixin",
    "CurrentUserField",
    "IdentityMixin",
    "JsonModelMixin",
    "LiveUniqueConstraint",
    "MetaMixin",
    "SlugMixin",
    "SoftDeleteManager",
    "SoftDeleteMixin",
    "SoftDeleteQuerySet",
    "TimeStampMixin",
    "TimestampField",
    "UserActionMixin",
    "VersionMixin",
]
