"""Settings of a worker whose project has forgotten the app of the jobs."""

from __future__ import annotations

from tests import settings
from tests.settings import *  # noqa: F403  # all but one of them

INSTALLED_APPS = [  # type: ignore[misc]  # that one
    name for name in settings.INSTALLED_APPS if name != "drf_commons.jobs"
]
