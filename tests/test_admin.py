"""The admin of the library's models, used as people use it: through its pages."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, assert_type

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.http import HttpRequest
from django.test import Client, RequestFactory, override_settings
from django.urls import path

from drf_commons.admin import BaseModelAdmin
from drf_commons.current_user import as_user
from tests.archive.models import Counter, Document, Note

pytestmark = pytest.mark.django_db

site = admin.AdminSite(name="archive-admin")


class DocumentAdmin(BaseModelAdmin[Document]):
    list_display = ("body", "version")


class NoteAdmin(BaseModelAdmin[Note]):
    fieldsets = ((None, {"fields": ("text", "words", "created_by")}),)
    readonly_fields = ("created_by",)


class CounterAdmin(BaseModelAdmin[Counter]):
    """A model that has none of the mixins."""


site.register(Document, DocumentAdmin)
site.register(Note, NoteAdmin)
site.register(Counter, CounterAdmin)

urlpatterns = [path("admin/", site.urls)]

DOCUMENTS = "/admin/archive/document/"
NOTES = "/admin/archive/note/"


@pytest.fixture(autouse=True)
def _routes() -> Any:
    with override_settings(ROOT_URLCONF=__name__):
        yield


@pytest.fixture
def ada() -> User:
    return User.objects.create_superuser("ada")


@pytest.fixture
def page(ada: User) -> Client:
    client = Client()
    client.force_login(ada)
    return client


def read_inputs(html: str) -> dict[str, str]:
    """Return what the inputs of the form would send."""
    inputs = re.findall(r"<input[^>]*>", html)
    named = [(re.search(r'name="([^"]+)"', text), re.search(r'value="([^"]*)"', text)) for text in inputs]
    values = {name[1]: value[1] for name, value in named if name and value}
    texts = re.findall(r'<textarea[^>]*name="([^"]+)"[^>]*>\s*([^<]*)</textarea>', html)
    return {name: value for name, value in [*values.items(), *texts] if not name.startswith("_")}


def save(page: Client, address: str, **values: object) -> Any:
    """Send what the form at *address* has, with *values* typed over it."""
    form = read_inputs(page.get(address).content.decode())
    return page.post(address, {**form, **values})


def test_the_columns_that_fill_themselves_in_are_shown_and_not_typed(page: Client, ada: User) -> None:
    """Who wrote a row, and when, stands in a section of its own, without an input."""
    with as_user(ada):
        document = Document.objects.create(body="first")
    html = page.get(f"{DOCUMENTS}{document.pk}/change/").content.decode()
    assert "History" in html
    for name in ("created_at", "created_by", "updated_at", "updated_by", "deleted_at", "version"):
        assert f"field-{name}" in html
        assert f'name="{name}"' not in html
    assert html.count("field-body") == 1


def test_a_new_row_has_nothing_to_show_yet(page: Client) -> None:
    """The form of a new row has only what can be typed, and what is saved knows its writer."""
    assert "History" not in page.get(f"{DOCUMENTS}add/").content.decode()
    page.post(f"{DOCUMENTS}add/", {"body": "typed", "count": "1"})
    assert Document.objects.get().created_by == User.objects.get()


def test_what_the_admin_names_itself_stays_where_it_is(page: Client) -> None:
    """A column in the admin's own fieldsets is not shown twice."""
    note = Note.objects.create(text="Remember me.")
    html = page.get(f"{NOTES}{note.pk}/change/").content.decode()
    assert html.count("field-created_by") == 1
    assert html.count("field-updated_by") == 1


def test_deleting_is_soft_and_can_be_taken_back(page: Client, ada: User) -> None:
    """A deleted row leaves the list, is found by the filter, and restored by an action."""
    note = Note.objects.create(text="Remember me.")
    question = page.get(f"{NOTES}{note.pk}/delete/").content.decode()
    assert "Remember me." in question
    page.post(f"{NOTES}{note.pk}/delete/", {"post": "yes"})
    note.refresh_from_db()
    assert note.is_deleted
    assert note.updated_by == ada
    page.get(NOTES)  # shows what was done, once
    assert "Remember me." not in page.get(NOTES).content.decode()
    assert "Remember me." in page.get(f"{NOTES}?deleted=yes").content.decode()
    assert "Remember me." in page.get(f"{NOTES}?deleted=all").content.decode()
    answer = page.post(
        f"{NOTES}?deleted=yes", {"action": "restore_selected", "_selected_action": [str(note.pk)]}, follow=True
    )
    assert "1 row was restored." in answer.content.decode()
    note.refresh_from_db()
    assert not note.is_deleted


