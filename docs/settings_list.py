"""Writes the list of settings, from the settings class itself."""

from __future__ import annotations

from typing import Final

from annotated_types import Ge, Le
from pydantic.fields import FieldInfo

from drf_commons.conf import CommonSettings

KINDS: Final = {
    "bool": "`True` or `False`",
    "float": "A number",
    "int": "A whole number",
    "str": "A text",
    "tuple": "A list of texts",
}


def build_settings_list() -> str:
    """Return what each key does, what it may be, and its default; a key is a place that can be linked to."""
    return "\n".join(build_entry(key, field) for key, field in sorted(CommonSettings.model_fields.items()))


def build_entry(key: str, field: FieldInfo) -> str:
    """Return what is to be said about one key."""
    anchor = key.lower().replace("_", "-")
    values = f"{describe_values(field)} Default: `{write(field.get_default())}`"
    return f"`{key}`{{#{anchor}}}\n: {field.description}\n\n  {values}\n"


def describe_values(field: FieldInfo) -> str:
    """Return what *field* may be, in words."""
    bounds = [
        *(f"from {bound.ge}" for bound in field.metadata if isinstance(bound, Ge)),
        *(f"to `{bound.le:_}`" for bound in field.metadata if isinstance(bound, Le)),
    ]
    return f"{' '.join([KINDS[getattr(field.annotation, '__name__', '')], *bounds])}."


def write(value: object) -> str:
    """Return *value* as a settings module would write it."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:_}"
    return repr([*value] if isinstance(value, tuple) else value)
