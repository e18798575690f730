"""Bulk requests under strain: many at once, cut off on the way, with hooks of the project's own; and what they cost."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from django.db.models import Count, QuerySet, Window
from django.db.models.functions import RowNumber
from django.db.models.signals import post_save
from django.http import UnreadablePostError
from django.urls import path
from rest_framework import serializers
from rest_framework.parsers import JSONParser
from typing_extensions import override

from drf_commons.bulk import bulk_create
from drf_commons.serializers import BaseModelSerializer
from tests.bulk_views import ArticleViewSet, ItemViewSet, NotNumberSeven, in_partial_mode, send, statements_counted
from tests.newsroom.models import Article, Author
from tests.test_bulk_concurrency import SERVERS, run_together
from tests.warehouse.models import Item, Supplier

if TYPE_CHECKING:
    from pytest_django.live_server_helper import LiveServer

urlpatterns = [path("items/", ItemViewSet.as_view({"post": "bulk_create"}))]


def build_items(number: int, using: str = "default") -> list[Item]:
    return bulk_create(Item.objects.using(using), [Item(name=str(n), quantity=n) for n in range(number)])


@pytest.mark.parametrize("alias", SERVERS)
def test_sixteen_clients_change_overlapping_rows(alias: str) -> None:
    """Each gets its answer, and every row is as one of them wrote it, not half of it."""
    items = build_items(60, alias)

    class View(ItemViewSet):
        queryset = Item.objects.using(alias)

    def change(client: int) -> Callable[[], object]:
        rows = items[client : client + 40]
        ordered = rows if client % 2 else rows[::-1]
        body = [{"id": item.pk, "name": f"c{client}", "quantity": client + 100} for item in ordered]

        def run() -> None:
            assert send(View, "patch", "bulk-update", body).status_code == 200

        return run

    assert run_together(alias, *map(change, range(16))) == [None] * 16
    written = {*Item.objects.using(alias).values_list("name", "quantity")}
    assert {row for row in written if row[1] >= 100} <= {(f"c{client}", client + 100) for client in range(16)}
    assert len([row for row in written if row[1] < 100]) == 60 - 55


@pytest.mark.parametrize("alias", SERVERS)
def test_rows_may_be_locked_until_they_are_written(alias: str) -> None:
    """Clients that read and write the same rows, in any order, wait for each other."""
    items = build_items(20, alias)

    class View(ItemViewSet):
        queryset = Item.objects.using(alias)
        bulk_select_for_update = True

    def change(client: int) -> Callable[[], object]:
        ordered = items if client % 2 else items[::-1]
        body = [{"id": item.pk, "quantity": client + 100} for item in ordered]

        def run() -> None:
            assert send(View, "patch", "bulk-update", body).status_code == 200

        return run

    assert run_together(alias, *map(change, range(8))) == [None] * 8
    assert len({*Item.objects.using(alias).values_list("quantity", flat=True)}) == 1


@pytest.mark.parametrize("alias", SERVERS)
def test_rows_of_a_queryset_that_counts_wait_as_well(alias: str) -> None:
    """No database locks a group: the rows themselves are locked first, and read after the client before is done."""
    items = build_items(20, alias)
    reads: list[set[int]] = []

    class View(ItemViewSet):
        queryset = Item.objects.using(alias).annotate(crates=Count("crate"))
        bulk_select_for_update = True
        permission_classes = (NotNumberSeven,)

        @override
        def perform_bulk_update(self, serializer: Any) -> None:
            reads.append({item.quantity for item in serializer.find_instances()})
            super().perform_bulk_update(serializer)

    Item.objects.using(alias).update(name="x", quantity=1)

    def change(client: int) -> Callable[[], object]:
        ordered = items if client % 2 else items[::-1]
        body = [{"id": item.pk, "quantity": client + 100} for item in ordered]

        def run() -> None:
            assert send(View, "patch", "bulk-update", body).status_code == 200

        return run

    assert run_together(alias, *map(change, range(8))) == [None] * 8
    (last,) = {*Item.objects.using(alias).values_list("quantity", flat=True)}
    # Each read what the one before it had written: no two read the same.
    assert {value for read in reads for value in read} | {last} == {1, *range(100, 108)}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "rows",
    [
        Item.objects.annotate(crates=Count("crate")),
        Item.objects.filter(supplier__name="s").distinct(),
        Item.objects.annotate(place=Window(RowNumber())),
    ],
    ids=["counted", "distinct", "window"],
)
def test_every_action_locks_rows_that_no_database_locks_in_a_group(rows: QuerySet[Item]) -> None:
    """They are found by their ids, by columns of their own, and to be deleted; a hidden row stays out of reach."""
    supplier = Supplier.objects.create(name="s")
    Item.objects.bulk_create([Item(name=name, supplier=supplier) for name in "abc"])
    a, b, c = Item.objects.order_by("pk")

    class View(ItemViewSet):
        queryset = rows
        bulk_select_for_update = True
        bulk_upsert_fields = ("name",)
        permission_classes = (NotNumberSeven,)

    assert send(View, "patch", "bulk-update", [{"id": a.pk, "quantity": 1}]).status_code == 200
    assert send(View, "post", "bulk-create", [{"name": "b", "quantity": 2}]).status_code == 200
    assert send(View, "post", "bulk-delete", [c.pk]).data["data"]["count"] == 1
    assert {*Item.objects.values_list("pk", "quantity")} == {(a.pk, 1), (b.pk, 2)}


@pytest.mark.django_db
def test_a_body_that_is_cut_off_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client is gone; the answer nobody reads is a 400, and no error of the server's."""

    def cut_off(*_args: object, **_kwargs: object) -> object:
        raise UnreadablePostError

    monkeypatch.setattr(JSONParser, "parse", cut_off)
    response = send(ItemViewSet, "post", "bulk-create", [{"name": "a"}])
    assert response.status_code == 400
    assert response.data["message"] == "The request body ended before it was complete."
    assert Item.objects.count() == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.urls(__name__)
