"""The report of an import inside of another answer."""

from __future__ import annotations

from rest_framework import serializers

__all__ = ["ReportField"]


class ReportField(serializers.JSONField):
    """What :meth:`~drf_commons.services.ImportResult.to_dict` says; a schema describes it as that."""
