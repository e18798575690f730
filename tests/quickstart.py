"""Plays the quickstart inside a project that was made from it."""

from __future__ import annotations

from django.apps import apps
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from rest_framework.authtoken.models import Token

from tests.pages import APP, QUICKSTART, Reader


def play() -> None:
    """Make the tables and the user, do what the page says, and print who wrote what a signed-in browser sends."""
    call_command("makemigrations", APP, verbosity=0)
    call_command("migrate", verbosity=0)
    Token.objects.create(key="9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b", user=User.objects.create_superuser("ada"))
    Reader(QUICKSTART, app=APP, urlconf="mysite.urls").read()
    User.objects.create_user("grace", password="hopper")
    browser = Client(headers={"host": "localhost"})
    browser.login(username="grace", password="hopper")
    body = {"title": "By hand", "content": "In a browser.", "author": 1}
    row = browser.post(f"/{APP}/", body, content_type="application/json").json()["data"]
    article = apps.get_model(APP, "Article")._default_manager.filter(pk=row["id"])
    print(*article.values_list("created_by__username", "updated_by__username").get())  # noqa: T201  # the test reads it
