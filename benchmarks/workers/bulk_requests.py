"""Bulk requests, JSON to JSON, answered by plain DRF, by this library, by the version before, or by another.

Started as ``… CONTENDER``. Reads commands, one on a line, and answers each with a line of JSON: ``prepare JOB`` makes
the body of the next request, and ``JOB`` sends it. ``count JOB`` does both and tells how many queries it took,
``memory JOB`` how many bytes at its peak. A job is ``put_items 1000``, for instance.
"""

from __future__ import annotations

import datetime as dt
import decimal
import gc
import json
import os
import sys
import tracemalloc
from collections.abc import Callable
from itertools import count
from typing import Any, Final, cast

import dj_database_url
import django
from django.conf import settings
from typing_extensions import override

TABLE: Final = 20_000
CATEGORIES: Final = 200

CONTENDER: Final = sys.argv[1]


def parse_database() -> dict[str, Any]:
    """Return the settings of a database of this process's own, where ``DATABASE_URL`` points to."""
    database: dict[str, Any] = {**dj_database_url.parse(os.environ.get("DATABASE_URL", "sqlite://:memory:"))}
    if database["ENGINE"].endswith("mysql"):
        import pymysql  # noqa: PLC0415  # only where it is needed

        pymysql.install_as_MySQLdb()
        database["OPTIONS"] = {"charset": "utf8mb4"}
    if not database["ENGINE"].endswith("sqlite3"):
        database["TEST"] = {"NAME": f"{database['NAME']}_{CONTENDER}_{os.getpid()}"}
    return database


settings.configure(
    DATABASES={"default": parse_database()},
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "rest_framework"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
    SECRET_KEY="nothing to hide",  # noqa: S106  # nothing is signed with it
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "UNAUTHENTICATED_USER": None,
    },
    COMMON={"BULK_MAX_ITEMS": TABLE, "BULK_OPERATION_BATCH_SIZE": TABLE},
    COMMON_BULK_OPERATION_BATCH_SIZE=TABLE,
)
django.setup()

from django.db import connection, models, transaction  # noqa: E402  # after the settings
from django.http import HttpResponse  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from rest_framework import serializers, viewsets  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.test import APIRequestFactory  # noqa: E402


class Category(models.Model):
    """The related row."""

    name = models.CharField(max_length=40)
    objects: Any = models.Manager()

    class Meta:
        app_label = "peers"


class Row(models.Model):
    """Eight columns, a foreign key among them."""

    category = models.ForeignKey(Category, on_delete=models.CASCADE)
    name = models.CharField(max_length=40)
    status = models.CharField(max_length=8, choices=[("new", "New"), ("sold", "Sold")])
    price = models.DecimalField(max_digits=10, decimal_places=2)
    due = models.DateTimeField()
    quantity = models.IntegerField()
    is_active = models.BooleanField(default=True)
    note = models.CharField(max_length=80, blank=True)
    objects: Any = models.Manager()

    class Meta:
        abstract = True


class Item(Row):
    """A row without rules of uniqueness."""

    class Meta:  # pyright: ignore[reportIncompatibleVariableOverride]  # as Django has it
        app_label = "peers"


class Product(Row):
    """A row with two of them."""

    sku = models.CharField(max_length=40, unique=True)

    class Meta:  # pyright: ignore[reportIncompatibleVariableOverride]  # as Django has it
        app_label = "peers"
        constraints = (models.UniqueConstraint(fields=["category", "name"], name="one_name_in_a_category"),)


FIELDS: Final = ("id", "category", "name", "status", "price", "due", "quantity", "is_active", "note")


class EachRowListSerializer(serializers.ListSerializer):  # type: ignore[type-arg]  # DRF at runtime, of any version
    """A list whose rows are saved one by one, as DRF's documentation has it."""

    @override
    def run_child_validation(self, data: Any) -> Any:
        """Validate a row against the one that is stored."""
        child: Any = self.child
        child.instance = self.context["rows"][data["id"]]
        child.initial_data = data
        return super().run_child_validation(data)

    @override
    def update(self, instance: Any, validated_data: Any) -> Any:
        """Save the rows."""
        child: Any = self.child
        return [child.update(row, attrs) for row, attrs in zip(instance, validated_data, strict=True)]


