"""``manage.py drf_commons_settings`` shows the settings in force."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from drf_commons.conf import CommonSettings


def run_command(*arguments: str) -> str:
    """Return what the command prints."""
    out = StringIO()
    call_command("drf_commons_settings", *arguments, stdout=out)
    return out.getvalue()


def test_table_has_a_line_for_each_setting() -> None:
    """Key, value and origin stand in columns below their names."""
    with override_settings(COMMON={"BULK_MAX_ITEMS": 5}):
        lines = [line.split() for line in run_command().splitlines()]
    assert lines[0] == ["setting", "value", "origin"]
    assert [key for key, _, _ in lines[1:]] == sorted(CommonSettings.model_fields)
    assert ["BULK_MAX_ITEMS", "5", "COMMON"] in lines
    assert ["DEBUG_SLOW_QUERY_THRESHOLD", "0.1", "default"] in lines


def test_table_columns_are_aligned() -> None:
    """Values start in one column, whatever the length of the keys."""
    lines = run_command().splitlines()
    column = lines[0].index("value")
    assert all(line[column - 1] == " " and line[column] != " " for line in lines)


def test_json_is_for_programs() -> None:
    """Values keep their types, by key."""
    with override_settings(COMMON={"BULK_MAX_ITEMS": 5}):
        document = json.loads(run_command("--format", "json"))
    assert document["BULK_MAX_ITEMS"] == {
        "value": 5,
        "origin": "COMMON",
        "description": "The most items one bulk request may carry; above it the answer is 413.",
    }
    assert document.keys() == CommonSettings.model_fields.keys()


def test_unknown_format_is_refused() -> None:
    """A format that does not exist is answered with those that do."""
    with pytest.raises(CommandError, match=r"table.*json"):
        run_command("--format", "yaml")
