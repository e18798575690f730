"""The browsable API and the admin in a real browser: what is shown, clicked, typed, uploaded and downloaded."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import openpyxl
import pytest

from tests.browser.site import ROOT, launch, serve

playwright_api = pytest.importorskip("playwright.sync_api")

# One worker has the browser and the server.
pytestmark = [pytest.mark.browser, pytest.mark.once, pytest.mark.xdist_group("browser")]

#: Looked at by people, and kept out of the repository.
SCREENSHOTS: Final = ROOT / "tests" / "screenshots"
COLUMNS: Final = ["icao", "iata", "name", "city", "country", "latitude", "longitude", "elevation", "timezone"]

expect: Final = playwright_api.expect


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a server with a database of its own."""
    with serve(tmp_path_factory.mktemp("site")) as site:
        yield site.base


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    for old in SCREENSHOTS.glob("*.png"):
        old.unlink()
    with launch() as browser:
        yield browser


@pytest.fixture
def context(browser: Any, base: str) -> Iterator[Any]:
    """Return a session of somebody who has signed in."""
    context = browser.new_context(base_url=base, viewport={"width": 1200, "height": 900})
    context.set_default_timeout(20_000)
    sign_in(context.new_page())
    yield context
    context.close()


@pytest.fixture
def page(context: Any) -> Any:
    return context.pages[0]


def sign_in(page: Any) -> None:
    page.goto("/admin/login/?next=/admin/")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill("lovelace")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_text("Site administration").first).to_be_visible()


def shoot(page: Any, name: str) -> None:
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


def write_file(path: Path, rows: list[dict[str, object]]) -> Path:
    place = {"city": "", "iata": "", "country": "IS", "latitude": 65, "longitude": -18, "elevation": 10}
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows({**place, "timezone": "Atlantic/Reykjavik", **row} for row in rows)
    return path


def find_violations(page: Any, part: str | None = None) -> list[str]:
    """Return what keeps people from using the page, or *part* of it, as far as axe-core knows: what is serious."""
    axe: Any = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    found = axe.run(page, context=part).response["violations"]
    return [
        f"{rule['id']}: {node['html']}"
        for rule in found
        if rule["impact"] in {"serious", "critical"}
        for node in rule["nodes"]
    ]


def test_an_airport_is_created_with_its_country(page: Any) -> None:
    """The form of the browsable API offers countries; what is wrong stands at its field; then the row is there."""
    page.goto("/api/airports/")
    form = page.locator("#post-object-form")
    form.locator("[name=icao]").fill("zz")
    form.locator("[name=name]").fill("Egilsstaðir")
    form.locator("[name=country]").select_option("IS")
    for name, value in {"latitude": "65.28", "longitude": "-14.4", "elevation": "76"}.items():
        form.locator(f"[name={name}]").fill(value)
    form.locator("[name=timezone]").fill("Atlantic/Reykjavik")
    form.get_by_role("button", name="POST").click()
    wrong = page.locator("#post-object-form .has-error")
    expect(wrong).to_contain_text("Four capital letters or digits")
    expect(page.locator("#post-object-form [name=name]")).to_have_value("Egilsstaðir")
    shoot(page, "api_create_refused")
    page.locator("#post-object-form [name=icao]").fill("BIEG")
    page.locator("#post-object-form").get_by_role("button", name="POST").click()
    expect(page.locator(".response-info")).to_contain_text("HTTP 201 Created")
    expect(page.locator(".response-info")).to_contain_text('"name": "Iceland"')
    expect(page.locator(".response-info")).to_contain_text('"created_by": "ada"')
    shoot(page, "api_created")


@pytest.mark.parametrize("address", ["/docs/", "/redoc/"])
def test_the_pages_of_the_schema_load_nothing_from_elsewhere(page: Any, base: str, address: str) -> None:
    """A machine without the internet shows them whole, and nobody else learns who reads them."""
    asked: list[Any] = []
    page.on("request", lambda request: asked.append(request))  # noqa: PLW0108  # Playwright marks the function
    page.goto(address)
    expect(page.get_by_text("Countries, their airports, and the airlines").first).to_be_visible()
    page.wait_for_load_state("networkidle")
    sent = [request.url for request in asked if request.failure != "csp"]
    assert [url for url in sent if not url.startswith((base, "data:", "blob:"))] == []
    shoot(page, f"schema_{address.strip('/')}")


