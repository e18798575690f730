"""What only the running project knows: its models, and the fields DRF makes of them."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, cast

from mypy.options import Options

if TYPE_CHECKING:
    from django.db.models import Model
    from rest_framework.fields import Field

__all__ = ["Registry"]

#: Facts of a model field that change what DRF makes of it, and that no annotation shows.
_FACTS: Final = (
    "null", "blank", "choices", "editable", "primary_key", "unique", "max_length", "has_default", "related_model",
)  # fmt: skip
#: Facts of the project's REST framework settings that change what fields render.
_SETTINGS: Final = (
    "COERCE_DECIMAL_TO_STRING", "COERCE_BIGINT_TO_STRING", "UPLOADED_FILES_USE_URL", "DATETIME_FORMAT", "DATE_FORMAT",
    "TIME_FORMAT", "DURATION_FORMAT", "URL_FIELD_NAME",
)  # fmt: skip


class Registry:
    """The models of the project mypy runs in, loaded when first asked for."""

    def __init__(self, options: Options) -> None:
        self._options = options

    @cached_property
    def _settings_module(self) -> str:
        from mypy_django_plugin.config import DjangoPluginConfig  # noqa: PLC0415

        return DjangoPluginConfig(self._options.config_file).django_settings_module

    @cached_property
    def _models(self) -> Mapping[str, type[Model]]:
        # Setting Django up belongs to django-stubs; a second context is the same one.
        from mypy_django_plugin.django.context import DjangoContext  # noqa: PLC0415

        modules: Mapping[str, Mapping[str, type[Model]]] = DjangoContext(self._settings_module).model_modules
        return {f"{module}.{name}": model for module, models in modules.items() for name, model in models.items()}

    def holds_settings(self, module: str) -> bool:
        """Tell whether *module* is the settings module, or the one it takes its ``COMMON`` from."""
        if module == self._settings_module:
            return True
        here, there = (getattr(sys.modules.get(name), "COMMON", None) for name in (module, self._settings_module))
        return here is not None and here is there

    def find_model(self, fullname: str) -> type[Model] | None:
        """Return the running class of a model."""
        return self._models.get(fullname)

    def find_labelled(self, label: str) -> type[Model] | None:
        """Return the running class of the model ``app.Model``."""
        return next((model for model in self._models.values() if model._meta.label.lower() == label.lower()), None)

    def find_unknown_part(self, model: type[Model], path: str) -> tuple[str, str, list[str]] | None:
        """Return the model, the name and the names it has, where ``author__nam`` leads nowhere."""
        from django.core.exceptions import FieldDoesNotExist  # noqa: PLC0415

        current: Any = model
        parts = path.split("__")
        for position, part in enumerate(parts):
            if current is None or part == "pk":
                return None
            try:
                field: Any = current._meta.get_field(part)
            except FieldDoesNotExist:
                return current.__name__, part, [known.name for known in current._meta.get_fields()]
            if not field.is_relation:
                rest = parts[position + 1 : position + 2]
                known = all(field.get_transform(name) or field.get_lookup(name) for name in rest)
                return None if known else (current.__name__, path, [])
            current = field.related_model
        return None

    def build_fields(
        self, fullname: str, model: type[Model], meta: Mapping[str, Any], declared: Iterable[str], *, linked: bool
    ) -> dict[str, Field[Any, Any, Any, Any]]:
        """Return the fields DRF gives a serializer with this *meta*; whatever DRF raises passes through.

        Related rows are links where the serializer is *linked*.
        The serializer is a throw-away: its declared fields are place holders that only keep DRF from making its own.
        """
        from rest_framework import serializers  # noqa: PLC0415

        module, _, name = fullname.rpartition(".")
        namespace: dict[str, Any] = {field: serializers.Field() for field in declared}
        namespace["Meta"] = type("Meta", (), {**meta, "model": model})
        namespace["__module__"] = module  # DRF's messages say where the serializer is
        base: Any = serializers.HyperlinkedModelSerializer if linked else serializers.ModelSerializer
        serializer: serializers.ModelSerializer[Any] = type(name, (base,), namespace)()
        fields: dict[str, Field[Any, Any, Any, Any]] = cast("Any", serializer).get_fields()  # open in the stubs
        return fields

    def describe(self, module: str) -> str:
        """Return a digest of what serializers see of *module*'s models beyond their annotations.

        It goes into mypy's cache keys, so that a changed ``blank=True`` makes mypy look again.
        """
        return self._digests.get(module, self._digests[""])

    @cached_property
    def _digests(self) -> Mapping[str, str]:
        """The digests by module; that of a module without models stands under the empty name."""
        from rest_framework.settings import api_settings  # noqa: PLC0415

        rendering = [repr(getattr(api_settings, name, None)) for name in _SETTINGS]
        facts: dict[str, list[object]] = {"": [*rendering]}
        for fullname, model in sorted(self._models.items()):
            facts.setdefault(model.__module__, [*rendering]).extend(
                [fullname, field.name, type(field).__name__, *(_show(field, fact) for fact in _FACTS)]
                for field in model._meta.get_fields()
            )
        return {module: hashlib.sha256(json.dumps(known).encode()).hexdigest() for module, known in facts.items()}


def _show(field: object, fact: str) -> str:
    value = getattr(field, fact, None)
    return repr(value() if fact == "has_default" and callable(value) else value)
