"""A row as JSON: every kind of column, and the choice of columns."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from ipaddress import ip_address

import pytest
from django.contrib.auth.models import User
from django.utils.functional import lazystr
from django.utils.safestring import mark_safe
from hypothesis import given
from hypothesis import strategies as st

from drf_commons.current_user import as_user
from drf_commons.models.json_values import to_json
from tests.archive.models import Memo, Note, Sample

pytestmark = pytest.mark.django_db


def test_every_kind_of_column_has_its_json_type() -> None:
    """What the database gives back for each of Django's fields is a JSON value that an encoder takes as it is."""
    memo = Memo.objects.create(text="memo")
    pk = Sample.objects.create(
        date=date(2024, 2, 29),
        datetime=datetime(2024, 2, 29, 13, 14, 15, 16, tzinfo=timezone(timedelta(hours=2))),
        decimal=Decimal("10.500"),
        duration=timedelta(days=1, seconds=2, microseconds=3),
        email="a@example.com",
        file="notes/a.txt",
        ip="::1",
        json={"a": [1, None, 2.5]},
        memo=memo,
        metadata={"k": "v"},
        tags=["a"],
        time=time(1, 2, 3),
        url="https://example.com/",
        uuid=uuid.UUID(int=1),
    ).pk
    row = Sample.objects.get(pk=pk).get_json()
    assert (
        json.loads(json.dumps(row, allow_nan=False))
        == row
        == {
            "big": 2**53,
            "binary": "AP8=",
            "boolean": True,
            "char": "red",
            "date": "2024-02-29",
            "datetime": "2024-02-29T11:14:15.000016Z",
            "decimal": "10.500",
            "doubled": 4,
            "duration": "P1DT00H00M02.000003S",
            "email": "a@example.com",
            "file": "notes/a.txt",
            "float": 1.5,
            "id": pk,
            "image": "cat.png",
            "integer": 2,
            "ip": "::1",
            "json": {"a": [1, None, 2.5]},
            "memo": memo.pk,
            "metadata": {"k": "v"},
            "notes": "",
            "null": None,
            "slug": "slug",
            "small": 3,
            "tags": ["a"],
            "text": "text",
            "time": "01:02:03",
            "url": "https://example.com/",
            "uuid": "00000000-0000-0000-0000-000000000001",
        }
    )


def test_empty_columns_are_null() -> None:
    """A row without values has ``null`` where there may be none, and no file where there is none."""
    row = Sample.objects.create().get_json(["date", "datetime", "decimal", "file", "memo", "uuid"])
    assert set(row.values()) == {None}


def test_an_unsaved_row_has_plain_values() -> None:
    """Members of choices, which a constructor leaves as they are, become their values."""
    row = Sample().get_json(["char", "integer"])
    assert row == {"char": "red", "integer": 2}
    assert [type(value) for value in row.values()] == [str, int]


def test_every_concrete_column_by_default() -> None:
    """The base model's row has all its columns, in the order of its fields."""
    ada = User.objects.create(username="ada")
    with as_user(ada):
        note = Note.objects.create(text="text")
    row = note.get_json()
    assert [*row] == [field.name for field in Note._meta.concrete_fields]
    assert (row["id"], row["created_by"], row["is_active"]) == (str(note.pk), ada.pk, True)
    assert str(row["created_at"]).endswith("Z")


def test_fields_are_picked_in_order() -> None:
    """``fields`` picks columns, properties and many-to-many fields, in the order it names them."""
    sample = Sample.objects.create()
    memos = [Memo.objects.create(text=text) for text in "ab"]
    sample.memos.set(memos)
    row = sample.get_json(["shout", "memos", "pk", "memo_id"])
    assert row == {"shout": "TEXT", "memos": [memo.pk for memo in memos], "pk": sample.pk, "memo_id": None}
    assert [*row] == ["shout", "memos", "pk", "memo_id"]


def test_fields_and_audit_columns_are_excluded() -> None:
    """``exclude_fields`` leaves out by name, ``exclude_audit`` what says when a row was written and by whom."""
    row = Note(text="text").get_json(exclude_fields=["words"], exclude_audit=True)
    assert [*row] == ["is_active", "deleted_at", "id", "text"]
    assert Sample().get_json(["memo", "memo_id", "text"], exclude_fields=["memo_id"]) == {"text": "text"}


def test_unknown_names_are_refused() -> None:
    """A name that the model does not have is told, rather than silently left out."""
    with pytest.raises(ValueError, match="Note has no 'nonsense', 'wordz' to put into JSON"):
        Note().get_json(["text", "wordz", "nonsense"])
    with pytest.raises(ValueError, match="Note has no 'wordz' to put into JSON"):
        Note().get_json(exclude_fields=["wordz"])


class Plain(Enum):
    A = (1, "a")


class Text(str, Enum):  # noqa: UP042  # its str() is not its value
    A = "a"


class Range:
    lower, upper, lower_inc, upper_inc = 1, None, True, False


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("nan"), None),
        (float("inf"), None),
        (Decimal("NaN"), "NaN"),
        (datetime(2024, 1, 1, 12), "2024-01-01T12:00:00.000000"),  # noqa: DTZ001  # as with USE_TZ off
        (datetime(2024, 1, 1, tzinfo=UTC), "2024-01-01T00:00:00.000000Z"),
        (Plain.A, [1, "a"]),
        (Text.A, "a"),
        (mark_safe("<b>"), "<b>"),
        (lazystr("later"), "later"),
        (memoryview(b"a"), "YQ=="),
        (bytearray(b"a"), "YQ=="),
        ({1: {"a"}, Text.A: ()}, {"1": ["a"], "a": []}),
        (frozenset({1}), [1]),
        (ip_address("127.0.0.1"), "127.0.0.1"),
        (Range(), {"lower": 1, "upper": None, "bounds": "[)"}),
        (Memo(pk=7), 7),
    ],
)
def test_other_values_become_json(value: object, expected: object) -> None:
    """What custom fields, JSON columns and properties may hold has a JSON form as well."""
    result = to_json(value)
    assert result == expected
    assert type(result) is type(expected)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes() | st.decimals() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=10,
)


@given(values)
def test_any_value_can_be_encoded(value: object) -> None:
    """The result is plain JSON: a strict encoder takes it, and it reads back the same."""
    result = to_json(value)
    assert json.loads(json.dumps(result, allow_nan=False)) == result
