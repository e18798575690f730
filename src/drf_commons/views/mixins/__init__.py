"""The actions of viewsets, one mixin each, to be combined freely to the left of ``GenericViewSet``."""

from drf_commons.views.mixins.bulk_create import BulkCreateModelMixin
from drf_commons.views.mixins.bulk_delete import BulkDeleteModelMixin
from drf_commons.views.mixins.bulk_update import BulkUpdateModelMixin
from drf_commons.views.mixins.crud import (
    CreateModelMixin,
    DestroyModelMixin,
    ListModelMixin,
    RetrieveModelMixin,
    UpdateModelMixin,
)
from drf_commons.views.mixins.envelope import EnvelopeMixin
from drf_commons.views.mixins.exporting import FileExportMixin
from drf_commons.views.mixins.importing import FileImportMixin
from drf_commons.views.mixins.preconditions import PreconditionMixin
from drf_commons.views.mixins.prefetch import AutoPrefetchMixin
from drf_commons.views.mixins.soft_delete import SoftDestroyModelMixin

__all__ = [
    "AutoPrefetchMixin",
    "BulkCreateModelMixin",
    "BulkDeleteModelMixin",
    "BulkUpdateModelMixin",
    "CreateModelMixin",
    "DestroyModelMixin",
    "EnvelopeMixin",
    "FileExportMixin",
    "FileImportMixin",
    "ListModelMixin",
    "PreconditionMixin",
    "RetrieveModelMixin",
    "SoftDestroyModelMixin",
    "UpdateModelMixin",
]
