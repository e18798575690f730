"""A project that cannot work does not start, and says everything that is wrong with it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import User
from django.core.checks import run_checks
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.test import Client, override_settings
from django.urls import path

import drf_commons
from drf_commons.checks import validate_project
from drf_commons.current_user import get_current_user
from drf_commons.errors import ConfigurationError, InvalidSettingsError, MissingMiddlewareError
from drf_commons.middlewares import CurrentUserMiddleware, MiddlewareChecker

SOURCE = Path(drf_commons.__file__).parents[1]
PUBLIC_PATH = "drf_commons.middlewares.CurrentUserMiddleware"
DEFINING_PATH = "drf_commons.middlewares.current_user.CurrentUserMiddleware"
BROKEN_PATH = "drf_commons.middlewares.NoSuchMiddleware"

SETTINGS = """
from drf_commons.conf import CommonSettingsDict

COMMON: CommonSettingsDict = {common!r}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "rest_framework", "drf_commons", "shop"]
MIDDLEWARE = {middleware!r}
SECRET_KEY = "only-for-this-test"
DATABASES = {{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}}}
"""

SHOP = """
from django.db import models

from drf_commons.models.base import UserActionMixin
from drf_commons.models.fields import CurrentUserField

class Order(UserActionMixin):
    number = models.IntegerField()

class Parcel(models.Model):
    packed_by = CurrentUserField(related_name="+")

class Shelf(models.Model):
    number = models.IntegerField()
"""

SHOP_MIDDLEWARE = """
from drf_commons.middlewares import CurrentUserMiddleware

class TenantMiddleware(CurrentUserMiddleware):
    pass
"""


class TracingMiddleware(CurrentUserMiddleware):
    """A project's own extension of the library's middleware."""


def build_function_middleware(get_response: Callable[[HttpRequest], HttpResponseBase]) -> object:
    """Return a middleware that is no class."""
    return get_response


RenamedMiddleware = CurrentUserMiddleware


def check_project(
    folder: Path, *, common: object, middleware: list[str], **environment: str
) -> subprocess.CompletedProcess[str]:
    """Write a project into *folder* and run its ``check`` command in a process of its own."""
    shop = folder / "shop"
    shop.mkdir()
    (shop / "__init__.py").touch()
    (shop / "models.py").write_text(SHOP)
    (shop / "middlewares.py").write_text(SHOP_MIDDLEWARE)
    (folder / "project_settings.py").write_text(SETTINGS.format(common=common, middleware=middleware))
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "django", "check"],
        env={
            "DJANGO_SETTINGS_MODULE": "project_settings",
            "PYTHONPATH": os.pathsep.join([str(SOURCE), str(folder)]),
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_sound_project_starts(tmp_path: Path) -> None:
    """Good settings, typed in the settings module itself, and a subclass of the middleware pass every check."""
    result = check_project(
        tmp_path,
        common={"BULK_MAX_ITEMS": 5},
        middleware=["shop.middlewares.TenantMiddleware"],
        DRF_COMMONS_IMPORT_BATCH_SIZE="250",
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert "no issues" in result.stdout


def test_every_fault_of_the_settings_stops_the_start(tmp_path: Path) -> None:
    """COMMON and the environment are judged together, in one error that names each key."""
    result = check_project(
        tmp_path,
        common={"BULK_MAX_ITMES": 5, "IMPORT_BATCH_SIZE": "250", "DEBUG_SLOW_QUERY_THRESHOLD": -1},
        middleware=[PUBLIC_PATH],
        DRF_COMMONS_UNPAGINATED_MAX_ROWS="0",
        DRF_COMMONS_TYPO="1",
    )
    assert result.returncode == 1
    _, _, message = result.stderr.partition("drf_commons.errors.InvalidSettingsError: ")
    assert message.splitlines() == [
        "drf_commons settings are not valid:",
        "  COMMON['DEBUG_SLOW_QUERY_THRESHOLD']: should be greater than or equal to 0 (got -1)",
        "  COMMON['IMPORT_BATCH_SIZE']: should be a valid integer (got '250')",
        "  COMMON['BULK_MAX_ITMES']: unknown setting (did you mean COMMON['BULK_MAX_ITEMS']?)",
        "  DRF_COMMONS_UNPAGINATED_MAX_ROWS: should be greater than or equal to 1 (got '0')",
        "  DRF_COMMONS_TYPO: unknown setting",
    ]


def test_a_missing_middleware_stops_the_start(tmp_path: Path) -> None:
    """Models that record the user are named with the line to add; a path that cannot be imported does not count."""
    result = check_project(tmp_path, common={}, middleware=[BROKEN_PATH])
    assert result.returncode == 1
    _, _, message = result.stderr.partition("drf_commons.errors.MissingMiddlewareError: ")
    users = "UserActionMixin or CurrentUserField in shop.Order, shop.Parcel"
    assert message.splitlines() == [f"MIDDLEWARE: add '{PUBLIC_PATH}', which is needed for: {users}"]


def test_faults_of_settings_and_middleware_are_told_in_one_go() -> None:
    """Nobody repairs one fault to meet the next."""
    with override_settings(COMMON=[], MIDDLEWARE=[]), pytest.raises(ConfigurationError) as caught:
        validate_project()
    assert "COMMON: should be a valid dictionary (got [])" in str(caught.value)
    assert f"MIDDLEWARE: add '{PUBLIC_PATH}'" in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "error"),
    [({"COMMON": []}, InvalidSettingsError), ({"MIDDLEWARE": []}, MissingMiddlewareError)],
)
def test_one_kind_of_fault_has_its_own_error(settings: dict[str, object], error: type[ConfigurationError]) -> None:
    """Where there is one kind of fault only, the error's class says which."""
    with override_settings(**settings), pytest.raises(error):
        validate_project()


