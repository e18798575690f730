"""The views in the browsable API: forms that can be sent, and that come back filled in when something is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from typing import Any, Final, cast

from django import forms
from django.contrib.auth import get_user
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Manager, Model
from django.http import Http404
from django.http.request import RawPostDataException
from django.utils.encoding import force_str
from django.utils.html import format_html, format_html_join
from rest_framework import serializers, status
from rest_framework.exceptions import APIException
from rest_framework.fields import SkipField
from rest_framework.renderers import BaseRenderer, BrowsableAPIRenderer, HTMLFormRenderer
from rest_framework.request import Request, is_form_media_type, override_method
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer, ListSerializer, Serializer
from rest_framework.settings import api_settings
from rest_framework.utils.encoders import JSONEncoder
from rest_framework.views import APIView
from typing_extensions import override

from drf_commons.models.content import VersionMixin
from drf_commons.serializers.fields import ConfigurableRelatedFieldMixin

__all__ = ["FormRendererMixin", "SearchFormRenderer", "with_forms"]

_WRITES: Final = frozenset({"POST", "PUT", "PATCH"})
_JSON: Final = "application/json"


class SearchFormRenderer(HTMLFormRenderer):
    """DRF's forms, in which a relation with more rows than a list can show is typed, and searched while it is."""

    @override
    def render_field(self, field: Any, parent_style: Any) -> str:
        relation = field._field  # noqa: SLF001  # DRF's own way from a bound field to its field
        one = getattr(relation, "child_relation", relation)
        if isinstance(one, ConfigurableRelatedFieldMixin) and one.has_more_choices():
            # An instance for this form alone; what a project says of the field stands above.
            template = "drf_commons/search.html" if one is relation else "drf_commons/search_many.html"
            relation.style = {"template": template, **relation.style}
        return super().render_field(field, parent_style)


