"""Optimistic locking: nobody's change is undone by somebody who had not seen it."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Any, Final

from django.core.exceptions import ObjectDoesNotExist
from django.db import models, router, transaction
from django.db.models.base import ModelBase
from django.db.models.expressions import Combinable
from typing_extensions import override

from drf_commons.errors import VersionConflictError
from drf_commons.models.fields import STORED_VALUES
from drf_commons.models.stored import StoredValuesMixin, alters_data, overridable

__all__ = ["VersionConflictError", "VersionMixin"]

#: Key in the ``__dict__`` of an instance whose save is checked. Fixtures are not: Django saves them past our methods.
_CHECKED: Final = "_version_checked"


class VersionMixin(StoredValuesMixin):
    """Counts its saves, and refuses to save over a version that it has not seen.

    The check is part of the ``UPDATE``: either the row still has the version that was read, and gets the next one, or
    nothing is written and :class:`~drf_commons.errors.VersionConflictError` is raised. A row that was deleted meanwhile
    raises ``DoesNotExist``, as ``refresh_from_db()`` does.

    ``delete()`` is checked in the same way, in one transaction with the deletion; a row that is gone already is gone.

    A ``version`` set by hand says which version was read, so an old one conflicts. Fixtures are loaded unchecked, and
    ``QuerySet.delete()`` and cascades do not check. ``QuerySet.update()`` does not count; ``touch()`` does.
    """

    version: models.PositiveIntegerField[int | Combinable, int] = models.PositiveIntegerField(default=1, editable=False)

    @overridable
    class Meta:
        abstract = True

    @property
    def stored_version(self) -> int:
        """The version that the row had when it was last read or saved."""
        version: int | None = vars(self).get(STORED_VALUES, {}).get("version")
        return self.version if version is None else version

    @property
    def expected_version(self) -> int:
        """The version that the row must have for the next save to go through."""
        stored, version = self.stored_version, vars(self).get("version")
        # One more than was read is what increment_version() shows, and an expression is a way to spell it.
        if isinstance(version, int) and version not in {stored, stored + 1}:
            return version
        return stored

    @override
    def save_base(
        self,
        raw: bool = False,
        force_insert: bool | tuple[ModelBase, ...] = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Iterable[str] | None = None,
    ) -> None:
        using = using or router.db_for_write(type(self), instance=self)
        values = vars(self)
        before = {name: values[name] for name in ("version",) if name in values}
        values[_CHECKED] = not raw
        try:
            with _unharmed_by_conflict(using, several_tables=bool(self._meta.parents)):
                super().save_base(raw, force_insert, force_update, using, update_fields)
        except BaseException:
            # The version goes up with the table that has it; what failed may be a later one.
            values.update(before)
            raise
        finally:
            del values[_CHECKED]

    @override
    def _do_update(
        self,
        base_qs: models.QuerySet[Any],
        using: Any,
        pk_val: Any,
        values: Any,
        *args: Any,  # the rest differs between the versions of Django
        **kwargs: Any,
    ) -> Any:  # a bool up to Django 5.2, a list of rows after it
        if not vars(self).get(_CHECKED) or all(field.name != "version" for field, _, _ in values):
            return super()._do_update(base_qs, using, pk_val, values, *args, **kwargs)
        expected = self.expected_version
        values = [(field, model, expected + 1 if field.name == "version" else v) for field, model, v in values]
        updated = super()._do_update(base_qs.filter(version=expected), using, pk_val, values, *args, **kwargs)
        if updated:
            self.version = expected + 1
        else:
            self._explain_missed_update(base_qs, pk_val, expected)
        return updated

    @alters_data
    @override
    def delete(self, using: str | None = None, keep_parents: bool = False) -> tuple[int, dict[str, int]]:
        using = using or router.db_for_write(type(self), instance=self)
        with transaction.atomic(using=using):
            self._hold_version(using)
            return super().delete(using, keep_parents)

    def increment_version(self) -> None:
        """Show the next version already; the save that follows counts once all the same."""
        self.version = self.stored_version + 1

    def check_version(self, expected: int) -> None:
        """Raise :class:`~drf_commons.errors.VersionConflictError` unless *expected* is the version that was read."""
        if expected != self.stored_version:
            raise VersionConflictError(type(self), self.pk, expected, self.stored_version)

    @classmethod
    @override
    def get_remembered_names(cls) -> frozenset[str]:
        return super().get_remembered_names() | {"version"} | {field.name for field in cls._meta.pk_fields}

    @classmethod
    @override
    def build_update_stamps(cls) -> dict[str, Any]:
        return {**super().build_update_stamps(), "version": models.F("version") + 1}

    @override
    def get_travelling_names(self) -> frozenset[str]:
        return super().get_travelling_names() | {"version"}

    def _explain_missed_update(self, rows: models.QuerySet[Any], pk: object, expected: int) -> None:
        """Raise what kept the ``UPDATE`` from finding its row; return if there is no row because it is a new one."""
        current = rows.filter(pk=pk).values_list("version", flat=True).first()
        if current is not None:
            raise VersionConflictError(type(self), pk, expected, current)
        if not self._state.adding and pk == self._get_stored_pk():
            msg = f"{self._meta.object_name} {pk} was deleted meanwhile"
            raise type(self).DoesNotExist(msg)

    def _hold_version(self, using: str) -> None:
        """Keep everybody else from the row until the transaction ends; raise if it is not the version that was read.

        An ``UPDATE`` that changes nothing does that on every database; SQLite has no other way to lock a row.
        """
        model = self._meta.get_field("version").model  # a parent may hold it
        expected = self.expected_version
        row = model._base_manager.using(using).filter(pk=getattr(self, model._meta.pk.attname))
        if not row.filter(version=expected).update(version=expected):
            current = row.values_list("version", flat=True).first()
            if current is not None:
                raise VersionConflictError(type(self), self.pk, expected, current)

    def _get_stored_pk(self) -> object:
        stored = vars(self).get(STORED_VALUES, {})
        values = tuple(stored.get(field.attname) for field in self._meta.pk_fields)
        return values[0] if len(values) == 1 else values


@contextmanager
def _unharmed_by_conflict(using: str, *, several_tables: bool) -> Generator[None]:
    """Keep the transaction around a save usable after a conflict, so that the save can be tried again in it.

    Django takes the transaction for broken after any error in a save. But a conflict wrote nothing, unless the row is
    spread over several tables: then a savepoint takes back what was written.
    """
    if several_tables:
        with transaction.atomic(using=using):
            yield
        return
    is_atomic = transaction.get_connection(using).in_atomic_block
    was_broken = is_atomic and transaction.get_rollback(using)
    try:
        yield
    except (VersionConflictError, ObjectDoesNotExist):
        if is_atomic:
            transaction.set_rollback(was_broken, using)
        raise
