"""What an import does with a file: models, columns and keys, typed, and checked as soon as it is read.

Write it with the classes below, which type checkers understand, or as a plain dict with the same keys, in which
``order`` and ``models`` stand for ``steps``. :func:`~drf_commons.services.importing.faults.read_config` takes both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, ClassVar, TypeAlias, cast

from django.apps import apps
from django.db.models import Model
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from drf_commons.services.importing.csv_tables import can_divide
from drf_commons.services.importing.tables import FileFormat, ReadOptions
from drf_commons.services.importing.texts import normalize_encoding

__all__ = [
    "ForeignKeyLookup",
    "ImportConfig",
    "ManyToManyLookup",
    "ModelStep",
    "resolve_model",
    "suggest",
]

#: Takes the text of a cell and returns another text, or the value itself.
Transform: TypeAlias = Callable[[Any], object]

#: Takes the values of a row, by field, and returns one more.
Computed: TypeAlias = Callable[[Mapping[str, Any]], object]


class _Part(BaseModel):
    """What all parts of a configuration have in common."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", frozen=True, arbitrary_types_allowed=True, use_attribute_docstrings=True
    )


class ForeignKeyLookup(_Part):
    """How a cell finds the row that a foreign key points to."""

    model: type[Model] | str | None = None
    """The related model, a class or ``"app.Model"``; it is known from the field, and compared when it is given."""

    lookup_field: str = "pk"
    """The field of the related model that the cell holds, such as ``code``."""

    source_field: str | None = None
    """The column of the file; the field's own name by default. The column is not assigned to the row."""

    create_missing: bool = False
    """Whether a row that is not found is created, with nothing but *lookup_field*."""


class ManyToManyLookup(ForeignKeyLookup):
    """How a cell finds the rows of a many-to-many relation: ``red;green``."""

    delimiter: str = Field(default=";", min_length=1)
    """What stands between two rows in one cell."""


class ModelStep(_Part):
    """What one model takes from each row of the file."""

    model: type[Model] | str
    """A class, or ``"app.Model"``."""

    name: str = ""
    """What other steps and the report call this one; the model's name by default."""

    fields: Sequence[str] = ()
    """The columns that the file may have, each named after a field or after a *source_field*."""

    unique_fields: Sequence[str] = ()
    """The fields by which a row is found again; without them every row is a new one."""

    update_if_exists: bool = False
    """Whether a row that is found is changed. If not, the last step refuses what differs, and others leave it."""

    skip_unchanged: bool = True
    """Whether a row that holds all values already is left alone, ``updated_at`` included."""

    foreign_keys: Mapping[str, ForeignKeyLookup] = Field(default_factory=dict[str, ForeignKeyLookup])
    """Foreign keys that are found by a natural key, by field."""

    many_to_many: Mapping[str, ManyToManyLookup] = Field(default_factory=dict[str, ManyToManyLookup])
    """Many-to-many relations, by field."""

    references: Mapping[str, str] = Field(default_factory=dict[str, str])
    """Foreign keys to what an earlier step made of the same row: the field, and the step's name."""

    columns: Mapping[str, str] = Field(default_factory=dict[str, str])
    """Headers that are spelt otherwise: the header, and the name in *fields* or the *source_field* it stands for."""

    transforms: Mapping[str, Transform | Sequence[Transform]] = Field(default_factory=dict[str, "Transform"])
    """Functions that a cell goes through before it is converted, by column."""

    constants: Mapping[str, Any] = Field(default_factory=dict[str, Any])
    """Values that every row gets, by field."""

    computed: Mapping[str, Computed] = Field(default_factory=dict[str, "Computed"])
    """Functions of a row's values, by field."""

    required: Sequence[str] = ()
    """Columns whose cells must not be blank, besides those that the model cannot do without."""

    @property
    def model_class(self) -> type[Model]:
        """The model."""
        return resolve_model(self.model)

    @property
    def step_name(self) -> str:
        """The name, given or not."""
        return self.name or str(self.model_class._meta.model_name)

    @field_validator("model")
    @classmethod
    def _find_model(cls, model: type[Model] | str) -> type[Model] | str:
        return resolve_model(model)

    @field_validator("foreign_keys", "many_to_many")
    @classmethod
    def _find_related(cls, lookups: Mapping[str, ForeignKeyLookup]) -> Mapping[str, ForeignKeyLookup]:
        for lookup in lookups.values():
            if lookup.model is not None:
                resolve_model(lookup.model)
        return lookups


