"""Imports a file slowly, telling of every chunk that is committed: ``… database file``."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import django
from django.conf import settings

from drf_commons.services import FileImportService, ImportProgress


def tell(progress: ImportProgress) -> None:
    """Print how many rows are new and how many were there, and give the other side time to strike."""
    print(progress.created, progress.unchanged, flush=True)  # noqa: T201  # the parent reads it
    time.sleep(0.01)


def main() -> None:
    """Import the file into the database that the parent names."""
    from tests import settings as test_settings  # noqa: PLC0415  # only what is needed of them

    settings.configure(
        DATABASES={"default": {**test_settings.DATABASES["default"], "NAME": sys.argv[1]}},
        INSTALLED_APPS=test_settings.INSTALLED_APPS,
        MIDDLEWARE=test_settings.MIDDLEWARE,
        DEFAULT_AUTO_FIELD=test_settings.DEFAULT_AUTO_FIELD,
        SECRET_KEY=test_settings.SECRET_KEY,
        USE_TZ=True,
    )
    django.setup()
    from tests.personnel.files import CONFIG  # noqa: PLC0415  # it names models

    FileImportService(CONFIG, batch_size=50, progress_callback=tell).import_file(Path(sys.argv[2]))


if __name__ == "__main__":
    main()
