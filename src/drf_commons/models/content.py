"""Mixins for content: versions, slugs, and free-form metadata."""

from __future__ import annotations

from drf_commons.models.versions import VersionConflictError, VersionMixin

__all__ = ["VersionConflictError", "VersionMixin"]
