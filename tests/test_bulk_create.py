"""Set-based inserts write what ``save()`` writes."""

from __future__ import annotations

import datetime as dt
import uuid
from functools import wraps
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import DataError, IntegrityError, connection, transaction
from django.db.models import Value
from django.db.models.functions import Upper
from django.test.utils import CaptureQueriesContext
from hypothesis import example, given
from hypothesis import strategies as st

from drf_commons.bulk import abulk_create, bulk_create
from drf_commons.models.querysets import AuditQuerySet
from tests.ledger.models import Note, Person
from tests.warehouse.models import (
    Bin,
    Box,
    Crate,
    Item,
    Label,
    Machine,
    Parcel,
    Sample,
    Scan,
    Shelf,
    Slot,
    Step,
    Supplier,
    Ticket,
)
from tests.warehouse.values import VALUES, read_raw

pytestmark = pytest.mark.django_db


def count_inserts(queries: CaptureQueriesContext) -> int:
    return sum("INSERT INTO" in query["sql"] for query in queries)


def test_a_thousand_rows_take_one_statement() -> None:
    """The rows are inserted at once, and each object receives the key of its own row."""
    items = [Item(name=f"item {number}", quantity=number) for number in range(1000)]

    with CaptureQueriesContext(connection) as queries:
        created = bulk_create(Item.objects.all(), items)

    assert created == items
    assert count_inserts(queries) == 1
    assert dict(Item.objects.values_list("pk", "quantity")) == {item.pk: item.quantity for item in items}
    assert not any(item._state.adding for item in items)


def test_keys_that_nobody_needs_may_stay_away() -> None:
    """The rows are stored all the same, with one statement, and say so."""
    items = [Item(name=f"item {number}", quantity=number) for number in range(1000)]

    with CaptureQueriesContext(connection) as queries:
        bulk_create(Item.objects.all(), items, needs_keys=False)

    assert len([query for query in queries if "SAVEPOINT" not in query["sql"]]) == 1
    assert not any(item._state.adding for item in items)
    stored = dict(Item.objects.values_list("name", "quantity"))
    assert stored == {item.name: item.quantity for item in items}


@given(
    rows=st.lists(
        st.fixed_dictionaries({}, optional={name: st.none() | values for name, values in VALUES.items()}),
        min_size=1,
        max_size=6,
    )
)
@example(rows=[{"small_integer": -(2**15), "char": Item.Status.NEW}, {"char": "plain"}])
def test_every_field_is_written_as_save_writes_it(rows: list[dict[str, Any]]) -> None:
    """The driver reads back the same bytes, whichever way they were written."""
    with CaptureQueriesContext(connection) as queries:
        ours = bulk_create(Sample.objects.all(), [Sample(**row) for row in rows])
    theirs = [Sample.objects.create(**row) for row in rows]

    assert count_inserts(queries) == 1
    assert read_raw(Sample, [row.pk for row in ours]) == read_raw(Sample, [row.pk for row in theirs])


def test_keys_of_ones_own_are_kept() -> None:
    """A key that is given, or that the field makes, is the one that is stored."""
    labels = bulk_create(Label.objects.all(), [Label(code=code, text=code) for code in ("b", "a")])
    parcels = bulk_create(Parcel.objects.all(), [Parcel(label="a"), Parcel(label="b", pk=uuid.uuid4())])
    items = bulk_create(Item.objects.all(), [Item(pk=70, name="a"), Item(pk=50, name="b")])

    assert dict(Label.objects.values_list("code", "text")) == {label.code: label.text for label in labels}
    assert dict(Parcel.objects.values_list("pk", "label")) == {parcel.pk: parcel.label for parcel in parcels}
    assert dict(Item.objects.values_list("pk", "name")) == {item.pk: item.name for item in items}


def test_some_keys_given_and_some_not_go_through_django() -> None:
    """The rows without a key receive one."""
    items = bulk_create(Item.objects.all(), [Item(pk=50, name="a"), Item(name="b")])

    assert dict(Item.objects.values_list("pk", "name")) == {50: "a", items[1].pk: "b"}


def test_chunks_bound_the_size_of_a_statement() -> None:
    """Each chunk is a statement; the keys of all of them arrive."""
    with CaptureQueriesContext(connection) as queries:
        items = bulk_create(Item.objects.all(), [Item(name=str(number)) for number in range(5)], chunk_size=2)

    assert count_inserts(queries) == 3
    assert dict(Item.objects.values_list("pk", "name")) == {item.pk: item.name for item in items}


