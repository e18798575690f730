"""The settings object: sources, bounds, faults and what is in force."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, get_origin, get_type_hints

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from drf_commons.conf import (
    CommonSettings,
    CommonSettingsDict,
    describe_settings,
    find_setting_faults,
    get_settings,
)
from drf_commons.errors import DrfCommonsError, InvalidSettingsError

ROW_KEYS = [
    "BULK_MAX_ITEMS",
    "BULK_OPERATION_BATCH_SIZE",
    "IMPORT_BATCH_SIZE",
    "IMPORT_INLINE_MAX_ROWS",
    "IMPORT_MAX_CELL_LENGTH",
    "IMPORT_MAX_ROWS",
    "TRANSFER_CHUNK_ROWS",
    "UNPAGINATED_MAX_ROWS",
]
SECOND_KEYS = ["DEBUG_SLOW_QUERY_THRESHOLD", "DEBUG_SLOW_REQUEST_THRESHOLD"]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Let a test set variables as if the process had started with them."""
    get_settings.cache_clear()
    yield monkeypatch
    get_settings.cache_clear()


def get_faults() -> list[str]:
    """Return the faults of the settings in force, as a user reads them."""
    return [str(fault) for fault in find_setting_faults()]


def test_defaults_hold_without_any_setting() -> None:
    """A project that sets nothing gets the documented defaults."""
    assert CommonSettings().model_dump() == {
        "BULK_MAX_ITEMS": 10_000,
        "BULK_OPERATION_BATCH_SIZE": 1_000,
        "DEBUG_BODY_MAX_BYTES": 65_536,
        "DEBUG_HIGH_QUERY_COUNT_THRESHOLD": 10,
        "DEBUG_PROFILE_DIRECTORY": "",
        "DEBUG_REDACTED_NAMES": (),
        "DEBUG_REPEATED_QUERY_THRESHOLD": 5,
        "DEBUG_SERVER_TIMING": True,
        "DEBUG_SLOW_QUERY_THRESHOLD": 0.1,
        "DEBUG_SLOW_REQUEST_THRESHOLD": 1.0,
        "DEBUG_TEXT_MAX_LENGTH": 500,
        "EXPORT_PDF_MAX_ROWS": 2_000,
        "IDEMPOTENCY_TTL": 86_400,
        "IMPORT_BATCH_SIZE": 1_000,
        "IMPORT_INLINE_MAX_ROWS": 50_000,
        "IMPORT_MAX_CELL_LENGTH": 32_767,
        "IMPORT_MAX_FILE_SIZE": 200_000_000,
        "IMPORT_MAX_ROWS": 1_000_000,
        "TRANSFER_CHUNK_ROWS": 10_000,
        "TRANSFER_DIRECTORY": "transfers",
        "TRANSFER_RUNNER": "inline",
        "TRANSFER_STALLED_AFTER": 300,
        "TRANSFER_STORAGE": "default",
        "UNPAGINATED_MAX_ROWS": 1_000,
    }


def test_common_is_stronger_than_the_defaults() -> None:
    """A key of COMMON replaces its default and leaves the others alone."""
    with override_settings(COMMON={"BULK_MAX_ITEMS": 5}):
        assert (get_settings().BULK_MAX_ITEMS, get_settings().IMPORT_BATCH_SIZE) == (5, 1_000)


def test_environment_is_stronger_than_common(environment: pytest.MonkeyPatch) -> None:
    """A variable is parsed from its text and replaces what COMMON says."""
    environment.setenv("DRF_COMMONS_BULK_MAX_ITEMS", "7")
    environment.setenv("DRF_COMMONS_DEBUG_SLOW_QUERY_THRESHOLD", "0.25")
    with override_settings(COMMON={"BULK_MAX_ITEMS": 5}):
        assert (get_settings().BULK_MAX_ITEMS, get_settings().DEBUG_SLOW_QUERY_THRESHOLD) == (7, 0.25)


def test_settings_are_read_once() -> None:
    """The object is cached, so reading a setting is cheap."""
    assert get_settings() is get_settings()


def test_override_settings_is_seen_and_undone() -> None:
    """The cache is cleared when COMMON changes, both ways."""
    before = get_settings()
    with override_settings(COMMON={"BULK_MAX_ITEMS": 5}):
        assert get_settings() is not before
    assert get_settings() == before


