"""What serializers take and give, read from source code by mypy's analysis; the engine of the plugin."""
