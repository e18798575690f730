"""Reads the pages of the documentation and does what their examples say.

On every page, from top to bottom:

- Python blocks run in one namespace, which starts with the names of the quickstart's app; a model gets its table, and
  the viewsets have the routes their names suggest, ``ArticleViewSet`` answers under ``/articles/``, beside those of
  the page's ``urlpatterns``;
- an ``http`` block that starts with a method is sent, one that starts with ``HTTP/1.1`` is compared with the answer.
  ``…`` stands for any text, any time equals any other, and an id that is shown first is known from then on;
- JSON blocks are parsed;
- a block right under the name of a file is that file's contents: it is not run here but collected.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Final, TypeAlias, TypeGuard

from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.db.models import Model
from django.http import HttpResponse, StreamingHttpResponse
from django.test import override_settings
from django.urls import URLPattern, URLResolver
from rest_framework.routers import SimpleRouter
from rest_framework.test import APIClient
from rest_framework.viewsets import GenericViewSet
from sybil import Document, Example
from sybil.parsers.myst import CodeBlockParser

from drf_commons.conf import get_settings

ROOT: Final = Path(__file__).resolve().parent.parent
PAGES: Final = {
    str(path.relative_to(ROOT)): path
    for path in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
    if "_build" not in path.parts
}
QUICKSTART: Final = PAGES["docs/quickstart.md"]
TUTORIAL: Final = PAGES["docs/tutorial.md"]
APP: Final = "articles"
AnyResponse: TypeAlias = HttpResponse | StreamingHttpResponse

_ANYTHING: Final = "…"
_FILE: Final = re.compile(r"`(?P<path>[\w./]+\.py)`:\n\n```python\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")


def has_examples(page: Path) -> bool:
    """Tell whether anything on *page* can be done."""
    return re.search(r"^```(python|http|json)$", page.read_text(encoding="utf-8"), re.MULTILINE) is not None


def collect_files(page: Path) -> dict[str, str]:
    """Return the files whose contents *page* shows, by path."""
    return {found["path"]: found["code"] for found in _FILE.finditer(page.read_text(encoding="utf-8"))}


class Reader:
    """Follows one page, as somebody who types every example."""

    #: The modules of the app whose names its examples start with.
    modules: ClassVar[Sequence[str]] = ("models", "serializers", "views")

    def __init__(self, page: Path, *, app: str = f"tests.{APP}", urlconf: str = f"tests.{APP}.urls") -> None:
        self.urlconf = urlconf
        self.module = ModuleType(f"{app}.pages.{page.stem.lower()}")
        for name in self.modules:
            vars(self.module).update(get_public_names(import_module(f"{app}.{name}")))
        self.document = Document.parse(str(page), *self.build_parsers())
        self.document.namespace = vars(self.module)
        self.client = APIClient(headers={"host": "127.0.0.1:8000"})
        self.response: AnyResponse | None = None
        self.known_ids: dict[str, str] = {}
        self.known_models = dict(apps.all_models[APP])
        self.stored_models: list[type[Model]] = []
        self.known_admins = {*admin.site._registry}  # nothing public lists them

    def build_parsers(self) -> list[CodeBlockParser]:
        """Return what is done with the blocks of each language."""
        return [
            CodeBlockParser("python", self.run),
            CodeBlockParser("http", self.exchange),
            CodeBlockParser("json", parse_json),
        ]

    def read(self) -> None:
        """Do everything the page says."""
        sys.modules[self.module.__name__] = self.module  # a job finds its viewset by its path
        try:
            for example in self.document.examples():
                self.follow(example)
            self.check_settings()
        finally:
            sys.modules.pop(self.module.__name__, None)  # a page that reloads its project has dropped it
            self.forget_models()

    def follow(self, example: Example) -> None:
        """Do what one example says."""
        try:
            example.evaluate()
        except Exception as exc:
            exc.add_note(f"{example.path}:{example.line}")
            raise

    def run(self, example: Example) -> None:
        """Run a block of Python; a model has its table as soon as it and what it refers to are defined."""
        if is_file(example):
            return
        for statement in ast.parse("\n" * example.line + example.parsed, example.path).body:
            exec(compile(ast.Module([statement], []), example.path, "exec"), example.namespace)  # noqa: S102  # our own page
            for model in self.get_new_models():
                if model not in self.stored_models and not find_missing(model):
                    with connection.schema_editor() as editor:
                        editor.create_model(model)
                    self.stored_models.append(model)

    def get_new_models(self) -> list[type[Model]]:
        """Return the models the page has defined so far; the table of an automatic one comes with its owner's."""
        models = {name: model for name, model in apps.all_models[APP].items() if name not in self.known_models}
        return [model for model in models.values() if not model._meta.auto_created]

    def forget_models(self) -> None:
        """Take the models of the page, their tables and their pages of the admin away again."""
        for model in {*admin.site._registry} - self.known_admins:  # nothing public lists them
            admin.site.unregister(model)
        for model in reversed(self.stored_models):
            with connection.schema_editor() as editor:
                editor.delete_model(model)
        apps.all_models[APP].clear()
        apps.all_models[APP].update(self.known_models)
        apps.clear_cache()

    def exchange(self, example: Example) -> None:
        """Send a request, or compare an answer."""
        head, _, body = example.parsed.partition("\n\n")
        first, *lines = head.splitlines()
        headers = dict(line.split(": ", 1) for line in lines)
        if first.startswith("HTTP/"):
            self.compare_response(first, headers, body.strip())
        else:
            method, path, _ = first.split(" ")
            self.send(method, path, headers, body.strip())

    def send(self, method: str, path: str, headers: dict[str, str], body: str) -> None:
        """Send a request to the project, with the viewsets as the page has defined them so far."""
        path, body = (_UUID.sub(lambda found: self.known_ids.get(found[0], found[0]), text) for text in (path, body))
        content_type = headers.pop("Content-Type", "application/json" if body else "")
        if content_type.startswith("multipart/"):
            body = body.replace("\n", "\r\n")  # the lines of a form end as those of HTTP do
        with override_settings(ROOT_URLCONF=(*self.build_routes(), *import_module(self.urlconf).urlpatterns)):
            self.response = self.client.generic(method, path, body, content_type, headers=headers)

    def build_routes(self) -> list[URLPattern | URLResolver]:
        """Return the routes of the viewsets the page defines, ``/articles/`` for ``ArticleViewSet``."""
        router = SimpleRouter()
        for name, value in vars(self.module).items():
            if self.is_own_class(value) and issubclass(value, GenericViewSet):
                resource = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name.removesuffix("ViewSet")).lower()
                router.register(f"{resource}s", value, basename=resource)
        return [*router.urls, *getattr(self.module, "urlpatterns", ())]

    def is_own_class(self, value: object) -> TypeGuard[type]:
        """Tell whether *value* is a class that the page defines."""
        return isinstance(value, type) and value.__module__ == self.module.__name__

    def compare_response(self, first: str, headers: Mapping[str, str], body: str) -> None:
        """Compare the latest answer with what the page shows of it."""
        response = self.response
        assert response is not None, "an answer is shown before any request"
        status, sent = HTTPStatus(response.status_code), get_text(response).replace("\r\n", "\n").strip()
        line = f"HTTP/1.1 {status.value} {status.phrase}"
        assert first == line, f"{first} is shown, and sent is {line}\n{sent}"
        for name, value in headers.items():
            assert response.headers.get(name) == value, f"{name} is sent as {response.headers.get(name)}"
        if body == _ANYTHING:
            return
        decode = json.loads if response.headers.get("Content-Type") == "application/json" else str
        differences = [*self.compare(decode(body), decode(sent), "body")]
        assert not differences, "\n".join(differences)

    def compare(self, shown: object, sent: object, place: str) -> Iterator[str]:
        """Yield what is shown otherwise than it is."""
        match shown, sent:
            case dict(), dict():
                for key in [*shown, *(key for key in sent if key not in shown)]:
                    if key in shown and key in sent:
                        yield from self.compare(shown[key], sent[key], f"{place}.{key}")
                    else:
                        yield f"{place}.{key} is only {'shown' if key in shown else f'sent: {sent[key]!r}'}"
            case list(), list() if len(shown) == len(sent):
                for index, pair in enumerate(zip(shown, sent, strict=True)):
                    yield from self.compare(*pair, f"{place}[{index}]")
            case str(), _ if shown == _ANYTHING:
                pass
            case str(), str() if self.is_same_text(shown, sent):
                pass
            case _ if shown != sent:
                yield f"{place} is shown as {shown!r}, and sent as {sent!r}"

    def is_same_text(self, shown: str, sent: str) -> bool:
        """Tell whether *shown* stands for *sent*."""
        if _UUID.fullmatch(shown) and _UUID.fullmatch(sent):
            return self.known_ids.setdefault(shown, sent) == sent
        if _TIME.fullmatch(shown) and _TIME.fullmatch(sent):
            return True
        return re.fullmatch(".*".join(map(re.escape, shown.split(_ANYTHING))), sent, re.DOTALL) is not None

    def check_settings(self) -> None:
        """Validate the ``COMMON`` of a page that shows one."""
        if hasattr(self.module, "COMMON"):
            with override_settings(COMMON=self.module.COMMON):
                get_settings()


def find_missing(model: type[Model]) -> list[str]:
    """Return the models that *model* refers to and that are not defined yet."""
    relations = [field.remote_field for field in (*model._meta.local_fields, *model._meta.local_many_to_many)]
    named = [(relation.model, getattr(relation, "through", None)) for relation in relations if relation is not None]
    return [other for models in named for other in models if isinstance(other, str)]


def parse_json(example: Example) -> None:
    """Parse a block of JSON."""
    json.loads(example.parsed)


def is_file(example: Example) -> bool:
    """Tell whether the block is the contents of a file."""
    return any(found.end() == example.end for found in _FILE.finditer(example.document.text))


def get_public_names(module: ModuleType) -> dict[str, Any]:
    """Return what *module* defines or imports."""
    return {name: value for name, value in vars(module).items() if not name.startswith("_")}


def get_text(response: AnyResponse) -> str:
    """Return the body of *response*, streamed or not."""
    content: bytes = response.getvalue()
    return content.decode()
