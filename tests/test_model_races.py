"""Real threads on real servers: no update is lost, and no slug is taken twice."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from typing import Any, ClassVar, Final

import pytest
from django.db import connections, transaction
from rest_framework.test import APIRequestFactory
from typing_extensions import override

from drf_commons.models.content import VersionConflictError
from drf_commons.serializers import BaseModelSerializer
from drf_commons.views import BaseViewSet
from drf_commons.views.mixins import SoftDestroyModelMixin
from tests.archive.models import Category, Counter, Document, VersionedCounter

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


class Checked(SoftDestroyModelMixin[Document], BaseViewSet[Document]):
    """Says when a request has passed its check, and is about to write."""

    serializer_class = BaseModelSerializer[Document]
    passed: ClassVar[Event]

    @override
    def perform_destroy(self, instance: Document) -> None:
        self.passed.set()
        super().perform_destroy(instance)

    @override
    def perform_restore(self, instance: Document) -> None:
        self.passed.set()
        super().perform_restore(instance)


class CheckedForGood(Checked):
    """Deletes for good."""

    @override
    def perform_destroy(self, instance: Document) -> None:
        self.passed.set()
        instance.delete()


@pytest.mark.parametrize(
    ("view", "method", "action"),
    [(CheckedForGood, "delete", "destroy"), (Checked, "delete", "destroy"), (Checked, "post", "restore")],
)
@on_servers("postgresql", "mariadb")
def test_a_change_that_commits_after_the_check_is_not_lost(
    alias: str, view: type[Checked], method: str, action: str
) -> None:
    """A request whose ``If-Match`` still held when it was checked is a 412 when the row's new version commits."""
    rows = Document.objects.using(alias)
    document = rows.create(body="first", is_active=action != "restore")
    passed = Event()

    class Racing(view):  # type: ignore[valid-type, misc]  # a class for each run
        queryset = rows.all()

    Racing.passed = passed

    def send() -> Any:
        try:
            request = getattr(APIRequestFactory(), method)("/", headers={"If-Match": '"1"'})
            return Racing.as_view({method: action})(request, pk=document.pk)
        finally:
            connections[alias].close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic(alias):
            document.body = "second"
            document.save(using=alias)
            answer = pool.submit(send)
            assert passed.wait(timeout=60)
            time.sleep(0.1)  # the other one now waits for the row
            assert not answer.done()
        assert (answer.result().status_code, answer.result().data["current_version"]) == (412, 2)
    stored = rows.get()
    assert (stored.body, stored.is_deleted) == ("second", action == "restore")


@on_servers("postgresql", "mariadb")
def test_of_a_save_and_a_delete_one_wins(alias: str) -> None:
    """Either the row is gone and the save finds nothing, or it is saved and the delete conflicts."""
    rows = VersionedCounter.objects.using(alias)
    met = Barrier(2)

    def attempt(act: str, counter: VersionedCounter) -> bool:
        try:
            met.wait(timeout=60)
            getattr(counter, act)()
        except (VersionConflictError, VersionedCounter.DoesNotExist):
            return False
        finally:
            connections[alias].close()
        return True

    with ThreadPoolExecutor(2) as pool:
        for _ in range(25):
            pk = rows.create().pk
            saves, deletes = pool.map(attempt, ("save", "delete"), (rows.get(pk=pk), rows.get(pk=pk)))
            assert saves is not deletes
            assert rows.filter(pk=pk, version=2).exists() is saves


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
