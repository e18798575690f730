"""Who wrote a row, and when: the audit columns in every way a row is saved."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.core import serializers
from django.db import IntegrityError, transaction
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from drf_commons.current_user import as_user
from tests.archive.models import Memo, Note

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
    """Return a note that Ada wrote long ago."""
    with as_user(ada):
        note = Note.objects.create(text="first")
    Note.objects.update(created_at=PAST, updated_at=PAST)
    return Note.objects.get(pk=note.pk)


def read_again(note: Note) -> Note:
    return Note.objects.get(pk=note.pk)


def test_a_new_row_knows_its_time_and_its_author(ada: User) -> None:
    """Creating a row records now, and the current user, in all four columns."""
    before = timezone.now()
    with as_user(ada):
        note = Note.objects.create(text="new")
    assert before <= note.created_at <= note.updated_at <= timezone.now()
    assert note.created_by == note.updated_by == ada
    assert read_again(note).created_by == ada


def test_a_new_row_without_a_user_has_times_only() -> None:
    """Outside a request the user columns of a new row are empty."""
    note = Note.objects.create(text="new")
    assert note.created_by is note.updated_by is None
    assert note.updated_at >= note.created_at


def test_a_save_records_only_who_changed_the_row(note: Note, ada: User, bob: User) -> None:
    """Saving a stored row changes ``updated_at`` and ``updated_by`` and leaves ``created_at`` and ``created_by``."""
    with as_user(bob):
        note.save()
    note = read_again(note)
    assert (note.created_at, note.created_by) == (PAST, ada)
    assert note.updated_at > PAST
    assert note.updated_by == bob


def test_update_fields_carries_the_audit_columns(note: Note, bob: User) -> None:
    """``save(update_fields=["text"])`` writes the text, the time and the user, and nothing else."""
    note.text, note.words = "second", 5
    with as_user(bob):
        note.save(update_fields=["text"])
    note = read_again(note)
    assert (note.text, note.words, note.updated_by) == ("second", 0, bob)
    assert note.updated_at > PAST


def test_update_fields_may_be_any_iterable(note: Note) -> None:
    """A generator is read once, and what it names is saved."""
    note.text = "second"
    note.save(update_fields=(name for name in ["text"]))
    assert read_again(note).text == "second"


def test_empty_update_fields_saves_nothing(note: Note, bob: User) -> None:
    """``save(update_fields=[])`` stays the no-op that Django makes of it."""
    with as_user(bob):
        note.save(update_fields=[])
    assert read_again(note).updated_at == PAST


def test_an_instance_with_deferred_columns_records_who_saved_it(
    note: Note, bob: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """An instance read with ``only()`` writes the audit columns that it does not have, without reading them."""
    partial = Note.objects.only("text").get(pk=note.pk)
    partial.text = "second"
    with as_user(bob), django_assert_num_queries(1):
        partial.save()
    note = read_again(note)
    assert (note.text, note.updated_by) == ("second", bob)
    assert note.updated_at > PAST


def test_an_instance_with_deferred_columns_keeps_the_user_where_there_is_none(note: Note, ada: User) -> None:
    """Without a current user a deferred ``updated_by`` is neither read nor written."""
    partial = Note.objects.only("text").get(pk=note.pk)
    partial.save()
    assert "updated_by_id" in partial.get_deferred_fields()
    assert read_again(note).updated_by == ada


def test_an_instance_with_nothing_but_its_key_saves(note: Note, ada: User) -> None:
    """Saving what was read with ``only("pk")`` keeps every column but the time."""
    Note.objects.only("pk").get(pk=note.pk).save()
    assert (read_again(note).text, read_again(note).created_by) == ("first", ada)


@pytest.mark.parametrize("update_fields", [None, ["text"]])
def test_no_user_is_wiped_outside_a_request(note: Note, ada: User, update_fields: list[str] | None) -> None:
    """A save in a task or a shell keeps the users it finds, and still records the time."""
    note.save(update_fields=update_fields)
    note = read_again(note)
    assert note.created_by == note.updated_by == ada
    assert note.updated_at > PAST


def test_get_or_create_and_update_or_create_record_the_user(ada: User, bob: User) -> None:
    """Both record the author when they create, and ``update_or_create`` who updated, in the columns it writes."""
    with as_user(ada):
        note, _ = Note.objects.get_or_create(text="new")
    with as_user(bob):
        Note.objects.get_or_create(text="new")
        assert read_again(note).updated_by == ada
        Note.objects.update_or_create(text="new", defaults={"words": 3})
    note = read_again(note)
    assert (note.words, note.created_by, note.updated_by) == (3, ada, bob)


def test_update_or_create_wipes_nothing_outside_a_request(note: Note, ada: User) -> None:
    """Without a user it keeps the one it finds."""
    Note.objects.update_or_create(text="first", defaults={"words": 3})
    assert read_again(note).updated_by == ada


def test_asave_records_the_user(note: Note, bob: User) -> None:
    """The asynchronous save sees the current user."""

    async def save() -> None:
        with as_user(bob):
            await note.asave()

    async_to_sync(save)()
    assert read_again(note).updated_by == bob


def test_bulk_create_records_the_user(ada: User) -> None:
    """Django's own ``bulk_create`` fills the audit columns too."""
    with as_user(ada):
        Note.objects.bulk_create([Note(text="a"), Note(text="b")])
    assert Note.objects.filter(created_by=ada, updated_by=ada, created_at__isnull=False).count() == 2


def test_values_given_at_creation_win(ada: User, bob: User) -> None:
    """What the constructor is given is kept; what it is not given is filled in."""
    with as_user(ada):
        note = Note.objects.create(text="imported", created_by=bob, created_at=PAST, updated_at=PAST)
    note = read_again(note)
    assert (note.created_by, note.updated_by, note.created_at, note.updated_at) == (bob, ada, PAST, PAST)


