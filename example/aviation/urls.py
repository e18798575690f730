"""Routes of the API."""

from __future__ import annotations

from rest_framework.routers import DefaultRouter

from aviation.views import AirportViewSet, CountryViewSet

router = DefaultRouter()
router.register("airports", AirportViewSet)
router.register("countries", CountryViewSet)

urlpatterns = router.urls
