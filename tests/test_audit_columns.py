"""Who wrote a row, and when: the audit columns in every way a row is saved."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from drf_commons.current_user import as_user
from tests.archive.models import Note

pytestmark = pytest.mark.django_db

PAST: Final = datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)


@pytest.fixture
def ada() -> User:
    return User.objects.create(username="ada")


@pytest.fixture
def bob() -> User:
    return User.objects.create(username="bob")


@pytest.fixture
def note(ada: User) -> Note:
    """A note that Ada wrote long ago."""
    with as_user(ada):
        note = Note.objects.create(text="first")
    Note.objects.update(created_at=PAST, updated_at=PAST)
    return Note.objects.get()


def test_a_new_row_knows_its_time_and_its_author(ada: User) -> None:
    """Creating a row records now, and the current user, in all four columns."""
    before = timezone.now()
    with as_user(ada):
        note = Note.objects.create(text="new")
    assert before <= note.created_at <= note.updated_at <= timezone.now()
    assert (note.created_by_id, note.updated_by_id) == (ada.pk, ada.pk)


def test_a_save_records_only_who_changed_the_row(note: Note, ada: User, bob: User) -> None:
    """Saving a stored row changes ``updated_at`` and ``updated_by`` and leaves ``created_at`` and ``created_by``."""
    with as_user(bob):
        note.save()
    note.refresh_from_db()
    assert (note.created_at, note.created_by) == (PAST, ada)
    assert note.updated_at > PAST
    assert note.updated_by == bob


def test_update_fields_carries_the_audit_columns(note: Note, bob: User) -> None:
    """``save(update_fields=["text"])`` writes the text, the time and the user, and nothing else."""
    note.text, note.words = "second", 5
    with as_user(bob):
        note.save(update_fields=["text"])
    note.refresh_from_db()
    assert (note.text, note.words, note.updated_by) == ("second", 0, bob)
    assert note.updated_at > PAST


def test_empty_update_fields_saves_nothing(note: Note, bob: User) -> None:
    """``save(update_fields=[])`` stays the no-op that Django makes of it."""
    with as_user(bob):
        note.save(update_fields=[])
    note.refresh_from_db()
    assert note.updated_at == PAST
