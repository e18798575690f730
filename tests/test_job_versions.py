"""Views that ask which version of the API is wanted, where no request says it: in jobs, and in commands."""

from __future__ import annotations

import datetime as dt
from io import StringIO
from pathlib import Path
from typing import Any, ClassVar

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.management import call_command
from django.db.models import QuerySet
from django.urls import URLPattern, URLResolver, include, path
from rest_framework.request import Request
from rest_framework.routers import SimpleRouter
from rest_framework.versioning import (
    AcceptHeaderVersioning,
    BaseVersioning,
    HostNameVersioning,
    NamespaceVersioning,
    QueryParameterVersioning,
    URLPathVersioning,
)
from typing_extensions import override

from drf_commons.services import ImportConfig, ImportScope
from tests.couriers import Courier
from tests.personnel.files import make_departments
from tests.personnel.models import Department
from tests.personnel.views import DepartmentViewSet
from tests.test_job_views import ASYNC, GOOD, ada, get, media, send, sign_in

__all__ = ["ada", "media"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__), pytest.mark.usefixtures("media")]


class Header(AcceptHeaderVersioning):
    """The version stands in the media type."""

    default_version = "1"
    allowed_versions = ("1", "2")


class Query(QueryParameterVersioning):
    """The version stands behind the question mark; there is no default."""

    default_version = None
    allowed_versions = ("1", "2")


class Host(HostNameVersioning):
    """The version stands in the name of the host."""

    default_version = "1"


class InPath(URLPathVersioning):
    """The version stands in the path."""

    default_version = "1"


class Namespace(NamespaceVersioning):
    """The version is the namespace of the route."""

    default_version = "1"


class ByDay(BaseVersioning):
    """The version is a day."""

    @override
    def determine_version(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        return dt.date(2026, 1, 15)


class HeaderViewSet(DepartmentViewSet):
    """Shows every department from version 2 on, and before it only the first."""

    versioning_class: type[BaseVersioning] | None = Header

    @override
    def get_queryset(self) -> QuerySet[Department]:
        request = self.request
        assert isinstance(request.versioning_scheme, BaseVersioning)
        rows = super().get_queryset()
        return rows if request.version == "2" else rows.filter(code="001")

    @override
    def build_import_scope(self, request: Request, config: ImportConfig) -> ImportScope:
        SEEN.append(request.version)
        return super().build_import_scope(request, config)


class HostViewSet(HeaderViewSet):
    versioning_class = Host


class PathViewSet(HeaderViewSet):
    versioning_class = InPath


class NamespaceViewSet(HeaderViewSet):
    versioning_class = Namespace


class QueryViewSet(HeaderViewSet):
    versioning_class = Query


class DayViewSet(DepartmentViewSet):
    versioning_class = ByDay

    @override
    def build_import_scope(self, request: Request, config: ImportConfig) -> ImportScope:
        SEEN.append(request.version)
        return super().build_import_scope(request, config)


class OwnViewSet(DepartmentViewSet):
    """Is made in a way of its own, which knows of no versions."""

    made: ClassVar[list[str]] = []

    @classmethod
    @override
    def for_user(cls, user: Any, action: str, *, method: str = "GET", query: str = "", kwargs: Any = None) -> Any:  # type: ignore[override]  # from before there were versions
        cls.made.append(action)
        return super().for_user(user, action, method=method, query=query, kwargs=kwargs)


#: The versions that imports were made in.
SEEN: list[object] = []

router = SimpleRouter()
router.register("header", HeaderViewSet, basename="header")
router.register("day", DayViewSet, basename="day")
router.register("own", OwnViewSet, basename="own")
namespaced = SimpleRouter()
namespaced.register("departments", NamespaceViewSet, basename="department")

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include(router.urls)),
    path("v2/", include((namespaced.urls, "app"), namespace="2")),
    path("jobs/", include("drf_commons.views.jobs.urls")),
]


@pytest.fixture(autouse=True)
def _forget() -> None:
    SEEN.clear()


@pytest.mark.parametrize(
    ("url", "accept", "codes"),
    [
        ("/header/export/", "application/json; version=2", [b"000", b"001"]),
        ("/header/export/", "application/json", [b"001"]),
        ("/v2/departments/export/", "application/json", [b"000", b"001"]),
    ],
)
def test_an_export_is_written_in_the_version_that_asked_for_it(
    ada: User, url: str, accept: str, codes: list[bytes]
) -> None:
    """Whether it stood in a header or in the route, of which the worker has nothing."""
    make_departments(2)
    client = sign_in(ada)
    headers = {**ASYNC, "Accept": accept}
    response = client.post(url, {"file_type": "csv"}, format="json", headers=headers)
    assert response.status_code == 202
    job = get(client, response["Location"])
    assert (job["status"], job["message"]) == ("completed", "")
    download: Any = client.get(job["links"]["file"])
    assert [line.split(b",")[0] for line in download.getvalue().splitlines()[1:]] == codes


def test_an_import_runs_in_the_version_that_asked_for_it(ada: User, settings: Any) -> None:
    """In every piece of it, and when it is resumed as well."""
    settings.COMMON = {"TRANSFER_RUNNER": "tests.couriers.Courier"}
    Courier.take()
    client = sign_in(ada)
    headers = {**ASYNC, "Accept": "application/json; version=2"}
    url = send(client, GOOD, headers, url="/header/import-from-file/")["Location"]
    client.post(f"{url}cancel/")
    client.post(f"{url}resume/")
    Courier.deliver()
    job = get(client, url)
    assert (job["status"], job["message"]) == ("completed", "")
    assert set(SEEN) == {"2"}


def test_a_version_of_a_kind_of_its_own_is_kept_as_a_text(ada: User) -> None:
    """A table has a place for nothing else."""
    url = send(sign_in(ada), GOOD, url="/day/import-from-file/")["Location"]
    assert get(sign_in(ada), url)["status"] == "completed"
    assert SEEN[-1] == "2026-01-15"


def test_a_view_that_is_made_in_its_own_way_is_not_asked_for_versions(ada: User) -> None:
    """There are none, so it is called as ever."""
    url = send(sign_in(ada), GOOD, url="/own/import-from-file/")["Location"]
    assert (get(sign_in(ada), url)["status"], OwnViewSet.made[-1]) == ("completed", "import_from_file")


@pytest.mark.parametrize("viewset", [HeaderViewSet, HostViewSet, PathViewSet, NamespaceViewSet])
def test_a_view_without_a_request_has_the_default_version(viewset: type[HeaderViewSet]) -> None:
    """Wherever the version would stand, with the scheme that says so."""
    view = viewset.for_user(AnonymousUser(), "export")
    assert view.request.version == "1"
    assert type(view.request.versioning_scheme) is viewset.versioning_class


@pytest.mark.parametrize(("query", "version"), [("", None), ("version=2", "2"), ("version=7", None)])
def test_a_view_without_a_request_has_the_version_of_its_query(query: str, version: str | None) -> None:
    """And none, where there is no default either."""
    assert QueryViewSet.for_user(AnonymousUser(), "export", query=query).request.version == version


def test_a_view_without_versions_has_none() -> None:
    """As in a request."""
    request = DepartmentViewSet.for_user(AnonymousUser(), "export").request
    assert (request.version, request.versioning_scheme) == (None, None)


def test_a_command_exports_the_default_version(tmp_path: Path) -> None:
    """Nobody has asked for another one."""
    make_departments(2)
    output = tmp_path / "departments.csv"
    call_command("export_data", "HeaderViewSet", "--output", str(output), stdout=StringIO())
    assert output.read_text() == "code,name\n001,Department 001\n"
