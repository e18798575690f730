"""Which rows an import may touch: for whoever knows the user to say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from django.db import models

from drf_commons.bulk import bulk_delete

__all__ = ["DeleteRows", "FindForbidden", "FindRelated", "ImportScope", "Querysets"]

#: The rows that a step may change, by the name of the step.
Querysets: TypeAlias = Mapping[str, "models.QuerySet[Any]"]

#: Takes the name of a step, the name of a relation, and every row it may point to; returns those it does point to.
FindRelated: TypeAlias = "Callable[[str, str, models.QuerySet[Any]], models.QuerySet[Any]]"

#: Takes the name of a step and the primary keys of rows; returns why some of them may not be touched.
FindForbidden: TypeAlias = Callable[[str, Sequence[Any]], Mapping[Any, str]]

#: Takes the rows an import may change, and the keys of those that the file does not have.
DeleteRows: TypeAlias = "Callable[[models.QuerySet[Any], Sequence[Any]], object]"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportScope:
    """Which rows an import may touch; all of them by default."""

    #: The rows that a step may change or delete, by its name. Others are there, but not to be changed.
    querysets: Querysets = field(default_factory=dict[str, "models.QuerySet[Any]"])
    #: Given the name of a step and the rows it would change or delete: why some of them may not be, by primary key.
    find_forbidden: FindForbidden | None = None
    #: Narrows the rows that a relation may refer to.
    find_related: FindRelated | None = None
    #: Deletes for a replacement.
    delete_rows: DeleteRows = bulk_delete
