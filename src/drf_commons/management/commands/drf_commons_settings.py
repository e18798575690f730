"""Print the settings in force."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Literal

from django.core.management.base import BaseCommand, CommandParser
from typing_extensions import override

from drf_commons.conf import EffectiveSetting, describe_settings


class Command(BaseCommand):
    """``manage.py drf_commons_settings [--format json]``."""

    help = "Prints every setting of drf_commons, its value, and where the value comes from."
    requires_system_checks: list[str] | tuple[str, ...] | Literal["__all__"] = ()

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--format", choices=["table", "json"], default="table", help="How to print them.")

    @override
    def handle(self, *args: Any, **options: Any) -> str:
        effective = describe_settings()
        return _format_json(effective) if options["format"] == "json" else _format_table(effective)


def _format_json(effective: Iterable[EffectiveSetting]) -> str:
    document = {
        setting.key: {"value": setting.value, "origin": setting.origin, "description": setting.description}
        for setting in effective
    }
    return json.dumps(document, indent=2)


def _format_table(effective: Iterable[EffectiveSetting]) -> str:
    rows = [
        ("setting", "value", "origin"),
        *((setting.key, _write(setting.value), setting.origin) for setting in effective),
    ]
    key_width, value_width, _ = (max(map(len, column)) for column in zip(*rows, strict=True))
    return "\n".join(f"{key:<{key_width}}  {value:<{value_width}}  {origin}" for key, value, origin in rows)


def _write(value: object) -> str:
    # A text stands in quotes: an empty one would look like no value at all.
    return repr(value) if isinstance(value, str) else str(value)
