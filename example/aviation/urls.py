"""Routes of the API."""

from __future__ import annotations

from rest_framework.routers import DefaultRouter

from aviation.views import AirlineViewSet, AirportViewSet, CountryViewSet, RouteViewSet

router = DefaultRouter()
router.register("airlines", AirlineViewSet)
router.register("airports", AirportViewSet)
router.register("countries", CountryViewSet)
router.register("routes", RouteViewSet)

urlpatterns = router.urls
