"""Real threads on real servers: no update is lost, and no slug is taken twice."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Final

import pytest
from django.db import connections, transaction

from drf_commons.models.content import VersionConflictError
from tests.archive.models import Category, Counter, VersionedCounter

WRITERS: Final = 32
INCREMENTS: Final = 50
NAMERS: Final = 16
NAMES: Final = 100


def on_servers(*aliases: str) -> pytest.MarkDecorator:
    """Return the mark of a test that runs once on each of the servers *aliases*."""
    marks = {
        alias: [getattr(pytest.mark, alias), pytest.mark.django_db(databases=[alias], transaction=True)]
        for alias in aliases
    }
    return pytest.mark.parametrize("alias", [pytest.param(alias, marks=marks[alias]) for alias in aliases])


def run_together(threads: int, alias: str, work: Callable[[], None]) -> None:
    """Run *work* in so many *threads*, all starting at once; raise the first error of any."""
    barrier = Barrier(threads)

    def start() -> None:
        try:
            connections[alias].ensure_connection()
            barrier.wait(timeout=60)
            work()
        finally:
            connections[alias].close()

    with ThreadPoolExecutor(threads) as pool:
        for future in [pool.submit(start) for _ in range(threads)]:
            future.result()


def increment(alias: str, pk: int) -> None:
    """Add 1, and begin again until nobody came in between."""
    while True:
        counter = VersionedCounter.objects.using(alias).get(pk=pk)
        counter.count += 1
        try:
            counter.save()
        except VersionConflictError:
            time.sleep(random.uniform(0, 0.8))  # noqa: S311  # only spreads the writers
        else:
            break


@on_servers("postgresql", "mariadb")
def test_no_increment_is_lost(alias: str) -> None:
    """Thirty-two writers, who each add 1 fifty times and try again after a conflict, add up to 1,600."""
    pk = VersionedCounter.objects.using(alias).create().pk

    def work() -> None:
        for _ in range(INCREMENTS):
            increment(alias, pk)

    run_together(WRITERS, alias, work)
    counter = VersionedCounter.objects.using(alias).get(pk=pk)
    assert (counter.count, counter.version) == (1_600, 1_601)


@on_servers("postgresql", "mariadb")
def test_without_a_version_increments_are_lost(alias: str) -> None:
    """Writers who save a model without the mixin undo each other's increments, so the test above can fail."""
    pk = Counter.objects.using(alias).create().pk

    def work() -> None:
        for _ in range(10):
            counter = Counter.objects.using(alias).get(pk=pk)
            counter.count += 1
            counter.save()

    run_together(WRITERS, alias, work)
    assert Counter.objects.using(alias).get(pk=pk).count < 320


@on_servers("postgresql", "mariadb")
def test_equal_names_get_distinct_slugs(alias: str) -> None:
    """Sixteen threads save a hundred rows of one name each: 1,600 slugs and no error."""

    def work() -> None:
        for _ in range(NAMES):
            Category(name="crowd").save(using=alias)

    run_together(NAMERS, alias, work)
    slugs = Category.objects.using(alias).values_list("slug", flat=True)
    assert len(slugs) == len({*slugs}) == 1_600


@on_servers("postgresql")
def test_equal_names_get_distinct_slugs_within_transactions(alias: str) -> None:
    """A slug that was taken meanwhile breaks no outer transaction: what else it wrote is there too."""

    def work() -> None:
        for _ in range(25):
            with transaction.atomic(alias):
                Counter.objects.using(alias).create()
                Category(name="crowd").save(using=alias)
                Counter.objects.using(alias).create()

    run_together(NAMERS, alias, work)
    slugs = Category.objects.using(alias).values_list("slug", flat=True)
    assert len(slugs) == len({*slugs}) == 400
    assert Counter.objects.using(alias).count() == 800
