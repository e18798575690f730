"""Set-based updates write what Django's own methods write, and nothing else."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import DataError, IntegrityError, connection, models, transaction
from django.db.models import F, Value
from django.db.models.functions import Upper
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import example, given
from hypothesis import strategies as st

from drf_commons.bulk import abulk_update, bulk_update
from drf_commons.bulk.columns import prepare_values
from tests.warehouse.models import Bin, Box, Crate, Item, Label, Parcel, Sample, Scan, Shelf, Slot, Supplier
from tests.warehouse.values import VALUES, read_raw

pytestmark = pytest.mark.django_db


def make_items(count: int, **values: object) -> list[Item]:
    return Item.objects.bulk_create([Item(**{"name": f"item {number}", **values}) for number in range(count)])


def count_updates(queries: CaptureQueriesContext) -> int:
    return sum("UPDATE " in query["sql"] for query in queries)


def test_a_thousand_rows_take_one_statement() -> None:
    """However many rows a chunk has, it is one statement."""
    items = make_items(1000)
    for number, item in enumerate(items):
        item.name, item.quantity = f"new {number}", number

    with CaptureQueriesContext(connection) as queries:
        matched = bulk_update(Item.objects.all(), items, ["name", "quantity"])

    assert matched == 1000
    assert count_updates(queries) == 1
    assert [*Item.objects.order_by("pk").values_list("name", "quantity")] == [(f"new {n}", n) for n in range(1000)]


rows_of_values = st.lists(
    st.fixed_dictionaries({name: st.none() | values for name, values in VALUES.items()}), min_size=2, max_size=6
)


@given(rows=rows_of_values)
@example(
    rows=[  # the smallest number beside a column whose values are of more than one type
        {**dict.fromkeys(VALUES), "small_integer": -(2**15), "char": Item.Status.NEW},
        {**dict.fromkeys(VALUES), "char": "plain"},
    ]
)
def test_every_field_is_written_as_save_writes_it(rows: list[dict[str, Any]]) -> None:
    """The driver reads back the same bytes, whichever way they were written."""
    Sample.objects.all().delete()
    ours = Sample.objects.bulk_create([Sample() for _ in rows])
    theirs = Sample.objects.bulk_create([Sample() for _ in rows])
    for sample, twin, row in zip(ours, theirs, rows, strict=True):
        for name, value in row.items():
            setattr(sample, name, value)
            setattr(twin, name, value)

    with CaptureQueriesContext(connection) as queries:
        bulk_update(Sample.objects.all(), ours, VALUES)
    for twin in theirs:
        twin.save()

    assert count_updates(queries) == 1
    assert read_raw(Sample, [row.pk for row in ours]) == read_raw(Sample, [row.pk for row in theirs])


def test_related_objects_are_written_by_their_keys() -> None:
    """A foreign key, a one-to-one and a key to another column than the primary one all receive the right value."""
    ada, bob = Supplier.objects.create(name="Ada"), Supplier.objects.create(name="Bob")
    items, samples = make_items(2), Sample.objects.bulk_create([Sample(), Sample()])
    for sample, supplier, item in zip(samples, (ada, bob), items, strict=True):
        sample.foreign_key, sample.text_foreign_key, sample.one_to_one = supplier, supplier, item

    names = ("foreign_key", "text_foreign_key", "one_to_one")
    bulk_update(Sample.objects.all(), samples, names)

    rows: list[Any] = [*Sample.objects.order_by("pk").values_list(*names)]  # the plugin takes every key for a number
    assert rows == [(ada.pk, "Ada", items[0].pk), (bob.pk, "Bob", items[1].pk)]


def test_a_related_object_saved_after_its_assignment_is_found() -> None:
    """The key that the related row received in the meantime is the one that is written."""
    (item,) = make_items(1)
    item.supplier = Supplier(name="Ada")
    item.supplier.save()

    bulk_update(Item.objects.all(), [item], ["supplier"])

    assert Item.objects.get().supplier == item.supplier


def test_an_unsaved_related_object_is_refused() -> None:
    """Writing NULL instead would lose the relation silently."""
    (item,) = make_items(1)
    item.supplier = Supplier(name="Ada")

    with pytest.raises(ValueError, match="unsaved related object 'supplier'"):
        bulk_update(Item.objects.all(), [item], ["supplier"])


def test_rows_write_only_the_fields_they_name() -> None:
    """What another client wrote in the meantime survives in every column a row does not name."""
    items = make_items(3, quantity=1)
    Item.objects.update(name="theirs", quantity=7, price=Decimal("1.50"))
    for item in items:
        item.name, item.quantity, item.price = "ours", 2, Decimal("2.50")

    present = [{"name"}, {"quantity", "price"}, set[str]()]
    matched = bulk_update(Item.objects.all(), items, ["name", "quantity", "price"], present=present)

    assert matched == 3
    assert [*Item.objects.order_by("pk").values_list("name", "quantity", "price")] == [
        ("ours", 7, Decimal("1.50")),
        ("theirs", 2, Decimal("2.50")),
        ("theirs", 7, Decimal("1.50")),
    ]


@given(rows=st.lists(st.sets(st.sampled_from(sorted(VALUES))), min_size=1, max_size=5))
def test_a_masked_column_keeps_every_kind_of_value(rows: list[set[str]]) -> None:
    """The value that stays passes through the statement unchanged, whatever its type."""
    Sample.objects.all().delete()
    values: dict[str, Any] = {
        "big_integer": 2**62 + 1,
        "binary": b"\x00\xff",
        "boolean": True,
        "char": "é 'quoted'",
        "date": dt.date(2024, 2, 29),
        "date_time": dt.datetime(2024, 2, 29, 12, 30, 15, 123456, dt.UTC),
        "decimal": Decimal("123456789.125"),
        "duration": dt.timedelta(days=3, microseconds=7),
        "float": 0.1 + 0.2,
        "ip_address": "2001:db8::1",
        "json": {"a": ["é", None, 1.5]},
        "text": "long " * 50,
        "time": dt.time(1, 2, 3, 4),
        "uuid": uuid.UUID("12345678-1234-4234-8234-567812345678"),
        "mirrored": "abc",
    }
    stored = Sample.objects.bulk_create([Sample(**values) for _ in rows])
    before = read_raw(Sample, [sample.pk for sample in stored])
    (empty,) = read_raw(Sample, [Sample.objects.create().pk])
    blank = [Sample(pk=sample.pk) for sample in stored]

    bulk_update(Sample.objects.all(), blank, VALUES, present=rows)

    names = [field.name for field in Sample._meta.concrete_fields if not field.primary_key]
    after = read_raw(Sample, [sample.pk for sample in stored])
    for present, was, now in zip(rows, before, after, strict=True):
        assert now == tuple(new if name in present else old for name, old, new in zip(names, was, empty, strict=True))


def test_only_rows_of_the_queryset_are_written() -> None:
    """The queryset's own filter is part of the statement."""
    items = make_items(3)
    Item.objects.filter(pk=items[1].pk).update(is_active=False)
    for item in items:
        item.name = "new"

    matched = bulk_update(Item.objects.filter(is_active=True), items, ["name"])

    assert matched == 2
    assert [*Item.objects.order_by("pk").values_list("name", flat=True)] == ["new", "item 1", "new"]


