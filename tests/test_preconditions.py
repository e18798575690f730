"""Versions and soft deletion as a client meets them."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.serializers import BaseSerializer
from rest_framework.test import APIRequestFactory, force_authenticate
from typing_extensions import override

from drf_commons.bulk import bulk_update
from drf_commons.errors import ConfigurationError
from drf_commons.serializers import BaseModelSerializer
from drf_commons.views import BaseViewSet
from drf_commons.views.mixins import SoftDestroyModelMixin
from tests.archive.models import Counter, Document, Note

pytestmark = pytest.mark.django_db

factory = APIRequestFactory()


class DocumentSerializer(BaseModelSerializer[Document]):
    class Meta:
        model = Document
        fields = ("id", "body", "version")


class Documents(BaseViewSet[Document]):
    queryset = Document.objects.all()
    serializer_class = DocumentSerializer


class Careful(Documents):
    require_if_match = True


class SoftDocuments(SoftDestroyModelMixin[Document], Documents):
    pass


class NoteSerializer(BaseModelSerializer[Note]):
    class Meta:
        model = Note
        fields = ("id", "text")


class Notes(SoftDestroyModelMixin[Note], BaseViewSet[Note]):
    queryset = Note.objects.all()
    serializer_class = NoteSerializer


@pytest.fixture
def document() -> Document:
    """Return a document of version 2."""
    document = Document.objects.create(body="first")
    document.save()
    return document


def send(
    view: type[BaseViewSet[Any]], method: str, action: str, pk: object, data: object = None, **headers: str
) -> Any:
    """Return what the view's *action* answers."""
    request = getattr(factory, method)("/", data, format="json", headers=headers)
    return view.as_view({method: action})(request, pk=pk)


def patch(view: type[BaseViewSet[Any]], document: Document, data: object, **headers: str) -> Any:
    return send(view, "patch", "partial_update", document.pk, data, **headers)


def test_a_versioned_row_is_read_and_written_with_its_etag(document: Document) -> None:
    """The tag names the version, before and after a write."""
    assert send(Documents, "get", "retrieve", document.pk)["ETag"] == '"2"'
    assert patch(Documents, document, {"body": "second"})["ETag"] == '"3"'


def test_a_row_without_versions_has_no_etag() -> None:
    """Nothing is made up."""
    note = Note.objects.create(text="a")
    assert "ETag" not in send(Notes, "get", "retrieve", note.pk)


@pytest.mark.parametrize("tag", ['"2"', 'W/"2"', '"1", "2"', "*"])
def test_a_matching_tag_lets_the_write_through(document: Document, tag: str) -> None:
    """One of several is enough, and compression on the way does not matter."""
    assert patch(Documents, document, {"body": "second"}, **{"If-Match": tag}).status_code == 200


@pytest.mark.parametrize(("method", "action"), [("put", "update"), ("patch", "partial_update"), ("delete", "destroy")])
def test_another_tag_is_a_412_and_nothing_is_written(document: Document, method: str, action: str) -> None:
    """The answer tells which version there is now."""
    response = send(Documents, method, action, document.pk, {"body": "lost"}, **{"If-Match": '"1"'})
    assert response.status_code == 412
    assert response.data["message"] == "The row was changed since it was read."
    assert response.data["current_version"] == 2
    document.refresh_from_db()
    assert (document.body, document.version) == ("first", 2)


def test_a_write_without_a_tag_is_a_428_where_one_is_required(document: Document) -> None:
    """``require_if_match`` is for rows that nobody may change blindly; the body can say it too."""
    assert patch(Careful, document, {"body": "lost"}).status_code == 428
    assert send(Careful, "delete", "destroy", document.pk).status_code == 428
    assert patch(Careful, document, {"body": "kept", "version": 2}).status_code == 200
    assert patch(Careful, document, {"body": "kept"}, **{"If-Match": '"3"'}).status_code == 200
    assert send(Careful, "get", "retrieve", document.pk).status_code == 200


