"""What happens to log records on their way out: whose they are, how they are written, and the ``LOGGING`` for it."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from typing_extensions import override

from drf_commons.debug.request_ids import get_request_id, get_trace_id
from drf_commons.errors import MissingExtraError

__all__ = ["ContextFilter", "TextFormatter", "build_json_formatter", "build_logging"]

_STANDARD: Final = frozenset({*vars(logging.makeLogRecord({})), "asctime", "message", "taskName"})
_PACKAGE: Final = "drf_commons.debug"


class ContextFilter(logging.Filter):
    """Puts the ``request_id`` and OpenTelemetry's ``trace_id`` on each record that a handler sees, if there are any."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass."""
        for name, get in (("request_id", get_request_id), ("trace_id", get_trace_id)):
            if not hasattr(record, name) and (value := get()) is not None:
                setattr(record, name, value)
        return True


class TextFormatter(logging.Formatter):
    """Writes a record for people: time, level, logger, event, then ``name=value``, the values as JSON."""

    @override
    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """Return the time in UTC."""
        return _format_time(record)

    @override
    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields = " ".join(f"{name}={_dump(value)}" for name, value in _get_fields(record).items())
        line = f"{self.formatTime(record)} {record.levelname} {record.name} {record.getMessage()}"
        return f"{line} {fields}" if fields else line


def _get_fields(record: logging.LogRecord) -> dict[str, object]:
    """Return what was put on *record* beside what every record has."""
    return {name: value for name, value in vars(record).items() if name not in _STANDARD and not name.startswith("_")}


def build_json_formatter() -> logging.Formatter:
    """Return a formatter that writes a record as one line of JSON; it comes from python-json-logger.

    Raises:
        MissingExtraError: python-json-logger is not installed.
    """
    try:
        from pythonjsonlogger.json import JsonFormatter  # noqa: PLC0415  # an extra
    except ImportError as exc:
        msg = "JSON logs need python-json-logger: pip install 'drf-commons[debug]'"
        raise MissingExtraError(msg) from exc

    class _JsonFormatter(JsonFormatter):
        @override
        def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
            return _format_time(record)

        @override
        def format(self, record: logging.LogRecord) -> str:
            if record.exc_text and record.exc_info:
                # It is redacted, which a traceback made anew would not be.
                record = logging.makeLogRecord({**vars(record), "exc_info": None})
            return super().format(record)

    return _JsonFormatter(
        "{asctime}{levelname}{name}{message}",
        style="{",
        rename_fields={"asctime": "timestamp", "levelname": "level", "name": "logger", "message": "event"},
        json_ensure_ascii=False,
        json_default=str,
    )


def build_logging(
    level: str = "INFO",
    *,
    levels: Mapping[str, str] | None = None,
    json: bool = False,
    file: str | None = None,
) -> dict[str, Any]:
    """Return a ``LOGGING`` for the settings: everything to the standard error, with request and trace ids.

    *levels* names loggers that show more or less than *level*. *json* writes JSON, one object a line. A *file* is
    written only where one is named, and then as well.
    """
    formatter = {"()": f"{_PACKAGE}.build_json_formatter" if json else f"{_PACKAGE}.TextFormatter"}
    shared = {"formatter": "drf_commons", "filters": ["drf_commons"]}
    handlers: dict[str, dict[str, object]] = {"console": {"class": "logging.StreamHandler", **shared}}
    if file is not None:
        handlers["file"] = {
            "class": "logging.handlers.WatchedFileHandler",
            "filename": file,
            "encoding": "utf-8",
            "delay": True,
            **shared,
        }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"drf_commons": {"()": f"{_PACKAGE}.ContextFilter"}},
        "formatters": {"drf_commons": formatter},
        "handlers": handlers,
        "root": {"level": level, "handlers": [*handlers]},
        "loggers": {name: {"level": own} for name, own in (levels or {}).items()},
    }


def _format_time(record: logging.LogRecord) -> str:
    return f"{datetime.fromtimestamp(record.created, UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