class ImportConfig(_Part):
    """What an import does with each row of a file: its steps, one model each, in order."""

    steps: Sequence[ModelStep] = Field(min_length=1)
    """The last one is what the import is about: a row counts as created when that step created it."""

    file_format: FileFormat | None = None
    """The only kind of file that is taken; every kind by default."""

    encoding: str | None = None
    """How CSV files are encoded; found out from the file by default."""

    delimiter: str | None = None
    """What stands between two cells of a CSV file; found out from the file by default."""

    columns: Mapping[str, str] = Field(default_factory=dict[str, str])
    """Headers that are spelt otherwise, for every step."""

    ignored_columns: Sequence[str] = ()
    """Headers that may stand in the file and are not read. Any other unknown header is an error."""

    chunk_size: int | None = Field(default=None, ge=1, le=100_000)
    """How many rows are handled, and committed, at a time; ``COMMON["IMPORT_BATCH_SIZE"]`` by default."""

    def build_read_options(self, *, encoding: str | None = None, sheet: str | int | None = None) -> ReadOptions:
        """Return how a file is read; what is given here stands above the configuration."""
        return ReadOptions(
            file_format=self.file_format, encoding=encoding or self.encoding, delimiter=self.delimiter, sheet=sheet
        )

    @field_validator("encoding")
    @classmethod
    def _check_encoding(cls, encoding: str | None) -> str | None:
        if encoding is not None and normalize_encoding(encoding) is None:
            msg = f"{encoding!r} is not an encoding that CSV can be read in"
            raise ValueError(msg)
        return encoding

    @field_validator("delimiter")
    @classmethod
    def _check_delimiter(cls, delimiter: str | None) -> str | None:
        if delimiter is not None and not can_divide(delimiter):
            msg = f"{delimiter!r} is not one character that can divide cells"
            raise ValueError(msg)
        return delimiter

    @model_validator(mode="before")
    @classmethod
    def _read_models(cls, data: object) -> object:
        """Turn ``order`` and ``models`` into steps."""
        if not isinstance(data, Mapping):
            return data
        rest = dict(cast("Mapping[str, object]", data))
        if "models" not in rest:
            return rest
        named, order = rest.pop("models"), rest.pop("order", None)
        if "steps" in rest:
            msg = "give steps, or models with their order, and not both"
            raise ValueError(msg)
        if not isinstance(named, Mapping):
            msg = "models must be a dict of steps by name"
            raise ValueError(msg)  # noqa: TRY004  # pydantic takes this for a fault of the input
        steps = cast("Mapping[str, object]", named)
        names = _read_order(order, steps)
        return {**rest, "steps": [_name_step(name, steps[name]) for name in names]}


def resolve_model(model: type[Model] | str) -> type[Model]:
    """Return the class that *model* is or names; raise :class:`ValueError` for a name that is none."""
    if isinstance(model, type):
        return model
    try:
        return apps.get_model(model)
    except (LookupError, ValueError):
        labels = [known._meta.label for known in apps.get_models()]  # public API
        msg = f"there is no model {model!r}{suggest(model, labels)}"
        raise ValueError(msg) from None


def _read_order(order: object, steps: Mapping[str, object]) -> Sequence[str]:
    if order is None:
        return [*steps]
    if isinstance(order, str) or not isinstance(order, Sequence):
        msg = "order must be a list of names"
        raise ValueError(msg)  # noqa: TRY004  # same
    names = [str(name) for name in cast("Sequence[object]", order)]
    unknown = [name for name in names if name not in steps]
    if unknown:
        msg = f"order: there is no model {unknown[0]!r} in models{suggest(unknown[0], steps)}"
        raise ValueError(msg)
    left_out = [name for name in steps if name not in names]
    if left_out:
        msg = f"order does not name {', '.join(map(repr, left_out))} of models"
        raise ValueError(msg)
    if len({*names}) < len(names):
        msg = "order names a model twice"
        raise ValueError(msg)
    return names


def _name_step(name: str, step: object) -> object:
    return {"name": name, **cast("Mapping[str, object]", step)} if isinstance(step, Mapping) else step


def suggest(name: str, known: Sequence[str] | Mapping[str, object]) -> str:
    """Return what *name* may be meant to be, to stand behind it; nothing when nothing is close."""
    close = get_close_matches(name, [*known], n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
