"""Commands of the example: ``load_aviation`` and ``demo``."""
