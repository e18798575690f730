"""The routes of the test project."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from rest_framework.routers import DefaultRouter

from tests.newsroom import views

router = DefaultRouter()
router.register("articles", views.ArticleViewSet, basename="article")
router.register("authors", views.AuthorViewSet, basename="author")
router.register("archive", views.ArchiveViewSet, basename="archive")
router.register("submissions", views.SubmissionViewSet, basename="submission")
router.register("hand-composed", views.HandComposedViewSet, basename="hand-composed")

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/", admin.site.urls),
    path("", include(router.urls)),
]
