"""Optimistic locking: what counts, what conflicts, and what is written when it does."""

from __future__ import annotations

import copy
import io
import json
import pickle
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync
from django.core.management import call_command
from django.db import IntegrityError, connection, models, transaction
from django.db.models.signals import post_save, pre_delete, pre_save
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from drf_commons.errors import DrfCommonsError
from drf_commons.models.content import VersionConflictError
from tests.archive.models import Book, Document, DocumentProxy, Publication, VersionedLeaflet

pytestmark = pytest.mark.django_db


@pytest.fixture
def document() -> Document:
    return Document.objects.create(body="first")


@pytest.fixture
def stale(document: Document) -> Document:
    """Read version 1, after which somebody else saves version 2."""
    stale = Document.objects.get(pk=document.pk)
    document.body = "second"
    document.save()
    return stale


def get_stored(document: models.Model) -> tuple[str, int]:
    return Document.objects.values_list("body", "version").get(pk=document.pk)


def test_a_new_row_has_version_1(document: Document) -> None:
    """Creating a row, with a primary key that exists before the first save, does not count as a change."""
    assert document.version == 1
    assert get_stored(document) == ("first", 1)


def test_each_save_counts_once(document: Document) -> None:
    """Three saves in a row of one instance lead to version 4, in memory and in the table."""
    for _ in range(3):
        document.save()
    assert document.version == 4
    assert get_stored(document)[1] == 4


@pytest.mark.parametrize("increments", [1, 2])
def test_increment_version_does_not_count_twice(document: Document, increments: int) -> None:
    """The version shown by ``increment_version()``, however often called, is the one that the save writes."""
    for _ in range(increments):
        document.increment_version()
    assert document.version == 2
    document.save()
    assert document.version == 2
    assert get_stored(document)[1] == 2


@pytest.mark.parametrize("spelling", ["number", "expression"])
def test_counting_by_hand_does_not_count_twice(document: Document, spelling: str) -> None:
    """``version += 1`` and ``version = F("version") + 1`` before a save are the increment that the save makes."""
    if spelling == "number":
        document.version += 1
    else:
        document.version = models.F("version") + 1
    document.save()
    assert document.version == 2
    assert get_stored(document)[1] == 2


def test_a_stale_save_conflicts_and_writes_nothing(stale: Document) -> None:
    """Saving what was read before another save raises, with both versions, and keeps the other's change."""
    stale.body = "mine"
    with pytest.raises(VersionConflictError) as caught:
        stale.save()
    error = caught.value
    assert (error.model, error.pk, error.expected, error.current) == (Document, stale.pk, 1, 2)
    assert str(error) == f"Document {stale.pk} has version 2, not 1: it was changed meanwhile"
    assert isinstance(error, DrfCommonsError)
    assert get_stored(stale) == ("second", 2)
    assert (stale.body, stale.version) == ("mine", 1)


def test_the_seed_flow_conflicts_on_concurrent_modification(stale: Document) -> None:
    """``increment_version()`` and ``save()`` raise when somebody else saved in between."""
    stale.increment_version()
    with pytest.raises(VersionConflictError):
        stale.save()


def test_a_conflict_goes_away_after_reading_again(stale: Document) -> None:
    """After ``refresh_from_db()`` the same instance saves."""
    with pytest.raises(VersionConflictError):
        stale.save()
    stale.refresh_from_db()
    stale.body = "third"
    stale.save()
    assert get_stored(stale) == ("third", 3)


def test_refreshing_other_columns_does_not_hide_a_conflict(stale: Document) -> None:
    """Reading again only the body says nothing of the columns that were not read."""
    stale.refresh_from_db(fields=["body"])
    with pytest.raises(VersionConflictError):
        stale.save()


def test_a_version_lowered_by_hand_conflicts(document: Document) -> None:
    """A version set by hand is what its author claims to have read."""
    document.save()
    document.save()
    document.version = 1
    with pytest.raises(VersionConflictError) as caught:
        document.save()
    assert (caught.value.expected, caught.value.current) == (1, 3)


def test_a_version_raised_by_hand_conflicts(document: Document) -> None:
    """A version that the row never had cannot have been read."""
    document.version = 9
    with pytest.raises(VersionConflictError):
        document.save()


