"""Fixtures for pytest: ``pytest_plugins = ["drf_commons.testing.fixtures"]`` in a ``conftest.py``."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeAlias

import pytest

from drf_commons.debug.queries import QueryRecorder
from drf_commons.testing import budgets

__all__ = ["MaxQueries", "max_queries"]

#: What the fixture is: ``def test(max_queries: MaxQueries) -> None``.
MaxQueries: TypeAlias = Callable[..., AbstractContextManager[QueryRecorder]]


@pytest.fixture
def max_queries() -> MaxQueries:
    """Give a test its budget, without an import."""
    return budgets.max_queries
