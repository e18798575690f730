"""Real threads on real servers: nothing is lost, nothing is taken twice."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Final

import pytest
from django.db import connections

from drf_commons.models.content import VersionConflictError
from tests.archive.models import Document

WRITERS: Final = 32
INCREMENTS: Final = 50

on_servers = pytest.mark.parametrize(
    "alias",
    [
        pytest.param(
            alias,
            marks=[getattr(pytest.mark, alias), pytest.mark.django_db(databases=[alias], transaction=True)],
        )
        for alias in ("postgresql", "mariadb")
    ],
)


def run_together(threads: int, alias: str, work: Callable[[], None]) -> None:
    """Run *work* in as many *threads*, all starting at once; raise the first error of any."""
    barrier = Barrier(threads)

    def start() -> None:
        try:
            barrier.wait(timeout=30)
            work()
        finally:
            connections[alias].close()

    with ThreadPoolExecutor(threads) as pool:
        for future in [pool.submit(start) for _ in range(threads)]:
            future.result()


@on_servers
def test_no_increment_is_lost(alias: str) -> None:
    """Thirty-two writers, who each add 1 fifty times and try again after a conflict, add up to 1,600."""
    pk = Document.objects.using(alias).create().pk
    conflicts: list[int] = []

    def increment() -> None:
        for _ in range(INCREMENTS):
            while True:
                document = Document.objects.using(alias).only("count", "version").get(pk=pk)
                document.count += 1
                try:
                    document.save()
                    break
                except VersionConflictError:
                    conflicts.append(1)
                    time.sleep(random.uniform(0, 0.03))

    start = time.perf_counter()
    run_together(WRITERS, alias, increment)
    print(alias, time.perf_counter() - start, len(conflicts))
    document = Document.objects.using(alias).get(pk=pk)
    assert (document.count, document.version) == (1_600, 1_601)
