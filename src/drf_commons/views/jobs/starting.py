"""An import or export that a request asks for, and a job does: 202."""

from __future__ import annotations

import logging
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, cast

from django.db import DatabaseError
from rest_framework import status
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from drf_commons.errors import DrfCommonsError
from drf_commons.jobs.models import ImportJob, TransferJob
from drf_commons.jobs.service import Requester, start_export, start_import
from drf_commons.response import success_response
from drf_commons.services.exporting import FileType
from drf_commons.services.importing import ReadOptions
from drf_commons.types import StrOrPromise
from drf_commons.views.jobs.representation import ExportJobSerializer, ImportJobSerializer
from drf_commons.views.mixins.handover import prefers_async

if TYPE_CHECKING:
    from drf_commons.views.mixins.envelope import EnvelopeMixin

__all__ = ["accept_export", "accept_import", "storing"]

_logger: Final = logging.getLogger("drf_commons.jobs")

_ACCEPTED: Final = "The job is accepted; follow it where Location leads."
#: After how many seconds it is worth asking again.
_POLL: Final = "1"


class StorageFailedError(APIException):
    """The storage of the files did not do its work."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail: StrOrPromise = "The storage for the files of jobs failed; nothing was started. Try again later."  # pyright: ignore[reportIncompatibleVariableOverride]  # the stubs' own type is private
    default_code = "storage_failed"


def accept_import(
    view: EnvelopeMixin[Any], request: Request, asked: Mapping[str, Any], options: ReadOptions
) -> Response:
    """Start what the form *asked* says, and answer with the job."""
    upload = asked["file"]
    with storing():
        job = start_import(
            type(view),
            upload,
            _build_requester(view, request),
            name=upload.name,
            mode="replace" if asked["replace_data"] else "append",
            dry_run=asked["dry_run"],
            needs_confirmation=asked["needs_confirmation"] and not asked["dry_run"],
            options=options,
        )
    return _accept(view, request, job)


def accept_export(
    view: EnvelopeMixin[Any], request: Request, file_type: FileType, includes: Sequence[str] | None
) -> Response:
    """Start to write the rows of the list, and answer with the job."""
    job = start_export(type(view), file_type, _build_requester(view, request), includes=includes)
    return _accept(view, request, job)


@contextmanager
def storing(failure: StrOrPromise = StorageFailedError.default_detail) -> Generator[None]:
    """Answer 503 where a storage fails, and say with *failure* what was not done: its client raises what it likes."""
    try:
        yield
    except (APIException, DatabaseError, DrfCommonsError):
        raise
    except Exception as exc:  # the edge to the storage
        _logger.exception("storage failed")
        raise StorageFailedError(cast("str", failure)) from exc  # DRF forces a lazy text, which its stubs do not say


def _build_requester(view: EnvelopeMixin[Any], request: Request) -> Requester:
    query = request.META.get("QUERY_STRING", "")
    return Requester(user=request.user, query=query, kwargs=view.kwargs, version=request.version)


def _accept(view: EnvelopeMixin[Any], request: Request, job: TransferJob) -> Response:
    job.refresh_from_db()  # some runners are done with it
    serializer: Any = ImportJobSerializer if isinstance(job, ImportJob) else ExportJobSerializer
    data: Any = serializer(job, context=view.get_serializer_context()).data
    headers: dict[str, str] = {"Location": data["links"]["self"], "Retry-After": _POLL}
    if prefers_async(request):
        headers["Preference-Applied"] = "respond-async"
    # Nobody has to follow a job to learn that it cannot begin.
    message = job.message or _ACCEPTED
    return success_response(data, message, status_code=status.HTTP_202_ACCEPTED, headers=headers)
