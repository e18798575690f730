"""``python example/manage.py load_aviation``."""

from __future__ import annotations

from typing import Any

from django.core.management import BaseCommand
from typing_extensions import override

from aviation.dataset import load_airports, load_countries
from aviation.timetable import load_airlines
from drf_commons.services import ImportProgress


class Command(BaseCommand):
    """Load the world's countries and airports and a sample of airlines, or bring what is stored up to date."""

    help = "Load the world's countries and airports, and some airlines. Running it again changes only what differs."

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"countries: {load_countries():,} created")
        airports = load_airports(self.show_progress)
        start = "\r" if self.stdout.isatty() else ""
        numbers = f"{airports.created:,} created, {airports.updated:,} updated, {airports.unchanged:,} unchanged"
        self.stdout.write(f"{start}airports: {numbers}, {airports.failed:,} failed")
        self.stdout.write(f"airlines: {load_airlines():,} created, with their routes")

    def show_progress(self, progress: ImportProgress) -> None:
        """Keep one line up to date, where there is somebody to see it."""
        if self.stdout.isatty():
            self.stdout.write(f"\rairports: {progress.rows:,} read ", ending="")
            self.stdout.flush()
