"""Slugs: unique, readable, and found in two queries however many rows share a name."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache, partial, reduce
from itertools import count, islice
from typing import Any, ClassVar, Final, TypeAlias, cast

from django.core import checks
from django.db import IntegrityError, models, router, transaction
from django.db.models import Q
from django.db.models.base import ModelBase
from django.db.models.expressions import Combinable
from django.utils.text import slugify
from typing_extensions import override

from drf_commons.models.stored import StoredValuesMixin, overridable

__all__ = ["SlugMixin"]

#: The values of the fields in ``slug_unique_with``: slugs must differ only where these are the same.
Scope: TypeAlias = tuple[object, ...]

#: Characters of a long slug that a number may take the place of.
_ROOM_FOR_NUMBER: Final = 11
#: How many slugs, and how many patterns, one query asks for: every database takes that many.
_SLUGS_PER_QUERY: Final = 500
_PATTERNS_PER_QUERY: Final = 50


class SlugMixin(StoredValuesMixin):
    """Gets a slug from :meth:`get_slug_source` when it is saved without one: ``name``, ``name-1``, ``name-2``.

    The lowest free number is taken. A slug that was set, by hand or by an earlier save, is never changed; empty it to
    get a new one. Soft-deleted rows keep theirs. When somebody else takes a slug first, another one is tried, within
    a savepoint, so that an outer transaction goes on.

    To have slugs unique only within a category, replace the field by one that is not ``unique``, name what they are
    unique with in ``slug_unique_with``, and add the constraint. For slugs beyond ASCII, replace the field by one with
    ``allow_unicode=True``.
    """

    slug: models.SlugField[str | Combinable, str] = models.SlugField(max_length=255, unique=True, blank=True)

    #: Names of the fields within whose values slugs are unique; without any, they are unique in the whole table.
    slug_unique_with: ClassVar[Sequence[str]] = ()
    #: Stands in where the source has nothing to make a slug of; by default the name of the model.
    slug_fallback: ClassVar[str | None] = None
    #: How often another slug is tried when somebody else took the one that was free a moment ago.
    slug_conflict_retry_limit: ClassVar[int] = 20

    @overridable
    class Meta:
        abstract = True

    @override
    def save(
        self,
        *,
        force_insert: bool | tuple[ModelBase, ...] = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Iterable[str] | None = None,
    ) -> None:
        names = None if update_fields is None else frozenset(update_fields)
        save = partial(
            super().save, force_insert=force_insert, force_update=force_update, using=using, update_fields=names
        )
        if vars(self).get("slug") == "" and (names is None or "slug" in names):
            self._save_with_new_slug(save, using or router.db_for_write(type(self), instance=self))
        else:
            save()

    @classmethod
    @override
    def check(cls, **kwargs: Any) -> list[checks.CheckMessage]:
        return [*super().check(**kwargs), *cls._check_slug_scope()]

    @classmethod
    def _check_slug_scope(cls) -> Iterator[checks.CheckMessage]:
        names = {field.name for field in cls._meta.concrete_fields}
        for name in cls.slug_unique_with:
            if name not in names:
                text = f"slug_unique_with names {name!r}, which is no field of {cls._meta.object_name}."
                yield checks.Error(text, obj=cls, id="drf_commons.E005")
        if cls.slug_unique_with and getattr(cls._meta.get_field("slug"), "unique", False):
            text = "slug_unique_with has no effect: the slug is unique in the whole table."
            hint = "Replace the field: slug = models.SlugField(max_length=255, blank=True)."
            yield checks.Error(text, hint=hint, obj=cls, id="drf_commons.E005")

    def get_slug_source(self) -> str:
        """Return the text to make a slug of."""
        msg = f"{type(self).__name__}.get_slug_source() must return the text to make a slug of"
        raise NotImplementedError(msg)

    def build_slug_base(self) -> str:
        """Return the slug without a number, cut to the length of the column."""
        column = _get_column(type(self))
        slug = slugify(self.get_slug_source(), allow_unicode=column.allow_unicode)
        slug = slug or self.slug_fallback or cast("str", self._meta.model_name)  # only abstract models have no name
        return slug[: column.max_length].strip("-_")

    @classmethod
    def prepare_slugs(cls, objs: Iterable[SlugMixin], using: str | None = None) -> None:
        """Give every object that has no slug one that is free, in two queries for hundreds of objects.

        This is for rows that are not written by ``save()``, such as those of ``bulk_create()``.
        """
        objs = [*objs]
        column = _get_column(cls)
        rows = column.get_rows(using or router.db_for_write(cls))
        waiting = [(obj, column.get_scope(obj), obj.build_slug_base()) for obj in objs if not obj.slug]
        taken = {(column.get_scope(obj), obj.slug) for obj in objs if obj.slug}
        for chunk in _split({base for _, _, base in waiting}, _SLUGS_PER_QUERY):
            taken |= column.find_slugs(rows.filter(slug__in=chunk))
        wanted = Counter((scope, base) for _, scope, base in waiting)
        crowded = {base for (scope, base), times in wanted.items() if times > 1 or (scope, base) in taken}
        for chunk in _split(crowded, _PATTERNS_PER_QUERY):
            taken |= column.find_slugs(rows.filter(reduce(Q.__or__, map(column.is_numbered, chunk))))
        numbers = {pair: count() for pair in wanted}
        for obj, scope, base in waiting:
            slugs = (column.add_number(base, number) for number in numbers[scope, base])
            obj.slug = next(slug for slug in slugs if (scope, slug) not in taken)
            taken.add((scope, obj.slug))

    @classmethod
    @override
    def prepare_bulk_create(cls, objs: Sequence[StoredValuesMixin], using: str | None = None) -> None:
        super().prepare_bulk_create(objs, using)
        cls.prepare_slugs((obj for obj in objs if isinstance(obj, SlugMixin)), using)

    def _save_with_new_slug(self, save: Callable[[], None], using: str) -> None:
        column = _get_column(type(self))
        rows = column.get_rows(using).filter(**dict(zip(self.slug_unique_with, column.get_scope(self), strict=True)))
        rows = rows if self._state.adding else rows.exclude(pk=self.pk)
        free = column.find_free(rows, self.build_slug_base())
        is_atomic = transaction.get_connection(using).in_atomic_block
        try:
            for tries in count():
                # Writers who are after the same slug would meet again over the next one: each goes on by chance.
                ahead = random.randrange(4 ** min(tries, 5))  # noqa: S311  # it spreads, it hides nothing
                self.slug = next(islice(free, ahead, None))
                try:
                    with transaction.atomic(using) if is_atomic else nullcontext():
                        return save()
                except IntegrityError:
                    # Another column may be what the database refused: then another slug is no help.
                    if tries == self.slug_conflict_retry_limit or not rows.filter(slug=self.slug).exists():
                        raise
        except BaseException:
            self.slug = ""
            raise


@dataclass(frozen=True, slots=True, kw_only=True)
class _SlugColumn:
    """The column that holds the slugs of a model, and the columns they are unique with."""

    model: type[models.Model]  # the model with the table, which may be a parent
    unique_with: Sequence[models.Field[Any, Any]]
    max_length: int
    allow_unicode: bool

    def get_rows(self, using: str) -> models.QuerySet[Any]:
        """Return every row of the table, also those that the default manager hides."""
        return self.model._base_manager.using(using)

    def get_scope(self, obj: models.Model) -> Scope:
        """Return the values within which the slug of *obj* is unique."""
        return tuple(field.to_python(getattr(obj, field.attname)) for field in self.unique_with)

    def find_slugs(self, rows: models.QuerySet[Any]) -> set[tuple[Scope, str]]:
        """Return the slugs of *rows*, each with its scope."""
        found = rows.values_list(*(field.attname for field in self.unique_with), "slug")
        return {(tuple(scope), slug) for *scope, slug in found}

    def find_free(self, rows: models.QuerySet[Any], base: str) -> Iterator[str]:
        """Return the slugs made of *base* that no row of *rows* has, in order."""
        taken = {*rows.filter(Q(slug=base) | self.is_numbered(base)).values_list("slug", flat=True)}
        return (slug for number in count() if (slug := self.add_number(base, number)) not in taken)

    def add_number(self, base: str, number: int) -> str:
        """Return *base* with *number*, none for 0, within the length of the column."""
        if not number:
            return base
        suffix = f"-{number}"
        return base[: max(self.max_length - len(suffix), 1)].rstrip("-_") + suffix

    def is_numbered(self, base: str) -> Q:
        """Return the condition of rows whose slug is *base* with a number, which may have cut *base* short."""
        stem = base[: max(self.max_length - _ROOM_FOR_NUMBER, 1)]
        return Q(slug__startswith=stem, slug__regex="-[0-9]+$")


@cache
def _get_column(model: type[SlugMixin]) -> _SlugColumn:
    field = model._meta.get_field("slug")
    return _SlugColumn(
        model=field.model,
        unique_with=[cast("models.Field[Any, Any]", model._meta.get_field(name)) for name in model.slug_unique_with],
        max_length=getattr(field, "max_length", None) or 50,  # Django's default
        allow_unicode=getattr(field, "allow_unicode", False),
    )


def _split(texts: Iterable[str], size: int) -> Iterator[list[str]]:
    """Return *texts*, sorted, in lists of *size*."""
    ordered = sorted(texts)
    return (ordered[start : start + size] for start in range(0, len(ordered), size))
