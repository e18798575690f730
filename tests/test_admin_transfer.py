"""Imports and exports in the admin, used as people use them: through its pages."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any, ClassVar

import openpyxl
import pytest
from asgiref.sync import sync_to_async
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.test import AsyncClient, Client, override_settings
from django.urls import path

from drf_commons.admin import BaseModelAdmin, ImportExportAdminMixin
from drf_commons.admin.uploads import UploadShelf, build_private_storage
from tests.personnel.files import CONFIG, build_rows, make_departments, write_csv
from tests.personnel.models import Department, Employee

pytestmark = pytest.mark.django_db

site = admin.AdminSite(name="personnel-admin")

EMPLOYEES = "/admin/personnel/employee/"


class EmployeeAdmin(ImportExportAdminMixin[Employee], BaseModelAdmin[Employee]):
    import_file_config = CONFIG
    export_field_config: ClassVar = {"email": "E-mail", "last_name": "Name", "department__code": "Department"}
    list_display = ("email", "last_name")
    list_filter = ("is_remote",)
    search_fields = ("email",)


class DepartmentAdmin(ImportExportAdminMixin[Department], BaseModelAdmin[Department]):
    """Neither imports nor exports anything."""


site.register(Employee, EmployeeAdmin)
site.register(Department, DepartmentAdmin)

urlpatterns = [path("admin/", site.urls)]


@pytest.fixture(autouse=True)
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(EmployeeAdmin, "import_storage", FileSystemStorage(location=tmp_path / "shelf"))
    with override_settings(ROOT_URLCONF=__name__):
        yield tmp_path / "shelf"


@pytest.fixture
def page() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("ada"))
    return client


def build(count: int) -> list[dict[str, Any]]:
    """Return good rows, and store what they refer to."""
    codes = [*Department.objects.values_list("code", flat=True)] or make_departments()
    return [{**row} for row in build_rows(count, codes)]


def build_file(rows: list[dict[str, Any]], name: str = "staff.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, write_csv(rows).getvalue())


def preview(page: Client, rows: list[dict[str, Any]], mode: str = "append") -> str:
    """Send a file, and return the page that shows what is in it."""
    answer = page.post(f"{EMPLOYEES}import/", {"file": build_file(rows), "mode": mode})
    assert answer.status_code == 200, answer.text
    return answer.text


def read_token(html: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', html)
    assert found is not None, html
    return unescape(found[1])


def confirm(page: Client, html: str) -> str:
    """Confirm what the preview *html* shows; return the whole page of the import."""
    answer = page.post(f"{EMPLOYEES}import/confirm/", {"token": read_token(html), "confirm": "yes"})
    assert answer.status_code == 200
    return b"".join(answer).decode()


def list_cells(html: str, kind: str) -> list[list[str]]:
    """Return the rows of one of the tables."""
    table = re.search(rf'<table class="[^"]*drf-commons-{kind}".*?</table>', html, re.DOTALL)
    if table is None:
        return []
    lines = re.findall(r"<tr>(.*?)</tr>", table[0].partition("<tbody>")[2], re.DOTALL)
    return [[unescape(re.sub(r"<.*?>", "", cell)) for cell in re.findall(r"<t[hd].*?</t[hd]>", line)] for line in lines]


def test_a_preview_shows_the_differences_and_writes_nothing(page: Client, shelf: Path) -> None:
    """New rows, old values beside new ones, and the reasons of what fails; the file waits, and nothing is stored."""
    rows = build(4)
    confirm(page, preview(page, rows[:2]))
    rows[0]["last_name"] = "Changed"
    rows[3]["age"] = "x"
    html = preview(page, rows)
    assert Employee.objects.count() == 2
    assert list_cells(html, "updated") == [["2", "Last name", build(4)[0]["last_name"], "Changed"]]
    assert [line[0] for line in list_cells(html, "created")] == ["4"]
    assert list_cells(html, "failed") == [["5", "age", "x", "“x” value must be an integer."]]
    assert "1 row has errors and will be left out." in html
    assert len([*shelf.iterdir()]) == 1


def test_confirming_imports_the_file_that_was_shown(page: Client, shelf: Path) -> None:
    """The page ends with the report, the writer is the user, the log has one entry, and the file is gone."""
    html = confirm(page, preview(page, build(3)))
    assert "The import is complete." in html
    assert html.rstrip().endswith("</html>")
    assert re.findall(r'value="(\d+)" aria-label', html) == ["0", "3"]
    assert Employee.objects.count() == 3
    assert {str(row.created_by) for row in Employee.objects.all()} == {"ada"}
    assert LogEntry.objects.get().change_message == "Imported staff.csv: 3 created."
    assert [*shelf.iterdir()] == []


def test_the_bar_moves_with_each_chunk(page: Client) -> None:
    """Somebody who watches sees how far it has come."""
    html = preview(page, build(5))
    with override_settings(COMMON={"IMPORT_BATCH_SIZE": 2}):
        page_of_import = confirm(page, html)
    assert re.findall(r'value="(\d+)" aria-label', page_of_import) == ["0", "2", "4", "5"]


def test_a_preview_is_confirmed_once(page: Client) -> None:
    """A second click imports nothing a second time, and says why."""
    html = preview(page, build(2))
    confirm(page, html)
    again = page.post(f"{EMPLOYEES}import/confirm/", {"token": read_token(html)}, follow=True)
    assert "This preview cannot be confirmed any more" in again.text
    assert Employee.objects.count() == 2


def test_a_preview_can_be_thrown_away(page: Client, shelf: Path) -> None:
    """Cancelling removes the file."""
    html = preview(page, build(2))
    answer = page.post(f"{EMPLOYEES}import/confirm/", {"token": read_token(html), "cancel": "yes"}, follow=True)
    assert "Nothing was imported." in answer.text
    assert [*shelf.iterdir()] == []
    assert not Employee.objects.exists()


def test_nobody_else_confirms_a_preview(page: Client) -> None:
    """A token is for the person who sent the file; a forged one is for nobody."""
    html = preview(page, build(2))
    other = Client()
    other.force_login(User.objects.create_superuser("eve"))
    for client, token in ((other, read_token(html)), (page, read_token(html)[:-1] + "x"), (page, "")):
        answer = client.post(f"{EMPLOYEES}import/confirm/", {"token": token}, follow=True)
        assert "cannot be confirmed any more" in answer.text
    assert not Employee.objects.exists()


def test_a_file_that_was_changed_while_it_waited_is_not_imported(page: Client, shelf: Path) -> None:
    """What is imported is what was shown, or nothing."""
    html = preview(page, build(2))
    [kept] = shelf.iterdir()
    kept.write_bytes(write_csv(build(3)).getvalue())
    answer = page.post(f"{EMPLOYEES}import/confirm/", {"token": read_token(html)}, follow=True)
    assert "cannot be confirmed any more" in answer.text
    assert not Employee.objects.exists()


def test_what_nobody_came_back_for_is_thrown_away(page: Client, shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next file that comes sweeps out those that are older than an hour."""
    preview(page, build(2))
    [old] = shelf.iterdir()
    monkeypatch.setattr("drf_commons.admin.uploads._MAX_AGE", -1)
    preview(page, build(2))
    assert old not in [*shelf.iterdir()]


