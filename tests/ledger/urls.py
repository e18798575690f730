"""The routes of the ledger."""

from __future__ import annotations

from rest_framework.routers import DefaultRouter

from tests.ledger import views

router = DefaultRouter()
router.register("invoices", views.InvoiceViewSet, basename="invoice")
router.register("bills", views.BillViewSet, basename="bill")
router.register("lines", views.LineViewSet, basename="line")

urlpatterns = router.urls
