"""Values assigned to many instances at once stand where ``setattr()`` puts them."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from django.db import models
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from drf_commons.serializers.assignment import assign_rows
from tests.warehouse.models import Crate, Item, Sample, Supplier
from tests.warehouse.values import VALUES

SUPPLIERS = ("first", "second", "new", "none", "the same")


def build_supplier(which: str) -> Supplier | None:
    """Return a related row as a lookup finds it, or one that is special in some way."""
    if which == "none":
        return None
    supplier = Supplier(pk=None if which == "new" else SUPPLIERS.index(which) + 1, name=which)
    supplier._state.db = None if which == "new" else "default"
    return supplier


def build_item(kind: type[Item] = Item) -> Item:
    """Return a stored row whose supplier was read already."""
    item = kind(pk=1, name="before")
    item._state.db = "default"
    item.supplier = build_supplier("the same")
    return item


def read(instance: models.Model) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return all that *instance* holds, and what it has cached."""
    held = {name: value for name, value in vars(instance).items() if name != "_state"}
    return held, {"db": instance._state.db, **instance._state.fields_cache}


def compare(instance: models.Model, values: dict[str, Any]) -> None:
    """Assign *values* both ways."""
    ours, expected = deepcopy(instance), deepcopy(instance)
    assign_rows([ours], [values])
    for name, value in values.items():
        setattr(expected, name, value)
    assert read(ours) == read(expected)


@given(st.dictionaries(st.sampled_from(sorted(VALUES)), st.none() | st.integers() | st.text(), max_size=5))
def test_columns_of_every_kind(values: dict[str, Any]) -> None:
    """Files and fields with descriptors of their own among them."""
    compare(Sample(pk=1), values)


@pytest.mark.parametrize("which", SUPPLIERS)
@pytest.mark.parametrize("kind", [Item, Crate])
def test_related_rows(which: str, kind: type[Item]) -> None:
    """The key and the cached row follow what is assigned, be it the one or the other."""
    supplier = build_supplier(which)
    compare(build_item(kind), {"name": "after", "supplier": supplier})
    compare(build_item(kind), {"supplier_id": supplier and supplier.pk})


def test_what_cannot_be_related_is_refused() -> None:
    """As Django refuses it: a row of another kind, or of another database."""
    with pytest.raises(ValueError, match="must be a"):
        assign_rows([build_item()], [{"supplier": Item(pk=1)}])
    stranger = Supplier(pk=1)
    stranger._state.db = "elsewhere"
    with pytest.raises(ValueError, match="router prevents"):
        assign_rows([build_item()], [{"supplier": stranger}])


class Strict:
    """Lets nothing be related."""

    def allow_relation(self, *_rows: object, **_hints: object) -> bool:
        return False


def test_a_router_is_asked() -> None:
    """It may forbid a relation."""
    item = build_item()
    with (
        override_settings(DATABASE_ROUTERS=["tests.test_assignment.Strict"]),
        pytest.raises(ValueError, match="router prevents"),
    ):
        assign_rows([item], [{"supplier": build_supplier("first")}])


def test_instances_of_a_projects_own_see_what_is_assigned() -> None:
    """``__setattr__()`` and properties are called."""
    seen: list[str] = []

    class Watched(Item):
        class Meta:
            app_label = "warehouse"
            proxy = True

        @override
        def __setattr__(self, name: str, value: object) -> None:
            if name == "name":
                seen.append(f"{value}")
            super().__setattr__(name, value)

        @property
        def label(self) -> str:
            return self.name

        @label.setter
        def label(self, value: str) -> None:
            self.name = f"label {value}"

    first, second = build_item(Watched), build_item()
    seen.clear()
    assign_rows([first, second], [{"name": "a", "label": "b"}, {"name": "c"}])
    assert seen == ["a", "label b"]
    assert (first.name, second.name) == ("label b", "c")