def test_a_deleted_row_is_not_brought_back() -> None:
    """An update never inserts, and it tells how many rows it found."""
    items = make_items(3)
    Item.objects.filter(pk=items[0].pk).delete()

    assert bulk_update(Item.objects.all(), items, ["name"]) == 2
    assert Item.objects.count() == 2


def test_an_empty_queryset_writes_nothing() -> None:
    """A filter that no row can pass needs no statement."""
    items = make_items(1)

    with CaptureQueriesContext(connection) as queries:
        assert bulk_update(Item.objects.none(), items, ["name"]) == 0
        assert bulk_update(Item.objects.all(), [], ["name"]) == 0

    assert count_updates(queries) == 0


def test_chunks_bound_the_size_of_a_statement() -> None:
    """Each chunk is a statement, and all of them are one transaction."""
    items = make_items(5)
    for item in items:
        item.name = "new"

    with CaptureQueriesContext(connection) as queries:
        assert bulk_update(Item.objects.all(), items, ["name"], chunk_size=2) == 5

    assert count_updates(queries) == 3
    assert set(Item.objects.values_list("name", flat=True)) == {"new"}


def test_the_size_of_chunks_is_a_setting(settings: Any) -> None:
    """``BULK_OPERATION_BATCH_SIZE`` is read when rows are written."""
    settings.COMMON = {"BULK_OPERATION_BATCH_SIZE": 3}
    items = make_items(5)

    with CaptureQueriesContext(connection) as queries:
        bulk_update(Item.objects.all(), items, ["name"])

    assert count_updates(queries) == 2


