"""``python example/manage.py load_aviation``."""

from __future__ import annotations

from typing import Any

from django.core.management import BaseCommand
from typing_extensions import override

from aviation.dataset import LoadResult, load_airports, load_countries
from aviation.timetable import load_airlines


class Command(BaseCommand):
    """Load the world's countries and airports and a sample of airlines, or bring what is stored up to date."""

    help = "Load the world's countries and airports, and some airlines. Running it again changes only what differs."

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        self.report("countries", load_countries(self.show_progress))
        self.report("airports", load_airports(self.show_progress))
        self.stdout.write(f"airlines: {load_airlines():,} created, with their routes")

    def show_progress(self, done: int, total: int) -> None:
        """Keep one line up to date, where there is somebody to see it."""
        if self.stdout.isatty():
            self.stdout.write(f"\r{done:,} of {total:,} ", ending="")
            self.stdout.flush()

    def report(self, name: str, result: LoadResult) -> None:
        """Say what was done."""
        start = "\r" if self.stdout.isatty() else ""
        self.stdout.write(
            f"{start}{name}: {result.created:,} created, {result.updated:,} updated, {result.unchanged:,} unchanged"
        )
