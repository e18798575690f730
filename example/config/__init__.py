"""The example project: settings, routes and entry points."""
