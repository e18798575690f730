"""Versions, slugs, soft deletion and audit together, against a plain account of what should be true."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from typing_extensions import override

from drf_commons.current_user import as_user
from drf_commons.models.content import VersionConflictError
from tests.archive.models import Report

USERS = ("ada", "bob")

titles = st.sampled_from(["a", "a 1", "b", "?"])
users = st.sampled_from([*USERS, None])


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What is true of a row."""

    title: str
    slug: str
    count: int = 0
    version: int = 1
    is_deleted: bool = False
    created_by: str | None = None
    updated_by: str | None = None


@dataclass(slots=True, kw_only=True)
class Copy:
    """An instance that somebody read, and what the row was then."""

    instance: Report
    seen: Row


class Archive(RuleBasedStateMachine):
    """Several readers of the same rows, who write without asking each other."""

    copies: Bundle[Copy] = Bundle("copies")

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[UUID, Row] = {}
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        self.users = {name: User.objects.create(username=name) for name in USERS}

    @override
    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.transaction.__exit__(None, None, None)

    @contextmanager
    def acting(self, user: str | None) -> Iterator[None]:
        """Act as *user*."""
        with as_user(None if user is None else self.users[user]):
            yield

    def find_slug(self, title: str, but: UUID | None = None) -> str:
        """Return the slug that a row with *title* gets."""
        base = "".join(letter for letter in title.lower().replace(" ", "-") if letter.isalnum() or letter == "-")
        base = base or "report"
        taken = {row.slug for pk, row in self.rows.items() if pk != but}
        candidates = (base if number == 0 else f"{base}-{number}" for number in count())
        return next(slug for slug in candidates if slug not in taken)

    def write(self, copy: Copy, user: str | None, change: Callable[[Row], Row], save: Callable[[], object]) -> None:
        """Let *save* write what *change* says, or conflict, or find the row gone."""
        pk = copy.instance.pk
        row = self.rows.get(pk)
        if row is None:
            with self.acting(user), pytest.raises(Report.DoesNotExist):
                save()
        elif row.version != copy.seen.version:
            with self.acting(user), pytest.raises(VersionConflictError) as caught:
                save()
            assert (caught.value.expected, caught.value.current) == (copy.seen.version, row.version)
        else:
            with self.acting(user):
                save()
            row = change(row)
            row = replace(row, version=row.version + 1, updated_by=user or row.updated_by)
            self.rows[pk] = copy.seen = row
            assert (copy.instance.version, copy.instance.slug) == (row.version, row.slug)

    @rule(target=copies, title=titles, user=users)
    def create(self, title: str, user: str | None) -> Copy:
        """Add a row."""
        slug = self.find_slug(title)
        with self.acting(user):
            report = Report.objects.create(title=title)
        row = Row(title=title, slug=slug, created_by=user, updated_by=user)
        self.rows[report.pk] = row
        return Copy(instance=report, seen=row)

    @rule(target=copies, copy=copies)
    def read(self, copy: Copy) -> Copy | MultipleResults[Copy]:
        """Read a row once more."""
        pk = copy.instance.pk
        if pk not in self.rows:
            return multiple()
        return Copy(instance=Report.objects.get(pk=pk), seen=self.rows[pk])

    @rule(copy=copies)
    def refresh(self, copy: Copy) -> None:
        """Read a row again into the same instance."""
        row = self.rows.get(copy.instance.pk)
        if row is None:
            with pytest.raises(Report.DoesNotExist):
                copy.instance.refresh_from_db()
        else:
            copy.instance.refresh_from_db()
            copy.seen = row

    @rule(copy=copies, user=users, title=titles, is_partial=st.booleans(), is_announced=st.booleans())
    def save(self, copy: Copy, user: str | None, title: str, is_partial: bool, is_announced: bool) -> None:
        """Save one column, or all of what was read; the version may have been incremented before."""
        seen, report = copy.seen, copy.instance
        report.title, report.count = title, seen.count + 1
        if is_announced:
            report.increment_version()

        def change(row: Row) -> Row:
            return replace(row, title=title) if is_partial else replace(row, title=title, count=seen.count + 1)

        self.write(copy, user, change, lambda: report.save(update_fields=["title"] if is_partial else None))
        report.title, report.count, report.version = copy.seen.title, copy.seen.count, copy.seen.version

    @rule(copy=copies, user=users)
    def make_slug_anew(self, copy: Copy, user: str | None) -> None:
        """Empty the slug, so that the save makes one."""
        slug = self.find_slug(copy.seen.title, but=copy.instance.pk)
        copy.instance.slug = ""
        self.write(copy, user, lambda row: replace(row, slug=slug), copy.instance.save)
        copy.instance.slug = copy.seen.slug

    @rule(copy=copies, user=users, is_deletion=st.booleans())
    def soft_delete_or_restore(self, copy: Copy, user: str | None, is_deletion: bool) -> None:
        """Delete softly, or restore; nothing happens to a row that was read as being so already."""
        act = copy.instance.soft_delete if is_deletion else copy.instance.restore
        if copy.seen.is_deleted is is_deletion:
            assert act() is False
        else:
            self.write(copy, user, lambda row: replace(row, is_deleted=is_deletion), act)
        assert copy.instance.is_deleted is copy.seen.is_deleted

    @rule(title=titles, user=users, is_deletion=st.booleans())
    def soft_delete_or_restore_many(self, title: str, user: str | None, is_deletion: bool) -> None:
        """Delete softly, or restore, all rows of a title in one statement."""
        rows = Report.objects.filter(title=title)
        concerned = [pk for pk, row in self.rows.items() if row.title == title and row.is_deleted is not is_deletion]
        with self.acting(user):
            assert (rows.soft_delete() if is_deletion else rows.restore()) == len(concerned)
        for pk in concerned:
            self.pass_by(pk, user, lambda row: replace(row, is_deleted=is_deletion))

    @rule(title=titles, user=users)
    def touch_many(self, title: str, user: str | None) -> None:
        """Update all rows of a title past the readers."""
        concerned = [pk for pk, row in self.rows.items() if row.title == title]
        with self.acting(user):
            assert Report.objects.filter(title=title).touch(count=100) == len(concerned)
        for pk in concerned:
            self.pass_by(pk, user, lambda row: replace(row, count=100))

    @rule(copy=consumes(copies))
    def delete(self, copy: Copy) -> None:
        """Delete a row for good; other copies of it stay."""
        Report.objects.filter(pk=copy.instance.pk).delete()
        self.rows.pop(copy.instance.pk, None)

    @rule(copy=consumes(copies))
    def delete_what_was_read(self, copy: Copy) -> None:
        """Delete a row as somebody read it, or conflict; what is gone is gone."""
        pk = copy.instance.pk
        row = self.rows.get(pk)
        if row is not None and row.version != copy.seen.version:
            with pytest.raises(VersionConflictError):
                copy.instance.delete()
        else:
            assert copy.instance.delete()[0] == (row is not None)
            self.rows.pop(pk, None)

    def pass_by(self, pk: UUID, user: str | None, change: Callable[[Row], Row]) -> None:
        """Account for a change that no copy has seen."""
        row = self.rows[pk]
        self.rows[pk] = replace(change(row), version=row.version + 1, updated_by=user or row.updated_by)

    @invariant()
    def tables_say_what_is_true(self) -> None:
        """Every row is as it should be, and there is no other."""
        names: dict[object, str] = {user.pk: name for name, user in self.users.items()}
        reports = [*Report.objects.all()]
        assert self.rows == {
            report.pk: Row(
                title=report.title,
                slug=report.slug,
                count=report.count,
                version=report.version,
                is_deleted=report.is_deleted,
                created_by=names.get(report.created_by_id),
                updated_by=names.get(report.updated_by_id),
            )
            for report in reports
        }
        assert all(report.is_deleted is (report.deleted_at is not None) for report in reports)


@pytest.mark.django_db
def test_models_keep_their_laws() -> None:
    """Whatever several readers do in whatever order, rows, versions, slugs and users are what they should be."""
    run_state_machine_as_test(Archive, settings=settings(max_examples=25, stateful_step_count=25))
