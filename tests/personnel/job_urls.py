"""The routes of the personnel department, whose imports may become jobs."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [
    path("", include("tests.personnel.urls")),
    path("jobs/", include("drf_commons.views.jobs.urls")),
]
