"""What may be decided about a job where it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

from drf_commons.jobs.models import JobStatus, TransferJob
from drf_commons.jobs.service import cancel, confirm, resume

__all__ = ["DECISIONS", "Decision", "list_decisions"]

Decision: TypeAlias = Literal["cancel", "confirm", "resume"]

#: How each of them is carried out.
DECISIONS: Final[Mapping[Decision, Callable[[Any], None]]] = {"confirm": confirm, "resume": resume, "cancel": cancel}

_BY_STATUS: Final[Mapping[str, Sequence[Decision]]] = {
    JobStatus.QUEUED: ["cancel"],
    JobStatus.RUNNING: ["cancel"],
    JobStatus.STALLED: ["resume", "cancel"],
    JobStatus.CONFIRMING: ["confirm", "cancel"],
    JobStatus.FAILED: ["resume"],
    JobStatus.CANCELLED: ["resume"],
}


def list_decisions(job: TransferJob) -> Sequence[Decision]:
    """Return what would not be refused now."""
    return _BY_STATUS.get(job.status, ())
