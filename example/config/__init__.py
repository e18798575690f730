"""The example project: settings, routes and entry points."""

import os

if os.environ.get("DRF_COMMONS_TRANSFER_RUNNER") == "celery":
    # Web server and workers speak through the same broker.
    from config.celery import app as celery_app

    __all__ = ["celery_app"]