def test_other_settings_leave_the_cache_alone() -> None:
    """Only COMMON makes the settings stale."""
    before = get_settings()
    with override_settings(DEBUG=True):
        assert get_settings() is before


def test_settings_are_frozen() -> None:
    """Nobody changes a setting behind the back of the rest."""
    with pytest.raises(ValidationError, match="frozen"):
        setattr(get_settings(), "BULK_MAX_ITEMS", 5)  # noqa: B010  # a plain assignment does not pass the type checker


def test_keyword_arguments_are_the_strongest() -> None:
    """Tests and tools may build an object of their own."""
    with override_settings(COMMON={"BULK_MAX_ITEMS": 5}):
        assert CommonSettings(BULK_MAX_ITEMS=6).BULK_MAX_ITEMS == 6


@pytest.mark.parametrize("key", ROW_KEYS)
@pytest.mark.parametrize("value", [0, -1, 10_000_001, True, "500", 1.0, None, [1]])
def test_row_counts_take_whole_numbers_in_bounds(key: str, value: object) -> None:
    """In COMMON a row count is an int from 1 to ten million, and nothing that merely looks like one."""
    with override_settings(COMMON={key: value}):
        assert [fault.setting for fault in find_setting_faults()] == [f"COMMON['{key}']"]


@pytest.mark.parametrize("key", SECOND_KEYS)
@pytest.mark.parametrize("value", [-0.1, float("inf"), float("nan"), True, "0.5", None])
def test_thresholds_take_seconds(key: str, value: object) -> None:
    """In COMMON a duration is a finite number that is not negative."""
    with override_settings(COMMON={key: value}):
        assert [fault.setting for fault in find_setting_faults()] == [f"COMMON['{key}']"]


@pytest.mark.parametrize("names", [["iban", "tax id"], ("iban", "tax id"), "iban, tax id,"])
def test_names_are_a_list_or_a_text_with_commas(
    environment: pytest.MonkeyPatch, names: list[str] | tuple[str, ...] | str
) -> None:
    """As a settings module writes them, and as the environment does."""
    with override_settings(COMMON={"DEBUG_REDACTED_NAMES": names}):
        assert get_settings().DEBUG_REDACTED_NAMES == ("iban", "tax id")
    environment.setenv("DRF_COMMONS_DEBUG_REDACTED_NAMES", "iban, tax id")
    assert CommonSettings().DEBUG_REDACTED_NAMES == ("iban", "tax id")


@pytest.mark.parametrize("names", [7, [7], {"iban": 1}, None])
def test_names_are_texts(names: object) -> None:
    """Anything else is told by its key."""
    with override_settings(COMMON={"DEBUG_REDACTED_NAMES": names}):
        (fault,) = get_faults()
    assert fault.startswith("COMMON['DEBUG_REDACTED_NAMES']")


def test_a_switch_is_a_truth_value(environment: pytest.MonkeyPatch) -> None:
    """In COMMON nothing that merely looks like one; in the environment a word."""
    with override_settings(COMMON={"DEBUG_SERVER_TIMING": 1}):
        assert get_faults() == ["COMMON['DEBUG_SERVER_TIMING']: should be a valid boolean (got 1)"]
    environment.setenv("DRF_COMMONS_DEBUG_SERVER_TIMING", "false")
    assert CommonSettings().DEBUG_SERVER_TIMING is False


def test_whole_seconds_are_seconds() -> None:
    """An int is a fine number of seconds."""
    with override_settings(COMMON={"DEBUG_SLOW_REQUEST_THRESHOLD": 2, "DEBUG_HIGH_QUERY_COUNT_THRESHOLD": 0}):
        assert get_settings().DEBUG_SLOW_REQUEST_THRESHOLD == 2.0


def test_wrong_value_names_the_key_and_the_value() -> None:
    """The message says which key, what is expected and what was found."""
    with override_settings(COMMON={"IMPORT_BATCH_SIZE": "500"}):
        assert get_faults() == ["COMMON['IMPORT_BATCH_SIZE']: should be a valid integer (got '500')"]


@pytest.mark.parametrize("key", ["BULK_MAX_ITMES", "bulk_max_items", "COMMON_BULK_MAX_ITEMS"])
def test_unknown_key_suggests_the_known_one(key: str) -> None:
    """A slip of the keyboard is answered with what was probably meant."""
    with override_settings(COMMON={key: 5}):
        assert get_faults() == [f"COMMON['{key}']: unknown setting (did you mean COMMON['BULK_MAX_ITEMS']?)"]


