"""Importing by HTTP: statuses, permissions, limits, and the envelope around the report."""

from __future__ import annotations

import csv
import io
import json
from html import escape
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from rest_framework.response import Response
from rest_framework.test import APIClient

from drf_commons.errors import ConfigurationError
from tests.personnel.files import build_rows, make_departments, write_csv
from tests.personnel.models import Department, Employee
from tests.personnel.views import DepartmentViewSet, EmployeeViewSet
from tests.workbooks import build_parts, pack

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.personnel.urls")]


def send_form(
    path: str, content: bytes | io.BytesIO, *, user: User | None = None, name: str = "staff.csv", **form: Any
) -> HttpResponse:
    """Post a form with a file."""
    client = APIClient()
    if user is not None:
        client.force_authenticate(user)
    file = SimpleUploadedFile(name, content if isinstance(content, bytes) else content.getvalue())
    response = client.post(f"/{path}/import-from-file/", {"file": file, **form}, format="multipart")
    assert isinstance(response, HttpResponse)
    return response


def send(path: str, content: bytes | io.BytesIO, **form: Any) -> Response:
    """Post a form with a file, to append unless *form* says otherwise; the answer is an envelope."""
    modes: dict[str, Any] = {} if form.keys() - {"user", "name"} else {"append_data": "true"}
    response = send_form(path, content, **form, **modes)
    assert isinstance(response, Response)
    return response


def grant(user: User, *names: str) -> User:
    """Give *user* permissions, and return it anew."""
    user.user_permissions.add(*Permission.objects.filter(codename__in=names))
    return User.objects.get(pk=user.pk)


def test_all_rows_are_imported() -> None:
    """201, and the report stands in ``data``."""
    response = send("employees", write_csv(build_rows(5, make_departments())))
    assert response.status_code == 201
    body = response.data
    assert (body["success"], body["data"]["created"], body["data"]["failed"]) == (True, 5, 0)
    assert Employee.objects.count() == 5


def test_some_rows_fail() -> None:
    """207, and each failed row is told by number, column, value, reason and code."""
    rows = build_rows(5, make_departments())
    rows[2]["age"] = "x"
    response = send("employees", write_csv(rows))
    assert (response.status_code, response.data["success"]) == (207, True)
    assert response.data["message"] == "Some rows could not be imported."
    assert response.data["data"]["errors"] == [
        {"row": 4, "column": "age", "value": "x", "reason": "“x” value must be an integer.", "code": "invalid"}
    ]
    assert Employee.objects.count() == 4


def test_no_row_can_be_imported() -> None:
    """422, in the error envelope, with the report beside the errors."""
    rows = build_rows(2, make_departments())
    for row in rows:
        row["age"] = "x"
    response = send("employees", write_csv(rows))
    assert (response.status_code, response.data["success"], response.data["data"]) == (422, False, None)
    assert response.data["errors"] == {"file": ["No row could be imported."]}
    assert (response.data["report"]["failed"], len(response.data["report"]["errors"])) == (2, 2)


def test_the_rows_that_fail_can_be_had_as_a_file() -> None:
    """With a column of reasons, which is not read when the file is mended and sent again."""
    rows = build_rows(3, make_departments())
    rows[1]["age"] = "x"
    form: dict[str, Any] = {"append_data": "true", "failed_rows_file": "true"}
    download = send_form("employees", write_csv(rows), **form)
    assert (download.status_code, download["Content-Type"]) == (207, "text/csv")
    assert download["Content-Disposition"] == 'attachment; filename="staff-failed.csv"'
    assert json.loads(download["Import-Report"])["created"] == 2
    content = download.content.replace(b",x,", b",20,")
    assert "Row 3. age: “x” value must be an integer." in content.decode()
    response = send_form("employees", io.BytesIO(content), **form)
    assert (response.status_code, Employee.objects.count()) == (201, 3)


def test_a_template_can_be_had() -> None:
    """A workbook with a sheet for the rows."""
    make_departments()
    response = APIClient().get("/employees/download-import-template/")
    assert (response.status_code, response["Content-Disposition"]) == (
        200,
        'attachment; filename="employee-import.xlsx"',
    )
    assert response.content[:2] == b"PK"


def test_a_replacement_with_a_bad_row_changes_nothing() -> None:
    """It is 422, however many rows were good."""
    rows = build_rows(4, make_departments())
    send("employees", write_csv(rows[:2]))
    rows[3]["age"] = "x"
    response = send("employees", write_csv(rows[2:]), replace_data="true")
    assert (response.status_code, response.data["report"]["state"]) == (422, "rolled_back")
    assert {*Employee.objects.values_list("email", flat=True)} == {row["email"] for row in rows[:2]}


def test_a_replacement_deletes() -> None:
    """Or soft-deletes, where the viewset does."""
    rows = build_rows(4, make_departments())
    send("employees", write_csv(rows))
    response = send("soft-employees", write_csv(rows[:2]), replace_data="true")
    assert (response.status_code, response.data["data"]["deleted"], Employee.objects.count()) == (201, 2, 4)
    assert Employee.objects.active().count() == 2
    assert send("employees", write_csv(rows[:2]), replace_data="true").data["data"]["deleted"] == 2
    assert Employee.objects.count() == 2


