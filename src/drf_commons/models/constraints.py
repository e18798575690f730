"""Uniqueness among the rows that are not soft-deleted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from django.core.checks import CheckMessage
from django.db import DEFAULT_DB_ALIAS, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.ddl_references import Columns, Statement, Table
from django.db.models import Q
from django.utils.functional import cached_property
from typing_extensions import override

__all__ = ["LiveUniqueConstraint"]


class _Live(Q):
    """The condition of rows that are not soft-deleted, which a row that does not say so is taken for.

    Validators judge input by it, where ``is_active``, which no client may set, is missing.
    """

    @cached_property
    @override
    def referenced_base_fields(self) -> set[str]:
        return set()

    @override
    def check(self, against: dict[str, Any], using: str = DEFAULT_DB_ALIAS) -> bool:
        return super().check({"is_active": True, **against}, using)


class LiveUniqueConstraint(models.UniqueConstraint):
    """Of the rows that are not soft-deleted only one has these values; deleted rows do not count.

    It is for models with ``SoftDeleteMixin``: ``LiveUniqueConstraint(fields=["name"], name="project_name_live")``.
    Serializers and forms validate it although they do not show ``is_active``. The database keeps it with a partial
    index; MariaDB and MySQL, which have none, with a unique index over an invisible column that deleted rows leave
    empty.
    """

    def __init__(self, *, fields: Sequence[str], name: str, **kwargs: Any) -> None:
        super().__init__(fields=fields, name=name, condition=_Live(is_active=True), **kwargs)

    @override
    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        path, args, kwargs = super().deconstruct()
        del kwargs["condition"]
        return path, args, kwargs

    @override
    def validate(
        self,
        model: type[models.Model],
        instance: models.Model,
        exclude: set[str] | None = None,
        using: str = DEFAULT_DB_ALIAS,
    ) -> None:
        # Forms exclude what they do not show, and Django then leaves such a constraint to the database.
        super().validate(model, instance, (exclude or set()) - {"is_active"}, using)

    @override
    def constraint_sql(self, model: Any, schema_editor: Any) -> Any:
        if _has_partial_indexes(schema_editor):
            return super().constraint_sql(model, schema_editor)
        schema_editor.deferred_sql.append(self.create_sql(model, schema_editor))
        return None

    @override
    def create_sql(self, model: Any, schema_editor: Any) -> Any:
        if _has_partial_indexes(schema_editor):
            return super().create_sql(model, schema_editor)
        return self._build_statement(
            "ALTER TABLE %(table)s "
            "ADD COLUMN %(marker)s TINYINT(1) GENERATED ALWAYS AS (IF(%(is_active)s, 1, NULL)) VIRTUAL INVISIBLE, "
            "ADD UNIQUE INDEX %(name)s (%(columns)s, %(marker)s)",
            model,
            schema_editor,
        )

    @override
    def remove_sql(self, model: Any, schema_editor: Any) -> Any:
        if _has_partial_indexes(schema_editor):
            return super().remove_sql(model, schema_editor)
        statement = "ALTER TABLE %(table)s DROP INDEX %(name)s, DROP COLUMN %(marker)s"
        return self._build_statement(statement, model, schema_editor)

    # Django up to 5.2 asks _check(), which the stubs do not know, and later ones check().
    def _check(self, model: type[models.Model], connection: BaseDatabaseWrapper) -> list[CheckMessage]:
        messages: Any = super()._check(model, connection)  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
        return _without_warning(cast("list[CheckMessage]", messages))

    @override
    def check(self, model: type[models.Model], connection: BaseDatabaseWrapper) -> list[CheckMessage]:
        return _without_warning(super().check(model, connection))

    def _build_statement(self, template: str, model: type[models.Model], editor: BaseDatabaseSchemaEditor) -> Statement:
        table = model._meta.db_table
        is_active, *columns = (_get_column(model, name) for name in ("is_active", *self.fields))
        return Statement(
            template,
            table=Table(table, editor.quote_name),
            columns=Columns(table, columns, editor.quote_name),
            is_active=Columns(table, [is_active], editor.quote_name),
            name=editor.quote_name(self.name),
            marker=editor.quote_name(f"{self.name[:59]}_live"),
        )


def _get_column(model: type[models.Model], name: str) -> str:
    return cast("models.Field[Any, Any]", model._meta.get_field(name)).column or ""  # constraints name local fields


def _has_partial_indexes(editor: BaseDatabaseSchemaEditor) -> bool:
    return editor.connection.features.supports_partial_indexes


def _without_warning(messages: Sequence[CheckMessage]) -> list[CheckMessage]:
    """Return *messages* without the one that says that a database has no partial indexes."""
    return [message for message in messages if message.id != "models.W036"]
