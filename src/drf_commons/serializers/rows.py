"""Writing the rows of one level: in bulk where nothing needs ``save()``, one by one where something does."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, NoReturn, cast

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import IntegrityError, connections
from django.db.models import Field, Model, ProtectedError, QuerySet, RestrictedError, signals
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ValidationError
from rest_framework.serializers import ModelSerializer
from rest_framework.utils.model_meta import get_field_info

from drf_commons.bulk import bulk_create, bulk_update
from drf_commons.serializers.assignment import assign_rows, build_instances, list_names
from drf_commons.serializers.paths import Path, build_error_at, format_message
from drf_commons.serializers.refusals import CONFLICT
from drf_commons.types import StrOrPromise

__all__ = ["Row", "delete_rows", "fail_at", "needs_save", "write_rows"]

#: DRF's own way of writing one row, whatever a subclass makes of it; the stubs leave its types open.
_DRF: Final[Any] = ModelSerializer

_FIELD: Final[Any] = Field

#: Models whose ``save()`` does what a bulk write does as well: versions are checked, and columns are filled in.
_FILLED: Final = frozenset({"drf_commons.models.slugs", "drf_commons.models.stored", "drf_commons.models.versions"})

_MESSAGES: Final[Mapping[str, StrOrPromise]] = {
    "cannot_unlink": _("These rows have to be named as well, since they cannot be without this one: {pks}."),
    "conflict": CONFLICT,
    "does_not_exist": _('Invalid pk "{pk_value}" - object does not exist.'),
    "protected": _("Rows that are to be deleted are still needed elsewhere."),
    "required": _("This field is required."),
}


@dataclass(slots=True, kw_only=True)
class Row:
    """A row to be written: its columns, where it stands in the tree, and the stored row it changes, if any."""

    attrs: dict[str, Any]
    path: Path = ()
    instance: Model | None = None
    #: Whether the row was made here; said once it is written.
    is_new: bool = False
    #: Whether it is one of the rows that the request is about, which are written even if they say nothing.
    is_root: bool = False

    @property
    def written(self) -> Model:
        """The stored row; there is one as soon as the level of the row is written."""
        return cast("Model", self.instance)

    def save_with(self, serializer: ModelSerializer[Any]) -> None:
        """Write the row by the ``create()`` or ``update()`` that *serializer* has of its own."""
        self.is_new = self.instance is None
        with reporting_at(self.path):
            if self.instance is None:
                self.instance = serializer.create(self.attrs)
            else:
                self.instance = serializer.update(self.instance, self.attrs)

    def save(self, serializer: ModelSerializer[Any]) -> None:
        """Write the row as DRF does."""
        self.is_new = self.instance is None
        with reporting_at(self.path):
            if self.instance is None:
                self.instance = _DRF.create(serializer, self.attrs)
            else:
                self.instance = _DRF.update(serializer, self.instance, self.attrs)


def write_rows(
    serializer: ModelSerializer[Any], rows: Sequence[Row], using: str, *, chunk_size: int | None = None
) -> None:
    """Write *rows*, the stored ones first; a nested row that says nothing but which one it is stays untouched."""
    model: type[Model] = serializer.Meta.model
    stored = [row for row in rows if row.instance is not None and (row.attrs or row.is_root or not row.path)]
    new = [row for row in rows if row.instance is None]
    names = list_names(row.attrs for row in stored)
    if _is_worth_it(model, stored, names) and not needs_save(model) and _are_columns(model, names):
        _update_in_bulk(model, stored, names, using, chunk_size)
    else:
        for row in stored:
            row.save(serializer)
    is_many = len(new) > 1 or any(row.is_root for row in new)
    if is_many and not needs_save(model) and _knows_keys(model, using) and not _links_many(model, new):
        _create_in_bulk(model, new, using, chunk_size)
    else:
        for row in new:
            row.save(serializer)


def delete_rows(rows: QuerySet[Model], path: Path) -> None:
    """Delete *rows*, with their signals and cascades; rows that others need are reported at *path*."""
    with reporting_at(path):
        rows.delete()


def fail_at(path: Path, code: str, **values: object) -> NoReturn:
    """Report the error *code* for the field at *path*."""
    *way, name = path
    error = ValidationError({str(name): [format_message(_MESSAGES[code], values)]}, code=code)
    raise build_error_at(way, error)


@contextmanager
def reporting_at(path: Path) -> Generator[None]:
    """Report what goes wrong within the block where it belongs; errors of the root itself pass as they are."""
    try:
        yield
    except (ValidationError, DjangoValidationError) as exc:
        if not path:
            raise
        raise build_error_at(path, exc) from exc
    except (ProtectedError, RestrictedError) as exc:
        raise build_error_at(path, ValidationError([_MESSAGES["protected"]], code="protected")) from exc
    except IntegrityError as exc:
        if not path:
            raise
        raise build_error_at(path, ValidationError([_MESSAGES["conflict"]], code="conflict")) from exc


# Bulk


def _create_in_bulk(model: type[Model], rows: Sequence[Row], using: str, chunk_size: int | None) -> None:
    objects = build_instances(model, [row.attrs for row in rows], using)
    with reporting_at(rows[0].path[:-1]):
        bulk_create(model._default_manager.using(using), objects, chunk_size=chunk_size)
    for row, instance in zip(rows, objects, strict=True):
        row.instance = instance
        row.is_new = True


def _update_in_bulk(
    model: type[Model], rows: Sequence[Row], names: Sequence[str], using: str, chunk_size: int | None
) -> None:
    """Update *rows*, each in those of *names* it has: what a row did not send keeps what the database holds."""
    objects = [row.written for row in rows]
    assign_rows(objects, [row.attrs for row in rows])
    with reporting_at(rows[0].path[:-1]):
        found = bulk_update(
            model._base_manager.using(using),
            objects,
            # Where no row names one, a column that none of them writes will do: others may fill themselves in.
            names or _list_columns(model)[:1],
            present=[row.attrs.keys() for row in rows],
            chunk_size=chunk_size,
        )
    if found < len(objects) and found < len({row.pk for row in objects}):
        _report_gone(model, rows, using)


def _report_gone(model: type[Model], rows: Sequence[Row], using: str) -> None:
    """Report the first of *rows* that was deleted since it was read."""
    pks = [row.written.pk for row in rows]
    left = {*model._base_manager.using(using).filter(pk__in=pks).values_list("pk", flat=True)}
    for row in rows:
        if row.written.pk not in left:
            fail_at((*row.path, model._meta.pk.name), "does_not_exist", pk_value=row.written.pk)


def needs_save(model: type[Model]) -> bool:
    """Tell whether saving a row of *model* does more than a bulk write, which fills in columns as ``save()`` does."""
    kinds = (vars(kind) for kind in model.__mro__ if kind is not Model and kind.__module__ not in _FILLED)
    if any("save" in names or "save_base" in names for names in kinds):
        return True
    return any(signal.has_listeners(model) for signal in (signals.pre_save, signals.post_save))


def _list_columns(model: type[Model]) -> list[str]:
    """Return the columns of *model* that hold just what they are given."""
    fields = model._meta.concrete_fields
    return [
        field.name
        for field in fields
        if type(field).pre_save is _FIELD.pre_save and not (field.primary_key or field.is_relation or field.generated)
    ]


def _is_worth_it(model: type[Model], rows: Sequence[Row], names: Sequence[str]) -> bool:
    """Tell whether the stored *rows* gain by a bulk write: by speed, or since it does not bring deleted rows back."""
    has_columns = bool(rows) and (bool(names) or (rows[0].is_root and bool(_list_columns(model))))
    # An empty slug is found anew, by save() alone.
    keeps_slugs = "slug" not in names or all(row.attrs.get("slug") != "" for row in rows)
    return has_columns and (len(rows) > 1 or rows[0].is_root) and keeps_slugs


def _are_columns(model: type[Model], names: Sequence[str]) -> bool:
    """Tell whether *names* are those of columns, and of nothing else."""
    return {column.name for column in model._meta.concrete_fields if not column.primary_key}.issuperset(names)


def _links_many(model: type[Model], rows: Sequence[Row]) -> bool:
    """Tell whether *rows* name a relation to many, as extra values of a ``save()`` may; a model takes none of them."""
    names = {*list_names(row.attrs for row in rows)} - {column.name for column in model._meta.concrete_fields}
    relations: Mapping[str, Any] = get_field_info(model).relations if names else {}
    return any(relations[name].to_many for name in names & relations.keys())


def _knows_keys(model: type[Model], using: str) -> bool:
    """Tell whether new rows have their keys after a bulk insert: from the database, or from a default of ours."""
    return connections[using].features.can_return_rows_from_bulk_insert or model._meta.pk.has_default()