def test_unknown_key_without_a_neighbour_suggests_nothing() -> None:
    """Nothing is guessed where nothing is near; and the value, which may be a secret, is not repeated."""
    with override_settings(COMMON={"XYZ": "hunter2"}):
        assert get_faults() == ["COMMON['XYZ']: unknown setting"]


def test_unknown_variable_suggests_the_known_one(environment: pytest.MonkeyPatch) -> None:
    """A misspelt variable is a fault too, since it would silently do nothing."""
    environment.setenv("DRF_COMMONS_IMPORT_BATCHSIZE", "5")
    assert get_faults() == [
        "DRF_COMMONS_IMPORT_BATCHSIZE: unknown setting (did you mean DRF_COMMONS_IMPORT_BATCH_SIZE?)"
    ]


@pytest.mark.parametrize("text", ["", "many", "0", "1.5", "None"])
def test_variable_must_parse_and_be_in_bounds(environment: pytest.MonkeyPatch, text: str) -> None:
    """Text that is no value for the key is a fault that names the variable."""
    environment.setenv("DRF_COMMONS_BULK_MAX_ITEMS", text)
    (fault,) = get_faults()
    assert fault.startswith("DRF_COMMONS_BULK_MAX_ITEMS: should be ")
    assert fault.endswith(f"(got {text!r})")


@pytest.mark.parametrize("common", [None, [], "BULK_MAX_ITEMS=5", [("BULK_MAX_ITEMS", 5)]])
def test_common_must_be_a_dict(common: object) -> None:
    """COMMON itself is validated, not only what is in it."""
    with override_settings(COMMON=common):
        (fault,) = get_faults()
    assert fault.startswith("COMMON: should be a valid dictionary (got ")


def test_keys_must_be_texts() -> None:
    """A key that is no text is named as it stands."""
    with override_settings(COMMON={7: 1}):
        assert get_faults() == ["COMMON[7]: keys should be strings (got 7)"]


def test_every_fault_is_in_one_error(environment: pytest.MonkeyPatch) -> None:
    """One start shows all there is to repair, a value hidden by a variable included."""
    environment.setenv("DRF_COMMONS_BULK_MAX_ITEMS", "7")
    environment.setenv("DRF_COMMONS_UNPAGINATED_MAX_ROWS", "all")
    common = {"BULK_MAX_ITEMS": 0, "IMPORT_BATCH_SIZE": "1", "TYPO": 1}
    with override_settings(COMMON=common), pytest.raises(InvalidSettingsError) as caught:
        get_settings()
    assert [fault.partition(":")[0] for fault in caught.value.faults] == [
        "COMMON['BULK_MAX_ITEMS']",
        "COMMON['IMPORT_BATCH_SIZE']",
        "COMMON['TYPO']",
        "DRF_COMMONS_UNPAGINATED_MAX_ROWS",
    ]
    assert all(f"\n  {fault}" in str(caught.value) for fault in caught.value.faults)


def test_the_error_is_what_callers_expect() -> None:
    """It is Django's error for a wrong setup, and one of the library's own."""
    with override_settings(COMMON=[]), pytest.raises(ImproperlyConfigured) as caught:
        get_settings()
    assert isinstance(caught.value, DrfCommonsError)


def test_a_repaired_setting_is_read_again() -> None:
    """A failure is not cached."""
    with override_settings(COMMON={"BULK_MAX_ITEMS": 0}), pytest.raises(InvalidSettingsError):
        get_settings()
    assert get_settings().BULK_MAX_ITEMS == 10_000


def test_the_dict_has_the_keys_and_types_of_the_object() -> None:
    """CommonSettingsDict and CommonSettings do not drift apart."""
    fields = get_type_hints(CommonSettings, include_extras=True)
    expected = {name: fields[name] for name in CommonSettings.model_fields}
    assert get_type_hints(CommonSettingsDict, include_extras=True) == expected
    assert not CommonSettingsDict.__required_keys__


