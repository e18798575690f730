"""The keys that a file has had so far: however many there are, and whatever they are."""

from __future__ import annotations

import io
from collections.abc import Hashable
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typing_extensions import override

from drf_commons.services.importing import FileImportService
from drf_commons.services.importing.seen import SeenKeys
from tests.warehouse.models import Item, Mark, Scan, Supplier, Ticket

#: A surrogate, NUL, and what no integer of a database holds are among them.
KEYS: Final = st.sets(
    st.text()
    | st.sampled_from(["\udc80", "'\\udc80'", "a\0b", "1", "2026-01-01", 2**63, -(2**63)])
    | st.integers()
    | st.tuples(st.text(), st.integers() | st.none())
    | st.dates()
)


class Text(str):
    """A text with a ``repr()`` of its own, as a choice has."""

    __slots__ = ()

    @override
    def __repr__(self) -> str:
        return "a text"


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
    assert seen.find([Text(key) for key in known if isinstance(key, str)]).keys() == {
        key for key in known if isinstance(key, str)
    }
    seen.add(dict.fromkeys(known, (-1, -1)))
    assert seen.find([*known]) == places, "the first place counts"
    seen.close()


def import_rows(config: dict[str, Any], text: str) -> list[tuple[int, str]]:
    """Import a file two rows at a time, and return which rows failed, and why."""
    step = {"order": ["row"], "chunk_size": 2, "models": {"row": config}}
    result = FileImportService(step).import_file(io.BytesIO(text.encode()), name="rows.csv")
    return [(error.row, error.code) for error in result.errors]


@pytest.mark.django_db
def test_a_key_that_is_stored_as_something_else_is_remembered_all_the_same() -> None:
    """Of the rows of earlier chunks not one is found by the keys of the file: their field adds one to them."""
    config = {"model": Scan, "fields": ["place", "writes"], "unique_fields": ["writes"]}
    lines = ["place,writes", *(f"here,{number}" for number in (10, 20, 30, 40, 10, 50))]
    assert import_rows(config, "\n".join(lines)) == [(6, "duplicate")]
    assert {*Scan.objects.values_list("writes", flat=True)} == {11, 21, 31, 41, 51}


@pytest.mark.django_db
def test_a_default_of_the_database_is_a_key_like_any_other() -> None:
    """Two blank cells get the same, whichever chunks they are in."""
    config = {"model": Ticket, "fields": ["state", "text"], "unique_fields": ["state"]}
    assert import_rows(config, "state,text\n,a\nx,b\n,c\ny,d\n") == [(4, "duplicate")]
    assert {*Ticket.objects.values_list("state", flat=True)} == {"open", "x", "y"}


@pytest.mark.django_db
def test_what_a_model_makes_of_a_key_does_not_hide_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second row with it is refused, although none is stored under it."""

    def prepare(objs: list[Item], using: str | None = None) -> None:
        for obj in objs:
            obj.name = obj.name.upper()

    monkeypatch.setattr(Item, "prepare_bulk_create", staticmethod(prepare), raising=False)
    config = {"model": Item, "fields": ["name"], "unique_fields": ["name"]}
    assert import_rows(config, "name\nab\ncd\nef\nab\n") == [(5, "duplicate")]
    assert {*Item.objects.values_list("name", flat=True)} == {"AB", "CD", "EF"}


@pytest.mark.django_db
def test_a_row_may_be_nothing_but_what_it_refers_to() -> None:
    """A step without a column of its own makes a row for each of the file."""
    config = {"steps": [{"model": Supplier, "fields": ["name"]}, {"model": Mark, "name": "mark", "fields": []}]}
    result = FileImportService(config).import_file(io.BytesIO(b"name\na\nb\n"), name="rows.csv")
    assert (result.created, Mark.objects.count(), Supplier.objects.count()) == (2, 2, 2)
