"""Every viewset of the library, described by :class:`EnvelopeSchema` on top of the project's own class."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from typing_extensions import override

from drf_commons.openapi.schema import EnvelopeSchema
from drf_commons.openapi.spectacular import AutoSchema, OpenApiViewExtension, get_project_schema
from drf_commons.views.mixins import EnvelopeMixin

__all__ = ["EnvelopeViewExtension"]


class EnvelopeViewExtension(OpenApiViewExtension):
    """While a schema is made, a view of ours stands in with its answers described as they are."""

    target_class = EnvelopeMixin
    match_subclasses = True
    priority = -1  # a project's own description of a view of its own comes first

    @override
    def view_replacement(self) -> type[Any]:
        """Return the view with a schema that knows the envelope; a view with a schema of another kind as it is."""
        view: type[Any] = self.target
        own = view.schema
        if not isinstance(own, AutoSchema) or isinstance(own, EnvelopeSchema):
            return view
        project = get_project_schema()
        enveloped = _combine(EnvelopeSchema, project)
        described = {
            name: _describe(method, _combine(schema, enveloped))
            for name, method in _list_methods(view)
            if (schema := _get_schema(method)) is not None
        }
        # What is said of the view by a decorator, or by a class of its own, stands above.
        schema = enveloped if type(own) is project else _combine(type(own), enveloped)
        about: dict[str, object] = {"__doc__": view.__doc__, "__module__": view.__module__, "schema": schema()}
        return type(view.__name__, (view,), {**about, **described})


def _combine(first: type[AutoSchema], second: type[AutoSchema]) -> type[AutoSchema]:
    return first if issubclass(first, second) else type(first.__name__, (first, second), {})


def _list_methods(view: type[Any]) -> Iterator[tuple[str, Callable[..., Any]]]:
    for name in dir(view):
        method = inspect.getattr_static(view, name)
        if inspect.isfunction(method):
            yield name, method


def _get_schema(method: Callable[..., Any]) -> type[AutoSchema] | None:
    """Return the class that ``@extend_schema`` made for *method*."""
    schema = getattr(method, "kwargs", {}).get("schema")
    return schema if isinstance(schema, type) and issubclass(schema, AutoSchema) else None


def _describe(method: Callable[..., Any], schema: type[AutoSchema]) -> Callable[..., Any]:
    """Return *method* with *schema* in place of the one that it was decorated with."""

    @wraps(method)
    def described(*args: Any, **kwargs: Any) -> Any:
        return method(*args, **kwargs)

    vars(described)["kwargs"] = {**vars(method)["kwargs"], "schema": schema}
    return described