def test_text_that_is_too_long_is_never_cut() -> None:
    """A database that knows lengths refuses it; SQLite, which does not, keeps it whole."""
    (item,) = make_items(1)
    item.name = "far too long for the column"

    if connection.vendor == "sqlite":
        bulk_update(Item.objects.all(), [item], ["name"])
        assert Item.objects.get().name == item.name
    else:
        with pytest.raises(DataError), transaction.atomic():
            bulk_update(Item.objects.all(), [item], ["name"])
        assert Item.objects.get().name == "item 0"


def test_one_bad_row_takes_all_the_others_back() -> None:
    """Nothing is half-written when the database refuses a row, whichever chunk it is in."""
    suppliers = Supplier.objects.bulk_create([Supplier(name=name) for name in ("Ada", "Bob", "Eve")])
    suppliers[0].name, suppliers[2].name = "New", "Bob"

    with pytest.raises(IntegrityError), transaction.atomic():
        bulk_update(Supplier.objects.all(), suppliers, ["name"], chunk_size=1)

    assert [*Supplier.objects.order_by("pk").values_list("name", flat=True)] == ["Ada", "Bob", "Eve"]


@pytest.mark.parametrize(("model", "field"), [(Parcel, "label"), (Label, "text")])
def test_keys_of_other_types_find_their_rows(model: type[Any], field: str) -> None:
    """A UUID or a text as primary key is matched as the column holds it."""
    keys = [uuid.uuid4() for _ in range(3)] if model is Parcel else ["b", "A é", "c"]
    rows = model.objects.bulk_create([model(pk=key, **{field: "old"}) for key in keys])
    for number, row in enumerate(rows):
        setattr(row, field, f"new {number}")

    assert bulk_update(model.objects.all(), rows, [field]) == 3

    assert {row.pk: getattr(row, field) for row in model.objects.all()} == {
        key: f"new {number}" for number, key in enumerate(keys)
    }


def test_deferred_columns_are_read_first() -> None:
    """An instance that has not loaded a column it names writes what the row holds."""
    make_items(2)
    items = [*Item.objects.only("pk").order_by("pk")]

    bulk_update(Item.objects.all(), items, ["name"])

    assert [*Item.objects.order_by("pk").values_list("name", flat=True)] == ["item 0", "item 1"]


def test_json_null_and_sql_null_stay_apart() -> None:
    """``None`` is SQL's NULL; ``Value(None, JSONField())`` is the null of JSON."""
    sample, other = Sample.objects.bulk_create([Sample(json=1), Sample(json=1)])
    sample.json, other.json = None, Value(None, models.JSONField())

    bulk_update(Sample.objects.all(), [sample, other], ["json"])

    assert [*Sample.objects.filter(json__isnull=True)] == [sample]
    assert read_raw(Sample, [other.pk])[0][[f.name for f in Sample._meta.concrete_fields].index("json") - 1] == "null"


def test_auto_now_is_written_although_it_is_not_named() -> None:
    """The time of change is that of the update, one and the same for all rows."""
    items = make_items(2)
    start = timezone.now()

    bulk_update(Item.objects.all(), items, ["name"])

    changed = set(Item.objects.values_list("changed", flat=True))
    assert len(changed) == 1
    assert changed == {item.changed for item in items}
    assert changed.pop() >= start


def test_a_named_auto_now_column_is_written_as_it_is() -> None:
    """Who names the column means its value."""
    items, then = make_items(2), dt.datetime(2001, 1, 1, tzinfo=dt.UTC)
    for item in items:
        item.changed = then

    bulk_update(Item.objects.all(), items, ["name", "changed"], present=[{"name"}, {"changed"}])

    first, second = Item.objects.order_by("pk").values_list("changed", flat=True)
    assert first > then
    assert second == then


def test_a_file_is_stored(settings: Any, tmp_path: Any) -> None:
    """A new file reaches the storage, as with ``save()``."""
    settings.MEDIA_ROOT = tmp_path
    sample = Sample.objects.create()
    sample.file = ContentFile(b"hello", name="greeting.txt")

    bulk_update(Sample.objects.all(), [sample], ["file"])

    with Sample.objects.get().file.open() as stored:
        assert stored.read() == b"hello"


