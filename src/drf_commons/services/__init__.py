"""Work on many rows that a view, a command or a task can ask for: plain data in, a frozen result out."""

from drf_commons.services.importing import ForeignKeyLookup, ImportConfig, ManyToManyLookup, ModelStep

__all__ = ["ForeignKeyLookup", "ImportConfig", "ManyToManyLookup", "ModelStep"]