def test_a_type_checker_knows_the_keys() -> None:
    """In an annotated settings module, what would stop the start is found before it."""
    typo: CommonSettingsDict = {"BULK_MAX_ITMES": 5}  # type: ignore[typeddict-unknown-key]
    text: CommonSettingsDict = {"BULK_MAX_ITEMS": "5"}  # type: ignore[typeddict-item]
    for common in (typo, text):
        with override_settings(COMMON=common):
            assert len(get_faults()) == 1


def test_every_setting_is_documented_and_bounded() -> None:
    """Each key has a sentence for the reader and a range in its type."""
    hints: dict[str, Any] = get_type_hints(CommonSettings, include_extras=True)
    for name, field in CommonSettings.model_fields.items():
        assert field.description
        assert field.description.endswith(".")
        assert get_origin(hints[name]) is Annotated


def test_settings_tell_where_they_come_from(environment: pytest.MonkeyPatch) -> None:
    """Every key is described once, with its value and the source that won."""
    environment.setenv("DRF_COMMONS_BULK_MAX_ITEMS", "7")
    with override_settings(COMMON={"BULK_MAX_ITEMS": 5, "IMPORT_BATCH_SIZE": 2_000}):
        described = {setting.key: (setting.value, setting.origin) for setting in describe_settings()}
    assert described == {
        "BULK_MAX_ITEMS": (7, "environment"),
        "BULK_OPERATION_BATCH_SIZE": (1_000, "default"),
        "DEBUG_BODY_MAX_BYTES": (65_536, "default"),
        "DEBUG_HIGH_QUERY_COUNT_THRESHOLD": (10, "default"),
        "DEBUG_PROFILE_DIRECTORY": ("", "default"),
        "DEBUG_REDACTED_NAMES": ((), "default"),
        "DEBUG_REPEATED_QUERY_THRESHOLD": (5, "default"),
        "DEBUG_SERVER_TIMING": (True, "default"),
        "DEBUG_SLOW_QUERY_THRESHOLD": (0.1, "default"),
        "DEBUG_SLOW_REQUEST_THRESHOLD": (1.0, "default"),
        "DEBUG_TEXT_MAX_LENGTH": (500, "default"),
        "EXPORT_PDF_MAX_ROWS": (2_000, "default"),
        "IDEMPOTENCY_TTL": (86_400, "default"),
        "IMPORT_BATCH_SIZE": (2_000, "COMMON"),
        "IMPORT_INLINE_MAX_ROWS": (50_000, "default"),
        "IMPORT_MAX_CELL_LENGTH": (32_767, "default"),
        "IMPORT_MAX_FILE_SIZE": (200_000_000, "default"),
        "IMPORT_MAX_ROWS": (1_000_000, "default"),
        "TRANSFER_CHUNK_ROWS": (10_000, "default"),
        "TRANSFER_DIRECTORY": ("transfers", "default"),
        "TRANSFER_RUNNER": ("inline", "default"),
        "TRANSFER_STALLED_AFTER": (300, "default"),
        "TRANSFER_STORAGE": ("default", "default"),
        "UNPAGINATED_MAX_ROWS": (1_000, "default"),
    }


@given(rows=st.integers(1, 10_000_000), seconds=st.floats(0, 1e9))
def test_what_is_valid_comes_back(rows: int, seconds: float) -> None:
    """A value in bounds is in force unchanged, whether it was given as a value or as text."""
    common = {"BULK_MAX_ITEMS": rows, "DEBUG_SLOW_QUERY_THRESHOLD": seconds}
    with override_settings(COMMON=common):
        assert common.items() <= get_settings().model_dump().items()
    with pytest.MonkeyPatch.context() as environment:
        for key, value in common.items():
            environment.setenv(f"DRF_COMMONS_{key}", repr(value))
        assert common.items() <= CommonSettings().model_dump().items()


@given(
    common=st.dictionaries(
        st.sampled_from([*ROW_KEYS, *SECOND_KEYS]) | st.text(max_size=8),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
        max_size=6,
    )
)
def test_any_dict_is_accepted_or_every_wrong_key_is_named(common: dict[str, object]) -> None:
    """Whatever COMMON holds, it is either in force as written or each fault names one key of it."""
    with override_settings(COMMON=common):
        named = [fault.setting for fault in find_setting_faults()]
        assert len(named) == len(set(named))
        assert set(named) <= {f"COMMON[{key!r}]" for key in common}
        if not named:
            assert common.items() <= get_settings().model_dump().items()