def test_rows_that_are_all_alike_are_all_inserted() -> None:
    """There is no column that tells them apart, except the key."""
    items = bulk_create(Label.objects.all(), []) + bulk_create(Supplier.objects.all(), [Supplier(name="Ada")])
    same = "same"
    scans = bulk_create(Item.objects.all(), [Item(name=same) for _ in range(3)])

    assert len(items) == 1
    assert len({item.pk for item in scans}) == Item.objects.count() == 3


def test_text_that_is_too_long_is_never_cut() -> None:
    """A database that knows lengths refuses it; SQLite, which does not, keeps it whole."""
    item = Item(name="far too long for the column")

    if connection.vendor == "sqlite":
        bulk_create(Item.objects.all(), [item])
        assert Item.objects.get().name == item.name
    else:
        with pytest.raises(DataError), transaction.atomic():
            bulk_create(Item.objects.all(), [item])


def test_one_bad_row_takes_all_the_others_back() -> None:
    """Nothing is half-written when the database refuses a row, whichever chunk it is in."""
    with pytest.raises(IntegrityError), transaction.atomic():
        bulk_create(Supplier.objects.all(), [Supplier(name="Ada"), Supplier(name="Ada")], chunk_size=1)

    assert not Supplier.objects.exists()


def test_related_objects_are_written_by_their_keys() -> None:
    """A related object saved after its assignment is found; an unsaved one is refused."""
    supplier = Supplier(name="Ada")
    item = Item(name="a", supplier=supplier)

    with pytest.raises(ValueError, match="unsaved related object 'supplier'"):
        bulk_create(Item.objects.all(), [item])

    supplier.save()
    bulk_create(Item.objects.all(), [item])
    assert Item.objects.get().supplier == supplier


def test_related_objects_that_are_not_saved_are_refused() -> None:
    """Whichever kind of key refers to them; a row without the object that it points at would be of no use."""
    unsaved = Person(name="Ada")
    for row in (Note(target=unsaved, text="x"), Item(name="x", supplier=Supplier(name="x"))):
        with pytest.raises(ValueError, match="unsaved related object"):
            bulk_create(type(row)._default_manager.all(), [row])
    ada = Person.objects.create(name="Ada")
    bulk_create(Note.objects.all(), [Note(target=ada, text="x"), Note(target=ada, text="y")])
    assert [note.target for note in Note.objects.all()] == [ada, ada]


def test_auto_now_is_one_instant_for_all_rows() -> None:
    """All rows were created by one statement."""
    items = bulk_create(Item.objects.all(), [Item(name="a"), Item(name="b")])

    assert {item.changed for item in items} == set(Item.objects.values_list("changed", flat=True))
    assert len({item.changed for item in items}) == 1


def test_a_file_is_stored(settings: Any, tmp_path: Any) -> None:
    """A new file reaches the storage, as with ``save()``."""
    settings.MEDIA_ROOT = tmp_path

    bulk_create(Sample.objects.all(), [Sample(file=ContentFile(b"hello", name="greeting.txt"))])

    with Sample.objects.get().file.open() as stored:
        assert stored.read() == b"hello"


def test_a_pre_save_of_ones_own_runs_once() -> None:
    """Also when an expression elsewhere sends the rows through Django."""
    plain = bulk_create(Scan.objects.all(), [Scan(place="a")])
    computed = bulk_create(Scan.objects.all(), [Scan(place=Upper(Value("b")))])

    assert dict(Scan.objects.values_list("pk", "place")) == {plain[0].pk: "a", computed[0].pk: "B"}
    assert set(Scan.objects.values_list("writes", flat=True)) == {1}


def test_rows_in_two_tables_are_saved_one_by_one() -> None:
    """Django refuses to insert them at once."""
    crates = bulk_create(Crate.objects.all(), [Crate(name="a", weight=1), Crate(name="b", weight=2)])

    assert dict(Crate.objects.values_list("pk", "weight")) == {crates[0].pk: 1.0, crates[1].pk: 2.0}


def test_composite_keys_go_through_django() -> None:
    """A key of two columns is stored in both."""
    bulk_create(Slot.objects.all(), [Slot(aisle=1, number=2, content="a")])

    assert Slot.objects.get(pk=(1, 2)).content == "a"


