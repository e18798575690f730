"""Seeing inside: queries, structured logs without secrets, request ids and profiles."""

from drf_commons.debug.logger import Category, StructuredLogger
from drf_commons.debug.places import Place
from drf_commons.debug.queries import QueryRecorder, QueryShape, SlowQuery
from drf_commons.debug.records import ContextFilter, TextFormatter, build_json_formatter, build_logging
from drf_commons.debug.redaction import redact
from drf_commons.debug.request_ids import get_request_id, get_trace_id, request_id_scope

__all__ = [
    "Category",
    "ContextFilter",
    "Place",
    "QueryRecorder",
    "QueryShape",
    "SlowQuery",
    "StructuredLogger",
    "TextFormatter",
    "build_json_formatter",
    "build_logging",
    "get_request_id",
    "get_trace_id",
    "redact",
    "request_id_scope",
]