def test_an_older_version_in_the_body_is_a_409_that_tells_the_current_one(document: Document) -> None:
    """A client that keeps no headers sends back what it has read."""
    response = patch(Documents, document, {"body": "lost", "version": 1})
    assert response.status_code == 409
    assert response.data["current_version"] == 2
    assert response.data["success"] is False
    assert patch(Documents, document, {"body": "kept", "version": "2"}).status_code == 200


@pytest.mark.parametrize("version", ["two", True, -1, 1.5, [2]])
def test_a_version_that_is_no_number_is_a_400(document: Document, version: object) -> None:
    """The error stands at its field."""
    response = patch(Documents, document, {"version": version})
    assert response.status_code == 400
    assert response.data["errors"] == {"version": ["A valid integer is required."]}


def change(document: Document) -> None:
    """Be another client, who changes the row."""
    Document.objects.get(pk=document.pk).save()


@pytest.mark.parametrize(
    ("method", "action"), [("patch", "partial_update"), ("delete", "destroy"), ("post", "restore")]
)
def test_a_row_changed_after_the_check_is_as_one_changed_before(document: Document, method: str, action: str) -> None:
    """The write finds it out: nothing is written, and ``If-Match`` is answered with 412, anything else with 409."""

    class Racing(SoftDocuments):
        @override
        def perform_update(self, serializer: BaseSerializer[Document]) -> None:
            change(document)
            super().perform_update(serializer)

        @override
        def perform_destroy(self, instance: Document) -> None:
            change(document)
            super().perform_destroy(instance)

        @override
        def perform_restore(self, instance: Document) -> None:
            change(document)
            super().perform_restore(instance)

    if action == "restore":
        document.soft_delete()
    version = document.version
    body = {"body": "lost"}
    answers = [
        send(Racing, method, action, document.pk, body, **{"If-Match": f'"{version}"'}),
        send(Racing, method, action, document.pk, {**body, "version": version + 1}),
        send(Racing, method, action, document.pk, body, **{"If-Match": "*"}),
        send(Racing, method, action, document.pk, body),
    ]
    assert [answer.status_code for answer in answers] == [412, 409, 409, 409]
    assert [answer.data["current_version"] - version for answer in answers] == [1, 2, 3, 4]
    stored = Document.objects.get(pk=document.pk)
    assert (stored.body, stored.is_deleted) == ("first", action == "restore")


def test_a_row_changed_after_the_check_is_not_deleted(document: Document) -> None:
    """Deleting for good is checked by the write as well."""

    class Racing(Documents):
        @override
        def perform_destroy(self, instance: Document) -> None:
            change(document)
            super().perform_destroy(instance)

    response = send(Racing, "delete", "destroy", document.pk, **{"If-Match": '"2"'})
    assert (response.status_code, response.data["current_version"]) == (412, 3)
    assert send(Racing, "delete", "destroy", document.pk).status_code == 409
    assert send(Documents, "delete", "destroy", document.pk, **{"If-Match": '"4"'}).status_code == 200
    assert not Document.objects.exists()


def test_a_row_deleted_during_the_request_is_a_404(document: Document) -> None:
    """There is nothing left to write; an error of the project's own is still its own."""

    class Racing(Documents):
        @override
        def perform_update(self, serializer: BaseSerializer[Document]) -> None:
            Document.objects.filter(body=serializer.validated_data["body"]).delete()
            serializer.save()

    class Broken(Documents):
        @override
        def perform_update(self, serializer: BaseSerializer[Document]) -> None:
            Document.objects.get(body="nowhere")

    with pytest.raises(Document.DoesNotExist):
        patch(Broken, document, {"body": "first"})
    assert patch(Racing, document, {"body": "first"}).status_code == 404
    assert not Document.objects.exists()


