"""What migrations make of the mixins: they are written once, and nothing is found changed afterwards."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, models

import drf_commons
from drf_commons.models import CurrentUserField, TimestampField
from tests.archive.models import Memo

SOURCE = Path(drf_commons.__file__).parents[1]

SETTINGS = """
AUTH_USER_MODEL = {user!r}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "drf_commons", "staff", "office"]
MIDDLEWARE = ["drf_commons.middlewares.CurrentUserMiddleware"]
SECRET_KEY = "only-for-this-test"
USE_TZ = True
DATABASES = {{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}}}
"""

STAFF = """
import uuid

from django.contrib.auth.models import AbstractUser
from django.db import models

class Clerk(AbstractUser):
    groups = user_permissions = None

class Agent(AbstractUser):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    groups = user_permissions = None
"""

OFFICE = """
from django.db import models

from drf_commons.models import *

class Paper(BaseModelMixin, VersionMixin, SlugMixin, MetaMixin):
    title = models.CharField(max_length=50)

    def get_slug_source(self):
        return self.title

    class Meta:
        constraints = [LiveUniqueConstraint(fields=["title"], name="paper_title_live")]

class Visitor(IdentityMixin, AddressMixin, TimeStampMixin, UserActionMixin, SoftDeleteMixin, JsonModelMixin):
    guide = CurrentUserField(related_name="guided", on_update=True, null=False, on_delete=models.CASCADE)
    seen_at = TimestampField(editable=True, blank=False, null=True)
"""

SCRIPT = """
import io, json, sys
import django
django.setup()
from django.contrib.auth import get_user_model
from django.core.management import call_command

call_command("makemigrations", "staff", "office", verbosity=0)
changes = io.StringIO()
try:
    call_command("makemigrations", check_changes=True, dry_run=True, stdout=changes, verbosity=2)
except SystemExit:
    pass
call_command("migrate", verbosity=0)

from drf_commons.current_user import as_user
from office.models import Paper, Visitor

user = get_user_model().objects.create(username="ada")
with as_user(user):
    paper = Paper.objects.create(title="First Paper")
    visitor = Visitor.objects.create(first_name="A", last_name="B")
paper.refresh_from_db()
print(json.dumps({
    "changes": changes.getvalue().strip(),
    "is_author": paper.created_by == user and visitor.guide == user,
    "author": paper.get_json()["created_by"] == str(user.pk) or paper.get_json()["created_by"] == user.pk,
    "slug": paper.slug,
}))
"""


@pytest.mark.parametrize("user", ["auth.User", "staff.Clerk", "staff.Agent"])
def test_migrations_of_every_mixin_are_stable(tmp_path: Path, user: str) -> None:
    """Whatever the user model, ``makemigrations`` runs once, finds nothing more, and the tables work."""
    for app, code in (("staff", STAFF), ("office", OFFICE)):
        (tmp_path / app / "migrations").mkdir(parents=True)
        (tmp_path / app / "__init__.py").touch()
        (tmp_path / app / "migrations" / "__init__.py").touch()
        (tmp_path / app / "models.py").write_text(code)
    (tmp_path / "project_settings.py").write_text(SETTINGS.format(user=user))
    result = run(tmp_path)
    assert result == {
        "changes": "No changes detected",
        "is_author": True,
        "author": True,
        "slug": "first-paper",
    }
    written = (tmp_path / "office" / "migrations" / "0001_initial.py").read_text()
    assert "migrations.swappable_dependency(settings.AUTH_USER_MODEL)" in written
    assert "to=settings.AUTH_USER_MODEL" in written
    assert "drf_commons.models.fields.CurrentUserField(on_delete=" in written


def run(folder: Path) -> dict[str, object]:
    """Run the script in *folder*, in a process of its own, and return what it prints."""
    done = subprocess.run(  # noqa: S603  # our own script
        [sys.executable, "-W", "error", "-c", SCRIPT],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "project_settings", "PYTHONPATH": f"{SOURCE}:{folder}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, object] = json.loads(done.stdout)
    return result


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (TimestampField(), {}),
        (TimestampField(on_update=True), {"on_update": True}),
        (
            TimestampField("when", editable=True, blank=False),
            {"verbose_name": "when", "editable": True, "blank": False},
        ),
        (CurrentUserField(), {"on_delete": models.SET_NULL, "to": settings.AUTH_USER_MODEL.lower()}),
        (
            CurrentUserField("auth.Group", models.CASCADE, null=False, on_update=True, related_name="+"),
            {
                "on_delete": models.CASCADE,
                "to": "auth.group",
                "null": False,
                "on_update": True,
                "related_name": "+",
            },
        ),
    ],
)
def test_a_migration_spells_what_differs(field: models.Field[Any, Any], expected: dict[str, object]) -> None:
    """A field is written with what was chosen, without its own defaults, and built again the same."""
    name, path, args, kwargs = field.deconstruct()
    assert path == f"drf_commons.models.fields.{type(field).__name__}"
    assert not name
    assert not args
    assert kwargs == expected
    assert field.clone().deconstruct() == field.deconstruct()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ["edited_at", "edited_by"])
def test_stamping_at_updates_is_no_change_of_the_table(name: str) -> None:
    """Switching ``on_update`` runs no statement."""
    old = Memo._meta.get_field(name)
    assert isinstance(old, (TimestampField, CurrentUserField))
    new = copy.copy(old)
    new.on_update = False
    with connection.schema_editor(collect_sql=True) as editor:
        editor.alter_field(Memo, old, new)
    assert editor.collected_sql == []
