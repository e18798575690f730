"""Nested data as input: what a field takes that may make and change the row at its far end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, cast, overload

from django.db.models import Model
from rest_framework.exceptions import ValidationError
from rest_framework.relations import ManyRelatedField
from rest_framework.serializers import ModelSerializer
from rest_framework.utils import html
from typing_extensions import TypeVar, Unpack, override

from drf_commons.errors import ConfigurationError
from drf_commons.serializers.outputs import SerializerHolder, SerializerSource
from drf_commons.serializers.relations import Accept, RowOptions

__all__ = ["DataInput", "NestedOptions"]

M = TypeVar("M", bound=Model, default=Any)
In = TypeVar("In", default=Any)
Out = TypeVar("Out", default=dict[str, Any])


class NestedOptions(RowOptions[M], Generic[M], total=False):
    """The options of a field that takes nested data."""

    create: bool
    update: bool


class DataInput(SerializerHolder[M, In, Out], Generic[M, In, Out]):
    """Takes the row's data, which ``BaseModelSerializer`` writes together with the row the field belongs to.

    ``create=False`` refuses data of a row that does not exist yet, ``update=False`` data of one that does. Until it is
    saved the validated value is a ``dict``; a row that exists carries its id there.
    """

    accepts: ClassVar[Accept] = Accept.DATA

    @overload
    def __init__(self, *, serializer: SerializerSource[Any], **options: Unpack[NestedOptions[M]]) -> None: ...
    @overload
    def __init__(self, *, serializer_class: SerializerSource[Any], **options: Unpack[NestedOptions[M]]) -> None: ...
    def __init__(
        self,
        *,
        create: bool = True,
        update: bool = True,
        **options: Any,
    ) -> None:
        self.may_create = create
        self.may_update = update
        super().__init__(**options)

    @override
    def get_value(self, dictionary: Mapping[str, Any]) -> Any:
        """Return the field's part of *dictionary*; in a form, ``author.name`` is a key of nested data."""
        if Accept.DATA in self.accepts and html.is_html_input(dictionary):
            nested = html.parse_html_dict(dictionary, prefix=self.field_name or "")
            if nested:
                return nested
        return super().get_value(dictionary)

    @override
    def to_internal_value(self, data: In) -> Any:
        """Return the row that *data* names, or the validated data of one to be written."""
        if Accept.DATA not in self.accepts or not isinstance(data, Mapping):
            return super().to_internal_value(data)
        in_list = isinstance(self.parent, ManyRelatedField)
        owner: object = self.parent.parent if in_list else self.parent
        name = type(owner).__name__
        if isinstance(owner, ModelSerializer):
            # A BaseModelSerializer reads its nested relations itself, with the stored rows at hand.
            msg = f"{name} takes nested data for a relation, which only a BaseModelSerializer writes"
            raise ConfigurationError(msg)
        return self.bound_serializer.run_validation(data)

    @override
    def read_many(self, items: Sequence[In]) -> list[Any]:
        """Return, for each of *items*, the row it names, its validated data, or the error to report there."""
        read: list[Any] = super().read_many(items)
        for index in range(len(items)):
            if isinstance(items[index], Mapping):
                try:
                    read[index] = self.to_internal_value(items[index])
                except ValidationError as exc:
                    read[index] = exc
        return read

    @override
    def to_representation(self, value: Any) -> Any:
        """Return the row as the client sees it; of data that has not been saved yet, what the serializer shows."""
        if isinstance(value, Mapping):
            return self.represent_data(cast("Mapping[str, object]", value))
        return super().to_representation(value)
