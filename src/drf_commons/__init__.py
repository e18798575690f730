"""The typed layer on Django REST Framework."""

from typing import Final

__version__: Final = "2.0.0.dev0"