def test_a_dry_run_changes_nothing() -> None:
    """200, with a preview."""
    response = send("employees", write_csv(build_rows(3, make_departments())), append_data="1", dry_run="1")
    assert (response.status_code, Employee.objects.count()) == (200, 0)
    report = response.data["data"]
    assert (report["created"], report["dry_run"], [row["action"] for row in report["preview"]]) == (
        3,
        True,
        ["created"] * 3,
    )


@pytest.mark.parametrize("form", [{"append_data": "false"}, {"append_data": "true", "replace_data": "true"}])
def test_one_mode_has_to_be_named(form: dict[str, Any]) -> None:
    """Neither and both are a 400."""
    response = send("employees", b"email\n", **form)
    assert response.status_code == 400
    assert response.data["errors"] == {"non_field_errors": ["Send either append_data=true or replace_data=true."]}


def test_a_form_without_a_file_is_refused() -> None:
    """By the name of the field; a body that is no form is a 415."""
    client = APIClient()
    response = client.post("/employees/import-from-file/", {"append_data": "true"}, format="multipart")
    assert (response.status_code, response.data["errors"]) == (400, {"file": ["No file was submitted."]})
    assert client.post("/employees/import-from-file/", {}, format="json").status_code == 415
    assert client.get("/employees/import-from-file/").status_code == 405


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"email,shoe size\n1,2\n", "unknown column 'shoe size'"),
        (b"email,email\n1,2\n", "same header 'email'"),
        (b"\x00\x01\x02", "staff.csv"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(content: bytes, reason: str) -> None:
    """400, and the message names the file and what is wrong with it."""
    response = send("employees", content)
    assert response.status_code == 400
    assert reason in response.data["errors"]["file"][0]


def test_a_file_without_rows_is_refused() -> None:
    """Nor does it replace everything with nothing."""
    rows = build_rows(2, make_departments())
    send("employees", write_csv(rows))
    response = send("employees", write_csv([]), replace_data="true")
    assert (response.status_code, Employee.objects.count()) == (400, 2)
    assert response.data["errors"] == {"file": ["staff.csv: it has a header, and no rows"]}


def test_another_format_than_the_configured_one_is_refused() -> None:
    """By what the file is, and not only by its name."""
    user = User.objects.create_superuser("root")
    response = send("staff", b"PK\x03\x04" + b"\x00" * 100, user=user, name="staff.xlsx")
    assert (response.status_code, [*response.data["errors"]]) == (400, ["file"])


def test_a_file_that_is_too_large_is_refused(settings: Any) -> None:
    """413: by the length the request declares, before it is read, and by the length the file has."""
    settings.COMMON = {"IMPORT_MAX_FILE_SIZE": 1_000}
    content = write_csv(build_rows(20, make_departments()))
    response = send("employees", content)
    assert (response.status_code, response.data["success"]) == (413, False)
    response = APIClient().generic(
        "POST", "/employees/import-from-file/", "x" * 1_100_000, content_type="multipart/form-data; boundary=x"
    )
    assert (response.status_code, Employee.objects.count()) == (413, 0)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/staff.csv", "staff-failed.csv"),
        ("C:\\temp\\..\\staff.csv", "staff-failed.csv"),
        ("staff\u202e\x07.csv", "staff-failed.csv"),
        (f"{'x' * 400}.csv", f"{'x' * 251}-failed.csv"),
        ("staff%0d%0aX-Evil: yes.csv", "staff%0d%0aX-Evil: yes-failed.csv"),
    ],
)
def test_a_file_name_is_no_path_and_no_header(name: str, shown: str) -> None:
    """What is made of the name of an upload is a plain name."""
    response = send_raw(name, b"email,first_name\nnobody,Ada\n")
    assert (response.status_code, response.data["success"]) == (400, False)
    response = send_raw(
        name, write_csv([{**row, "age": "old"} for row in build_rows(1, make_departments())]).getvalue()
    )
    assert response["Content-Disposition"] == f'attachment; filename="{shown}"'


def test_an_upload_that_is_cut_off_imports_nothing() -> None:
    """The rows that arrived are as good as none: nobody knows how many were to come."""
    response = send_raw("staff.csv", write_csv(build_rows(5, make_departments())).getvalue(), end="")
    assert (response.status_code, response.data["errors"]) == (400, {"file": ["No file was submitted."]})
    assert Employee.objects.count() == 0


def send_raw(name: str, content: bytes, *, end: str = "\r\n--x--\r\n") -> Any:
    """Post a form with the name of its file as it is; the rows that fail are asked for."""
    form = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{field}"\r\n\r\ntrue\r\n'
        for field in ("append_data", "failed_rows_file")
    )
    head = f'{form}--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    path, kind = "/employees/import-from-file/", "multipart/form-data; boundary=x"
    return APIClient().generic("POST", path, head + content.decode() + end, content_type=kind)


