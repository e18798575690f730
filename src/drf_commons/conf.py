"""The settings object: ``COMMON`` of the Django settings and the environment, validated together.

Nothing here reads a setting when it is imported, so a settings module may import :class:`CommonSettingsDict` to have
its own ``COMMON`` checked by a type checker.
"""

from __future__ import annotations

import os
import reprlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Annotated, ClassVar, Final, Literal, TypeAlias, cast

from django.conf import settings
from django.core.signals import setting_changed
from django.dispatch import receiver
from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, with_config
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict
from typing_extensions import TypedDict, override

from drf_commons.errors import InvalidSettingsError

__all__ = [
    "CommonSettings",
    "CommonSettingsDict",
    "EffectiveSetting",
    "Origin",
    "SettingFault",
    "describe_settings",
    "find_setting_faults",
    "get_settings",
]

_PREFIX: Final = "DRF_COMMONS_"

#: Where a value comes from; each one is stronger than the one before.
Origin: TypeAlias = Literal["default", "COMMON", "environment"]

# The ceiling keeps a slip of the keyboard from switching a limit off.
_Rows: TypeAlias = Annotated[int, Field(ge=1, le=10_000_000)]
_Bytes: TypeAlias = Annotated[int, Field(ge=1, le=10_000_000_000)]
_Queries: TypeAlias = Annotated[int, Field(ge=0)]
_Lifetime: TypeAlias = Annotated[int, Field(ge=1, le=31_536_000)]
_Seconds: TypeAlias = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_LoggedBytes: TypeAlias = Annotated[int, Field(ge=0, le=10_000_000)]
_Switch: TypeAlias = Annotated[bool, Field(strict=True)]
_Directory: TypeAlias = Annotated[str, Field(max_length=4_096)]
_Characters: TypeAlias = Annotated[int, Field(ge=20, le=1_000_000)]
_Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=255)]


def _split(names: object) -> object:
    """Return *names* as a tuple: a list in a settings module, a text with commas in the environment."""
    if isinstance(names, str):
        return tuple(name.strip() for name in names.split(",") if name.strip())
    return tuple(cast("Iterable[object]", names)) if isinstance(names, list | set | frozenset) else names


_Names: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_split)]


@with_config(ConfigDict(extra="forbid", strict=True))
class CommonSettingsDict(TypedDict, total=False):
    """The keys of ``COMMON``, for a settings module: ``COMMON: CommonSettingsDict = {"BULK_MAX_ITEMS": 500}``."""

    BULK_MAX_ITEMS: _Rows
    BULK_OPERATION_BATCH_SIZE: _Rows
    DEBUG_BODY_MAX_BYTES: _LoggedBytes
    DEBUG_HIGH_QUERY_COUNT_THRESHOLD: _Queries
    DEBUG_PROFILE_DIRECTORY: _Directory
    DEBUG_REDACTED_NAMES: _Names
    DEBUG_REPEATED_QUERY_THRESHOLD: _Queries
    DEBUG_SERVER_TIMING: _Switch
    DEBUG_SLOW_QUERY_THRESHOLD: _Seconds
    DEBUG_SLOW_REQUEST_THRESHOLD: _Seconds
    DEBUG_TEXT_MAX_LENGTH: _Characters
    IDEMPOTENCY_TTL: _Lifetime
    EXPORT_PDF_MAX_ROWS: _Rows
    IMPORT_BATCH_SIZE: _Rows
    IMPORT_INLINE_MAX_ROWS: _Rows
    IMPORT_MAX_CELL_LENGTH: _Rows
    IMPORT_MAX_FILE_SIZE: _Bytes
    IMPORT_MAX_ROWS: _Rows
    TRANSFER_CHUNK_ROWS: _Rows
    TRANSFER_DIRECTORY: _Name
    TRANSFER_RUNNER: _Name
    TRANSFER_STALLED_AFTER: _Lifetime
    TRANSFER_STORAGE: _Name
    UNPAGINATED_MAX_ROWS: _Rows


