"""Mixins for content: versions, slugs, and free-form metadata."""

from __future__ import annotations

from typing import cast

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.expressions import Combinable

from drf_commons.models.slugs import SlugMixin
from drf_commons.models.stored import overridable
from drf_commons.models.versions import VersionConflictError, VersionMixin
from drf_commons.types import Json

__all__ = ["MetaMixin", "SlugMixin", "VersionConflictError", "VersionMixin", "validate_metadata", "validate_tags"]


def validate_metadata(value: object) -> None:
    """Raise a validation error unless *value* is a JSON object."""
    if not isinstance(value, dict):
        msg = "Metadata must be an object."
        raise ValidationError(msg, code="invalid")


def validate_tags(value: object) -> None:
    """Raise a validation error unless *value* is a list of different texts, none of them blank."""
    tags = cast("list[object]", value) if isinstance(value, list) else [None]
    if not all(isinstance(tag, str) and tag.strip() for tag in tags):
        msg = "Tags must be a list of texts, none of them blank."
        raise ValidationError(msg, code="invalid")
    if len({*tags}) < len(tags):
        msg = "Tags must not repeat."
        raise ValidationError(msg, code="invalid")


class MetaMixin(models.Model):
    """Carries what no column was made for: ``metadata`` by key, ``tags``, and ``notes``.

    The methods change the instance; save it to keep the change.
    """

    metadata: models.JSONField[dict[str, Json] | Combinable, dict[str, Json]] = models.JSONField(
        default=dict, blank=True, validators=[validate_metadata]
    )
    tags: models.JSONField[list[str] | Combinable, list[str]] = models.JSONField(
        default=list, blank=True, validators=[validate_tags]
    )
    notes: models.TextField[str | Combinable, str] = models.TextField(blank=True)

    @overridable
    class Meta:
        abstract = True

    def get_metadata_value(self, key: str, default: Json = None) -> Json:
        """Return the value of *key*, or *default*."""
        return self.metadata.get(key, default)

    def set_metadata_value(self, key: str, value: Json) -> None:
        """Set *key* to *value*."""
        self.metadata = {**self.metadata, key: value}

    def remove_metadata_value(self, key: str) -> bool:
        """Remove *key*; return whether it was there."""
        found = key in self.metadata
        self.metadata = {name: value for name, value in self.metadata.items() if name != key}
        return found

    def has_tag(self, tag: str) -> bool:
        """Return whether *tag* is there; spaces around it do not count."""
        return tag.strip() in self.tags

    def add_tag(self, tag: str) -> bool:
        """Add *tag* behind the others; return whether it is new. A blank tag raises :class:`ValueError`."""
        tag = tag.strip()
        if not tag:
            msg = "A tag must not be blank"
            raise ValueError(msg)
        is_new = tag not in self.tags
        if is_new:
            self.tags = [*self.tags, tag]
        return is_new

    def remove_tag(self, tag: str) -> bool:
        """Remove *tag*; return whether it was there."""
        found = self.has_tag(tag)
        self.tags = [other for other in self.tags if other != tag.strip()]
        return found
