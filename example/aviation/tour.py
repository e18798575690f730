"""What to try on the served example: requests for every kind of answer, and the keys they need."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import product
from string import ascii_uppercase
from typing import TYPE_CHECKING

from aviation.dataset import AIRPORTS_FILE
from aviation.models import Airport

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Trial", "build_commands", "build_trials", "find_free_code"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A request that is worth a try."""

    title: str
    path: str
    options: str = ""

    def build_command(self, base: str) -> str:
        """Return the line for a shell."""
        return " ".join(filter(None, ["curl", self.options, f"'{base}/api/{self.path}'"]))


def build_trials(token: str, code: str) -> Iterator[Trial]:
    """Yield what to try, from a plain list to every kind of refusal."""
    key = f"-H 'Authorization: Token {token}'"
    send = "-H 'Content-Type: application/json' -d"
    airport = {
        "icao": code,
        "name": "Surtsey Airstrip",
        "city": "Vestmannaeyjar",
        "country": "IS",
        "latitude": 63.303,
        "longitude": -20.605,
        "elevation": 12,
        "timezone": "Atlantic/Reykjavik",
    }
    routes = [{"origin": "BIRK", "destination": "BIKF"}, {"origin": "BIKF", "destination": "BIRK"}]
    airline = {"code": code[2:], "name": "Surtsey Air", "country": "IS", "hub": "BIRK", "routes": routes}
    lost = {**airline, "code": "ZZ", "routes": [*routes, {"origin": "BIRK", "destination": "ATLANTIS"}]}
    wrong = {**airport, "icao": "zz", "latitude": 163.3, "timezone": "Mars/Olympus", "country": "QQ"}
    readable = "-H 'Accept: application/json; indent=2'"
    yield Trial(title="One row, by its code, indented for reading", path="airports/BIRK/", options=readable)
    yield Trial(title="A list, in pages", path="airports/")
    yield Trial(title="Another page, of five", path="airports/?page=3&page_size=5")
    yield Trial(title="Filters", path="airports/?country=CH&min_elevation=5000&has_iata=true")
    yield Trial(title="Search", path="airports/?search=svalbard")
    yield Trial(title="Ordering by a column", path="airports/?ordering=-elevation&page_size=3")
    yield Trial(title="Ordering by a computed value", path="airports/?ordering=from_equator&page_size=3")
    yield Trial(title="Ordering by an aggregate", path="countries/?ordering=-airports&page_size=3")
    yield Trial(title="A whole list at once, where the API allows it", path="countries/?paginated=false")
    yield Trial(title="The same where it does not: 400", path="airports/?paginated=false", options="-i")
    yield Trial(title="Create", path="airports/", options=f"-i {key} {send} '{json.dumps(airport)}'")
    yield Trial(title="Wrong values: 400", path="airports/", options=f"-i {key} {send} '{json.dumps(wrong)}'")
    yield Trial(title="A row with its related rows", path="airlines/FI/", options=readable)
    yield Trial(title="Related rows of many rows", path="routes/?origin=BIKF&ordering=-weekly_flights")
    yield Trial(title="A query for each row: see Server-Timing, and this terminal", path="routes/board/", options="-i")
    yield Trial(title="Create with nested rows", path="airlines/", options=f"-i {key} {send} '{json.dumps(airline)}'")
    yield Trial(title="One nested row is wrong: 400", path="airlines/", options=f"-i {key} {send} '{json.dumps(lost)}'")
    change = f"-X PATCH {key} -H 'If-Match: \"1\"' {send} '{json.dumps({'routes': routes[:1]})}'"
    own = f"airlines/{airline['code']}/"
    yield Trial(title="Change the version that was read", path=own, options=f"-i {change}")
    yield Trial(title="Change it once more, as it was before: 412", path=own, options=f"-i {change}")
    yield Trial(title="Close the new airport", path=f"airports/{code}/", options=f"-i -X DELETE {key}")
    yield Trial(title="Open it again", path=f"airports/{code}/restore/", options=f"-i -X POST {key}")
    many = [{**airport, "icao": f"{code[:3]}{number}", "name": f"Strip {number}"} for number in range(3)]
    twice = f"-i {key} -H 'Idempotency-Key: {code}' {send} '{json.dumps(many)}'"
    yield Trial(title="Create many at once", path="airports/bulk-create/", options=twice)
    yield Trial(
        title="Send it again: the same answer, and nothing is done", path="airports/bulk-create/", options=twice
    )
    bad = json.dumps([{**airport, "icao": f"{code[:3]}9"}, {**airport, "icao": "zz"}, "airport"])
    yield Trial(title="Two of many are wrong: 400", path="airports/bulk-create/", options=f"-i {key} {send} '{bad}'")
    lost_ids = json.dumps(["00000000-0000-4000-8000-000000000000"])
    yield Trial(
        title="Delete many by their ids",
        path="airports/bulk-delete/",
        options=f"-i -X DELETE {key} {send} '{lost_ids}'",
    )
    yield from build_file_trials(key)
    yield Trial(title="No token: 401", path="airports/BIRK/", options="-i -X DELETE")
    yield Trial(title="No such row: 404", path="airports/NONE/", options="-i")
    yield Trial(title="Still referred to: 409", path="countries/IS/", options=f"-i -X DELETE {key}")


