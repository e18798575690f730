"""The query recorder: what it counts, on which connections, and where it says a query comes from."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import DatabaseError, connection, connections
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st
from rest_framework import serializers
from typing_extensions import override

from drf_commons.debug import QueryRecorder
from drf_commons.debug.shapes import abbreviate, find_shape
from tests.coroutines import in_transaction
from tests.newsroom.models import Article, Author
from tests.newsroom.serializers import ArticleSerializer


def write_articles(number: int) -> None:
    """Store *number* articles, each of an author of its own."""
    for index in range(number):
        Article.objects.create(title=f"Title {index}", author=Author.objects.create(name=f"Author {index}"))


@pytest.mark.django_db
@pytest.mark.parametrize("debug", [True, False])
def test_queries_are_counted_whatever_debug_says(debug: bool) -> None:
    """What is counted does not depend on the log that Django keeps for DEBUG."""
    with override_settings(DEBUG=debug), QueryRecorder() as recorder:
        Author.objects.count()
        list(Author.objects.all())
    assert recorder.count == 2
    assert 0 < recorder.seconds < 60
    Author.objects.count()
    assert recorder.count == 2


@pytest.mark.postgresql
@pytest.mark.mariadb
@pytest.mark.django_db(databases=["postgresql", "mariadb"])
def test_queries_of_several_databases_are_told_apart() -> None:
    """One recorder sees every connection, and equal queries of two databases are two shapes."""
    with QueryRecorder() as recorder:
        for alias in ("postgresql", "mariadb"):
            for name in ("Ada", "Grace"):
                assert not Author.objects.using(alias).filter(name=name).exists()
    assert recorder.count == 4
    assert {(shape.alias, shape.count) for shape in recorder.find_repeated(1)} == {("postgresql", 2), ("mariadb", 2)}


@pytest.mark.django_db
def test_queries_that_differ_in_their_values_are_one_shape() -> None:
    """A query in a loop is told with its number, and the line of the loop."""
    write_articles(7)
    with QueryRecorder() as recorder:
        names = [article.author.name for article in Article.objects.all() if article.author]
        line = inspect.currentframe().f_lineno - 1  # type: ignore[union-attr]
    (shape,) = recorder.find_repeated()
    assert (shape.count, len(names), recorder.count) == (7, 7, 8)
    assert shape.alias == "default"
    assert shape.slowest <= shape.seconds <= recorder.seconds
    (place,) = shape.places
    assert str(place).startswith(f"tests/test_query_recorder.py:{line} in ")


class CreditSerializer(serializers.ModelSerializer[Article]):
    """One query for each row, hidden in a declaration."""

    credit = serializers.CharField(source="author.name")

    class Meta:  # pyright: ignore[reportIncompatibleVariableOverride]  # as DRF's users write it
        model = Article
        fields = ("id", "credit")


@pytest.mark.django_db
def test_a_query_for_a_field_names_the_field() -> None:
    """Nobody's line of code asks for it: the serializer's declaration does, and is shown."""
    write_articles(6)
    with QueryRecorder() as recorder:
        assert len(CreditSerializer(Article.objects.all(), many=True).data) == 6
    (shape,) = recorder.find_repeated()
    (place,) = shape.places
    start = inspect.getsourcelines(CreditSerializer)[1]
    assert str(place) == f"tests/test_query_recorder.py:{start + 3} in CreditSerializer.credit"


@pytest.mark.django_db
def test_lists_of_values_are_one_shape_however_long() -> None:
    """IN with three keys and IN with five are the same mistake."""
    with QueryRecorder() as recorder:
        for number in (2, 3, 5):
            list(Author.objects.filter(pk__in=range(number)))
    (shape,) = recorder.shapes
    assert shape.count == 3
    assert "IN (?, …)" in shape.sql


@pytest.mark.django_db
def test_values_in_the_text_of_a_statement_are_no_part_of_its_shape() -> None:
    """SQL by hand may hold anything; none of it gets into a report."""
    with QueryRecorder() as recorder, connection.cursor() as cursor:
        cursor.execute("SELECT 'hunter2', 4711 /* hunter3 */ -- hunter4")
    assert "hunter" not in recorder.describe()
    assert "4711" not in recorder.describe()
    assert recorder.shapes[0].sql == "SELECT ?, …"


@pytest.mark.parametrize(
    ("sql", "vendor", "shape"),
    [
        ("INSERT INTO t (a) VALUES (%s, %s::uuid), (%s, %s::uuid)", "postgresql", "INSERT INTO t (a) VALUES (?, …), …"),
        ('SELECT "T1"."a1" FROM t T1 WHERE b = -3.5e7', "sqlite", 'SELECT "T1"."a1" FROM t T1 WHERE b = ?'),
        ('SELECT * FROM t WHERE a = "hunter2"', "mysql", "SELECT * FROM t WHERE a = ?"),
        ("SELECT $tag$hunter2$tag$, $$x", "postgresql", "SELECT ?, …"),
        ("SELECT 'it''s', 'a\\'b'", "mysql", "SELECT ?, …"),
        ('SAVEPOINT "s140_x3"', "sqlite", 'SAVEPOINT "…"'),
        ("RELEASE SAVEPOINT `s140_x3`", "mysql", "RELEASE SAVEPOINT `…`"),
        ("SELECT\n  %(name)s", "postgresql", "SELECT ?"),
        ("SELECT 'not closed", "sqlite", "SELECT ?"),
    ],
)
def test_shapes(sql: str, vendor: str, shape: str) -> None:
    """The text without the values, in the words of each database."""
    assert find_shape(sql, vendor) == shape


def test_a_reader_sees_the_tables_and_not_all_columns() -> None:
    """The statement is told apart by what it reads from, and by its conditions."""
    sql = 'SELECT "a"."id", "a"."name", "b"."id" FROM "a" INNER JOIN "b" ON ("a"."b" = "b"."id") WHERE "a"."id" = ?'
    assert abbreviate(sql) == 'SELECT "a"."id", … FROM "a" INNER JOIN "b" ON ("a"."b" = "b"."id") WHERE "a"."id" = ?'
    assert abbreviate("SELECT COUNT(*) FROM a") == "SELECT COUNT(*) FROM a"


@given(st.text(alphabet="'\"`$%s?()/*-\\ \n,:a1", max_size=200), st.sampled_from(["sqlite", "mysql"]))
def test_any_text_has_a_shape(sql: str, vendor: str) -> None:
    """Whatever is sent to a database, watching it does not fail; a text between quotes is never shown."""
    find_shape(sql, vendor)
    assert "hunter2" not in find_shape(f"SELECT 'hunter2' {sql}", vendor)


@pytest.mark.django_db
def test_a_failing_query_is_counted_and_fails_as_ever() -> None:
    """The database's own error comes through, and the report tells of it."""
    with QueryRecorder() as recorder:
        with pytest.raises(DatabaseError), connection.cursor() as cursor:
            cursor.execute("SELECT nothing FROM nowhere")
        assert "(1 failed)" in recorder.describe()
    assert recorder.shapes[0].failed == 1


