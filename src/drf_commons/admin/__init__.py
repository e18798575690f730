"""Django's admin for the models of the library: audit columns shown, deletions taken back, no change overwritten."""

from drf_commons.admin.audit import AuditAdminMixin
from drf_commons.admin.base import BaseModelAdmin
from drf_commons.admin.exporting import ExportAdminMixin
from drf_commons.admin.importing import ImportAdminMixin
from drf_commons.admin.soft_delete import LiveFilter, SoftDeleteAdminMixin
from drf_commons.admin.transfer import ImportExportAdminMixin
from drf_commons.admin.versions import VersionAdminMixin

__all__ = [
    "AuditAdminMixin",
    "BaseModelAdmin",
    "ExportAdminMixin",
    "ImportAdminMixin",
    "ImportExportAdminMixin",
    "LiveFilter",
    "SoftDeleteAdminMixin",
    "VersionAdminMixin",
]
