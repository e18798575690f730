"""The example project, as a reader meets it: a server process, and the lines it prints."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from email.message import Message
from functools import partial
from http.client import HTTPResponse
from http.cookiejar import CookieJar
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, Request, build_opener

import pytest
from openpyxl import load_workbook
from pypdf import PdfReader

if TYPE_CHECKING:
    from collections.abc import Iterator

# One worker starts the server and asks it everything.
pytestmark = [pytest.mark.once, pytest.mark.xdist_group("example")]

ROOT: Final = Path(__file__).resolve().parent.parent
MANAGE: Final = str(ROOT / "example" / "manage.py")

#: Every printed request, and the status it is answered with.
STATUSES: Final = {
    "One row, by its code, indented for reading": 200,
    "A list, in pages": 200,
    "Another page, of five": 200,
    "Filters": 200,
    "Search": 200,
    "Ordering by a column": 200,
    "Ordering by a computed value": 200,
    "Ordering by an aggregate": 200,
    "A whole list at once, where the API allows it": 200,
    "The same where it does not: 400": 400,
    "Create": 201,
    "Wrong values: 400": 400,
    "A row with its related rows": 200,
    "Related rows of many rows": 200,
    "A query for each row: see Server-Timing, and this terminal": 200,
    "Create with nested rows": 201,
    "One nested row is wrong: 400": 400,
    "Change the version that was read": 200,
    "Change it once more, as it was before: 412": 412,
    "Close the new airport": 200,
    "Open it again": 200,
    "Create many at once": 201,
    "Send it again: the same answer, and nothing is done": 201,
    "Two of many are wrong: 400": 400,
    "Delete many by their ids": 200,
    "What an import would change: a dry run": 200,
    "Import 28,000 airports; those that are the same stay": 201,
    "An import needs a token: 401": 401,
    "Export all of them as CSV": 200,
    "The same as a workbook": 200,
    "Those of Iceland as a PDF (the machine needs Pango)": 200,
    "Import the CSV that was exported: every row is unchanged": 201,
    "Import the XLSX that was exported: every row is unchanged": 201,
    "Let a job import them: 202": 202,
    "Let a job show what would change, and wait to be confirmed: 202": 202,
    "Let a job write a workbook: 202": 202,
    "Your jobs, and what can be done with them": 200,
    "A workbook to fill in": 200,
    "No token: 401": 401,
    "No such row: 404": 404,
    "Still referred to: 409": 409,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back for a request."""

    status: int
    headers: Message
    #: Empty where the line saves it to a file.
    body: str
    file: Path | None = None

    @property
    def json(self) -> dict[str, Any]:
        """The body, as the object it has to be."""
        envelope = json.loads(self.body)
        assert isinstance(envelope, dict)
        return envelope

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows of a list."""
        rows = self.json["data"]
        assert isinstance(rows, list)
        return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """A running demo and all it printed before it served."""

    process: subprocess.Popen[str]
    text: str
    #: What it prints while it serves, read as it comes: a server that nobody reads would stop at a full pipe.
    rest: Future[str]

    @property
    def base(self) -> str:
        """Where it serves."""
        return self.find(r"Serving on (http://127\.0\.0\.1:\d+)/api/")

    @property
    def commands(self) -> dict[str, str]:
        """The printed lines for a shell, by the title above each."""
        return dict(re.findall(r"^  # (.+)\n  (curl .+)$", self.text, re.MULTILINE))

    @property
    def shell_lines(self) -> dict[str, str]:
        """The printed commands of the example, by the title above each."""
        return dict(re.findall(r"^  # (.+)\n  (\S+ \S*manage\.py .+)$", self.text, re.MULTILINE))

    def find(self, pattern: str) -> str:
        """Return what *pattern* captures in the printed text."""
        match = re.search(pattern, self.text)
        assert match is not None, self.text
        return str(match[1])

    def stop(self) -> str:
        """Press Ctrl-C and return what is printed then."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=20)
        return self.rest.result(timeout=20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """Something that keeps cookies."""

    opener: OpenerDirector
    cookies: CookieJar

    @property
    def csrf_token(self) -> str:
        """What a browser sends back with every change."""
        return next(cookie.value or "" for cookie in self.cookies if cookie.name == "csrftoken")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the demo keeps its database in this test run."""
    return tmp_path_factory.mktemp("demo") / "demo.sqlite3"


@pytest.fixture(scope="module")
def demo(database: Path) -> Iterator[Demo]:
    """Start the demo for the first time, with all its data."""
    running = start(database)
    yield running
    if running.process.poll() is None:
        running.stop()


@pytest.fixture(scope="module")
def answers(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answer]:
    """Run every printed line, in the order they are printed."""
    folder = tmp_path_factory.mktemp("shell")
    return {title: run(command, folder) for title, command in demo.commands.items()}


def test_every_printed_line_is_answered_as_it_says(answers: dict[str, Answer]) -> None:
    """What a reader pastes into a shell works, and the refusals are the announced ones."""
    assert {title: answer.status for title, answer in answers.items()} == STATUSES


def test_every_answer_wears_the_envelope(answers: dict[str, Answer]) -> None:
    """Success or not, the body has the one shape."""
    for title, answer in answers.items():
        if answer.file is not None:
            continue
        success = answer.status < 400
        assert answer.headers.get_content_type() == "application/json"
        assert answer.json["success"] is success
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", answer.json["timestamp"])
        assert isinstance(answer.json["message"], str)
        assert ("errors" in answer.json) is not success
        assert (answer.json["data"] is None) is (not success or title == "Close the new airport")


def test_all_airports_and_countries_are_there(answers: dict[str, Answer]) -> None:
    """Nothing is lost on the way in: every airport of the data set, and Kosovo, which ISO 3166-1 leaves out."""
    assert answers["A list, in pages"].json["pagination"]["count"] > 28_000
    countries = {row["code"]: row["name"] for row in answers["A whole list at once, where the API allows it"].rows}
    assert len(countries) == 250
    assert (countries["XK"], countries["AX"]) == ("Kosovo", "Åland Islands")


def test_pages_follow_each_other(answers: dict[str, Answer]) -> None:
    """A page has the size that was asked for and links to its neighbours."""
    page = answers["Another page, of five"]
    assert len(page.rows) == 5
    assert "page=2" in page.json["pagination"]["previous"]
    assert "page=4" in page.json["pagination"]["next"]


def test_one_row_has_everything(answers: dict[str, Answer]) -> None:
    """An airport is found by its code and shows what is known of it."""
    answer = answers["One row, by its code, indented for reading"]
    assert answer.body.startswith('{\n  "success": true,')
    row = answer.json["data"]
    assert {"icao", "iata", "country", "timezone"} <= row.keys()
    assert (row["iata"], row["country"]["name"], row["timezone"]) == ("RKV", "Iceland", "Atlantic/Reykjavik")
    assert (row["latitude"], row["elevation"]) == (pytest.approx(64.13, abs=0.01), pytest.approx(48, abs=20))


def test_filters_and_search_narrow_the_list(answers: dict[str, Answer]) -> None:
    """Filters hold for every row, and search finds text."""
    rows = answers["Filters"].rows
    assert rows
    assert all(row["country"]["code"] == "CH" and row["elevation"] >= 5000 and row["iata"] for row in rows)
    assert [row["country"]["code"] for row in answers["Search"].rows] == ["NO"]


def test_lists_are_ordered_by_columns_and_computed_values(answers: dict[str, Answer]) -> None:
    """Ordering takes a column, an expression and an aggregate alike."""
    elevations = [row["elevation"] for row in answers["Ordering by a column"].rows]
    assert elevations == sorted(elevations, reverse=True)
    latitudes = [abs(row["latitude"]) for row in answers["Ordering by a computed value"].rows]
    assert latitudes == sorted(latitudes)
    assert latitudes[-1] < 0.1
    assert answers["Ordering by an aggregate"].rows[0]["code"] == "US"


def test_a_token_user_is_recorded(answers: dict[str, Answer]) -> None:
    """The audit columns know who created a row with a token."""
    row = answers["Create"].json["data"]
    assert (row["created_by"], row["updated_by"]) == ("demo", "demo")
    assert row["icao"] == "ZZAA"


def test_wrong_values_are_named_by_field(answers: dict[str, Answer]) -> None:
    """Each wrong value has its own message, and what was right has none."""
    assert answers["Wrong values: 400"].json["errors"].keys() == {"icao", "latitude", "timezone", "country"}


def test_an_airline_is_changed_as_it_was_read(answers: dict[str, Answer]) -> None:
    """What is written has the next version, and the routes that were named; a second client is told of it."""
    assert answers["Create with nested rows"].json["data"]["version"] == 1
    changed = answers["Change the version that was read"]
    assert (changed.headers["ETag"], changed.json["data"]["version"]) == ('"2"', 2)
    assert [route["origin"]["icao"] for route in changed.json["data"]["routes"]] == ["BIRK"]
    assert answers["Change it once more, as it was before: 412"].json["current_version"] == 2


def test_a_closed_airport_is_opened_again(answers: dict[str, Answer]) -> None:
    """The row is the one that was created."""
    assert answers["Open it again"].json["data"]["id"] == answers["Create"].json["data"]["id"]


def test_the_airports_are_imported_by_http(answers: dict[str, Answer]) -> None:
    """A dry run says what would happen, and the import does that; every airport of the file is accounted for."""
    planned = answers["What an import would change: a dry run"].json["data"]
    done = answers["Import 28,000 airports; those that are the same stay"].json["data"]
    numbers = ("total", "created", "updated", "unchanged", "failed")
    assert planned["dry_run"]
    assert not done["dry_run"]
    assert {name: planned[name] for name in numbers} == {name: done[name] for name in numbers}
    assert done["total"] == done["updated"] + done["unchanged"] > 28_000
    # Another test may have changed one; the plan shows what becomes of it.
    changes = [row for row in planned["preview"] if row["action"] == "updated"]
    assert len(changes) == done["updated"] <= 1
    assert all(row["values"] == {"elevation": [170.0, 171.0]} for row in changes)


@pytest.mark.parametrize("file_type", ["CSV", "XLSX"])
def test_what_was_exported_is_imported_unchanged(answers: dict[str, Answer], file_type: str) -> None:
    """Every row of the export is found again, and none of them differs."""
    report = answers[f"Import the {file_type} that was exported: every row is unchanged"].json["data"]
    assert report["total"] == report["unchanged"] > 28_000


def test_the_exports_are_what_they_say(answers: dict[str, Answer]) -> None:
    """Each opens as the kind of file that it is, and has the rows that were asked for."""
    table = get_file(answers["Export all of them as CSV"]).decode().splitlines()
    assert table[0] == "ICAO,IATA,Name,City,Country,Latitude,Longitude,Elevation (ft),Time zone"
    sheet = load_workbook(BytesIO(get_file(answers["The same as a workbook"])), read_only=True).worksheets[0]
    rows = [*sheet.iter_rows(values_only=True)]
    assert rows[0] == tuple(table[0].split(","))
    assert len(rows) == len(table) > 28_000
    pdf = PdfReader(BytesIO(get_file(answers["Those of Iceland as a PDF (the machine needs Pango)"])))
    text = "".join(page.extract_text() for page in pdf.pages)
    assert "BIRK" in text
    assert "EDDF" not in text
    template = load_workbook(BytesIO(get_file(answers["A workbook to fill in"])))
    assert template.worksheets[0]["A1"].value == "ICAO"


def test_the_airports_are_imported_by_a_command_with_a_bar(demo: Demo, database: Path) -> None:
    """The printed line shows in a terminal how far it has come, and what was done."""
    command = shlex.split(demo.shell_lines["Import the same file with a progress bar"])
    ours, theirs = pty.openpty()
    with subprocess.Popen(  # noqa: S603  # our own words
        command, env={**build_environment(database), "TERM": "xterm"}, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        shown = b"".join(iter(partial(read_terminal, ours), b"")).decode()
    os.close(ours)
    assert process.returncode == 0, shown
    assert re.search(r"28,\d+ rows, 0 failed.*100%", shown), shown
    assert re.search(r"0 created, [01] updated, 28,\d+ unchanged, 0 failed", shown), shown


def test_the_other_printed_commands_work(demo: Demo, database: Path, tmp_path: Path) -> None:
    """A dry run of the command line says that nothing is written, and an export has the rows of the query."""
    lines = {title: shlex.split(line)[2:] for title, line in demo.shell_lines.items()}
    dry = manage(database, *lines["The same as a dry run"])
    assert (dry.returncode, "dry run, nothing is written" in dry.stdout) == (0, True), dry.stderr
    done = manage(database, *lines["Export"], folder=tmp_path)
    assert re.search(r"wrote iceland\.xlsx: \d+ rows", done.stdout), done.stderr
    countries = [
        row[4] for row in load_workbook(tmp_path / "iceland.xlsx").worksheets[0].iter_rows(min_row=2, values_only=True)
    ]
    assert {*map(str, countries)} == {"IS"}


def test_a_stranger_is_told_how_to_sign_in(answers: dict[str, Answer]) -> None:
    """A 401 keeps its challenge."""
    assert answers["No token: 401"].headers["WWW-Authenticate"] == "Token"


def test_a_session_user_is_recorded(demo: Demo) -> None:
    """The printed login opens a session, and a change made with it carries the user's name."""
    browser = log_in(demo)
    answer = send(
        f"{demo.base}/api/airports/BIKF/",
        method="PATCH",
        body='{"elevation": 170}',
        headers={"X-CSRFToken": browser.csrf_token, "Referer": demo.base, "Content-Type": "application/json"},
        browser=browser,
    )
    assert (answer.status, answer.json["data"]["updated_by"]) == (200, "demo")
    assert answer.json["data"]["created_by"] is None


def test_the_browsable_api_and_the_admin_open(demo: Demo) -> None:
    """A browser gets pages, with their styles, without ``DEBUG``."""
    browser = log_in(demo)
    page = send(f"{demo.base}/", headers={"Accept": "text/html"}, browser=browser)
    assert (page.status, "Api Root" in page.body, "demo" in page.body) == (200, True, True)
    style = re.search(r'href="(/static/rest_framework/css/bootstrap\.min\.css)"', page.body)
    assert style is not None
    assert send(demo.base + style[1]).status == 200
    airports = send(f"{demo.base}/api/airports/", headers={"Accept": "text/html"}, browser=browser)
    assert (airports.status, "<form" in airports.body) == (200, True)
    assert send(demo.find(r"Admin: +(\S+)"), browser=browser).status == 200


def test_an_unknown_address_gets_the_envelope_too(demo: Demo) -> None:
    """No page of Django's own answers where there is no route."""
    answer = send(f"{demo.base}/nowhere/")
    assert (answer.status, answer.json["message"]) == (404, "There is nothing at /nowhere/.")


def test_a_taken_port_is_said_plainly(demo: Demo, database: Path) -> None:
    """The second server says what is wrong and what to type, and touches nothing."""
    port = demo.base.rpartition(":")[2]
    done = manage(database, "demo", "--port", port)
    assert done.returncode == 1
    assert f"Cannot listen on 127.0.0.1:{port}: Address already in use." in done.stderr
    assert f"make demo PORT={int(port) + 1}" in done.stderr
    assert "Traceback" not in done.stderr


def test_loading_again_writes_only_what_differs(demo: Demo, database: Path) -> None:
    """Nothing is loaded twice: all a second load may bring back is what a test has changed meanwhile."""
    done = manage(database, "load_aviation")
    assert "countries: 0 created\n" in done.stdout
    numbers = r"^airports: 0 created, [01] updated, 28,\d+ unchanged, 0 failed$"
    assert re.search(numbers, done.stdout, re.MULTILINE), done.stdout


def test_the_migrations_are_those_of_the_models(database: Path) -> None:
    """No change of a model is left without its migration, and no system check has anything to say."""
    done = manage(database, "makemigrations", "--check", "--dry-run")
    assert (done.returncode, done.stdout, done.stderr) == (0, "No changes detected\n", "")


def test_the_next_start_keeps_everything_and_ctrl_c_stops_it(
    demo: Demo, answers: dict[str, Answer], database: Path
) -> None:
    """Token and data stay, the printed lines work again, and stopping says so and nothing else."""
    again = start(database)
    created = run(again.commands["Create"], database.parent)
    assert again.stop().strip() == "Stopped. The data stays; the next start is quick."
    assert again.process.returncode == 0
    assert again.find(r"Token: +(\w+)") == demo.find(r"Token: +(\w+)")
    assert "created" not in again.text
    assert (created.status, created.json["data"]["icao"]) == (201, "ZZAB")


def build_environment(database: Path) -> dict[str, str]:
    """Return the environment of a process of the example."""
    media = str(database.parent / "media")
    return {**os.environ, "DEMO_DATABASE": str(database), "DEMO_MEDIA": media, "PYTHONPATH": str(ROOT / "src")}


def manage(database: Path, *arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command of the example to its end."""
    command = [sys.executable, MANAGE, *arguments]
    return subprocess.run(  # noqa: S603  # our own words
        command, env=build_environment(database), cwd=folder, capture_output=True, text=True, check=False, timeout=180
    )


def read_terminal(terminal: int) -> bytes:
    """Return what is on a terminal, nothing once its program has ended."""
    try:
        return os.read(terminal, 65_536)
    except OSError:
        return b""


def get_file(answer: Answer) -> bytes:
    """Return the file that a line has saved."""
    assert answer.file is not None
    return answer.file.read_bytes()


def start(database: Path) -> Demo:
    """Start the demo on a free port and return it when it serves."""
    process = subprocess.Popen(  # noqa: S603  # our own words
        [sys.executable, MANAGE, "demo", "--port", "0"],
        env=build_environment(database),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    alarm = threading.Timer(180, process.kill)
    alarm.start()
    try:
        text = "".join(read_until(process.stdout, "Ctrl-C stops."))
    finally:
        alarm.cancel()
    assert text.rstrip().endswith("Ctrl-C stops."), text
    return Demo(process=process, text=text, rest=read_rest(process.stdout))


def read_rest(stream: IO[str]) -> Future[str]:
    """Read all that comes, while it comes."""
    with_it = ThreadPoolExecutor(max_workers=1)
    rest = with_it.submit(stream.read)
    rest.add_done_callback(lambda _: stream.close())
    with_it.shutdown(wait=False)
    return rest


def read_until(stream: IO[str], end: str) -> Iterator[str]:
    """Yield lines up to the one that says *end*."""
    for line in stream:
        yield line
        if line.strip() == end:
            return


def run(command: str, folder: Path) -> Answer:
    """Run a printed line as a reader would, in a shell in *folder*; where curl is not installed, by what it says."""
    if shutil.which("curl") is None:
        return run_without_curl(command, folder)
    # The headers go to the terminal, also where the body goes to a file.
    shown = command.replace("curl ", "curl --silent --show-error --dump-header - ", 1).replace(" -i ", " ")
    output = subprocess.run(  # noqa: S602  # our own words
        shown, shell=True, cwd=folder, capture_output=True, text=True, check=True, timeout=60
    ).stdout
    head, _, body = output.replace("\r\n", "\n").partition("\n\n")
    while head.split()[1] == "100":  # the server takes the file
        head, _, body = body.partition("\n\n")
    status, *headers = head.splitlines()
    message = Message()
    for line in headers:
        name, _, value = line.partition(": ")
        message[name] = value
    return Answer(status=int(status.split()[1]), headers=message, body=body, file=find_saved(command, folder))


def find_saved(command: str, folder: Path) -> Path | None:
    """Return the file that a line saves its answer to."""
    words = shlex.split(command)
    return folder / words[words.index("-o") + 1] if "-o" in words else None


def run_without_curl(command: str, folder: Path) -> Answer:
    """Send what the words of *command* say."""
    words = iter(shlex.split(command)[1:])
    headers: dict[str, str] = {}
    parts: list[bytes] = []
    method, body, url = None, b"", ""
    for word in words:
        match word:
            case "-i":
                pass
            case "-o":
                next(words)
            case "-X":
                method = next(words)
            case "-d":
                body = next(words).encode()
            case "-F":
                name, _, value = next(words).partition("=")
                parts.append(build_part(name, value, folder))
            case "-H":
                name, _, value = next(words).partition(": ")
                headers[name] = value
            case _:
                url = word
    if parts:
        headers["Content-Type"] = "multipart/form-data; boundary=part"
        body = b"".join([*parts, b"--part--\r\n"])
    saved = find_saved(command, folder)
    answer = send(url, method=method or ("POST" if body else "GET"), body=body, headers=headers, into=saved)
    return replace(answer, file=saved)


def build_part(name: str, value: str, folder: Path) -> bytes:
    """Return one field of a form, the contents of a file where *value* names one."""
    path = folder / value.removeprefix("@")
    head, content = f'name="{name}"', value.encode()
    if value.startswith("@"):
        head, content = f'{head}; filename="{path.name}"', path.read_bytes()
    return b"".join([f"--part\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode(), content, b"\r\n"])


def send(
    url: str,
    *,
    method: str = "GET",
    body: str | bytes | None = None,
    headers: dict[str, str] | None = None,
    browser: Browser | None = None,
    into: Path | None = None,
) -> Answer:
    """Send a request and return the answer, whatever its status; the body goes *into* a file where one is named."""
    data = body.encode() if isinstance(body, str) else body
    request = Request(url, data or None, headers or {}, method=method)  # noqa: S310  # our own server
    try:
        with (browser.opener if browser else build_opener()).open(request, timeout=60) as response:
            assert isinstance(response, HTTPResponse)
            content = response.read()
            if into is not None:
                into.write_bytes(content)
            text = "" if into is not None else content.decode()
            return Answer(status=response.status, headers=response.headers, body=text)
    except HTTPError as error:
        with error:
            return Answer(status=error.code, headers=error.headers, body=error.read().decode())


def log_in(demo: Demo) -> Browser:
    """Return a browser with a session, opened with what the demo prints."""
    login, username, password = (
        demo.find(pattern) for pattern in (r"Login: +(\S+)", r"user (\w+),", r"password (\w+)\n")
    )
    cookies = CookieJar()
    browser = Browser(opener=build_opener(HTTPCookieProcessor(cookies)), cookies=cookies)
    assert send(login, browser=browser).status == 200
    form = {"username": username, "password": password, "csrfmiddlewaretoken": browser.csrf_token, "next": "/api/"}
    assert send(login, method="POST", body=urlencode(form), browser=browser).status == 200
    return browser
