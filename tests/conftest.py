"""What every test may rely on."""

from __future__ import annotations

from collections.abc import Generator

import hypothesis
import pytest
from asgiref.sync import SyncToAsync
from django.db import connections
from pytest_django import DjangoDbBlocker

from tests.servers import CHROMIUM, SERVERS, find_chromium, give_up

# A busy machine is slow, and slow is not wrong: no test is judged by its time.
hypothesis.settings.register_profile("suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("suite")
# For a night: pytest --hypothesis-profile=deep
hypothesis.settings.register_profile("deep", hypothesis.settings.get_profile("suite"), max_examples=5_000)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose server or browser is missing, naming the command that helps; in CI fail."""
    for name, server in SERVERS.items():
        if item.get_closest_marker(name) and not server.is_reachable():
            give_up(f"needs {name} on 127.0.0.1:{server.port}; start it with: {server.start}")
    if item.get_closest_marker("browser") and find_chromium() is None:
        give_up(f"needs Chromium; install it with: {CHROMIUM}")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Generator[None]:  # wraps the plugin's
    """Leave no connection of a thread that queried, or a server refuses to drop its database."""
    yield
    SyncToAsync.single_thread_executor.submit(connections.close_all).result()
    with django_db_blocker.unblock():
        for connection in connections.all(initialized_only=True):
            if connection.vendor == "postgresql" and connection.connection is not None:
                with connection.cursor() as cursor:
                    cursor.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                    )
