"""The routes of the personnel department, whose imports may become jobs."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("tests.personnel.urls")),
    path("jobs/", include("drf_commons.views.jobs.urls")),
]
