"""The Django application."""

from django.apps import AppConfig


class AviationConfig(AppConfig):
    """Countries and airports."""

    name = "aviation"
