"""The routes of the personnel department."""

from __future__ import annotations

from rest_framework.routers import DefaultRouter

from tests.personnel import views

router = DefaultRouter()
router.register("employees", views.EmployeeViewSet, basename="employee")
router.register("soft-employees", views.SoftEmployeeViewSet, basename="soft-employee")
router.register("guarded-employees", views.GuardedEmployeeViewSet, basename="guarded-employee")
router.register("departments", views.DepartmentViewSet, basename="department")
router.register("vault", views.VaultViewSet, basename="vault")
router.register("staff", views.StaffViewSet, basename="staff")
router.register("unconfigured", views.UnconfiguredViewSet, basename="unconfigured")

urlpatterns = router.urls