def test_a_replacement_says_what_it_deletes(page: Client) -> None:
    """Rows that the file does not have are counted first, and deleted softly then."""
    rows = build(3)
    confirm(page, preview(page, rows))
    html = preview(page, rows[:1], mode="replace")
    assert "2 rows that the file does not have will be deleted." in html
    confirm(page, html)
    assert [row.is_deleted for row in Employee.objects.order_by("email")].count(True) == 2


def test_rows_without_errors_that_are_stored_already_leave_nothing_to_import(page: Client) -> None:
    """Which is told apart from a file with nothing but errors, and from one without any."""
    rows = build(2)
    confirm(page, preview(page, rows))
    assert "There is nothing to import: every row is stored as the file has it." in preview(page, rows)
    rows[1]["age"] = "x"
    html = preview(page, rows)
    told = "There is nothing to import: every row without errors is stored as the file has it."
    assert f"{told} Mend the errors below to import the others." in html
    assert 'name="token"' not in html
    html = preview(page, rows[1:])
    assert "Nothing can be imported before the errors below are mended." in html
    assert told not in html


def test_a_replacement_with_errors_cannot_be_confirmed(page: Client) -> None:
    """It is all or nothing, and here it is nothing."""
    rows = build(2)
    rows[1]["age"] = "x"
    html = preview(page, rows, mode="replace")
    assert "Nothing can be imported before the errors below are mended." in html
    assert 'name="token"' not in html


