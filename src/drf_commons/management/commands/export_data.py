"""Exports rows as a viewset does, from the command line."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, cast

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ObjectDoesNotExist
from django.core.management.base import BaseCommand, CommandError
from typing_extensions import override

from drf_commons.current_user import as_user
from drf_commons.errors import DrfCommonsError, MissingExtraError
from drf_commons.services import ExportResult, ExportService
from drf_commons.services.exporting import CONTENT_TYPES, FileType
from drf_commons.views.mixins import FileExportMixin
from drf_commons.views.routed import find_viewset

__all__ = ["Command"]


class Command(BaseCommand):
    """``manage.py export_data ArticleViewSet --output articles.xlsx``."""

    help = "Exports the rows of a viewset, with the columns that it lets leave, to a file."

    @override
    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("viewset", help="ArticleViewSet, app.ArticleViewSet, or the path that imports it")
        parser.add_argument("--output", type=Path, required=True, help="the file; it appears when it is whole")
        parser.add_argument(
            "--file-type", choices=[*CONTENT_TYPES], help="csv, xlsx or pdf; by default what the file is called"
        )
        parser.add_argument("--includes", nargs="+", metavar="NAME", help="the columns; by default all of them")
        parser.add_argument("--query", default="", help='what would stand behind the "?" of the URL: country=IS')
        parser.add_argument("--user", help="for whom: a user name; by default nobody who is signed in")

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        file_type = self.find_file_type(options["file_type"], options["output"])
        user = self.find_user(options["user"])
        with ExitStack() as stack:
            stack.enter_context(as_user(user))
            try:
                service = self.build_service(options["viewset"], options["query"], options["includes"], user)
                result = self.export(service, file_type, options["output"])
            except (DrfCommonsError, OSError) as exc:
                raise CommandError(str(exc)) from exc
        numbers = f"{result.rows:,} rows, {result.size:,} bytes, {result.seconds:.1f} s"
        self.stdout.write(self.style.SUCCESS(f"wrote {options['output']}: {numbers}"))

    def find_file_type(self, name: str | None, path: Path) -> FileType:
        """Return the type that is named, or that the ending of *path* says."""
        wanted = name or path.suffix.removeprefix(".").lower()
        for known in CONTENT_TYPES:
            if known == wanted:
                return known
        msg = f"{path} does not say what it is: add --file-type, one of {', '.join(CONTENT_TYPES)}"
        raise CommandError(msg)

    def find_user(self, name: str | None) -> Any:
        """Return the user called *name*, or an anonymous one."""
        if name is None:
            return AnonymousUser()
        users: Any = get_user_model()._default_manager  # whatever the project's users are
        try:
            return users.get_by_natural_key(name)
        except ObjectDoesNotExist:
            msg = f"there is no user {name!r}"
            raise CommandError(msg) from None

    def build_service(self, name: str, query: str, includes: list[str] | None, user: Any) -> ExportService:
        """Return what writes the rows that *user* would see in the list of the viewset, for this *query*."""
        try:
            viewset = find_viewset(name)
        except LookupError as exc:
            raise CommandError(exc.args[0]) from None
        if not issubclass(viewset, FileExportMixin):
            msg = f"{viewset.__name__} exports no files: give it FileExportMixin"
            raise CommandError(msg)
        view: FileExportMixin[Any] = cast("Any", viewset).for_user(
            user, "export", query=query
        )  # it leaves its model open
        if not view.export_field_config:
            msg = f"{viewset.__name__}.export_field_config names no fields, so nothing may leave"
            raise CommandError(msg)
        unknown = [column for column in includes or () if column not in view.export_field_config]
        if unknown:
            choices = ", ".join(view.export_field_config)
            msg = f"--includes: {', '.join(unknown)} cannot be exported; choose from {choices}"
            raise CommandError(msg)
        return view.get_export_service(includes, None)

    def export(self, service: ExportService, file_type: FileType, path: Path) -> ExportResult:
        """Write the file, showing how far it has come."""
        with self.show_progress(service) as tell:
            service.on_progress = tell
            return service.write(file_type, path)

    @contextmanager
    def show_progress(self, service: ExportService) -> Generator[Callable[[int], object]]:
        """Yield what keeps a progress bar up to date, where there is somebody to see it."""
        if not self.stdout.isatty():
            yield lambda _rows: None
            return
        try:
            from rich import progress  # noqa: PLC0415  # imported when it is used
        except ImportError:
            msg = "the progress bar needs rich: pip install 'drf-commons[export]'"
            raise MissingExtraError(msg) from None
        columns = (
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TimeElapsedColumn(),
        )
        with progress.Progress(*columns) as bar:
            task = bar.add_task("Exporting", total=service.count_rows())
            yield lambda rows: bar.update(task, completed=rows)