def test_extra_actions_are_in_the_menu(page: Any) -> None:
    """Each of them leads to a page with a form."""
    page.goto("/files/airports/")
    page.get_by_role("button", name="Extra Actions").click()
    names = page.locator("#extra-actions-menu + ul a").all_inner_texts()
    wanted = {"Bulk create", "Bulk update", "Bulk delete", "Bulk soft delete", "Export", "Import from file"}
    assert wanted <= {*names}
    page.get_by_role("link", name="Import from file").click()
    expect(page.locator("input[type=file]")).to_be_visible()


def test_a_file_is_imported_in_the_browsable_api(page: Any, tmp_path: Path) -> None:
    """A dry run reports, a wrong file is told at its input, and the import answers 201."""
    page.goto("/files/airports/import-from-file/")
    shoot(page, "api_import")
    wrong = tmp_path / "photo.csv"
    wrong.write_bytes(b"\x89PNG\r\n")
    page.locator("[name=file]").set_input_files(wrong)
    page.locator("#post-object-form [name=append_data]").check()
    page.locator("#post-object-form").get_by_role("button", name="POST").click()
    expect(page.locator("#post-object-form")).to_contain_text("this is an image, not CSV")
    shoot(page, "api_import_refused")
    file = write_file(tmp_path / "airports.csv", [{"icao": "BIHN", "name": "Hornafjörður"}])
    for is_dry, status in ((True, "200 OK"), (False, "201 Created")):
        page.goto("/files/airports/import-from-file/")
        page.locator("[name=file]").set_input_files(file)
        page.locator("#post-object-form [name=append_data]").check()
        page.locator("#post-object-form [name=dry_run]").set_checked(is_dry)
        page.locator("#post-object-form").get_by_role("button", name="POST").click()
        expect(page.locator(".response-info")).to_contain_text(f"HTTP {status}")
        expect(page.locator(".response-info")).to_contain_text('"created": 1')
    shoot(page, "api_imported")


def test_a_file_is_exported_in_the_browsable_api(page: Any, tmp_path: Path) -> None:
    """The form downloads, and the file has the columns that were chosen."""
    page.goto("/files/airports/export/")
    shoot(page, "api_export")
    form = page.locator("#post-object-form")
    form.locator("[name=file_type]").select_option("csv")
    form.locator("[name=includes]").select_option(["icao", "country"])
    with page.expect_download() as caught:
        form.get_by_role("button", name="POST").click()
    path = tmp_path / caught.value.suggested_filename
    caught.value.save_as(path)
    assert path.suffix == ".csv"
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = [*csv.DictReader(file)]
    assert {"icao": "BIRK", "country": "IS"} in rows


def test_rows_are_chosen_and_deleted_together(page: Any, tmp_path: Path) -> None:
    """The form of a bulk deletion offers rows."""
    page.goto("/files/airports/import-from-file/")
    # The form offers the first hundred rows, and other tests import more.
    rows: list[dict[str, object]] = [{"icao": f"AA{number}A", "name": f"Nowhere {number}"} for number in range(2)]
    page.locator("[name=file]").set_input_files(write_file(tmp_path / "gone.csv", rows))
    page.locator("#post-object-form [name=append_data]").check()
    page.locator("#post-object-form").get_by_role("button", name="POST").click()
    expect(page.locator(".response-info")).to_contain_text("HTTP 201 Created")
    page.goto("/files/airports/bulk-delete/")
    form = page.locator("#post-object-form")
    form.locator("[name=ids]").select_option(label=["AA0A Nowhere 0", "AA1A Nowhere 1"])
    shoot(page, "api_bulk_delete")
    form.get_by_role("button", name="POST").click()
    expect(page.locator(".response-info")).to_contain_text('"count": 2')


def test_rows_are_edited_together(page: Any) -> None:
    """The raw form starts with rows of the list; what is refused stays in it, and what is right is written."""
    page.goto("/files/airports/bulk-update/?country=IS&ordering=icao")
    form = page.locator("form[data-method=PUT]").last
    text = form.locator("[name=_content]").input_value()
    rows = json.loads(text)
    assert {"id", "icao", "name", "country", "elevation"} <= rows[0].keys()
    assert rows[0]["country"] == "IS"
    wrong = [{**rows[0], "elevation": "high"}]
    form.locator("[name=_content]").fill(json.dumps(wrong, indent=2))
    shoot(page, "api_bulk_edit")
    form.get_by_role("button", name="PATCH").click()
    expect(page.locator(".response-info")).to_contain_text("A valid number is required.")
    form = page.locator("form[data-method=PUT]").last
    assert json.loads(form.locator("[name=_content]").input_value()) == wrong
    shoot(page, "api_bulk_refused")
    right = [{"id": row["id"], "elevation": 4_000 + number} for number, row in enumerate(rows)]
    form.locator("[name=_content]").fill(json.dumps(right))
    form.get_by_role("button", name="PATCH").click()
    expect(page.locator(".response-info")).to_contain_text("HTTP 200 OK")
    expect(page.locator(".response-info")).to_contain_text('"elevation": 4000')


