"""What every action of the library stands on: the typed base and the envelope."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Generic, Self, cast

from django.core.exceptions import SuspiciousOperation
from django.db.models import Model
from django.http import HttpRequest, QueryDict
from rest_framework.exceptions import APIException
from rest_framework.renderers import BaseRenderer
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import GenericViewSet
from typing_extensions import TypeVar, override

from drf_commons.response import DEFAULT_SUCCESS_MESSAGE, ExceptionHandler, enveloped
from drf_commons.types import RuntimeGeneric, StrOrPromise
from drf_commons.views.browsable import with_forms

__all__ = ["EnvelopeMixin"]

M = TypeVar("M", bound=Model, default=Any)


class EnvelopeMixin(RuntimeGeneric, GenericViewSet[M], Generic[M]):
    """Errors leave in the envelope, and success has a message; every mixin of the library inherits this.

    Only views with this base are touched: the project's ``EXCEPTION_HANDLER`` is asked first and stays as it is.
    """

    #: Messages by action name; an action that is not named answers with the default message.
    success_messages: ClassVar[Mapping[str, StrOrPromise]] = {}

    @classmethod
    def for_user(
        cls,
        user: Any,
        action: str,
        *,
        method: str = "GET",
        query: str = "",
        kwargs: Mapping[str, Any] | None = None,
        version: object = None,
    ) -> Self:
        """Return a view that acts for *user* outside any request: in a command, or in a job.

        *action* is what it would answer to *method*; *query* and *kwargs* are what the URL would give. *version* is
        that of the API; without one it is what the versioning makes of such a request, its default as a rule. There is
        nothing else in its request: no headers, no session and no ``auth``.
        """
        request = HttpRequest()
        request.method = method
        request.GET = QueryDict(query)
        view: Any = cls()  # the stubs leave what as_view() sets open
        view.action_map, view.args, view.kwargs, view.format_kwarg = (
            {method.lower(): action},
            (),
            {**(kwargs or {})},
            None,
        )
        view.request = view.initialize_request(request)
        # Asked for its auth, or refused, a request would look for credentials, and forget its user.
        view.request.user, view.request.auth, view.request.authenticators = user, None, ()
        found, scheme = _find_version(view)
        view.request.version, view.request.versioning_scheme = found if version is None else version, scheme
        return cast("Self", view)  # what was made above

    def get_success_message(self) -> StrOrPromise:
        """Return the message of the action being answered."""
        return self.success_messages.get(self.action, DEFAULT_SUCCESS_MESSAGE)

    @override
    def get_exception_handler(self) -> ExceptionHandler:
        """Return the project's exception handler, with its answers put into the envelope."""
        # The stubs leave the handler's signature open; the cast says what DRF documents it to be.
        handler = super().get_exception_handler()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        return enveloped(cast("ExceptionHandler", handler))

    @override
    def get_renderers(self) -> list[BaseRenderer]:
        """Return the view's renderers; the browsable API, if it is among them, with forms that the actions take."""
        renderers = super().get_renderers()
        kinds = [with_forms(type(renderer)) for renderer in renderers]
        return [old if type(old) is kind else kind() for old, kind in zip(renderers, kinds, strict=True)]

    def get_form_serializer(self, **kwargs: Any) -> BaseSerializer[Any] | None:
        """Return what the browsable API makes the form of the action of; ``None`` for the viewset's own serializer.

        *kwargs* go on to the serializer, such as ``data`` when the form is shown again.
        """
        return None


def _find_version(view: Any) -> tuple[object, Any]:
    """Return the version of a request that nobody has sent, and its scheme, as DRF's ``initial()`` does."""
    request = view.request
    # A version may stand in the media type.
    request.accepted_renderer, request.accepted_media_type = view.perform_content_negotiation(request, force=True)
    try:
        return cast("tuple[object, Any]", view.determine_version(request, **view.kwargs))
    except (APIException, LookupError, SuspiciousOperation):
        if view.versioning_class is None:
            raise
        # There is no host to read it from, or no version is not one of those that are allowed.
        scheme = view.versioning_class()
        return scheme.default_version, scheme
