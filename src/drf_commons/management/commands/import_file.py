"""Imports a file as a viewset does, from the command line."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.exceptions import ObjectDoesNotExist
from django.core.management.base import BaseCommand, CommandError
from django.db.models import ProtectedError, RestrictedError
from typing_extensions import override

from drf_commons.current_user import as_user
from drf_commons.errors import ConfigurationError, MissingExtraError, UnreadableFileError
from drf_commons.services import FileImportService, ImportProgress, ImportResult
from drf_commons.services.importing import Table, open_table
from drf_commons.services.importing.failures import FailedRowsFile
from drf_commons.views.mixins import FileImportMixin
from drf_commons.views.routed import find_viewset

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["Command"]

#: How many errors are printed.
_SHOWN: Final = 20


class Command(BaseCommand):
    """``manage.py import_file EmployeeViewSet data.xlsx``."""

    help = (
        "Imports a file with the configuration of a viewset. The exit code is 0 when every row was imported, "
        "and 1 when some failed."
    )

    @override
    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("viewset", help="EmployeeViewSet, app.EmployeeViewSet, or the path that imports it")
        parser.add_argument("file", type=Path, help="a CSV, XLSX, XLS or ODS file")
        parser.add_argument(
            "--mode",
            choices=("append", "replace"),
            default="append",
            help="append commits chunk by chunk and leaves out rows that fail; replace is all or nothing",
        )
        parser.add_argument("--dry-run", action="store_true", help="report what would happen, and change nothing")
        parser.add_argument("--user", help="who does it, for the audit columns: a user name")
        parser.add_argument("--failed", type=Path, metavar="FILE", help="where to write rows that fail, with reasons")
        parser.add_argument("--encoding", help="of a CSV file; that of the configuration by default, or found out")
        parser.add_argument("--sheet", help="of a workbook; the first one by default")
        parser.add_argument("--async", dest="is_job", action="store_true", help="let a job do it, and print its id")

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        service = self.build_service(options["viewset"])
        user = self.find_user(options["user"]) if options["user"] else None
        if options["is_job"]:
            self.start_job(service, user, options)
            return
        with ExitStack() as stack:
            if user is not None:
                stack.enter_context(as_user(user))
            result = self.run_import(service, options)
        self.report(result)
        if result.failed or result.state != "completed":
            raise SystemExit(1)

    def build_service(self, name: str) -> FileImportService:
        """Return the service with the configuration of the viewset called *name*."""
        try:
            viewset = find_viewset(name)
        except LookupError as exc:
            raise CommandError(exc.args[0]) from None
        if not issubclass(viewset, FileImportMixin):
            msg = f"{viewset.__name__} imports no files: give it FileImportMixin"
            raise CommandError(msg)
        try:
            return FileImportService(viewset.get_import_config(), max_errors=_SHOWN)
        except ConfigurationError as exc:
            raise CommandError(str(exc)) from None

    def start_job(self, service: FileImportService, user: Any, options: dict[str, Any]) -> None:
        """Start a job with the file, and print its id; neither permissions nor the scope of the user are asked."""
        if not apps.is_installed("drf_commons.jobs"):
            msg = "--async needs 'drf_commons.jobs' in INSTALLED_APPS"
            raise CommandError(msg)
        from drf_commons.jobs.service import Requester, start_import  # noqa: PLC0415  # the app has models

        if options["failed"] is not None:
            msg = "--failed is for an import that is waited for: a job keeps the file itself"
            raise CommandError(msg)
        path: Path = options["file"]
        try:
            with path.open("rb") as file:
                job = start_import(
                    find_viewset(options["viewset"]),
                    file,
                    Requester(user=user, unrestricted=True),
                    name=path.name,
                    mode=options["mode"],
                    dry_run=options["dry_run"],
                    options=service.config.build_read_options(encoding=options["encoding"], sheet=options["sheet"]),
                )
        except (UnreadableFileError, OSError) as exc:
            raise CommandError(str(exc)) from None
        self.stdout.write(str(job.pk))
        self.stderr.write(f"Follow it: manage.py transfer_jobs follow {str(job.pk)[:8]}")

    def find_user(self, name: str) -> Any:
        """Return the user called *name*."""
        users: Any = get_user_model()._default_manager  # whatever the project's users are
        try:
            return users.get_by_natural_key(name)
        except ObjectDoesNotExist:
            msg = f"there is no user {name!r}"
            raise CommandError(msg) from None

    def run_import(self, service: FileImportService, options: dict[str, Any]) -> ImportResult:
        """Import the file, showing how far it has come."""
        path: Path = options["file"]
        read = service.config.build_read_options(encoding=options["encoding"], sheet=options["sheet"])
        try:
            with open_table(path, options=read) as table, self.show_progress(path, table) as tell:
                service.progress_callback = tell
                with FailedRowsFile(table) as failed:
                    rest: Path | None = options["failed"]
                    if rest is not None:
                        service.on_failed = failed.add
                    result = service.import_table(table, mode=options["mode"], dry_run=options["dry_run"])
                    if rest is not None and failed.count:
                        rest.write_bytes(b"".join(failed.write()))
                    return result
        except (UnreadableFileError, MissingExtraError, OSError) as exc:
            raise CommandError(str(exc)) from None
        except (ProtectedError, RestrictedError) as exc:
            raise CommandError(str(exc.args[0])) from None

    @contextmanager
    def show_progress(self, path: Path, table: Table) -> Generator[Callable[[ImportProgress], None]]:
        """Yield what keeps a progress bar up to date, where there is somebody to see it."""
        if not self.stdout.isatty():
            yield lambda _progress: None
            return
        with _build_bar() as bar:
            # How much of a text file is read is known; a sheet does not tell how many rows are to come.
            total = path.stat().st_size if table.file_format == "csv" else None
            task = bar.add_task("Importing", total=total)

            def tell(progress: ImportProgress) -> None:
                text = f"{progress.rows:,} rows, {progress.failed:,} failed"
                bar.update(task, completed=progress.cursor.offset, description=text)

            yield tell

    def report(self, result: ImportResult) -> None:
        """Print the numbers, the first errors, and what a dry run would change."""
        for error in result.errors:
            column = f", {error.column}" if error.column else ""
            self.stderr.write(f"row {error.row}{column}: {error.reason} ({error.code})")
        more = result.error_count - len(result.errors)
        if more > 0:
            self.stderr.write(f"and {more:,} more")
        for row in result.preview[:_SHOWN] if result.dry_run else ():
            if row.action == "updated":
                changes = "; ".join(f"{name}: {old} -> {new}" for name, (old, new) in row.values.items())
                self.stdout.write(f"row {row.row} would change: {changes}")
        numbers = f"{result.created:,} created, {result.updated:,} updated, {result.unchanged:,} unchanged"
        numbers += f", {result.deleted:,} deleted" if result.mode == "replace" else ""
        prefix = {"completed": "", "stopped": "stopped: ", "interrupted": f"{result.reason}: "}
        lead = prefix.get(result.state, "nothing was changed: ")
        dry = "dry run, nothing is written: " if result.dry_run else ""
        style = self.style.SUCCESS if not result.failed else self.style.WARNING
        self.stdout.write(style(f"{dry}{lead}{numbers}, {result.failed:,} failed"))


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
        progress.TimeElapsedColumn(),
    )
