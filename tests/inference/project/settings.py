"""A user's project, as small as the plugin's cases allow."""

from zoo.cases_settings import COMMON

COMMON.clear()  # its faults are there for the type checker alone

SECRET_KEY = "only-for-type-checking"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "rest_framework", "drf_commons", "zoo"]
ROOT_URLCONF = "zoo.api"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
