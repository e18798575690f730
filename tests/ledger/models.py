"""Models of the ledger the tests of relation fields and nested writes work on: one of every kind of relation."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.db import models
from typing_extensions import override

if TYPE_CHECKING:
    from django_stubs_ext.db.models.manager import RelatedManager


class Currency(models.Model):
    """Has a text for a primary key."""

    code = models.CharField(max_length=3, primary_key=True)
    name = models.CharField(max_length=40)

    @override
    def __str__(self) -> str:
        return self.name


class Customer(models.Model):
    """Shared by many invoices."""

    name = models.CharField(max_length=40)
    slug = models.SlugField(unique=True)

    if TYPE_CHECKING:
        # Reverse relations, for checkers that do not know Django's models.
        account: Account
        badge: Badge

    class Meta:
        ordering = ("pk",)

    @override
    def __str__(self) -> str:
        return self.name


class Account(models.Model):
    """Belongs to exactly one customer: the far end of a one-to-one."""

    customer = models.OneToOneField(Customer, on_delete=models.CASCADE, related_name="account")
    iban = models.CharField(max_length=34, unique=True)
    currency = models.ForeignKey(Currency, on_delete=models.PROTECT, null=True, blank=True)


class Badge(models.Model):
    """Goes to one customer at most and may lie around: the far end of a nullable one-to-one."""

    customer = models.OneToOneField(Customer, on_delete=models.SET_NULL, null=True, blank=True, related_name="badge")
    number = models.PositiveIntegerField(unique=True)


class Product(models.Model):
    """Has a UUID for a primary key, set before the first save."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=40)
    slug = models.SlugField(unique=True)

    class Meta:
        ordering = ("name",)

    @override
    def __str__(self) -> str:
        return self.name


class Tag(models.Model):
    """Linked to invoices without columns of the link's own."""

    name = models.CharField(max_length=40, unique=True)

    class Meta:
        ordering = ("pk",)

    @override
    def __str__(self) -> str:
        return self.name


class Address(models.Model):
    """The near end of an invoice's one-to-one."""

    street = models.CharField(max_length=40)

    @override
    def __str__(self) -> str:
        return self.street


class Person(models.Model):
    """Linked to invoices through a model that has a column of its own."""

    name = models.CharField(max_length=40)

    class Meta:
        ordering = ("pk",)

    @override
    def __str__(self) -> str:
        return self.name


class Note(models.Model):
    """Hangs on any row through a generic relation."""

    content_type = models.ForeignKey(ContentType, on_delete=models.CASCADE)
    object_id = models.PositiveBigIntegerField()
    target = GenericForeignKey("content_type", "object_id")
    text = models.CharField(max_length=40)

    class Meta:
        ordering = ("pk",)


class Invoice(models.Model):
    """The root of the tree."""

    number = models.CharField(max_length=20, unique=True)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="invoices", null=True, blank=True)
    address = models.OneToOneField(Address, on_delete=models.SET_NULL, null=True, blank=True, related_name="invoice")
    tags = models.ManyToManyField(Tag, blank=True, related_name="invoices")
    people = models.ManyToManyField(Person, through="Role", blank=True, related_name="invoices")
    notes = GenericRelation(Note)

    if TYPE_CHECKING:
        customer_id: int | None
        line_items: RelatedManager[LineItem]
        payments: RelatedManager[Payment]

    class Meta:
        ordering = ("pk",)

    @override
    def __str__(self) -> str:
        return self.number


class Role(models.Model):
    """The link of a person to an invoice; ``title`` has no default."""

    invoice = models.ForeignKey(Invoice, on_delete=models.CASCADE, related_name="roles")
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="roles")
    title = models.CharField(max_length=40)


class LineItem(models.Model):
    """Cannot exist without its invoice; its position is unique there."""

    invoice = models.ForeignKey(Invoice, on_delete=models.CASCADE, related_name="line_items")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, null=True, blank=True, related_name="line_items")
    position = models.PositiveIntegerField()
    text = models.CharField(max_length=40, default="", blank=True)
    quantity = models.PositiveIntegerField(default=1)

    if TYPE_CHECKING:
        discounts: RelatedManager[Discount]

    class Meta:
        ordering = ("position",)
        constraints = (models.UniqueConstraint(fields=("invoice", "position"), name="ledger_lineitem_position"),)

    @override
    def __str__(self) -> str:
        return f"{self.position}"


class Discount(models.Model):
    """The third level: belongs to a line item."""

    line_item = models.ForeignKey(LineItem, on_delete=models.CASCADE, related_name="discounts")
    percent = models.PositiveIntegerField()

    class Meta:
        ordering = ("pk",)


class Payment(models.Model):
    """May lie around without an invoice; its reference is unique everywhere."""

    invoice = models.ForeignKey(Invoice, on_delete=models.SET_NULL, null=True, blank=True, related_name="payments")
    reference = models.CharField(max_length=20, unique=True)
    amount = models.DecimalField(max_digits=10, decimal_places=2)

    class Meta:
        ordering = ("pk",)

    @override
    def __str__(self) -> str:
        return self.reference


class Receipt(models.Model):
    """Holds on to its payment."""

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT)


class Memo(models.Model):
    """Does work of its own when it is saved."""

    invoice = models.ForeignKey(Invoice, on_delete=models.CASCADE, related_name="memos")
    text = models.CharField(max_length=40)

    @override
    def save(self, *args: Any, **kwargs: Any) -> None:
        self.text = self.text.upper()
        super().save(*args, **kwargs)


class Category(models.Model):
    """A tree: its parent is a category."""

    name = models.CharField(max_length=40)
    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True, blank=True, related_name="children")

    class Meta:
        ordering = ("pk",)

    @override
    def __str__(self) -> str:
        return self.name