class CommonSettings(BaseSettings):
    """Every setting of the library; creating it reads the environment, then ``COMMON``, then the defaults below.

    Raises :class:`~drf_commons.errors.InvalidSettingsError`, which lists every fault of both sources.
    """

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True
    )

    BULK_MAX_ITEMS: _Rows = 10_000
    """The most items one bulk request may carry; above it the answer is 413."""

    BULK_OPERATION_BATCH_SIZE: _Rows = 1_000
    """How many rows a bulk operation sends to the database in one statement."""

    DEBUG_BODY_MAX_BYTES: _LoggedBytes = 65_536
    """The longest request body that is read for a log line; a longer one is left alone."""

    DEBUG_HIGH_QUERY_COUNT_THRESHOLD: _Queries = 10
    """A request with more queries than this is reported."""

    DEBUG_PROFILE_DIRECTORY: _Directory = ""
    """Where profiles are written. Empty: a new directory of the process, among the temporary files."""

    DEBUG_REDACTED_NAMES: _Names = ()
    """What to keep out of the logs beside passwords, tokens and their like: parts of names, in any spelling."""

    DEBUG_REPEATED_QUERY_THRESHOLD: _Queries = 5
    """A query that is made more often than this in one request, with other values, is reported."""

    DEBUG_SERVER_TIMING: _Switch = True
    """Whether the debug middlewares send a `Server-Timing` header."""

    DEBUG_SLOW_QUERY_THRESHOLD: _Seconds = 0.1
    """A query that takes longer than this many seconds is reported."""

    DEBUG_SLOW_REQUEST_THRESHOLD: _Seconds = 1.0
    """A request that takes longer than this many seconds is reported."""

    DEBUG_TEXT_MAX_LENGTH: _Characters = 500
    """How many characters of a text get into a log line."""

    IDEMPOTENCY_TTL: _Lifetime = 86_400
    """For how many seconds the answer to a request with an ``Idempotency-Key`` is given again."""

    EXPORT_PDF_MAX_ROWS: _Rows = 2_000
    """The most rows of a PDF that is exported; above it the answer is 413."""

    IMPORT_BATCH_SIZE: _Rows = 1_000
    """How many rows of a file an import handles, and commits, at a time."""

    IMPORT_INLINE_MAX_ROWS: _Rows = 50_000
    """The most rows of a file that a request imports while it is waited for; more become a job, where those exist."""

    IMPORT_MAX_CELL_LENGTH: _Rows = 32_767
    """The most characters in one cell of an imported file, by default what a spreadsheet's cell can hold."""

    IMPORT_MAX_FILE_SIZE: _Bytes = 200_000_000
    """The most bytes of a file that is imported; above it the answer is 413."""

    IMPORT_MAX_ROWS: _Rows = 1_000_000
    """The most rows of a file that is imported; above it the answer is 413."""

    TRANSFER_CHUNK_ROWS: _Rows = 10_000
    """How many rows of a file one message gives to a worker; it commits them in batches."""

    TRANSFER_DIRECTORY: _Name = "transfers"
    """Where in their storage the files of jobs are kept."""

    TRANSFER_RUNNER: _Name = "inline"
    """What runs the jobs: `inline`, `tasks` (Django's tasks), `celery`, or the dotted path of a runner."""

    TRANSFER_STALLED_AFTER: _Lifetime = 300
    """For how many seconds no worker may be heard of before a job is shown as stalled."""

    TRANSFER_STORAGE: _Name = "default"
    """Which of Django's `STORAGES` keeps the files of jobs; workers and web servers must both reach it."""

    UNPAGINATED_MAX_ROWS: _Rows = 1_000
    """The most rows a list returns for ``?paginated=false``."""

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # it reads only the variables it knows
        dotenv_settings: PydanticBaseSettingsSource,  # no file is read behind the project's back
        file_secret_settings: PydanticBaseSettingsSource,  # same
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources, the strongest first."""
        layers = _read_layers()
        faults = _collect_faults(layers)
        if faults:
            raise InvalidSettingsError([str(fault) for fault in faults])
        return init_settings, *(InitSettingsSource(settings_cls, dict(layer.values)) for layer in layers)


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingFault:
    """One thing that is wrong with one setting."""

    #: As the user writes it: ``COMMON['BULK_MAX_ITEMS']`` or ``DRF_COMMONS_BULK_MAX_ITEMS``.
    setting: str
    reason: str
    is_unknown: bool = False

    @override
    def __str__(self) -> str:
        return f"{self.setting}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveSetting:
    """A setting as the library sees it, and where its value comes from."""

    key: str
    value: object
    origin: Origin
    description: str


@cache
def get_settings() -> CommonSettings:
    """Return the settings in force; call it where a setting is used, it costs a dictionary look-up.

    ``override_settings(COMMON=...)`` is seen at once; a change of the environment after the start is not.
    """
    return CommonSettings()


def find_setting_faults() -> list[SettingFault]:
    """Return all that is wrong with ``COMMON`` and with the environment, a value that another one hides included."""
    return _collect_faults(_read_layers())


def describe_settings() -> list[EffectiveSetting]:
    """Return every setting in force, by key."""
    current = get_settings()
    layers = _read_layers()
    return [
        EffectiveSetting(
            key=key,
            value=getattr(current, key),
            origin=_find_origin(key, layers),
            description=field.description or "",
        )
        for key, field in sorted(CommonSettings.model_fields.items())
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layer:
    """What one source says: values, or what is wrong with them."""

    origin: Origin
    values: CommonSettingsDict
    faults: list[SettingFault]


def _read_layers() -> tuple[_Layer, ...]:
    """Return the sources, the strongest first."""
    start = len(_PREFIX)
    environment = {name[start:]: text for name, text in os.environ.items() if name.startswith(_PREFIX)}
    common: object = getattr(settings, "COMMON", {})
    adapter = _build_adapter()
    return (
        _read_layer("environment", adapter.validate_strings, environment),
        _read_layer("COMMON", adapter.validate_python, common),
    )


def _read_layer(origin: Origin, validate: Callable[[object], CommonSettingsDict], source: object) -> _Layer:
    try:
        return _Layer(origin=origin, values=validate(source), faults=[])
    except ValidationError as exc:
        faults = [
            _describe(origin, error["type"], error["loc"], error["msg"], error["input"]) for error in exc.errors()
        ]
        return _Layer(origin=origin, values={}, faults=faults)


@cache
def _build_adapter() -> TypeAdapter[CommonSettingsDict]:
    return TypeAdapter(CommonSettingsDict)


def _find_origin(key: str, layers: Iterable[_Layer]) -> Origin:
    for layer in layers:
        if key in layer.values:
            return layer.origin
    return "default"


def _collect_faults(layers: Iterable[_Layer]) -> list[SettingFault]:
    return [fault for layer in reversed(tuple(layers)) for fault in layer.faults]


def _describe(origin: Origin, kind: str, path: tuple[int | str, ...], message: str, value: object) -> SettingFault:
    setting = _spell(origin, path)
    if kind == "extra_forbidden":
        close = get_close_matches(str(path[0]).upper(), CommonSettings.model_fields, n=1)
        suggestion = f" (did you mean {_spell(origin, (close[0],))}?)" if close else ""
        return SettingFault(setting=setting, reason=f"unknown setting{suggestion}", is_unknown=True)
    reason = message.removeprefix("Input ")
    return SettingFault(setting=setting, reason=f"{reason[:1].lower()}{reason[1:]} (got {reprlib.repr(value)})")


def _spell(origin: Origin, path: tuple[int | str, ...]) -> str:
    """Return *path* as the user writes it."""
    if origin == "environment":
        return f"{_PREFIX}{path[0]}"
    return "".join(["COMMON", *(f"[{part!r}]" for part in path)])


@receiver(setting_changed)
def _forget(*, setting: str, **_: object) -> None:
    if setting == "COMMON":
        get_settings.cache_clear()
