"""All of it together."""

from __future__ import annotations

from typing import Any

from django.db.models import Model
from typing_extensions import TypeVar

from drf_commons.admin.audit import AuditAdminMixin
from drf_commons.admin.soft_delete import SoftDeleteAdminMixin
from drf_commons.admin.versions import VersionAdminMixin

__all__ = ["BaseModelAdmin"]

M = TypeVar("M", bound=Model, default=Any)


class BaseModelAdmin(VersionAdminMixin[M], AuditAdminMixin[M], SoftDeleteAdminMixin[M]):
    """A ``ModelAdmin`` for whichever of the library's mixins the model has: ``BaseModelAdmin[Article]``."""
