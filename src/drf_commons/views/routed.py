"""The viewsets of a project, as its URLs name them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import Any, TypeAlias

from django.apps import apps
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils.module_loading import import_string
from rest_framework.viewsets import ViewSetMixin

__all__ = ["ViewSetClass", "find_viewset", "list_viewsets"]

#: A viewset of any kind.
ViewSetClass: TypeAlias = "type[ViewSetMixin]"


def list_viewsets() -> Sequence[ViewSetClass]:
    """Return every viewset that a URL of the project leads to, each once."""
    return [*dict.fromkeys(_walk(get_resolver().url_patterns))]


def find_viewset(name: str) -> ViewSetClass:
    """Return the viewset called ``EmployeeViewSet``, ``app.EmployeeViewSet``, or by its dotted path.

    Raises :class:`LookupError`: a name that is nobody's comes with what may be meant, and one that several viewsets
    have with all of them.
    """
    viewsets = list_viewsets()
    found = [viewset for viewset in viewsets if name in _list_names(viewset)]
    match found:
        case [viewset]:
            return viewset
        case []:
            return _import_viewset(name, viewsets)
        case _:
            paths = ", ".join(sorted(_get_path(viewset) for viewset in found))
            msg = f"{name!r} is the name of several viewsets: write one of {paths}"
            raise LookupError(msg)


def _walk(patterns: Iterable[Any]) -> Iterator[ViewSetClass]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns)
        elif isinstance(pattern, URLPattern):
            viewset: object = getattr(pattern.callback, "cls", None)
            if isinstance(viewset, type) and issubclass(viewset, ViewSetMixin):
                yield viewset


def _list_names(viewset: ViewSetClass) -> set[str]:
    app = apps.get_containing_app_config(viewset.__module__)
    names = {viewset.__name__, _get_path(viewset)}
    return names if app is None else names | {f"{app.label}.{viewset.__name__}"}


def _get_path(viewset: ViewSetClass) -> str:
    return f"{viewset.__module__}.{viewset.__qualname__}"


def _import_viewset(name: str, viewsets: Sequence[ViewSetClass]) -> ViewSetClass:
    try:
        found: object = import_string(name)
    except ImportError:
        found = None
    if isinstance(found, type) and issubclass(found, ViewSetMixin):
        return found
    names = [viewset.__name__ for viewset in viewsets]
    close = get_close_matches(name.rpartition(".")[2], names, n=3)
    hint = f"; did you mean {' or '.join(close)}?" if close else "; write the path that imports it"
    msg = f"no URL leads to a viewset called {name!r}{hint}"
    raise LookupError(msg)
