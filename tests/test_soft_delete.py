"""Soft deletion: on instances, on querysets, and among live rows only."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.graph import MigrationGraph
from django.db.migrations.state import ModelState, ProjectState
from django.forms import modelform_factory
from django.template import Context, Template
from django.test import override_settings
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework import serializers

from drf_commons.current_user import as_user
from tests.archive.models import Document, Draft, Note, Project

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return User.objects.create(username="ada")


@pytest.fixture
def note() -> Note:
    return Note.objects.create(text="first")


def test_deleting_softly_keeps_the_row(note: Note) -> None:
    """The row stays, marked with the time of its deletion."""
    before = timezone.now()
    assert note.soft_delete() is True
    stored = Note.objects.get()
    assert (stored.is_deleted, stored.is_active) == (True, False)
    assert stored.deleted_at is not None
    assert before <= stored.deleted_at <= timezone.now()


def test_restoring_takes_a_deletion_back(note: Note) -> None:
    """A restored row is as it was."""
    note.soft_delete()
    assert note.restore() is True
    stored = Note.objects.get()
    assert (stored.is_deleted, stored.deleted_at) == (False, None)


def test_deleting_twice_keeps_the_first_time(note: Note, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """Deleting what is deleted, and restoring what is not, does nothing and says so."""
    note.soft_delete()
    deleted_at = note.deleted_at
    with django_assert_num_queries(0):
        assert note.soft_delete() is False
    assert note.deleted_at == deleted_at
    note.restore()
    with django_assert_num_queries(0):
        assert note.restore() is False


def test_a_soft_deletion_is_audited_and_writes_nothing_else(
    note: Note, ada: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """One statement writes the deletion, the time and the user, and no other change of the instance."""
    note.text = "changed in memory"
    before = note.updated_at
    with as_user(ada), django_assert_num_queries(1):
        note.soft_delete()
    stored = Note.objects.get()
    assert (stored.text, stored.updated_by) == ("first", ada)
    assert stored.updated_at > before


def test_an_unsaved_row_cannot_be_deleted_softly() -> None:
    """There is nothing to delete or to restore, and the instance stays as it was."""
    note = Note(text="new")
    with pytest.raises(ValueError, match="Note has not been saved yet"):
        note.soft_delete()
    assert note.is_active


def test_a_soft_deletion_that_fails_leaves_the_instance_as_it_was(note: Note) -> None:
    """After an error the instance does not claim to be deleted."""
    Note.objects.all().delete()
    with pytest.raises(Exception, match="did not affect any rows"), transaction.atomic():
        note.soft_delete()
    assert (note.is_deleted, note.deleted_at) == (False, None)


def test_a_queryset_is_deleted_softly_in_one_statement(
    ada: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """One audited update deletes many rows; those already deleted keep their time and are not counted."""
    first = Note.objects.create(text="first")
    first.soft_delete()
    Note.objects.create(text="second")
    Note.objects.create(text="third")
    with as_user(ada), django_assert_num_queries(1):
        assert Note.objects.exclude(text="third").soft_delete() == 1
    second = Note.objects.get(text="second")
    assert (second.is_deleted, second.updated_by) == (True, ada)
    assert Note.objects.get(text="first").deleted_at == first.deleted_at
    assert not Note.objects.get(text="third").is_deleted


def test_a_queryset_is_restored_in_one_statement(ada: User, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """One audited update restores the deleted rows, and counts them alone."""
    for text in "ab":
        Note.objects.create(text=text)
    Note.objects.filter(text="a").soft_delete()
    with as_user(ada), django_assert_num_queries(1):
        assert Note.objects.restore() == 1
    assert Note.objects.get(text="a").updated_by == ada
    assert Note.objects.get(text="b").updated_by is None
    assert not Note.objects.deleted().exists()


def test_a_versioned_queryset_counts() -> None:
    """Deleting a queryset raises the versions of the rows it deletes."""
    document = Document.objects.create()
    Document.objects.soft_delete()
    document.refresh_from_db()
    assert document.version == 2


def test_managers_show_every_row_unless_told_otherwise(note: Note) -> None:
    """``objects`` holds deleted rows; ``active()`` and ``deleted()`` part them, on filtered querysets too."""
    gone = Note.objects.create(text="gone")
    gone.soft_delete()
    assert {*Note.objects.all()} == {note, gone}
    assert [*Note.objects.active()] == [note]
    assert [*Note.objects.deleted()] == [gone]
    assert [*Note.objects.filter(text="gone").active()] == []
    assert [*Note.objects.exclude(text="first").deleted()] == [gone]
    assert [*Note.objects.active().order_by("text").exclude(text="x")] == [note]


def test_an_active_manager_hides_deleted_rows() -> None:
    """With ``ActiveManager`` deleted rows are found through ``all_objects`` only."""
    draft = Draft.objects.create(title="gone")
    draft.soft_delete()
    assert not Draft.objects.exists()
    assert Draft.all_objects.get() == draft
    draft.refresh_from_db()
    assert draft.restore()
    assert Draft.objects.get() == draft


def test_related_managers_offer_the_same() -> None:
    """The rows of a relation can be parted, deleted and restored as well, and other relations are left alone."""
    mine, other = Project.objects.create(name="mine"), Project.objects.create(name="other")
    for project in (mine, mine, other):
        Draft.objects.create(title="draft", project=project)
    drafts = mine.drafts  # pyright: ignore[reportAttributeAccessIssue]  # Django adds it
    assert drafts.soft_delete() == 2
    assert Draft.all_objects.deleted().count() == 2
    assert drafts.active().count() == 0
    assert drafts.restore() == 2


def test_templates_cannot_delete(note: Note) -> None:
    """A template that names a method which writes shows nothing, and nothing is written."""
    context = Context({"note": note, "notes": Note.objects.all()})
    text = Template("{{ note.soft_delete }}{{ note.restore }}{{ notes.soft_delete }}{{ notes.touch }}").render(context)
    assert text == ""
    assert Note.objects.active().exists()


def test_only_live_rows_are_unique() -> None:
    """A deleted row frees its values, another live row takes them, and then the deleted one cannot come back."""
    first = Project.objects.create(name="apollo")
    with pytest.raises(IntegrityError), transaction.atomic():
        Project.objects.create(name="apollo")
    first.soft_delete()
    second = Project.objects.create(name="apollo")
    Project.objects.create(name="gemini").soft_delete()
    second.soft_delete()
    third = Project.objects.create(name="apollo")
    with pytest.raises(IntegrityError), transaction.atomic():
        first.restore()
    assert first.is_deleted
    assert [*Project.objects.active()] == [third]


def test_several_columns_are_unique_together_among_live_rows() -> None:
    """The constraint holds for several columns; an empty one makes rows differ, as ever."""
    Project.objects.create(name="a", owner="nasa", place=1)
    Project.objects.create(name="b", owner="nasa", place=2)
    Project.objects.create(name="c", owner="nasa")
    Project.objects.create(name="d", owner="nasa")
    with pytest.raises(IntegrityError), transaction.atomic():
        Project.objects.create(name="e", owner="nasa", place=1)
    Project.objects.filter(name="a").soft_delete()
    Project.objects.create(name="e", owner="nasa", place=1)


class ProjectSerializer(serializers.ModelSerializer[Project]):
    class Meta:  # pyright: ignore[reportIncompatibleVariableOverride]  # the stubs declare a class
        model = Project
        fields = ("name", "owner", "place")


def validate(data: dict[str, object], instance: Project | None = None, *, partial: bool = False) -> dict[str, object]:
    """Return the errors of *data*."""
    serializer = ProjectSerializer(instance, data=data, partial=partial)
    serializer.is_valid()
    return {name: [str(error) for error in errors] for name, errors in serializer.errors.items()}


def test_serializers_validate_among_live_rows() -> None:
    """A plain serializer, which knows nothing of ``is_active``, refuses what a live row has, and only that."""
    first = Project.objects.create(name="apollo", owner="nasa", place=1)
    assert validate({"name": "apollo"}) == {"name": ["project with this name already exists."]}
    [message] = validate({"name": "new", "owner": "nasa", "place": 1}).values()
    assert message == ["The fields owner, place must make a unique set."]
    assert validate({"name": "new", "owner": "nasa"}) == {}
    assert validate({"name": "apollo", "owner": "nasa", "place": 1}, first) == {}
    second = Project.objects.create(name="gemini", owner="nasa", place=2)
    assert validate({"place": 1}, second, partial=True) != {}
    first.soft_delete()
    assert validate({"name": "apollo", "owner": "nasa", "place": 1}) == {}


def test_forms_validate_among_live_rows() -> None:
    """So do model forms."""
    form_class = modelform_factory(Project, fields=("name", "owner", "place"))
    first = Project.objects.create(name="apollo", owner="nasa", place=1)
    assert form_class({"name": "apollo"}).errors
    assert form_class({"name": "new", "owner": "nasa", "place": 1}).errors
    assert not form_class({"name": "apollo", "owner": "nasa", "place": 1}, instance=first).errors
    first.soft_delete()
    assert not form_class({"name": "apollo", "owner": "nasa", "place": 1}).errors


def test_models_validate_among_live_rows() -> None:
    """``full_clean()`` refuses a second live row, and accepts a deleted one."""
    Project.objects.create(name="apollo")
    with pytest.raises(ValidationError):
        Project(name="apollo").full_clean()
    Project(name="apollo", is_active=False).full_clean()


@pytest.mark.django_db(transaction=True)
def test_migrations_add_and_remove_the_constraint() -> None:
    """The constraint can be taken from a table and put back, and holds again."""
    constraint = next(iter(Project._meta.constraints))
    with connection.schema_editor() as editor:
        editor.remove_constraint(Project, constraint)
    Project.objects.create(name="apollo")
    Project.objects.create(name="apollo").delete()
    with connection.schema_editor() as editor:
        editor.add_constraint(Project, constraint)
    with pytest.raises(IntegrityError):
        Project.objects.create(name="apollo")


def test_no_database_warns_about_the_constraint() -> None:
    """``manage.py check --database`` has nothing to say: every database keeps the constraint."""
    assert Project.check(databases=["default"]) == []


def test_the_constraint_survives_a_migration_state() -> None:
    """What a migration records of the constraint is the constraint: nothing is detected as changed."""
    before, after = ProjectState(), ProjectState()
    before.add_model(ModelState.from_model(Project).clone())
    after.add_model(ModelState.from_model(Project))
    assert MigrationAutodetector(before, after).changes(MigrationGraph()) == {}
    path, _, kwargs = next(iter(Project._meta.constraints)).deconstruct()
    assert path == "drf_commons.models.constraints.LiveUniqueConstraint"
    assert kwargs == {"fields": ("name",), "name": "project_name_live"}


def test_the_user_model_cannot_be_soft_deleted() -> None:
    """Its ``is_active`` says who may log in: mixing the two is an error that names the model."""
    assert Note.check() == []
    with override_settings(AUTH_USER_MODEL="archive.Note"):
        [error] = [error for error in Note.check() if error.id == "drf_commons.E004"]
    assert error.msg.startswith("archive.Note is the user model")
