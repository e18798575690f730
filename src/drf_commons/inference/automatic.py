"""Fields that DRF itself makes from the model."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from typing import Any, cast

from mypy.types import NoneType, UnionType
from mypy.typevars import fill_typevars_with_any

from drf_commons.inference.choices import build_literals
from drf_commons.inference.declarations import FORMATS, Exchange, FieldShape, get_api_setting
from drf_commons.inference.scope import Scope
from drf_commons.inference.shapes import ANY

__all__ = ["read_automatic"]


def read_automatic(scope: Scope, name: str, field: Any) -> FieldShape:
    """Return the shape of a field that DRF itself made from the model."""
    from rest_framework.fields import empty  # noqa: PLC0415

    source: str = field.source or name
    output, value = _exchange_automatic(scope, source, field)
    if field.allow_null:
        output, value = scope.build_optional(output), scope.build_optional(value)
    elif scope.may_be_none(source):
        output = scope.build_optional(output)
    return FieldShape(
        output=output,
        value=value,
        source=source,
        read_only=field.read_only,
        write_only=field.write_only,
        present=field.required or field.default is not empty,
    )


def _exchange_automatic(scope: Scope, source: str, field: Any) -> Exchange:  # noqa: C901, PLR0911, PLR0912  # a case for each kind
    from rest_framework import fields, relations  # noqa: PLC0415
    from rest_framework.settings import api_settings  # noqa: PLC0415

    match field:
        case relations.ManyRelatedField():
            output, value = _exchange_automatic(scope, source, cast("Any", field).child_relation)
            return scope.build_list(output), scope.build_list(value)
        case relations.PrimaryKeyRelatedField():
            model = scope.get_related_model(source)
            return scope.get_pk_type(model), ANY if model is None else fill_typevars_with_any(model)
        case relations.HyperlinkedRelatedField():
            model = scope.get_related_model(source)
            link = scope.build("rest_framework.relations.Hyperlink")
            return link, ANY if model is None else fill_typevars_with_any(model)
        case fields.ReadOnlyField():
            return scope.get_attribute(source), ANY
        case fields.MultipleChoiceField():
            choices = scope.build("builtins.set", build_literals(scope, [*field.choices]))
            return choices, choices
        case fields.ChoiceField():
            listed = [*field.choices]
            taken = [*listed, ""] if field.allow_blank else listed
            # DRF renders the empty text as it is, whether the field takes it or not.
            given = [*listed, ""] if scope.may_be_blank(source) else taken
            return build_literals(scope, given), build_literals(scope, taken)
        case fields.DecimalField():
            as_text = getattr(field, "coerce_to_string", api_settings.COERCE_DECIMAL_TO_STRING)
            value = scope.build_python(decimal.Decimal)
            return scope.build("builtins.str") if as_text else value, value
        case fields.ListField():
            output, value = _exchange_automatic(scope, source, cast("Any", field).child)
            return scope.build_list(output), scope.build_list(value)
        case fields.FileField():
            return UnionType.make_union([scope.build("builtins.str"), NoneType()]), scope.build(
                "django.core.files.base.File"
            )
        case fields.IntegerField():
            # Only newer versions of DRF have the class and its setting.
            is_text = isinstance(field, getattr(fields, "BigIntegerField", ())) and getattr(
                field, "coerce_to_string", api_settings.COERCE_BIGINT_TO_STRING
            )
            return scope.build_python(str if is_text else int), scope.build_python(int)
        case fields.Field():
            simple = next((types for cls, types in _get_simple(fields) if isinstance(field, cls)), None)
            if simple is None:
                return ANY, ANY
            output, value = map(scope.build_python, simple)
            return (output if _has_format(cast("Any", field)) else value), value
        case _:
            return ANY, ANY


def _has_format(field: Any) -> bool:
    """Tell whether a value is written as text where there is a choice: a time without a format is given as it is."""
    bases = (f"{base.__module__}.{base.__qualname__}" for base in field.__class__.__mro__)
    setting = next((FORMATS[base] for base in bases if base in FORMATS), None)
    return setting is None or getattr(field, "format", get_api_setting(setting)) is not None


def _get_simple(fields: Any) -> tuple[tuple[type, tuple[type, type]], ...]:
    """Return what plain fields render and validate to."""
    return (
        (fields.BooleanField, (bool, bool)),
        (fields.UUIDField, (str, uuid.UUID)),
        (fields.CharField, (str, str)),
        (fields.FloatField, (float, float)),
        (fields.DateTimeField, (str, dt.datetime)),
        (fields.DateField, (str, dt.date)),
        (fields.TimeField, (str, dt.time)),
        (fields.DurationField, (str, dt.timedelta)),
    )
