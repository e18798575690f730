"""Routes of the example project."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerView

from drf_commons.response import error_response

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponseBase

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="api-root")),
    path("api/", include("aviation.urls")),
    path("api/jobs/", include("drf_commons.views.jobs.urls")),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    # Its own template asks others for fonts.
    path("redoc/", SpectacularRedocView.as_view(url_name="schema", template_name="aviation/redoc.html"), name="redoc"),
    path("accounts/", include("rest_framework.urls")),
    path("admin/", admin.site.urls),
]


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:  # noqa: ARG001  # Django's signature
    """Answer an address that no route serves in the shape of every other answer."""
    return error_response(f"There is nothing at {request.path}.", status_code=404)


def server_error(request: HttpRequest) -> HttpResponseBase:  # noqa: ARG001  # Django's signature
    """Answer a failure of ours without telling anything of it."""
    return error_response("The server failed to answer.", status_code=500)


handler404 = not_found
handler500 = server_error
