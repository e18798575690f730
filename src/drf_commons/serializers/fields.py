"""The relation fields: what goes in stands before ``To``, what comes out behind it.

===========  ===============  ================  =================  ===================
in           id out           text out          nested data out    your own out
===========  ===============  ================  =================  ===================
id           IdOnlyField      IdToStrField      IdToDataField      CustomOutputField
text         StrToIdField     StrOnlyField      StrToDataField
nested data  DataToIdField    DataToStrField    DataToDataField
id or text                                      FlexibleField
nothing      ReadOnlyIdField  ReadOnlyStrField  ReadOnlyDataField  ReadOnlyCustomField
===========  ===============  ================  =================  ===================

``WriteOnlyRelatedField`` takes an id and shows nothing. Each has a ``Many…`` sister for a list of rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Generic, Never, TypeAlias, overload

from django.db.models import Model
from rest_framework.serializers import PrimaryKeyRelatedField
from typing_extensions import TypeVar, Unpack

from drf_commons.serializers.inputs import DataInput, NestedOptions
from drf_commons.serializers.lists import (
    ManyCustomOutput,
    ManyDataBothWays,
    ManyDataInput,
    ManyDataOutput,
    ManyRows,
)
from drf_commons.serializers.outputs import (
    CustomOutput,
    DataOutput,
    PkOutput,
    SerializerSource,
    SlugOutput,
    StrOutput,
)
from drf_commons.serializers.relations import (
    Accept,
    ConfigurableRelatedFieldMixin,
    ManyRelation,
    RelationClass,
)
from drf_commons.types import Pk

__all__ = [
    "Accept",
    "ConfigurableRelatedFieldMixin",
    "CustomOutputField",
    "DataToDataField",
    "DataToIdField",
    "DataToStrField",
    "FlexibleField",
    "IdOnlyField",
    "IdToDataField",
    "IdToStrField",
    "ManyCustomOutputField",
    "ManyDataToDataField",
    "ManyDataToIdField",
    "ManyDataToStrField",
    "ManyFlexibleField",
    "ManyIdOnlyField",
    "ManyIdToDataField",
    "ManyIdToStrField",
    "ManyReadOnlyCustomField",
    "ManyReadOnlyDataField",
    "ManyReadOnlyIdField",
    "ManyReadOnlyStrField",
    "ManyRelation",
    "ManyStrOnlyField",
    "ManyStrToDataField",
    "ManyStrToIdField",
    "ManyWriteOnlyRelatedField",
    "ReadOnlyCustomField",
    "ReadOnlyDataField",
    "ReadOnlyIdField",
    "ReadOnlyStrField",
    "StrOnlyField",
    "StrToDataField",
    "StrToIdField",
    "WriteOnlyRelatedField",
]

M = TypeVar("M", bound=Model, default=Any)
Out = TypeVar("Out", default=dict[str, Any])
Data: TypeAlias = Mapping[str, Any]

# An id goes in


# The stubs call the row itself the input of DRF's field, though it takes a key.
class IdOnlyField(PkOutput[M, Pk], PrimaryKeyRelatedField[M], Generic[M]):  # pyright: ignore[reportGeneralTypeIssues, reportIncompatibleMethodOverride]
    """``7`` in, ``7`` out."""

    accepts = Accept.PK


class IdToStrField(StrOutput[M, Pk], Generic[M]):
    """``7`` in, ``"Ada"`` out."""

    accepts = Accept.PK


class IdToDataField(DataOutput[M, Pk, Out], Generic[M, Out]):
    """``7`` in, ``{"name": "Ada"}`` out."""

    accepts = Accept.PK


class CustomOutputField(CustomOutput[M, Pk, Out], Generic[M, Out]):
    """``7`` in, what *output* returns out."""

    accepts = Accept.PK


class WriteOnlyRelatedField(PkOutput[M, Pk], Generic[M]):
    """``7`` in, nothing out."""

    accepts = Accept.PK
    is_write_only = True


# A text goes in


class StrToIdField(PkOutput[M, str], Generic[M]):
    """``"ada"`` in, ``7`` out."""

    accepts = Accept.SLUG


class StrOnlyField(SlugOutput[M, str], Generic[M]):
    """``"ada"`` in, ``"ada"`` out: the column that ``slug_field`` names, both ways."""

    accepts = Accept.SLUG


class StrToDataField(DataOutput[M, str, Out], Generic[M, Out]):
    """``"ada"`` in, ``{"name": "Ada"}`` out."""

    accepts = Accept.SLUG


# Nested data goes in


class DataToIdField(DataInput[M, Data, Pk], PkOutput[M, Data], Generic[M]):
    """``{"name": "Ada"}`` in, ``7`` out."""


class DataToStrField(DataInput[M, Data, str], StrOutput[M, Data], Generic[M]):
    """``{"name": "Ada"}`` in, ``"Ada"`` out."""


class DataToDataField(DataInput[M, Data, Out], DataOutput[M, Data, Out], Generic[M, Out]):
    """``{"name": "Ada"}`` in, ``{"id": 7, "name": "Ada"}`` out."""

    @overload
    def __init__(self, *, serializer: SerializerSource[Out], **options: Unpack[NestedOptions[M]]) -> None: ...
    @overload
    def __init__(self, *, serializer_class: SerializerSource[Out], **options: Unpack[NestedOptions[M]]) -> None: ...
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)


# One of several goes in


class FlexibleField(DataInput[M, Any, Out], DataOutput[M, Any, Out], Generic[M, Out]):
    """``7`` or ``"ada"`` in, ``{"name": "Ada"}`` out; a subclass may add ``Accept.DATA`` to what it ``accepts``."""

    accepts: ClassVar[Accept] = Accept.PK | Accept.SLUG

    @overload
    def __init__(self, *, serializer: SerializerSource[Out], **options: Unpack[NestedOptions[M]]) -> None: ...
    @overload
    def __init__(self, *, serializer_class: SerializerSource[Out], **options: Unpack[NestedOptions[M]]) -> None: ...
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)


# Nothing goes in


class ReadOnlyIdField(PkOutput[M, Never], Generic[M]):
    """``7`` out."""


class ReadOnlyStrField(StrOutput[M, Never], Generic[M]):
    """``"Ada"`` out."""


class ReadOnlyDataField(DataOutput[M, Never, Out], Generic[M, Out]):
    """``{"name": "Ada"}`` out."""


class ReadOnlyCustomField(CustomOutput[M, Never, Out], Generic[M, Out]):
    """What *output* returns out."""


# Lists


class ManyIdOnlyField(ManyRows[M, Pk, Pk], Generic[M]):
    """``[7, 9]`` in, ``[7, 9]`` out."""

    one: ClassVar[RelationClass] = IdOnlyField


class ManyIdToStrField(ManyRows[M, Pk, str], Generic[M]):
    """``[7, 9]`` in, ``["Ada", "Eve"]`` out."""

    one: ClassVar[RelationClass] = IdToStrField


class ManyIdToDataField(ManyDataOutput[M, Pk, Out], Generic[M, Out]):
    """``[7, 9]`` in, ``[{"name": "Ada"}, {"name": "Eve"}]`` out."""

    one: ClassVar[RelationClass] = IdToDataField


class ManyCustomOutputField(ManyCustomOutput[M, Pk, Out], Generic[M, Out]):
    """``[7, 9]`` in, what *output* returns for each out."""

    one: ClassVar[RelationClass] = CustomOutputField


class ManyWriteOnlyRelatedField(ManyRows[M, Pk, Pk], Generic[M]):
    """``[7, 9]`` in, nothing out."""

    one: ClassVar[RelationClass] = WriteOnlyRelatedField


class ManyStrToIdField(ManyRows[M, str, Pk], Generic[M]):
    """``["ada", "eve"]`` in, ``[7, 9]`` out."""

    one: ClassVar[RelationClass] = StrToIdField


class ManyStrOnlyField(ManyRows[M, str, str], Generic[M]):
    """``["ada", "eve"]`` in, ``["ada", "eve"]`` out."""

    one: ClassVar[RelationClass] = StrOnlyField


class ManyStrToDataField(ManyDataOutput[M, str, Out], Generic[M, Out]):
    """``["ada", "eve"]`` in, ``[{"name": "Ada"}, {"name": "Eve"}]`` out."""

    one: ClassVar[RelationClass] = StrToDataField


class ManyDataToIdField(ManyDataInput[M, Data, Pk], Generic[M]):
    """``[{"name": "Ada"}]`` in, ``[7]`` out."""

    one: ClassVar[RelationClass] = DataToIdField


class ManyDataToStrField(ManyDataInput[M, Data, str], Generic[M]):
    """``[{"name": "Ada"}]`` in, ``["Ada"]`` out."""

    one: ClassVar[RelationClass] = DataToStrField


class ManyDataToDataField(ManyDataBothWays[M, Data, Out], Generic[M, Out]):
    """``[{"name": "Ada"}]`` in, ``[{"id": 7, "name": "Ada"}]`` out."""

    one: ClassVar[RelationClass] = DataToDataField


class ManyFlexibleField(ManyDataBothWays[M, Any, Out], Generic[M, Out]):
    """``[7, "eve"]`` in, ``[{"name": "Ada"}, {"name": "Eve"}]`` out."""

    one: ClassVar[RelationClass] = FlexibleField


class ManyReadOnlyIdField(ManyRows[M, Never, Pk], Generic[M]):
    """``[7, 9]`` out."""

    one: ClassVar[RelationClass] = ReadOnlyIdField


class ManyReadOnlyStrField(ManyRows[M, Never, str], Generic[M]):
    """``["Ada", "Eve"]`` out."""

    one: ClassVar[RelationClass] = ReadOnlyStrField


class ManyReadOnlyDataField(ManyDataOutput[M, Never, Out], Generic[M, Out]):
    """``[{"name": "Ada"}, {"name": "Eve"}]`` out."""

    one: ClassVar[RelationClass] = ReadOnlyDataField


class ManyReadOnlyCustomField(ManyCustomOutput[M, Never, Out], Generic[M, Out]):
    """What *output* returns for each out."""

    one: ClassVar[RelationClass] = ReadOnlyCustomField