def test_two_tabs_do_not_overwrite_each_other_in_the_browsable_api(context: Any) -> None:
    """The second one is told, at the form, and keeps what it typed; the first one's change stands."""
    first, second = context.pages[0], context.new_page()
    for tab in (first, second):
        tab.goto("/api/airlines/FI/")
    first.locator("#put-object-form [name=name]").fill("Loftleiðir")
    first.locator("#put-object-form").get_by_role("button", name="PUT").click()
    expect(first.locator(".response-info")).to_contain_text("HTTP 200 OK")
    second.locator("#put-object-form [name=name]").fill("Flugfélag")
    second.locator("#put-object-form").get_by_role("button", name="PUT").click()
    expect(second.locator(".response-info")).to_contain_text("HTTP 409 Conflict")
    expect(second.locator("#put-object-form [role=alert]")).to_contain_text("it was changed meanwhile")
    expect(second.locator("#put-object-form [name=name]")).to_have_value("Flugfélag")
    shoot(second, "api_conflict")
    first.goto("/api/airlines/FI/")
    expect(first.locator(".response-info")).to_contain_text("Loftleiðir")


def test_a_long_relation_is_searched_in_the_browsable_api(page: Any) -> None:
    """What the list has no room for is named as a client would, beside what it offers."""
    page.goto("/api/airlines/FI/")
    form = page.locator("#put-object-form")
    hub = form.get_by_label("Hub")
    assert form.locator("#hub-choices option").count() >= 2
    shoot(page, "api_search")
    assert find_violations(page, ".form-group:has(#hub-choices)") == []
    hub.fill("BIRK")
    form.get_by_role("button", name="PUT").click()
    expect(page.locator(".response-info")).to_contain_text("HTTP 200 OK")
    expect(page.locator(".response-info")).to_contain_text('"icao": "BIRK"')


def test_a_form_of_an_expired_session_is_refused(context: Any, page: Any) -> None:
    """The browsable API says so, the admin asks for the password; nothing is written."""
    page.goto("/api/airports/")
    tab = context.new_page()
    tab.goto("/admin/aviation/airport/import/")
    context.clear_cookies()
    page.locator("#post-object-form").get_by_role("button", name="POST").click()
    expect(page.locator(".response-info")).to_contain_text("HTTP 401 Unauthorized")
    tab.get_by_role("button", name="Show what would change").click()
    assert tab.locator("input:invalid").count() == 1  # the browser itself asks for the file first
    tab.evaluate("document.querySelector('input[type=file]').required = false")
    tab.get_by_role("button", name="Show what would change").click()
    tab.wait_for_load_state()
    assert "/admin/login/" in tab.url or "CSRF" in tab.content()
    shoot(tab, "admin_expired")


def test_an_airport_is_created_in_the_admin(page: Any) -> None:
    """The country is searched for while it is typed."""
    page.goto("/admin/aviation/airport/add/")
    for name, value in {
        "icao": "ENGM",
        "name": "Gardermoen",
        "latitude": "60.2",
        "longitude": "11.1",
        "elevation": "681",
        "timezone": "Europe/Oslo",
    }.items():
        page.locator(f"#id_{name}").fill(value)
    page.locator(".field-country .select2-selection").click()
    page.locator(".select2-search__field").fill("Nor")
    page.locator(".select2-results__option", has_text="Norway").click()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".messagelist")).to_contain_text("was added successfully")
    shoot(page, "admin_created")


