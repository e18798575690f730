"""Lists of related rows, one base for each set of options; what happens to a row is said by the field of one row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, overload

from django.db.models import Model
from typing_extensions import TypeVar, Unpack

from drf_commons.serializers.inputs import NestedOptions
from drf_commons.serializers.outputs import SerializerSource
from drf_commons.serializers.relations import ManyRelation, RowOptions

__all__ = ["ManyCustomOutput", "ManyDataBothWays", "ManyDataInput", "ManyDataOutput", "ManyRows"]

M = TypeVar("M", bound=Model, default=Any)
In = TypeVar("In", default=Any)
Out = TypeVar("Out", default=dict[str, Any])


class ManyRows(ManyRelation[M, In, Out], Generic[M, In, Out]):
    """A list of rows that are looked up."""

    def __init__(self, **options: Unpack[RowOptions[M]]) -> None:
        super().__init__(**options)


class ManyCustomOutput(ManyRelation[M, In, Out], Generic[M, In, Out]):
    """A list of rows, each shown as *output* returns it."""

    def __init__(self, *, output: Callable[[M], Out], **options: Unpack[RowOptions[M]]) -> None:
        super().__init__(output=output, **options)


class ManyDataOutput(ManyRelation[M, In, Out], Generic[M, In, Out]):
    """A list of rows, each shown as *serializer* renders it."""

    @overload
    def __init__(self, *, serializer: SerializerSource[Out], **options: Unpack[RowOptions[M]]) -> None: ...
    @overload
    def __init__(self, *, serializer_class: SerializerSource[Out], **options: Unpack[RowOptions[M]]) -> None: ...
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)


class ManyDataInput(ManyRelation[M, In, Out], Generic[M, In, Out]):
    """A list of rows whose data is written along with the row they belong to."""

    @overload
    def __init__(self, *, serializer: SerializerSource[Any], **options: Unpack[NestedOptions[M]]) -> None: ...
    @overload
    def __init__(self, *, serializer_class: SerializerSource[Any], **options: Unpack[NestedOptions[M]]) -> None: ...
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)


class ManyDataBothWays(ManyRelation[M, In, Out], Generic[M, In, Out]):
    """A list of rows whose data goes in and out by the same *serializer*."""

    @overload
    def __init__(self, *, serializer: SerializerSource[Out], **options: Unpack[NestedOptions[M]]) -> None: ...
    @overload
    def __init__(self, *, serializer_class: SerializerSource[Out], **options: Unpack[NestedOptions[M]]) -> None: ...
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