def test_a_user_set_by_hand_wins(note: Note, ada: User, bob: User) -> None:
    """Assigning ``updated_by``, or its id, is stronger than the current user, for the one save that follows."""
    eve = User.objects.create(username="eve")
    with as_user(bob):
        note.updated_by = eve
        note.save()
        assert read_again(note).updated_by == eve
        note.save()
        assert read_again(note).updated_by == bob
        note.updated_by_id = eve.pk
        note.save(update_fields=["text"])
        assert read_again(note).updated_by == eve


def test_the_same_user_set_by_hand_wins(note: Note, ada: User, bob: User) -> None:
    """Naming the user that the row names already keeps that user."""
    with as_user(bob):
        note.updated_by = ada
        note.save()
    assert read_again(note).updated_by == ada


def test_no_user_set_by_hand_wins(note: Note, bob: User) -> None:
    """Emptying the column is a value too."""
    with as_user(bob):
        note.updated_by = None
        note.save()
    assert read_again(note).updated_by is None


def test_a_time_set_by_hand_wins(note: Note) -> None:
    """Assigning ``updated_at`` is stronger than the clock, for the one save that follows."""
    earlier = datetime(1999, 1, 1, tzinfo=UTC)
    note.updated_at = earlier
    note.save(update_fields=["text"])
    assert read_again(note).updated_at == earlier
    note.save()
    assert read_again(note).updated_at > PAST


def test_created_columns_can_be_corrected_by_hand(note: Note, bob: User) -> None:
    """``created_at`` and ``created_by`` of a stored row are written when they are assigned."""
    note.created_at, note.created_by = datetime(1999, 1, 1, tzinfo=UTC), bob
    note.save()
    note = read_again(note)
    assert (note.created_at.year, note.created_by) == (1999, bob)


def test_reading_again_is_not_setting_by_hand(note: Note, bob: User) -> None:
    """After ``refresh_from_db()`` brought another's change, a save records the current user."""
    eve = User.objects.create(username="eve")
    Note.objects.update(updated_by=eve)
    note.refresh_from_db()
    assert note.updated_by == eve
    with as_user(bob):
        note.save()
    assert read_again(note).updated_by == bob


def test_a_column_loaded_late_is_not_set_by_hand(note: Note, bob: User) -> None:
    """Reading a deferred ``updated_by`` does not make it a value of the reader's own."""
    partial = Note.objects.defer("updated_by").get(pk=note.pk)
    assert partial.updated_by_id is not None
    with as_user(bob):
        partial.save()
    assert read_again(note).updated_by == bob


def test_a_save_that_failed_can_be_repeated(note: Note, bob: User) -> None:
    """After a save that the database refused, a value set by hand still wins, and a stamp is not taken for one."""
    eve = User.objects.create(username="eve")
    setattr(note, "text", None)  # noqa: B010  # what the checkers would refuse
    note.updated_at = datetime(1999, 1, 1, tzinfo=UTC)
    with as_user(eve), pytest.raises(IntegrityError), transaction.atomic():
        note.save()
    note.text = "second"
    with as_user(bob):
        note.save()
    note = read_again(note)
    assert (note.updated_at.year, note.updated_by) == (1999, bob)


def test_a_copy_is_stamped_anew(note: Note, bob: User) -> None:
    """A row saved again as a new one has a time and an author of its own."""
    note.pk, note._state.adding = None, True
    with as_user(bob):
        note.save()
    assert note.created_at > PAST
    assert note.created_by == note.updated_by == bob


def test_a_save_reads_no_user(note: Note, bob: User, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """Recording the user costs no query beside the save itself."""
    with as_user(bob), django_assert_num_queries(1):
        note.save()


def test_touch_is_one_audited_update(note: Note, bob: User, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """``touch()`` updates rows, with time and user, in one statement, and says how many."""
    Note.objects.create(text="other")
    with as_user(bob), django_assert_num_queries(1):
        assert Note.objects.touch(words=7) == 2
    assert Note.objects.filter(words=7, updated_by=bob, updated_at__gt=PAST).count() == 2


def test_touch_takes_given_values_and_wipes_nothing(note: Note, ada: User) -> None:
    """A given value wins, and without a user the column stays."""
    assert Note.objects.filter(text="first").touch(updated_at=PAST) == 1
    note = read_again(note)
    assert (note.updated_at, note.updated_by) == (PAST, ada)


def test_fixtures_keep_their_values(note: Note, ada: User, bob: User) -> None:
    """Loading serialized rows writes the audit columns as they were, whoever loads them."""
    dump = serializers.serialize("json", [note])
    note.save()
    with as_user(bob):
        for row in serializers.deserialize("json", dump):
            row.save()
    note = read_again(note)
    assert (note.updated_at, note.updated_by) == (PAST, ada)


def test_deleting_a_user_keeps_the_rows(note: Note, ada: User) -> None:
    """The columns of a deleted user's rows are emptied."""
    ada.delete()
    assert read_again(note).created_by is None


def test_the_fields_work_on_any_model(ada: User, bob: User) -> None:
    """Without the mixins, ``on_update=True`` stamps at every save, and keeps the user where there is none."""
    with as_user(ada):
        memo = Memo.objects.create(text="new", written_at=PAST)
    assert (memo.written_at, memo.written_by, memo.edited_by) == (PAST, ada, ada)
    with as_user(bob):
        memo.save()
    memo = Memo.objects.get()
    assert (memo.written_by, memo.edited_by) == (ada, bob)
    edited_at = memo.edited_at
    memo.save()
    memo.refresh_from_db()
    assert memo.edited_by == bob
    assert memo.edited_at > edited_at