@pytest.mark.parametrize("waits", [True, False])
def test_a_client_that_drops_the_connection_writes_nothing(live_server: LiveServer, waits: bool) -> None:
    """It announced two rows and sent one, with a valid beginning; whether it waits for the answer or not."""
    host, port = live_server.url.removeprefix("http://").split(":")
    head = f"POST /items/ HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 32\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(head.encode() + b'[{"name": "a"},')
        if waits:
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(1000).startswith(b"HTTP/1.1 400 ")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(head.replace("32", "15").encode() + b'[{"name": "b"}]')
        assert connection.recv(1000).startswith(b"HTTP/1.1 201 ")
    assert [*Item.objects.values_list("name", flat=True)] == ["b"]


@pytest.mark.django_db
@pytest.mark.parametrize("size", [10, 200])
def test_statements_do_not_grow_with_the_rows(size: int) -> None:
    """An update reads the rows and their related rows once and writes once; permissions cost no query."""

    class View(ItemViewSet):
        permission_classes = (NotNumberSeven,)

    suppliers = [Supplier.objects.create(name=name) for name in "abc"]
    items = [item for item in build_items(size + 1) if item.name != "7"]
    body: list[Any] = [{"id": item.pk, "name": "x", "supplier": suppliers[n % 3].pk} for n, item in enumerate(items)]
    with statements_counted() as statements:
        assert send(View, "patch", "bulk-update", body).status_code == 200
    assert len(statements) <= 4
    with statements_counted() as statements:
        rows = [{"name": "y", "supplier": suppliers[0].pk}] * size
        assert send(View, "post", "bulk-create", rows).status_code == 201
    assert len(statements) <= 8


@pytest.mark.django_db
def test_rules_of_uniqueness_cost_a_query_each() -> None:
    """However many rows there are."""
    author = Author.objects.create(name="Ada")
    with statements_counted() as statements:
        body = [{"title": f"t{number}", "author": author.pk} for number in range(50)]
        assert send(ArticleViewSet, "post", "bulk-create", body).status_code == 201
    assert len(statements) <= 3


@pytest.mark.django_db
def test_each_row_is_saved_where_the_viewset_says_so() -> None:
    """Then the signals of each are sent."""

    class View(ItemViewSet):
        use_save_on_bulk_create = True
        use_save_on_bulk_update = True

    saved: list[str] = []

    def listen(instance: Item, **_: object) -> None:
        saved.append(instance.name)

    post_save.connect(listen, sender=Item)
    try:
        rows = send(View, "post", "bulk-create", [{"name": "a"}, {"name": "b"}]).data["data"]
        send(View, "patch", "bulk-update", [{"id": row["id"], "name": row["name"].upper()} for row in rows])
    finally:
        post_save.disconnect(listen, sender=Item)
    assert saved == ["a", "b", "A", "B"]


class UpsertViewSet(ArticleViewSet):
    bulk_upsert_fields = ("title",)


@pytest.mark.django_db
def test_an_upsert_changes_what_is_there_and_makes_the_rest() -> None:
    """The fields that tell rows apart find them; the answer has all of them in order."""
    old = Article.objects.create(title="old", words=1)
    response = send(UpsertViewSet, "post", "bulk-create", [{"title": "new", "words": 5}, {"title": "old", "words": 9}])
    assert response.status_code == 201
    assert [row["words"] for row in response.data["data"]] == [5, 9]
    assert response.data["data"][1]["id"] == old.pk
    assert Article.objects.count() == 2
    again = send(UpsertViewSet, "post", "bulk-create", [{"title": "new", "words": 6}, {"title": "old", "words": 7}])
    assert again.status_code == 200


@pytest.mark.django_db
def test_an_upsert_tells_of_each_row_in_partial_mode() -> None:
    """201 for a new row, 200 for a changed one."""
    Article.objects.create(title="old", words=1)
    body = [{"title": "new"}, {"title": "old", "words": 9}, {"title": "bad", "words": -1}]
    response = send(in_partial_mode(UpsertViewSet), "post", "bulk-create", body)
    assert [row["status"] for row in response.data["data"]["rows"]] == [201, 200, 400]


@pytest.mark.django_db
def test_an_upsert_asks_whether_stored_rows_may_be_changed() -> None:
    """Who may add rows may not change those of others that way."""

    class View(UpsertViewSet):
        permission_classes = (NotNumberSeven,)

    Article.objects.create(title="7")
    response = send(View, "post", "bulk-create", [{"title": "new"}, {"title": "7", "words": 9}])
    assert response.status_code == 403
    assert [*response.data["errors"]] == ["1"]
    assert Article.objects.count() == 1


@pytest.mark.django_db
def test_a_serializer_of_drf_alone_works_as_well() -> None:
    """Its rows are matched, checked and written by the library all the same."""

    class Serializer(serializers.ModelSerializer[Item]):
        class Meta:  # pyright: ignore[reportIncompatibleVariableOverride]  # the stubs declare a class
            model = Item
            fields = ("id", "name", "quantity")

    class View(ItemViewSet):
        serializer_class: Any = Serializer

    assert not issubclass(Serializer, BaseModelSerializer)
    rows = send(View, "post", "bulk-create", [{"name": "a"}, {"name": "b"}]).data["data"]
    response = send(View, "patch", "bulk-update", [{"id": row["id"], "quantity": 7} for row in rows[::-1]])
    assert [row["name"] for row in response.data["data"]] == ["b", "a"]
    assert {*Item.objects.values_list("quantity", flat=True)} == {7}
