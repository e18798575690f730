"""What can be wrong with a project: raised when it starts, and told by ``manage.py check``.

======================  ===============================================================================
``drf_commons.E001``    ``COMMON`` or the environment names a setting that does not exist
``drf_commons.E002``    a setting has a value it cannot have
``drf_commons.E003``    a model records the current user and ``CurrentUserMiddleware`` is off
``drf_commons.E004``    the user model is soft-deleted, which its ``is_active`` does not mean
``drf_commons.E005``    ``slug_unique_with`` names no field, or slugs are unique in the whole table
``drf_commons.E006``    the ``import_file_config`` of a viewset or an admin does not fit its models
``drf_commons.E007``    the ``export_field_config`` of one names columns that its model does not have
``drf_commons.E008``    a relation field names a column or a serializer that is not there
``drf_commons.E009``    a runner is named for jobs, and ``drf_commons.jobs`` is not installed
======================  ===============================================================================

The fourth and fifth are told by the models themselves, the sixth and seventh of an admin by the admin.
"""

from __future__ import annotations

from typing import Any, Final, cast

from django.apps import apps
from django.conf import settings
from django.core import checks
from django.db.models import Model

from drf_commons.conf import find_setting_faults, get_settings
from drf_commons.errors import (
    ConfigurationError,
    InvalidExportConfigError,
    InvalidImportConfigError,
    InvalidSettingsError,
    MissingMiddlewareError,
)
from drf_commons.middlewares import MiddlewareChecker
from drf_commons.models.base import UserActionMixin
from drf_commons.models.fields import CurrentUserField

__all__ = [
    "check_current_user_middleware",
    "check_export_configs",
    "check_import_configs",
    "check_relation_fields",
    "check_runner",
    "check_settings",
    "register_checks",
    "validate_project",
]

_TAG: Final = "drf_commons"
_CURRENT_USER_MIDDLEWARE: Final = "drf_commons.middlewares.CurrentUserMiddleware"


def validate_project() -> None:
    """Raise :class:`~drf_commons.errors.ConfigurationError` for a project that cannot work, listing every fault."""
    errors: list[ConfigurationError] = []
    for validate in (get_settings, _require_current_user_middleware):
        try:
            validate()
        except ConfigurationError as exc:
            errors.append(exc)
    match errors:
        case []:
            return
        case [error]:
            raise error
        case _:
            raise ConfigurationError("\n".join(str(error) for error in errors))


def register_checks() -> None:
    """Make ``manage.py check`` run the checks of this module, alone with ``--tag drf_commons``."""
    checks.register(check_settings, _TAG)
    checks.register(check_current_user_middleware, _TAG)
    checks.register(check_import_configs, _TAG)
    checks.register(check_export_configs, _TAG)
    checks.register(check_relation_fields, _TAG)
    checks.register(check_runner, _TAG)


def check_settings(**_: object) -> list[checks.CheckMessage]:
    """Return an error for each fault of the settings."""
    return [
        checks.Error(str(fault), id="drf_commons.E001" if fault.is_unknown else "drf_commons.E002")
        for fault in find_setting_faults()
    ]


def check_current_user_middleware(**_: object) -> list[checks.CheckMessage]:
    """Return an error when models record the current user and nobody tells them who that is."""
    try:
        _require_current_user_middleware()
    except MissingMiddlewareError as exc:
        return [checks.Error(str(exc), id="drf_commons.E003")]
    return []


def check_import_configs(**_: object) -> list[checks.CheckMessage]:
    """Return an error for each fault in what the viewsets of the project import."""
    if not getattr(settings, "ROOT_URLCONF", None):
        return []
    # Views need more of a project than its checks do: they are imported when there is something to check.
    from drf_commons.views.mixins import FileImportMixin  # noqa: PLC0415
    from drf_commons.views.routed import list_viewsets  # noqa: PLC0415

    errors: list[checks.CheckMessage] = []
    for viewset in list_viewsets():
        if issubclass(viewset, FileImportMixin) and viewset.import_file_config is not None:
            try:
                viewset.get_import_config()
            except InvalidImportConfigError as exc:
                errors += [checks.Error(f"{exc.owner}: {fault}", id="drf_commons.E006") for fault in exc.faults]
    return errors


def check_export_configs(**_: object) -> list[checks.CheckMessage]:
    """Return an error for each column that a viewset of the project exports and its model does not have.

    A ``get_queryset()`` of the project's own may add columns that are known when it is called: those are not checked.
    """
    if not getattr(settings, "ROOT_URLCONF", None):
        return []
    from drf_commons.services.exporting import read_columns  # noqa: PLC0415  # as above
    from drf_commons.views.mixins import FileExportMixin  # noqa: PLC0415
    from drf_commons.views.routed import list_viewsets  # noqa: PLC0415

    errors: list[checks.CheckMessage] = []
    for found in list_viewsets():
        viewset: Any = found  # the stubs leave the model of a viewset's rows open
        if not issubclass(found, FileExportMixin) or viewset.queryset is None:
            continue
        if not viewset.get_queryset.__module__.startswith(("drf_commons.", "rest_framework.")):
            continue
        owner = f"{viewset.__name__}.export_field_config"
        queryset = viewset.queryset.all()
        try:
            read_columns(owner, viewset.export_field_config, queryset.model, queryset.query.annotations)
        except InvalidExportConfigError as exc:
            errors += [checks.Error(f"{exc.owner}: {fault}", id="drf_commons.E007") for fault in exc.faults]
    return errors


def check_relation_fields(**_: object) -> list[checks.CheckMessage]:
    """Return an error for each relation field, of a serializer of the project's viewsets, that could not work."""
    if not getattr(settings, "ROOT_URLCONF", None):
        return []
    from rest_framework.serializers import BaseSerializer  # noqa: PLC0415  # as above

    from drf_commons.serializers.declared import find_declaration_faults  # noqa: PLC0415
    from drf_commons.views.routed import list_viewsets  # noqa: PLC0415

    errors: list[checks.CheckMessage] = []
    seen: set[type[BaseSerializer[Any]]] = set()
    for viewset in list_viewsets():
        serializer: Any = getattr(viewset, "serializer_class", None)
        if isinstance(serializer, type) and issubclass(serializer, BaseSerializer):
            faults = find_declaration_faults(cast("Any", serializer), seen)
            errors += [checks.Error(f"{field}: {fault}", id="drf_commons.E008") for field, fault in faults]
    return errors


def check_runner(**_: object) -> list[checks.CheckMessage]:
    """Return an error where jobs are to be run, and nothing makes any: every import and export would be inline."""
    try:
        runner = get_settings().TRANSFER_RUNNER
    except InvalidSettingsError:
        return []  # which is told by check_settings
    if runner == "inline" or apps.is_installed("drf_commons.jobs"):
        return []
    msg = f"COMMON['TRANSFER_RUNNER'] is {runner!r}, and there are no jobs: 'drf_commons.jobs' is not installed."
    return [checks.Error(msg, hint="Add 'drf_commons.jobs' to INSTALLED_APPS, and migrate.", id="drf_commons.E009")]


def _require_current_user_middleware() -> None:
    labels = sorted(model._meta.label for model in apps.get_models() if _records_user(model))  # public API
    if labels:
        feature_name = f"UserActionMixin or CurrentUserField in {', '.join(labels)}"
        MiddlewareChecker(_CURRENT_USER_MIDDLEWARE, feature_name).require()


def _records_user(model: type[Model]) -> bool:
    return issubclass(model, UserActionMixin) or any(
        isinstance(field, CurrentUserField)
        for field in model._meta.concrete_fields  # documented Model API
    )
