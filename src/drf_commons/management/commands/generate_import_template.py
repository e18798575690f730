"""Writes the workbook that people fill in for an import."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from typing_extensions import override

from drf_commons.errors import ConfigurationError
from drf_commons.services.importing.template import build_template
from drf_commons.views.mixins import FileImportMixin
from drf_commons.views.routed import find_viewset

__all__ = ["Command"]


class Command(BaseCommand):
    """``manage.py generate_import_template EmployeeViewSet``."""

    help = "Writes an XLSX workbook with the columns that a viewset imports, what they take, and an example."

    @override
    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("viewset", help="EmployeeViewSet, app.EmployeeViewSet, or the path that imports it")
        parser.add_argument("--output", type=Path, help="the file to write; EmployeeViewSet-template.xlsx by default")
        parser.add_argument("--force", action="store_true", help="write over a file that is there already")

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        try:
            viewset = find_viewset(options["viewset"])
        except LookupError as exc:
            raise CommandError(exc.args[0]) from None
        if not issubclass(viewset, FileImportMixin):
            msg = f"{viewset.__name__} imports no files: give it FileImportMixin"
            raise CommandError(msg)
        try:
            config = viewset.get_import_config()
        except ConfigurationError as exc:
            raise CommandError(str(exc)) from None
        path: Path = options["output"] or Path(f"{viewset.__name__}-template.xlsx")
        try:
            with path.open("wb" if options["force"] else "xb") as file:
                file.writelines(build_template(config))
        except FileExistsError:
            msg = f"{path} is there already; give --force to write over it, or another --output"
            raise CommandError(msg) from None
        except OSError as exc:
            raise CommandError(str(exc)) from None
        self.stdout.write(self.style.SUCCESS(f"wrote {path}"))