def test_columns_the_database_computes_come_back() -> None:
    """Django reads them where the database can return them."""
    bulk_create(Box.objects.all(), [Box(width=2, height=3)])

    assert Box.objects.get().area == 6


def test_defaults_of_the_database_are_left_to_it() -> None:
    """A row that gives no value receives the database's."""
    bulk_create(Ticket.objects.all(), [Ticket(text="a"), Ticket(text="b", state="closed")])

    assert dict(Ticket.objects.values_list("text", "state")) == {"a": "open", "b": "closed"}


def test_ordered_rows_keep_their_place() -> None:
    """Their order is a column of its own, which Django looks after."""
    supplier = Supplier.objects.create(name="Ada")
    steps = [Step(supplier=supplier, text=text, _order=number) for number, text in enumerate("ab")]

    bulk_create(Step.objects.all(), steps)

    assert [*Step.objects.values_list("text", flat=True)] == ["a", "b"]


def test_new_rows_stand_behind_the_others_in_their_order() -> None:
    """``save()`` finds the place of a row that has none; without one the database refuses it."""
    ada, bob = (Supplier.objects.create(name=name) for name in ("Ada", "Bob"))
    Step.objects.create(supplier=ada, text="a")

    owners = {"b": ada, "c": bob, "d": ada}
    bulk_create(Step.objects.all(), [Step(supplier=owner, text=text) for text, owner in owners.items()])

    places = {(step.supplier_id, step.text): step._order for step in Step.objects.all()}  # type: ignore[attr-defined]
    assert places == {(ada.pk, "a"): 0, (ada.pk, "b"): 1, (ada.pk, "d"): 2, (bob.pk, "c"): 0}


def test_a_bulk_create_of_the_queryset_itself_is_honoured() -> None:
    """A project that overrides ``bulk_create()`` has its reasons."""
    bulk_create(Bin.objects.all(), [Bin(name="a")])

    assert Bin.objects.get().written_by == "queryset"


def test_a_wrapper_around_our_own_bulk_create_is_honoured() -> None:
    """A decorator takes over all attributes of a method, but is another one."""
    called: list[str] = []
    ours: Any = AuditQuerySet

    @wraps(ours.bulk_create)
    def note(*args: Any, **kwargs: Any) -> Any:
        called.append("bulk_create")
        return ours.bulk_create(*args, **kwargs)

    noting: Any = type("NotingQuerySet", (ours,), {"bulk_create": note})

    bulk_create(noting(Machine), [Machine(name="a"), Machine(name="b")])

    assert called == ["bulk_create"]
    assert Machine.objects.count() == 2


def test_a_chunk_has_at_least_one_row() -> None:
    """A size of nothing would never end."""
    with pytest.raises(ValueError, match="chunk_size: 0"):
        bulk_create(Item.objects.all(), [Item(name="a")], chunk_size=0)


@pytest.mark.django_db(transaction=True)
async def test_the_async_twin_does_the_same() -> None:
    """``abulk_create()`` is the same call, awaited."""
    (item,) = await abulk_create(Item.objects.all(), [Item(name="a")])

    assert (await Item.objects.aget()).pk == item.pk


@pytest.mark.postgresql
@pytest.mark.django_db(databases=["postgresql"])
def test_arrays_and_ranges_are_written_whole() -> None:
    """A column of arrays does not travel as an array of arrays; the alias is that of the queryset."""
    queryset = Shelf.objects.using("postgresql")

    shelves = bulk_create(queryset, [Shelf(numbers=[1, 2], span=(1, 5)), Shelf(names=["a", None]), Shelf()])

    assert [*queryset.order_by("pk").values_list("pk", "numbers", "names")] == [
        (shelves[0].pk, [1, 2], None),
        (shelves[1].pk, None, ["a", None]),
        (shelves[2].pk, None, None),
    ]
    assert shelves[0]._state.db == "postgresql"


def test_moments_keep_their_microseconds() -> None:
    """Whatever zone they are given in."""
    moment = dt.datetime(2024, 3, 31, 2, 30, 0, 123456, dt.timezone(dt.timedelta(hours=-3)))

    bulk_create(Item.objects.all(), [Item(name="a", due=moment)])

    assert Item.objects.get().due == moment