def test_many_rows_are_deleted_softly_at_once(page: Client) -> None:
    """The action that deletes what is selected deletes softly, too."""
    notes = [Note.objects.create(text=f"note {number}") for number in range(3)]
    selected = {"action": "delete_selected", "_selected_action": [str(note.pk) for note in notes], "post": "yes"}
    page.post(NOTES, selected)
    assert Note.objects.deleted().count() == 3


def test_restoring_needs_the_permission_to_change(page: Client) -> None:
    """Who may only look is not offered the action."""
    viewer = User.objects.create_user("bob", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_note", content_type__app_label="archive"))
    page.force_login(viewer)
    Note.objects.create(text="Remember me.").soft_delete()
    html = page.get(f"{NOTES}?deleted=yes").content.decode()
    assert "Remember me." in html
    assert "restore_selected" not in html


def test_a_row_that_somebody_changed_meanwhile_is_not_overwritten(page: Client, ada: User) -> None:
    """The second of two people in front of the same form is told who was first; what was typed stays in the form."""
    document = Document.objects.create(body="first")
    address = f"{DOCUMENTS}{document.pk}/change/"
    form = read_inputs(page.get(address).content.decode())
    with as_user(User.objects.create_user("grace")):
        save(page, address, body="Grace's")
        document.refresh_from_db()
        document.body = "Grace's again"
        document.save()
    answer = page.post(address, {**form, "body": "Ada's"})
    html = answer.content.decode()
    assert answer.status_code == 200
    assert "grace has changed this row since you opened it" in html
    assert "Ada&#x27;s" in html
    document.refresh_from_db()
    assert document.body == "Grace's again"


def test_a_row_that_nobody_changed_is_saved_again_and_again(page: Client) -> None:
    """Each page shows its version: one save after another goes through."""
    document = Document.objects.create(body="first")
    address = f"{DOCUMENTS}{document.pk}/change/"
    for number in range(3):
        assert save(page, address, body=f"text {number}").status_code == 302
    document.refresh_from_db()
    assert (document.body, document.version) == ("text 2", 4)


def test_a_conflict_is_told_where_times_have_no_zone(page: Client, settings: Any) -> None:
    """A project without USE_TZ is told when the row was changed as well."""
    settings.USE_TZ = False
    document = Document.objects.create(body="first")
    address = f"{DOCUMENTS}{document.pk}/change/"
    form = read_inputs(page.get(address).content.decode())
    save(page, address, body="faster")
    answer = page.post(address, {**form, "body": "late"})
    assert answer.status_code == 200
    assert "has changed this row since you opened it" in answer.content.decode()


def test_a_conflict_in_the_middle_of_a_save_is_told_and_nothing_is_written(
    page: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is faster between the check and the write wins; the other one is sent back to the page."""
    document = Document.objects.create(body="first")
    address = f"{DOCUMENTS}{document.pk}/change/"
    form = read_inputs(page.get(address).content.decode())

    def save_late(self: DocumentAdmin, request: HttpRequest, obj: Document, *args: object) -> None:
        faster = Document.objects.get(pk=obj.pk)
        faster.body = "faster"
        faster.save()
        obj.save()

    monkeypatch.setattr(DocumentAdmin, "save_model", save_late)
    answer = page.post(address, {**form, "body": "late"}, follow=True)
    assert "Nothing was saved." in answer.content.decode()
    document.refresh_from_db()
    assert document.body == "first"


def test_a_model_without_the_mixins_is_left_alone(page: Client) -> None:
    """Nothing is shown, filtered or refused that the model does not have."""
    counter = Counter.objects.create(count=1)
    assert save(page, f"/admin/archive/counter/{counter.pk}/change/", count="2").status_code == 302
    html = page.get("/admin/archive/counter/").content.decode()
    assert "restore_selected" not in html
    assert "?deleted=" not in html
    page.post(f"/admin/archive/counter/{counter.pk}/delete/", {"post": "yes"})
    assert not Counter.objects.exists()


def test_the_admin_knows_its_model() -> None:
    """``BaseModelAdmin[Note]`` is a generic class to checkers, and its querysets hold notes."""
    request = RequestFactory().get("/")
    request.user = User(username="ada", date_joined=datetime(2026, 1, 1, tzinfo=UTC))
    assert_type(NoteAdmin(Note, site).get_object(request, "1"), Note | None)
