"""The Celery app of the test project, for workers that tests start."""

from __future__ import annotations

import os
from typing import Final

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")


def build_app(broker: str) -> Celery:
    """Return an app that sends to *broker*; one that has sent to another keeps its connections."""
    app = Celery("tests", broker=broker)
    app.conf.update(
        # What a lost worker held is delivered again after two seconds; so is what takes longer, which does no harm.
        broker_transport_options={"visibility_timeout": 2},
        broker_connection_retry_on_startup=True,
        worker_prefetch_multiplier=1,
    )
    app.autodiscover_tasks()
    return app


app: Final = build_app(os.environ.get("BROKER_URL", "redis://127.0.0.1:6379/0"))