def test_check_version_compares_with_what_was_read(document: Document) -> None:
    """``check_version()`` takes the version that was read and refuses any other."""
    document.check_version(1)
    with pytest.raises(VersionConflictError) as caught:
        document.check_version(2)
    assert (caught.value.expected, caught.value.current) == (2, 1)


def test_update_fields_checks_and_counts(document: Document, stale: Document) -> None:
    """``save(update_fields=…)`` is checked like any save, and counts."""
    document.count = 5
    document.save(update_fields=["count"])
    assert get_stored(document) == ("second", 3)
    with pytest.raises(VersionConflictError):
        stale.save(update_fields=["body"])


@pytest.mark.parametrize("columns", [("body",), ("body", "version")])
def test_an_instance_with_deferred_columns_counts_once(document: Document, columns: tuple[str, ...]) -> None:
    """An instance read with ``only()`` writes what it has, and the next version."""
    partial = Document.objects.only(*columns).get(pk=document.pk)
    partial.body = "partial"
    partial.save()
    assert get_stored(document) == ("partial", 2)
    assert partial.version == 2


def test_a_deferred_column_does_not_hide_a_conflict(document: Document) -> None:
    """What was read with its version conflicts, deferred columns or not."""
    partial = Document.objects.defer("count").get(pk=document.pk)
    document.save()
    with pytest.raises(VersionConflictError):
        partial.save()


