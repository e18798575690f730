"""A runner for tests, which delivers as a bad network would: late, in any order, and more than once."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import ClassVar

from django.conf import settings
from typing_extensions import override

from drf_commons.jobs.calls import Call
from drf_commons.jobs.runners import CeleryRunner, run_call
from drf_commons.jobs.tasks import run


class Courier:
    """Keeps what is sent until a test delivers it."""

    waiting: ClassVar[list[Call]] = []

    def enqueue(self, call: Call) -> None:
        self.waiting.append(call)

    @classmethod
    def deliver(cls, random: Random | None = None, copies: int = 1) -> int:
        """Deliver what waits and what is sent meanwhile, each message *copies* times; return how many there were."""
        delivered = 0
        pile = cls.take() * copies
        while pile:
            if random is not None:
                random.shuffle(pile)
            run_call(pile.pop(0))
            delivered += 1
            pile += cls.take() * copies
        return delivered

    @classmethod
    def take(cls) -> list[Call]:
        """Return what waits, and forget it."""
        taken, cls.waiting[:] = [*cls.waiting], []
        return taken


class BadPost(CeleryRunner):
    """Celery that delivers everything twice and in any order, while a file ``scrambled`` lies beside those of jobs."""

    @override
    def enqueue(self, call: Call) -> None:
        if not Path(settings.MEDIA_ROOT, "scrambled").exists():
            super().enqueue(call)
            return
        for _ in range(2):
            moment = Random().random() / 2  # noqa: S311  # no secret
            run.apply_async((call.task, str(call.job), call.chunk), countdown=moment)


class AtOnce:
    """Does what it is told, as an engine does in tests."""

    def enqueue(self, call: Call) -> None:
        run_call(call)
