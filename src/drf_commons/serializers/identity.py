"""Which stored row nested data is about: by its id, by a column of its own, or by its URL."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self

from django.db.models import Model, QuerySet
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ValidationError
from rest_framework.relations import HyperlinkedIdentityField, HyperlinkedRelatedField
from rest_framework.serializers import BaseSerializer, ModelSerializer
from typing_extensions import override

from drf_commons.serializers.keys import Key, build_key
from drf_commons.serializers.paths import format_message
from drf_commons.types import StrOrPromise

__all__ = ["Identity", "build_identity"]

_MESSAGES: Final[Mapping[str, StrOrPromise]] = {
    "does_not_exist": _('Invalid pk "{pk_value}" - object does not exist.'),
    "incorrect_type": _("Incorrect type. Expected pk value, received {data_type}."),
    "repeated": _('The row "{pk_value}" is named twice.'),
}

#: The stubs leave its types open.
_DRF: Final[Any] = HyperlinkedRelatedField


class LinkReader(HyperlinkedRelatedField[Any]):
    """Reads off the URL of a row what the row is looked up by, and leaves the looking up to others."""

    if TYPE_CHECKING:

        def __new__(cls, *args: Any, **kwargs: Any) -> Self: ...  # many=True makes a list, and is not given

    def __init__(self, field: HyperlinkedIdentityField, parent: ModelSerializer[Any]) -> None:
        super().__init__(
            read_only=True,
            view_name=field.view_name,
            lookup_field=field.lookup_field,
            lookup_url_kwarg=field.lookup_url_kwarg,
        )
        self.parent: BaseSerializer[Any] = parent  # whose context has the request; it is none of its fields

    @override
    def get_object(self, view_name: str, view_args: Any, view_kwargs: Any) -> Any:
        """Return the value that stands in the URL."""
        return view_kwargs.get(self.lookup_url_kwarg)

    @override
    def to_internal_value(self, data: Any) -> Any:
        """Return what the row at the URL *data* is looked up by."""
        try:
            return super().to_internal_value(data)
        except ValueError:  # not even the form of a URL
            self.fail("no_match")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What tells, in the input of a nested row, which stored row it is."""

    #: The name in the input; ``None`` where the serializer has no such field, so that every row is new.
    field_name: str | None
    #: The column that the name is about.
    named_by: Key[Any]
    #: The column that tells rows apart from then on, in validated data.
    key: Key[Any]
    #: Whether a client may choose it for a new row.
    is_writable: bool = False
    #: Reads names that are URLs.
    link: LinkReader | None = None

    @property
    def attribute(self) -> str:
        """The name in validated data."""
        return self.key.model._meta.pk.name if self.key.is_pk else self.key.path

    def get_name(self, item: Mapping[str, object]) -> object:
        """Return which row *item* says it is; ``None`` when it does not say."""
        name = None if self.field_name is None else item.get(self.field_name)
        return None if name == "" else name  # a form sends every input, filled in or not

    def parse(self, name: object) -> Hashable | None:
        """Return *name* as the column holds it; ``None`` where it is of another type, or a URL of something else."""
        if self.link is not None:
            name = self.link.to_internal_value(name)
        return self.named_by.parse(name)

    def match(self, name: object, stored: Mapping[Hashable, Model]) -> Model | None:
        """Return which of the *stored* rows is called *name*; ``None`` for a new one, whose name was chosen."""
        try:
            key = self.parse(name)
            if key is not None and key not in stored and self.link is not None:
                self.link.fail("does_not_exist")
        except ValidationError as exc:
            raise ValidationError({str(self.field_name): exc.detail}) from exc
        if key is None:
            self.fail("incorrect_type", data_type=type(name).__name__)
        if key not in stored and not self.is_writable:
            self.fail("does_not_exist", pk_value=name)
        return stored.get(key)

    def select_named(self, rows: QuerySet[Any], items: Iterable[Mapping[str, object]]) -> QuerySet[Any] | None:
        """Return those of *rows* that *items* of the input name; ``None`` where they name none."""
        wanted: set[Hashable] = set()
        for item in items:
            with suppress(ValidationError):  # match() reports it
                key = self.parse(self.get_name(item))
                if key is not None and self.named_by.can_hold(key, rows.db):
                    wanted.add(key)
        return rows.filter(**{f"{self.named_by.path}__in": wanted}) if wanted else None

    def select(self, rows: QuerySet[Any], items: Sequence[Mapping[str, Any]]) -> QuerySet[Any]:
        """Return those of *rows* that *items* of validated data are about."""
        names = [self.key.parse(item.get(self.attribute)) for item in items]
        wanted = [name for name in names if name is not None and self.key.can_hold(name, rows.db)]
        return rows.filter(**{f"{self.key.path}__in": wanted}) if wanted else rows.none()

    def fail(self, code: str, **values: object) -> NoReturn:
        """Report an error where the input says which row it is about."""
        raise ValidationError({str(self.field_name): [format_message(_MESSAGES[code], values)]}, code=code)


def build_identity(serializer: ModelSerializer[Any], lookup_field: str) -> Identity:
    """Return what tells rows of *serializer* apart: its field of *lookup_field*, or else the hyperlink to the row."""
    model: type[Model] = serializer.Meta.model
    key = build_key(model, lookup_field)
    sources = {"pk", model._meta.pk.name} if key.is_pk else {key.path}
    fields: dict[str, Any] = {**serializer.fields}
    for name, field in fields.items():
        if field.source in sources:
            return Identity(field_name=name, named_by=key, key=key, is_writable=not field.read_only)
    for name, field in fields.items():
        # Who spells URLs in a way of his own says so here, and we cannot read them.
        if isinstance(field, HyperlinkedIdentityField) and type(field).get_object is _DRF.get_object:
            by = build_key(model, field.lookup_field)
            return Identity(field_name=name, named_by=by, key=key, link=LinkReader(field, serializer))
    return Identity(field_name=None, named_by=key, key=key)