def build_drf_view(model: Any) -> Any:
    """Return a view on DRF alone."""
    options = {"model": model, "fields": get_fields(model)}
    plain = type("Meta", (), options)
    by_row = type("Meta", (), {**options, "list_serializer_class": EachRowListSerializer})
    creating: Any = type("Serializer", (serializers.ModelSerializer,), {"Meta": plain})
    updating: Any = type("Serializer", (serializers.ModelSerializer,), {"Meta": by_row})

    class ViewSet(viewsets.GenericViewSet):  # type: ignore[type-arg]
        queryset = model.objects.all()
        serializer_class = updating

        def bulk_update(self, request: Any) -> Response:
            with transaction.atomic():
                stored = {row.pk: row for row in self.get_queryset().filter(pk__in=[row["id"] for row in request.data])}
                serializer = updating(
                    [stored[row["id"]] for row in request.data],
                    data=request.data,
                    many=True,
                    partial=request.method == "PATCH",
                    context={**self.get_serializer_context(), "rows": stored},
                )
                serializer.is_valid(raise_exception=True)
                serializer.save()
                return Response(serializer.data)

        def bulk_create(self, request: Any) -> Response:
            with transaction.atomic():
                serializer = creating(data=request.data, many=True)
                serializer.is_valid(raise_exception=True)
                serializer.save()
                return Response(serializer.data, status=201)

    return ViewSet.as_view({"put": "bulk_update", "patch": "bulk_update", "post": "bulk_create"})


def build_drf_bulk_view(model: Any) -> Any:
    """Return a view of djangorestframework-bulk."""
    from rest_framework_bulk import (  # type: ignore[import-not-found]  # noqa: PLC0415  # in its own environment
        BulkListSerializer,
        BulkModelViewSet,
        BulkSerializerMixin,
    )

    meta = type("Meta", (), {"model": model, "fields": get_fields(model), "list_serializer_class": BulkListSerializer})
    serializer = type("Serializer", (BulkSerializerMixin, serializers.ModelSerializer), {"Meta": meta})

    class ViewSet(BulkModelViewSet):  # type: ignore[misc]
        queryset = model.objects.all()
        serializer_class = serializer

    view = ViewSet.as_view({"put": "bulk_update", "patch": "partial_bulk_update", "post": "create"})
    return transaction.atomic(view)  # it leaves that to the project


def build_drf_commons_view(model: Any) -> Any:
    """Return a view of this library, or of the version before."""
    from drf_commons.serializers import BaseModelSerializer  # noqa: PLC0415  # whoever's
    from drf_commons.views import BulkViewSet  # noqa: PLC0415

    meta: dict[str, Any] = {"model": model, "fields": get_fields(model)}
    if CONTENDER == "drf_commons_1_0_3":
        from drf_commons.serializers.base import BulkUpdateListSerializer  # type: ignore[attr-defined]  # noqa: PLC0415

        meta["list_serializer_class"] = BulkUpdateListSerializer
    serializer: Any = type("Serializer", (BaseModelSerializer,), {"Meta": type("Meta", (), meta)})

    class ViewSet(BulkViewSet):
        queryset = model.objects.all()
        serializer_class = serializer
        return_data_on_create = True
        return_data_on_update = True

    return ViewSet.as_view({"put": "bulk_update", "patch": "bulk_update", "post": "bulk_create"})


def build_limit_view(model: Any) -> Any:
    """Return what answers with no more than a decoder and one statement: no checks, no rows read or shown."""
    import msgspec  # noqa: PLC0415  # where it is asked for

    columns = [model._meta.get_field(name) for name in get_fields(model)[1:]]
    kinds = {"BooleanField": bool, "DateTimeField": dt.datetime, "DecimalField": decimal.Decimal, "IntegerField": int}
    kinds |= {"ForeignKey": int}
    names = [(column.name, kinds.get(column.get_internal_type(), str)) for column in columns]
    decoder = msgspec.json.Decoder(list[msgspec.defstruct("Row", [("id", int), *names])])  # type: ignore[misc]
    write = build_statement(model._meta.db_table, columns)

    def answer(request: Any) -> Any:
        rows = [msgspec.structs.astuple(row) for row in decoder.decode(request.body)]
        with transaction.atomic(), connection.cursor() as cursor:
            write(cursor, rows)
        return HttpResponse(msgspec.json.encode({"count": len(rows)}), content_type="application/json")

    return answer


def build_statement(table: str, columns: Any) -> Callable[[Any, Any], object]:
    """Return what writes rows, keys first, with the statement that is fastest on this database."""
    names = [column.column for column in columns]
    letters = [f"c{number}" for number in range(len(names))]
    if connection.vendor == "postgresql":
        kinds = [column.db_type(connection).partition("(")[0] for column in columns]
        arrays = ", ".join(f"%s::{kind}[]" for kind in ("bigint", *kinds))
        pairs = ", ".join(f"{name} = d.{letter}" for name, letter in zip(names, letters, strict=True))
        sql = f"UPDATE {table} SET {pairs} FROM unnest({arrays}) AS d(k, {', '.join(letters)}) WHERE id = d.k"  # noqa: S608  # names of columns
        return lambda cursor, rows: cursor.execute(sql, [[*column] for column in zip(*rows, strict=True)])
    if connection.vendor == "mysql":
        pairs = ", ".join(f"t.{name} = d.{letter}" for name, letter in zip(names, letters, strict=True))
        row = f"({', '.join(['%s'] * (len(names) + 1))})"
        sql = f"UPDATE {table} t JOIN (WITH d(k, {', '.join(letters)}) AS (VALUES %s) SELECT * FROM d) d ON t.id = d.k"  # noqa: S608  # names of columns

        def write(cursor: Any, rows: Any) -> None:
            statement = f"{sql % ', '.join([row] * len(rows))} SET {pairs}"
            cursor.execute(statement, [plain(value) for values in rows for value in values])

        return write
    pairs = ", ".join(f"{name} = %s" for name in names)
    sql = f"UPDATE {table} SET {pairs} WHERE id = %s"  # noqa: S608  # names of columns
    return lambda cursor, rows: cursor.executemany(sql, [(*map(plain, values[1:]), values[0]) for values in rows])


