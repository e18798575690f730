"""Inserts without instances: the rows that ``bulk_create()`` would store, or none at all."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, models, transaction
from django.db.models import signals
from django.db.models.functions import Upper
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from drf_commons.bulk import bulk_create
from drf_commons.bulk.columnar import insert_columns
from drf_commons.current_user import as_user
from drf_commons.models.stored import StoredValuesMixin
from tests.personnel.models import Notice
from tests.warehouse.models import (
    Bin,
    Box,
    Crate,
    Item,
    Label,
    Machine,
    Page,
    Parcel,
    Post,
    Sample,
    Scan,
    Slot,
    Step,
    Supplier,
    Ticket,
)
from tests.warehouse.values import VALUES, read_raw

pytestmark = pytest.mark.django_db


def insert(model: type[models.Model], rows: Sequence[Mapping[str, Any]]) -> bool:
    """Insert *rows*, which have the same names, by their columns."""
    columns = {model._meta.get_field(name): [row[name] for row in rows] for name in rows[0]}
    return insert_columns(model._default_manager.all(), columns)  # type: ignore[arg-type]  # columns have no other fields


items = st.fixed_dictionaries(
    {
        "name": st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=10),
        "price": st.decimals(-(10**5), 10**5, places=2) | st.integers(-9, 9),
        "quantity": VALUES["integer"],
        "status": st.sampled_from(Item.Status) | st.just("new"),
        "due": st.none() | VALUES["date_time"],
        "is_active": st.booleans(),
    }
)


@given(rows=st.lists(items, min_size=1, max_size=5))
def test_columns_are_stored_as_instances_with_their_values_are(rows: list[dict[str, Any]]) -> None:
    """To the last bit, as the driver reads them; what nobody gave has its default."""
    Item.objects.all().delete()
    expected = bulk_create(Item.objects.all(), [Item(**row) for row in rows])
    with CaptureQueriesContext(connection) as queries:
        assert insert(Item, rows)
    assert len([query for query in queries if "INSERT INTO" in query["sql"]]) == 1

    stored = [*Item.objects.order_by("pk").values_list("pk", flat=True)]
    left, right = (
        [row[:-1] for row in read_raw(Item, pks)]  # the last one is when it was changed
        for pks in ([item.pk for item in expected], stored[len(rows) :])
    )
    assert left == right


def test_what_fills_itself_in_is_filled_in() -> None:
    """Audit columns and versions, clocks, and keys that a function makes."""
    user = User.objects.create(username="ann")
    before = timezone.now()
    with as_user(user):
        assert insert(Machine, [{"name": "a"}, {"name": "b"}])
    for machine in Machine.objects.all():
        assert (machine.created_by, machine.updated_by, machine.version, machine.is_active) == (user, user, 1, True)
        assert before <= machine.created_at <= timezone.now()
    assert len({*Machine.objects.values_list("pk", flat=True)}) == 2
    assert insert(Item, [{"name": "a"}])
    assert Item.objects.get().changed >= before
    assert insert(Parcel, [{"label": "a"}, {"label": "b"}])
    assert len({*Parcel.objects.values_list("pk", flat=True)}) == 2


def test_keys_of_ones_own_are_stored() -> None:
    """Whatever would have made them otherwise."""
    keys = [uuid.uuid4(), uuid.uuid4()]
    assert insert(Parcel, [{"id": key, "label": "a"} for key in keys])
    assert {*Parcel.objects.values_list("pk", flat=True)} == {*keys}
    assert insert(Item, [{"id": 7, "name": "a"}])
    assert insert(Label, [{"code": "x", "text": "a"}])
    assert (Item.objects.get().pk, Label.objects.get().pk) == (7, "x")


def test_defaults_are_made_row_by_row() -> None:
    """As those of instances are: two out of one sequence follow each other in a row."""
    assert insert(Page, [{"text": "a"}, {"text": "b"}])
    rows = [*Page.objects.order_by("pk").values_list("text", "first", "second")]
    first = rows[0][1]
    assert rows == [("a", first, first + 1), ("b", first + 2, first + 3)]


def double(name: str) -> Any:
    """Return a hook of the library, wrapped by a project, which takes over all that is written on it."""
    method = vars(StoredValuesMixin)[name]
    own = getattr(method, "__func__", method)

    @functools.wraps(own)
    def wrapped(*args: Any, **kwargs: Any) -> object:
        return own(*args, **kwargs)

    return classmethod(wrapped) if isinstance(method, classmethod) else wrapped


@pytest.mark.parametrize("name", ["prepare_bulk_create", "remember_stored"])
def test_hooks_of_a_model_are_heeded(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Also where a project only wraps what the library has."""
    monkeypatch.setattr(Machine, name, double(name))
    assert not insert(Machine, [{"name": "a"}])
    monkeypatch.undo()
    assert insert(Machine, [{"name": "a"}])


def test_a_chunk_is_a_statement_and_all_of_them_are_one() -> None:
    """What the database refuses takes everything back."""
    (names,) = [field for field in Supplier._meta.concrete_fields if field.name == "name"]
    with CaptureQueriesContext(connection) as queries:
        assert insert_columns(Supplier.objects.all(), {names: ["a", "b", "c"]}, chunk_size=2)
    assert len([query for query in queries if "INSERT INTO" in query["sql"]]) == 2
    with pytest.raises(IntegrityError), transaction.atomic():
        insert_columns(Supplier.objects.all(), {names: ["d", "e", "a"]}, chunk_size=1)
    assert {*Supplier.objects.values_list("name", flat=True)} == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("model", "row"),
    [
        (Sample, {"char": "a file is stored by its field"}),
        (Scan, {"place": "a field has a say before every write"}),
        (Crate, {"name": "two tables"}),
        (Box, {"width": 1, "height": 2}),
        (Ticket, {"text": "db default"}),
        (Slot, {"aisle": 1, "number": 2, "content": "key"}),
        (Step, {"text": "stands in an order"}),
        (Bin, {"name": "own method"}),
        (Notice, {"number": "1", "title": "has a slug"}),
        (Item, {"name": Upper(models.Value("sql"))}),
        (Item, {"id": None, "name": "no key"}),
        (Post, {"text": "draft"}),
        (Machine, {"name": "by hand", "created_at": timezone.now()}),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "-".join(value),
)
def test_rows_that_want_an_instance_are_left_alone(model: type[models.Model], row: dict[str, Any]) -> None:
    """Nothing is stored, and that is said."""
    if model is Step:
        row = {**row, "supplier": Supplier.objects.create(name="Ada").pk}
    assert not insert(model, [row])
    assert not model._default_manager.exists()


@pytest.mark.parametrize("signal", [signals.pre_init, signals.post_init])
def test_listeners_to_instances_get_their_instances(signal: Any) -> None:
    """As long as somebody listens, rows are made one by one."""

    def listen(**_: object) -> None:
        """Hear of an instance."""

    signal.connect(listen, sender=Item)
    try:
        assert not insert(Item, [{"name": "a", "price": Decimal(1)}])
    finally:
        signal.disconnect(listen, sender=Item)
    assert insert(Item, [{"name": "a", "price": Decimal(1)}])
