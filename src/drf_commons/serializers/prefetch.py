"""What a serializer reads of related rows, so that a list of any length costs a fixed number of queries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar, cast

from django.db.models import Model, QuerySet, prefetch_related_objects
from rest_framework.relations import RelatedField, SlugRelatedField
from rest_framework.serializers import BaseSerializer, Serializer

from drf_commons.serializers.links import find_link
from drf_commons.serializers.outputs import DataOutput, PkOutput, SlugOutput

__all__ = ["RelatedPaths", "find_related_paths"]

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class RelatedPaths:
    """The relations a serializer reads: *joined* in the query for the rows, or *prefetched* with a query for each."""

    joined: list[str] = field(default_factory=list[str])
    prefetched: list[str] = field(default_factory=list[str])

    def apply(self, rows: QuerySet[M]) -> QuerySet[M]:
        """Return *rows* with their related rows on board.

        Rows that leave columns out (``only()``, ``defer()``) are not joined, which Django refuses for a left-out key.
        """
        is_deferred = bool(rows.query.deferred_loading[0])
        joined = [] if is_deferred else self.joined
        prefetched = [*self.joined, *self.prefetched] if is_deferred else self.prefetched
        return (rows.select_related(*joined) if joined else rows).prefetch_related(*prefetched)

    def fetch(self, instances: Iterable[Model]) -> None:
        """Read the related rows of *instances*, where they are not read yet."""
        prefetch_related_objects(list(instances), *self.joined, *self.prefetched)

    def add(self, path: Sequence[str], *, is_joined: bool) -> None:
        """Take *path* in, once."""
        paths = self.joined if is_joined else self.prefetched
        lookup = "__".join(path)
        if lookup not in paths:
            paths.append(lookup)


class Step(NamedTuple):
    """One relation on the way to what a field shows."""

    name: str
    far: type[Model]
    can_join: bool


def find_related_paths(serializer: BaseSerializer[Any]) -> RelatedPaths:
    """Return the relations that *serializer* reads to show its rows, through nested serializers and dotted sources.

    What methods and properties read is theirs to say: the queryset of the view may prefetch more.
    """
    paths = RelatedPaths()
    root: Any = getattr(serializer, "child", serializer)
    model = getattr(getattr(root, "Meta", None), "model", None)
    if model is not None:
        _walk(root, model, (), paths, is_joined=True, above=())
    return paths


def _walk(
    serializer: Any,
    model: type[Model],
    prefix: tuple[str, ...],
    paths: RelatedPaths,
    *,
    is_joined: bool,
    above: tuple[type[object], ...],
) -> None:
    """Take in what *serializer* reads of rows of *model*, which stand at *prefix*."""
    kind = cast("type[object]", type(serializer))
    if kind in above:
        return  # it nests itself: how deep is up to the rows
    for shown in serializer.fields.values():
        if shown.write_only:
            continue
        path, joins, far = prefix, is_joined, model
        for step in _follow(shown, model):
            path, joins, far = (*path, step.name), joins and step.can_join, step.far
            paths.add(path, is_joined=joins)
        inner = _find_serializer(shown)
        if inner is not None:
            _walk(inner, far, path, paths, is_joined=joins, above=(*above, kind))


def _follow(shown: Any, model: type[Model]) -> Iterator[Step]:
    """Yield the relations that lead from a row of *model* to what the field *shown* shows."""
    row = getattr(shown, "child_relation", shown)
    names = [*shown.source_attrs]
    if isinstance(row, PkOutput | SlugOutput | SlugRelatedField):
        column: str = row.lookup_field if isinstance(row, PkOutput) else row.slug_field
        names += column.split("__")
    elif isinstance(row, RelatedField) and row.use_pk_only_optimization():
        names.append("pk")
    for name, following in zip(names, [*names[1:], None], strict=False):
        link = find_link(model, name)
        if link is None:
            if name in _list_generic_keys(model):
                yield Step(name, model, can_join=False)
            return
        if following == "pk" and link.is_forward:
            return  # the near row holds the key, and nothing else is shown
        yield Step(name, link.far, can_join=not link.is_to_many)
        model = link.far


def _list_generic_keys(model: type[Model]) -> set[str]:
    return {key.name for key in model._meta.private_fields if hasattr(key, "ct_field")}


def _find_serializer(shown: Any) -> Any:
    """Return the serializer that shows the related rows, if one does."""
    row = getattr(shown, "child_relation", shown)
    if isinstance(row, DataOutput):
        return cast("Any", row).bound_serializer
    inner: Any = getattr(shown, "child", shown)
    return inner if isinstance(inner, Serializer) else None  # pyright: ignore[reportUnknownVariableType]  # of any row
