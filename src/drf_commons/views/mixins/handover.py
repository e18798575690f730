"""What the file actions hand over to ``drf_commons.jobs``, where the project has installed it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any, Final, cast

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import UploadedFile
from django.urls import NoReverseMatch
from rest_framework.request import Request
from rest_framework.reverse import reverse

from drf_commons.services.importing import ReadOptions, open_table
from drf_commons.services.importing.texts import count_lines

__all__ = ["EXPORT_JOBS", "IMPORT_JOBS", "find_job_url", "has_more_rows", "offers_jobs", "prefers_async"]

#: What the routes of jobs are called.
IMPORT_JOBS: Final = "import-job"
EXPORT_JOBS: Final = "export-job"

_CHUNK: Final = 1_000


def prefers_async(request: Request) -> bool:
    """Tell whether the client would rather not wait: ``Prefer: respond-async`` (RFC 7240)."""
    preferences = str(request.headers.get("Prefer", "")).split(",")
    return any(text.partition(";")[0].strip().lower() == "respond-async" for text in preferences)


def offers_jobs(request: Request) -> bool:
    """Tell whether what *request* asks for may become a job; else it is answered at once.

    It may not without the app, without a URL for its jobs, and for whoever is not signed in, or has no row of their
    own, as with some tokens: a job belongs to somebody.
    """
    user: Any = request.user  # whoever the project's authentication finds
    is_known = isinstance(user, get_user_model()) and user.is_authenticated
    return is_known and apps.is_installed("drf_commons.jobs") and find_job_url(request, IMPORT_JOBS) is not None


def find_job_url(request: Request | None, routes: str, pk: object = None) -> str | None:
    """Return where a job is found, or all of them; ``None`` where no URL of the project leads there."""
    name = f"{routes}-list" if pk is None else f"{routes}-detail"
    kwargs: Mapping[str, object] = {} if pk is None else {"pk": str(pk)}
    match: Any = getattr(request, "resolver_match", None)
    for prefix in (f"{match.namespace}:", "") if match is not None and match.namespace else ("",):
        try:
            return str(reverse(f"{prefix}{name}", kwargs=kwargs, request=request))
        except NoReverseMatch:
            continue
    return None


def has_more_rows(upload: UploadedFile[bytes], limit: int, options: ReadOptions) -> bool:
    """Tell whether a file has more rows than *limit*, reading no further; of CSV, all lines are counted."""
    with open_table(upload, name=upload.name, options=options) as table:
        if table.file_format != "csv":
            rows = 0
            for chunk in table.read_chunks(_CHUNK):
                rows += len(chunk.rows) + len(chunk.faults)
                if rows > limit:
                    return True
            return False
    lines = count_lines(cast("IO[bytes]", upload))  # Django's files are read as others are
    upload.seek(0)
    return lines > limit + 1  # one may be of the header
