"""Full names of the definitions the plugin knows."""

from __future__ import annotations

from typing import Final

FIELD: Final = "rest_framework.fields.Field"
BASE_SERIALIZER: Final = "rest_framework.serializers.BaseSerializer"
SERIALIZER: Final = "rest_framework.serializers.Serializer"
LIST_SERIALIZER: Final = "rest_framework.serializers.ListSerializer"
LINKED_SERIALIZER: Final = "rest_framework.serializers.HyperlinkedModelSerializer"
MODEL_SERIALIZER: Final = "rest_framework.serializers.ModelSerializer"
RELATED_FIELD: Final = "rest_framework.relations.RelatedField"
GENERIC_VIEW: Final = "rest_framework.generics.GenericAPIView"
MODEL: Final = "django.db.models.base.Model"
MANAGER: Final = "django.db.models.manager.BaseManager"
QUERYSET: Final = "django.db.models.query.QuerySet"

SETTINGS: Final = "drf_commons.conf.CommonSettingsDict"
#: Calls of functions and methods that settings modules make, and that no other plugin is known to change.
SETTINGS_CALLS: Final = frozenset(
    {
        "os.getenv",
        "pathlib.Path",
        *(f"{path}.{name}" for path in ("ntpath", "posixpath") for name in ("abspath", "dirname", "join")),
    }
)
SETTINGS_METHODS: Final = frozenset(
    {"os._Environ.__getitem__", "os._Environ.get", "pathlib.Path.resolve", "pathlib.Path.__truediv__"}
)

#: Serializers whose second and third type argument are the shapes of ``data`` and ``validated_data``.
SHAPED_SERIALIZERS: Final = frozenset(
    {
        "drf_commons.serializers.base.BaseModelSerializer",
        "drf_commons.serializers.base.BaseSerializer",
    }
)
SHAPED_LIST: Final = "drf_commons.serializers.shaped.BaseListSerializer"

#: The library's relation fields.
RELATION: Final = "drf_commons.serializers.relations.ConfigurableRelatedFieldMixin"
MANY_RELATION: Final = "drf_commons.serializers.relations.ManyRelation"
DATA_INPUT: Final = "drf_commons.serializers.inputs.DataInput"
OUTPUTS: Final = "drf_commons.serializers.outputs"
#: What is kept, under names no program can write, of the bodies of classes that mypy later loads from its cache.
ONE: Final = "@one"
SERIALIZER_CLASS: Final = "@serializer_class"

#: Modules whose classes are building blocks, not serializers of a project.
LIBRARY_PREFIXES: Final = ("rest_framework.", "drf_commons.")

#: The names a serializer's shapes have, as attributes of its class.
DATA: Final = "Data"
VALIDATED: Final = "ValidatedData"
PARTIAL: Final = "PartialData"
SHAPES: Final = (DATA, VALIDATED, PARTIAL)


def is_library(fullname: str) -> bool:
    """Tell whether *fullname* belongs to DRF or to this library."""
    return fullname.startswith(LIBRARY_PREFIXES)