class FormRendererMixin(BrowsableAPIRenderer):
    """Makes the forms of DRF's browsable API work with what the library's actions take.

    An action may have a form of its own (``get_form_serializer()`` of the view). Raw data is shown as the action takes
    it, not as it answers; a form remembers which version of a row it shows; and what was sent stays in the form when it
    is refused, with the reasons at their fields.
    """

    form_renderer_class: type[BaseRenderer] = SearchFormRenderer

    @override
    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> Any:
        """Return the page, also of a body that cannot be read, to whoever has sent it."""
        request: Request = renderer_context["request"]
        if isinstance(data, Mapping) and renderer_context["response"].status_code == status.HTTP_400_BAD_REQUEST:
            _recognize(request)
        return super().render(data, accepted_media_type, renderer_context)

    @override
    def get_rendered_html_form(self, data: Any, view: APIView, method: str, request: Request) -> Any:
        if method == "DELETE" and self._has_form(view, method, request):
            return None  # DRF's button has nowhere to say what is to be deleted
        form = self._find_form(data, view, method, request) if method in _WRITES else None
        if form is None:
            return super().get_rendered_html_form(data, view, method, request)
        with override_method(view, request, method) as asked:
            is_shown = self.show_form_for_method(view, method, asked, None)
        takes_forms = any(is_form_media_type(str(parser.media_type)) for parser in view.parser_classes)
        return self.render_form_for_serializer(form) if is_shown and takes_forms else None

    @override
    def render_form_for_serializer(self, serializer: BaseSerializer[Any]) -> Any:
        """Return the form; that of a row with versions remembers, unseen, which one it shows."""
        base = cast("Any", super())  # the stubs leave the serializer's row open
        form: str | None = base.render_form_for_serializer(serializer)
        if form is None:
            return None
        if hasattr(serializer, "initial_data"):  # it has been validated, then
            # DRF has no place for what is about no field.
            errors = cast("Mapping[str, Iterable[object]]", cast("Any", serializer).errors)
            texts = [(str(text),) for text in errors.get(api_settings.NON_FIELD_ERRORS_KEY, ())]
            form = format_html_join("", '<p class="alert alert-danger" role="alert">{}</p>', texts) + form
        instance: object = getattr(serializer, "instance", None)
        if not isinstance(instance, VersionMixin):
            return form
        version = self._get_sent_version() if self._response.status_code >= status.HTTP_400_BAD_REQUEST else None
        seen = instance.stored_version if version is None else version
        return form + format_html('<input type="hidden" name="version" value="{}">', seen)

    @override
    def get_raw_data_form(self, data: Any, view: APIView, method: str, request: Request) -> Any:
        form = super().get_raw_data_form(data, view, method, request)
        if isinstance(form, forms.Form) and view.parser_classes[0].media_type == _JSON:
            form.fields["_content"].initial = self._write_raw_data(data, view, method, request)
        return form

    def _write_raw_data(self, data: Any, view: Any, method: str, request: Request) -> str:
        """Return the text of a raw form: what was refused, or what may be sent."""
        # The raw form of a PUT has a button for a PATCH.
        sent_as = "PUT" if request.method == "PATCH" and method == "PUT" else str(request.method)
        if method == sent_as and self._response.status_code >= status.HTTP_400_BAD_REQUEST:
            sent = _read_text(request)
            if sent:
                return sent
        with override_method(view, request, method):
            form = view.get_form_serializer()
            if form is None:
                instance = _get_instance(data) if method != "POST" else None
                form = view.get_serializer(instance=instance)
            sample = write_sample(form)
        return json.dumps(sample, indent=4, cls=JSONEncoder, ensure_ascii=not api_settings.UNICODE_JSON)

    def _find_form(self, data: Any, view: Any, method: str, request: Request) -> BaseSerializer[Any] | None:
        """Return the serializer that a form is made of, where DRF would not find it."""
        if getattr(data, "serializer", None) is not None and request.method == method:
            return None  # it has what was sent, and what is wrong with it
        with override_method(view, request, method) as asked:
            if self._is_refused(method, request):
                return self._fill_in(view, asked, data)
            form: BaseSerializer[Any] | None = view.get_form_serializer()
        return form

    def _has_form(self, view: Any, method: str, request: Request) -> bool:
        with override_method(view, request, method):
            return view.get_form_serializer() is not None

    def _fill_in(self, view: Any, request: Request, data: Any) -> BaseSerializer[Any] | None:
        """Return the form with what was sent, and with errors that are not the serializer's own, such as a conflict."""
        body = _read_body(request)
        if not isinstance(body, Mapping) or not isinstance(data, Mapping):
            return cast("BaseSerializer[Any] | None", view.get_form_serializer())
        form: Any = view.get_form_serializer(data=body)
        if form is None:
            form = view.get_serializer(_find_row(view), data=body)
        if isinstance(form, ListSerializer):
            return cast("BaseSerializer[Any]", form)  # of which no form is made
        form.is_valid()
        errors = cast("Mapping[str, object]", data).get("errors")
        form._errors = {**form.errors, **_place_errors(form, errors)}  # noqa: SLF001  # DRF has no other way to add an error
        return cast("BaseSerializer[Any]", form)

    def _is_refused(self, method: str, request: Request) -> bool:
        return request.method == method and self._response.status_code >= status.HTTP_400_BAD_REQUEST

    @property
    def _response(self) -> Response:
        context = cast("Mapping[str, Any]", cast("Any", self).renderer_context)  # render() sets it
        return cast("Response", context["response"])

    def _get_sent_version(self) -> object:
        context = cast("Mapping[str, Any]", cast("Any", self).renderer_context)
        body = _read_body(context["request"])
        return cast("Mapping[str, object]", body).get("version") if isinstance(body, Mapping) else None


def with_forms(renderer: type[BaseRenderer]) -> type[BaseRenderer]:
    """Return *renderer* with the forms above, if it is that of the browsable API, a project's own included."""
    # A class is hashable, whatever the stubs make of one whose instances compare by value.
    return cast("type[BaseRenderer]", _mix(cast("Any", renderer)))


@cache
def _mix(renderer: Any) -> Any:
    if not issubclass(renderer, BrowsableAPIRenderer) or issubclass(renderer, FormRendererMixin):
        return renderer
    bases = (FormRendererMixin,) if renderer is BrowsableAPIRenderer else (FormRendererMixin, renderer)
    own = renderer.form_renderer_class
    return type(renderer.__name__, bases, {} if own is HTMLFormRenderer else {"form_renderer_class": own})


def write_sample(serializer: BaseSerializer[Any]) -> object:
    """Return what *serializer* could be sent: its row or rows as they go in, or what a new one starts from."""
    if isinstance(serializer, ListSerializer):
        many = cast("Any", serializer)
        child, rows = cast("BaseSerializer[Any]", many.child), cast("object", many.instance)
        if rows is None:
            return [_write_new(child)]
        return [_write_row(child, row) for row in _list_rows(rows)]
    row = cast("object", serializer.instance)
    return _write_row(serializer, row) if isinstance(row, Model) else _write_new(serializer)


