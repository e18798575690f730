"""The keys that a file has had so far: however many there are, and whatever they are."""

from __future__ import annotations

import io
from collections.abc import Hashable
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drf_commons.services.importing import FileImportService
from drf_commons.services.importing.seen import SeenKeys
from tests.warehouse.models import Scan

#: A surrogate, NUL, and what no integer of a database holds are among them.
KEYS: Final = st.sets(
    st.text()
    | st.sampled_from(["\udc80", "'\\udc80'", "a\0b", "1", "2026-01-01", 2**63, -(2**63)])
    | st.integers()
    | st.tuples(st.text(), st.integers() | st.none())
    | st.dates()
)


@given(known=KEYS, asked=KEYS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_key_on_the_disk_is_the_one_that_was_put_there(
    monkeypatch: pytest.MonkeyPatch, known: set[Hashable], asked: set[Hashable]
) -> None:
    """It is found with its place, and no other key is."""
    monkeypatch.setattr("drf_commons.services.importing.seen._IN_MEMORY", 0)
    places = {key: (number, -number) for number, key in enumerate(known)}
    seen = SeenKeys()
    seen.add(places)
    assert seen.find([*known, *asked]) == places
    seen.add(dict.fromkeys(known, (-1, -1)))
    assert seen.find([*known]) == places, "the first place counts"
    seen.close()


@pytest.mark.django_db
def test_a_key_that_is_stored_as_something_else_is_remembered_all_the_same() -> None:
    """Of the rows of earlier chunks not one is found by the keys of the file: their field adds one to them."""
    config = {
        "chunk_size": 2,
        "order": ["scan"],
        "models": {"scan": {"model": Scan, "fields": ["place", "writes"], "unique_fields": ["writes"]}},
    }
    numbers = [10, 20, 30, 40, 10, 50]
    file = io.BytesIO("\n".join(["place,writes", *(f"here,{number}" for number in numbers)]).encode())
    result = FileImportService(config).import_file(file, name="scans.csv")
    assert [(error.row, error.code) for error in result.errors] == [(6, "duplicate")]
    assert {*Scan.objects.values_list("writes", flat=True)} == {11, 21, 31, 41, 51}
