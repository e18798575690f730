"""Builds serializers at random, and compares what they give and take with what the plugin says they do.

``python -m tests.inference.soundness SEED COUNT`` runs in the small project beside this module.
"""

from __future__ import annotations

import datetime as dt
import decimal
import importlib
import random
import re
import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

import hypothesis
from django.utils.module_loading import import_string
from hypothesis import strategies as st
from mypy.types import (
    AnyType,
    Instance,
    LiteralType,
    NoneType,
    TupleType,
    Type,
    TypedDictType,
    UnionType,
    get_proper_type,
)

#: How each column can be declared by hand; the options are drawn.
DECLARED: Final = {
    "species": 'IdToDataField(queryset=Species.objects.all(), serializer="zoo.drawn.SpeciesSerializer", {})',
    "keeper": "serializers.PrimaryKeyRelatedField(queryset=Keeper.objects.all(), allow_null=True, {})",
    "friends": "ManyIdToStrField(queryset=Animal.objects.all(), {})",
    "weight": "serializers.FloatField({})",
    "price": "serializers.DecimalField(max_digits=8, decimal_places=2, coerce_to_string=False, allow_null=True, {})",
    "born": "serializers.DateField(allow_null=True, {})",
    "seen": "serializers.DateTimeField({})",
    "fed_at": "serializers.TimeField({})",
    "naps": "serializers.DurationField({})",
    "chip": "serializers.UUIDField({})",
    "tame": "serializers.BooleanField(allow_null=True, {})",
    "level": "serializers.ChoiceField(choices=[1, 2], {})",
    "coat": "serializers.CharField(allow_blank=True, {})",
    "notes": "serializers.JSONField({})",
    "website": "serializers.URLField({})",
}
COLUMNS: Final = [*DECLARED, "code", "photo", "created", "score", "nicknames"]
OPTIONS: Final = ["", "read_only=True", "required=False", "write_only=True", "required=False, write_only=True"]
#: Fields that are no columns; they only give.
EXTRAS: Final = {
    "species_name": 'serializers.CharField(source="species.name", read_only=True)',
    "keeper_name": 'serializers.CharField(source="keeper.name", read_only=True)',
    "keeper_age": 'serializers.IntegerField(source="keeper.age", read_only=True, default=None)',
    "grandparent": 'serializers.CharField(source="species.parent.name", read_only=True)',
    "shown_keeper": 'ReadOnlyIdField(source="keeper")',
    "keeper_data": 'ReadOnlyDataField(source="keeper", serializer=KeeperSerializer)',
    "keeper_badge": 'ReadOnlyCustomField(source="keeper", output=Keeper.get_badge)',
    "parent": 'ReadOnlyStrField(source="species.parent")',
    "family": 'ManyReadOnlyStrField(source="species.animals")',
    "nested": 'KeeperSerializer(source="keeper", read_only=True)',
    "all_friends": 'FriendSerializer(source="friends", many=True, read_only=True)',
    "count": "serializers.SerializerMethodField()",
    "points": 'serializers.ReadOnlyField(source="score")',
    "missing": "serializers.CharField(read_only=True)",
    "half": "serializers.CharField(required=False, allow_null=True)",
    "hidden": "serializers.HiddenField(default=1)",
    "extra_text": "serializers.CharField(default='x', write_only=True)",
    "extra_list": "serializers.ListField(child=serializers.IntegerField(), required=False, write_only=True)",
    "rating": "serializers.FloatField(default=None, write_only=True)",
}
HEADER: Final = """
from rest_framework import serializers
from drf_commons.serializers import BaseModelSerializer
from drf_commons.serializers.fields import *
from zoo.models import Animal, Keeper, Species

class KeeperSerializer(BaseModelSerializer[Keeper]):
    class Meta:
        model = Keeper
        fields = ["id", "name", "age", "initials"]

class SpeciesSerializer(BaseModelSerializer[Species]):
    parent = ReadOnlyStrField()

    class Meta:
        model = Species
        fields = ["id", "name", "diet", "parent"]

class FriendSerializer(serializers.ModelSerializer[Animal]):
    class Meta:
        model = Animal
        fields = ["code", "price"]

class Counting:
    def get_count(self, animal: Animal) -> int:
        return animal.friends.count()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What a serializer is built of."""

    base: str
    fields: Sequence[str]
    declared: Mapping[str, str]
    extras: Sequence[str]
    read_only: Sequence[str]
    extra_kwargs: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)

    def render(self, name: str) -> str:
        """Return the source of the class."""
        declared = {key: self.declared[key] for key in self.fields if key in self.declared}
        body = [f"    {key} = {_declare(key, options)}" for key, options in declared.items()]
        body += [f"    {key} = {EXTRAS[key]}" for key in self.extras]
        free = [key for key in self.fields if key not in declared]
        kwargs = {key: dict(value) for key, value in self.extra_kwargs.items() if key in free}
        return "\n".join(
            [
                f"class {name}(Counting, {self.base}[Animal]):",
                *body,
                "    class Meta:",
                "        model = Animal",
                f"        fields = {[*self.fields, *self.extras]!r}",
                f"        read_only_fields = {[key for key in self.read_only if key in free and key not in kwargs]!r}",
                f"        extra_kwargs = {kwargs!r}",
            ]
        )


