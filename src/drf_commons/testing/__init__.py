"""For tests of projects: query budgets, envelopes, and acting as somebody.

``pytest_plugins = ["drf_commons.testing.fixtures"]`` in a ``conftest.py`` makes a fixture of the budget.
"""

from drf_commons.current_user import as_user
from drf_commons.testing.budgets import max_queries
from drf_commons.testing.envelopes import assert_error, assert_success

__all__ = ["as_user", "assert_error", "assert_success", "max_queries"]
