"""The same rows written to a workbook by another library, or to a file by ours: ``… drf_excel``, ``… 100000``.

Reads the names of jobs, one on a line, does them, and answers each with a line of JSON: how much it took.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
import tempfile
import tracemalloc
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import django
from django.conf import settings

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=[
        *("django.contrib.auth", "django.contrib.contenttypes"),
        *(["drf_commons"] if sys.argv[1] == "drf_commons" else []),
    ],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
    USE_TZ=True,
)
django.setup()

from django.db import connection, models  # noqa: E402  # after the settings

NAMES: Final = ("id", "first_name", "last_name", "email", "phone", "salary", "rating", "hired", "is_remote", "city")


class Team(models.Model):
    """The related row."""

    code = models.CharField(max_length=8)
    objects: Any = models.Manager()

    class Meta:
        app_label = "peers"


class Person(models.Model):
    """The row."""

    first_name = models.CharField(max_length=40)
    last_name = models.CharField(max_length=40)
    email = models.EmailField()
    phone = models.CharField(max_length=20)
    salary = models.DecimalField(max_digits=9, decimal_places=2)
    rating = models.FloatField()
    hired = models.DateField()
    is_remote = models.BooleanField()
    city = models.CharField(max_length=40)
    team = models.ForeignKey(Team, on_delete=models.CASCADE)
    objects: Any = models.Manager()

    class Meta:
        app_label = "peers"


def fill(count: int) -> None:
    """Make the tables and *count* rows."""
    with connection.schema_editor() as editor:
        editor.create_model(Team)
        editor.create_model(Person)
    team = Team.objects.create(code="007")
    for start in range(0, count, 5_000):
        Person.objects.bulk_create(
            Person(
                first_name=f"Name {n}",
                last_name=f"Family {n * 7919 % 1000}",
                email=f"name.{n}@example.com",
                phone=f"+49 30 {n:07}",
                salary=Decimal(n % 100_000) / 100,
                rating=n / 7,
                hired=dt.date(2000, 1, 1) + dt.timedelta(days=n % 9_000),
                is_remote=n % 3 == 0,
                city=f"City {n % 300}",
                team=team,
            )
            for n in range(start, min(start + 5_000, count))
        )


def build_ours() -> dict[str, Callable[[], int]]:
    """Return what this library can be told to do."""
    from drf_commons.services import ExportService  # noqa: PLC0415  # after the settings

    config = {**{name: name for name in NAMES}, "team__code": "team"}

    def write(file_type: Any, rows: slice = slice(None)) -> int:
        with tempfile.TemporaryFile() as file:
            return ExportService(Person.objects.order_by("pk")[rows], config).write(file_type, file).size

    def measure(file_type: Any) -> int:
        tracemalloc.start()
        try:
            write(file_type)
            return tracemalloc.get_traced_memory()[1] // 1_000
        finally:
            tracemalloc.stop()

    return {
        "xlsx": lambda: write("xlsx"),
        "pdf": lambda: write("pdf"),
        "pdf_page": lambda: write("pdf", slice(20)),
        "memory_csv": lambda: measure("csv"),
        "memory_xlsx": lambda: measure("xlsx"),
    }


def build_import_export() -> dict[str, Callable[[], int]]:
    """Return what django-import-export can be told to do."""
    from import_export.fields import Field  # type: ignore[import-untyped]  # noqa: PLC0415  # a peer
    from import_export.resources import ModelResource  # type: ignore[import-untyped]  # noqa: PLC0415  # a peer

    class PersonResource(ModelResource):  # type: ignore[misc]  # of a peer
        team = Field(attribute="team__code")

        class Meta:
            model = Person
            fields = (*NAMES, "team")

    return {"xlsx": lambda: len(PersonResource().export(Person.objects.select_related("team")).xlsx)}


def build_drf_excel() -> dict[str, Callable[[], int]]:
    """Return what drf-excel can be told to do."""
    from drf_excel.renderers import XLSXRenderer  # type: ignore[import-not-found]  # noqa: PLC0415  # a peer
    from rest_framework import serializers, viewsets  # noqa: PLC0415  # after the settings
    from rest_framework.test import APIRequestFactory  # noqa: PLC0415  # same

    class PersonSerializer(serializers.ModelSerializer):  # type: ignore[type-arg]
        team = serializers.CharField(source="team.code")

        class Meta:  # pyright: ignore[reportIncompatibleVariableOverride]  # the stubs declare a class
            model = Person
            fields = (*NAMES, "team")

    class PersonViewSet(viewsets.ReadOnlyModelViewSet):  # type: ignore[type-arg]
        queryset = Person.objects.select_related("team")
        serializer_class = PersonSerializer
        renderer_classes = (XLSXRenderer,)
        authentication_classes = ()
        permission_classes = ()

    view = PersonViewSet.as_view({"get": "list"})
    request = APIRequestFactory().get("/people/")
    return {"xlsx": lambda: len(view(request).render().content)}


BUILDERS: Final = {
    "drf_commons": build_ours,
    "django_import_export": build_import_export,
    "drf_excel": build_drf_excel,
}


def main() -> None:
    """Make the rows, and do what is asked for."""
    fill(int(sys.argv[2]))
    jobs = BUILDERS[sys.argv[1]]()
    for line in sys.stdin:
        print(json.dumps(jobs[line.strip()]()), flush=True)


if __name__ == "__main__":
    main()