@pytest.mark.parametrize(
    ("content", "name", "reason"),
    [
        (b"%PDF-1.7", "staff.csv", "this is a PDF, not CSV"),
        (b"a,b\n1,2\n", "staff.csv", "missing column"),
        (b"PK\x03\x04 cut short", "staff.xlsx", "the file is damaged or cut short"),
        (b"", "staff.csv", "The submitted file is empty."),
    ],
)
def test_a_wrong_file_is_told_at_its_input(page: Client, content: bytes, name: str, reason: str) -> None:
    """400, the form again, and the reason in it."""
    form = {"file": SimpleUploadedFile(name, content), "mode": "append"}
    answer = page.post(f"{EMPLOYEES}import/", form)
    assert answer.status_code == 400
    assert reason in unescape(answer.text)
    assert 'type="file"' in answer.text
    nothing = page.post(f"{EMPLOYEES}import/", {"mode": "append"})
    assert "This field is required." in nothing.text


def test_a_file_that_is_too_large_is_not_read(page: Client) -> None:
    """The length alone is enough to say no."""
    with override_settings(COMMON={"IMPORT_MAX_FILE_SIZE": 10}):
        answer = page.post(f"{EMPLOYEES}import/", {"file": build_file(build(1)), "mode": "append"})
        assert (answer.status_code, "larger than the 10 bytes" in answer.text) == (400, True)
        huge = page.post(f"{EMPLOYEES}import/", {}, headers={"content-length": "5000000"})
        assert (huge.status_code, huge.text) == (413, "The file is too large: at most 10 bytes are allowed.")


def grant(*names: str) -> Client:
    """Return somebody of the staff with no more permissions than *names*."""
    bob = User.objects.create_user("bob", is_staff=True)
    bob.user_permissions.add(*Permission.objects.filter(codename__in=names))
    client = Client()
    client.force_login(bob)
    return client


def test_each_permission_opens_what_it_is_for(shelf: Path) -> None:
    """Looking exports, adding and changing import, and only deleting replaces."""
    viewer = grant("view_employee")
    html = viewer.get(EMPLOYEES).text
    assert ("export/" in html, "import/" in html) == (True, False)
    assert viewer.get(f"{EMPLOYEES}import/").status_code == 403
    assert viewer.post(f"{EMPLOYEES}import/confirm/", {"token": "x"}).status_code == 403
    User.objects.all().delete()
    adder = grant("add_employee", "view_employee")  # the configuration changes rows, too
    assert adder.get(f"{EMPLOYEES}import/").status_code == 403
    User.objects.all().delete()
    editor = grant("add_employee", "change_employee")
    form = editor.get(f"{EMPLOYEES}import/")
    assert (form.status_code, 'value="replace"' in form.text) == (200, False)
    refused = editor.post(f"{EMPLOYEES}import/", {"file": build_file(build(1)), "mode": "replace"})
    assert (refused.status_code, "Select a valid choice" in refused.text) == (400, True)


def test_an_expired_session_leads_to_the_login(page: Client) -> None:
    """Nothing is imported, and nothing fails."""
    html = preview(page, build(1))
    page.logout()
    for path_, form in (
        ("import/", {"mode": "append"}),
        ("import/confirm/", {"token": read_token(html)}),
        ("export/", {}),
    ):
        answer = page.post(f"{EMPLOYEES}{path_}", form)
        assert answer.status_code == 302
        assert "/login/?next=" in answer["Location"]


