"""What the database refuses although each rule was asked: told as that rule would have told it.

Between the look at the rows and the write, another request may store the same value; a ``validate_…()`` method may turn
two different values into the same one; and DRF asks no validator about a blank text. The rules are asked once more
then, after the write was taken back, and so the answer is the one that a second later would have been given anyway.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from copy import copy
from typing import Any, Final, cast

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import IntegrityError
from django.db.models import Field, Model
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.serializers import ModelSerializer, as_serializer_error
from rest_framework.settings import api_settings
from rest_framework.validators import UniqueTogetherValidator, UniqueValidator

from drf_commons.types import StrOrPromise

__all__ = ["CONFLICT", "explain_refusal"]

#: What is said where no rule knows better.
CONFLICT: Final[StrOrPromise] = _("This contradicts rows that are stored already.")

#: What the drivers call a value that is taken: PostgreSQL's ``unique_violation``, MariaDB's ``ER_DUP_ENTRY``.
_POSTGRESQL_UNIQUE: Final = "23505"
_MYSQL_UNIQUE: Final = 1062
_SQLITE_UNIQUE: Final = frozenset({"SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"})


def explain_refusal(
    serializer: ModelSerializer[Any], attrs: Mapping[str, Any], refusal: IntegrityError
) -> ValidationError | None:
    """Return what is wrong with *attrs*, which the database refused to store; ``None`` when it is no fault of theirs.

    The serializer's own rules come first, then those of the model, of which a serializer need not know.
    """
    for explain in (_ask_fields, _ask_serializer, _ask_model):
        errors = explain(serializer, attrs)
        if errors:
            return ValidationError(errors, code="unique")
    if _is_taken(refusal):
        return ValidationError({api_settings.NON_FIELD_ERRORS_KEY: [CONFLICT]}, code="conflict")
    return None


def _ask_fields(serializer: ModelSerializer[Any], attrs: Mapping[str, Any]) -> Mapping[str, Any]:
    errors: dict[str, list[ErrorDetail]] = {}
    for name, field in _get_fields(serializer).items():
        for validator in field.validators if field.source in attrs else ():
            if isinstance(validator, UniqueValidator):
                try:
                    cast("Any", validator)(attrs[field.source], field)
                except ValidationError as exc:
                    errors.setdefault(name, []).extend(cast("list[ErrorDetail]", exc.detail))
    return errors


def _ask_serializer(serializer: ModelSerializer[Any], attrs: Mapping[str, Any]) -> Mapping[str, Any]:
    validators: list[object] = [*serializer.validators]
    for validator in validators:
        if isinstance(validator, UniqueTogetherValidator):
            try:
                cast("Any", validator)({**attrs}, serializer)
            except ValidationError as exc:
                return as_serializer_error(exc)
    return {}


def _ask_model(serializer: ModelSerializer[Any], attrs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Ask the rules of the model: unique columns and constraints, also of columns that no client may set."""
    model: type[Model] = serializer.Meta.model
    instance: object = serializer.instance
    row = copy(instance) if isinstance(instance, model) else model()
    columns: list[Field[Any, Any]] = [*model._meta.concrete_fields]
    for column in columns:
        if column.name in attrs:
            setattr(row, column.name, attrs[column.name])
    errors: dict[str, list[ErrorDetail]] = {}
    names = {field.source: name for name, field in _get_fields(serializer).items()}
    for validate in (row.validate_unique, row.validate_constraints):
        try:
            validate()
        except DjangoValidationError as exc:
            found: Mapping[str, list[ErrorDetail]] = as_serializer_error(exc)
            for column_name, details in found.items():
                errors.setdefault(names.get(column_name, api_settings.NON_FIELD_ERRORS_KEY), []).extend(details)
    return errors


def _get_fields(serializer: ModelSerializer[Any]) -> dict[str, Any]:
    return {**serializer.fields}


def _is_taken(refusal: IntegrityError) -> bool:
    """Tell whether *refusal* is about a value that must be unique, as the driver puts it."""
    match refusal.__cause__:
        case sqlite3.IntegrityError() as cause:
            return cause.sqlite_errorname in _SQLITE_UNIQUE
        case None:
            return False
        case cause:
            return getattr(cause, "sqlstate", None) == _POSTGRESQL_UNIQUE or cause.args[:1] == (_MYSQL_UNIQUE,)