def test_a_file_is_read_as_the_configuration_declares(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing in these bytes says that they are Czech, or that tabs divide them."""
    config = {"encoding": "cp1250", "delimiter": "\t", "steps": DepartmentViewSet.get_import_config().steps}
    monkeypatch.setattr(EmployeeViewSet, "queryset", Department.objects.all())
    monkeypatch.setattr(EmployeeViewSet, "import_file_config", config)
    response = send("employees", "code\tname\n1\tDvořák, a; b\n".encode("cp1250"))
    assert (response.status_code, Department.objects.get().name) == (201, "Dvořák, a; b")


def test_a_file_with_too_many_rows_is_refused(settings: Any) -> None:
    """413, before any row is imported."""
    settings.COMMON = {"IMPORT_MAX_ROWS": 15, "IMPORT_BATCH_SIZE": 10}
    response = send("employees", write_csv(build_rows(20, make_departments())))
    assert (response.status_code, Employee.objects.count()) == (413, 0)
    assert "more than the 15 rows" in response.data["message"]


def test_a_file_that_hides_how_many_rows_it_has_is_told_by_the_report(settings: Any) -> None:
    """A sheet that says it is smaller: what was committed before the limit is in the report."""
    settings.COMMON = {"IMPORT_MAX_ROWS": 15, "IMPORT_BATCH_SIZE": 10}
    header, *rows = csv.reader(io.StringIO(write_csv(build_rows(20, make_departments())).getvalue().decode()))
    cells = ["".join(f'<c t="str"><v>{escape(cell)}</v></c>' for cell in row) for row in (header, *rows)]
    parts = build_parts("".join(f"<row>{row}</row>" for row in cells))
    sheet = "xl/worksheets/sheet1.xml"
    parts[sheet] = parts[sheet].replace("<sheetData>", '<dimension ref="A1:A5"/><sheetData>')
    response = send("employees", pack(parts), name="staff.xlsx")
    report = response.data["data"]
    assert (response.status_code, report["state"]) == (207, "interrupted")
    assert report["created"] == Employee.objects.count() == 10
    assert "more than the 15 rows" in report["reason"]


def test_permissions_are_those_of_what_is_done() -> None:
    """To add for an append, and to change and delete for a replacement."""
    user = User.objects.create_user("ada")
    content = b"code,name\nS,Sales\n"
    assert send("departments", content).status_code in {401, 403}
    assert send("departments", content, user=user).status_code == 403
    user = grant(user, "add_department")
    assert send("departments", content, user=user).status_code == 201
    assert send("departments", content, user=user, replace_data="true").status_code == 403
    user = grant(user, "change_department")
    assert send("departments", content, user=user, replace_data="true").status_code == 403
    user = grant(user, "delete_department")
    assert send("departments", content, user=user, replace_data="true").status_code == 201


def test_what_is_created_beside_needs_its_own_permission() -> None:
    """A department that an import of employees creates is an added department."""
    content = b"email,first_name,last_name,salary,hired,department\na@x.de,A,B,1,2026-01-01,NEW\n"
    user = grant(User.objects.create_user("ada"), "add_employee")
    assert send("staff", content, user=user).status_code == 403
    user = grant(user, "add_department")
    assert send("staff", content, user=user).status_code == 201
    assert (Department.objects.get().code, Employee.objects.get().department.code) == ("NEW", "NEW")


def test_object_permissions_hold_for_every_row() -> None:
    """A row that the user may not change fails by itself."""
    make_departments()
    rows = build_rows(3, ["000"])
    rows[1]["last_name"] = "Boss"
    send("employees", write_csv(rows))
    for row in rows:
        row["phone"] = "changed"
    response = send("guarded-employees", write_csv(rows))
    assert (response.status_code, response.data["data"]["updated"]) == (207, 2)
    [error] = response.data["data"]["errors"]
    assert (error["row"], error["code"]) == (3, "permission_denied")
    assert send("guarded-employees", write_csv(rows[:1]), replace_data="true").status_code == 403
    assert Employee.objects.count() == 3


def test_related_rows_that_are_out_of_reach_do_not_exist() -> None:
    """The hook narrows what a foreign key finds."""
    make_departments()
    rows = build_rows(2, ["000"])
    rows[0]["department_code"] = "001"
    response = send("guarded-employees", write_csv(rows))
    [error] = response.data["data"]["errors"]
    assert (error["column"], error["code"]) == ("department_code", "does_not_exist")


def test_rows_that_somebody_refers_to_are_not_replaced() -> None:
    """409, and everything stays."""
    user = User.objects.create_superuser("root")
    send("employees", write_csv(build_rows(1, make_departments())))
    response = send("departments", b"code,name\nZ,Last\n", user=user, replace_data="true")
    assert (response.status_code, Department.objects.filter(code="Z").count()) == (409, 0)


def test_a_viewset_without_a_configuration_says_so() -> None:
    """It is the project's fault, not the client's."""
    with pytest.raises(ConfigurationError, match=r"UnconfiguredViewSet\.import_file_config"):
        send("unconfigured", b"code\nS\n")