class Unprintable:
    """A statement that a driver knows and nobody else can read."""

    @override
    def __str__(self) -> str:
        raise RuntimeError


def test_what_cannot_be_recorded_is_counted() -> None:
    """The number is right even where nothing else can be told."""
    with QueryRecorder() as recorder, pytest.raises(RuntimeError):
        recorder.note(connection, Unprintable(), 0.1, has_failed=False)
    assert (recorder.count, recorder.unrecorded) == (1, 1)
    assert "1 x (could not be recorded" in recorder.describe()


def test_a_million_different_queries_do_not_fill_the_memory() -> None:
    """There is an end to what is remembered, and none to what is counted."""
    with QueryRecorder(slow_threshold=0) as recorder:
        for number in range(1_500):
            recorder.note(connection, f"SELECT a{number}", 0.1, has_failed=False)
    assert (recorder.count, recorder.slow_count) == (1_500, 1_000)
    assert len(recorder.shapes) == 1_000
    assert len(recorder.slow) == 50
    assert recorder.unrecorded == 500


@pytest.mark.django_db
def test_slow_queries_are_kept() -> None:
    """What takes longer than the threshold is told one by one."""
    with QueryRecorder(slow_threshold=0) as recorder:
        Author.objects.count()
    (query,) = recorder.slow
    assert query.seconds == recorder.seconds
    assert query.place is not None
    assert query.place.path == __file__
    with override_settings(COMMON={"DEBUG_SLOW_QUERY_THRESHOLD": 60}), QueryRecorder() as recorder:
        Author.objects.count()
    assert recorder.slow == ()


