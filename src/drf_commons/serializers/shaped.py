"""What every serializer of the library has in common: ``data`` and ``validated_data`` of a known shape."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, Literal, Self, cast, overload

from django.db.models import Manager, Model
from rest_framework import serializers
from rest_framework.serializers import LIST_SERIALIZER_KWARGS, LIST_SERIALIZER_KWARGS_REMOVE
from typing_extensions import TypeVar, override

from drf_commons.types import RuntimeGeneric

__all__ = ["BaseListSerializer", "ShapedSerializer"]

T = TypeVar("T", default=Any)
Data_co = TypeVar("Data_co", covariant=True, default=dict[str, Any])
ValidatedData_co = TypeVar("ValidatedData_co", covariant=True, default=dict[str, Any])

#: True for mypy, which takes no notice of what an overloaded ``__new__`` returns; its plugin knows ``many=True``.
MYPY: Final = False


class BaseListSerializer(RuntimeGeneric, serializers.ListSerializer[T], Generic[T, Data_co, ValidatedData_co]):
    """What ``many=True`` makes of a serializer: a list of rows, each of the serializer's shape."""

    if TYPE_CHECKING:
        # A list has rows where the stubs have one of them, and lists where they have Any.
        @property
        @override
        def data(self) -> list[Data_co]: ...  # type: ignore[override]  # pyright: ignore[reportIncompatibleVariableOverride]

        @property
        @override
        def validated_data(self) -> list[ValidatedData_co]: ...

        @override
        def save(self, **kwargs: Any) -> list[T]: ...  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]


class ShapedSerializer(RuntimeGeneric, serializers.BaseSerializer[T], Generic[T, Data_co, ValidatedData_co]):
    """A serializer whose type arguments say what it serializes, what ``data`` is, and what ``validated_data`` is.

    ``many=True`` makes a :class:`BaseListSerializer`, unless ``Meta.list_serializer_class`` names another class.
    """

    #: What ``many=True`` makes where ``Meta`` does not say it; a Meta of the user's own would not inherit it.
    default_list_serializer_class: ClassVar[type[serializers.ListSerializer[Any]]] = BaseListSerializer

    if TYPE_CHECKING:

        @property
        @override
        def data(self) -> Data_co: ...

        @property
        @override
        def validated_data(self) -> ValidatedData_co: ...

    if TYPE_CHECKING and not MYPY:

        @overload
        def __new__(
            cls,
            instance: Iterable[T] | Manager[Model] | None = None,
            data: Any = ...,
            *,
            many: Literal[True],
            **kwargs: Any,
        ) -> BaseListSerializer[T, Data_co, ValidatedData_co]: ...
        @overload
        def __new__(
            cls, instance: T | None = None, data: Any = ..., *, many: Literal[False] = False, **kwargs: Any
        ) -> Self: ...
        def __new__(cls, *args: Any, **kwargs: Any) -> Any: ...  # noqa: D102  # declared for the checkers only

    @classmethod
    def for_many(
        cls, instance: Iterable[T] | None = None, **kwargs: Any
    ) -> BaseListSerializer[T, Data_co, ValidatedData_co]:
        """Return what ``many=True`` makes, typed by every checker."""
        # What Meta.list_serializer_class names is a list of the same shape.
        return cast("BaseListSerializer[T, Data_co, ValidatedData_co]", cls(cast("Any", instance), many=True, **kwargs))

    @classmethod
    @override
    def many_init(cls, *args: Any, **kwargs: Any) -> serializers.BaseSerializer[Any]:
        """Return the list serializer that ``many=True`` asks for."""
        options = {name: kwargs.pop(name) for name in LIST_SERIALIZER_KWARGS_REMOVE if name in kwargs}
        child = cls(*args, **kwargs)
        options.update({name: kwargs[name] for name in LIST_SERIALIZER_KWARGS if name in kwargs})
        kind: Any = getattr(getattr(cls, "Meta", None), "list_serializer_class", cls.default_list_serializer_class)
        made: serializers.BaseSerializer[Any] = kind(*args, child=child, **options)
        return made