def _declare(name: str, options: str) -> str:
    call = DECLARED[name].format(options)
    # DRF takes a queryset only where rows are looked up.
    return re.sub(r"queryset=[\w.()]+, ", "", call) if options == "read_only=True" else call


SPECS: Final = st.builds(
    Spec,
    base=st.sampled_from(["BaseModelSerializer", "serializers.ModelSerializer"]),
    fields=st.lists(st.sampled_from(COLUMNS), unique=True, min_size=1),
    declared=st.dictionaries(st.sampled_from(sorted(DECLARED)), st.sampled_from(OPTIONS), max_size=6),
    extras=st.lists(st.sampled_from(sorted(EXTRAS)), unique=True, max_size=6),
    read_only=st.lists(st.sampled_from(COLUMNS[:-3]), unique=True, max_size=3),
    extra_kwargs=st.dictionaries(
        st.sampled_from(["weight", "coat", "level", "website"]),
        st.sampled_from([{"required": False}, {"write_only": True}, {"allow_null": True}, {"read_only": True}]),
        max_size=2,
    ),
)


def draw_specs(seed: int, count: int) -> list[Spec]:
    """Return *count* serializers."""
    drawn: list[Spec] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(max_examples=count, database=None, deadline=None, phases=[hypothesis.Phase.generate])
    @hypothesis.given(SPECS)
    def collect(spec: Spec) -> None:
        drawn.append(spec)

    collect()
    return drawn


def find_mismatch(value: object, kind: Type, path: str = "") -> str | None:  # noqa: PLR0911  # one for each kind of type
    """Return where *value* is not of the inferred type, or ``None``."""
    proper = get_proper_type(kind)
    match proper:
        case AnyType():
            return None
        case UnionType(items=items):
            return (
                None
                if any(find_mismatch(value, item) is None for item in items)
                else f"{path}: {value!r} is no {proper}"
            )
        case NoneType():
            return None if value is None else f"{path}: {value!r} is not None"
        case LiteralType(value=expected):
            return None if value == expected and type(value) is type(expected) else f"{path}: {value!r} is no {proper}"
        case TupleType(items=items) if isinstance(value, tuple) and len(value) == len(items):
            pairs = zip(cast("tuple[object, ...]", value), items, strict=True)
            return next(filter(None, (find_mismatch(part, item, f"{path}()") for part, item in pairs)), None)
        case TypedDictType() if isinstance(value, dict):
            return find_key_mismatch(cast("dict[str, object]", value), proper, path)
        case Instance(type=info, args=args):
            return find_instance_mismatch(value, info.fullname, args, path)
        case _:
            return f"{path}: {value!r} is no {proper}"


def find_key_mismatch(value: Mapping[str, object], shape: TypedDictType, path: str) -> str | None:
    """Return which key is missing, surplus or of another type."""
    if missing := shape.required_keys - value.keys():
        return f"{path}: {sorted(missing)} missing"
    if surplus := value.keys() - shape.items.keys():
        return f"{path}: {sorted(surplus)} surplus"
    found = (find_mismatch(item, shape.items[key], f"{path}.{key}") for key, item in value.items())
    return next(filter(None, found), None)


def find_instance_mismatch(value: object, fullname: str, args: Sequence[Type], path: str) -> str | None:
    """Return where *value*, or one of its items, is of another class."""
    expected = import_string(fullname)
    if not isinstance(value, expected) or (expected in {int, float} and type(value) is not expected):
        return f"{path}: {value!r} is no {fullname}"
    if isinstance(value, list | set | tuple) and args:
        items = cast("Sequence[object]", value)
        return next(filter(None, (find_mismatch(item, args[0], f"{path}[]") for item in items)), None)
    return None


