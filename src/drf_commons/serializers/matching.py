"""Which stored rows the items of a payload are about: by their keys, or by columns that tell rows apart."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

from django.db.models import Model, QuerySet
from django.db.models.manager import BaseManager
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ValidationError
from rest_framework.serializers import ModelSerializer
from rest_framework.settings import api_settings

from drf_commons.bulk.instances import fetch_instances
from drf_commons.bulk.membership import select_holders
from drf_commons.bulk.querysets import get_writer, lock_rows
from drf_commons.serializers.identity import Identity, build_identity
from drf_commons.serializers.keys import get_max_values
from drf_commons.serializers.known_rows import KnownRows

__all__ = ["Matched", "match_by_columns", "match_by_key"]

_REQUIRED: Final = _("This field is required.")


@dataclass(slots=True, kw_only=True)
class Matched:
    """The stored row of each item, ``None`` for a new one and for one that has an error."""

    instances: list[Any]
    errors: dict[int, ValidationError] = field(default_factory=dict[int, ValidationError])


def match_by_key(serializer: ModelSerializer[Any], source: object, items: Sequence[object], *, lock: bool) -> Matched:
    """Match *items* to rows of *source* by their primary keys; one that is missing or unknown is an error."""
    identity = build_identity(serializer, "pk")
    if identity.field_name is None:
        identity = replace(identity, field_name="id")
    matched = Matched(instances=[None] * len(items))
    keys = _read_plain_keys(identity, items)
    if keys is None:
        keys = {}
        for index, item in enumerate(items):
            if isinstance(item, Mapping):  # of anything else DRF says what is wrong with it
                try:
                    keys[index] = _read_key(identity, cast("Mapping[str, object]", item))
                except ValidationError as exc:
                    matched.errors[index] = exc
    stored = _fetch(identity, _get_rows(source), keys.values(), lock=lock)
    taken: set[Hashable] = set()
    for index, key in keys.items():
        if key in stored and key not in taken:
            matched.instances[index] = stored[key]
        else:
            name = _get_name(identity, cast("Mapping[str, object]", items[index]))
            code = "repeated" if key in taken else "does_not_exist"
            matched.errors[index] = _build_error(identity, code, pk_value=name)
        taken.add(key)
    return matched


def match_by_columns(
    serializer: ModelSerializer[Any], source: object, items: Sequence[object], names: Sequence[str], *, lock: bool
) -> Matched:
    """Match *items* to rows of *source* by the fields *names*; one that is not found is about a new row."""
    fields: dict[str, Any] = {**serializer.fields}
    rows = _get_rows(source)
    if not isinstance(rows, QuerySet):
        model: Any = serializer.Meta.model
        rows = cast("QuerySet[Any]", model._default_manager.filter(pk__in=[row.pk for row in rows]))
    known = KnownRows(rows, [str(fields[name].source) for name in names])
    matched = Matched(instances=[None] * len(items))
    wanted: dict[int, tuple[Hashable, ...]] = {}
    for index, item in enumerate(items):
        if isinstance(item, Mapping):
            row = cast("Mapping[str, object]", item)
            held = tuple(key.parse(row.get(name)) for key, name in zip(known.keys, names, strict=True))
            if None not in held:
                wanted[index] = held
    stored = known.find_instances({*wanted.values()}, lock=lock)
    identity = build_identity(serializer, "pk")
    identity = replace(identity, field_name=names[0] if len(names) == 1 else api_settings.NON_FIELD_ERRORS_KEY)
    seen: set[tuple[Hashable, ...]] = set()
    for index, held in wanted.items():
        if held in seen:
            matched.errors[index] = _build_error(identity, "repeated", pk_value=", ".join(map(str, held)))
        else:
            matched.instances[index] = stored.get(held)
        seen.add(held)
    return matched


def _get_name(identity: Identity, item: Mapping[str, object]) -> object:
    """Return what *item* says of which row it is, under the field's name or the key's own."""
    return identity.get_name(item if identity.field_name in item else {str(identity.field_name): item.get("id")})


def _read_plain_keys(identity: Identity, items: Sequence[object]) -> dict[int, Hashable] | None:
    """Return the keys of *items* where each of them plainly has one; ``None`` where one has to be looked at."""
    if identity.link is not None or not {*map(type, items)} <= {dict}:
        return None
    names: list[object] = [cast("dict[str, object]", item).get(str(identity.field_name)) for item in items]
    if not {*map(type, names)} <= {int, str} or "" in names:
        return None
    keys = identity.named_by.parse_all(names)
    return None if None in keys else cast("dict[int, Hashable]", dict(enumerate(keys)))


def _read_key(identity: Identity, item: Mapping[str, object]) -> Hashable:
    name = _get_name(identity, item)
    if name is None:
        raise ValidationError({str(identity.field_name): [_REQUIRED]}, code="required")
    try:
        key = identity.parse(name)
    except ValidationError as exc:
        raise ValidationError({str(identity.field_name): cast("Any", exc.detail)}) from exc
    if key is None:
        identity.fail("incorrect_type", data_type=type(name).__name__)
    return key


def _build_error(identity: Identity, code: str, **values: object) -> ValidationError:
    try:
        identity.fail(code, **values)
    except ValidationError as exc:
        return exc


def _get_rows(source: Any) -> QuerySet[Any] | list[Model]:
    """Return the rows within reach, as they are in the database that is written to."""
    rows: Any = cast("Any", source).all() if isinstance(source, BaseManager) else source
    if not isinstance(rows, QuerySet):
        return list(rows)
    return get_writer(cast("Any", rows))


def _fetch(
    identity: Identity, rows: QuerySet[Any] | list[Model], keys: Iterable[Hashable], *, lock: bool
) -> dict[Hashable, Model]:
    """Return those of *rows* that have one of *keys*."""
    key = identity.named_by
    if not isinstance(rows, QuerySet):
        return {key.read(row): row for row in rows}
    wanted = key.list_holdable(dict.fromkeys(keys), rows.db)
    size = get_max_values(rows.db) or len(wanted)
    starts = range(0, len(wanted), size or 1)
    parts = (select_holders(rows, key.path, wanted[start : start + size]) for start in starts)
    return {key.read(row): row for part in parts for row in fetch_instances(lock_rows(part) if lock else part)}
