"""Models of the archive the tests of model mixins work on."""

from __future__ import annotations

from django.db import models
from typing_extensions import override

from drf_commons.models import BaseModelMixin


class Note(BaseModelMixin):
    """The canonical base model."""

    text = models.CharField(max_length=100)
    words = models.IntegerField(default=0)

    @override
    def __str__(self) -> str:
        return self.text
