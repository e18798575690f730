"""Rows shown a column at a time are shown as DRF shows them one by one."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import override_settings
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from rest_framework import serializers
from rest_framework.relations import PrimaryKeyRelatedField
from typing_extensions import override

from drf_commons.serializers import BaseModelSerializer
from drf_commons.serializers.fields import IdOnlyField, IdToStrField
from drf_commons.serializers.plain_output import represent_rows
from tests.warehouse.models import Item, Sample, Supplier
from tests.warehouse.values import VALUES

SHOWN = sorted(VALUES.keys() - {"file_path", "json"})


class SampleSerializer(BaseModelSerializer[Sample]):
    class Meta:
        model = Sample
        fields = ("id", *SHOWN, "foreign_key", "text_foreign_key")


def compare(serializer: serializers.Serializer[Any], rows: list[Any]) -> list[dict[str, Any]]:
    """Return what is shown of *rows*, the same both ways, in the same order."""
    shown = represent_rows(serializer, rows)
    expected = [serializer.to_representation(row) for row in rows]
    assert shown == expected
    assert [[*row] for row in shown] == [[*row] for row in expected]
    assert [[*map(type, row.values())] for row in shown] == [[*map(type, row.values())] for row in expected]
    return shown


@given(
    st.lists(
        st.fixed_dictionaries({name: st.none() | VALUES[name] for name in SHOWN})
        | st.fixed_dictionaries({name: st.none() for name in SHOWN}),
        max_size=4,
    ),
    st.sampled_from([dt.UTC, ZoneInfo("UTC"), ZoneInfo("Europe/Berlin"), ZoneInfo("America/St_Johns")]),
)
@settings(max_examples=60)
def test_every_kind_of_field_shows_the_same(rows: list[dict[str, Any]], zone: dt.tzinfo) -> None:
    """Plain and odd values, set and unset, in any time zone."""
    with timezone.override(zone):
        compare(
            SampleSerializer(), [Sample(id=number, foreign_key_id=number, **row) for number, row in enumerate(rows)]
        )


def build_item(**values: Any) -> Item:
    item = Item(id=1, name="a", price=Decimal("1.5"), supplier_id=7)
    for name, value in values.items():
        setattr(item, name, value)
    return item


class ItemSerializer(BaseModelSerializer[Item]):
    class Meta:
        model = Item
        fields = ("id", "name", "price", "quantity", "status", "due", "supplier", "is_active")


@pytest.mark.parametrize(
    "values",
    [
        {"name": 7},
        {"name": Item.Status.NEW},
        {"price": 1},
        {"price": "2.5"},
        {"quantity": True},
        {"quantity": "7"},
        {"status": "unknown"},
        {"status": ""},
        {"is_active": 1},
        {"due": "2026-01-01"},
        {"due": dt.datetime(2026, 1, 1)},  # noqa: DTZ001  # what the test is about
        {"supplier": Supplier(pk=9, name="Ada")},
        {"supplier_id": None},
    ],
)
def test_values_that_no_column_holds_show_the_same(values: dict[str, Any]) -> None:
    """An instance may hold anything."""
    compare(ItemSerializer(), [build_item(), build_item(**values)])


def test_fields_of_a_projects_own_are_asked_for_every_row() -> None:
    """A field or serializer that shows things its way does so here, in the order of rows and fields."""
    seen: list[str] = []

    class Loud(serializers.CharField):
        @override
        def to_representation(self, value: Any) -> str:
            seen.append(f"{value}")
            return f"{value}!"

    class Serializer(ItemSerializer):
        name = Loud()
        method = serializers.SerializerMethodField()
        missing = serializers.CharField(required=False)
        upper = serializers.CharField(source="get_status_display")
        key: Any = serializers.PrimaryKeyRelatedField(
            source="supplier", read_only=True, pk_field=serializers.CharField()
        )
        text = IdToStrField(source="supplier", queryset=Supplier.objects.all())

        class Meta(ItemSerializer.Meta):
            fields = (*ItemSerializer.Meta.fields, "method", "missing", "upper", "key", "text")  # type: ignore[assignment]

        def get_method(self, row: Item) -> str:
            seen.append(f"method {row.name}")
            return "m"

    rows = [build_item(name=name, supplier=Supplier(pk=3, name="Ada")) for name in "ab"]
    shown = compare(Serializer(), rows)
    assert [row["name"] for row in shown] == ["a!", "b!"]
    assert seen[:4] == ["a", "method a", "b", "method b"]


@pytest.mark.parametrize("field", [IdOnlyField, PrimaryKeyRelatedField])
def test_keys_are_shown_without_reading_their_rows(field: Any) -> None:
    """No query is made: there is no database here."""

    class Serializer(ItemSerializer):
        supplier = field(queryset=Supplier.objects.all())

    assert compare(Serializer(), [build_item(), build_item(supplier_id=None)])[0]["supplier"] == 7


@pytest.mark.parametrize(
    "options",
    [
        {"COERCE_BIGINT_TO_STRING": True},
        {"COERCE_DECIMAL_TO_STRING": False},
        {"DATETIME_FORMAT": "%d.%m.%Y"},
        {"DATETIME_FORMAT": None},
        {"UUID": "x"},
    ],
)
def test_settings_of_drf_are_followed(options: dict[str, Any]) -> None:
    """They decide how decimals and moments are shown."""
    with override_settings(REST_FRAMEWORK=options):
        compare(ItemSerializer(), [build_item(due=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))])


def test_a_to_representation_of_the_serializers_own_is_called() -> None:
    """So is one for things that are no rows."""

    class Serializer(ItemSerializer):
        @override
        def to_representation(self, instance: Any) -> dict[str, Any]:
            return {"name": instance.name}

    assert represent_rows(Serializer(), [build_item()]) == [{"name": "a"}]
    assert represent_rows(ItemSerializer(), []) == []