def test_a_save_is_one_query(document: Document, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """The check costs no query of its own."""
    with django_assert_num_queries(1):
        document.save()


def test_signals_see_the_save_and_the_new_version(document: Document) -> None:
    """``pre_save`` and ``post_save`` are sent once, and the latter finds the version that was written."""
    seen: list[tuple[str, int]] = []

    def note_pre(instance: Document, **kwargs: object) -> None:
        seen.append(("pre", instance.version))

    def note_post(instance: Document, **kwargs: object) -> None:
        seen.append(("post", instance.version))

    pre_save.connect(note_pre, sender=Document)
    post_save.connect(note_post, sender=Document)
    try:
        document.save()
    finally:
        pre_save.disconnect(note_pre, sender=Document)
        post_save.disconnect(note_post, sender=Document)
    assert seen == [("pre", 1), ("post", 2)]


def test_a_conflict_sends_no_post_save(stale: Document) -> None:
    """Nothing was saved, so nobody hears of a save."""
    seen: list[object] = []

    def note(instance: Document, **kwargs: object) -> None:
        seen.append(instance)

    post_save.connect(note, sender=Document)
    try:
        with pytest.raises(VersionConflictError):
            stale.save()
    finally:
        post_save.disconnect(note, sender=Document)
    assert seen == []


def test_the_time_of_a_save_is_kept(document: Document) -> None:
    """``updated_at`` moves with every version."""
    before = document.updated_at
    document.save()
    document.refresh_from_db()
    assert document.updated_at > before


def test_a_row_deleted_meanwhile_does_not_exist(document: Document) -> None:
    """Saving a row that is gone neither conflicts nor brings it back."""
    Document.objects.filter(pk=document.pk).delete()
    with pytest.raises(Document.DoesNotExist, match="was deleted meanwhile"):
        document.save()
    assert not Document.objects.exists()


@pytest.mark.parametrize("way", ["documented", "no pk", "other pk"])
def test_a_copy_is_a_new_row(document: Document, way: str) -> None:
    """The ways to copy a row by saving it under another primary key insert a row."""
    first = document.pk
    duplicate = copy.copy(document)
    duplicate.pk = Document().pk if way == "other pk" else None
    if way == "documented":
        duplicate._state.adding = True
    duplicate.save()
    assert duplicate.pk != first
    assert Document.objects.count() == 2


def test_a_row_built_by_hand_cannot_overwrite_an_unseen_version() -> None:
    """``Model(pk=…).save()`` over a stored row conflicts unless it names the version of that row."""
    stored = Publication.objects.create(title="stored")
    stored.save()
    with pytest.raises(VersionConflictError):
        Publication(pk=stored.pk, title="blind").save()
    Publication(pk=stored.pk, title="seeing", version=2).save()
    stored.refresh_from_db()
    assert (stored.title, stored.version) == ("seeing", 3)


def test_a_conflict_leaves_the_transaction_usable(stale: Document) -> None:
    """Within an outer transaction the save can be tried again, and what was written before it stays."""
    with transaction.atomic():
        Document.objects.create(body="before")
        with pytest.raises(VersionConflictError):
            stale.save()
        stale.refresh_from_db()
        stale.body = "third"
        stale.save()
    assert get_stored(stale) == ("third", 3)
    assert Document.objects.filter(body="before").exists()


def test_a_broken_transaction_stays_broken(stale: Document) -> None:
    """A conflict does not hide that the transaction was to be rolled back already."""
    with transaction.atomic():
        transaction.set_rollback(True)
        with pytest.raises(transaction.TransactionManagementError):
            stale.save()


def test_a_child_of_a_versioned_model_counts_and_conflicts() -> None:
    """With multi-table inheritance the parent's version guards both tables."""
    book = Book.objects.create(title="first", pages=1)
    stale = Book.objects.get()
    book.pages = 2
    book.save(update_fields=["pages"])
    assert Publication.objects.get().version == book.version == 2
    stale.pages = 3
    with transaction.atomic():
        with pytest.raises(VersionConflictError):
            stale.save()
        assert Book.objects.get().pages == 2
    Publication.objects.filter(pk=book.pk).delete()


def test_a_failure_in_the_child_table_does_not_raise_the_version() -> None:
    """When a later table refuses the row, version and tables are as before."""
    Book.objects.create(title="taken", pages=7)
    book = Book.objects.create(title="other", pages=8)
    book.pages = 7
    with pytest.raises(IntegrityError), transaction.atomic():
        book.save()
    assert book.version == 1
    book.pages = 9
    book.save()
    assert Book.objects.get(pages=9).version == 2


def test_a_conflict_in_the_child_table_takes_the_parent_back() -> None:
    """With the version in the child table, a conflict undoes what was written to the parent's before it."""
    leaflet = VersionedLeaflet.objects.create(title="first")
    stale = VersionedLeaflet.objects.get()
    leaflet.save()
    stale.title = "mine"
    with transaction.atomic():
        with pytest.raises(VersionConflictError):
            stale.save()
        assert VersionedLeaflet.objects.get().title == "first"


def test_a_proxy_shares_the_version(document: Document) -> None:
    """A proxy of a versioned model counts and conflicts with the model itself."""
    proxy = DocumentProxy.objects.get(pk=document.pk)
    document.save()
    with pytest.raises(VersionConflictError):
        proxy.save()


def test_pickling_keeps_what_was_read(stale: Document) -> None:
    """An instance that went through a cache or a task queue still conflicts."""
    with pytest.raises(VersionConflictError):
        pickle.loads(pickle.dumps(stale)).save()  # noqa: S301  # our own bytes


def test_fixtures_are_loaded_as_they_are(document: Document, tmp_path: Path) -> None:
    """``loaddata`` over a newer row writes the version of the fixture, unchecked, as raw saves do."""
    dump = io.StringIO()
    call_command("dumpdata", "archive.document", stdout=dump)
    fixture = tmp_path / "document.json"
    fixture.write_text(dump.getvalue())
    assert json.loads(dump.getvalue())[0]["fields"]["version"] == 1
    document.body = "newer"
    document.save()
    call_command("loaddata", str(fixture), verbosity=0)
    assert get_stored(document) == ("first", 1)
    again = Document.objects.get(pk=document.pk)
    again.save()
    assert again.version == 2


def test_select_for_update_rows_save(document: Document) -> None:
    """A row that is locked in the database saves and counts like any other."""
    with transaction.atomic():
        locked = Document.objects.select_for_update().get(pk=document.pk)
        locked.save()
    assert get_stored(document)[1] == 2


def test_update_or_create_checks_and_counts(document: Document) -> None:
    """``update_or_create()`` of a stored row counts once."""
    updated, created = Document.objects.update_or_create(pk=document.pk, defaults={"body": "updated"})
    assert not created
    assert updated.version == 2
    assert get_stored(document) == ("updated", 2)


def test_touch_counts_for_every_row(document: Document) -> None:
    """``touch()`` raises the version, so that who read before it conflicts; ``update()`` does not."""
    stale = Document.objects.get(pk=document.pk)
    Document.objects.update(count=1)
    assert get_stored(document)[1] == 1
    assert Document.objects.filter(pk=document.pk).touch(count=2) == 1
    assert get_stored(document)[1] == 2
    with pytest.raises(VersionConflictError):
        stale.save()


def test_soft_delete_counts(document: Document) -> None:
    """Deleting softly and restoring are changes like any other."""
    stale = Document.objects.get(pk=document.pk)
    document.soft_delete()
    document.restore()
    assert document.version == 3
    with pytest.raises(VersionConflictError):
        stale.soft_delete()
    assert not stale.is_deleted


def test_asave_counts_once(document: Document) -> None:
    """The asynchronous save counts like the other."""

    async def save_twice() -> None:
        await document.asave()
        await document.asave(update_fields=["body"])

    async_to_sync(save_twice)()
    assert document.version == 3
    assert get_stored(document)[1] == 3


def test_a_row_is_deleted_with_the_version_that_was_read(document: Document) -> None:
    """Whoever saw the present version deletes the row, and gets Django's report."""
    document.save()
    assert document.delete() == (1, {"archive.Document": 1})
    assert not Document.objects.exists()


def test_a_stale_delete_conflicts_and_deletes_nothing(stale: Document) -> None:
    """A change that was not seen is not thrown away, and a transaction around it can go on."""
    with transaction.atomic():
        with pytest.raises(VersionConflictError) as caught:
            stale.delete()
        assert get_stored(stale) == ("second", 2)
    assert (caught.value.expected, caught.value.current) == (1, 2)
    stale.refresh_from_db()
    stale.delete()
    assert not Document.objects.exists()


def test_a_delete_is_checked_by_a_write_and_not_by_a_read(document: Document) -> None:
    """One ``UPDATE`` finds the version and holds the row, then the row is deleted: nobody comes in between."""
    with CaptureQueriesContext(connection) as queries:
        document.delete()
    statements = [query["sql"].split()[0] for query in queries if "SAVEPOINT" not in query["sql"]]
    assert statements == ["UPDATE", "DELETE"]


def test_deleting_a_row_that_is_gone_deletes_nothing(document: Document) -> None:
    """As in Django it is no error: the row is as its reader wants it."""
    twin = Document.objects.get(pk=document.pk)
    document.delete()
    assert twin.delete()[0] == 0


def test_a_delete_that_fails_changes_nothing(document: Document) -> None:
    """A receiver that refuses leaves row and version as they were; one that saves the row may do so."""

    def refuse(instance: Document, **kwargs: object) -> None:
        instance.save()
        raise IntegrityError

    pre_delete.connect(refuse, sender=Document)
    try:
        with pytest.raises(IntegrityError):
            Document.objects.get(pk=document.pk).delete()
    finally:
        pre_delete.disconnect(refuse, sender=Document)
    assert get_stored(document) == ("first", 1)
    document.save()


@pytest.mark.parametrize("model", [Book, VersionedLeaflet, DocumentProxy])
def test_a_stale_delete_conflicts_wherever_the_version_is_stored(model: type[models.Model]) -> None:
    """In the table of a parent, of a child, or of the model behind a proxy."""
    row = model._default_manager.create()
    stale = model._default_manager.get(pk=row.pk)
    row.save()
    with pytest.raises(VersionConflictError):
        stale.delete()
    assert row.delete()[0] > 0
    assert not model._default_manager.exists()


def test_adelete_is_checked(stale: Document) -> None:
    """The asynchronous delete conflicts like the other."""
    with pytest.raises(VersionConflictError):
        async_to_sync(stale.adelete)()
    assert Document.objects.exists()


def test_querysets_delete_unchecked(stale: Document) -> None:
    """They know of no version that was read, as with ``update()``."""
    assert Document.objects.filter(pk=stale.pk).delete()[0] == 1
