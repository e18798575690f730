"""Profiles one request at a time, and writes what it found as a page with a flame view."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from drf_commons.conf import get_settings
from drf_commons.errors import MissingExtraError

if TYPE_CHECKING:
    from pyinstrument import Profiler

__all__ = ["ProfileRun", "require_pyinstrument"]

#: Seconds between two looks at the stack: requests are short.
_INTERVAL: Final = 0.0005

_busy: Final = threading.Lock()


def require_pyinstrument() -> None:
    """Raise :class:`~drf_commons.errors.MissingExtraError` where pyinstrument is not installed."""
    if find_spec("pyinstrument") is None:
        msg = "ProfilerMiddleware needs pyinstrument: pip install 'drf-commons[debug]'"
        raise MissingExtraError(msg)


class ProfileRun:
    """The profile of one stretch of code in one thread; there is never more than one in the process."""

    def __init__(self, profiler: Profiler) -> None:
        self._profiler = profiler

    @classmethod
    def start(cls, *, in_event_loop: bool = False) -> ProfileRun | None:
        """Start in this thread, or return ``None`` where somebody profiles already; nobody ever waits.

        *in_event_loop* follows the coroutine that asks, and leaves out those that run in between.
        """
        # A profiler of somebody else's would lose its thread to ours, and never know.
        if _is_profiled() or not _busy.acquire(blocking=False):
            return None
        try:
            from pyinstrument import Profiler  # noqa: PLC0415  # an extra

            profiler = Profiler(interval=_INTERVAL, async_mode="enabled" if in_event_loop else "disabled")
            # Before anything else of ours is on the stack, so that the view shows the request alone.
            profiler.start()
        except BaseException:
            _busy.release()
            raise
        return cls(profiler)

    def stop(self) -> Callable[[], Path]:
        """Stop, in the thread of the start, and let others profile. Returns what writes the page and tells its path."""
        try:
            self._profiler.stop()
        finally:
            _busy.release()
        return self._write

    def abandon(self) -> None:
        """Stop without a result."""
        try:
            self._profiler.stop()
        finally:
            _busy.release()

    def _write(self) -> Path:
        page = self._profiler.output_html()
        folder = _find_folder()
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{uuid4().hex[:12]}.html"
        path = folder / name
        # For the owner alone, and never over something that is there.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(page)
        return path


def _is_profiled() -> bool:
    if sys.getprofile() is not None:
        return True
    monitoring = getattr(sys, "monitoring", None)  # where Python 3.12 and later keep cProfile
    return monitoring is not None and monitoring.get_tool(monitoring.PROFILER_ID) is not None


def _find_folder() -> Path:
    if configured := get_settings().DEBUG_PROFILE_DIRECTORY:
        folder = Path(configured)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder
    return _make_own_folder()


@cache
def _make_own_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="drf_commons_profiles_"))
