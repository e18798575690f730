"""Values for every column of the samples, and a look at what became of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

from django.db import connection, models
from django.db.models import Value
from hypothesis import strategies as st

from tests.warehouse.models import Item

INDIA: Final = dt.timezone(dt.timedelta(hours=5, minutes=30))

moments = st.datetimes(dt.datetime(1900, 1, 2), dt.datetime(2200, 1, 1), timezones=st.just(dt.UTC))  # noqa: DTZ001
texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)
documents = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(texts, children, max_size=3),
    max_leaves=5,
)

#: What each column of Sample may be given.
VALUES: Final[dict[str, st.SearchStrategy[object]]] = {
    "big_integer": st.integers(-(2**63), 2**63 - 1),
    "binary": st.binary(max_size=20),
    "boolean": st.booleans(),
    "char": texts | st.sampled_from(Item.Status),
    "date": st.dates(dt.date(1900, 1, 1), dt.date(2200, 1, 1)),
    "date_time": moments
    | moments.map(lambda moment: moment.astimezone(dt.timezone(dt.timedelta(hours=5, minutes=30)))),
    "decimal": st.decimals(-(10**8), 10**8, places=3) | st.decimals(-(10**8), 10**8, places=1) | st.integers(-9, 9),
    "duration": st.timedeltas(dt.timedelta(days=-9999), dt.timedelta(days=9999)),
    "email": st.just("ada@example.com"),
    "file": st.just("stored/before.txt"),
    "file_path": st.just("/tmp/some.txt"),  # noqa: S108  # a text, nothing is written there
    "float": st.floats(-1e15, 1e15, allow_nan=False),
    "ip_address": st.ip_addresses().map(str),
    "integer": st.integers(-(2**31), 2**31 - 1) | st.booleans(),
    "json": documents.filter(lambda document: document is not None) | st.just(Value(None, models.JSONField())),
    "encoded_json": st.fixed_dictionaries({"at": moments, "price": st.decimals(0, 9, places=2)}),
    "positive_big_integer": st.integers(0, 2**63 - 1),
    "positive_integer": st.integers(0, 2**31 - 1),
    "positive_small_integer": st.integers(0, 2**15 - 1),
    "slug": st.from_regex(r"\A[-a-z0-9_]{1,20}\Z"),
    "small_integer": st.integers(-(2**15), 2**15 - 1),
    "text": st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=200),
    "time": st.times(),
    "url": st.just("https://example.com/?q=1"),
    "uuid": st.uuids(version=4),
    "mirrored": texts,
}


def read_raw(model: type[models.Model], pks: Sequence[Any]) -> list[tuple[object, ...]]:
    """Return rows as the driver reads them, without their keys: no field has a say in it."""
    quote = connection.ops.quote_name
    fields = [field for field in model._meta.concrete_fields if not field.primary_key]
    columns = ", ".join(quote(str(field.column)) for field in fields)
    marks = ", ".join(["%s"] * len(pks))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {columns} FROM {quote(model._meta.db_table)} WHERE id IN ({marks}) ORDER BY id",  # noqa: S608
            [*pks],
        )
        return [*cursor.fetchall()]
