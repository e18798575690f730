"""Optimistic locking of many rows: each is written only if it still has the version that was read."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

from django.db import models

from drf_commons.bulk.columns import FieldAny, read_keys
from drf_commons.errors import BulkVersionConflictError, VersionConflictError

__all__ = ["Versions", "find_versions"]


class Versions:
    """The versions that rows must have, and the ones they get.

    A model takes part with a column ``version`` and a property ``expected_version``.
    """

    def __init__(self, field: FieldAny, objs: Sequence[Any]) -> None:
        self.field = field
        self._objs = objs
        versions = [obj.expected_version for obj in objs]
        self._expected: Mapping[object, int] = dict(zip(read_keys(objs), versions, strict=True))

    def get_expected(self, objs: Sequence[models.Model]) -> list[int]:
        """Return the version that the row of each object must have."""
        return [self._expected[key] for key in read_keys(objs)]

    @contextmanager
    def counted(self) -> Generator[None]:
        """Give every object the next version; take it back when the write fails."""
        before = [obj.version for obj in self._objs]
        for obj, expected in zip(self._objs, self.get_expected(self._objs), strict=True):
            obj.version = expected + 1
        try:
            yield
        except BaseException:
            for obj, version in zip(self._objs, before, strict=True):
                obj.version = version
            raise

    def check(self, writer: models.QuerySet[Any], objs: Sequence[models.Model]) -> None:
        """Lock the rows of *objs*; raise :class:`BulkVersionConflictError` for those changed since they were read."""
        keys = read_keys(objs)
        rows = writer.filter(pk__in=keys).order_by("pk").select_for_update()
        current = cast("dict[object, int]", dict(rows.values_list("pk", self.field.name)))
        conflicts = [
            VersionConflictError(type(obj), obj.pk, expected, current[key])
            for obj, key, expected in zip(objs, keys, self.get_expected(objs), strict=True)
            if current.get(key, expected) != expected
        ]
        if conflicts:
            raise BulkVersionConflictError(conflicts)


def find_versions(model: type[models.Model], objs: Sequence[models.Model]) -> Versions | None:
    """Return the versions of *objs*, or ``None`` when *model* has none."""
    if not hasattr(model, "expected_version"):
        return None
    return Versions(cast("FieldAny", model._meta.get_field("version")), objs)