def test_a_field_with_a_pre_save_of_its_own_runs_it_for_who_names_it() -> None:
    """A row that does not name the field is left alone."""
    scans = Scan.objects.bulk_create([Scan(place="a"), Scan(place="b")])
    before = [scan.writes for scan in scans]

    bulk_update(Scan.objects.all(), scans, ["place", "writes"], present=[{"place"}, {"writes"}])

    assert [*Scan.objects.order_by("pk").values_list("writes", flat=True)] == [before[0], before[1] + 1]


@pytest.mark.django_db(transaction=True)
async def test_the_async_twin_does_the_same() -> None:
    """``abulk_update()`` is the same call, awaited."""
    item = await Item.objects.acreate(name="old")
    item.name = "new"

    assert await abulk_update(Item.objects.all(), [item], ["name"]) == 1
    assert (await Item.objects.aget()).name == "new"


def test_an_expression_goes_through_django() -> None:
    """Only the database can compute the value."""
    items: list[Any] = make_items(2, quantity=1)
    items[0].quantity, items[1].quantity = F("quantity") + 41, 5
    items[0].name = Upper("name")

    assert bulk_update(Item.objects.all(), items, ["quantity", "name"]) == 2
    assert [*Item.objects.order_by("pk").values_list("quantity", "name")] == [(42, "ITEM 0"), (5, "item 1")]


def test_columns_of_a_parent_table_go_through_django() -> None:
    """The row stands in two tables."""
    crates = [Crate.objects.create(name=name, weight=1) for name in ("a", "b")]
    for crate in crates:
        crate.name, crate.weight = f"new {crate.name}", 2.5

    bulk_update(Crate.objects.all(), crates, ["name", "weight"], present=[{"name", "weight"}, {"weight"}])

    assert [*Crate.objects.order_by("pk").values_list("name", "weight")] == [("new a", 2.5), ("b", 2.5)]


def test_a_child_table_alone_is_written_at_once() -> None:
    """Columns that all stand in the child's own table need no detour."""
    crates = [Crate.objects.create(name="a", weight=1), Crate.objects.create(name="b", weight=1)]
    for crate in crates:
        crate.weight = 2.5

    Crate.objects.all()
    assert bulk_update(Crate.objects.all(), crates, ["weight"]) == 2
    assert set(Crate.objects.values_list("weight", flat=True)) == {2.5}


def test_of_equal_keys_the_first_wins_as_in_django() -> None:
    """A statement over rows with equal keys has no defined winner."""
    (item,) = make_items(1)
    first, second = Item(pk=item.pk, name="first"), Item(pk=item.pk, name="second")

    bulk_update(Item.objects.all(), [first, second], ["name"])

    assert Item.objects.get().name == "first"


def test_keys_may_be_spelt_in_any_way() -> None:
    """Capitals, dashes or not, a text or the key itself, all in one call; of two spellings the first wins."""
    keys = [uuid.UUID(int=number) for number in (3, 1, 4, 2)]
    Parcel.objects.bulk_create([Parcel(pk=key, label="old") for key in keys])
    spelt: list[Any] = [str(keys[0]).upper(), keys[1].hex, keys[2], f"{{{keys[3]}}}", str(keys[2])]
    parcels = [Parcel(pk=key, label=f"new {place}") for place, key in enumerate(spelt)]

    bulk_update(Parcel.objects.all(), parcels, ["label"])

    assert dict(Parcel.objects.values_list("pk", "label")) == {key: f"new {place}" for place, key in enumerate(keys)}
    items = make_items(12)
    rows = [Item(pk=item.pk if place % 2 else str(item.pk), name="new") for place, item in enumerate(items)]
    assert bulk_update(Item.objects.all(), rows, ["name"]) == 12
    with pytest.raises(ValueError, match="expected a number"):
        bulk_update(Item.objects.all(), [Item(pk="x", name="new")], ["name"])


def test_composite_keys_go_through_django() -> None:
    """A key of two columns is matched by both."""
    slots = Slot.objects.bulk_create([Slot(aisle=1, number=number, content="old") for number in (1, 2)])
    slots[0].content, slots[1].content = "a", "b"

    assert bulk_update(Slot.objects.all(), slots, ["content"]) == 2
    assert [*Slot.objects.order_by("number").values_list("content", flat=True)] == ["a", "b"]


