"""What is exported can be imported again: every kind of field, in CSV and in XLSX, and not one row is another."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from io import BytesIO
from typing import Any, Final

import pytest
from django.db import connection

from drf_commons.services import ExportService, FileImportService
from drf_commons.services.exporting import FileType
from tests.warehouse.models import Item, Sample, Supplier

pytestmark = pytest.mark.django_db

NAMES: Final = [
    field.name
    for field in Sample._meta.concrete_fields
    if field.name not in {"foreign_key", "one_to_one", "text_foreign_key", "mirrored"}
]
#: What a text in a file cannot tell apart from its neighbours is left out: an empty text and NULL, spaces at the ends.
TEXTS: Final = ["=1+1", "'=1", "-5", "+49 30", "007", "NA", "null", "a,b;c", '"', "ö €\U0001f600", "1e5", "@x", "l\nm"]


def build_samples() -> list[Sample]:
    """Return rows with a value in every column, with values that files like to change, and with none at all."""
    supplier = Supplier.objects.create(name="=Acme")
    samples = [
        Sample(
            big_integer=2**63 - 1 - number,
            binary=bytes([number, 255]),
            boolean=number % 2 == 0,
            char=text,
            date=dt.date(1899, 12, 31) + dt.timedelta(days=number * 10_000),
            date_time=dt.datetime(2025, 10, 26, 0, 30, 0, 123456, dt.UTC) + dt.timedelta(hours=number),
            decimal=Decimal("123456789.125") - number,
            duration=dt.timedelta(days=-number, microseconds=7),
            email=f"a{number}@example.com",
            file=f"files/{number:03}.txt",
            file_path=f"/tmp/{number}",  # noqa: S108  # a path that is only text
            float=0.1 * number,
            ip_address="2001:db8::1",
            integer=-number,
            json={"a": [number, None, text]},
            encoded_json=[str(number)],
            positive_big_integer=10**15 + number,
            positive_integer=number,
            positive_small_integer=number,
            slug=f"00{number}",
            small_integer=number,
            text=text * 3,
            time=dt.time(23, 59, number, 500_000),
            url="https://example.com/?a=1&b=2",
            uuid=uuid.UUID(int=number),
            foreign_key=supplier,
        )
        for number, text in enumerate(TEXTS)
    ]
    return Sample.objects.bulk_create([*samples, Sample()])


@pytest.mark.parametrize("file_type", ["csv", "xlsx"])
def test_every_field_comes_back_as_it_was(file_type: FileType) -> None:
    """The import of an export finds every row unchanged; into an empty table, it makes the same rows again."""
    build_samples()
    columns: dict[str, Any] = {name: name for name in NAMES}
    source = Sample.objects.order_by("pk")
    data = b"".join(ExportService(source, {**columns, "foreign_key__name": "supplier"}).stream(file_type))
    step = {
        "model": Sample,
        "fields": [*NAMES, "supplier"],
        "unique_fields": ["id"],
        "update_if_exists": True,
        "foreign_keys": {"foreign_key": {"model": Supplier, "lookup_field": "name", "source_field": "supplier"}},
    }
    service = FileImportService({"file_format": file_type, "order": ["sample"], "models": {"sample": step}})
    result = service.import_file(BytesIO(data), name=f"samples.{file_type}")
    assert [str(error) for error in result.errors] == []
    assert (result.created, result.updated, result.unchanged) == (0, 0, len(TEXTS) + 1)
    before = [*source.values()]
    Sample.objects.all().delete()
    result = service.import_file(BytesIO(data), name=f"samples.{file_type}")
    assert [str(error) for error in result.errors] == []
    assert [*source.values()] == before


@pytest.mark.parametrize("file_type", ["csv", "xlsx"])
def test_what_json_holds_comes_back_as_it_was(file_type: FileType) -> None:
    """A text that looks like a number, or like a list, is one still."""
    values: list[Any] = ["text", "5", "[1]", "true", True, False, 5, 0.5, [True, "x"], {"a": "b"}, "", "=1"]
    Sample.objects.bulk_create(Sample(json=value) for value in values)
    data = b"".join(ExportService(Sample.objects.all(), {"id": "id", "json": "json"}).stream(file_type))
    step = {"model": Sample, "fields": ["id", "json"], "unique_fields": ["id"], "update_if_exists": True}
    result = FileImportService({"models": {"sample": step}}).import_file(BytesIO(data), name=f"samples.{file_type}")
    assert (result.unchanged, result.updated, result.errors) == (len(values), 0, ())
    shown = ExportService([{"json": "text"}], {"json": "json"})
    assert b'"' not in b"".join(shown.stream("csv"))  # of a row that is no model's nobody knows that it is JSON


@pytest.mark.skipif(connection.vendor != "sqlite", reason="one database is enough")
def test_labels_of_choices_are_understood() -> None:
    """A person sees labels, and so does the import."""
    Item.objects.create(name="x", status=Item.Status.SOLD)
    config = {"name": "name", "status": "status"}
    data = b"".join(ExportService(Item.objects.all(), config).stream("csv"))
    assert b"Sold" in data
    step = {"model": Item, "fields": ["name", "status"], "unique_fields": ["name"], "update_if_exists": True}
    service = FileImportService({"file_format": "csv", "order": ["item"], "models": {"item": step}})
    assert service.import_file(BytesIO(data), name="items.csv").unchanged == 1