def create_rows(chance: random.Random, count: int) -> list[Any]:
    """Return saved animals, with nothing where there may be nothing."""
    models: Any = importlib.import_module("zoo.models")  # there only in the project this runs in
    Animal, Keeper, Species = models.Animal, models.Keeper, models.Species  # noqa: N806
    roots = [Species.objects.create(name=f"root {number}") for number in range(2)]
    species = [
        *roots,
        *(Species.objects.create(name=f"s{number}", parent=roots[0], diet="plants") for number in range(2)),
    ]
    keepers = [Keeper.objects.create(name=f"k{number}", age=chance.choice([None, 40])) for number in range(3)]
    rows = [
        Animal.objects.create(
            code=f"a{number}",
            species=chance.choice(species),
            keeper=chance.choice([None, *keepers]),
            weight=chance.random() * 10,
            price=chance.choice([None, decimal.Decimal("1.50")]),
            born=chance.choice([None, dt.date(2020, 1, 2)]),
            seen=dt.datetime(2020, 1, 2, 3, tzinfo=dt.UTC),
            fed_at=dt.time(1, 2),
            naps=dt.timedelta(hours=1),
            chip=uuid.uuid4(),
            photo=chance.choice([None, "", "photo.png"]),
            notes=chance.choice([{}, {"a": 1}, [1]]),
            tame=chance.choice([None, True, False]),
            level=chance.choice([1, 2]),
            coat=chance.choice(["a", "b", ""]),
            website="https://example.org/",
        )
        for number in range(count)
    ]
    for row in rows:
        row.friends.set(chance.sample(rows, k=chance.randrange(3)))
    return [Animal.objects.get(pk=row.pk) for row in rows]


def build_payload(chance: random.Random, serializer: Any, row: Any, *, partial: bool) -> dict[str, object]:
    """Return what a client would send back of *row*; what may be left out sometimes is."""
    payload: dict[str, object] = {}
    for name, writable in serializer.fields.items():
        if writable.read_only or name in {"hidden", "photo"} or (not writable.required and chance.random() < 0.5):
            continue
        if partial and chance.random() < 0.3:
            continue
        made_up = {
            "half": "h",
            "extra_text": "t",
            "extra_list": [1],
            "rating": 1.5,
            "code": f"n{chance.randrange(10**4)}",
        }
        if name in made_up:
            payload[name] = made_up[name]
        elif name == "species":
            payload[name] = row.species_id
        elif name == "friends":
            payload[name] = [friend.pk for friend in row.friends.all()]
        elif name == "notes":
            payload[name] = row.notes
        else:
            value = getattr(row, name)
            payload[name] = value.pk if name == "keeper" and value is not None else value
    if "photo" in serializer.fields and not serializer.fields["photo"].read_only and not partial:
        payload["photo"] = None
    return payload


def compare(seed: int, count: int) -> tuple[int, int, list[str]]:
    """Return how many outputs and how many inputs were compared, and every mismatch."""
    specs = draw_specs(seed, count)
    chance = random.Random(seed)  # noqa: S311  # nothing secret
    source = "\n\n".join([HEADER, *(spec.render(f"S{number}") for number, spec in enumerate(specs))])
    path = Path("zoo/drawn.py")
    path.write_text(source, encoding="utf-8")

    from drf_commons.codegen.reading import read_modules  # noqa: PLC0415  # after Django's setup

    (module,) = read_modules({"zoo.drawn": path})
    shapes = {serializer.name: serializer.shapes for serializer in module.serializers}
    rows = create_rows(chance, 12)
    drawn = importlib.import_module("zoo.drawn")
    outputs = inputs = 0
    mismatches: list[str] = []

    def check(value: object, kind: Type, number: int) -> None:
        found = find_mismatch(value, kind)
        if found is not None:
            mismatches.append(f"{found}\n{specs[number].render(f'S{number}')}")

    for number in range(len(specs)):
        made: Callable[..., Any] = getattr(drawn, f"S{number}")
        shape = shapes[f"S{number}"]
        if not isinstance(get_proper_type(shape["Data"]), TypedDictType):
            mismatches.append(f"nothing inferred\n{specs[number].render(f'S{number}')}")
            continue
        for row in chance.sample(rows, k=2):
            check({**made(row).data}, shape["Data"], number)
            outputs += 1
            partial = chance.random() < 0.3
            serializer = made(row, data=build_payload(chance, made(), row, partial=partial), partial=partial)
            if serializer.is_valid():
                check({**serializer.validated_data}, shape["PartialData" if partial else "ValidatedData"], number)
                inputs += 1
    return outputs, inputs, mismatches


def main() -> None:
    """Print the mismatches; fail when there are any, or when too little was compared."""
    import django  # noqa: PLC0415

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415

    call_command("migrate", run_syncdb=True, verbosity=0)
    outputs, inputs, mismatches = compare(int(sys.argv[1]), int(sys.argv[2]))
    print(f"{outputs} outputs and {inputs} inputs compared, {len(mismatches)} mismatches")  # noqa: T201
    print(*mismatches[:5], sep="\n\n")  # noqa: T201
    sys.exit(bool(mismatches) or inputs < outputs // 2)


if __name__ == "__main__":
    main()
