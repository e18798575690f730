"""Querysets and managers for audited and for soft-deleted rows, typed for every checker."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self, cast

from django.db import models
from django.utils import timezone
from typing_extensions import TypeVar, override

from drf_commons.bulk.marks import known
from drf_commons.models.stored import StoredValuesMixin, alters_data

__all__ = ["ActiveManager", "AuditManager", "AuditQuerySet", "SoftDeleteManager", "SoftDeleteQuerySet"]

M_co = TypeVar("M_co", bound=StoredValuesMixin, covariant=True)


class AuditQuerySet(models.QuerySet[M_co]):
    """A queryset whose :meth:`touch` is an update that keeps the audit columns right."""

    @known
    @override
    def bulk_create(self, objs: Iterable[M_co], *args: Any, **kwargs: Any) -> list[M_co]:
        rows = [*objs]
        self.model.prepare_bulk_create(rows, using=self.db)
        created = super().bulk_create(rows, *args, **kwargs)
        for row in created:
            row.remember_stored()
        return created

    @alters_data
    def touch(self, **values: object) -> int:
        """Update every row, with the audit columns, in one statement; return the number of rows.

        It is ``update()`` with ``updated_at``, ``updated_by`` and ``version`` filled in; a value that is given wins.
        Without values it is as if each row had been saved now. As with ``update()``, no signals are sent.
        """
        return self.update(**{**self.model.build_update_stamps(), **values})


class SoftDeleteQuerySet(AuditQuerySet[M_co]):
    """A queryset that soft-deletes and restores."""

    def active(self) -> Self:
        """Return the rows that are not deleted."""
        return self.filter(is_active=True)

    def deleted(self) -> Self:
        """Return the rows that are soft-deleted."""
        return self.filter(is_active=False)

    @alters_data
    def soft_delete(self) -> int:
        """Mark every row as deleted, in one statement; return how many were not yet.

        Rows that are already deleted keep their time of deletion. The audit columns are written; no signals are sent.
        """
        return self.active().touch(is_active=False, deleted_at=timezone.now())

    @alters_data
    def restore(self) -> int:
        """Take the deletion of every row back, in one statement; return how many were deleted."""
        return self.deleted().touch(is_active=True, deleted_at=None)


class AuditManager(models.Manager[M_co]):
    """Offers :meth:`AuditQuerySet.touch`."""

    _queryset_class = AuditQuerySet

    @override
    def get_queryset(self) -> AuditQuerySet[M_co]:
        # Django builds what _queryset_class says.
        return cast("AuditQuerySet[M_co]", super().get_queryset())

    @alters_data
    def touch(self, **values: object) -> int:
        """Update every row, with the audit columns; see :meth:`AuditQuerySet.touch`."""
        return self.get_queryset().touch(**values)


class SoftDeleteManager(AuditManager[M_co]):
    """Offers the rows of :class:`SoftDeleteQuerySet`, deleted ones among them."""

    _queryset_class = SoftDeleteQuerySet

    @override
    def get_queryset(self) -> SoftDeleteQuerySet[M_co]:
        # Django builds what _queryset_class says.
        return cast("SoftDeleteQuerySet[M_co]", super().get_queryset())

    @override
    def all(self) -> SoftDeleteQuerySet[M_co]:
        return self.get_queryset()

    @override
    def filter(self, *args: Any, **kwargs: Any) -> SoftDeleteQuerySet[M_co]:
        return self.get_queryset().filter(*args, **kwargs)

    @override
    def exclude(self, *args: Any, **kwargs: Any) -> SoftDeleteQuerySet[M_co]:
        return self.get_queryset().exclude(*args, **kwargs)

    def active(self) -> SoftDeleteQuerySet[M_co]:
        """Return the rows that are not deleted."""
        return self.get_queryset().active()

    def deleted(self) -> SoftDeleteQuerySet[M_co]:
        """Return the rows that are soft-deleted."""
        return self.get_queryset().deleted()

    @alters_data
    def soft_delete(self) -> int:
        """Soft-delete every row; see :meth:`SoftDeleteQuerySet.soft_delete`."""
        return self.get_queryset().soft_delete()

    @alters_data
    def restore(self) -> int:
        """Restore every row; see :meth:`SoftDeleteQuerySet.restore`."""
        return self.get_queryset().restore()


class ActiveManager(SoftDeleteManager[M_co]):
    """Hides deleted rows; have a manager that shows them beside it.

    ::

        all_objects: ClassVar[SoftDeleteManager[Self]] = SoftDeleteManager()
        objects: ClassVar[SoftDeleteManager[Self]] = ActiveManager()

    In this order: the manager that is declared first is the one that the admin, related managers and validators use,
    and they should see every row.
    """

    @override
    def get_queryset(self) -> SoftDeleteQuerySet[M_co]:
        return super().get_queryset().active()
