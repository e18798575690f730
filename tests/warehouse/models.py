"""Models of the warehouse the tests of bulk operations work on."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from itertools import count
from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField, IntegerRangeField
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import F
from typing_extensions import override

from drf_commons.models import BaseModelMixin, SoftDeleteMixin
from drf_commons.models.content import VersionMixin
from tests.warehouse.fields import CountingField, MirroredField, NamesakeField, PublishedField


class Supplier(models.Model):
    """Delivers items."""

    name = models.CharField(max_length=40, unique=True)

    @override
    def __str__(self) -> str:
        return self.name


class Item(models.Model):
    """The plain row of most tests."""

    class Status(models.TextChoices):
        NEW = "new"
        SOLD = "sold"

    name = models.CharField(max_length=10)
    price = models.DecimalField(max_digits=8, decimal_places=2, default=0)
    quantity = models.IntegerField(default=0)
    status = models.CharField(max_length=5, choices=Status, default=Status.NEW)
    due = models.DateTimeField(null=True, blank=True)
    supplier = models.ForeignKey(Supplier, on_delete=models.CASCADE, null=True, blank=True)
    is_active = models.BooleanField(default=True)
    changed = models.DateTimeField(auto_now=True)

    @override
    def __str__(self) -> str:
        return self.name


class Crate(Item):
    """An item whose columns are spread over two tables."""

    weight = models.FloatField(default=0)


class Sample(models.Model):
    """One column for every field of Django, each of them nullable."""

    big_integer = models.BigIntegerField(null=True)
    binary = models.BinaryField(null=True)
    boolean = models.BooleanField(null=True)
    char = models.CharField(max_length=20, null=True)
    date = models.DateField(null=True)
    date_time = models.DateTimeField(null=True)
    decimal = models.DecimalField(max_digits=12, decimal_places=3, null=True)
    duration = models.DurationField(null=True)
    email = models.EmailField(null=True)
    file = models.FileField(null=True)
    file_path = models.FilePathField(null=True)
    float = models.FloatField(null=True)
    ip_address = models.GenericIPAddressField(null=True)
    integer = models.IntegerField(null=True)
    json = models.JSONField(null=True)
    encoded_json = models.JSONField(null=True, encoder=DjangoJSONEncoder)
    positive_big_integer = models.PositiveBigIntegerField(null=True)
    positive_integer = models.PositiveIntegerField(null=True)
    positive_small_integer = models.PositiveSmallIntegerField(null=True)
    slug = models.SlugField(null=True)
    small_integer = models.SmallIntegerField(null=True)
    text = models.TextField(null=True)
    time = models.TimeField(null=True)
    url = models.URLField(null=True)
    uuid = models.UUIDField(null=True)
    foreign_key = models.ForeignKey(Supplier, on_delete=models.CASCADE, null=True, related_name="+")
    one_to_one = models.OneToOneField(Item, on_delete=models.CASCADE, null=True, related_name="+")
    text_foreign_key = models.ForeignKey(
        Supplier, on_delete=models.CASCADE, null=True, to_field="name", related_name="+", db_column="odd column"
    )
    mirrored = MirroredField(max_length=20, null=True, db_column="mirrored text")


class Parcel(models.Model):
    """A row with a key of its own."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    label = models.CharField(max_length=20)


class Label(models.Model):
    """A row whose key is a text."""

    code = models.CharField(max_length=20, primary_key=True)
    text = models.CharField(max_length=20)


class Scan(models.Model):
    """A row with a field that counts its writes."""

    place = models.CharField(max_length=20)
    writes = CountingField(default=0)


def take_number() -> int:
    """Return the next number."""
    return next(_numbers)


_numbers = count()


class Page(models.Model):
    """A row with fields that have a will of their own, and two defaults out of one sequence."""

    text = NamesakeField(max_length=20)
    first = models.IntegerField(default=take_number)
    second = models.IntegerField(default=take_number)


class Post(models.Model):
    """A row that is stamped, or is not."""

    text = models.CharField(max_length=20)
    published_at = PublishedField()


class Mark(models.Model):
    """A row that is nothing but its key."""


class Shelf(models.Model):
    """Rows that only Postgres can store."""

    numbers = ArrayField(models.IntegerField(), null=True)
    names = ArrayField(models.CharField(max_length=5), null=True)
    span = IntegerRangeField(null=True)

    class Meta:
        required_db_vendor = "postgresql"


class Box(models.Model):
    """A row with a column that the database computes."""

    width = models.IntegerField()
    height = models.IntegerField()
    area = models.GeneratedField(
        expression=F("width") * F("height"), output_field=models.IntegerField(), db_persist=True
    )


class Ticket(models.Model):
    """A row with a value that the database gives."""

    text = models.CharField(max_length=20)
    state = models.CharField(max_length=20, db_default="open")


class Step(models.Model):
    """A row that stands in an order below its supplier."""

    supplier = models.ForeignKey(Supplier, on_delete=models.CASCADE)
    text = models.CharField(max_length=20)

    class Meta:
        order_with_respect_to = "supplier"


class Slot(models.Model):
    """A row whose key is made of two columns."""

    pk = models.CompositePrimaryKey("aisle", "number")
    aisle = models.IntegerField()
    number = models.IntegerField()
    content = models.CharField(max_length=20)


class Machine(BaseModelMixin, VersionMixin):
    """Audited, soft-deleted and versioned."""

    name = models.CharField(max_length=20)
    place = models.CharField(max_length=20, default="")

    @override
    def __str__(self) -> str:
        return self.name


class Robot(Machine):
    """A machine whose columns are spread over two tables; the version stands in the other one."""

    arms = models.IntegerField(default=2)


class Tool(SoftDeleteMixin):
    """A soft-deleted row whose manager knows nothing of it."""

    name = models.CharField(max_length=20)

    objects: ClassVar[models.Manager[Tool]] = models.Manager()  # type: ignore[assignment]  # what the test is about


class BinQuerySet(models.QuerySet["Bin"]):
    """A queryset with bulk methods of its own, which say so in what they write."""

    @override
    def bulk_update(self, objs: Iterable[Bin], fields: Iterable[str], batch_size: int | None = None) -> int:
        rows = list(objs)
        for row in rows:
            row.written_by = "queryset"
        return super().bulk_update(rows, {*fields, "written_by"}, batch_size)

    @override
    def bulk_create(self, objs: Iterable[Bin], *args: Any, **kwargs: Any) -> list[Bin]:
        rows = list(objs)
        for row in rows:
            row.written_by = "queryset"
        return super().bulk_create(rows, *args, **kwargs)

    @override
    def delete(self) -> tuple[int, dict[str, int]]:
        return self.update(written_by="delete"), {}


class Bin(models.Model):
    """A row whose queryset has bulk methods of its own."""

    name = models.CharField(max_length=20)
    written_by = models.CharField(max_length=20, default="")

    objects: ClassVar[models.Manager[Bin]] = BinQuerySet.as_manager()