@pytest.mark.django_db
def test_recorders_nest() -> None:
    """Each counts what is made inside its own block, also where it is entered twice."""
    with QueryRecorder() as outer:
        Author.objects.count()
        with QueryRecorder() as inner, inner:
            Author.objects.count()
        with outer:
            Author.objects.count()
    assert (outer.count, inner.count) == (3, 1)


@pytest.mark.django_db
def test_one_database_can_be_watched_alone() -> None:
    """Queries on others are not counted."""
    with QueryRecorder(using={"other"}) as other, QueryRecorder(using={"default"}) as default:
        Author.objects.count()
    assert (other.count, default.count) == (0, 1)


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_was_closed_is_watched_when_it_opens_again() -> None:
    """Between two requests a server may take the connection away."""
    if connection.settings_dict["NAME"] == ":memory:" or connection.vendor == "sqlite":
        pytest.skip("closing an in-memory database loses it")
    connection.close()
    with QueryRecorder() as recorder:
        Author.objects.count()
        connection.close()
        Author.objects.count()
    # Some backends ask the server something of their own first.
    (shape,) = (shape for shape in recorder.shapes if "newsroom_author" in shape.sql)
    assert shape.count == 2


@pytest.mark.django_db
def test_an_own_wrapper_of_the_project_is_left_alone() -> None:
    """A wrapper that is there when the connection opens is the one that goes when its block ends."""
    seen: list[str] = []

    def note(execute: Any, sql: str, *rest: object) -> object:
        seen.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(note), QueryRecorder() as recorder:
        Author.objects.count()
    Author.objects.count()
    assert (len(seen), recorder.count) == (1, 1)
    assert note not in connection.execute_wrappers


@pytest.mark.django_db(transaction=True)
def test_threads_of_ones_own_take_part_by_the_context() -> None:
    """A copy of the context brings the recorder along; a thread without it is somebody else's."""

    def ask() -> None:
        try:
            Author.objects.count()
        finally:
            connections.close_all()

    with QueryRecorder() as recorder:
        context = contextvars.copy_context()
        for target in (lambda: context.run(ask), ask):
            thread = threading.Thread(target=target)
            thread.start()
            thread.join()
    assert recorder.count == 1


@pytest.mark.django_db
@in_transaction
async def test_coroutines_are_counted_where_they_run() -> None:
    """Queries that a thread makes for a coroutine are the coroutine's, of each its own."""

    async def ask(times: int) -> int:
        with QueryRecorder() as recorder:
            for _ in range(times):
                await Author.objects.acount()
                await sync_to_async(Author.objects.count)()
        return recorder.count

    with QueryRecorder() as everything:
        assert [*await asyncio.gather(ask(1), ask(2), ask(3))] == [2, 4, 6]
    assert everything.count == 12


@pytest.mark.django_db
def test_a_list_of_a_good_serializer_repeats_nothing() -> None:
    """No news is good news."""
    write_articles(8)
    with QueryRecorder() as recorder:
        assert len(ArticleSerializer(Article.objects.all(), many=True).data) == 8
    assert recorder.find_repeated() == ()
    assert recorder.describe().startswith("1 query in ")


def test_no_queries_are_told_as_such() -> None:
    """There is something to read even then."""
    with QueryRecorder() as recorder:
        pass
    assert recorder.describe() == "no queries"
