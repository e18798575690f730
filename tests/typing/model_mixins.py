# pyright: strict
"""The types of the model mixins, in a project's own models, for every checker."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from decimal import Decimal
from typing import ClassVar, Self, assert_type

from django.db import models
from django.db.models.expressions import Combinable
from typing_extensions import override

from drf_commons.models import (
    AddressMixin,
    AuditManager,
    AuditQuerySet,
    BaseModelMixin,
    CurrentUserField,
    IdentityMixin,
    JsonModelMixin,
    LiveUniqueConstraint,
    MetaMixin,
    SlugMixin,
    SoftDeleteManager,
    SoftDeleteMixin,
    SoftDeleteQuerySet,
    TimestampField,
    TimeStampMixin,
    UserActionMixin,
    VersionMixin,
)
from drf_commons.types import Json
from tests.archive.models import Document


class Dossier(BaseModelMixin, VersionMixin, SlugMixin, MetaMixin):
    """Everything that content can be, with a ``Meta`` of its own."""

    title: models.CharField[str | Combinable, str] = models.CharField(max_length=50)

    class Meta:
        app_label = "archive"
        abstract = True
        constraints = (LiveUniqueConstraint(fields=["title"], name="dossier_title_live"),)

    @override
    def get_slug_source(self) -> str:
        return self.title


class Contact(IdentityMixin, AddressMixin, TimeStampMixin, UserActionMixin, SoftDeleteMixin, JsonModelMixin):
    """Every mixin by itself."""

    seen_at = TimestampField(on_update=True)
    seen_by = CurrentUserField(null=True, related_name="+", on_update=True)

    class Meta:
        app_label = "archive"
        abstract = True
        ordering = ("last_name",)


class Journal(TimeStampMixin):
    """Chooses its manager."""

    objects: ClassVar[AuditManager[Self]] = AuditManager()

    class Meta:
        app_label = "archive"
        abstract = True


def check_rows(dossier: Dossier) -> None:
    """Read columns: each has the type of its values."""
    assert_type(dossier.id, uuid.UUID)
    assert_type(dossier.created_at, datetime)
    assert_type(dossier.updated_at, datetime)
    assert_type(dossier.is_active, bool)
    assert_type(dossier.deleted_at, datetime | None)
    assert_type(dossier.version, int)
    assert_type(dossier.slug, str)
    assert_type(dossier.metadata, dict[str, Json])
    assert_type(dossier.tags, list[str])
    assert_type(dossier.notes, str)


def check_methods(dossier: Dossier) -> None:
    """Call methods: they take and return what they say."""
    assert_type(dossier.is_deleted, bool)
    assert_type(dossier.soft_delete(), bool)
    assert_type(dossier.soft_delete(using="replica"), bool)
    assert_type(dossier.restore(), bool)
    assert_type(dossier.get_json(["title"], exclude_audit=True), dict[str, Json])
    assert_type(dossier.stored_version, int)
    assert_type(dossier.expected_version, int)
    dossier.increment_version()
    dossier.check_version(3)
    assert_type(dossier.build_slug_base(), str)
    Dossier.prepare_slugs([dossier])
    assert_type(dossier.get_metadata_value("key"), Json)
    assert_type(dossier.add_tag("tag"), bool)
    dossier.save(update_fields=["title"])


def check_people(contact: Contact) -> None:
    """Read what is computed: it has a type too."""
    assert_type(contact.full_name, str)
    assert_type(contact.initials, str)
    assert_type(contact.birth_date, date | None)
    assert_type(contact.age, int | None)
    assert_type(contact.latitude, Decimal | None)
    assert_type(contact.has_coordinates, bool)
    assert_type(contact.get_coordinates(), tuple[Decimal, Decimal] | None)
    assert_type(contact.full_address, str)
    assert_type(contact.seen_at, datetime)


def check_managers() -> None:
    """Chain managers and querysets: they keep their model."""
    assert_type(Dossier.objects, SoftDeleteManager[Dossier])
    assert_type(Dossier.objects.all(), SoftDeleteQuerySet[Dossier])
    assert_type(Dossier.objects.active(), SoftDeleteQuerySet[Dossier])
    assert_type(Dossier.objects.filter(title="a").deleted(), SoftDeleteQuerySet[Dossier])
    assert_type(Dossier.objects.exclude(title="a").order_by("title").active(), SoftDeleteQuerySet[Dossier])
    assert_type(Dossier.objects.active().first(), Dossier | None)
    assert_type(Dossier.objects.active().soft_delete(), int)
    assert_type(Dossier.objects.deleted().restore(), int)
    assert_type(Dossier.objects.touch(title="b"), int)
    assert_type(Dossier.objects.create(title="a"), Dossier)
    assert_type(Contact.objects.active().get(), Contact)
    assert_type(Document.objects.active(), SoftDeleteQuerySet[Document])
    assert_type(Document.objects.filter(count=1).active().get(), Document)
    assert_type(Journal.objects.get_queryset(), AuditQuerySet[Journal])
