"""Models of the archive the tests of model mixins work on."""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models
from typing_extensions import override

from drf_commons.models import (
    ActiveManager,
    AddressMixin,
    AuditManager,
    BaseModelMixin,
    CurrentUserField,
    IdentityMixin,
    JsonModelMixin,
    LiveUniqueConstraint,
    MetaMixin,
    SlugMixin,
    SoftDeleteManager,
    TimestampField,
    VersionMixin,
)


class Note(BaseModelMixin):
    """The canonical base model."""

    text = models.CharField(max_length=100)
    words = models.IntegerField(default=0)

    @override
    def __str__(self) -> str:
        return self.text


class Document(BaseModelMixin, VersionMixin):
    """Versioned, with everything else of the base model."""

    body = models.TextField(blank=True)
    count = models.IntegerField(default=0)

    @override
    def __str__(self) -> str:
        return self.body


class Publication(VersionMixin):
    """A parent table that holds the version of its children."""

    title = models.CharField(max_length=50)

    @override
    def __str__(self) -> str:
        return self.title


class Book(Publication):
    """A child table; its row is spread over two tables."""

    pages = models.IntegerField(default=0, unique=True)


class Leaflet(models.Model):
    """A parent without a version."""

    title = models.CharField(max_length=50)

    @override
    def __str__(self) -> str:
        return self.title


class VersionedLeaflet(Leaflet, VersionMixin):
    """The version is in the child table, which is written after the parent's."""

    folds = models.IntegerField(default=0)


class DocumentProxy(Document):
    """The same rows under another name."""

    class Meta:
        proxy = True


class Counter(models.Model):
    """Two writers can lose an update."""

    count = models.IntegerField(default=0)

    @override
    def __str__(self) -> str:
        return str(self.count)


class VersionedCounter(VersionMixin):
    """The same with a version."""

    count = models.IntegerField(default=0)

    @override
    def __str__(self) -> str:
        return str(self.count)


class Memo(models.Model):
    """A plain model with fields that fill themselves in, and without the mixins."""

    text = models.CharField(max_length=50)
    written_at = TimestampField()
    written_by = CurrentUserField(null=True, related_name="memos")
    edited_at = TimestampField(on_update=True)
    edited_by = CurrentUserField(null=True, related_name="+", on_update=True)

    @override
    def __str__(self) -> str:
        return self.text


class Category(BaseModelMixin, SlugMixin):
    """Slugs that are unique in the whole table."""

    name = models.CharField(max_length=300)

    @override
    def __str__(self) -> str:
        return self.name

    @override
    def get_slug_source(self) -> str:
        return self.name


class Shelf(models.Model):
    """Has sections."""

    name = models.CharField(max_length=50)

    @override
    def __str__(self) -> str:
        return self.name


class Section(SlugMixin):
    """Slugs beyond ASCII, unique within a shelf, in a short column; and another unique column."""

    objects: ClassVar[AuditManager[Self]] = AuditManager()

    slug = models.SlugField(max_length=12, blank=True, allow_unicode=True)
    slug_unique_with = ("shelf",)
    slug_fallback = "untitled"

    name = models.CharField(max_length=100)
    shelf = models.ForeignKey(Shelf, models.CASCADE, null=True, blank=True)
    code = models.CharField(max_length=20, unique=True, null=True, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["shelf", "slug"], name="section_slug_within_shelf"),)

    @override
    def __str__(self) -> str:
        return self.name

    @override
    def get_slug_source(self) -> str:
        return self.name


class Page(VersionMixin, SlugMixin):
    """Versioned, with a slug."""

    title = models.CharField(max_length=50)

    @override
    def __str__(self) -> str:
        return self.title

    @override
    def get_slug_source(self) -> str:
        return self.title


class Chapter(Page):
    """A child table of what has a slug."""

    number = models.IntegerField(default=0)


class NamelessSlug(SlugMixin):
    """Forgets to say what its slug is made of."""


class Project(BaseModelMixin):
    """A name that only one live project has, and a place that only one live project of an owner has."""

    name = models.CharField(max_length=50)
    owner = models.CharField(max_length=50, blank=True)
    place = models.IntegerField(null=True, blank=True)

    class Meta:
        constraints = (
            LiveUniqueConstraint(fields=["name"], name="project_name_live"),
            LiveUniqueConstraint(fields=["owner", "place"], name="project_place_live"),
        )

    @override
    def __str__(self) -> str:
        return self.name


class Draft(BaseModelMixin):
    """Hides its deleted rows by default."""

    all_objects: ClassVar[SoftDeleteManager[Self]] = SoftDeleteManager()
    objects: ClassVar[SoftDeleteManager[Self]] = ActiveManager()  # pyright: ignore[reportIncompatibleVariableOverride]

    title = models.CharField(max_length=50)
    project = models.ForeignKey(Project, models.CASCADE, related_name="drafts", null=True)

    @override
    def __str__(self) -> str:
        return self.title


class Sample(JsonModelMixin, MetaMixin):
    """A column of every kind that Django has for every database."""

    class Level(models.IntegerChoices):
        """Choices that are numbers."""

        LOW = 1
        HIGH = 2

    class Color(models.TextChoices):
        """Choices that are texts."""

        RED = "red"

    big = models.BigIntegerField(default=2**53)
    binary = models.BinaryField(default=b"\x00\xff")
    boolean = models.BooleanField(default=True)
    char = models.CharField(max_length=10, choices=Color.choices, default=Color.RED)
    date = models.DateField(null=True)
    datetime = models.DateTimeField(null=True)
    decimal = models.DecimalField(max_digits=8, decimal_places=3, null=True)
    doubled = models.GeneratedField(
        expression=models.F("integer") * 2, output_field=models.IntegerField(), db_persist=True
    )
    duration = models.DurationField(null=True)
    email = models.EmailField(blank=True)
    file = models.FileField(blank=True)
    float = models.FloatField(default=1.5)
    image = models.FileField(default="cat.png")
    integer = models.IntegerField(choices=Level.choices, default=Level.HIGH)
    ip = models.GenericIPAddressField(null=True)
    json = models.JSONField(default=dict)
    memo = models.ForeignKey(Memo, models.CASCADE, null=True)
    memos = models.ManyToManyField(Memo, related_name="samples")
    null = models.BooleanField(null=True)
    slug = models.SlugField(default="slug")
    small = models.PositiveSmallIntegerField(default=3)
    text = models.TextField(default="text")
    time = models.TimeField(null=True)
    url = models.URLField(blank=True)
    uuid = models.UUIDField(null=True)

    @override
    def __str__(self) -> str:
        return self.text

    @property
    def shout(self) -> str:
        """A value that is no column."""
        return self.text.upper()


class Person(IdentityMixin, AddressMixin):
    """Somebody, somewhere."""

    @override
    def __str__(self) -> str:
        return self.full_name


class Report(BaseModelMixin, VersionMixin, SlugMixin):
    """Audited, soft-deleted, versioned and with a slug."""

    title = models.CharField(max_length=50)
    count = models.IntegerField(default=0)

    @override
    def __str__(self) -> str:
        return self.title

    @override
    def get_slug_source(self) -> str:
        return self.title