def test_a_filter_over_a_join_goes_through_django() -> None:
    """An update cannot carry the join."""
    ada = Supplier.objects.create(name="Ada")
    items = make_items(2)
    Item.objects.filter(pk=items[0].pk).update(supplier=ada)
    for item in items:
        item.name = "new"

    assert bulk_update(Item.objects.filter(supplier__name="Ada"), items, ["name"]) == 1
    assert [*Item.objects.order_by("pk").values_list("name", flat=True)] == ["new", "item 1"]


def test_a_filter_with_a_subquery_keeps_its_meaning() -> None:
    """Not every database may read the table that it updates; the result is the same everywhere."""
    items = make_items(3)
    for item in items:
        item.name = "new"
    some = Item.objects.filter(pk__lte=items[1].pk).values("pk")

    assert bulk_update(Item.objects.filter(pk__in=some), items, ["name"]) == 2
    assert Item.objects.get(pk=items[2].pk).name == "item 2"


def test_an_annotated_queryset_goes_through_django() -> None:
    """Its filter may refer to the annotation."""
    items = make_items(2)
    items[0].quantity = items[1].quantity = 3
    queryset = Item.objects.annotate(loud=Upper("name")).filter(loud="ITEM 1")

    assert bulk_update(queryset, items, ["quantity"]) == 1
    assert [*Item.objects.order_by("pk").values_list("quantity", flat=True)] == [0, 3]


def test_a_bulk_update_of_the_queryset_itself_is_honoured() -> None:
    """A project that overrides ``bulk_update()`` has its reasons."""
    bins = Bin.objects.bulk_create([Bin(name="a"), Bin(name="b")])
    Bin.objects.update(written_by="")
    for row in bins:
        row.name = "new"

    bulk_update(Bin.objects.all(), bins, ["name"])

    assert [*Bin.objects.values_list("name", "written_by")] == [("new", "queryset")] * 2


def test_a_column_the_database_computes_follows() -> None:
    """The columns it is computed from are written as any other."""
    box = Box.objects.create(width=2, height=3)
    box.width = 5

    bulk_update(Box.objects.all(), [box], ["width"])

    assert Box.objects.get().area == 15
    with pytest.raises(ValueError, match="area: only columns that are neither key nor generated"):
        bulk_update(Box.objects.all(), [box], ["area"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda items: bulk_update(Item.objects.all(), items, []), "name at least one column"),
        (lambda items: bulk_update(Item.objects.all(), items, ["id"]), "id: only columns that are neither"),
        (lambda items: bulk_update(Item.objects.all(), [*items, Item(name="new")], ["name"]), "needs a primary key"),
        (lambda items: bulk_update(Item.objects.all(), items, ["name"], present=[]), "0 entries for 2 objects"),
        (lambda items: bulk_update(Item.objects.all(), items, ["name"], chunk_size=0), "chunk_size: 0"),
    ],
)
def test_a_wrong_call_is_refused_by_name(call: Callable[[list[Item]], int], message: str) -> None:
    """Each mistake has a message that names it, and nothing is written."""
    with pytest.raises(ValueError, match=message):
        call(make_items(2))


def test_a_decimal_without_bounds_is_prepared_as_its_field_does() -> None:
    """Newer versions of Django have them."""
    field: models.DecimalField[Any, Any] = models.DecimalField()
    values = [Decimal("1.50"), None, Decimal(-7)]

    expected = [field.get_db_prep_save(value, connection) for value in values]
    assert prepare_values(field, values, connection) == expected


@pytest.mark.postgresql
@pytest.mark.django_db(databases=["postgresql"])
def test_arrays_and_ranges_are_written_whole() -> None:
    """A column of arrays does not travel as an array of arrays."""
    queryset = Shelf.objects.using("postgresql")
    shelves: list[Any] = queryset.bulk_create([Shelf() for _ in range(3)])
    shelves[0].numbers, shelves[0].names, shelves[0].span = [1, 2], ["a", None], (1, 5)
    shelves[1].numbers, shelves[1].names = [], ["it's"]

    assert bulk_update(queryset, shelves, ["numbers", "names", "span"]) == 3

    rows: list[Any] = [*queryset.order_by("pk").values_list("numbers", "names", "span")]
    assert [row[:2] for row in rows] == [([1, 2], ["a", None]), ([], ["it's"]), (None, None)]
    assert (rows[0][2].lower, rows[0][2].upper, rows[1][2]) == (1, 5, None)
