"""Models of the catalogue the tests work on: a library, its books and what readers make of them."""

from __future__ import annotations

import uuid

from django.db import models
from typing_extensions import override


class Author(models.Model):
    """Writes books; may be unknown in part."""

    name = models.CharField(max_length=60)
    born = models.PositiveSmallIntegerField(null=True, blank=True)

    @override
    def __str__(self) -> str:
        return self.name


class Tag(models.Model):
    """A word that books are found by."""

    word = models.CharField(max_length=30, unique=True)

    @override
    def __str__(self) -> str:
        return self.word


class Book(models.Model):
    """The resource of most tests: columns that tie, columns that are empty, relations to one and to many."""

    title = models.CharField(max_length=80)
    isbn = models.CharField(max_length=13, unique=True)
    shelf = models.PositiveSmallIntegerField(default=0)
    place = models.PositiveSmallIntegerField(null=True, blank=True)
    price = models.DecimalField(max_digits=8, decimal_places=2, null=True, blank=True)
    rating = models.FloatField(null=True, blank=True)
    published = models.DateField(null=True, blank=True)
    catalogued = models.DateTimeField(null=True, blank=True)
    author = models.ForeignKey(Author, on_delete=models.CASCADE, null=True, blank=True, related_name="books")
    tags = models.ManyToManyField(Tag, blank=True, related_name="books")

    class Meta:
        unique_together = (("shelf", "place"),)

    @override
    def __str__(self) -> str:
        return self.title


class Review(models.Model):
    """What a reader says of a book."""

    book = models.ForeignKey(Book, on_delete=models.CASCADE, related_name="reviews")
    stars = models.PositiveSmallIntegerField()


class Loan(models.Model):
    """A book that is, or was, away."""

    book = models.ForeignKey(Book, on_delete=models.CASCADE, related_name="loans")
    days = models.PositiveSmallIntegerField(default=14)


class Seat(models.Model):
    """A place in the reading room: two columns make it unique; rows are listed by a column that ties."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    row = models.PositiveSmallIntegerField()
    number = models.PositiveSmallIntegerField()
    has_lamp = models.BooleanField(default=False)

    class Meta:
        ordering = ("-has_lamp",)
        constraints = (models.UniqueConstraint(fields=["row", "number"], name="seat_row_number"),)


class Folio(Book):
    """A large book: its primary key is a relation to the book."""

    height = models.PositiveSmallIntegerField()


class Copy(models.Model):
    """One of the copies of a book: two columns are its primary key."""

    pk = models.CompositePrimaryKey("book_id", "number")
    book = models.ForeignKey(Book, on_delete=models.CASCADE, related_name="copies")
    number = models.PositiveSmallIntegerField()
