"""How a related row is shown: each base states one ``represent``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from operator import attrgetter
from typing import Any, ClassVar, Generic, Protocol, TypeAlias, cast, overload

from django.db.models import Model
from django.utils.module_loading import import_string
from rest_framework.serializers import BaseSerializer
from typing_extensions import TypeVar, Unpack, override

from drf_commons.errors import ConfigurationError, NestingDepthError
from drf_commons.serializers.relations import ConfigurableRelatedFieldMixin, RowOptions
from drf_commons.types import Pk

__all__ = [
    "CustomOutput",
    "DataOutput",
    "PkOutput",
    "SerializerHolder",
    "SerializerSource",
    "SlugOutput",
    "StrOutput",
]

M = TypeVar("M", bound=Model, default=Any)
In = TypeVar("In", default=Any)
Out = TypeVar("Out", default=dict[str, Any])
OutT_co = TypeVar("OutT_co", covariant=True)


class HasData(Protocol[OutT_co]):
    """A serializer, seen through what it returns."""

    @property
    def data(self) -> OutT_co: ...


#: What ``serializer=`` takes: a class, the dotted path of one, or a callable that returns one.
SerializerSource: TypeAlias = "type[HasData[Out]] | Callable[[], type[HasData[Out]]] | str"


class PkOutput(ConfigurableRelatedFieldMixin[M, In, Pk], Generic[M, In]):
    """Shows the id: the primary key, or the column that ``lookup_field`` names."""

    @override
    def represent(self, instance: M) -> Pk:
        """Return the id of *instance*."""
        return cast("Pk", self._read(instance))  # the caller chose a column that holds ids

    @cached_property
    def _read(self) -> attrgetter[Any]:
        return attrgetter(self.lookup_field.replace("__", "."))

    @override
    def use_pk_only_optimization(self) -> bool:
        """Spare the query for the row when its key is all that is shown."""
        return self.lookup_field == "pk"


class StrOutput(ConfigurableRelatedFieldMixin[M, In, str], Generic[M, In]):
    """Shows ``str(instance)``."""

    @override
    def represent(self, instance: M) -> str:
        """Return *instance* as a text."""
        return str(instance)


class SlugOutput(ConfigurableRelatedFieldMixin[M, In, str], Generic[M, In]):
    """Shows the column that ``slug_field`` names: the text that finds the row again."""

    @override
    def represent(self, instance: M) -> str:
        """Return the slug of *instance*."""
        return str(self._read(instance))

    @cached_property
    def _read(self) -> attrgetter[Any]:
        return attrgetter(self.slug_field.replace("__", "."))


class CustomOutput(ConfigurableRelatedFieldMixin[M, In, Out], Generic[M, In, Out]):
    """Shows what *output* returns for the row; its return type is the type of the field's output."""

    def __init__(self, *, output: Callable[[M], Out], **options: Unpack[RowOptions[M]]) -> None:
        self.output = output
        super().__init__(**options)

    @override
    def represent(self, instance: M) -> Out:
        """Return what the callable makes of *instance*."""
        return self.output(instance)


class SerializerHolder(ConfigurableRelatedFieldMixin[M, In, Out], Generic[M, In, Out]):
    """A field with a serializer inside, built when it is first needed and bound to the field once."""

    #: How many of these fields may stand inside one another, for serializers that nest themselves.
    max_depth: ClassVar[int] = 32

    @overload
    def __init__(self, *, serializer: SerializerSource[Any], **options: Unpack[RowOptions[M]]) -> None: ...
    @overload
    def __init__(self, *, serializer_class: SerializerSource[Any], **options: Unpack[RowOptions[M]]) -> None: ...
    def __init__(
        self,
        *,
        serializer: SerializerSource[Any] | None = None,
        serializer_class: SerializerSource[Any] | None = None,
        **options: Unpack[RowOptions[M]],
    ) -> None:
        source = serializer if serializer_class is None else serializer_class
        if source is None or (serializer is not None and serializer_class is not None):
            msg = f"{type(self).__name__} takes serializer= (or serializer_class=, the same thing), exactly one of them"
            raise TypeError(msg)
        self.serializer_source = source
        super().__init__(**options)

    def get_serializer_class(self) -> type[BaseSerializer[M]]:
        """Return the class that ``serializer`` names."""
        source: Any = self.serializer_source
        if isinstance(source, str):
            try:
                source = import_string(source)
            except ImportError as exc:
                msg = f"{type(self).__name__}: serializer={self.serializer_source!r} cannot be imported: {exc}"
                raise ConfigurationError(msg) from exc
        elif not isinstance(source, type):
            source = source()
        if not (isinstance(source, type) and issubclass(source, BaseSerializer)):
            msg = f"{type(self).__name__}: serializer={self.serializer_source!r} is not a serializer class"
            raise ConfigurationError(msg)
        return cast("type[BaseSerializer[M]]", source)  # of which model is the caller's word

    def represent_data(self, data: Mapping[str, object]) -> object:  # noqa: ARG002  # overridden where there is more to show
        """Return validated *data* of a row that is not written yet: it has neither an id nor a text."""
        return None

    @cached_property
    def bound_serializer(self) -> BaseSerializer[M]:
        """The serializer inside.

        Raises :class:`~drf_commons.errors.NestingDepthError` when serializers that nest themselves are more than
        ``max_depth`` deep: the rows, or the input, go round in a circle.
        """
        depth = 1
        above = self.parent
        while above is not None:
            depth += isinstance(above, SerializerHolder)
            above = above.parent
        if depth > self.max_depth:
            msg = f"{self.get_serializer_class().__name__} nests itself more than {self.max_depth} levels deep"
            raise NestingDepthError(msg)
        child = self.get_serializer_class()()
        cast("Any", child).bind("", self)  # nor can a field be one for them, as it is of a list's child in DRF
        return child


class DataOutput(SerializerHolder[M, In, Out], Generic[M, In, Out]):
    """Shows the row as *serializer* renders it."""

    @overload
    def __init__(self, *, serializer: SerializerSource[Out], **options: Unpack[RowOptions[M]]) -> None: ...
    @overload
    def __init__(self, *, serializer_class: SerializerSource[Out], **options: Unpack[RowOptions[M]]) -> None: ...
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)

    @override
    def represent(self, instance: M) -> Out:
        """Return *instance* as the serializer renders it."""
        return cast("Out", self.bound_serializer.to_representation(instance))  # what .data holds for one row

    @override
    def represent_data(self, data: Mapping[str, object]) -> object:
        """Return validated *data* of a row that is not written yet as the serializer renders it."""
        return self.bound_serializer.to_representation(cast("M", data))  # DRF renders a mapping just as well
