"""Every exception the library raises, in one tree.

::

    DrfCommonsError
    ├── AuthenticationRequiredError   also rest_framework.exceptions.NotAuthenticated: a view answers 401
    ├── ConfigurationError            also django.core.exceptions.ImproperlyConfigured
    │   ├── InvalidExportConfigError  an export names columns that its model does not have; lists every fault
    │   ├── InvalidImportConfigError  an import does not fit its models; lists every fault
    │   ├── InvalidSettingsError      COMMON or DRF_COMMONS_<KEY> does not validate; lists every fault
    │   └── MissingMiddlewareError    a model needs a middleware that MIDDLEWARE does not list
    ├── ChangedSourceError            what a job was planned for is no longer what it finds; it has to be started anew
    ├── ExportTooLargeError           also ValueError: a PDF would have more rows than is allowed; a view answers 413
    ├── JobStateError                 a job cannot do that where it is: completed jobs are not cancelled
    ├── MissingExtraError             also ImportError: names the command that installs the extra
    ├── NestingDepthError             also RecursionError: serializers that nest themselves never come to an end
    ├── UnreadableFileError           also ValueError: a file cannot be read; names the file, the row and the column
    │   ├── FileTooLargeError         it has more bytes, rows or contents than is allowed; a view answers 413
    │   └── InvalidHeaderError        its columns are not those that are imported; lists every fault
    ├── UnwritableCellError           also ValueError: a value fits no cell of a sheet; names the row and the column
    ├── UserNotLoadedError            also django.core.exceptions.SynchronousOnlyOperation: await the async twin
    └── VersionConflictError          a row was changed since it was read; a view answers 409
        └── BulkVersionConflictError  some of many rows were: it lists them
"""

from __future__ import annotations

from collections.abc import Sequence

from django.core.exceptions import ImproperlyConfigured, SynchronousOnlyOperation
from django.db.models import Model
from rest_framework.exceptions import NotAuthenticated
from typing_extensions import override

__all__ = [
    "AuthenticationRequiredError",
    "BulkVersionConflictError",
    "ChangedSourceError",
    "ConfigurationError",
    "DrfCommonsError",
    "ExportTooLargeError",
    "FileTooLargeError",
    "InvalidExportConfigError",
    "InvalidHeaderError",
    "InvalidImportConfigError",
    "InvalidSettingsError",
    "JobStateError",
    "MissingExtraError",
    "MissingMiddlewareError",
    "NestingDepthError",
    "UnreadableFileError",
    "UnwritableCellError",
    "UserNotLoadedError",
    "VersionConflictError",
]


class DrfCommonsError(Exception):
    """The root: catch it to catch everything the library raises."""


class AuthenticationRequiredError(DrfCommonsError, NotAuthenticated):
    """Raised where a signed-in user is needed and there is none; a DRF view answers 401."""


class ConfigurationError(DrfCommonsError, ImproperlyConfigured):
    """The project is set up in a way that cannot work."""


class InvalidExportConfigError(ConfigurationError):
    """The columns of an export are wrong; ``faults`` holds one line for each thing that is."""

    def __init__(self, owner: str, faults: Sequence[str]) -> None:
        self.owner = owner
        self.faults: tuple[str, ...] = tuple(faults)
        super().__init__("\n".join([f"{owner} is not valid:", *(f"  {fault}" for fault in self.faults)]))


class InvalidImportConfigError(ConfigurationError):
    """The configuration of an import is wrong; ``faults`` holds one line for each thing that is."""

    def __init__(self, owner: str, faults: Sequence[str]) -> None:
        self.owner = owner
        self.faults: tuple[str, ...] = tuple(faults)
        super().__init__("\n".join([f"{owner} is not valid:", *(f"  {fault}" for fault in self.faults)]))


class InvalidSettingsError(ConfigurationError):
    """The settings do not validate; ``faults`` holds one line for each key."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults: tuple[str, ...] = tuple(faults)
        super().__init__("\n".join(["drf_commons settings are not valid:", *(f"  {fault}" for fault in self.faults)]))


class MissingMiddlewareError(ConfigurationError):
    """A middleware that something in the project relies on is not in ``MIDDLEWARE``."""


class ChangedSourceError(DrfCommonsError):
    """The file, the configuration or the models are not those that a job was planned for."""


class ExportTooLargeError(DrfCommonsError, ValueError):
    """A PDF would have more rows than ``COMMON["EXPORT_PDF_MAX_ROWS"]``; nothing was written."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(limit)

    @override
    def __str__(self) -> str:
        return f"A PDF has at most {self.limit:,} rows; filter them, or export CSV or XLSX."


