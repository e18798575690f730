"""Jobs by HTTP: their list, their progress, what may be decided about them, and their files.

Include :mod:`drf_commons.views.jobs.urls` in the URLs of the project. Nothing is imported here, since a project that
has not installed ``drf_commons.jobs`` has no models for it.
"""

__all__: list[str] = []
