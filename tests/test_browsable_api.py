"""The browsable API of the library's views: every page is shown, and its forms send what the actions take."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any, ClassVar

import pytest
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import DjangoModelPermissions, IsAuthenticatedOrReadOnly
from rest_framework.routers import DefaultRouter

from aviation.models import Airline, Airport, Country, Route
from aviation.serializers import AirportSerializer
from drf_commons.serializers import BaseModelSerializer
from drf_commons.views import BulkViewSet
from tests.personnel.files import build_rows, make_departments, write_csv
from tests.personnel.models import Employee

pytestmark = pytest.mark.django_db

HTML = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def read_raw(page: str) -> Any:
    """Return the JSON that the raw form of *page* starts with."""
    found = re.search(r'<textarea name="_content"[^>]*>\s*(.*?)</textarea>', page, re.DOTALL)
    assert found is not None
    return json.loads(unescape(found[1]))


@pytest.mark.urls("tests.personnel.urls")
def test_an_import_has_a_form_with_a_file(client: Client) -> None:
    """The page of the action says 405 and has an input for the file, and a checkbox for each mode."""
    response = client.get("/employees/import-from-file/", headers=HTML)
    assert response.status_code == 405
    for name, kind in (("file", "file"), ("append_data", "checkbox"), ("dry_run", "checkbox")):
        assert re.search(rf'<input name="{name}"[^>]*type="{kind}"|type="{kind}" name="{name}"', response.text), name
    assert 'enctype="multipart/form-data"' in response.text


@pytest.mark.urls("tests.personnel.urls")
def test_a_file_that_cannot_be_read_is_told_at_its_input(client: Client) -> None:
    """The reason stands in the form, right under the input."""
    upload = SimpleUploadedFile("staff.csv", b"%PDF-1.7 not a table")
    response = client.post("/employees/import-from-file/", {"file": upload, "append_data": "true"}, headers=HTML)
    assert response.status_code == 400
    place = response.text.index('name="file"')
    assert "this is a PDF, not CSV" in response.text[place : place + 400]
    neither = client.post("/employees/import-from-file/", {"file": SimpleUploadedFile("a.csv", b"a\n1")}, headers=HTML)
    assert neither.status_code == 400
    assert re.search(r'role="alert">Send either append_data=true or replace_data=true\.', neither.text)


@pytest.mark.urls("tests.personnel.urls")
def test_a_file_is_imported_by_the_form(client: Client) -> None:
    """What the form sends is imported, and the page shows the report."""
    content = write_csv(build_rows(3, make_departments())).getvalue()
    form = {"file": SimpleUploadedFile("staff.csv", content), "append_data": "true"}
    response = client.post("/employees/import-from-file/", form, headers=HTML)
    assert response.status_code == 201
    assert "HTTP 201 Created" in response.text
    assert Employee.objects.count() == 3


@pytest.mark.urls("tests.personnel.urls")
def test_a_page_for_every_address(client: Client) -> None:
    """Lists, rows and extra actions are shown, and the menu leads to the actions."""
    content = write_csv(build_rows(2, make_departments())).getvalue()
    client.post("/employees/import-from-file/", {"file": SimpleUploadedFile("a.csv", content), "append_data": "true"})
    row = Employee.objects.all()[0]
    for path in ("/employees/", f"/employees/{row.pk}/", f"/soft-employees/{row.pk}/", "/staff/import-from-file/"):
        response = client.get(path, headers=HTML)
        assert response.status_code in {200, 403}, path
    assert "/employees/import-from-file/" in client.get("/employees/", headers=HTML).text
    restore = client.get(f"/soft-employees/{row.pk}/restore/", headers=HTML)
    assert restore.status_code == 405
    assert 'name="email"' not in restore.text
    assert client.post(f"/soft-employees/{row.pk}/restore/", headers=HTML).status_code == 200


@pytest.fixture
def airline() -> Airline:
    country = Country.objects.create(code="IS", alpha3="ISL", name="Iceland")
    place = {"country": country, "latitude": 64, "longitude": -22, "elevation": 12, "timezone": "Atlantic/Reykjavik"}
    home, away = (Airport.objects.create(icao=code, name=f"Airport {code}", **place) for code in ("BIRK", "BIKF"))
    airline = Airline.objects.create(code="FI", name="Icelandair", country=country, hub=home)
    Route.objects.create(airline=airline, origin=home, destination=away)
    return airline


@pytest.fixture
def editor() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("ada"))
    return client


@pytest.mark.urls("aviation.urls")
def test_raw_data_is_shown_as_it_is_taken(editor: Client, airline: Airline) -> None:
    """What answers as an object and is taken as a key stands there as a key: sent back unchanged, nothing changes."""
    page = editor.get("/airlines/FI/", headers=HTML).text
    route = Route.objects.get(airline=airline)
    raw = read_raw(page)
    assert raw == {
        "id": str(airline.pk),
        "code": "FI",
        "name": "Icelandair",
        "country": "IS",
        "hub": str(airline.hub.pk),
        "routes": [
            {
                "id": str(route.pk),
                "origin": str(route.origin.pk),
                "destination": str(route.destination.pk),
                "weekly_flights": 7,
            }
        ],
        "version": 1,
    }
    answer = editor.put("/airlines/FI/", raw, content_type="application/json", headers=HTML)
    assert answer.status_code == 200, answer.text
    assert Route.objects.get() == route
    assert read_raw(answer.text)["version"] == 2


@pytest.mark.urls("aviation.urls")
def test_a_form_remembers_the_version_it_shows(editor: Client, airline: Airline) -> None:
    """Somebody else was faster: 409, with what was typed still in the form, and the reason in it."""
    page = editor.get("/airlines/FI/", headers=HTML).text
    assert '<input type="hidden" name="version" value="1">' in page
    airline.name = "Loftleiðir"
    airline.save()
    typed = {"code": "FI", "name": "Flugfélag", "country": "IS", "hub": str(airline.hub.pk), "version": "1"}
    body = "\r\n".join(
        ["", *(f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}' for name, text in typed.items())]
    )
    answer = editor.put(
        "/airlines/FI/", f"{body}\r\n--x--\r\n", content_type="multipart/form-data; boundary=x", headers=HTML
    )
    assert answer.status_code == 409, answer.text
    form = answer.text[answer.text.index('id="put-object-form"') :]
    assert 'value="Flugfélag"' in form
    assert re.search(r'role="alert">[^<]*version', form)
    assert '<input type="hidden" name="version" value="1">' in form
    airline.refresh_from_db()
    assert airline.name == "Loftleiðir"


@pytest.mark.urls("aviation.urls")
def test_raw_data_that_is_refused_stays_as_it_was_typed(editor: Client, airline: Airline) -> None:
    """Nobody has to type it again, even if it is no JSON."""
    for text in ('{"code": "toolong",  "name": "x"}', '{"code": "FI",'):
        answer = editor.put("/airlines/FI/", text, content_type="application/json", headers=HTML)
        assert answer.status_code == 400
        assert text in unescape(answer.text)


class AirportBulkViewSet(BulkViewSet[Airport]):
    queryset = Airport.objects.order_by("icao")
    serializer_class = AirportSerializer
    permission_classes = (IsAuthenticatedOrReadOnly,)
    authentication_classes = (SessionAuthentication,)
    export_field_config: ClassVar = {"icao": "ICAO", "name": "Name"}


class GroupSerializer(BaseModelSerializer[Group]):
    class Meta:
        model = Group
        fields = ("id", "name")


class GroupBulkViewSet(BulkViewSet[Group]):
    """Groups cannot be soft-deleted."""

    queryset = Group.objects.order_by("name")
    serializer_class = GroupSerializer


router = DefaultRouter()
router.register("airports", AirportBulkViewSet, basename="airport")
router.register("groups", GroupBulkViewSet, basename="group")
urlpatterns = router.urls


@pytest.mark.urls(__name__)
def test_the_menu_leads_to_what_is_offered(client: Client) -> None:
    """Where rows cannot be soft-deleted, neither the menu nor a form says that they could."""
    assert "/airports/bulk-soft-delete/" in client.get("/airports/", headers=HTML).text
    page = client.get("/groups/", headers=HTML).text
    assert "/groups/bulk-delete/" in page
    assert "/groups/bulk-soft-delete/" not in page
    answer = client.get("/groups/bulk-soft-delete/", headers=HTML)
    assert answer.status_code == 405
    assert 'name="_content"' not in answer.text


@pytest.mark.urls(__name__)
def test_a_stranger_gets_pages_without_forms(client: Client, editor: Client, airline: Airline) -> None:
    """Whoever may only read is shown nothing to send."""
    url = f"/airports/{airline.hub.pk}/"
    assert 'name="_content"' in editor.get(url, headers=HTML).text
    page = client.get(url, headers=HTML)
    assert page.status_code == 200
    assert "_content" not in page.text
    assert "put-object-form" not in page.text


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("path", ["", "bulk-create/", "bulk-delete/", "export/"])
def test_a_form_of_an_expired_session_is_refused_in_words(editor: Client, airline: Airline, path: str) -> None:
    """The page says that nobody is signed in, and nothing is written; what anybody may read is still sent."""
    editor.logout()
    answer = editor.post(f"/airports/{path}", {"icao": "BIEG", "ids": [str(airline.hub.pk)]}, headers=HTML)
    if path == "export/":
        assert answer.status_code == 400  # a type of file is missing, and nothing else
        return
    assert answer.status_code == 403
    assert "Authentication credentials were not provided." in answer.text
    assert Airport.objects.count() == 2


@pytest.mark.urls(__name__)
def test_whoever_may_not_write_is_told_so(airline: Airline, monkeypatch: pytest.MonkeyPatch) -> None:
    """Being signed in is not enough where permissions of the model are asked."""
    monkeypatch.setattr(AirportBulkViewSet, "permission_classes", (DjangoModelPermissions,))
    client = Client()
    client.force_login(User.objects.create_user("eve"))
    for path in ("", "bulk-create/", "bulk-delete/"):
        answer = client.post(f"/airports/{path}", {"icao": "BIEG", "ids": [str(airline.hub.pk)]}, headers=HTML)
        assert answer.status_code == 403
        assert "You do not have permission to perform this action." in answer.text
    assert Airport.objects.count() == 2


@pytest.mark.urls(__name__)
def test_bulk_actions_have_a_sample_to_send(editor: Client, airline: Airline) -> None:
    """An empty item to create, the first rows of the list to change, and rows to choose from to delete."""
    assert [item.keys() for item in read_raw(editor.get("/airports/bulk-create/", headers=HTML).text)] == [
        {"icao", "iata", "faa", "name", "city", "subdivision", "country"}
        | {"latitude", "longitude", "elevation", "timezone"}
    ]
    rows = read_raw(editor.get("/airports/bulk-update/", headers=HTML).text)
    assert [(row["id"], row["icao"], row["country"]) for row in rows] == [
        (str(airport.pk), airport.icao, "IS") for airport in Airport.objects.order_by("icao")
    ]
    answer = editor.put("/airports/bulk-update/", rows, content_type="application/json", headers=HTML)
    assert answer.status_code == 200, answer.text
    page = editor.get("/airports/bulk-delete/", headers=HTML)
    assert page.status_code == 405
    assert 'data-target="#deleteModal"' not in page.text
    Route.objects.all().delete()
    Airline.objects.all().delete()
    form = {"ids": [str(airport.pk) for airport in Airport.objects.all()]}
    assert editor.post("/airports/bulk-delete/", form, headers=HTML).status_code == 200
    assert not Airport.objects.exists()


@pytest.mark.urls(__name__)
def test_every_action_tells_its_options(editor: Client, airline: Airline) -> None:
    """The button of the browsable API answers, also where a PUT is about no row of the address."""
    for path in ("", "BIRK/", "bulk-create/", "bulk-update/", "bulk-delete/", "export/"):
        answer = editor.options(f"/airports/{path.replace('BIRK', str(airline.hub.pk))}", headers=HTML)
        assert answer.status_code == 200, path
        assert "HTTP 200 OK" in answer.text
    assert "PUT" in editor.options("/airports/bulk-update/").json()["actions"]


@pytest.mark.urls(__name__)
def test_an_export_has_a_form_that_downloads(editor: Client, airline: Airline) -> None:
    """Types and columns are chosen; what is wrong is told at its field."""
    page = editor.get("/airports/export/", headers=HTML)
    assert page.status_code == 405
    assert '<select class="form-control" name="file_type">' in page.text
    answer = editor.post("/airports/export/", {"file_type": "csv", "includes": ["icao"]}, headers=HTML)
    assert "attachment" in answer["Content-Disposition"]
    assert b"".join(answer).decode("utf-8-sig").split() == ["ICAO", "BIKF", "BIRK"]
    refused = editor.post("/airports/export/", {"file_type": "exe"}, headers=HTML)
    assert refused.status_code == 400
    assert "&quot;exe&quot; is not a type of file" in refused.text[refused.text.index('name="file_type"') :]


@pytest.mark.urls(__name__)
def test_who_may_not_write_is_shown_no_rows_to_change(client: Client, airline: Airline) -> None:
    """A stranger gets the page of every action, and no form on it."""
    for path in ("bulk-create", "bulk-update", "bulk-delete"):
        page = client.get(f"/airports/{path}/", headers=HTML)
        assert page.status_code in {401, 403, 405}
        assert 'name="_content"' not in page.text
    answer = client.post("/airports/", {"icao": "BIEG"}, headers=HTML)
    assert answer.status_code == 403
    assert "Authentication credentials were not provided." in answer.text


@pytest.mark.urls(__name__)
def test_a_form_without_its_token_is_refused_in_words(airline: Airline) -> None:
    """A page from elsewhere cannot write for somebody who has signed in."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("ada"))
    answer = client.post("/airports/", {"icao": "BIEG"}, headers=HTML)
    assert (answer.status_code, "CSRF Failed" in answer.text) == (403, True)


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("has_token", [True, False])
def test_raw_data_that_nobody_can_read_signs_nobody_out(has_token: bool) -> None:
    """Its text stays in the form of whoever has typed it; without the token nobody is recognized."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("ada"))
    client.cookies["csrftoken"] = token = "t" * 32
    headers = {**HTML, "X-CSRFToken": token} if has_token else HTML
    text = '{"icao": "BIEG",'
    answer = client.post("/airports/", text, content_type="application/json", headers=headers)
    assert (answer.status_code, "JSON parse error" in answer.text) == (400, True)
    form = re.search(r'<textarea name="_content"[^>]*>\s*(.*?)</textarea>', answer.text, re.DOTALL)
    assert (None if form is None else unescape(form[1]).strip()) == (text if has_token else None)
    assert ("ada" in answer.text) is has_token


@pytest.mark.urls(__name__)
def test_raw_data_that_nobody_can_read_is_refused_to_whoever_may_not_send_any() -> None:
    """The page says why, and does not read the text for it."""
    answer = Client().post("/airports/", '{"icao": "BIEG",', content_type="application/json", headers=HTML)
    assert (answer.status_code, "Authentication credentials were not provided." in answer.text) == (403, True)
