"""Models of the newsroom the tests of views work on."""

from __future__ import annotations

from django.db import models
from typing_extensions import override


class Author(models.Model):
    """Writes articles; cannot be deleted while one refers to them."""

    name = models.CharField(max_length=40)

    @override
    def __str__(self) -> str:
        return self.name


class Article(models.Model):
    """The resource of most view tests."""

    title = models.CharField(max_length=40, unique=True)
    words = models.PositiveIntegerField(default=0)
    author = models.ForeignKey(Author, on_delete=models.PROTECT, null=True, blank=True)

    class Meta:
        ordering = ("pk",)

    @override
    def __str__(self) -> str:
        return self.title