def _write_new(serializer: BaseSerializer[Any]) -> object:
    if not isinstance(serializer, Serializer):
        return cast("object", cast("Any", serializer).get_initial())
    fields = cast("Mapping[str, object]", serializer.fields)
    values = cast("Mapping[str, object]", cast("Any", serializer).get_initial())
    return {name: value for name, value in values.items() if not isinstance(fields[name], serializers.HiddenField)}


def _write_row(serializer: BaseSerializer[Any], row: Any) -> object:
    if not isinstance(serializer, Serializer):
        return cast("object", serializer.to_representation(row))
    shown: dict[str, object] = {}
    key = {"pk", row._meta.pk.name}
    for name, field in cast("Mapping[str, Any]", serializer.fields).items():
        # A row is told by its key and its version, which are not written.
        is_known = name == "version" or field.source in key
        if isinstance(field, serializers.HiddenField) or (field.read_only and not is_known):
            continue
        try:
            shown[name] = _write_value(field, row)
        except (SkipField, ObjectDoesNotExist):
            continue
    if isinstance(row, VersionMixin):
        shown["version"] = row.stored_version
    return shown


def _write_value(field: Any, row: Any) -> object:
    """Return what *field* would have to be sent to stay as it is."""
    relation = getattr(field, "child_relation", field)
    is_relation = hasattr(relation, "get_choice")
    if field.write_only and not is_relation:
        return cast("object", field.get_initial())
    value = field.get_attribute(row)
    if value is None:
        return None
    if is_relation and relation.looks_up_rows:
        return cast("object", field.get_choice(value))
    nested: BaseSerializer[Any] | None = relation.bound_serializer if is_relation else getattr(field, "child", field)
    if not isinstance(nested, Serializer):
        return cast("object", field.to_representation(value))
    if isinstance(value, Model):
        return _write_row(nested, value)
    return [_write_row(nested, item) for item in _list_rows(value)]


def _list_rows(rows: object) -> Iterable[Any]:
    found: Any = rows
    return cast("Iterable[Any]", found.all() if isinstance(rows, Manager) else found)


def _read_body(request: Request) -> object:
    """Return what was sent; ``None`` where the request was refused before anybody found out that it cannot be read."""
    try:
        return cast("object", request.data)
    except APIException:
        return None


def _read_text(request: Request) -> str:
    """Return the JSON that was sent, as it was sent."""
    if not str(request.content_type).startswith(_JSON):
        return ""
    try:
        return force_str(request.body, errors="replace")
    except RawPostDataException:  # a parser has read it as a stream
        return ""


def _recognize(request: Any) -> None:
    """Find the user of a session again, whom DRF forgets when it looks for a token in a body that nobody can read."""
    sent = request._request  # noqa: SLF001  # DRF documents it as Django's request
    if request.successful_authenticator is not None or not hasattr(sent, "session"):
        return
    sent.user = get_user(sent)
    for authenticator in request.authenticators or ():
        # The body is empty by now, and the token stands in a header; where it does not, nobody is recognized.
        with suppress(APIException):
            if found := authenticator.authenticate(request):
                request.user, request.auth = found
                return
    sent.user = request.user


def _get_instance(data: Any) -> Model | None:
    instance: object = getattr(getattr(data, "serializer", None), "instance", None)
    return instance if isinstance(instance, Model) else None


def _find_row(view: Any) -> Model | None:
    """Return the row that a refused request was about, if there is one."""
    if not view.detail or view.request.method == "POST":
        return None
    try:
        return cast("Model", view.get_object())
    except (APIException, Http404):
        return None


def _place_errors(form: Any, errors: object) -> dict[str, list[str]]:
    """Return *errors* by the field that shows them, or under the name for those of none."""
    if not isinstance(errors, Mapping):
        return {}
    placed: dict[str, list[str]] = {}
    shown = [name for name, field in form.fields.items() if not field.read_only]
    for name, messages in cast("Mapping[str, object]", errors).items():
        is_shown = name in shown
        place = name if is_shown else api_settings.NON_FIELD_ERRORS_KEY
        is_about_form = is_shown or name in {"detail", api_settings.NON_FIELD_ERRORS_KEY}
        prefix = "" if is_about_form else f"{name}: "
        placed.setdefault(place, []).extend(f"{prefix}{text}" for text in _list_texts(messages))
    return placed


def _list_texts(messages: object) -> Iterable[str]:
    """Return every message of a tree of them, with the way that leads there."""
    match messages:
        case Mapping():
            branches = cast("Mapping[object, object]", messages).items()
            return [f"{name}: {text}" for name, branch in branches for text in _list_texts(branch)]
        case list() | tuple():
            return [text for branch in cast("Iterable[object]", messages) for text in _list_texts(branch)]
        case _:
            return [str(messages)]