def test_a_bulk_conflict_tells_of_every_row(document: Document) -> None:
    """The client learns at once which rows it has to read again, and which version each has now."""
    other, same = Document.objects.create(body="b"), Document.objects.create(body="c")
    rows = [*Document.objects.filter(pk__in=[document.pk, other.pk, same.pk])]
    rows.sort(key=lambda row: (document.pk, other.pk, same.pk).index(row.pk))
    change(document)
    change(other)

    class Bulky(Documents):
        @override
        def perform_update(self, serializer: BaseSerializer[Document]) -> None:
            bulk_update(Document.objects.all(), rows, ["count"])

    response = patch(Bulky, document, {"body": "lost"})
    assert response.status_code == 409
    assert response.data["message"] == "2 rows were changed since they were read."
    assert response.data["conflicts"] == [
        {"pk": document.pk, "expected_version": 2, "current_version": 3},
        {"pk": other.pk, "expected_version": 1, "current_version": 2},
    ]
    assert "current_version" not in response.data


def test_requiring_a_tag_of_rows_without_versions_is_a_configuration_error() -> None:
    """It could never be met."""

    class Impossible(BaseViewSet[Counter]):
        queryset = Counter.objects.all()
        require_if_match = True

    with pytest.raises(ConfigurationError, match=r"Impossible\.require_if_match: Counter has no version"):
        send(Impossible, "delete", "destroy", Counter.objects.create().pk)


def test_delete_hides_a_row_and_restore_brings_it_back() -> None:
    """The row is there all the time, and tells who deleted it."""
    ada = User.objects.create_user("ada")
    note = Note.objects.create(text="a")
    request = factory.delete("/")
    force_authenticate(request, ada)
    assert Notes.as_view({"delete": "destroy"})(request, pk=note.pk).status_code == 200
    note.refresh_from_db()
    assert note.is_deleted
    assert send(Notes, "get", "retrieve", note.pk).status_code == 404
    assert Notes.as_view({"get": "list"})(factory.get("/")).data["data"] == []
    restored = send(Notes, "post", "restore", note.pk)
    assert (restored.status_code, restored.data["data"]["text"]) == (200, "a")
    assert send(Notes, "get", "retrieve", note.pk).status_code == 200


def test_deleting_and_restoring_twice_changes_nothing() -> None:
    """A deleted row is not there to be deleted again; a restored one stays as it is."""
    note = Note.objects.create(text="a")
    assert send(Notes, "delete", "destroy", note.pk).status_code == 200
    assert send(Notes, "delete", "destroy", note.pk).status_code == 404
    assert send(Notes, "post", "restore", note.pk).status_code == 200
    assert send(Notes, "post", "restore", note.pk).status_code == 200
    assert send(Notes, "post", "restore", "00000000-0000-4000-8000-000000000000").status_code == 404


def test_deleting_and_restoring_heed_the_version(document: Document) -> None:
    """Each answer carries the tag that the next request needs, since a deleted row cannot be read."""
    restore = partial(send, SoftDocuments, "post", "restore", document.pk)
    assert send(SoftDocuments, "delete", "destroy", document.pk, **{"If-Match": '"1"'}).status_code == 412
    deleted = send(SoftDocuments, "delete", "destroy", document.pk, **{"If-Match": '"2"'})
    assert (deleted.status_code, deleted["ETag"]) == (200, '"3"')

    refused = restore(**{"If-Match": '"2"'})
    assert (refused.status_code, refused.data["current_version"]) == (412, 3)
    assert restore({"version": 2}).status_code == 409
    assert Document.objects.get().is_deleted
    restored = restore(**{"If-Match": deleted["ETag"]})
    assert (restored.status_code, restored["ETag"], restored.data["data"]["version"]) == (200, '"4"', 4)


def test_restoring_without_a_tag_is_a_428_where_one_is_required(document: Document) -> None:
    """Like every other write."""

    class CarefulSoft(SoftDocuments):
        require_if_match = True

    document.soft_delete()
    assert send(CarefulSoft, "post", "restore", document.pk).status_code == 428
    assert send(CarefulSoft, "post", "restore", document.pk, {"version": 3}).status_code == 200


def test_soft_deletion_of_other_models_is_a_configuration_error() -> None:
    """The mixin names what is missing."""

    class Hard(SoftDestroyModelMixin[Counter], BaseViewSet[Counter]):
        queryset = Counter.objects.all()

    counter = Counter.objects.create()
    with pytest.raises(ConfigurationError, match="Counter has no SoftDeleteMixin"):
        Hard().perform_destroy(counter)