def test_a_form_from_elsewhere_is_refused() -> None:
    """Without the token of the page the answer is 403, as everywhere in the admin."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("ada"))
    for path_ in ("import/", "import/confirm/", "export/"):
        answer = client.post(f"{EMPLOYEES}{path_}", {"mode": "append"})
        assert (answer.status_code, "CSRF verification failed" in answer.text) == (403, True)


def test_an_admin_without_configuration_offers_nothing(page: Client) -> None:
    """Neither a button nor a page."""
    html = page.get("/admin/personnel/department/").text
    assert "import/" not in html
    assert "export" not in html
    assert page.get("/admin/personnel/department/import/").status_code == 403
    assert page.get("/admin/personnel/department/export/").status_code == 403


def read_csv_lines(answer: Any) -> list[str]:
    return b"".join(answer).decode("utf-8-sig").splitlines()


def test_an_export_has_the_rows_of_the_list(page: Client) -> None:
    """Search, filters and deletions count, and so does the choice of columns."""
    rows = build(4)
    confirm(page, preview(page, rows))
    gone, found, *_rest = Employee.objects.order_by("email")
    gone.soft_delete()
    everything = page.post(f"{EMPLOYEES}export/", {"file_type": "csv", "export": "yes"})
    lines = read_csv_lines(everything)
    assert lines[0] == "E-mail,Name,Department"
    assert len(lines) == 4
    assert gone.email not in "".join(lines)
    deleted = page.post(f"{EMPLOYEES}export/?deleted=yes", {"file_type": "csv", "export": "yes"})
    assert [line.split(",")[0] for line in read_csv_lines(deleted)[1:]] == [gone.email]
    form = {"file_type": "xlsx", "includes": ["email"], "export": "yes"}
    answer = page.post(f"{EMPLOYEES}export/?q={found.email}", form)
    assert 'filename="employees-' in answer["Content-Disposition"]
    sheet = openpyxl.load_workbook(io.BytesIO(b"".join(answer))).active
    assert sheet is not None
    assert [[cell.value for cell in line] for line in sheet.iter_rows()] == [["E-mail"], [found.email]]


def test_the_button_of_the_export_keeps_the_filters(page: Client) -> None:
    """The page says how many rows there are, and leads back to where it was come from."""
    confirm(page, preview(page, build(3)))
    assert 'href="export/?deleted=all"' in page.get(f"{EMPLOYEES}?deleted=all").text
    html = page.get(f"{EMPLOYEES}export/?deleted=all").text
    assert "3 rows will be exported." in html
    assert f'href="{EMPLOYEES}?deleted=all"' in html
    assert page.get(f"{EMPLOYEES}export/?nonsense__x=1").status_code == 302


def test_chosen_rows_are_exported(page: Client) -> None:
    """The action asks for the type of file, and exports no more than was chosen."""
    confirm(page, preview(page, build(3)))
    chosen = [str(row.pk) for row in Employee.objects.order_by("email")[:2]]
    form: dict[str, Any] = {"action": "export_selected", "_selected_action": chosen, "select_across": "0"}
    asked = page.post(EMPLOYEES, form)
    assert "2 rows will be exported." in asked.text
    assert all(f'name="_selected_action" value="{pk}"' in asked.text for pk in chosen)
    answer = page.post(EMPLOYEES, {**form, "file_type": "csv", "export": "yes"})
    assert len(read_csv_lines(answer)) == 3


@pytest.mark.django_db(transaction=True)
def test_a_transaction_of_the_request_does_not_end_the_export(page: Client) -> None:
    """With ``ATOMIC_REQUESTS`` the rows are read after the view, and are all there."""
    confirm(page, preview(page, build(2_100)))
    connection.settings_dict["ATOMIC_REQUESTS"] = True
    try:
        answer = page.post(f"{EMPLOYEES}export/", {"file_type": "csv", "export": "yes"})
        assert len(read_csv_lines(answer)) == 2_101
    finally:
        connection.settings_dict["ATOMIC_REQUESTS"] = False


def test_a_bar_is_as_long_where_numbers_are_written_otherwise() -> None:
    """What a browser reads has no separators, what a person reads has."""
    with override_settings(USE_THOUSAND_SEPARATOR=True):
        bar = render_to_string("admin/drf_commons/import_bar.html", {"done": 1_000, "total": 2_500, "percent": 40})
    assert 'max="2500" value="1000"' in bar
    assert "1,000 of 2,500 rows" in bar


def test_a_wrong_type_of_file_is_told(page: Client) -> None:
    """The form comes back."""
    answer = page.post(f"{EMPLOYEES}export/", {"file_type": "exe", "includes": ["salary"], "export": "yes"})
    assert answer.status_code == 400
    assert answer.text.count("Select a valid choice.") == 2


def test_rows_that_somebody_may_not_change_are_left_alone(page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A say over single rows is heard for the rows of a file, too."""
    rows = build(2)
    confirm(page, preview(page, rows))
    boss = rows[0]["email"]

    def has_change_permission(self: EmployeeAdmin, request: HttpRequest, obj: Employee | None = None) -> bool:
        return obj is None or obj.email != boss

    monkeypatch.setattr(EmployeeAdmin, "has_change_permission", has_change_permission)
    for row in rows:
        row["last_name"] = "Changed"
    html = preview(page, rows)
    assert [line[0] for line in list_cells(html, "updated")] == ["3"]
    assert "You do not have the permission to change this row." in html


