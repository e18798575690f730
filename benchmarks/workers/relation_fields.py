"""The same relations read and validated by the fields of DRF, of this library, or of another: ``… drf``, ``… named``.

Reads the names of jobs, one on a line, does them, and answers each with a line of JSON: how many queries it took.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any, Final

import django
from django.conf import settings

ROWS: Final = 500
IDS: Final = 30

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
)
django.setup()

from django.db import connection, models  # noqa: E402  # after the settings
from django.test.utils import CaptureQueriesContext  # noqa: E402
from rest_framework import serializers  # noqa: E402


class Author(models.Model):
    """The related row."""

    name = models.CharField(max_length=40)
    email = models.CharField(max_length=40)
    objects: Any = models.Manager()

    class Meta:
        app_label = "peers"


class Article(models.Model):
    """The row."""

    title = models.CharField(max_length=40)
    author = models.ForeignKey(Author, on_delete=models.CASCADE)
    objects: Any = models.Manager()

    class Meta:
        app_label = "peers"


class AuthorSerializer(serializers.ModelSerializer):  # type: ignore[type-arg]  # DRF at runtime, of any version
    """The related row, whole."""

    class Meta:  # pyright: ignore[reportIncompatibleVariableOverride]  # the stubs declare a class
        model = Author
        fields = ("id", "name", "email")


def build_fields(contender: str) -> tuple[Any, Any, Any]:
    """Return the fields of *contender*: an id both ways, an id in and data out, and a list of ids."""
    authors = Author.objects.all()
    if contender == "drf":
        return (
            serializers.PrimaryKeyRelatedField(queryset=authors),
            AuthorSerializer(),
            serializers.PrimaryKeyRelatedField(queryset=authors, many=True),
        )
    from drf_commons.serializers.fields import IdOnlyField, IdToDataField, ManyIdOnlyField  # noqa: PLC0415  # whoever's

    return (
        IdOnlyField(queryset=authors),
        IdToDataField(queryset=authors, serializer_class=AuthorSerializer),
        ManyIdOnlyField(queryset=authors),
    )


def build_jobs(contender: str) -> dict[str, Callable[[], object]]:
    """Return what *contender* can be told to do."""
    by_id, by_data, by_ids = build_fields(contender)

    class ById(serializers.Serializer):  # type: ignore[type-arg]
        title = serializers.CharField()
        author = by_id

    class ByData(serializers.Serializer):  # type: ignore[type-arg]
        title = serializers.CharField()
        author = by_data

    class ByIds(serializers.Serializer):  # type: ignore[type-arg]
        authors = by_ids

    ids = [*Author.objects.values_list("pk", flat=True)[:IDS]]

    def read_ids() -> object:
        return ById(Article.objects.all(), many=True).data

    def read_data() -> object:
        return ByData(Article.objects.select_related("author"), many=True).data

    def validate_ids() -> object:
        return ByIds(data={"authors": ids}).is_valid(raise_exception=True)

    return {"read_ids": read_ids, "read_data": read_data, "validate_ids": validate_ids}


def main() -> None:
    """Make the rows, and do what is asked for."""
    with connection.schema_editor() as editor:
        editor.create_model(Author)
        editor.create_model(Article)
    authors = Author.objects.bulk_create(Author(name=f"name {n}", email=f"{n}@example.com") for n in range(ROWS))
    Article.objects.bulk_create(Article(title=f"title {n}", author=author) for n, author in enumerate(authors))
    jobs = build_jobs(sys.argv[1])
    for line in sys.stdin:
        verb, _, job = line.strip().rpartition(" ")
        if verb == "count":
            with CaptureQueriesContext(connection) as queries:
                jobs[job]()
            answer = len(queries)
        else:
            jobs[job]()
            answer = 0
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