def build_file_trials(key: str) -> Iterator[Trial]:
    """Yield imports and exports: of the whole table, and what was exported comes back as it was."""
    sent = f"-i {key} -F append_data=true"
    saved = f"{key} -H 'Content-Type: application/json' -d"
    into = "airports/import-from-file/"
    world = f"-F 'file=@{AIRPORTS_FILE}'"
    yield Trial(title="What an import would change: a dry run", path=into, options=f"{sent} -F dry_run=true {world}")
    yield Trial(title="Import 28,000 airports; those that are the same stay", path=into, options=f"{sent} {world}")
    yield Trial(title="An import needs a token: 401", path=into, options=f"-i -F append_data=true {world}")
    for file_type, title, query in (
        ("csv", "Export all of them as CSV", ""),
        ("xlsx", "The same as a workbook", ""),
        ("pdf", "Those of Iceland as a PDF (the machine needs Pango)", "?country=IS"),
    ):
        options = f"-o airports.{file_type} {saved} '{json.dumps({'file_type': file_type})}'"
        yield Trial(title=title, path=f"airports/export/{query}", options=options)
    for file_type in ("csv", "xlsx"):
        title = f"Import the {file_type.upper()} that was exported: every row is unchanged"
        yield Trial(title=title, path=into, options=f"{sent} -F file=@airports.{file_type}")
    later = f"{key} -H 'Prefer: respond-async'"
    yield Trial(title="Let a job import them: 202", path=into, options=f"-i {later} -F append_data=true {world}")
    yield Trial(
        title="Let a job show what would change, and wait to be confirmed: 202",
        path=into,
        options=f"{sent} -F needs_confirmation=true {world}",
    )
    body = json.dumps({"file_type": "xlsx"})
    options = f"-i {later} -H 'Content-Type: application/json' -d '{body}'"
    yield Trial(title="Let a job write a workbook: 202", path="airports/export/", options=options)
    yield Trial(title="Your jobs, and what can be done with them", path="jobs/imports/?page_size=2", options=key)
    template = "-o airports-template.xlsx"
    yield Trial(title="A workbook to fill in", path="airports/download-import-template/", options=template)


def build_commands(manage: str) -> Iterator[tuple[str, str]]:
    """Yield what the command line does with files: a title, and the line for a shell."""
    yield "Import the same file with a progress bar", f"{manage} import_file AirportViewSet '{AIRPORTS_FILE}'"
    yield "The same as a dry run", f"{manage} import_file AirportViewSet '{AIRPORTS_FILE}' --dry-run"
    yield "Let a job import it", f"{manage} import_file AirportViewSet '{AIRPORTS_FILE}' --async"
    yield "The jobs; one can be followed, cancelled and resumed", f"{manage} transfer_jobs list"
    yield "Export", f"{manage} export_data AirportViewSet --query country=IS --output iceland.xlsx"


def find_free_code() -> str:
    """Return a code that no airport has, so that the printed request to create one works at every start."""
    taken = set(Airport.objects.filter(icao__startswith="ZZ").values_list("icao", flat=True))
    codes = (f"ZZ{first}{second}" for first, second in product(ascii_uppercase, repeat=2))
    return next((code for code in codes if code not in taken), "ZZZZ")