def test_a_file_is_read_as_the_configuration_declares(page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the preview, and when it is confirmed."""
    monkeypatch.setattr(EmployeeAdmin, "import_file_config", {**CONFIG, "encoding": "cp1250", "delimiter": ","})
    rows = build(1)
    rows[0] |= {"first_name": "Jan", "last_name": "Dvořák"}
    upload = SimpleUploadedFile("staff.csv", write_csv(rows).getvalue().decode().encode("cp1250"))
    html = page.post(f"{EMPLOYEES}import/", {"file": upload, "mode": "append"}).text
    assert "Dvořák" in html
    confirm(page, html)
    assert Employee.objects.get().last_name == "Dvořák"


def test_a_failure_of_the_file_at_the_last_moment_is_told(page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was fine in the preview may fail in the import: the page says so, and is complete."""
    html = preview(page, build(1))
    monkeypatch.setattr(EmployeeAdmin, "import_file_config", {**CONFIG, "file_format": "xlsx"})
    report = confirm(page, html)
    assert "its contents are CSV, and XLSX is expected here" in report
    assert report.rstrip().endswith("</html>")


@pytest.mark.django_db(transaction=True)
async def test_an_import_is_watched_under_asgi_as_well() -> None:
    """Pieces are made where the database work of the request is done."""
    ada = await User.objects.acreate(username="ada", is_staff=True, is_superuser=True)
    client = AsyncClient()
    await client.aforce_login(ada)
    rows = await sync_to_async(build)(2)
    shown: Any = await client.post(f"{EMPLOYEES}import/", {"file": build_file(rows), "mode": "append"})
    answer: Any = await client.post(f"{EMPLOYEES}import/confirm/", {"token": read_token(shown.text)})
    pieces = [piece async for piece in answer]
    assert b"The import is complete." in b"".join(pieces)
    assert await Employee.objects.acount() == 2


def test_files_wait_where_nobody_looks() -> None:
    """The folder and the files belong to the server's user alone."""
    storage: Any = build_private_storage()
    upload = SimpleUploadedFile("staff.csv", b"email\n")
    shelf = UploadShelf(storage)
    token = shelf.keep(upload, owner="1", purpose="test", mode="append", total=1)
    claimed = shelf.claim(token, owner="1", purpose="test")
    assert claimed is not None
    with claimed.file as file:
        upload.seek(0)
        assert file.read() == upload.read()
    assert Path(storage.location).stat().st_mode & 0o777 == 0o700
    assert not storage.exists(claimed.kept.key)


def test_a_configuration_that_cannot_work_is_told_by_the_check() -> None:
    """``manage.py check`` names the admin and what is wrong, before anybody opens a page."""

    class Wrong(ImportExportAdminMixin[Department]):
        import_file_config: ClassVar = {"order": ["a"], "models": {"a": {"model": Department, "fields": ["nmae"]}}}
        export_field_config: ClassVar = {"nmae": "Name"}

    class Elsewhere(ImportExportAdminMixin[Department]):
        import_file_config: ClassVar = {"order": ["a"], "models": {"a": {"model": User, "fields": ["username"]}}}

    found = {error.id: error.msg for error in Wrong(Department, admin.site).check()}
    assert found.keys() == {"drf_commons.E006", "drf_commons.E007"}
    assert found["drf_commons.E006"].startswith("Wrong.import_file_config")
    assert "nmae" in found["drf_commons.E007"]
    [error] = Elsewhere(Department, admin.site).check()
    assert (error.id, "not about" in error.msg) == ("drf_commons.E006", True)
