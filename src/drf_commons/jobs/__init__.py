"""Imports and exports that outlast a request: rows of the database, worked off by the task engine of the project.

An optional app, ``"drf_commons.jobs"`` in ``INSTALLED_APPS``, used through :mod:`drf_commons.jobs.service`. Nothing of
it can be imported from here, where Django looks for the app before it has models.
"""

__all__: list[str] = []
