"""Model mixins."""
