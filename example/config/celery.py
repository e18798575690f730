"""The Celery application of ``make demo-workers``: ``celery -A config worker``."""

from __future__ import annotations

import os
from typing import Final

from celery import Celery

BROKER: Final = os.environ.get("DEMO_BROKER", "redis://127.0.0.1:6379/0")

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("config", broker=BROKER)
# A queue of its own: what else there is on this Redis is left alone. One message at a time, so that nobody hoards.
app.conf.update(
    task_default_queue="drf-commons-demo", worker_prefetch_multiplier=1, broker_connection_retry_on_startup=True
)
app.autodiscover_tasks()