def test_an_import_is_previewed_and_confirmed_in_the_admin(page: Any, tmp_path: Path) -> None:
    """New rows, old values beside new ones, and errors by name; nothing is written before it is confirmed."""
    rows: list[dict[str, object]] = [
        {"icao": "BIVM", "name": "Vestmannaeyjar"},
        {"icao": "BIAR", "name": "Akureyri International", "city": "Akureyri", "elevation": 6},
        {"icao": "BIBD", "name": "Bíldudalur", "latitude": 200},
    ]
    file = write_file(tmp_path / "airports.csv", rows)
    page.goto("/admin/aviation/airport/")
    shoot(page, "admin_list")
    assert find_violations(page) == []
    page.get_by_role("link", name="Import", exact=True).click()
    shoot(page, "admin_import")
    assert find_violations(page) == []
    page.get_by_label("File").set_input_files(file)
    page.get_by_role("button", name="Show what would change").click()
    shoot(page, "admin_preview")
    assert find_violations(page) == []
    updated = page.locator(".drf-commons-updated")
    expect(updated.locator("tr", has_text="Name").last).to_contain_text("AkureyriAkureyri International")
    expect(page.locator(".drf-commons-created")).to_contain_text("Vestmannaeyjar")
    expect(page.locator(".drf-commons-failed")).to_contain_text("200")
    page.get_by_role("button", name="Confirm the import").click()
    expect(page.get_by_role("status")).to_contain_text("The import is complete.")
    assert page.locator("progress:visible").count() == 1
    assert page.locator("progress:visible").get_attribute("value") == "3"
    shoot(page, "admin_imported")
    assert find_violations(page) == []
    page.get_by_role("link", name="Back to the list").click()
    expect(page.locator("#result_list")).to_contain_text("Akureyri International")


def test_a_wrong_file_is_told_in_the_admin(page: Any, tmp_path: Path) -> None:
    """The form comes back with the reason, and with nothing lost but the file."""
    page.goto("/admin/aviation/airport/import/")
    wrong = tmp_path / "airports.csv"
    wrong.write_text("icao,nmae\nBIRK,x\n", encoding="utf-8")
    page.get_by_label("File").set_input_files(wrong)
    page.get_by_role("button", name="Show what would change").click()
    expect(page.locator(".field-file .errorlist")).to_contain_text("unknown column 'nmae' (did you mean 'name'?)")
    shoot(page, "admin_import_refused")
    assert find_violations(page) == []


def test_an_import_needs_no_script(browser: Any, base: str, tmp_path: Path) -> None:
    """A growing page shows how far it has come, with one bar at the end."""
    context = browser.new_context(base_url=base, java_script_enabled=False)
    page = context.new_page()
    sign_in(page)
    rows: list[dict[str, object]] = [{"icao": f"Q{number:03d}", "name": f"Field {number}"} for number in range(200)]
    page.goto("/admin/aviation/airport/import/")
    page.get_by_label("File").set_input_files(write_file(tmp_path / "fields.csv", rows))
    page.get_by_label("Mode").select_option("append")
    page.get_by_role("button", name="Show what would change").click()
    expect(page.locator(".drf-commons-created caption")).to_have_text("100 of 200 rows")
    page.get_by_role("button", name="Confirm the import").click()
    expect(page.get_by_role("status")).to_contain_text("The import is complete.")
    assert page.locator("progress:visible").count() == 1
    context.close()


def test_an_export_of_the_admin_is_a_file_that_opens(page: Any, tmp_path: Path) -> None:
    """What the list shows, with its search, is what the workbook has."""
    page.goto("/admin/aviation/airport/?q=BIRK")
    page.get_by_role("link", name="Export", exact=True).click()
    expect(page.get_by_text("1 row will be exported.")).to_be_visible()
    shoot(page, "admin_export")
    assert find_violations(page) == []
    page.get_by_label("File type").select_option("xlsx")
    page.get_by_label("Columns").select_option(["icao", "name"])
    with page.expect_download() as caught:
        page.get_by_role("button", name="Export").click()
    path = tmp_path / caught.value.suggested_filename
    caught.value.save_as(path)
    sheet = openpyxl.load_workbook(path).active
    assert sheet is not None
    assert [[cell.value for cell in row] for row in sheet.iter_rows()] == [["icao", "name"], ["BIRK", "Reykjavik"]]


def test_two_tabs_do_not_overwrite_each_other_in_the_admin(context: Any) -> None:
    """The second one is told who was first, and keeps what it typed."""
    first, second = context.pages[0], context.new_page()
    for tab in (first, second):
        tab.goto("/admin/aviation/airline/")
        tab.locator("#result_list tbody th a").first.click()
    first.locator("#id_name").fill("Icelandair Cargo")
    first.get_by_role("button", name="Save", exact=True).click()
    expect(first.locator(".messagelist")).to_contain_text("was changed successfully")
    second.locator("#id_name").fill("Air Iceland")
    second.get_by_role("button", name="Save", exact=True).click()
    expect(second.locator(".errorlist").first).to_contain_text("ada has changed this row since you opened it")
    expect(second.locator("#id_name")).to_have_value("Air Iceland")
    shoot(second, "admin_conflict")