class JobStateError(DrfCommonsError):
    """A job is not where it would have to be for what was asked of it; nothing was changed."""

    def __init__(self, action: str, status: str) -> None:
        self.action = action
        self.status = status
        super().__init__(action, status)

    @override
    def __str__(self) -> str:
        return f"The job is {self.status}: " + (
            "cancel it first." if self.action == "delete" else f"there is nothing to {self.action}."
        )


class MissingExtraError(DrfCommonsError, ImportError):
    """A feature needs packages of an optional extra that are not installed."""


class NestingDepthError(DrfCommonsError, RecursionError):
    """Serializers that nest themselves are deeper than allowed: the rows, or the input, go round in a circle."""


class UnreadableFileError(DrfCommonsError, ValueError):
    """A file cannot be read, or not from *row* on; the message names the file, and what to do."""

    def __init__(self, file: str, reason: str, *, row: int | None = None, column: str | None = None) -> None:
        self.file = file
        self.reason = reason
        self.row = row
        self.column = column
        super().__init__(file, reason)

    @override
    def __str__(self) -> str:
        row = "" if self.row is None else f", row {self.row}"
        column = "" if self.column is None else f", column {self.column!r}"
        return f"{self.file}{row}{column}: {self.reason}"


class FileTooLargeError(UnreadableFileError):
    """A file has more bytes, more rows or larger contents than is allowed; a view answers 413."""


class InvalidHeaderError(UnreadableFileError):
    """The columns of a file are not those that are imported; ``faults`` holds one line for each thing that is wrong."""

    def __init__(self, file: str, faults: Sequence[str], *, row: int | None = None) -> None:
        self.faults: tuple[str, ...] = tuple(faults)
        super().__init__(file, "; ".join(self.faults), row=row)


class UnwritableCellError(DrfCommonsError, ValueError):
    """A value fits no cell of a spreadsheet; *row* and *column* are where it would have been."""

    def __init__(self, sheet: str, reason: str, *, row: int, column: str) -> None:
        self.sheet = sheet
        self.reason = reason
        self.row = row
        self.column = column
        super().__init__(sheet, reason)

    @override
    def __str__(self) -> str:
        return f"{self.sheet}, row {self.row}, column {self.column!r}: {self.reason}"


class UserNotLoadedError(DrfCommonsError, SynchronousOnlyOperation):
    """A coroutine asked for a session's user that is not loaded yet, and loading it would block the event loop."""

    def __init__(self) -> None:
        super().__init__("The session's user is not loaded yet; in a coroutine, load it: await aget_current_user()")


class VersionConflictError(DrfCommonsError):
    """A row was changed since it was read, so saving it would undo that change; nothing was written.

    *current* is the version that the row has now, *expected* the one it would have needed.
    """

    def __init__(self, model: type[Model], pk: object, expected: int, current: int) -> None:
        self.model = model
        self.pk = pk
        self.expected = expected
        self.current = current
        super().__init__(model, pk, expected, current)

    @override
    def __str__(self) -> str:
        name = self.model._meta.object_name  # documented Model API
        return f"{name} {self.pk} has version {self.current}, not {self.expected}: it was changed meanwhile"


class BulkVersionConflictError(VersionConflictError):
    """Some of many rows were changed since they were read; nothing was written.

    ``conflicts`` has one error for each of them, in the order of the rows; the attributes are those of the first.
    """

    def __init__(self, conflicts: Sequence[VersionConflictError]) -> None:
        self.conflicts: tuple[VersionConflictError, ...] = tuple(conflicts)
        first = self.conflicts[0]
        super().__init__(first.model, first.pk, first.expected, first.current)
        self.args: tuple[object, ...] = (self.conflicts,)

    @override
    def __str__(self) -> str:
        return "; ".join(str(conflict) for conflict in self.conflicts)