def plain(value: Any) -> Any:
    """Return *value* as a driver without types for times and decimals takes it."""
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=None).isoformat(" ")
    return str(value) if isinstance(value, decimal.Decimal) else value


BUILDERS: Final[dict[str, Callable[[Any], Any]]] = {
    "drf": build_drf_view,
    "drf_bulk": build_drf_bulk_view,
    "drf_commons": build_drf_commons_view,
    "drf_commons_1_0_3": build_drf_commons_view,
    "limit": build_limit_view,
}


def get_fields(model: Any) -> tuple[str, ...]:
    """Return the fields a client sees of *model*."""
    return (*FIELDS, "sku") if model is Product else FIELDS


class Client:
    """Sends requests to one contender, and knows what to send next."""

    def __init__(self) -> None:
        self.models: dict[str, Any] = {"items": Item, "products": Product}
        self.views = {name: BUILDERS[CONTENDER](model) for name, model in self.models.items()}
        self.turns = count(1)
        self.body = ""

    def prepare(self, job: str) -> None:
        """Make a body whose every value is new to the rows."""
        verb, resource, size = split(job)
        model, turn = self.models[resource], next(self.turns)
        if verb == "post":
            model.objects.filter(pk__gt=TABLE).delete()
        rows = [build_row(model, number, turn) for number in range(size)]
        for number, row in enumerate(rows, 1):
            if verb != "post":
                row["id"] = number
        self.body = json.dumps(rows)

    def send(self, job: str) -> int:
        """Send the body, and return how many bytes came back."""
        verb, resource, _ = split(job)
        request = APIRequestFactory().generic(verb.upper(), "/", self.body, content_type="application/json")
        response = self.views[resource](request)
        if hasattr(response, "render"):
            response.render()
        if response.status_code >= 400:  # noqa: PLR2004  # of HTTP
            raise RuntimeError(response.content[:300])
        return len(response.content)


def split(job: str) -> tuple[str, str, int]:
    """Return the parts of ``put_items 1000``."""
    name, size = job.split()
    verb, resource = name.split("_")
    return verb, resource, int(size)


def build_row(model: Any, number: int, turn: int) -> dict[str, object]:
    """Return a row as a client sends it."""
    moment = dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(minutes=number + turn)
    row: dict[str, object] = {
        "category": (number + turn) % CATEGORIES + 1,
        "name": f"name {turn} {number}",
        "status": "new" if turn % 2 else "sold",
        "price": f"{(number + turn) % 10_000}.25",
        "due": moment.isoformat().replace("+00:00", "Z"),
        "quantity": number + turn,
        "is_active": bool(turn % 2),
        "note": f"note {turn} of a row",
    }
    return {**row, "sku": f"sku-{turn}-{number}"} if model is Product else row


def fill(model: Any) -> None:
    """Fill the table."""
    rows = []
    for number in range(TABLE):
        values: dict[str, Any] = build_row(model, number, 0)
        values["category_id"] = values.pop("category")
        values["price"] = decimal.Decimal(values["price"])
        values["due"] = dt.datetime.fromisoformat(values["due"])
        rows.append(model(**values))
    model.objects.bulk_create(rows, batch_size=2_000)


def main() -> None:
    """Make the tables, and do what is asked for."""
    name, creation = connection.settings_dict["NAME"], cast("Any", connection.creation)  # its types differ by version
    creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        with connection.schema_editor() as editor:
            for model in (Category, Item, Product):
                editor.create_model(model)
        Category.objects.bulk_create(Category(name=f"category {number}") for number in range(CATEGORIES))
        fill(Item)
        fill(Product)
        client = Client()
        # What stands on the heap already is no request's doing.
        gc.collect()
        gc.freeze()
        for line in sys.stdin:
            answer: object = 0
            match line.strip().partition(" "):
                case "prepare", _, job:
                    client.prepare(job)
                case "count", _, job:
                    client.prepare(job)
                    with CaptureQueriesContext(connection) as queries:
                        client.send(job)
                    answer = len(queries)
                case "memory", _, job:
                    client.prepare(job)
                    tracemalloc.start()
                    client.send(job)
                    answer = tracemalloc.get_traced_memory()[1]
                    tracemalloc.stop()
                case _:
                    answer = client.send(line.strip())
            print(json.dumps(answer), flush=True)
    finally:
        creation.destroy_test_db(name, verbosity=0)


if __name__ == "__main__":
    main()
