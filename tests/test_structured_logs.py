"""Structured logs: constant events, fields that are safe, ids on every line, and the formatters of others."""

from __future__ import annotations

import json
import logging
import logging.config
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import RequestFactory, override_settings
from opentelemetry.trace import NonRecordingSpan, SpanContext, use_span

from drf_commons.debug import (
    ContextFilter,
    StructuredLogger,
    TextFormatter,
    build_json_formatter,
    build_logging,
    get_trace_id,
    request_id_scope,
)
from drf_commons.errors import MissingExtraError
from tests.test_imports import SOURCE


@pytest.fixture
def logger(caplog: pytest.LogCaptureFixture) -> StructuredLogger:
    """Return a logger that shows everything."""
    caplog.set_level(logging.DEBUG, "shop")
    return StructuredLogger("shop")


def get_line(caplog: pytest.LogCaptureFixture) -> dict[str, Any]:
    """Return the fields of the one line."""
    (record,) = caplog.records
    return vars(record)


def format_with(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    """Return what a handler of ours would write."""
    ContextFilter().filter(record)
    return formatter.format(record)


# --- lines -----------------------------------------------------------------------------------------------------------


def test_a_user_action(logger: StructuredLogger, caplog: pytest.LogCaptureFixture) -> None:
    """Who did what to what; the user by primary key alone."""
    logger.log_user_action(
        user=User(pk=7, email="ada@example.com"), action="UPDATE", resource="Article", details={"id": 3}
    )
    line = get_line(caplog)
    assert (line["name"], line["message"], line["category"]) == ("shop.users", "user_action", "users")
    assert (line["user_id"], line["action"], line["resource"], line["details"]) == (7, "UPDATE", "Article", {"id": 3})
    assert "ada@example.com" not in str(line)


def test_an_api_request(logger: StructuredLogger, caplog: pytest.LogCaptureFixture) -> None:
    """What was asked and answered; a slow one is a warning."""
    request = RequestFactory().get("/articles/?page=2&api_key=hunter2")
    logger.log_api_request(request=request, response=HttpResponse(status=404), duration=0.145)
    with override_settings(COMMON={"DEBUG_SLOW_REQUEST_THRESHOLD": 0.1}):
        logger.log_api_request(request, None, 0.145, {"extra": 1})
    fast, slow = (vars(record) for record in caplog.records)
    assert (fast["name"], fast["message"], fast["levelname"]) == ("shop.api", "api_request", "INFO")
    assert (fast["method"], fast["path"], fast["status"], fast["duration"]) == ("GET", "/articles/", 404, 0.145)
    assert fast["query"] == {"page": ["2"], "api_key": "[redacted]"}
    assert (slow["levelname"], slow["status"], slow["extra"]) == ("WARNING", None, 1)


def test_a_performance(logger: StructuredLogger, caplog: pytest.LogCaptureFixture) -> None:
    """An operation, its seconds and its details."""
    logger.log_performance(operation="bulk_import", duration=2.3, details={"rows": 5000})
    line = get_line(caplog)
    assert (line["name"], line["operation"], line["duration"]) == ("shop.performance", "bulk_import", 2.3)
    assert line["details"] == {"rows": 5000}


def test_a_category_has_a_level_of_its_own(logger: StructuredLogger, caplog: pytest.LogCaptureFixture) -> None:
    """``logging`` decides, as for every logger."""
    logger.get_logger("users").setLevel(logging.ERROR)
    try:
        assert not logger.is_enabled("users", logging.INFO)
        logger.log_user_action(User(pk=1), "DELETE", "Article")
        logger.log_performance("export", 1.0)
    finally:
        logger.get_logger("users").setLevel(logging.NOTSET)
    assert get_line(caplog)["message"] == "performance"


@pytest.mark.parametrize(
    "name", ["args", "name", "msg", "message", "asctime", "module", "exc_info", "taskName", "category"]
)
def test_names_of_a_record_are_safe(logger: StructuredLogger, caplog: pytest.LogCaptureFixture, name: str) -> None:
    """A field may have any name; one that records have themselves gets an underscore."""
    logger.log("calls", logging.INFO, "call", {name: "mine", f"{name}_": "also mine"})
    line = get_line(caplog)
    assert line["message"] == "call"
    assert {line[f"{name}_"], line[f"{name}__"]} == {"mine", "also mine"}


def test_a_factory_of_the_project_is_respected(logger: StructuredLogger, caplog: pytest.LogCaptureFixture) -> None:
    """What a record factory has put on a record stays there."""
    before = logging.getLogRecordFactory()

    def build(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = before(*args, **kwargs)
        record.tenant = "north"
        return record

    logging.setLogRecordFactory(build)
    try:
        logger.log("calls", logging.INFO, "call", {"tenant": "south"})
    finally:
        logging.setLogRecordFactory(before)
    assert (get_line(caplog)["tenant"], get_line(caplog)["tenant_"]) == ("north", "south")


def test_a_line_tells_where_it_was_logged(logger: StructuredLogger, caplog: pytest.LogCaptureFixture) -> None:
    """The file and the function are those of the caller."""
    logger.log_performance("export", 1.0)
    line = get_line(caplog)
    assert (line["filename"], line["funcName"]) == ("test_structured_logs.py", "test_a_line_tells_where_it_was_logged")


# --- formats ---------------------------------------------------------------------------------------------------------


def build_record(caplog: pytest.LogCaptureFixture, fields: dict[str, object], error: Exception | None = None) -> Any:
    """Return the record of a line."""
    caplog.set_level(logging.DEBUG, "shop")
    StructuredLogger("shop").log("calls", logging.INFO, "call", fields, error=error)
    return caplog.records[0]


def test_text_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """No field can begin a line of its own."""
    record = build_record(caplog, {"text": "one\ntwo", "number": 1, "rows": {"a": [1]}})
    line = format_with(TextFormatter(), record)
    assert "\n" not in line
    assert line.endswith('Z INFO shop.calls call category="calls" text="one\\ntwo" number=1 rows={"a": [1]}')


def test_json_is_one_object(caplog: pytest.LogCaptureFixture) -> None:
    """With the time in UTC, and the fields beside the event."""
    record = build_record(caplog, {"text": "ä\n", "number": 1})
    with request_id_scope("abc"):
        line = format_with(build_json_formatter(), record)
    assert "\n" not in line
    written = json.loads(line)
    assert written.pop("timestamp").endswith("Z")
    assert written == {
        "level": "INFO",
        "logger": "shop.calls",
        "event": "call",
        "category": "calls",
        "text": "ä\n",
        "number": 1,
        "request_id": "abc",
    }


@pytest.mark.parametrize("build", [TextFormatter, build_json_formatter, logging.Formatter])
def test_tracebacks_are_redacted_in_every_format(
    caplog: pytest.LogCaptureFixture, build: Callable[[], logging.Formatter]
) -> None:
    """The message of an error may repeat what was sent."""
    text = format_with(build(), build_record(caplog, {}, ValueError("token=hunter2")))
    assert "ValueError: token=[redacted]" in text
    assert "hunter2" not in text


def test_json_without_its_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message is the command that helps."""
    monkeypatch.setitem(sys.modules, "pythonjsonlogger.json", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'drf-commons\[debug\]'"):
        build_json_formatter()


def test_structlog_writes_our_lines(caplog: pytest.LogCaptureFixture) -> None:
    """Its formatter for the lines of the standard library sees event and fields as its own."""
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_log_level, structlog.stdlib.ExtraAdder()],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.JSONRenderer()],
    )
    record = build_record(caplog, {"number": 1, "token": "hunter2", "args": [1]})
    with request_id_scope("abc"):
        written = json.loads(format_with(formatter, record))
    written.pop("message", None)  # another handler has formatted the record before
    assert written == {
        "event": "call",
        "level": "info",
        "category": "calls",
        "number": 1,
        "token": "[redacted]",
        "args_": [1],
        "request_id": "abc",
    }


# --- LOGGING ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def configured() -> Iterator[Callable[[dict[str, Any]], None]]:
    """Apply a configuration to the root logger, and take it back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield logging.config.dictConfig
    for handler in root.handlers:
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("shop.calls").setLevel(logging.NOTSET)


def test_everything_goes_to_the_standard_error(
    configured: Callable[[dict[str, Any]], None], capfd: pytest.CaptureFixture[str]
) -> None:
    """Also the lines of others, with the ids."""
    configured(build_logging("WARNING", levels={"shop.calls": "DEBUG"}, json=True))
    with request_id_scope("abc"):
        StructuredLogger("shop").log("calls", logging.DEBUG, "call", {"number": 1})
        StructuredLogger("shop").log("users", logging.INFO, "user_action")
        logging.getLogger("somebody.else").warning("Low on %s", "paper", extra={"left": 3})
    first, second = map(json.loads, capfd.readouterr().err.splitlines())
    assert (first["event"], first["number"], first["request_id"]) == ("call", 1, "abc")
    assert (second["event"], second["left"], second["request_id"]) == ("Low on paper", 3, "abc")


def test_no_file_is_written_unless_it_is_asked_for(
    configured: Callable[[dict[str, Any]], None], tmp_path: Path
) -> None:
    """And then that one."""
    assert {handler["class"] for handler in build_logging()["handlers"].values()} == {"logging.StreamHandler"}
    file = tmp_path / "shop.log"
    configured(build_logging(file=str(file)))
    assert not file.exists()
    logging.getLogger("shop").info("Open")
    assert file.read_text(encoding="utf-8").endswith("Z INFO shop Open\n")


def test_a_settings_module_may_build_it() -> None:
    """It is there before Django has its settings."""
    script = (
        "from drf_commons.debug import build_logging; import logging.config; logging.config.dictConfig(build_logging())"
    )
    done = subprocess.run(  # noqa: S603  # our own script
        [sys.executable, "-W", "error", "-c", f"{script}; logging.warning('x')"],
        env={"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.endswith("WARNING root x\n")


# --- OpenTelemetry ---------------------------------------------------------------------------------------------------


def test_the_trace_is_on_every_line(caplog: pytest.LogCaptureFixture) -> None:
    """Inside a span the line has the id of its trace, outside it has none."""
    assert get_trace_id() is None
    context = SpanContext(trace_id=0xABC, span_id=1, is_remote=False)
    record = build_record(caplog, {})
    with use_span(NonRecordingSpan(context)):
        line = format_with(TextFormatter(), record)
    assert f'trace_id="{0xABC:032x}"' in line


def test_opentelemetry_is_not_needed() -> None:
    """Where it is not installed, lines have no trace, and nobody looks for it again."""
    script = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from drf_commons.debug import get_trace_id\n"
        "print(get_trace_id(), get_trace_id())"
    )
    done = subprocess.run(  # noqa: S603  # our own script
        [sys.executable, "-W", "error", "-c", script],
        env={"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "None None\n", done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs forks")
def test_two_forks_of_a_process_give_ids_of_their_own() -> None:
    """As the workers of a server are that is loaded once."""
    code = (
        "import os, sys\n"
        "from django.conf import settings; settings.configure()\n"
        "from django.test import RequestFactory\n"
        "from drf_commons.debug.request_ids import choose_request_id\n"
        "request = RequestFactory().get('/')\n"
        "for number in range(2):\n"
        "    if os.fork() == 0:\n"
        "        print(choose_request_id(request), flush=True); os._exit(0)\n"
        "    os.wait()\n"
        "print(choose_request_id(request))\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603  # ours
    ids = ran.stdout.split()
    assert len({*ids}) == 3
    assert all(re.fullmatch(r"[0-9a-f]{32}", each) for each in ids)
