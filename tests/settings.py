"""Settings of the test project: SQLite in memory, or what ``DATABASE_URL`` names, plus every server that answers."""

from __future__ import annotations

import os
from typing import Any, Final

import dj_database_url

from tests.servers import MARIADB, POSTGRESQL, use_pymysql

use_pymysql()


def parse_database(url: str) -> dict[str, Any]:
    """Return the settings of *url*, with everything the tests rely on switched on."""
    database: dict[str, Any] = dict(dj_database_url.parse(url))
    database["TEST"] = {"DEPENDENCIES": []}  # a run may ask for this one alone
    if database["ENGINE"].endswith("mysql"):
        database["OPTIONS"] = {"charset": "utf8mb4", "init_command": "SET sql_mode='STRICT_TRANS_TABLES'"}
        database["TEST"] |= {"CHARSET": "utf8mb4", "COLLATION": "utf8mb4_unicode_ci"}
    return database


DATABASE_URL: Final = os.environ.get("DATABASE_URL", "sqlite://:memory:")
DATABASES: Final = {
    "default": parse_database(DATABASE_URL),
    # Tests of one engine's behaviour ask for it by alias; only what a run asks for is created.
    **{server.alias: parse_database(server.url) for server in (POSTGRESQL, MARIADB) if server.is_reachable()},
}

SECRET_KEY: Final = "only-for-the-tests-of-this-project-and-nothing-else"
DEBUG: Final = False
ALLOWED_HOSTS: Final = ["testserver", "127.0.0.1", "localhost"]
USE_TZ: Final = True
TIME_ZONE: Final = "Europe/Berlin"
DEFAULT_AUTO_FIELD: Final = "django.db.models.BigAutoField"
ROOT_URLCONF: Final = "tests.urls"
PASSWORD_HASHERS: Final = ["django.contrib.auth.hashers.MD5PasswordHasher"]

INSTALLED_APPS: Final = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django_filters",
    "drf_spectacular",
    "rest_framework",
    "rest_framework.authtoken",
    "drf_commons",
    "drf_commons.jobs",
    "aviation",
    "tests.archive",
    "tests.articles",
    "tests.catalogue",
    "tests.ledger",
    "tests.newsroom",
    "tests.personnel",
    "tests.warehouse",
]
MIDDLEWARE: Final = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "drf_commons.middlewares.CurrentUserMiddleware",
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
STATIC_URL: Final = "static/"
MEDIA_ROOT: Final = os.environ.get("MEDIA_ROOT", "")
STORAGES: Final = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "narrow": {"BACKEND": "tests.storages.NarrowStorage"},
}
REST_FRAMEWORK: Final = {"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema"}
