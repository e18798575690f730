"""Files of the admin that are too long for a request: a job shows what is in them, and imports them once confirmed."""

from __future__ import annotations

from typing import Any, Final

from django.apps import apps
from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.admin.sites import all_sites
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, QueryDict
from django.urls import reverse

from drf_commons.conf import get_settings
from drf_commons.errors import ConfigurationError
from drf_commons.services.importing import ImportMode, ReadOptions
from drf_commons.views.mixins.handover import has_more_rows

__all__ = ["build_request", "find_site", "hand_over", "is_too_long"]

_JOBS: Final = "drf_commons_jobs"


def is_too_long(site: AdminSite, request: HttpRequest, upload: UploadedFile[bytes], options: ReadOptions) -> bool:
    """Tell whether a job should import *upload*: since it is long, and the user can follow jobs on this *site*."""
    if not _shows_jobs(site, request):
        return False
    return has_more_rows(upload, get_settings().IMPORT_INLINE_MAX_ROWS, options)


def hand_over(
    admin: ModelAdmin[Any], request: HttpRequest, upload: UploadedFile[bytes], mode: ImportMode, options: ReadOptions
) -> str:
    """Let a job show what *upload* would change, and return the page on which it is confirmed."""
    # The app has models.
    from drf_commons.jobs.service import Requester, start_import  # noqa: PLC0415
    from drf_commons.views.jobs.starting import storing  # noqa: PLC0415

    site = admin.admin_site.name
    requester = Requester(user=request.user, kwargs={"site": site, "model": admin.opts.label_lower})
    with storing():
        job = start_import(
            type(admin), upload, requester, name=upload.name, mode=mode, needs_confirmation=True, options=options
        )
    return reverse(f"admin:{_JOBS}_importjob_change", args=[job.pk], current_app=site)


def find_site(name: str) -> AdminSite:
    """Return the admin site called *name*."""
    for site in all_sites:
        if site.name == name:
            return site
    msg = f"There is no admin site {name!r} in this process."
    raise ConfigurationError(msg)


def build_request(user: Any, method: str, query: str) -> HttpRequest:
    """Return a request of *user* that nobody has sent: no headers, no session."""
    request = HttpRequest()
    request.method, request.GET, request.user = method, QueryDict(query), user
    return request


def _shows_jobs(site: AdminSite, request: HttpRequest) -> bool:
    if not apps.is_installed("drf_commons.jobs"):
        return False
    model = apps.get_model(_JOBS, "importjob")
    if not site.is_registered(model):
        return False
    return bool(site.get_model_admin(model).has_change_permission(request))
