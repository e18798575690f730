"""Jobs from the command line: what there is, how far it is, and what to do about it."""

from __future__ import annotations

import time
import uuid
from argparse import ArgumentParser
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import timedelta
from string import hexdigits
from typing import TYPE_CHECKING, Any, Final

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from typing_extensions import override

from drf_commons.errors import JobStateError, MissingExtraError
from drf_commons.jobs.models import ACTIVE, ExportJob, ImportJob, JobStatus, TransferJob
from drf_commons.jobs.service import JobProgress, cancel, confirm, delete_job, get_progress, mark_stalled, resume

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["Command"]

_MODELS: Final[tuple[type[TransferJob], ...]] = (ImportJob, ExportJob)
_INTERVAL: Final = 1.0
#: How long an id is.
_KEY: Final = 32
#: How many jobs are listed.
_SHOWN: Final = 50


class Command(BaseCommand):
    """``manage.py transfer_jobs follow 5f3c…``: a job may be named by the first characters of its id."""

    help = (
        "Lists imports and exports that run as jobs, follows one with a progress bar, confirms, cancels or resumes it, "
        "and prunes old ones. The exit code of follow is 1 when the job did not complete."
    )

    @override
    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        listing = actions.add_parser("list", help="show the latest jobs")
        listing.add_argument("--active", action="store_true", help="only those that are worked at, or may be")
        for name, text in (
            ("follow", "show how far it is until it ends"),
            ("confirm", "import what a dry run has shown"),
            ("cancel", "stop it; what was committed stays"),
            ("resume", "go on with one that failed, stalled or was cancelled"),
        ):
            actions.add_parser(name, help=text).add_argument("job", help="its id, or how that begins")
        pruning = actions.add_parser("prune", help="delete jobs that have ended, with their files")
        pruning.add_argument("--days", type=int, default=30, help="those that ended before so many days; 30 by default")

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        match options["action"]:
            case "list":
                self.show_jobs(only_active=options["active"])
            case "prune":
                self.prune(options["days"])
            case "follow":
                self.follow(self.find_job(options["job"]))
            case _:
                self.decide(options["action"], self.find_job(options["job"]))

    def show_jobs(self, *, only_active: bool) -> None:
        """Print a line for each job, the latest first."""
        found: list[TransferJob] = []
        for model in _MODELS:
            jobs = model._default_manager.all()
            mark_stalled(jobs)
            found += (jobs.filter(status__in=ACTIVE) if only_active else jobs)[:_SHOWN]
        for job in sorted(found, key=lambda job: job.created_at, reverse=True)[:_SHOWN]:
            local = timezone.localtime(job.created_at) if timezone.is_aware(job.created_at) else job.created_at
            when = local.strftime("%Y-%m-%d %H:%M:%S")
            progress = get_progress(job)
            rows = f"{progress.rows:,} of {'?' if progress.total is None else f'{progress.total:,}'} rows"
            kind = job._meta.verbose_name
            line = f"{job.pk}  {when}  {kind}  {job.status_label}  {rows}  {job.requester or '-'}  {job}"
            self.stdout.write(f"{line}  {progress.message}".rstrip())
        if not found:
            self.stdout.write("no jobs")

    def find_job(self, name: str) -> TransferJob:
        """Return the job whose id is *name*, or begins with it."""
        start = name.replace("-", "").lower()
        if len(start) > _KEY or not set(start) <= set(hexdigits):
            msg = f"{name!r} is no id of a job: transfer_jobs list shows them"
            raise CommandError(msg)
        # Servers sort and write ids in ways of their own, so that only whole ones are looked for there.
        keys = [uuid.UUID(start)] if len(start) == _KEY else None
        found: list[TransferJob] = []
        for model in _MODELS:
            ids = keys or [pk for pk in model._default_manager.values_list("pk", flat=True) if pk.hex.startswith(start)]
            found += model._default_manager.filter(pk__in=ids[:2])
        match found:
            case [job]:
                return job
            case []:
                msg = f"there is no job {name!r}: transfer_jobs list shows them"
            case _:
                msg = f"several jobs begin with {name!r}: write more of it"
        raise CommandError(msg)

    def decide(self, action: str, job: TransferJob) -> None:
        """Do what was decided about *job*."""
        if isinstance(job, ExportJob) and action == "confirm":
            msg = "an export has nothing to confirm"
            raise CommandError(msg)
        decisions: dict[str, Any] = {"cancel": cancel, "confirm": confirm, "resume": resume}
        try:
            decisions[action](job)
        except JobStateError as exc:
            raise CommandError(str(exc)) from None
        job.refresh_from_db()
        self.stdout.write(self.style.SUCCESS(f"{job}: {job.status_label}"))

    def follow(self, job: TransferJob) -> None:
        """Show how far *job* is until nobody works at it, or nobody seems to."""
        with self.show_progress(str(job)) as tell:
            while True:
                progress = get_progress(job)
                tell(progress)
                if job.status not in {JobStatus.QUEUED, JobStatus.RUNNING}:
                    break
                time.sleep(_INTERVAL)
        self.stdout.write(f"{job}: {job.status_label}, {_describe(progress)}")
        if progress.message:
            self.stderr.write(progress.message)
        if job.status not in {JobStatus.COMPLETED, JobStatus.CONFIRMING}:
            raise SystemExit(1)

    def prune(self, days: int) -> None:
        """Delete the jobs that ended long ago, with their files."""
        limit = timezone.now() - timedelta(days=days)
        count = 0
        for model in _MODELS:
            for job in model._default_manager.filter(finished_at__lt=limit).exclude(status__in=ACTIVE).iterator():
                delete_job(job)
                count += 1
        self.stdout.write(f"{count} deleted")

    @contextmanager
    def show_progress(self, name: str) -> Generator[Callable[[JobProgress], None]]:
        """Yield what keeps a progress bar up to date, where there is somebody to see it."""
        if not self.stdout.isatty():
            yield lambda _progress: None
            return
        with _build_bar() as bar:
            task = bar.add_task(name, total=None)

            def tell(progress: JobProgress) -> None:
                text = f"{name}: {_describe(progress)}"
                bar.update(task, completed=progress.rows, total=progress.total, description=text)

            yield tell


def _describe(progress: JobProgress) -> str:
    text = f"{progress.rows:,} rows, {progress.failed:,} failed"
    return text if progress.rows_per_second is None else f"{text}, {progress.rows_per_second:,.0f} rows a second"


def _build_bar() -> Progress:
    try:
        from rich import progress  # noqa: PLC0415  # imported when it is used
    except ImportError:
        msg = "the progress bar needs rich: pip install 'drf-commons[import]'"
        raise MissingExtraError(msg) from None
    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.TimeRemainingColumn(),
    )
