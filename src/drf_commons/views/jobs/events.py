"""How far a job has come, told as it happens: server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from time import monotonic
from typing import Final

from asgiref.sync import sync_to_async
from django.core.exceptions import ObjectDoesNotExist
from django.db import close_old_connections

from drf_commons.jobs.models import ACTIVE, TransferJob
from drf_commons.jobs.progress import get_progress

__all__ = ["CONTENT_TYPE", "END", "stream_progress"]

CONTENT_TYPE: Final = "text/event-stream"
#: The id of the last event: a browser that comes back with it is told to stay away.
END: Final = "end"

#: How often a client costs a look at the database, in seconds.
_INTERVAL: Final = 1.0
#: After how many seconds of silence a client, and what stands between, is told that there is still somebody.
_SILENCE: Final = 15.0
#: For how many seconds a client is served before it has to ask, and show who it is, again.
_LIFETIME: Final = 600.0
_RETRY: Final = b"retry: 2000\n\n"


async def stream_progress(job: TransferJob) -> AsyncIterator[bytes]:
    """Yield an event ``progress`` whenever the numbers of *job* have changed, and ``end`` when nobody works at it.

    A job that waits to be confirmed ends the stream as well. The last event has the numbers of the one before it.
    """
    yield _RETRY
    look = sync_to_async(_build_look(job))
    told = ""
    started = spoken = monotonic()
    while monotonic() - started < _LIFETIME:
        progress = await look()
        if progress is None:
            yield _build_event("end", json.dumps({"status": "deleted"}), END)
            return
        if (text := json.dumps(progress)) != told:
            told, spoken = text, monotonic()
            yield _build_event("progress", text)
        elif monotonic() - spoken >= _SILENCE:
            spoken = monotonic()
            yield b": still here\n\n"
        if progress["status"] not in ACTIVE:
            yield _build_event("end", text, END)
            return
        await asyncio.sleep(_INTERVAL)


def _build_look(job: TransferJob) -> Callable[[], Mapping[str, object] | None]:
    def look() -> Mapping[str, object] | None:
        try:
            return get_progress(job).to_dict()
        except ObjectDoesNotExist:
            return None
        finally:
            # Nobody else gives a connection back between two looks, as long as a client listens.
            close_old_connections()

    return look


def _build_event(name: str, data: str, key: str = "") -> bytes:
    head = f"id: {key}\n" if key else ""
    return f"{head}event: {name}\ndata: {data}\n\n".encode()