def test_a_project_that_records_no_user_needs_no_middleware() -> None:
    """The middleware is asked for by models, not by the library."""
    apps.set_available_apps(["django.contrib.auth", "django.contrib.contenttypes", "drf_commons"])
    try:
        with override_settings(MIDDLEWARE=[]):
            validate_project()
    finally:
        apps.unset_available_apps()


@pytest.mark.parametrize(
    "listed",
    [
        PUBLIC_PATH,
        DEFINING_PATH,
        f"{__name__}.TracingMiddleware",
        f"{__name__}.RenamedMiddleware",
    ],
)
@pytest.mark.parametrize("middleware", [CurrentUserMiddleware, PUBLIC_PATH, DEFINING_PATH])
def test_middleware_is_compared_by_class(listed: str, middleware: type[object] | str) -> None:
    """Subclasses, re-exports and other names of the class count, whichever way the checker was told of it."""
    with override_settings(MIDDLEWARE=[listed]):
        MiddlewareChecker(middleware, "Audit").require()


@pytest.mark.parametrize(
    "middleware",
    [
        [],
        ["django.middleware.common.CommonMiddleware"],
        [f"{__name__}.build_function_middleware"],
        [BROKEN_PATH],
        ["x"],
    ],
)
def test_other_middleware_does_not_count(middleware: list[str]) -> None:
    """Without the class there is an error that names the class and the feature."""
    with override_settings(MIDDLEWARE=middleware):
        checker = MiddlewareChecker(CurrentUserMiddleware, "Audit")
        assert not checker.is_installed()
        with pytest.raises(MissingMiddlewareError, match=r"add 'drf_commons\..*\.CurrentUserMiddleware'.*: Audit$"):
            checker.require()


def test_a_function_middleware_can_be_required() -> None:
    """A middleware that is a function is recognised as itself."""
    checker = MiddlewareChecker(f"{__name__}.build_function_middleware", "Tracing")
    with override_settings(MIDDLEWARE=[checker.middleware]):
        assert checker.is_installed()
    with override_settings(MIDDLEWARE=[PUBLIC_PATH]):
        assert not checker.is_installed()


def tell_current_user(request: HttpRequest) -> HttpResponse:
    """Answer with the name of whom the library takes for the current user."""
    user = get_current_user()
    return HttpResponse("nobody" if user is None else user.get_username())


urlpatterns = [path("whoami/", tell_current_user)]


@pytest.mark.django_db
@pytest.mark.parametrize("is_first", [True, False])
def test_the_order_of_middlewares_needs_no_check(client: Client, django_user_model: type[User], is_first: bool) -> None:
    """A session user is known wherever the middleware stands, since the user is read when asked for."""
    session = [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ]
    middleware = [PUBLIC_PATH, *session] if is_first else [*session, PUBLIC_PATH]
    client.force_login(django_user_model.objects.create_user("ada"))
    with override_settings(MIDDLEWARE=middleware, ROOT_URLCONF=__name__):
        assert client.get("/whoami/").content == b"ada"


def test_check_command_tells_faults_of_settings() -> None:
    """Each fault is a check message of its own; unknown keys and wrong values have their own identifiers."""
    with override_settings(COMMON={"TYPO": 1, "IMPORT_BATCH_SIZE": 0}):
        messages = run_checks(tags=["drf_commons"])
    assert {(message.id, message.msg.partition(":")[0]) for message in messages} == {
        ("drf_commons.E001", "COMMON['TYPO']"),
        ("drf_commons.E002", "COMMON['IMPORT_BATCH_SIZE']"),
    }


def test_check_command_tells_a_missing_middleware() -> None:
    """The models that need it are named."""
    with override_settings(MIDDLEWARE=[]):
        (message,) = run_checks(tags=["drf_commons"])
    assert message.id == "drf_commons.E003"
    assert "archive.Note" in message.msg


def test_check_command_tells_a_runner_that_nothing_uses() -> None:
    """Whoever names a runner and forgets the app would have every import inline."""
    others = [name for name in settings.INSTALLED_APPS if name != "drf_commons.jobs"]
    with override_settings(COMMON={"TRANSFER_RUNNER": "celery"}):
        assert run_checks(tags=["drf_commons"]) == []
        with override_settings(INSTALLED_APPS=others):
            (message,) = run_checks(tags=["drf_commons"])
    assert (message.id, message.hint) == ("drf_commons.E009", "Add 'drf_commons.jobs' to INSTALLED_APPS, and migrate.")
    assert "COMMON['TRANSFER_RUNNER'] is 'celery'" in message.msg


def test_check_command_is_content_with_a_sound_project() -> None:
    """There is nothing to say about the settings of these tests."""
    assert run_checks(tags=["drf_commons"]) == []


def test_the_app_creates_no_tables() -> None:
    """Installing the library changes no database: no models, no migrations."""
    config = apps.get_app_config("drf_commons")
    assert list(config.get_models(include_auto_created=True, include_swapped=True)) == []
    assert not (Path(config.path) / "migrations").exists()
