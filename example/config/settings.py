"""Settings of the example project: an API on this machine over an embedded database."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from drf_commons.debug import build_logging

BASE_DIR: Final = Path(__file__).resolve().parent.parent

#: It signs the sessions of a demo on 127.0.0.1 and nothing else: a project of your own keeps its key out of the code.
SECRET_KEY: Final = os.environ.get("DEMO_SECRET_KEY", "public-because-it-only-signs-sessions-of-the-local-demo")
DEBUG: Final = False
ALLOWED_HOSTS: Final = ["127.0.0.1", "localhost"]

INSTALLED_APPS: Final = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
    "rest_framework.authtoken",
    "drf_commons",
    "drf_commons.jobs",
    "aviation",
]
MIDDLEWARE: Final = [
    "drf_commons.middlewares.DebugMiddleware",
    "drf_commons.middlewares.SQLDebugMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "drf_commons.middlewares.CurrentUserMiddleware",
    "drf_commons.middlewares.ProfilerMiddleware",
]
TEMPLATES: Final = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
ROOT_URLCONF: Final = "config.urls"
WSGI_APPLICATION: Final = "config.wsgi.application"
ASGI_APPLICATION: Final = "config.asgi.application"
STATIC_URL: Final = "static/"
#: Where jobs keep their files; no URL leads there.
MEDIA_ROOT: Final = os.environ.get("DEMO_MEDIA", str(BASE_DIR / "media"))

DATABASES: Final = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("DEMO_DATABASE", BASE_DIR / "demo.sqlite3"),
        "OPTIONS": {
            # Readers do not wait for a writer, and writers queue instead of failing halfway through a transaction.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
        },
    }
}
DEFAULT_AUTO_FIELD: Final = "django.db.models.BigAutoField"
USE_TZ: Final = True
TIME_ZONE: Final = "UTC"

REST_FRAMEWORK: Final = {
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    # The first class decides what a stranger is told: a token's challenge makes it 401, a session's 403.
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticatedOrReadOnly"],
    "DEFAULT_PAGINATION_CLASS": "drf_commons.pagination.StandardPageNumberPagination",
    "DEFAULT_FILTER_BACKENDS": [
        "django_filters.rest_framework.DjangoFilterBackend",
        "rest_framework.filters.SearchFilter",
        "drf_commons.filters.ComputedOrderingFilter",
    ],
}
SPECTACULAR_SETTINGS: Final = {
    "TITLE": "Airports of the world",
    "DESCRIPTION": "Countries, their airports, and the airlines that fly between them.",
    "VERSION": "2.0.0",
    "SCHEMA_PATH_PREFIX": "/api",
    "SERVE_INCLUDE_SCHEMA": False,
    # What an answer always has is optional in many a request: clients get a type for each.
    "COMPONENT_SPLIT_REQUEST": True,
    # Both pages come with their scripts: nothing is loaded from elsewhere.
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}
# Requests that are slow, and queries that are repeated, are told in the terminal.
LOGGING: Final = build_logging("WARNING")

COMMON: Final = {
    "DEBUG_PROFILE_DIRECTORY": os.environ.get("DEMO_PROFILES", str(BASE_DIR / "profiles")),
    # One page of airlines with their routes takes some more than the default.
    "DEBUG_HIGH_QUERY_COUNT_THRESHOLD": 20,
    "UNPAGINATED_MAX_ROWS": 500,
}
